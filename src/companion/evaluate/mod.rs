//! Measures a scorer on a data set: every sequence is streamed, every candidate is ranked.

mod answers;
pub mod baselines;
mod bootstrap;
mod engine;
mod explanations;
mod knowledge;
mod label_curve;
mod origin;
mod outcome;
mod result;
mod scorer;
mod seeds;
mod slices;
mod stream;
mod tasks;
#[cfg(test)]
pub(crate) mod testing;

pub use answers::{Answered, answer, labelled, predictions, score};
pub use bootstrap::{Difference, paired};
pub use engine::{EngineScorer, EnsembleScorer};
pub use explanations::{Curves, EXPLAINED, Explanations, Fidelity, Importance, Order, SHARES, measure_explanations};
pub use knowledge::{KnowledgeResult, measure_knowledge};
pub use label_curve::{LabelCurve, LabelPoint, Measure, percent};
pub use origin::{LEAK, Origin};
pub use outcome::{Detail, Outcome, TOP, top_overlap};
pub use result::{Evaluation, Models, Protocol, Quantization, change, check_fit, measure, share_lost};
pub use scorer::Scorer;
pub use seeds::{Seeds, Spread};
pub use slices::{AtTen, Slice, Slices};
pub use stream::{evaluate, places, sample};
pub use tasks::{TaskResult, TaskResults, measure_tasks};
