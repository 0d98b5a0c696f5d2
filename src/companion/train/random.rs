//! Random streams that depend on nothing but the seed and what they are for, so that a resumed run draws the same.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

/// What a stream is for; each purpose has its own.
#[derive(Debug, Clone, Copy)]
pub enum Purpose {
    /// The first weights.
    Weights = 1,
    /// The order of an epoch's windows.
    Windows = 2,
    /// A shard's negatives and dropout in a step.
    Step = 3,
    /// What a trial of a search tries.
    Trials = 4,
    /// Items whose own part a step leaves out.
    Features = 5,
    /// What changes in the windows of a step.
    Augment = 6,
    /// The first changes of low rank.
    LowRank = 7,
    /// What pretraining hides, or how its views differ.
    Views = 8,
    /// A shard's negatives and dropout in a step of pretraining.
    PretrainStep = 9,
}

/// The stream of a purpose, for example of one step (`index`) and one shard (`part`).
pub fn stream(seed: u64, purpose: Purpose, index: u64, part: u64) -> ChaCha8Rng {
    let mut bytes = [0; 32];
    for (chunk, value) in bytes.chunks_exact_mut(8).zip([seed, purpose as u64, index, part]) {
        chunk.copy_from_slice(&value.to_le_bytes());
    }
    ChaCha8Rng::from_seed(bytes)
}
