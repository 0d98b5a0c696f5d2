//! Counts which items are met together.

use super::config::TrainConfig;
use crate::companion::data::{Dataset, Part};
use crate::event::NO_TIME;
use crate::format::{Context, Neighbours};
use rayon::prelude::*;
use serde::Serialize;
use std::ops::Range;

/// The folds of sequences: a sequence's fold is its number modulo this.
pub const FOLDS: usize = 5;

/// Events less than this far apart count as met together, where there are no groups.
pub const REACH: usize = 10;

/// Occurrences of items that are held at once, of twelve bytes; of more, the events are gone through again.
const HELD: usize = 1 << 23;

/// What counts as a neighbour, and how much.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Rule {
    /// How strongly a neighbour's own frequency counts against it: at 0 popular items are everyone's neighbours, at
    /// 1 the rarest are.
    pub lift: f32,
    /// What an event counts that came before the item, against one that came after it, where there are no groups.
    pub backward: f32,
    /// Whether what is long past fades: whether an event counts half as much as one that came half the log's time after it.
    pub fades: bool,
}

/// The rules to pick from. Which one fits is a matter of the log: baskets of groceries rank best with a lift of a
/// half, reviews and clicks, where what is popular now comes next, with none.
pub fn rules(context: Context) -> Vec<Rule> {
    let backward: &[f32] = if context == Context::OpenGroup { &[1.0] } else { &[0.0, 0.5] };
    let with = |lift| backward.iter().map(move |&backward| Rule { lift, backward, fades: false });
    with(0.0).chain(with(0.5)).collect()
}

/// Which training events a table is counted over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// All: what the shipped model gets.
    All,
    /// Those of the sequences outside one fold.
    WithoutFold(usize),
    /// Those before a time, in milliseconds since 1970.
    Before(i64),
}

/// Which neighbours of an item are kept.
#[derive(Debug, Clone, Copy)]
pub struct Kept {
    /// So many of the best.
    pub most: usize,
    /// Of those that so many sequences have beside the item.
    pub min_sequences: usize,
}

/// Which neighbours are kept: none where there are too few sequences to count each one's table on the others. A model must not
/// learn without the table that it ships with.
pub fn kept(dataset: &Dataset, config: &TrainConfig) -> Kept {
    let most = if dataset.sequences.len() < FOLDS || !dataset.schema.predicts_items() { 0 } else { config.neighbours };
    Kept { most, min_sequences: config.neighbours_min_sequences }
}

/// Counts neighbours over training events.
///
/// With groups: the share of an item's groups that hold the neighbour too. Without: the number of times that the
/// neighbour follows less than ten events later (one over the distance, `backward` of it when it comes before), for each
/// occurrence of the item. Both are divided by the neighbour's relative frequency to the power of `lift`; where the rule
/// fades, occurrences of the item are weighed by their age.
pub fn count(dataset: &Dataset, context: Context, rule: Rule, kept: Kept, counted: Counted) -> Neighbours {
    count_by(HELD, dataset, context, rule, kept, counted)
}

/// Holds at most so many occurrences at once, unless one item has more.
fn count_by(held: usize, dataset: &Dataset, context: Context, rule: Rule, kept: Kept, counted: Counted) -> Neighbours {
    let spans = Spans { dataset, context, counted };
    let counts = spans.item_counts();
    let lift = lift(&counts, rule.lift);
    let fading = rule.fades.then(|| Fading::of(dataset)).flatten();
    let mut rows: Vec<Vec<(u32, f32)>> = Vec::with_capacity(counts.len());
    for items in stretches(&counts, held) {
        let occurrences = Occurrences::of(&spans, &counts, items.clone());
        rows.par_extend(items.into_par_iter().map_init(
            || Tally {
                dataset,
                context,
                backward: rule.backward,
                fading: fading.as_ref(),
                lift: &lift,
                kept,
                sums: vec![0.0; counts.len()],
                met_by: vec![Met::default(); if kept.min_sequences > 1 { counts.len() } else { 0 }],
                touched: Vec::new(),
            },
            |tally, item| tally.row(occurrences.of_item(item), item as u32),
        ));
    }
    pack(&rows)
}

/// The stretches of counted events within which items count as met together.
struct Spans<'a> {
    dataset: &'a Dataset,
    context: Context,
    counted: Counted,
}

