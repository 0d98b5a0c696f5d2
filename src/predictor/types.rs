//! What a predictor is asked and what it answers; the JavaScript package hands these on as plain objects.

use super::answers::Answers;
use serde::Serialize;

/// What computes a prediction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(into = "&'static str")]
pub enum Backend {
    /// SIMD on the processor.
    Cpu,
    /// Compute shaders.
    Gpu,
}

impl Backend {
    /// Its name in answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Gpu => "gpu",
        }
    }
}

impl From<Backend> for &'static str {
    fn from(backend: Backend) -> Self {
        backend.name()
    }
}

/// What is wanted of a GPU that computes correctly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preference {
    /// Whichever was faster in the trial.
    Faster,
    /// The GPU, even if it is slower.
    Gpu,
}

/// What a prediction is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct PredictOptions {
    /// How many items, best first; fewer come back when there are fewer candidates.
    pub k: usize,
    /// Keys of items that are no candidates; unknown ones are passed over.
    pub exclude: Vec<String>,
    /// Keys of the only candidates, to rank a given list; unknown ones are passed over. Left out: all items.
    pub candidates: Option<Vec<String>>,
    /// The group that the event to come will belong to; a new name opens a group. Left out: the last event's.
    pub group: Option<String>,
}

impl Default for PredictOptions {
    fn default() -> Self {
        Self { k: 10, exclude: Vec::new(), candidates: None, group: None }
    }
}

/// The candidates for the next event, best first.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Prediction {
    /// At most `k`; none where the model only answers tasks.
    pub items: Vec<Predicted>,
    /// What computed them.
    pub backend: Backend,
    /// What the model's tasks answer after the last event, always on the CPU; left out where there are none.
    #[serde(skip_serializing_if = "Answers::is_empty")]
    pub tasks: Answers,
}

/// One candidate.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Predicted {
    /// The item's key.
    pub item: String,
    /// Its logit.
    pub score: f32,
    /// Its share of the softmax over all candidates, in 0 to 1.
    pub probability: f32,
}

/// Where a predictor stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Diagnostics {
    /// What computes the next prediction.
    pub backend: Backend,
    /// Why.
    pub reason: String,
    /// The GPU's name, once one was found.
    pub adapter: Option<String>,
    /// How the GPU multiplies codes, of the ways that were tried: `unpacked`, or `packed` (four bytes at once).
    pub kernel: Option<&'static str>,
    /// Milliseconds for one event and one prediction on the CPU, from the trial.
    pub cpu_milliseconds: Option<f64>,
    /// The same on the GPU.
    pub gpu_milliseconds: Option<f64>,
    /// Whether the GPU computed what the CPU computes.
    pub self_check: SelfCheck,
    /// Items that the model knows.
    pub items: usize,
    /// The model file's size.
    pub bytes: usize,
    /// Events of the session, but for those that changed nothing.
    pub events: usize,
    /// Events of the session that changed nothing, because the model does not know their item.
    pub unknown_events: usize,
    /// Of `events` those without a group, which the model expects: together they count as one group.
    pub ungrouped_events: usize,
    /// The package's version.
    pub version: &'static str,
}

/// The outcome of the comparison of the GPU with the CPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SelfCheck {
    /// No GPU was tried yet.
    None,
    /// The same ten best in made-up sessions, scores within a thousandth.
    Passed,
    /// There was a GPU, but it failed or computed something else; `reason` says what.
    Failed,
}
