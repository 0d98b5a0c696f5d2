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
const REACH: usize = 10;

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

/// How many neighbours of an item are kept: none where there are too few sequences to count each one's table on the
/// others. A model must not learn without the table that it ships with.
pub fn most(dataset: &Dataset, config: &TrainConfig) -> usize {
    if dataset.sequences.len() < FOLDS { 0 } else { config.neighbours }
}

/// Counts neighbours over training events.
///
/// With groups: the share of an item's groups that hold the neighbour too. Without: the number of times that the
/// neighbour follows less than ten events later (one over the distance, `backward` of it when it comes before), for each
/// occurrence of the item. Both are divided by the neighbour's relative frequency to the power of `lift`; where the rule
/// fades, occurrences of the item are weighed by their age.
pub fn count(dataset: &Dataset, context: Context, rule: Rule, most: usize, counted: Counted) -> Neighbours {
    let spans = spans(dataset, context, counted);
    let occurrences = Occurrences::of(dataset, &spans);
    let items = dataset.vocab.len();
    let lift = occurrences.lift(rule.lift);
    let fading = rule.fades.then(|| Fading::of(dataset)).flatten();
    let rows: Vec<Vec<(u32, f32)>> = (0..items)
        .into_par_iter()
        .map_init(
            || Tally {
                dataset,
                context,
                backward: rule.backward,
                fading: fading.as_ref(),
                spans: &spans,
                lift: &lift,
                sums: vec![0.0; items],
                touched: Vec::new(),
            },
            |tally, item| tally.row(occurrences.of_item(item), item as u32, most),
        )
        .collect();
    pack(&rows)
}

/// The stretches of counted events within which items count as met together.
fn spans(dataset: &Dataset, context: Context, counted: Counted) -> Vec<Range<usize>> {
    let sequences = &dataset.sequences;
    let counts = |sequence: usize, place: usize| {
        sequences.parts[place] == Part::Train
            && match counted {
                Counted::All => true,
                Counted::WithoutFold(fold) => sequence % FOLDS != fold,
                Counted::Before(time) => sequences.times[place] < time,
            }
    };
    let mut spans = Vec::new();
    for sequence in 0..sequences.len() {
        let mut start: Option<usize> = None;
        let range = sequences.range(sequence);
        for place in range.clone() {
            let is_counted = counts(sequence, place);
            let goes_on = start.is_some_and(|start| {
                is_counted && (context == Context::LastEvents || sequences.groups[start] == sequences.groups[place])
            });
            if !goes_on {
                spans.extend(start.take().map(|start| start..place));
                start = is_counted.then_some(place);
            }
        }
        spans.extend(start.map(|start| start..range.end));
    }
    spans
}

/// Where each item occurs: span and place, by item.
struct Occurrences {
    offsets: Vec<usize>,
    places: Vec<(u32, usize)>,
}

impl Occurrences {
    fn of(dataset: &Dataset, spans: &[Range<usize>]) -> Self {
        let all = &dataset.sequences.items;
        let mut offsets = vec![0; dataset.vocab.len() + 1];
        for place in spans.iter().cloned().flatten() {
            offsets[all[place] as usize + 1] += 1;
        }
        for item in 1..offsets.len() {
            offsets[item] += offsets[item - 1];
        }
        let mut next = offsets.clone();
        let mut places = vec![(0, 0); offsets.last().copied().unwrap_or(0)];
        for (span, range) in spans.iter().enumerate() {
            for place in range.clone() {
                let slot = &mut next[all[place] as usize];
                places[*slot] = (span as u32, place);
                *slot += 1;
            }
        }
        Self { offsets, places }
    }

    /// What a neighbour's weight is multiplied with, `[items]`: 1 for an item of mean frequency.
    fn lift(&self, power: f32) -> Vec<f32> {
        let mean = self.places.len() as f32 / (self.offsets.len() - 1).max(1) as f32;
        let count = |pair: &[usize]| (pair[1] - pair[0]).max(1) as f32;
        self.offsets.windows(2).map(|pair| (mean / count(pair)).powf(power)).collect()
    }

    fn of_item(&self, item: usize) -> &[(u32, usize)] {
        &self.places[self.offsets[item]..self.offsets[item + 1]]
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
    spans: &'a [Range<usize>],
    /// See [`Occurrences::lift`].
    lift: &'a [f32],
    sums: Vec<f32>,
    touched: Vec<u32>,
}

impl Tally<'_> {
    fn row(&mut self, occurrences: &[(u32, usize)], item: u32, most: usize) -> Vec<(u32, f32)> {
        let Self { dataset, context, backward, fading, spans, lift, .. } = *self;
        let items = &dataset.sequences.items;
        let mut total = 0.0;
        for &(span, place) in occurrences {
            let span = spans[span as usize].clone();
            let weight = fading.map_or(1.0, |fading| fading.weight(dataset.sequences.times[place]));
            total += weight;
            match context {
                Context::OpenGroup => span.for_each(|other| self.add(items[other], weight)),
                Context::LastEvents => {
                    for distance in 1..REACH {
                        if place + distance < span.end {
                            self.add(items[place + distance], weight / distance as f32);
                        }
                        if backward > 0.0 && place >= span.start + distance {
                            self.add(items[place - distance], weight * backward / distance as f32);
                        }
                    }
                }
            }
        }
        let mut row: Vec<(u32, f32)> = Vec::with_capacity(self.touched.len());
        for other in self.touched.drain(..) {
            let sum = std::mem::take(&mut self.sums[other as usize]);
            if other != item {
                row.push((other, sum / total * lift[other as usize]));
            }
        }
        let better = |a: &(u32, f32), b: &(u32, f32)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
        if row.len() > most {
            row.select_nth_unstable_by(most, better);
            row.truncate(most);
        }
        row.sort_unstable_by(better);
        row
    }

    fn add(&mut self, item: u32, weight: f32) {
        let sum = &mut self.sums[item as usize];
        if *sum == 0.0 {
            self.touched.push(item);
        }
        *sum += weight;
    }
}

fn pack(rows: &[Vec<(u32, f32)>]) -> Neighbours {
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
