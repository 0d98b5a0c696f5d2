//! Learns a model's weights from sequences.
//!
//! Attention runs forward and backward on burn, recurrent layers by hand (`encoder.rs`). Around them, where a
//! catalogue's size would cost memory or time, the code is our own: the item rows live outside of burn and only the rows
//! of a batch are updated; the softmax knows each position's own candidates; the optimiser's state is plain numbers, so
//! that a resumed run is equal to the bit.

mod augment;
mod average;
mod batches;
mod buffer;
mod calibrate;
mod checkpoint;
mod config;
mod distill;
mod encoder;
mod examples;
mod features;
mod fine_tune;
mod first_rows;
mod head;
mod heads;
mod held_out;
mod journal;
mod loops;
mod meter;
mod negatives;
mod neighbours;
mod optimizer;
mod parameters;
mod pick;
mod pretrain;
mod private;
mod random;
mod row_gradients;
mod run;
#[cfg(test)]
mod tests;
mod texts;
mod vector;
mod worker;

pub use augment::Augment;
pub use burn::tensor::Device;
pub use checkpoint::{best, check_resume, hexadecimal, last, write_whole};
pub use config::{Loss, NegativesDrawn, TaskWeights, TrainConfig};
pub use distill::{Distill, DistillConfig};
pub use encoder::Encoder;
pub use fine_tune::{Base, FineTuneConfig, Method};
pub use heads::judged_by;
pub use journal::Journal;
pub use loops::train;
pub use meter::duration;
pub use neighbours::REACH;
pub use pick::Effort;
pub use pretrain::PretrainConfig;
pub use private::{PrivateRun, train_privately};
pub use random::{Purpose, stream};
pub use run::{Diverged, Outcome, Run};
