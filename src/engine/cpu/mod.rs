//! The four kernels on the CPU: scalar code is the oracle, SIMD the one that ships.

mod adjust;
mod encode;
mod lanes;
mod score;
mod top_k;

pub use encode::RMS_EPSILON;
#[cfg(not(target_arch = "wasm32"))]
pub use lanes::exp;
pub use lanes::{Lanes, Scalar, Simd};

use super::ops::{Adjustment, Ops, Step, TopK};
use crate::error::Result;
use crate::format::{Model, OPEN_BUCKETS, TERMS};
use crate::quant::quantize_query;
use std::marker::PhantomData;
use std::sync::Arc;

/// One session on the CPU. Nothing is allocated after it was made.
#[derive(Clone)]
pub struct Cpu<L: Lanes> {
    model: Arc<Model>,
    ring: encode::Ring,
    scratch: encode::Scratch,
    /// The unit state times the learned scale, `[hidden]`.
    query: Vec<f32>,
    query_codes: Vec<i16>,
    /// The gates that the encoder's state asks for, `[TERMS]`.
    state_gates: [f32; TERMS],
    /// The same, shifted by the open group's size: set by `score`.
    gates: [f32; TERMS],
    /// `[items]`; an excluded item is at minus infinity.
    scores: Vec<f32>,
    lanes: PhantomData<L>,
}

impl<L: Lanes> Cpu<L> {
    /// Buffers for one session of a model.
    pub fn new(model: Arc<Model>) -> Self {
        let architecture = &model.metadata.architecture;
        Self {
            ring: encode::Ring::new(architecture),
            scratch: encode::Scratch::new(architecture),
            query: vec![0.0; architecture.hidden],
            query_codes: vec![0; architecture.hidden],
            state_gates: [0.0; TERMS],
            gates: [0.0; TERMS],
            scores: vec![0.0; model.vocab.len()],
            lanes: PhantomData,
            model,
        }
    }

    /// All scores as the last `score` and `adjust` left them, `[items]`; an excluded item is at minus infinity.
    pub fn scores(&self) -> &[f32] {
        &self.scores
    }

    /// The `k` best of these scores.
    pub fn rank(&self, k: usize) -> TopK {
        top_k::run::<L>(&self.scores, k)
    }

    /// Takes all items out whose place in `candidates`, `[items]`, is false.
    pub fn keep(&mut self, candidates: &[bool]) {
        for (score, &kept) in self.scores.iter_mut().zip(candidates) {
            if !kept {
                *score = f32::NEG_INFINITY;
            }
        }
    }

    /// The query that the last `encode` left, `[hidden]`, and the gates of the last `score`, `[TERMS]`.
    pub fn state(&self) -> (&[f32], &[f32; TERMS]) {
        (&self.query, &self.gates)
    }
}

impl<L: Lanes> Ops for Cpu<L> {
    fn encode(&mut self, step: &Step<'_>) -> Result<()> {
        let Model { metadata, weights, .. } = &*self.model;
        encode::run::<L>(&metadata.architecture, weights, step, &mut self.ring, &mut self.scratch);
        encode::finish::<L>(weights, &mut self.scratch, &mut self.query, &mut self.state_gates);
        Ok(())
    }

    fn score(&mut self, open_size: usize) -> Result<()> {
        let weights = &self.model.weights;
        let shift = weights.gate_open.row(open_size.min(OPEN_BUCKETS - 1));
        for ((gate, state), shift) in self.gates.iter_mut().zip(self.state_gates).zip(shift) {
            *gate = state + shift;
        }
        let query_scale = quantize_query(&self.query, &mut self.query_codes);
        let query =
            score::Query { values: &self.query, codes: &self.query_codes, scale: query_scale, gate: self.gates[0] };
        score::run::<L>(weights, &query, &mut self.scores);
        Ok(())
    }

    fn adjust(&mut self, adjustments: &[Adjustment]) -> Result<()> {
        adjust::run(adjustments, &self.gates, &mut self.scores);
        Ok(())
    }

    async fn top_k(&mut self, k: usize) -> Result<TopK> {
        Ok(self.rank(k))
    }
}
