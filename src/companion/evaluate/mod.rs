//! Measures a scorer on a data set: every sequence is streamed, every candidate is ranked.

mod engine;
mod outcome;
mod scorer;
mod stream;
#[cfg(test)]
mod testing;

pub use engine::EngineScorer;
pub use outcome::{Detail, Outcome, TOP, top_overlap};
pub use scorer::Scorer;
pub use stream::{evaluate, places, sample};
