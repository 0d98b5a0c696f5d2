//! The same targets cut three ways: a mean over all of them hides for whom a model is good.

use super::Outcome;
use crate::companion::data::Dataset;
use crate::metrics::RankingMetrics;
use crate::vocab::{ItemId, UNKNOWN_ITEM};
use serde::Serialize;
use std::cmp::Reverse;
use std::fmt;

/// Slices by the target's popularity, in the order of the fields' doc.
const POPULARITY: [&str; 4] = ["head", "tail", "cold", "unknown"];
const HEAD: usize = 0;
const TAIL: usize = 1;
const COLD: usize = 2;
const UNKNOWN: usize = 3;

/// Slices by the length of history.
const HISTORY: [&str; 7] = ["0", "1-2", "3-5", "6-10", "11-20", "21-50", "51 and more"];

/// Where each slice of [`HISTORY`] begins.
const HISTORY_FROM: [usize; HISTORY.len()] = [0, 1, 3, 6, 11, 21, 51];

/// Slices by whether the sequence knows the target.
const TARGET: [&str; 2] = ["met before", "new"];

/// A model and the best counting baseline by slices of the targets. Each cut's slices hold every target once; a slice
/// without a target is left out.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Slices {
    /// The model: `exported`, or `f32` where there is no file.
    pub model: &'static str,
    /// The baseline with the highest NDCG@10 over all targets.
    pub baseline: &'static str,
    /// How many items the head has.
    pub head_items: usize,
    /// `head`: the most popular items, which together have the first half of the training events; `tail`: the rest;
    /// `cold`: items that the model knows without a training event, by `[item] features` or not at all; `unknown`: items that
    /// it does not know and can't rank.
    pub popularity: Vec<Slice>,
    /// By the number of events before the target in its sequence, without those of unknown items: what the model is
    /// told.
    pub history: Vec<Slice>,
    /// By whether the target's item is among those events.
    pub target: Vec<Slice>,
}

/// Some of the targets.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Slice {
    /// What they have in common.
    pub name: &'static str,
    /// How many there are.
    pub targets: usize,
    /// What the model reaches on them.
    pub model: AtTen,
    /// What the baseline reaches on them.
    pub baseline: AtTen,
}

/// Metrics at depth 10; misses are part of the denominator.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct AtTen {
    /// Normalised discounted cumulative gain.
    #[serde(rename = "ndcg@10")]
    pub ndcg: f64,
    /// Hit rate.
    #[serde(rename = "hr@10")]
    pub hr: f64,
}

