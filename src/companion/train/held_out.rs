//! Neighbour tables to train with, each counted without what it helps to predict.
//!
//! A table counted on the very events it helps to predict promises too much. Where the log is split by time, the
//! shipped table will know nothing of the visits it is asked about, of their week or of that week's fashions: so the
//! training events are cut into blocks of time, and each block is trained with a table of the blocks before it. Where
//! one event of each sequence is left out, the shipped table will have been counted beside that event, on the other
//! sequences of the same time: so each fold of the sequences is trained with a table of the other folds.

use super::neighbours::{self, Counted, FOLDS, Kept, Rule};
use crate::companion::config::SplitKind;
use crate::companion::data::{Dataset, Part};
use crate::format::{Context, Neighbours};
use rayon::prelude::*;

/// Blocks of time, of about as many training events each.
const BLOCKS: usize = 8;

/// The bit that puts negative numbers before the others.
const SIGN: u64 = 1 << 63;

/// The tables, and which of them is for which event.
pub struct HeldOut {
    tables: Vec<Neighbours>,
    /// The time at which each block but the first begins; `None`: tables are by fold.
    starts: Option<Vec<i64>>,
}

impl HeldOut {
    /// Counts the tables.
    pub fn count(dataset: &Dataset, context: Context, rule: Rule, kept: Kept) -> Self {
        let table = |counted| neighbours::count(dataset, context, rule, kept, counted);
        let starts = (dataset.split == SplitKind::Time).then(|| block_starts(dataset));
        let tables = match &starts {
            // Nothing is before the first block.
            Some(starts) => [i64::MIN].iter().chain(starts).map(|&start| table(Counted::Before(start))).collect(),
            None => (0..FOLDS).map(|fold| table(Counted::WithoutFold(fold))).collect(),
        };
        Self { tables, starts }
    }

    /// The same table for every event, whatever it was counted on.
    pub fn same(table: Neighbours) -> Self {
        Self { tables: vec![table], starts: None }
    }

    /// The table for an event of this sequence at this time.
    pub fn table(&self, sequence: usize, time: i64) -> &Neighbours {
        let place = match &self.starts {
            Some(starts) => starts.partition_point(|&start| start <= time),
            None => sequence % self.tables.len(),
        };
        &self.tables[place]
    }
}

fn block_starts(dataset: &Dataset) -> Vec<i64> {
    let sequences = &dataset.sequences;
    let events = sequences.times.iter().zip(&sequences.parts);
    let times = events.filter(|(_, part)| **part == Part::Train).map(|(&time, _)| time);
    let count = times.clone().count();
    let mut starts: Vec<i64> =
        (1..BLOCKS).into_par_iter().map(|block| in_order(times.clone(), block * count / BLOCKS)).collect();
    starts.dedup();
    starts
}

/// The value at a place of all in order; they are gone through four times, where sorting them would need their size in
/// memory.
fn in_order(values: impl Iterator<Item = i64> + Clone, place: usize) -> i64 {
    // Sixteen bits after the other, the highest first, of numbers that are in the values' order.
    let (mut known, mut place) = (0, place);
    for shift in [48, 32, 16, 0] {
        let mut counts = vec![0; 1 << 16];
        for value in values.clone() {
            let number = value as u64 ^ SIGN;
            if number >> shift >> 16 == known {
                counts[(number >> shift) as usize % (1 << 16)] += 1;
            }
        }
        let mut digit = 0;
        while place >= counts[digit] {
            place -= counts[digit];
            digit += 1;
        }
        known = known << 16 | digit as u64;
    }
    (known ^ SIGN) as i64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::companion::evaluate::testing::{Event, dataset};
    use crate::schema::FilterSeen;

    const RULE: Rule = Rule { lift: 0.0, backward: 0.0, fades: false };
    const KEPT: Kept = Kept { most: 4, min_sequences: 1 };

    /// Sequence s has items 2s and 2s + 1, at the times 10s and 10s + 1.
    fn pairs(split: SplitKind) -> Dataset {
        let sequences: Vec<[Event; 2]> = (0..24u32)
            .map(|s| [0, 1].map(|place| Event::train(2 * s + place, 0).at(i64::from(10 * s + place))))
            .collect();
        let sequences: Vec<&[Event]> = sequences.iter().map(|pair| pair.as_slice()).collect();
        Dataset { split, ..dataset(48, FilterSeen::None, false, &sequences) }
    }

    /// Which sequences a table was counted on.
    fn known(table: &Neighbours) -> Vec<usize> {
        (0..24).filter(|sequence| table.row(2 * sequence).next().is_some()).collect()
    }

    #[test]
    fn values_are_found_as_if_sorted() {
        let values = [5, i64::MIN, -1, 1_600_000_000_000, 5, i64::MAX, 0, -70_000, 65_536];
        let mut sorted = values;
        sorted.sort_unstable();
        let found: Vec<i64> = (0..values.len()).map(|place| in_order(values.into_iter(), place)).collect();
        assert_eq!(found, sorted);
    }

    #[test]
    fn by_time_nothing_of_the_same_block_or_later_is_known() {
        let held_out = HeldOut::count(&pairs(SplitKind::Time), Context::LastEvents, RULE, KEPT);
        for sequence in 0..24 {
            // Blocks of 6 of the 48 events.
            let before = sequence / 3 * 3;
            for time in [10 * sequence as i64, 10 * sequence as i64 + 1] {
                assert_eq!(known(held_out.table(sequence, time)), (0..before).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn with_one_left_out_other_folds_are_known() {
        let held_out = HeldOut::count(&pairs(SplitKind::LeaveOneOut), Context::LastEvents, RULE, KEPT);
        for sequence in 0..24 {
            let others: Vec<usize> = (0..24).filter(|other| other % FOLDS != sequence % FOLDS).collect();
            assert_eq!(known(held_out.table(sequence, 0)), others);
        }
    }
}
