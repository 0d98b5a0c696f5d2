//! Futures that wait for the page's promises and are driven by the page; wasm32 only.
//!
//! Our own, because it ships to every page: wasm-bindgen-futures keeps a queue of tasks that wake each other, where ours
//! only wait for a promise or for time to pass, and costs 2.3 KB more with gzip.

use js_sys::{Array, Function};
use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};

thread_local! {
    /// The page's function that the task which runs waits by. It takes a promise, or milliseconds as a number, and
    /// gives an empty array; when that is settled it puts the value in, and polls the task again.
    static WAIT: RefCell<Option<Function>> = const { RefCell::new(None) };
}

/// A future under way: `run` in pkg/src/index.js drives it.
#[wasm_bindgen]
pub struct Task(Pin<Box<dyn Future<Output = Result<JsValue, JsValue>>>>);

#[wasm_bindgen]
impl Task {
    /// Goes on as far as it can; undefined while it waits, which it does by `wait`.
    pub fn poll(&mut self, wait: Function) -> Result<JsValue, JsValue> {
        WAIT.set(Some(wait));
        match self.0.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(result) => result,
            Poll::Pending => Ok(JsValue::UNDEFINED),
        }
    }
}

impl Task {
    /// `work` must not give undefined.
    pub fn new(work: impl Future<Output = Result<JsValue, JsValue>> + 'static) -> Self {
        Self(Box::pin(work))
    }
}

/// What a promise is settled with, or the text of what it is rejected with. Outside a task it is undefined.
pub async fn settled(promise: JsValue) -> JsValue {
    let values = WAIT.with_borrow(|wait| wait.as_ref()?.call1(&JsValue::NULL, &promise).ok());
    let Some(values) = values.map(JsCast::unchecked_into::<Array>) else { return JsValue::UNDEFINED };
    poll_fn(|_| if values.length() == 0 { Poll::Pending } else { Poll::Ready(values.get(0)) }).await
}

/// Ends after a while.
pub async fn sleep(duration: Duration) {
    settled((duration.as_millis() as u32).into()).await;
}