impl Spans<'_> {
    fn for_each(&self, mut take: impl FnMut(Range<usize>)) {
        let Self { dataset, context, counted } = *self;
        let sequences = &dataset.sequences;
        let (parts, times, groups) = (&sequences.parts[..], &sequences.times[..], &sequences.groups[..]);
        let counts = |sequence: usize, place: usize| {
            parts[place] == Part::Train
                && match counted {
                    Counted::All => true,
                    Counted::WithoutFold(fold) => sequence % FOLDS != fold,
                    Counted::Before(time) => times[place] < time,
                }
        };
        for sequence in 0..sequences.len() {
            let mut start: Option<usize> = None;
            let range = sequences.range(sequence);
            for place in range.clone() {
                let is_counted = counts(sequence, place);
                let goes_on = start.is_some_and(|start| {
                    is_counted && (context == Context::LastEvents || groups[start] == groups[place])
                });
                if !goes_on {
                    start.take().into_iter().for_each(|start| take(start..place));
                    start = is_counted.then_some(place);
                }
            }
            start.into_iter().for_each(|start| take(start..range.end));
        }
    }

    /// How often each item is counted: `[items]`.
    fn item_counts(&self) -> Vec<u32> {
        let all = &self.dataset.sequences.items[..];
        let mut counts = vec![0; self.dataset.vocab.len()];
        self.for_each(|span| all[span].iter().for_each(|&item| counts[item as usize] += 1));
        counts
    }
}

/// What a neighbour's weight is multiplied with, `[items]`: 1 for an item of mean frequency.
fn lift(counts: &[u32], power: f32) -> Vec<f32> {
    let total: usize = counts.iter().map(|&count| count as usize).sum();
    let mean = total as f32 / counts.len().max(1) as f32;
    counts.iter().map(|&count| (mean / count.max(1) as f32).powf(power)).collect()
}

/// Cuts the items into stretches that are counted at most so often, unless one item is.
fn stretches(counts: &[u32], most: usize) -> Vec<Range<usize>> {
    let mut stretches = Vec::new();
    let (mut start, mut sum) = (0, 0);
    for (item, &count) in counts.iter().enumerate() {
        if item > start && sum + count as usize > most {
            stretches.push(start..item);
            (start, sum) = (item, 0);
        }
        sum += count as usize;
    }
    stretches.push(start..counts.len());
    stretches
}

/// Where each of some items occurs, by item.
struct Occurrences {
    first: usize,
    offsets: Vec<usize>,
    places: Vec<Occurrence>,
}

/// A place and the span that holds it; a log has fewer than 4 billion events.
#[derive(Clone, Copy, Default)]
struct Occurrence {
    start: u32,
    place: u32,
    end: u32,
}

impl Occurrences {
    fn of(spans: &Spans<'_>, counts: &[u32], of: Range<usize>) -> Self {
        let mut offsets = vec![0];
        for item in of.clone() {
            offsets.push(offsets[item - of.start] + counts[item] as usize);
        }
        let mut next = offsets.clone();
        let mut places = vec![Occurrence::default(); offsets[of.len()]];
        let all = &spans.dataset.sequences.items[..];
        spans.for_each(|span| {
            for place in span.clone() {
                let item = all[place] as usize;
                if of.contains(&item) {
                    let slot = &mut next[item - of.start];
                    places[*slot] = Occurrence { start: span.start as u32, place: place as u32, end: span.end as u32 };
                    *slot += 1;
                }
            }
        });
        Self { first: of.start, offsets, places }
    }

    fn of_item(&self, item: usize) -> &[Occurrence] {
        &self.places[self.offsets[item - self.first]..self.offsets[item - self.first + 1]]
    }
}

/// What an event counts by its age. Only ratios matter, so that tables of earlier events fade alike.
struct Fading {
    first: i64,
    half_life: f64,
}

impl Fading {
    /// None where all training events are of one time, or of none.
    fn of(dataset: &Dataset) -> Option<Self> {
        let events = dataset.sequences.times.iter().zip(&dataset.sequences.parts);
        let times = events.filter(|&(&time, &part)| part == Part::Train && time != NO_TIME).map(|(&time, _)| time);
        let (first, last) = times.fold((i64::MAX, i64::MIN), |(first, last), time| (first.min(time), last.max(time)));
        (first < last).then(|| Self { first, half_life: (last as f64 - first as f64) / 2.0 })
    }

    fn weight(&self, time: i64) -> f32 {
        let age = if time == NO_TIME { 0.0 } else { time as f64 - self.first as f64 };
        (age / self.half_life).exp2() as f32
    }
}

/// One thread's counters.
struct Tally<'a> {
    dataset: &'a Dataset,
    context: Context,
    backward: f32,
    fading: Option<&'a Fading>,
    /// See [`lift`].
    lift: &'a [f32],
    kept: Kept,
    sums: Vec<f32>,
    /// Empty where it does not matter: `[items]`.
    met_by: Vec<Met>,
    touched: Vec<u32>,
}

/// How many sequences have an item beside the one that is counted, and the last of them (plus 1).
#[derive(Clone, Copy, Default)]
struct Met {
    sequences: u32,
    last: u32,
}

