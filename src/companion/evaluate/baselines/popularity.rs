//! The same ranking for everybody: how often each item is met in the training events.

use crate::companion::data::{Dataset, Part};
use crate::companion::evaluate::Scorer;
use crate::event::{EventView, Upcoming};
use crate::vocab::{ItemId, UNKNOWN_ITEM};
use anyhow::Result;

/// How much popularity may add to another baseline's score: it orders ties and what is left, nothing else.
const TIE_BREAK: f32 = 1e-5;

/// Scores that don't depend on the sequence: `[items]`.
pub struct Popularity<'a> {
    scores: &'a [f32],
}

impl<'a> Popularity<'a> {
    /// Ranks by `scores`.
    pub fn new(scores: &'a [f32]) -> Self {
        Self { scores }
    }
}

impl Scorer for Popularity<'_> {
    fn reset(&mut self) -> Result<()> {
        Ok(())
    }

    fn observe(&mut self, _: EventView<'_>) -> Result<()> {
        Ok(())
    }

    fn scores(&mut self, _: Upcoming, out: &mut [f32]) -> Result<()> {
        out.copy_from_slice(self.scores);
        Ok(())
    }
}

/// The places of the training events whose item is known.
pub fn training_places(dataset: &Dataset) -> impl Iterator<Item = usize> {
    let log = &dataset.sequences;
    (0..log.items.len()).filter(|&place| log.parts[place] == Part::Train && log.items[place] != UNKNOWN_ITEM)
}

/// How often each item comes in `items`: `[items]`.
pub fn count(items: impl Iterator<Item = ItemId>, of: usize) -> Vec<f32> {
    let mut counts = vec![0.0; of];
    items.for_each(|item| counts[item as usize] += 1.0);
    counts
}

/// What popularity adds to another baseline's score, in [0, [`TIE_BREAK`]]: `[items]`. Logarithmic, so that
/// rare items stay apart in a float next to larger scores.
pub fn tie_break(counts: &[f32]) -> Vec<f32> {
    let largest = counts.iter().fold(1.0f32, |a, &b| a.max(b)).ln_1p();
    counts.iter().map(|count| TIE_BREAK * count.ln_1p() / largest).collect()
}
