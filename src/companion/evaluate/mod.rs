//! Measures a scorer on a data set: every sequence is streamed, every candidate is ranked.

mod outcome;
mod scorer;
mod stream;
#[cfg(test)]
mod testing;

pub use outcome::{Detail, Outcome, TOP};
pub use scorer::Scorer;
pub use stream::{evaluate, places, sample};
