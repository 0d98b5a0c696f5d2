//! Decisions: what a policy would have earned, by a log of another one's; policies learned from such logs; bandits simulated.
//! A page's bandit, `foreclick/bandit`, starts from a trained policy.

mod base64;
mod estimate;
mod evaluate;
mod features;
mod file;
mod learner;
mod linear;
mod log;
mod reward_model;
mod simulate;
mod target;
#[cfg(test)]
mod tests;
mod train;

pub use evaluate::{Evaluation, Settings, evaluate, logged_value};
pub use features::Features;
pub use file::PolicyFile;
pub use learner::{Choice, Exploration, Kind, Learner, Prior};
pub use log::{Columns, Decisions, Probability, probabilities};
pub use simulate::{Regret, Replayed, World, replay};
pub use target::Target;
pub use train::train;
