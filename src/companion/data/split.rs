//! What each event is used for.

use super::clean::Event;
use super::dataset::Part;
use crate::companion::config::{SplitConfig, SplitKind};
use anyhow::{Result, ensure};

/// Sequences with fewer events are learned from as a whole when one is left out.
const SHORTEST_TO_LEAVE_ONE_OUT: usize = 3;

/// Each event's part: `[events]`.
pub fn parts(config: &SplitConfig, events: &[Event], offsets: &[usize]) -> Vec<Part> {
    match (config.kind, config.validation_from, config.test_from) {
        (SplitKind::Time, Some(validation), Some(test)) => events
            .iter()
            .map(|event| match event.begun {
                begun if begun >= test.milliseconds => Part::Test,
                begun if begun >= validation.milliseconds => Part::Validation,
                _ => Part::Train,
            })
            .collect(),
        _ => leave_one_out(offsets),
    }
}

/// Whether every part has an event.
///
/// # Errors
/// When there is nothing to learn from, to validate or to test on.
pub fn check(config: &SplitConfig, parts: &[Part]) -> Result<()> {
    for (part, name) in [(Part::Train, "training"), (Part::Validation, "validation"), (Part::Test, "the test")] {
        ensure!(
            parts.contains(&part),
            "[split] leaves no event for {name}: {}",
            match config.kind {
                SplitKind::Time =>
                    "move validation_from and test_from into the log's time (`foreclick check` shows it)",
                SplitKind::LeaveOneOut => "no sequence has 3 events, which leave_one_out needs",
            }
        );
    }
    Ok(())
}

fn leave_one_out(offsets: &[usize]) -> Vec<Part> {
    let mut parts = vec![Part::Train; offsets.last().copied().unwrap_or(0)];
    for sequence in offsets.windows(2) {
        let (start, end) = (sequence[0], sequence[1]);
        if end - start >= SHORTEST_TO_LEAVE_ONE_OUT {
            parts[end - 1] = Part::Test;
            parts[end - 2] = Part::Validation;
        }
    }
    parts
}
