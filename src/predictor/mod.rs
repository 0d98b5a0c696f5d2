//! The façade: load a model, observe a visitor's events, predict the next one, explain it.
//!
//! The CPU answers from the first moment. A GPU may be put beside it once it has shown on this device that it computes
//! the same and is faster; whatever happens to it afterwards, the CPU goes on.

mod answers;
mod explain;
mod knowledge;
mod many;
mod no_gpu;
pub mod patience;
mod personal;
mod question;
mod session;
pub mod trial;
mod types;

pub use answers::{Answer, Answers, Class};
pub use explain::{
    Effect, Effects, ExplainOptions, Explanation, MAX_EVENTS, TaskExplanation, Terms, effects, fields_of,
};
pub use many::MAX_COUNTED;
pub use no_gpu::NoGpu;
pub use types::{Backend, Diagnostics, PredictOptions, Predicted, Prediction, Preference, SelfCheck};

use crate::engine::cpu::{Cpu, Simd};
use crate::engine::personal::Personal;
use crate::engine::{Ops, Stream, TopK};
use crate::error::{Error, Result};
use crate::event::{Event, Upcoming};
use crate::format::Model;
use crate::knowledge::{Knowledge, Limits};
use crate::vocab::ItemId;
use patience::{MAX_LATE, patience, race};
use question::Question;
use session::{Follower, Session};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use trial::{Times, Trial};

type CpuStream = Stream<Cpu<Simd>>;

/// One visitor's session with a model. `G` is the device beside the CPU, if there is one.
pub struct Predictor<G: Ops = NoGpu> {
    model: Arc<Model>,
    /// The model file's size.
    bytes: usize,
    session: Session,
    /// The session that the GPU is busy with, where a reset has ended it meanwhile.
    ended: Option<Session>,
    cpu: CpuStream,
    /// What is known beside the model.
    knowledge: Option<Arc<Knowledge>>,
    /// The prices that candidates may have.
    limits: Limits,
    /// What is learned of this visitor, once something is.
    personal: Option<Personal>,
    /// A stream that stays behind, made by the first explanation.
    explainer: Option<Follower<Cpu<Simd>>>,
    gpu: Seat<G>,
    /// How often in a row the GPU's answer came too late.
    late: usize,
    /// Why the backend in use is in use.
    reason: String,
    adapter: Option<String>,
    kernel: Option<&'static str>,
    times: Option<Times>,
    self_check: SelfCheck,
}

/// The place beside the CPU.
enum Seat<G: Ops> {
    /// Nobody is there.
    Empty,
    Idle(Box<Follower<G>>),
    /// A prediction is under way on it.
    Busy,
}

/// What [`Predictor::start`] gives.
pub enum Started<G: Ops> {
    /// The CPU has answered.
    Done(Prediction),
    /// The GPU is to be awaited.
    Pending(Pending<G>),
}

/// A prediction on the GPU; it borrows nothing, so that events may be observed meanwhile.
pub struct Pending<G: Ops> {
    follower: Box<Follower<G>>,
    question: Question,
    patience: Duration,
}

/// A GPU's answer, to be handed to [`Predictor::finish`].
pub struct Answered<G: Ops> {
    follower: Box<Follower<G>>,
    question: Question,
    /// `None` when it came too late.
    answer: Option<Result<TopK>>,
}

impl<G: Ops> Pending<G> {
    /// How long it may take: longer than the trial gives reason to expect, or than a visitor should wait.
    pub fn patience(&self) -> Duration {
        self.patience
    }

    /// Runs it, until `late` ends. What the GPU answers after that is dropped; it can be asked again at once.
    pub async fn run(self, late: impl Future) -> Answered<G> {
        let Self { mut follower, question, patience: _ } = self;
        let Question { group, k, exclude, .. } = &question;
        let answer = race(follower.stream.predict(Upcoming { group: *group }, *k, exclude), late).await;
        Answered { follower, question, answer }
    }
}

impl<G: Ops> Predictor<G> {
    /// Loads a model file's bytes. `reason` tells in the diagnostics why the CPU is in use, as it is at first.
    ///
    /// # Errors
    /// Those of [`Model::from_bytes`].
    pub fn from_bytes(bytes: &[u8], reason: &str) -> Result<Self> {
        Self::from_file(&Arc::new(bytes.to_vec()), None, reason)
    }

    /// The same of bytes that are kept, with those of a delta over them or alone: see [`Model::from_file`].
    pub fn from_file(bytes: &Arc<Vec<u8>>, delta: Option<&Arc<Vec<u8>>>, reason: &str) -> Result<Self> {
        let model = Model::from_file(bytes, delta)?;
        Self::new(Arc::new(model), bytes.len() + delta.map_or(0, |delta| delta.len()), reason)
    }

    fn new(model: Arc<Model>, bytes: usize, reason: &str) -> Result<Self> {
        Ok(Self {
            cpu: Stream::new(model.clone(), Cpu::new(model.clone()))?,
            model,
            knowledge: None,
            limits: Limits::default(),
            personal: None,
            bytes,
            session: Session::default(),
            ended: None,
            explainer: None,
            gpu: Seat::Empty,
            late: 0,
            reason: reason.to_owned(),
            adapter: None,
            kernel: None,
            times: None,
            self_check: SelfCheck::None,
        })
    }

