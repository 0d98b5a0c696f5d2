//! Visitors whose own models learn, and what that says of where they begin.

use crate::companion::data::{Dataset, Part};
use crate::engine::Stream;
use crate::engine::cpu::{Cpu, Simd};
use crate::engine::personal::{Lesson, Personal};
use crate::event::Upcoming;
use crate::format::{Model, OWN_GATES, PersonalStart};
use anyhow::Result;
use rayon::prelude::*;
use std::ops::Range;
use std::sync::Arc;

/// Events of a visitor that come before any is judged.
const LEAD: usize = 4;
/// Events of a visitor, at most.
const LONGEST: usize = 100;
/// Visitors, at most: those of a larger log are evenly drawn.
const MOST: usize = 600;
/// Every so manieth visitor is picked by, and not learned from.
const PICKING: usize = 4;

/// One visitor's events, of which some are judged.
#[derive(Debug, Clone, PartialEq)]
pub struct Episode {
    places: Range<usize>,
    /// From this place on.
    judged: usize,
}

impl Episode {
    pub fn judged(&self) -> usize {
        self.places.end - self.judged
    }
}

/// The visitors that are learned from, and those that are picked by.
pub fn of_visitors(dataset: &Dataset) -> (Vec<Episode>, Vec<Episode>) {
    let sequences = &dataset.sequences;
    let episode = |sequence: usize| {
        let range = sequences.range(sequence);
        let is_learned_from = |part: &Part| matches!(part, Part::Train | Part::Validation);
        let first = range.start + sequences.parts[range.clone()].iter().position(is_learned_from)?;
        let events = sequences.parts[first..range.end].iter().take_while(|part| is_learned_from(part)).take(LONGEST);
        let end = first + events.count();
        (end > first + LEAD).then_some(Episode { places: first..end, judged: first + LEAD })
    };
    let all: Vec<Episode> = (0..sequences.len()).filter_map(episode).collect();
    let stride = all.len().div_ceil(MOST).max(1);
    let (mut learning, mut picking) = (Vec::new(), Vec::new());
    for (number, episode) in all.into_iter().step_by(stride).enumerate() {
        if number % PICKING == 0 { picking.push(episode) } else { learning.push(episode) }
    }
    (learning, picking)
}

/// What episodes come to.
#[derive(Debug, Clone, Default)]
pub struct Sums {
    /// By the logarithms of the steps, of the gates and of an item.
    steps: [f32; OWN_GATES + 1],
    /// By that of the query's step.
    query: f32,
    /// Of the ranks, where they are asked for, with what was learned while it was used.
    ndcg: f64,
    events: usize,
    /// Where each visitor's query had moved at the end, `[hidden]` each.
    pub moves: Vec<Vec<f32>>,
}

impl Sums {
    /// All slopes: the steps', then the query's.
    pub fn slopes(&self) -> Vec<f32> {
        [&self.steps[..], &[self.query]].concat()
    }

    /// NDCG@10 of all items, if ranks were asked for.
    pub fn ndcg(&self) -> f64 {
        self.ndcg / self.events.max(1) as f64
    }

    fn note(&mut self, personal: &Personal, start: &PersonalStart, lesson: &Lesson) {
        self.events += 1;
        let learned = personal.learned();
        for (kind, slope) in lesson.numbers[..OWN_GATES].iter().enumerate() {
            self.steps[kind] += slope * (learned.numbers[kind] - start.first[kind]);
        }
        for (slope, coefficient) in lesson.numbers[OWN_GATES..].iter().zip(&learned.numbers[OWN_GATES..]) {
            self.query += slope * coefficient;
        }
        for &(item, slope) in &lesson.items {
            if let Some(offset) = learned.offset(item) {
                self.steps[OWN_GATES] += slope * (offset - start.first[OWN_GATES]);
            }
        }
    }

    fn add(&mut self, other: Self) {
        let Self { steps, query, ndcg, events, moves } = other;
        self.steps.iter_mut().zip(steps).for_each(|(sum, value)| *sum += value);
        self.query += query;
        self.ndcg += ndcg;
        self.events += events;
        self.moves.extend(moves);
    }
}

/// Runs them, each from its beginning; the sum does not depend on the number of cores.
///
/// # Errors
/// None in practice: the engine runs on the CPU.
pub fn run(dataset: &Dataset, model: &Arc<Model>, episodes: &[Episode], ranks: bool) -> Result<Sums> {
    let new_stream = || Stream::new(model.clone(), Cpu::<Simd>::new(model.clone()));
    let one = |stream: &mut crate::error::Result<Stream<Cpu<Simd>>>, episode: &Episode| {
        let stream = stream.as_mut().map_err(|error| anyhow::anyhow!("{error}"))?;
        run_one(dataset, model, stream, episode, ranks)
    };
    let all: Vec<Sums> = episodes.par_iter().map_init(new_stream, one).collect::<Result<_>>()?;
    let mut sums = Sums::default();
    all.into_iter().for_each(|one| sums.add(one));
    Ok(sums)
}

fn run_one(
    dataset: &Dataset,
    model: &Arc<Model>,
    stream: &mut Stream<Cpu<Simd>>,
    episode: &Episode,
    ranks: bool,
) -> Result<Sums> {
    let mut scores = vec![0.0; if ranks { stream.items() } else { 0 }];
    let mut sums = Sums::default();
    let mut personal = Personal::new(model.clone());
    stream.reset()?;
    for place in episode.places.clone() {
        let event = dataset.sequences.event(place);
        if !event.is_known() || stream.repeats(event) {
            continue;
        }
        if let Some(lesson) = personal.lesson(stream, event)? {
            if place >= episode.judged {
                sums.note(&personal, &model.personal, &lesson);
                if ranks {
                    stream.score(Upcoming { group: event.group }, &[])?;
                    if personal.is_used() {
                        personal.apply(stream)?;
                    }
                    stream.ops().write_scores(&mut scores);
                    let target = scores[event.item as usize];
                    let rank = scores.iter().filter(|&&score| score >= target).count();
                    sums.ndcg += if rank <= 10 { 1.0 / ((rank + 1) as f64).log2() } else { 0.0 };
                }
            }
            personal.take(&lesson);
        }
        stream.observe(event)?;
    }
    sums.moves.push(personal.shift().to_vec());
    Ok(sums)
}