impl Tally<'_> {
    fn row(&mut self, occurrences: &[Occurrence], item: u32) -> Vec<(u32, f32)> {
        let Kept { most, min_sequences } = self.kept;
        let Self { dataset, context, backward, fading, lift, .. } = *self;
        let items = &dataset.sequences.items[..];
        let mut total = 0.0;
        for &Occurrence { start, place, end } in occurrences {
            let (span, place) = (start as usize..end as usize, place as usize);
            let weight = fading.map_or(1.0, |fading| fading.weight(dataset.sequences.times[place]));
            total += weight;
            let sequence =
                if min_sequences > 1 { dataset.sequences.offsets.partition_point(|&at| at <= place as u64) } else { 0 };
            match context {
                Context::OpenGroup => span.for_each(|other| self.add(items[other], weight, sequence)),
                Context::LastEvents => {
                    for distance in 1..REACH {
                        if place + distance < span.end {
                            self.add(items[place + distance], weight / distance as f32, sequence);
                        }
                        if backward > 0.0 && place >= span.start + distance {
                            self.add(items[place - distance], weight * backward / distance as f32, sequence);
                        }
                    }
                }
            }
        }
        let mut row: Vec<(u32, f32)> = Vec::with_capacity(self.touched.len());
        for other in self.touched.drain(..) {
            let sum = std::mem::take(&mut self.sums[other as usize]);
            let met_by = self.met_by.get_mut(other as usize).map(std::mem::take);
            if other != item && met_by.is_none_or(|met| met.sequences as usize >= min_sequences) {
                row.push((other, sum / total * lift[other as usize]));
            }
        }
        let better = |a: &(u32, f32), b: &(u32, f32)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
        if row.len() > most {
            row.select_nth_unstable_by(most, better);
            row.truncate(most);
            // A popular item has met many thousands.
            row.shrink_to_fit();
        }
        row.sort_unstable_by(better);
        row
    }

    fn add(&mut self, item: u32, weight: f32, sequence: usize) {
        if let Some(met) = self.met_by.get_mut(item as usize).filter(|met| met.last != sequence as u32) {
            *met = Met { sequences: met.sequences + 1, last: sequence as u32 };
        }
        let sum = &mut self.sums[item as usize];
        if *sum == 0.0 {
            self.touched.push(item);
        }
        *sum += weight;
    }
}

pub(super) fn pack(rows: &[Vec<(u32, f32)>]) -> Neighbours {
    let mut packed = Neighbours { offsets: vec![0], ..Neighbours::default() };
    for row in rows {
        let scale = row.first().map_or(0.0, |best| best.1);
        packed.scales.push(scale);
        for &(item, weight) in row {
            packed.items.push(item);
            packed.weights.push((weight / scale * 255.0).round() as u8);
        }
        packed.offsets.push(packed.items.len() as u32);
    }
    packed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::companion::evaluate::testing::{Event, dataset};
    use crate::schema::FilterSeen;

    #[test]
    fn how_many_occurrences_are_held_changes_nothing() {
        let sequences: Vec<Vec<Event>> = (0..40u32)
            .map(|sequence| (0..9).map(|place| Event::train((sequence * 7 + place * place) % 23, place / 3)).collect())
            .collect();
        let log = dataset(24, FilterSeen::None, true, &sequences.iter().map(Vec::as_slice).collect::<Vec<_>>());
        for context in [Context::OpenGroup, Context::LastEvents] {
            for rule in rules(context) {
                let kept = Kept { most: 4, min_sequences: 1 };
                let table = |held| count_by(held, &log, context, rule, kept, Counted::WithoutFold(2));
                let whole = table(HELD);
                assert!(whole.items.len() > 40);
                for held in [1, 50] {
                    assert!(table(held) == whole, "{context:?}, {held}");
                }
            }
        }
        assert_eq!(stretches(&[3, 0, 4, 9, 1, 1], 7), [0..3, 3..4, 4..6]);
    }

    #[test]
    fn neighbours_of_few_sequences_can_be_left_out() {
        // Items 0 and 1 are met in two sequences, 0 and 2 twice in one.
        let (first, second) = ([(0, 0), (1, 0), (2, 0), (0, 1), (2, 1)], [(1, 0), (0, 0)]);
        let events = |events: &[(u32, u32)]| events.iter().map(|&(item, group)| Event::train(item, group)).collect();
        let sequences: Vec<Vec<Event>> = vec![events(&first), events(&second)];
        let log = dataset(3, FilterSeen::None, true, &sequences.iter().map(Vec::as_slice).collect::<Vec<_>>());
        let rule = Rule { lift: 0.0, backward: 1.0, fades: false };
        let others = |min_sequences, item| -> Vec<u32> {
            let kept = Kept { most: 4, min_sequences };
            let table = count(&log, Context::OpenGroup, rule, kept, Counted::All);
            table.row(item).map(|(other, _)| other).collect()
        };
        assert_eq!((others(1, 0), others(2, 0), others(3, 0)), (vec![1, 2], vec![1], vec![]));
        assert_eq!((others(2, 1), others(2, 2)), (vec![0], vec![]));
    }
}