    /// The model.
    pub fn model(&self) -> &Arc<Model> {
        &self.model
    }

    /// Takes one event. It changes nothing where training has left such events out: where the model does not know the
    /// item, and where the open group has it already although a group holds an item once (`filter_seen = "group"`).
    ///
    /// # Errors
    /// Those of [`Event::encode`]; the session is as it was then.
    pub fn observe(&mut self, event: Event) -> Result<()> {
        self.take(event, 0)
    }

    /// Takes an event that `later` known ones follow before the next prediction: see [`Stream::catch_up`].
    fn take(&mut self, event: Event, later: usize) -> Result<()> {
        let schema = &self.model.metadata.schema;
        let group = self.session.group_number(event.group.as_deref());
        let mut encoded = event.encode(schema, &self.model.vocab, group)?;
        self.session.carry(schema, &mut encoded);
        if !encoded.view().is_known() || self.cpu.repeats(encoded.view()) {
            self.session.pass_over(&encoded);
        } else {
            self.cpu.catch_up(encoded.view(), later)?;
            self.session.push(encoded, event.group);
        }
        Ok(())
    }

    /// Forgets all events, and what was learned from them.
    ///
    /// # Errors
    /// None in practice; the CPU's kernels share a signature with the GPU's.
    pub fn reset(&mut self) -> Result<()> {
        self.personal = None;
        let ended = self.session.reset();
        if matches!(self.gpu, Seat::Busy) && self.ended.is_none() {
            self.ended = Some(ended);
        }
        self.cpu.reset()
    }

    /// Predicts the next event's item, however long the GPU takes.
    ///
    /// # Errors
    /// None in practice: where the GPU fails, the CPU answers.
    pub async fn predict(&mut self, options: &PredictOptions) -> Result<Prediction> {
        match self.start(options)? {
            Started::Done(prediction) => Ok(prediction),
            Started::Pending(pending) => self.finish(pending.run(std::future::pending::<()>()).await),
        }
    }

    /// The first half of [`Predictor::predict`], for callers who can't hold the predictor while the GPU works. While
    /// it does, further predictions are the CPU's.
    ///
    /// # Errors
    /// None in practice.
    pub fn start(&mut self, options: &PredictOptions) -> Result<Started<G>> {
        let PredictOptions { k, exclude, candidates, group } = options;
        let mut question = self.question(*k, exclude, group.as_deref());
        question.candidates = candidates.as_deref().map(|keys| self.candidates(keys));
        question.tasks = Answers::of(&self.model, self.cpu.ops_mut().heads());
        if !self.model.metadata.schema.predicts_items() {
            let Question { tasks, .. } = question;
            return Ok(Started::Done(Prediction { items: Vec::new(), backend: Backend::Cpu, tasks }));
        }
        match std::mem::replace(&mut self.gpu, Seat::Empty) {
            Seat::Idle(mut follower) if question.fits::<G>() && self.personal_in_use().is_none() => {
                let measured = self.times.map_or(0.0, |times| times.gpu);
                let patience = patience(measured, follower.behind(&self.session));
                let is_ready = follower.catch_up(&self.session, self.session.len());
                match is_ready.and_then(|is_ready| follower.stream.know(self.knowledge.as_ref()).map(|()| is_ready)) {
                    Ok(true) => {
                        follower.stream.limit(question.limits);
                        self.gpu = Seat::Busy;
                        return Ok(Started::Pending(Pending { follower, question, patience }));
                    }
                    // Events that the GPU never saw are gone: it can take part again after a reset.
                    Ok(false) => self.gpu = Seat::Idle(follower),
                    Err(error) => self.give_up_gpu(error),
                }
            }
            other => self.gpu = other,
        }
        self.answer_on_cpu(&question).map(Started::Done)
    }

    /// The second half: takes the GPU back, and answers on the CPU if it failed or was late. A GPU that is late three
    /// times in a row is given up.
    ///
    /// # Errors
    /// None in practice.
    pub fn finish(&mut self, answered: Answered<G>) -> Result<Prediction> {
        let Answered { follower, question, answer } = answered;
        let ended = self.ended.take();
        match answer.map(|answer| answer.and_then(|top| self.prediction(&top, Backend::Gpu, &question))) {
            Some(Ok(prediction)) => {
                self.late = 0;
                self.gpu = Seat::Idle(follower);
                return Ok(prediction);
            }
            Some(Err(error)) => self.give_up_gpu(error),
            None => {
                self.late += 1;
                self.gpu = Seat::Idle(follower);
                if self.late == MAX_LATE {
                    self.give_up_gpu(Error::Gpu(
                        "the GPU became many times slower than it was when it was tried".into(),
                    ));
                }
            }
        }
        self.answer_late(&question, ended)
    }

    /// Notes that a GPU is being tried, and its name.
    pub fn note_trial(&mut self, adapter: String) {
        self.adapter = Some(adapter);
        self.reason = "the CPU answers while the GPU is being tried".into();
    }

