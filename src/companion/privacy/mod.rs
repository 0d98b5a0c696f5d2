//! What a shipped model tells of single visitors: how to find out, and how to keep it from telling.
//!
//! `train/private.rs` trains by noised sums, whose cost `accountant.rs` counts.

mod accountant;
mod attack;
mod audit;
mod budget;
mod config;
mod exposure;
mod noise;

pub use accountant::{Release, epsilon, noise_for};
pub use attack::{Scores, Success};
pub use audit::{Audit, Target, audit};
pub use budget::Budget;
pub use config::PrivacyConfig;
pub use exposure::Exposure;
pub use noise::Noise;
