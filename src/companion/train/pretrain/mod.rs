//! Learning from a log without labels, before the ordinary epochs: hidden events are told from those before and after them
//! (`masked.rs`), their fields with them (`fields.rs`), or two views of a window from those of others (`contrastive.rs`).
//!
//! What learns is what the ordinary epochs go on with: item rows, inputs and encoder. What makes answers of its states is put
//! aside, so that it begins as if nothing had been before.

mod config;
mod contrastive;
mod fields;
mod masked;

pub use config::{Pretext, PretrainConfig};
pub use contrastive::{FEWEST_INPUTS, tell_apart, views};
pub use fields::tell_fields;
pub use masked::{hide, masked_rows};

use super::parameters::normal_matrix;
use super::random::{Purpose, stream};
use crate::format::{HeadWeights, Matrix, Weights};

/// The first length of a state's query: picked lengths are for rows beside what counts, and here nothing else tells items apart.
const FIRST_SCALE: f32 = 4.0;

/// What the ordinary epochs begin with and pretraining must not change.
#[derive(Clone)]
pub struct Pretraining {
    gates: Matrix,
    gate_bias: Vec<f32>,
    gate_open: Matrix,
    log_scale: f32,
    repeat: Matrix,
    item_bias: Vec<f32>,
    item_repeat: Vec<f32>,
    heads: Vec<HeadWeights>,
    /// Rows of the table of gaps, to which the mask's is added.
    gaps: usize,
}

impl Pretraining {
    /// Puts aside what answers, and gives the weights what pretraining asks with: a head for each field and a row for the mask.
    pub fn begin(weights: &mut Weights, seed: u64) -> Self {
        let hidden = weights.final_norm.len();
        let heads = std::mem::replace(&mut weights.heads, fields::heads(&weights.fields, hidden));
        let aside = Self {
            gates: weights.gates.clone(),
            gate_bias: weights.gate_bias.clone(),
            gate_open: weights.gate_open.clone(),
            log_scale: weights.log_scale,
            repeat: weights.repeat.clone(),
            item_bias: weights.item_bias.clone(),
            item_repeat: weights.item_repeat.clone(),
            heads,
            gaps: weights.gap.rows(),
        };
        weights.log_scale = FIRST_SCALE.ln();
        weights.gap.values.extend(normal_matrix(&mut stream(seed, Purpose::Weights, 0, 1), 1, hidden, 1.0).values);
        aside
    }

    /// Gives weights what was put aside, and takes from them what pretraining asked with.
    pub fn end(&self, weights: &mut Weights) {
        let Self { gates, gate_bias, gate_open, log_scale, repeat, item_bias, item_repeat, heads, gaps } = self.clone();
        weights.gap.values.truncate(gaps * weights.gap.columns);
        (weights.gates, weights.gate_bias, weights.gate_open) = (gates, gate_bias, gate_open);
        (weights.log_scale, weights.repeat, weights.heads) = (log_scale, repeat, heads);
        (weights.item_bias, weights.item_repeat) = (item_bias, item_repeat);
    }
}