    /// Takes a trial's outcome: whether the GPU is used from now on, `reason` tells why.
    pub fn adopt(&mut self, trial: Result<Trial<G>>, preference: Preference) {
        let Trial { mut stream, times } = match trial {
            Ok(trial) => trial,
            Err(error) => {
                if self.adapter.is_some() {
                    self.self_check = SelfCheck::Failed;
                }
                return self.give_up_gpu(error);
            }
        };
        self.self_check = SelfCheck::Passed;
        self.kernel = Some(stream.ops().kernel());
        self.late = 0;
        self.times = Some(times);
        let Times { cpu, gpu } = times;
        if preference == Preference::Faster && gpu >= cpu {
            self.gpu = Seat::Empty;
            self.reason = "the CPU is faster here".into();
            return;
        }
        if let Err(error) = stream.reset() {
            return self.give_up_gpu(error);
        }
        self.gpu = Seat::Idle(Box::new(Follower::new(stream, &self.session, 0)));
        self.reason = match preference {
            Preference::Faster => "the GPU is faster here".into(),
            Preference::Gpu => "the GPU was asked for".into(),
        };
    }

    /// Gives the GPU up: the CPU answers from now on.
    pub fn give_up_gpu(&mut self, error: Error) {
        let what = match error {
            Error::Gpu(what) => what,
            other => other.to_string(),
        };
        self.gpu = Seat::Empty;
        self.reason = format!("the CPU answers because {what}");
    }

    /// Whether a GPU is in use, or waits until it may be: until what was learned is not used, or a reset.
    pub fn has_gpu(&self) -> bool {
        !matches!(self.gpu, Seat::Empty)
    }

    /// Where the predictor stands.
    pub fn diagnostics(&self) -> Diagnostics {
        let (backend, reason) = match &self.gpu {
            Seat::Empty => (Backend::Cpu, self.reason.as_str()),
            Seat::Idle(follower) if !follower.can_follow(&self.session) => (
                Backend::Cpu,
                "the CPU answers until a reset because the GPU has yet to see events that are no longer kept",
            ),
            Seat::Idle(_) if self.personal_in_use().is_some() => {
                (Backend::Cpu, "the CPU answers while what was learned of this visitor is used")
            }
            Seat::Idle(_) | Seat::Busy => (Backend::Gpu, self.reason.as_str()),
        };
        Diagnostics {
            backend,
            reason: reason.to_owned(),
            adapter: self.adapter.clone(),
            kernel: self.kernel,
            cpu_milliseconds: self.times.map(|times| times.cpu),
            gpu_milliseconds: self.times.map(|times| times.gpu),
            self_check: self.self_check,
            items: self.model.vocab.len(),
            bytes: self.bytes,
            events: self.session.len(),
            unknown_events: self.session.unknown,
            ungrouped_events: if self.model.metadata.schema.has_group { self.session.ungrouped } else { 0 },
            version: env!("CARGO_PKG_VERSION"),
        }
    }

    /// Answers for the session as it was at the question; `ended` is that session if a reset has ended it.
    fn answer_late(&mut self, question: &Question, ended: Option<Session>) -> Result<Prediction> {
        if ended.is_none() && question.events == self.session.len() {
            return self.answer_on_cpu(question);
        }
        let now = ended.map(|ended| std::mem::replace(&mut self.session, ended));
        let stream = self.stream_before(question.events);
        if let Some(now) = now {
            self.session = now;
        }
        let top = rank(&mut stream?, question, self.personal_in_use())?;
        self.prediction(&top, Backend::Cpu, question)
    }

    fn answer_on_cpu(&mut self, question: &Question) -> Result<Prediction> {
        let personal = self.personal.as_ref().filter(|personal| personal.is_used());
        let top = rank(&mut self.cpu, question, personal)?;
        self.prediction(&top, Backend::Cpu, question)
    }

    fn prediction(&self, top: &TopK, backend: Backend, question: &Question) -> Result<Prediction> {
        let broken = |what: String| match backend {
            Backend::Gpu => Error::Gpu(format!("the GPU computes {what}")),
            Backend::Cpu => Error::Format(format!("the model computes {what}; train again")),
        };
        // Minus infinity is well: there is no candidate.
        if top.log_sum_exp.is_nan() || top.log_sum_exp == f32::INFINITY {
            return Err(broken("scores that are no numbers".into()));
        }
        let named = |&(item, score): &(ItemId, f32)| {
            let probability = (score - top.log_sum_exp).exp();
            let key = self.model.vocab.key(item).filter(|_| probability.is_finite());
            let item = key.ok_or_else(|| broken(format!("no number as the score of item {item}")))?;
            Ok(Predicted { item, score, probability })
        };
        let items = top.ranked.iter().map(named).collect::<Result<_>>()?;
        Ok(Prediction { items, backend, tasks: question.tasks.clone() })
    }
}

fn rank(stream: &mut CpuStream, question: &Question, personal: Option<&Personal>) -> Result<TopK> {
    personal::score(stream, question, personal)?;
    let k = question.k.min(stream.items());
    Ok(stream.ops_mut().rank(k, question.candidates.as_deref()))
}
