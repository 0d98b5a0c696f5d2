//! The border to JavaScript: bytes and plain objects in, plain objects out, errors with a `code`.
//!
//! pkg/src/index.js wraps this: it fetches, and looks after the instance.

mod objects;
mod replies;

use crate::engine::gpu::{DEADLINE, Gpu, GpuContext, GpuModel};
use crate::error::{Error, Result};
use crate::format::fingerprint_text;
use crate::knowledge::{Knowledge, Limits};
use crate::predictor::patience::race;
use crate::predictor::trial::{self, Trial};
use crate::predictor::{Predictor, Preference, Started};
use crate::promise::{Task, sleep};
use crate::vocab::UNKNOWN_ITEM;
use std::alloc::{Layout, alloc};
use std::cell::{RefCell, RefMut};
use std::ptr::NonNull;
use std::rc::Rc;
use std::sync::Arc;
use talc::wasm::{WasmDynamicTalc, new_wasm_dynamic_allocator};
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};

/// Smaller than the one that std brings, which a page would download first.
#[global_allocator]
static ALLOCATOR: WasmDynamicTalc = new_wasm_dynamic_allocator();

#[wasm_bindgen]
extern "C" {
    /// In a window and in a worker.
    #[wasm_bindgen(thread_local_v2, js_name = performance)]
    static PERFORMANCE: web_sys::Performance;
}

/// Milliseconds.
fn now() -> f64 {
    PERFORMANCE.with(web_sys::Performance::now)
}

/// Room for a model file of so many bytes, which the page fills and hands to [`WebPredictor::new`] or [`release`]; null where
/// there is no memory for it.
#[wasm_bindgen]
pub fn reserve(length: usize) -> *mut u8 {
    match Layout::array::<u8>(length) {
        Ok(_) if length == 0 => NonNull::dangling().as_ptr(),
        // SAFETY: the size is not zero.
        Ok(layout) => unsafe { alloc(layout) },
        Err(_) => std::ptr::null_mut(),
    }
}

/// Gives back what [`reserve`] gave.
#[wasm_bindgen]
pub fn release(at: *mut u8, length: usize) {
    drop(file(at, length));
}

fn file(at: *mut u8, length: usize) -> Vec<u8> {
    // SAFETY: the page hands over, once, what `reserve` allocated for just so many bytes, all of them written.
    unsafe { Vec::from_raw_parts(at, length, length) }
}

/// A predictor, shared with its own tasks under way, and its file: the delta, where there is one, which names the other.
#[wasm_bindgen]
pub struct WebPredictor(Shared, Arc<Vec<u8>>);

#[derive(Clone)]
struct Shared(Rc<RefCell<Predictor<Gpu>>>);

#[wasm_bindgen]
impl WebPredictor {
    /// Loads the model file in what [`reserve`] gave, with a delta over it or alone; `reason` is for the diagnostics.
    #[wasm_bindgen(constructor)]
    pub fn new(at: *mut u8, length: usize, delta: Option<Vec<u8>>, reason: &str) -> Result<Self, JsValue> {
        let (bytes, delta) = (Arc::new(file(at, length)), delta.map(Arc::new));
        let predictor = Predictor::from_file(&bytes, delta.as_ref(), reason).map_err(to_js)?;
        Ok(Self(Shared(Rc::new(RefCell::new(predictor))), delta.unwrap_or(bytes)))
    }

    /// The file's fingerprint, which takes as long as reading all of it.
    pub fn fingerprint(&self) -> String {
        fingerprint_text(&self.1)
    }

    /// Another session with the same model, on the CPU.
    pub fn fork(&self) -> Result<Self, JsValue> {
        let other = self.0.borrow()?.fork().map_err(to_js)?;
        Ok(Self(Shared(Rc::new(RefCell::new(other))), self.1.clone()))
    }

    /// An item's number, 4294967295 for one that the model does not know.
    pub fn id(&self, item: &str) -> u32 {
        let predictor = self.0.borrow().ok();
        predictor.and_then(|predictor| predictor.model().vocab.id(item)).unwrap_or(UNKNOWN_ITEM)
    }

    /// Goes by this from now on, as pkg/src/knowledge/compile.js compiled it, or by nothing where it is empty.
    pub fn set_knowledge(&self, words: &[u8]) -> Result<(), JsValue> {
        let knowledge = if words.is_empty() { None } else { Some(Arc::new(Knowledge::from_words(words))) };
        self.0.borrow()?.set_knowledge(knowledge).map_err(to_js)
    }

    /// Sets the prices that candidates may have, NaN for one that is left to what is known.
    pub fn limit(&self, min: f32, max: f32) {
        if let Ok(mut predictor) = self.0.borrow() {
            predictor.limit(Limits { min, max });
        }
    }

    /// Takes one event; if it is counted only, `encode_counted` must follow before the next prediction.
    pub fn observe(&self, event: JsValue, counted_only: bool) -> Result<(), JsValue> {
        let event = objects::event(&event).map_err(|what| to_js(Error::Event(what)))?;
        let mut predictor = self.0.borrow()?;
        if counted_only { predictor.count(event) } else { predictor.observe(event) }.map_err(to_js)
    }