impl Slices {
    /// Cuts the targets at `places` of a data set, whose outcomes, by name, are `model` and `baseline`. `training_counts`
    /// says how often each item occurs in the training events: `[items]`.
    pub fn of(
        training_counts: &[u32],
        dataset: &Dataset,
        places: &[usize],
        model: (&'static str, &Outcome),
        baseline: (&'static str, &Outcome),
    ) -> Self {
        let is_head = head(training_counts);
        let popularity = |&place: &usize| match dataset.sequences.items[place] as usize {
            item if item >= training_counts.len() => UNKNOWN,
            item if training_counts[item] == 0 => COLD,
            item if is_head[item] => HEAD,
            _ => TAIL,
        };
        let (lengths, is_met) = histories(dataset, places, &model.1.sequences);
        let history = |&length: &usize| HISTORY_FROM.partition_point(|&from| from <= length) - 1;
        let cut =
            |names: &[&'static str], slice_of: Vec<usize>| cut(names, &slice_of, &model.1.ranks, &baseline.1.ranks);
        Self {
            model: model.0,
            baseline: baseline.0,
            head_items: is_head.iter().filter(|&&is_head| is_head).count(),
            popularity: cut(&POPULARITY, places.iter().map(popularity).collect()),
            history: cut(&HISTORY, lengths.iter().map(history).collect()),
            target: cut(&TARGET, is_met.iter().map(|&is_met| usize::from(!is_met)).collect()),
        }
    }

    /// The cuts and their names.
    pub fn cuts(&self) -> [(&'static str, &[Slice]); 3] {
        [("popularity", &self.popularity), ("history", &self.history), ("target", &self.target)]
    }
}

/// Whether each item is one of the most popular that reach half of the events; among equals the lower id first.
fn head(counts: &[u32]) -> Vec<bool> {
    let mut items: Vec<usize> = (0..counts.len()).collect();
    items.sort_by_key(|&item| Reverse(counts[item]));
    let all: u64 = counts.iter().copied().map(u64::from).sum();
    let mut is_head = vec![false; counts.len()];
    let mut events = 0;
    for item in items.into_iter().take_while(|&item| {
        let is_missing = 2 * events < all;
        events += u64::from(counts[item]);
        is_missing
    }) {
        is_head[item] = true;
    }
    is_head
}

/// For each target, which rise, how many known events its sequence has before it, and whether its item is one of theirs.
fn histories(dataset: &Dataset, places: &[usize], sequences: &[usize]) -> (Vec<usize>, Vec<bool>) {
    let items = &dataset.sequences.items;
    // The sequence that met each item last, so that nothing needs to be cleared between sequences.
    let mut met_by = vec![usize::MAX; dataset.vocab.len()];
    let (mut current, mut next, mut length) = (usize::MAX, 0, 0);
    let of_target = |(&place, &sequence): (&usize, &usize)| {
        if sequence != current {
            (current, next, length) = (sequence, dataset.sequences.range(sequence).start, 0);
        }
        for &item in items[next..place].iter().filter(|&&item| item != UNKNOWN_ITEM) {
            met_by[item as usize] = sequence;
            length += 1;
        }
        next = place;
        let target: ItemId = items[place];
        (length, met_by.get(target as usize) == Some(&sequence))
    };
    places.iter().zip(sequences).map(of_target).unzip()
}

/// The slices that have targets, given which slice each target is in: `[targets]`.
fn cut(names: &[&'static str], slice_of: &[usize], ours: &[u32], theirs: &[u32]) -> Vec<Slice> {
    let slice = |(slice, &name): (usize, &&'static str)| {
        let within = |ranks: &[u32]| -> Vec<u32> {
            slice_of.iter().zip(ranks).filter(|&(&of, _)| of == slice).map(|(_, &rank)| rank).collect()
        };
        let (ours, theirs) = (within(ours), within(theirs));
        Slice { name, targets: ours.len(), model: AtTen::of(&ours), baseline: AtTen::of(&theirs) }
    };
    names.iter().enumerate().map(slice).filter(|slice| slice.targets > 0).collect()
}

impl AtTen {
    fn of(ranks: &[u32]) -> Self {
        let metrics = RankingMetrics::of(ranks);
        Self { ndcg: metrics.ndcg_at_10(), hr: metrics.hr_at_10() }
    }
}

impl fmt::Display for Slices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<20} {:>9} {:>19} {:>19}", "", "", self.model, self.baseline)?;
        writeln!(f, "{:<20} {:>9} {:>9} {:>9} {:>9} {:>9}", "", "targets", "ndcg@10", "hr@10", "ndcg@10", "hr@10")?;
        for (cut, slices) in self.cuts() {
            for Slice { name, targets, model, baseline } in slices {
                write!(f, "{:<20} {targets:>9}", format!("{cut} {name}"))?;
                writeln!(f, " {:>9.5} {:>9.5} {:>9.5} {:>9.5}", model.ndcg, model.hr, baseline.ndcg, baseline.hr)?;
            }
        }
        let head = self.head_items;
        writeln!(
            f,
            "head: the {head} most popular items, half of the training events; cold: known, no training \
             event; history: events before the target"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::companion::data::Part;
    use crate::companion::evaluate::places;
    use crate::companion::evaluate::testing::{Event, dataset};
    use crate::metrics::{MISS, ndcg};
    use crate::schema::FilterSeen;

    fn outcome(sequences: Vec<usize>, ranks: Vec<u32>) -> Outcome {
        Outcome { sequences, ranks, ..Outcome::default() }
    }

    fn told(slices: &[Slice]) -> Vec<(&str, usize, f64, f64)> {
        slices.iter().map(|slice| (slice.name, slice.targets, slice.model.hr, slice.baseline.hr)).collect()
    }

    #[test]
    fn each_cut_holds_every_target_once() {
        // Training events: item 0 four times, 1 twice, 2 and 3 once, 4 never.
        let (train, test) = (|item| Event::train(item, 0), |item| Event::test(item, 0));
        let first = [train(0), train(0), train(1), test(0), test(4), test(UNKNOWN_ITEM), test(UNKNOWN_ITEM), test(1)];
        let second = [test(1), Event::validation(3, 0), test(3)];
        let third = [train(0), train(0), train(1), train(2), train(3)];
        let log = dataset(5, FilterSeen::None, false, &[&first, &second, &third]);
        let targets = places(&log, Part::Test, 0);
        let sequences = vec![0, 0, 0, 0, 0, 1, 1];
        let ours = outcome(sequences.clone(), vec![1, 2, MISS, MISS, 30, 3, 10]);
        let theirs = outcome(sequences, vec![11, 10, MISS, MISS, 1, 1, 11]);
        let slices = Slices::of(&log.training_counts(), &log, &targets, ("exported", &ours), ("mix", &theirs));

        assert_eq!((slices.model, slices.baseline, slices.head_items), ("exported", "mix", 1));
        let third = 1.0 / 3.0;
        assert_eq!(
            told(&slices.popularity),
            [
                ("head", 1, 1.0, 0.0),
                ("tail", 3, 2.0 * third, 2.0 * third),
                ("cold", 1, 1.0, 1.0),
                ("unknown", 2, 0.0, 0.0)
            ]
        );
        // Events of unknown items are no history, and no length between 6 and 51 occurs.
        assert_eq!(told(&slices.history), [("0", 1, 1.0, 1.0), ("1-2", 1, 1.0, 0.0), ("3-5", 5, 0.4, 0.4)]);
        // Two unknown items may be the same or not: new to the model in any case.
        assert_eq!(told(&slices.target), [("met before", 3, 2.0 * third, third), ("new", 4, 0.5, 0.5)]);
        assert!((slices.popularity[1].model.ndcg - (ndcg(3, 10) + ndcg(10, 10)) / 3.0).abs() < 1e-12);
        for (cut, slices) in slices.cuts() {
            assert_eq!(slices.iter().map(|slice| slice.targets).sum::<usize>(), targets.len(), "{cut}");
        }
    }

    #[test]
    fn lengths_fall_into_their_slices() {
        let events: Vec<Event> = (0..60).map(|_| Event::test(0, 0)).collect();
        let log = dataset(1, FilterSeen::None, false, &[&events]);
        let targets = places(&log, Part::Test, 0);
        let all = outcome(vec![0; 60], vec![1; 60]);
        let slices = Slices::of(&log.training_counts(), &log, &targets, ("f32", &all), ("mix", &all));
        let expected =
            [("0", 1), ("1-2", 2), ("3-5", 3), ("6-10", 5), ("11-20", 10), ("21-50", 30), ("51 and more", 9)];
        assert_eq!(slices.history.iter().map(|slice| (slice.name, slice.targets)).collect::<Vec<_>>(), expected);
        assert_eq!((slices.head_items, told(&slices.popularity)), (0, vec![("cold", 60, 1.0, 1.0)]));
        let table = slices.to_string();
        assert!(table.contains("history 51 and more          9   1.00000"), "{table}");
    }

    #[test]
    fn the_head_reaches_half_of_the_events() {
        assert_eq!(head(&[1, 5, 0, 4]), [false, true, false, false], "exactly half");
        assert_eq!(head(&[1, 5, 1, 4]), [false, true, false, true], "half is not reached before");
        assert_eq!(head(&[2, 2, 2, 2]), [true, true, false, false], "among equals the lower id");
        assert_eq!(head(&[0, 0]), [false, false]);
    }

    #[test]
    fn a_sample_of_targets_sees_the_whole_history() {
        let events: Vec<Event> = [0, 1, 2, 0, 1].into_iter().map(|item| Event::test(item, 0)).collect();
        let log = dataset(3, FilterSeen::None, false, &[&events, &events]);
        // The item before the second sequence is not part of it.
        assert_eq!(histories(&log, &[2, 4, 5, 8], &[0, 0, 1, 1]), (vec![2, 4, 0, 3], vec![false, true, false, true]));
    }
}
