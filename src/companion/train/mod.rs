//! Learns a model's weights from sequences.
//!
//! Attention runs forward and backward on burn, recurrent layers by hand (`encoder.rs`). Around them, where a
//! catalogue's size would cost memory or time, the code is our own: the item rows live outside of burn and only the rows
//! of a batch are updated; the softmax knows each position's own candidates; the optimiser's state is plain numbers, so
//! that a resumed run is equal to the bit.

mod augment;
mod average;
mod batches;
mod calibrate;
mod checkpoint;
mod config;
mod encoder;
mod examples;
mod features;
mod first_rows;
mod head;
mod held_out;
mod journal;
mod loops;
mod meter;
mod negatives;
mod neighbours;
mod optimizer;
mod parameters;
mod pick;
mod random;
#[cfg(test)]
mod tests;
mod texts;
mod vector;
mod worker;

pub use augment::Augment;
pub use burn::tensor::Device;
pub use checkpoint::{check_resume, last, write_whole};
pub use config::{Loss, NegativesDrawn, TrainConfig};
pub use encoder::Encoder;
pub use journal::Journal;
pub use loops::{Diverged, Outcome, Run, train};
pub use meter::duration;
pub use pick::Effort;
pub use random::{Purpose, stream};
