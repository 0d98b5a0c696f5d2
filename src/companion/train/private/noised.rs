//! Noised sums over sequences: how popular items are, and which are met together.
//!
//! Each sequence adds numbers that are scaled to a norm of 1, so that long ones count no more than others and the noise is
//! known.

use crate::companion::data::Dataset;
use crate::companion::privacy::{Noise, Release};
use crate::companion::train::neighbours::{REACH, pack};
use crate::format::{Context, Neighbours};
use crate::vocab::ItemId;
use std::ops::Range;

/// The most items among which pairs are counted: all pairs are noised, also those that nobody has.
const PAIRED_ITEMS: usize = 1500;

/// Items and pairs that stand out of the noise by fewer of its standard deviations are not told from it.
const STANDS_OUT: f64 = 4.0;

/// How strongly a neighbour's popularity counts against it where there are groups; without, not at all.
const LIFT: f64 = 0.5;

/// How popular each item is, in standard deviations of the noise: `[items]`.
pub fn popularity(dataset: &Dataset, release: &Release, noise: &mut Noise) -> Vec<f64> {
    let mut sums = popularity_sums(dataset);
    noise.add_to(&mut sums, release.noise);
    sums.iter_mut().for_each(|sum| *sum /= release.noise);
    sums
}

/// Sums in which each sequence has a norm of 1 at most: its items, however often it has them, count alike.
fn popularity_sums(dataset: &Dataset) -> Vec<f64> {
    let sequences = &dataset.sequences;
    let mut sums = vec![0.0; dataset.vocab.len()];
    for sequence in 0..sequences.len() {
        let mut items: Vec<ItemId> = dataset.training_events(sequence).map(|place| sequences.items[place]).collect();
        items.sort_unstable();
        items.dedup();
        let share = 1.0 / (items.len() as f64).sqrt();
        items.iter().for_each(|&item| sums[item as usize] += share);
    }
    sums
}

/// A table without an entry.
pub fn no_neighbours(items: usize) -> Neighbours {
    pack(&vec![Vec::new(); items])
}

/// Neighbours among the most popular items; `popularity` is noised already, as [`popularity`] gives it.
pub fn neighbours(
    dataset: &Dataset,
    context: Context,
    popularity: &[f64],
    release: &Release,
    most: usize,
    noise: &mut Noise,
) -> Neighbours {
    let pairs = Pairs::new(context, popularity);
    let mut sums = pairs.sums(dataset);
    noise.add_to(&mut sums, release.noise);
    pairs.table(&sums, popularity, release.noise, most)
}

/// Pairs of the items that stand out.
struct Pairs {
    context: Context,
    /// The items, most popular first.
    items: Vec<ItemId>,
    /// Each item's place among them: `[items]`.
    places: Vec<Option<usize>>,
}

impl Pairs {
    fn new(context: Context, popularity: &[f64]) -> Self {
        let mut items: Vec<ItemId> = (0..popularity.len() as ItemId).collect();
        items.retain(|&item| popularity[item as usize] >= STANDS_OUT);
        items.sort_by(|&a, &b| popularity[b as usize].total_cmp(&popularity[a as usize]).then(a.cmp(&b)));
        items.truncate(PAIRED_ITEMS);
        let mut places = vec![None; popularity.len()];
        items.iter().enumerate().for_each(|(place, &item)| places[item as usize] = Some(place));
        Self { context, items, places }
    }

    /// A pair's place; with groups, both ways are one.
    fn pair(&self, item: usize, other: usize) -> usize {
        let (item, other) = match self.context {
            Context::OpenGroup => (item.min(other), item.max(other)),
            Context::LastEvents => (item, other),
        };
        item * self.items.len() + other
    }

    /// How often items are met together, and each at all (with itself), where each sequence has a norm of 1 at most:
    /// `[items, items]`.
    fn sums(&self, dataset: &Dataset) -> Vec<f64> {
        let mut sums = vec![0.0; self.items.len().pow(2)];
        let mut own = vec![0.0; sums.len()];
        let mut touched = Vec::new();
        for sequence in 0..dataset.sequences.len() {
            self.count(dataset, sequence, &mut |pair, value| {
                if own[pair] == 0.0 {
                    touched.push(pair);
                }
                own[pair] += value;
            });
            let norm = touched.iter().map(|&pair| own[pair] * own[pair]).sum::<f64>().sqrt();
            for pair in touched.drain(..) {
                sums[pair] += std::mem::take(&mut own[pair]) / norm;
            }
        }
        sums
    }

