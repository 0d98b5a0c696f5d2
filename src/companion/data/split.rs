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

/// The part of rows whose group began at a time, where the log is split by time.
pub fn by_time(config: &SplitConfig, begun: i64) -> Option<Part> {
    match (config.kind(), config.validation_from, config.test_from) {
        (SplitKind::Time, Some(validation), Some(test)) => Some(match begun {
            begun if begun >= test.milliseconds => Part::Test,
            begun if begun >= validation.milliseconds => Part::Validation,
            _ => Part::Train,
        }),
        _ => None,
    }
}

fn parts_by_place(config: &SplitConfig, cleaned: &Cleaned, store: &Store) -> Result<Column<Part>> {
    match config.kind() {
        SplitKind::Time => {
            Column::collect(store, cleaned.begun.iter().map(|&begun| by_time(config, begun).unwrap_or(Part::Train)))
        }
        SplitKind::Sequence => {
            let [validation, test] = config.shares();
            let part = |(number, pair): (usize, &[u64])| {
                let drawn = draw(config.seed, cleaned.keys.get(number));
                let part = match drawn {
                    drawn if drawn < test => Part::Test,
                    drawn if drawn < test + validation => Part::Validation,
                    _ => Part::Train,
                };
                (pair[0]..pair[1]).map(move |_| part)
            };
            Column::collect(store, cleaned.offsets.windows(2).enumerate().flat_map(part))
        }
        SplitKind::LeaveOneOut => {
            Column::collect(store, cleaned.offsets.windows(2).flat_map(|pair| leave_one_out(pair[1] - pair[0])))
        }
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
            match config.kind() {
                SplitKind::Time =>
                    "move validation_from and test_from into the log's time (`foreclick check` shows it)",
                SplitKind::Sequence => "there are too few sequences; raise its share or name another seed",
                SplitKind::LeaveOneOut => "no sequence has 3 events, which leave_one_out needs",
            }
        );
    }
    Ok(())
}

/// A number from 0 to below 1 that a seed and a sequence's key give.
pub fn draw(seed: u64, key: &str) -> f64 {
    (hash(seed, key) >> 11) as f64 / (1_u64 << 53) as f64
}

/// What a seed and a text give: FNV-1a, mixed as in SplitMix64 (Steele et al. 2014).
pub fn hash(seed: u64, text: &str) -> u64 {
    let hash = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    let bits = text.as_bytes().iter().chain(&seed.to_le_bytes()).fold(0xcbf2_9ce4_8422_2325, hash);
    let bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// The parts of a sequence of so many events.
fn leave_one_out(len: u64) -> impl Iterator<Item = Part> {
    (0..len).map(move |place| match len - place {
        1 if len >= SHORTEST_TO_LEAVE_ONE_OUT => Part::Test,
        2 if len >= SHORTEST_TO_LEAVE_ONE_OUT => Part::Validation,
        _ => Part::Train,
    })
}
