//! What can be measured.

use crate::event::{EventView, Upcoming};
use anyhow::Result;

/// Scores all items for the next event of one sequence. It follows a sequence event by event and forgets
/// it at [`Scorer::reset`], so that one scorer serves many sequences.
pub trait Scorer {
    /// Forgets the sequence.
    ///
    /// # Errors
    /// What the device says.
    fn reset(&mut self) -> Result<()>;

    /// Takes the sequence's next event.
    ///
    /// # Errors
    /// An event of another schema, and what the device says.
    fn observe(&mut self, event: EventView<'_>) -> Result<()>;

    /// Writes a score for every item to `out`, `[items]`; higher is better. Which items are candidates
    /// is the evaluator's business, so that all scorers rank the same ones.
    ///
    /// # Errors
    /// What the device says.
    fn scores(&mut self, upcoming: Upcoming, out: &mut [f32]) -> Result<()>;
}
