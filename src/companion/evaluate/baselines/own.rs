//! Ranks by the visitor's own past: how often (frequency), or how often and how lately (recency).

use crate::companion::evaluate::Scorer;
use crate::event::{EventView, Upcoming};
use crate::vocab::{ItemId, UNKNOWN_ITEM};
use anyhow::Result;

/// What each group in between leaves of an event's weight, where later events count more.
pub const DECAY: f32 = 0.97;

/// Counts all events alike.
pub const NO_DECAY: f32 = 1.0;

/// The items of one sequence, each with the sum over its events of `decay` to the number of groups ago.
/// Without groups each event is a group.
pub struct Own {
    decay: f32,
    has_group: bool,
    /// Groups begun so far, and the open one's number.
    begun: i32,
    group: u32,
    /// The different items, in order of appearance.
    items: Vec<ItemId>,
    /// Each item's sum as of `counted_at`; 0 for an item not met: `[items]`.
    sums: Vec<f32>,
    /// What `begun` was when the item's sum was written: `[items]`.
    counted_at: Vec<i32>,
}

impl Own {
    /// An empty sequence.
    pub fn new(decay: f32, has_group: bool, items: usize) -> Self {
        let (sums, counted_at) = (vec![0.0; items], vec![0; items]);
        Self { decay, has_group, begun: 0, group: 0, items: Vec::new(), sums, counted_at }
    }

    fn opens_group(&self, group: u32) -> bool {
        !self.has_group || self.begun == 0 || group != self.group
    }

    /// Forgets the sequence.
    pub fn forget(&mut self) {
        self.items.drain(..).for_each(|item| self.sums[item as usize] = 0.0);
        self.begun = 0;
    }

    /// Takes the next event.
    pub fn count(&mut self, event: EventView<'_>) {
        if self.opens_group(event.group) {
            self.begun += 1;
            self.group = event.group;
        }
        if event.item == UNKNOWN_ITEM {
            return;
        }
        let item = event.item as usize;
        if self.sums[item] == 0.0 {
            self.items.push(event.item);
        }
        self.sums[item] = self.sums[item] * self.decay.powi(self.begun - self.counted_at[item]) + 1.0;
        self.counted_at[item] = self.begun;
    }

    /// Each item met so far with its sum, as it stands in the upcoming event's group.
    pub fn sums(&self, upcoming: Upcoming) -> impl Iterator<Item = (ItemId, f32)> {
        let now = self.begun + i32::from(self.opens_group(upcoming.group));
        self.items.iter().map(move |&item| {
            let groups_ago = now - self.counted_at[item as usize];
            (item, self.sums[item as usize] * self.decay.powi(groups_ago))
        })
    }
}

/// Ranks by the sums alone.
pub struct OwnItems<'a> {
    own: Own,
    tie_break: &'a [f32],
}

impl<'a> OwnItems<'a> {
    /// An empty sequence.
    pub fn new(decay: f32, has_group: bool, tie_break: &'a [f32]) -> Self {
        Self { own: Own::new(decay, has_group, tie_break.len()), tie_break }
    }
}

impl Scorer for OwnItems<'_> {
    fn reset(&mut self) -> Result<()> {
        self.own.forget();
        Ok(())
    }

    fn observe(&mut self, event: EventView<'_>) -> Result<()> {
        self.own.count(event);
        Ok(())
    }

    fn scores(&mut self, upcoming: Upcoming, out: &mut [f32]) -> Result<()> {
        out.copy_from_slice(self.tie_break);
        self.own.sums(upcoming).for_each(|(item, sum)| out[item as usize] += sum);
        Ok(())
    }
}
