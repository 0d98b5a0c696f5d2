//! The shipped engine as a scorer: what is measured is what runs in the page.

use super::scorer::Scorer;
use crate::engine::Stream;
use crate::engine::cpu::{Cpu, Simd};
use crate::event::{EncodedEvent, EventView, Upcoming};
use crate::format::Model;
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
        let stream = Stream::new(model.clone(), Cpu::new(model.clone()))?;
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
