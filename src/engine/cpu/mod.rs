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
use crate::vocab::ItemId;
use std::marker::PhantomData;
use std::sync::Arc;

/// One session on the CPU. `score` ends the last step; else it and `adjust` only note what is asked: items are scored in blocks while
/// they are ranked, so that no vector of all scores goes through memory. Once it has seen as many adjustments as it will, only results
/// are allocated.
#[derive(Clone)]
pub struct Cpu<L: Lanes> {
    model: Arc<Model>,
    /// What the encoder's blocks remember.
    memory: Vec<f32>,
    scratch: encode::Scratch,
    /// Whether the last step has not ended: see [`encode::conclude`].
    is_open: bool,
    /// The unit state times the learned scale, `[hidden]`, after the last step that ended.
    query: Vec<f32>,
    /// The query of the last `score`, `[hidden]`; another step may have ended since.
    asked: Vec<f32>,
    /// The same as int16 codes.
    asked_codes: Vec<i16>,
    /// The gates that the encoder's state asks for, `[TERMS]`.
    state_gates: [f32; TERMS],
    /// The same, shifted by the open group's size: set by `score`.
    gates: [f32; TERMS],
    /// What a code is worth.
    asked_scale: f32,
    /// What is added to each score, `[items]`, or nothing.
    priors: Vec<f32>,
    adjustments: adjust::Adjustments,
    /// Room for some items' scores.
    block: Vec<f32>,
    lanes: PhantomData<L>,
}

impl<L: Lanes> Cpu<L> {
    /// Buffers for one session of a model.
    pub fn new(model: Arc<Model>) -> Self {
        let architecture = &model.metadata.architecture;
        Self {
            memory: encode::memory(architecture),
            scratch: encode::Scratch::new(architecture),
            is_open: false,
            query: vec![0.0; architecture.hidden],
            asked: vec![0.0; architecture.hidden],
            asked_codes: vec![0; architecture.hidden],
            state_gates: [0.0; TERMS],
            gates: [0.0; TERMS],
            asked_scale: 0.0,
            priors: Vec::new(),
            adjustments: adjust::Adjustments::new(model.vocab.len()),
            block: vec![0.0; top_k::BLOCK],
            lanes: PhantomData,
            model,
        }
    }

    /// Writes the scores that `score` and `adjust` ask for, `[items]`; an excluded item is at minus infinity.
    pub fn write_scores(&self, out: &mut [f32]) {
        for (number, scores) in out.chunks_mut(top_k::BLOCK).enumerate() {
            self.write_block(number * top_k::BLOCK, scores);
        }
    }

    /// One item's score.
    pub fn score_of(&self, item: ItemId) -> f32 {
        let mut score = [0.0];
        self.write_block(item as usize, &mut score);
        score[0]
    }

    /// An item's score with this adjustment, whatever `priors` and `adjust` were asked for.
    pub fn score_with(&self, adjustment: &Adjustment) -> f32 {
        let mut score = [0.0];
        self.write_rows(adjustment.item as usize, &mut score);
        score[0] + adjust::gained(&self.gates, adjustment)
    }

    /// Adds to the query of the last `score`, `[hidden]`, until the next.
    pub fn shift_query(&mut self, shift: &[f32]) {
        self.asked.iter_mut().zip(shift).for_each(|(value, shift)| *value += shift);
        self.asked_scale = quantize_query(&self.asked, &mut self.asked_codes);
    }

    /// The scores from item `first` on, all of one block.
    fn write_block(&self, first: usize, scores: &mut [f32]) {
        self.write_rows(first, scores);
        if let Some(priors) = self.priors.get(first..first + scores.len()) {
            scores.iter_mut().zip(priors).for_each(|(score, prior)| *score += prior);
        }
        self.adjustments.apply(&self.gates, first, scores);
    }

    /// The same without priors and adjustments. Not inlined: the loops below it would be there several times.
    #[inline(never)]
    fn write_rows(&self, first: usize, scores: &mut [f32]) {
        let query = score::Query {
            values: &self.asked,
            codes: &self.asked_codes,
            scale: self.asked_scale,
            gate: self.gates[0],
        };
        score::run::<L>(&self.model.weights, &query, first..first + scores.len(), scores);
    }

    /// The `k` best of these scores; of all items, or of those whose place in `kept`, `[items]`, is true.
    pub fn rank(&mut self, k: usize, kept: Option<&[bool]>) -> TopK {
        let mut block = std::mem::take(&mut self.block);
        let top = top_k::run::<L>(self.model.vocab.len(), k, &mut block, |first, scores| {
            self.write_block(first, scores);
            if let Some(kept) = kept {
                for (score, &kept) in scores.iter_mut().zip(&kept[first..]) {
                    if !kept {
                        *score = f32::NEG_INFINITY;
                    }
                }
            }
        });
        self.block = block;
        top
    }

    /// Ends the last step.
    fn conclude(&mut self) {
        if std::mem::take(&mut self.is_open) {
            let Self { model, memory, scratch, query, state_gates, .. } = self;
            encode::conclude::<L>(model, memory, scratch, query, state_gates);
        }
    }

    /// What each of the schema's heads says after the last event, `[heads][outputs]`: see [`crate::schema::Head::outputs`].
    pub fn heads(&mut self) -> impl Iterator<Item = Vec<f32>> {
        (0..self.model.weights.heads.len()).map(|place| self.head(place))
    }

    /// What one of them says, by its place, which must be one: `[outputs]`.
    pub fn head(&mut self, place: usize) -> Vec<f32> {
        self.conclude();
        encode::head::<L>(&self.model.weights.heads[place], &self.scratch)
    }

    /// The query, `[hidden]`, and the gates, `[TERMS]`, of the last `score`, while no head was asked after another event.
    pub fn state(&self) -> (&[f32], &[f32; TERMS]) {
        (&self.query, &self.gates)
    }
}

impl<L: Lanes> Ops for Cpu<L> {
    fn encode(&mut self, step: &Step<'_>) -> Result<()> {
        encode::run::<L>(&self.model, step, &mut self.memory, &mut self.scratch);
        self.is_open = true;
        Ok(())
    }

    fn score(&mut self, open_size: usize) -> Result<()> {
        self.conclude();
        let weights = &self.model.weights;
        let shift = weights.gate_open.row(open_size.min(OPEN_BUCKETS - 1));
        for ((gate, state), shift) in self.gates.iter_mut().zip(self.state_gates).zip(shift) {
            *gate = state + shift;
        }
        self.asked.copy_from_slice(&self.query);
        self.asked_scale = quantize_query(&self.asked, &mut self.asked_codes);
        self.adjustments.clear();
        Ok(())
    }

    fn priors(&mut self, write: &mut dyn FnMut(&mut Vec<f32>)) -> Result<()> {
        write(&mut self.priors);
        Ok(())
    }

    fn adjust(&mut self, adjustments: &[Adjustment]) -> Result<()> {
        self.adjustments.add(adjustments);
        Ok(())
    }

    async fn top_k(&mut self, k: usize) -> Result<TopK> {
        Ok(self.rank(k, None))
    }
}
