//! The shipped engine as a scorer: what is measured is what runs in the page.

use super::scorer::Scorer;
use crate::engine::Stream;
use crate::engine::cpu::{Cpu, Simd};
use crate::event::{EncodedEvent, EventView, Upcoming};
use crate::format::Model;
use crate::metrics::EXCLUDED;
use anyhow::Result;
use std::sync::Arc;

/// A model file on the CPU. Events are taken when a score is asked for, so that those too far back for the encoder
/// to see cost no step of it.
pub struct EngineScorer {
    stream: Stream<Cpu<Simd>>,
    waiting: Vec<EncodedEvent>,
}

impl EngineScorer {
    /// A scorer for one thread.
    ///
    /// # Errors
    /// None on the CPU; the type is the engine's.
    pub fn new(model: &Arc<Model>) -> Result<Self> {
        Self::without(model, None)
    }

    /// A scorer that leaves a field out of all events: see [`Stream::leave_out`].
    ///
    /// # Errors
    /// None on the CPU; the type is the engine's.
    pub fn without(model: &Arc<Model>, left_out: Option<usize>) -> Result<Self> {
        let mut stream = Stream::new(model.clone(), Cpu::new(model.clone()))?;
        left_out.into_iter().for_each(|field| stream.leave_out(field));
        Ok(Self { stream, waiting: Vec::new() })
    }
}

impl Scorer for EngineScorer {
    fn reset(&mut self) -> Result<()> {
        self.waiting.clear();
        Ok(self.stream.reset()?)
    }

    fn observe(&mut self, event: EventView<'_>) -> Result<()> {
        let EventView { item, time, group, fields } = event;
        self.waiting.push(EncodedEvent { item, time, group, fields: fields.to_vec() });
        Ok(())
    }

    fn scores(&mut self, upcoming: Upcoming, out: &mut [f32]) -> Result<()> {
        let mut later = self.waiting.len();
        for event in self.waiting.drain(..) {
            later -= 1;
            self.stream.catch_up(event.view(), later)?;
        }
        self.stream.score(upcoming, &[])?;
        self.stream.ops().write_scores(out);
        Ok(())
    }
}

/// A model, or several as one: the probability of an item is the mean of theirs, each the softmax of the model's own scores over
/// its candidates; the score is its logarithm.
pub struct EnsembleScorer {
    members: Vec<EngineScorer>,
    scores: Vec<f32>,
    mean: Vec<f64>,
}

impl EnsembleScorer {
    /// A scorer for one thread, of models of the same items.
    ///
    /// # Errors
    /// None on the CPU; the type is the engine's.
    pub fn new(models: &[Arc<Model>]) -> Result<Self> {
        let members = models.iter().map(EngineScorer::new).collect::<Result<_>>()?;
        Ok(Self { members, scores: Vec::new(), mean: Vec::new() })
    }
}

impl Scorer for EnsembleScorer {
    fn reset(&mut self) -> Result<()> {
        self.members.iter_mut().try_for_each(Scorer::reset)
    }

    fn observe(&mut self, event: EventView<'_>) -> Result<()> {
        self.members.iter_mut().try_for_each(|member| member.observe(event))
    }

    fn scores(&mut self, upcoming: Upcoming, out: &mut [f32]) -> Result<()> {
        let Self { members, scores, mean } = self;
        if let [one] = &mut members[..] {
            return one.scores(upcoming, out);
        }
        scores.resize(out.len(), 0.0);
        mean.clear();
        mean.resize(out.len(), 0.0);
        let count = members.len() as f64;
        for member in members {
            member.scores(upcoming, scores)?;
            let largest = f64::from(scores.iter().copied().fold(EXCLUDED, f32::max));
            if largest == f64::from(EXCLUDED) {
                continue;
            }
            let parts = || scores.iter().map(|&score| (f64::from(score) - largest).exp());
            let inverse = 1.0 / (parts().sum::<f64>() * count);
            mean.iter_mut().zip(parts()).for_each(|(mean, part)| *mean += part * inverse);
        }
        out.iter_mut().zip(mean).for_each(|(out, mean)| *out = mean.ln() as f32);
        Ok(())
    }
}
