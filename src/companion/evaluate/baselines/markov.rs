//! Last-item Markov: how often each item came right after the last one.

use super::neighbours::Neighbours;
use crate::companion::evaluate::Scorer;
use crate::event::{EventView, Upcoming};
use crate::vocab::{ItemId, UNKNOWN_ITEM};
use anyhow::Result;

/// Knows the last item only.
pub struct LastItem<'a> {
    followers: &'a Neighbours,
    tie_break: &'a [f32],
    last: Option<ItemId>,
}

impl<'a> LastItem<'a> {
    /// Ranks by `followers`.
    pub fn new(followers: &'a Neighbours, tie_break: &'a [f32]) -> Self {
        Self { followers, tie_break, last: None }
    }
}

impl Scorer for LastItem<'_> {
    fn reset(&mut self) -> Result<()> {
        self.last = None;
        Ok(())
    }

    fn observe(&mut self, event: EventView<'_>) -> Result<()> {
        self.last = Some(event.item).filter(|&item| item != UNKNOWN_ITEM);
        Ok(())
    }

    fn scores(&mut self, _: Upcoming, out: &mut [f32]) -> Result<()> {
        out.copy_from_slice(self.tie_break);
        if let Some(last) = self.last {
            self.followers.add_row(last, 1.0, out);
        }
        Ok(())
    }
}
