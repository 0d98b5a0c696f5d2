//! What each event is used for.

use super::clean::Cleaned;
use super::column::{Column, Store};
use super::dataset::Part;
use crate::companion::config::{SplitConfig, SplitKind};
use anyhow::{Result, ensure};
use std::ops::Range;

/// Sequences with fewer events are learned from as a whole when one is left out.
const SHORTEST_TO_LEAVE_ONE_OUT: u64 = 3;

/// Each event's part, `[events]`, by when its group began; all of a sequence that is held out are [`Part::HeldOut`], and so are
/// training events before the latest that may be learned from.
///
/// # Errors
/// When the disk refuses.
pub fn parts(config: &SplitConfig, cleaned: &Cleaned, store: &Store) -> Result<Column<Part>> {
    let parts = parts_by_place(config, cleaned, store)?;
    if config.held_out_sequences == 0.0 && config.max_training_events.is_none() {
        return Ok(parts);
    }
    let ranges = cleaned.offsets.windows(2).map(|pair| pair[0] as usize..pair[1] as usize);
    let of_sequence = |(key, range): (&str, Range<usize>)| {
        let parts = &parts[range];
        let training = parts.iter().filter(|&&part| part == Part::Train).count();
        let early = config.max_training_events.map_or(0, |most| training.saturating_sub(most));
        let (is_held_out, mut met) = (config.holds_out(key), 0);
        parts.iter().map(move |&part| {
            met += usize::from(part == Part::Train);
            let is_early = part == Part::Train && met <= early;
            if is_held_out || is_early { Part::HeldOut } else { part }
        })
    };
    Column::collect(store, cleaned.keys.iter().zip(ranges).flat_map(of_sequence))
}

fn parts_by_place(config: &SplitConfig, cleaned: &Cleaned, store: &Store) -> Result<Column<Part>> {
    match (config.kind, config.validation_from, config.test_from) {
        (SplitKind::Time, Some(validation), Some(test)) => {
            let part = |&begun: &i64| match begun {
                begun if begun >= test.milliseconds => Part::Test,
                begun if begun >= validation.milliseconds => Part::Validation,
                _ => Part::Train,
            };
            Column::collect(store, cleaned.begun.iter().map(part))
        }
        _ => Column::collect(store, cleaned.offsets.windows(2).flat_map(|pair| leave_one_out(pair[1] - pair[0]))),
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

/// The parts of a sequence of so many events.
fn leave_one_out(len: u64) -> impl Iterator<Item = Part> {
    (0..len).map(move |place| match len - place {
        1 if len >= SHORTEST_TO_LEAVE_ONE_OUT => Part::Test,
        2 if len >= SHORTEST_TO_LEAVE_ONE_OUT => Part::Validation,
        _ => Part::Train,
    })
}