    fn count(&self, dataset: &Dataset, sequence: usize, add: &mut impl FnMut(usize, f64)) {
        let sequences = &dataset.sequences;
        let met: Vec<(u32, usize)> = dataset
            .training_events(sequence)
            .filter_map(|place| Some((sequences.groups[place], self.places[sequences.items[place] as usize]?)))
            .collect();
        match self.context {
            Context::OpenGroup => {
                for group in met.chunk_by(|a, b| a.0 == b.0) {
                    let mut items: Vec<usize> = group.iter().map(|&(_, item)| item).collect();
                    items.sort_unstable();
                    items.dedup();
                    for (place, &item) in items.iter().enumerate() {
                        items[place..].iter().for_each(|&other| add(self.pair(item, other), 1.0));
                    }
                }
            }
            Context::LastEvents => {
                for (place, &(_, item)) in met.iter().enumerate() {
                    add(self.pair(item, item), 1.0);
                    for (distance, &(_, other)) in (1..REACH).zip(&met[place + 1..]) {
                        if other != item {
                            add(self.pair(item, other), 1.0 / distance as f64);
                        }
                    }
                }
            }
        }
    }

    /// Each item's neighbours that stand out, by the share of its occurrences that they come with.
    fn table(&self, sums: &[f64], popularity: &[f64], noise: f64, most: usize) -> Neighbours {
        let least = STANDS_OUT * noise;
        let known = self.items.iter().map(|&item| popularity[item as usize]);
        let mean = known.clone().sum::<f64>() / self.items.len().max(1) as f64;
        let lift: Vec<f64> = match self.context {
            Context::OpenGroup => known.map(|popularity| (mean / popularity).powf(LIFT)).collect(),
            Context::LastEvents => vec![1.0; self.items.len()],
        };
        let mut rows = vec![Vec::new(); popularity.len()];
        for (place, &item) in self.items.iter().enumerate() {
            let met = sums[self.pair(place, place)].max(least);
            let stands_out = |&other: &usize| other != place && sums[self.pair(place, other)] >= least;
            let others: Range<usize> = 0..self.items.len();
            let share = |other: usize| (self.items[other], (sums[self.pair(place, other)] / met * lift[other]) as f32);
            let row = &mut rows[item as usize];
            row.extend(others.filter(stands_out).map(share));
            row.sort_unstable_by(|a: &(u32, f32), b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            row.truncate(most);
        }
        pack(&rows)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::companion::data::Part;
    use crate::companion::evaluate::testing::{Event, dataset};
    use crate::schema::FilterSeen;

    fn norm(values: impl Iterator<Item = f64>) -> f64 {
        values.map(|value| value * value).sum::<f64>().sqrt()
    }

    /// Leaves out one sequence after the other.
    pub fn no_sequence_adds_more_than_1(log: &Dataset) {
        for context in [Context::OpenGroup, Context::LastEvents] {
            let pairs = Pairs::new(context, &vec![STANDS_OUT; log.vocab.len()]);
            let (items, met) = (popularity_sums(log), pairs.sums(log));
            for left_out in 0..log.sequences.len() {
                let mut without = log.clone();
                without.sequences.parts.to_mut()[log.sequences.range(left_out)].fill(Part::HeldOut);
                for (before, after) in [(&items, popularity_sums(&without)), (&met, pairs.sums(&without))] {
                    let moved = norm(before.iter().zip(&after).map(|(before, after)| before - after));
                    assert!((moved - 1.0).abs() < 1e-9, "{context:?}, {left_out}: {moved}");
                }
            }
        }
    }

    #[test]
    fn neighbours_stand_out_of_the_noise_or_are_left_out() {
        // Of 400 sequences all have items 0 and 1 in one group, and 2 alone.
        let events = [Event::train(0, 0), Event::train(1, 0), Event::train(2, 1)];
        let sequences: Vec<&[Event]> = (0..400).map(|_| &events[..]).collect();
        let log = dataset(40, FilterSeen::None, true, &sequences);
        let mut noise = Noise::of([3; 32]);
        let once = |noise| Release { sampling_rate: 1.0, noise, times: 1 };
        let counts = popularity(&log, &once(2.0), &mut noise);
        assert!(counts[..3].iter().all(|&count| (100.0..130.0).contains(&count)), "{counts:?}");
        assert!(counts[3..].iter().all(|&count| count.abs() < STANDS_OUT), "{counts:?}");
        let table = neighbours(&log, Context::OpenGroup, &counts, &once(2.0), 32, &mut noise);
        let row = |item| table.row(item).map(|(other, _)| other).collect::<Vec<_>>();
        assert_eq!((row(0), row(1), row(2), row(3)), (vec![1], vec![0], vec![], vec![]));
        assert!((table.row(0).next().unwrap().1 - 1.0).abs() < 0.15, "always together");
        let drowned = neighbours(&log, Context::OpenGroup, &counts, &once(1e3), 32, &mut noise);
        assert!(drowned.items.len() < 3, "{:?}", drowned.items);
    }
}