    /// Encodes the events that were counted only.
    pub fn encode_counted(&self) -> Result<(), JsValue> {
        self.0.borrow()?.encode_counted().map_err(to_js)
    }

    /// A prediction, or the task of one where the GPU works on it.
    pub fn predict(&self, options: JsValue) -> Result<JsValue, JsValue> {
        let options = objects::predict_options(&options).map_err(|what| to_js(Error::Argument(what)))?;
        match self.0.borrow()?.start(&options).map_err(to_js)? {
            Started::Done(prediction) => Ok(replies::prediction(&prediction)),
            Started::Pending(pending) => {
                let shared = self.0.clone();
                let answer = async move {
                    let late = sleep(pending.patience());
                    let answered = pending.run(late).await;
                    Ok(replies::prediction(&shared.borrow()?.finish(answered).map_err(to_js)?))
                };
                Ok(Task::new(answer).into())
            }
        }
    }

    /// Why an item is predicted, or a task answered so.
    pub fn explain(&self, name: &str, is_task: bool, options: JsValue) -> Result<JsValue, JsValue> {
        let options = objects::explain_options(&options).map_err(|what| to_js(Error::Argument(what)))?;
        let mut predictor = self.0.borrow()?;
        let reply = if is_task {
            predictor.explain_task(name, &options).map(|explanation| replies::task_explanation(&explanation))
        } else {
            predictor.explain(name, &options).map(|explanation| replies::explanation(&explanation))
        };
        reply.map_err(to_js)
    }

    /// Learns from the event that comes next; returns its item's id.
    pub fn learn(&self, event: JsValue) -> Result<u32, JsValue> {
        let event = objects::event(&event).map_err(|what| to_js(Error::Event(what)))?;
        self.0.borrow()?.learn(&event).map_err(to_js)
    }

    /// What was learned of the visitor.
    pub fn learned(&self) -> Result<Vec<u8>, JsValue> {
        Ok(self.0.borrow()?.learned())
    }

    /// Goes on from what was learned before.
    pub fn recall(&self, learned: &[u8]) -> Result<(), JsValue> {
        self.0.borrow()?.recall(learned).map_err(to_js)
    }

    /// Forgets all events, and what was learned from them.
    pub fn reset(&self) -> Result<(), JsValue> {
        self.0.borrow()?.reset().map_err(to_js)
    }

    /// Where the predictor stands.
    pub fn diagnostics(&self) -> Result<JsValue, JsValue> {
        Ok(replies::diagnostics(self.0.borrow()?.diagnostics()))
    }

    /// Tries the GPU; the task ends when it is decided whether it is used.
    pub fn try_gpu(&self, even_if_slower: bool) -> Task {
        let shared = self.0.clone();
        let preference = if even_if_slower { Preference::Gpu } else { Preference::Faster };
        Task::new(async move {
            let trial = try_gpu(&shared).await;
            shared.borrow()?.adopt(trial, preference);
            Ok(JsValue::NULL)
        })
    }

    /// Whether a GPU is in use, or waits until it may be.
    pub fn has_gpu(&self) -> bool {
        self.0.borrow().is_ok_and(|predictor| predictor.has_gpu())
    }

    /// Notes why the GPU could not even be tried.
    pub fn give_up_gpu(&self, reason: String) -> Result<(), JsValue> {
        self.0.borrow()?.give_up_gpu(Error::Gpu(reason));
        Ok(())
    }
}

async fn try_gpu(shared: &Shared) -> Result<Trial<Gpu>> {
    let busy = || Error::Gpu("the predictor was busy when the GPU was to be tried".into());
    let model = shared.0.try_borrow().map_err(|_| busy())?.model().clone();
    GpuModel::check(&model)?;
    let context = GpuContext::new().await?;
    shared.0.try_borrow_mut().map_err(|_| busy())?.note_trial(context.describe());
    let trial = async {
        let gpu = Gpu::new(GpuModel::new(context, model.clone()).await?)?;
        trial::run(model, gpu, now).await
    };
    race(trial, sleep(DEADLINE))
        .await
        .unwrap_or_else(|| Err(Error::Gpu(format!("the GPU's trial took more than {} seconds", DEADLINE.as_secs()))))
}

impl Shared {
    /// Nobody holds it between two calls; an error all the same, since a panic would end the whole instance.
    fn borrow(&self) -> Result<RefMut<'_, Predictor<Gpu>>, JsValue> {
        self.0.try_borrow_mut().map_err(|_| to_js(Error::Argument("called from inside another call".into())))
    }
}

fn to_js(error: Error) -> JsValue {
    let js = js_sys::Error::new(&error.to_string());
    // It can only fail on a frozen object.
    let _ = js_sys::Reflect::set(&js, &"code".into(), &error.code().into());
    js.into()
}

/// The exponential of an f32 by that of an f64, which the page has anyway: 200 bytes less than libm's own.
#[unsafe(no_mangle)]
extern "C" fn expf(x: f32) -> f32 {
    f64::from(x).exp() as f32
}
