//! Visitors whose own models learn, and what that says of where they begin.

use crate::companion::data::{Dataset, Part};
use crate::engine::cpu::{Cpu, Simd};
use crate::engine::Stream;
use crate::engine::personal::{Lesson, Personal};
use crate::format::{Model, OWN_GATES, PersonalStart};
use anyhow::Result;
use rayon::prelude::*;
use std::ops::Range;
use std::sync::Arc;

/// Events before the judged ones, of one visitor after the other.
const LEADS: [usize; 4] = [4, 16, 32, 64];
/// Events of a visitor, at most.
const LONGEST: usize = 120;
/// Visitors, at most: those of a larger log are evenly drawn.
const MOST: usize = 800;
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
        let parts = &sequences.parts[range.clone()];
        let first = range.start + parts.iter().position(|part| *part == Part::Validation)?;
        let last = range.start + parts.iter().rposition(|part| *part == Part::Validation)?;
        Some((first, last, range.start))
    };
    let all: Vec<_> = (0..sequences.len()).filter_map(episode).collect();
    let stride = all.len().div_ceil(MOST).max(1);
    let (mut learning, mut picking) = (Vec::new(), Vec::new());
    for (number, &(first, last, start)) in all.iter().step_by(stride).enumerate() {
        let start = first.saturating_sub(LEADS[number / PICKING % LEADS.len()]).max(start);
        let episode = Episode { places: start..(last + 1).min(start + LONGEST), judged: first };
        if number % PICKING == 0 { picking.push(episode) } else { learning.push(episode) }
    }
    (learning, picking)
}

/// What episodes come to.
#[derive(Debug, Clone, Default)]
pub struct Sums {
    /// By the offsets that are begun with.
    first: [f32; OWN_GATES + 1],
    /// By the logarithms of the steps, in the same order.
    steps: [f32; OWN_GATES + 1],
    /// By that of the query's step.
    query: f32,
    /// Nats gained while what was learned was used.
    gained: f64,
    events: usize,
    /// Where each visitor's query had moved at the end, `[hidden]` each.
    pub moves: Vec<Vec<f32>>,
}

impl Sums {
    /// All slopes: the offsets', the steps', the query's.
    pub fn slopes(&self) -> Vec<f32> {
        [&self.first[..], &self.steps, &[self.query]].concat()
    }

    /// Nats an event.
    pub fn gain(&self) -> f64 {
        self.gained / self.events.max(1) as f64
    }

    fn note(&mut self, personal: &Personal, start: &PersonalStart, lesson: &Lesson) {
        if personal.is_used() {
            self.gained += f64::from(lesson.own - lesson.base);
        }
        self.events += 1;
        let learned = personal.learned();
        for (kind, slope) in lesson.numbers[..OWN_GATES].iter().enumerate() {
            self.first[kind] += slope;
            self.steps[kind] += slope * (learned.numbers[kind] - start.first[kind]);
        }
        for (slope, coefficient) in lesson.numbers[OWN_GATES..].iter().zip(&learned.numbers[OWN_GATES..]) {
            self.query += slope * coefficient;
        }
        for &(item, slope) in &lesson.items {
            self.first[OWN_GATES] += slope;
            if let Some(offset) = learned.offset(item) {
                self.steps[OWN_GATES] += slope * (offset - start.first[OWN_GATES]);
            }
        }
    }

    fn add(&mut self, other: Self) {
        let Self { first, steps, query, gained, events, moves } = other;
        self.first.iter_mut().zip(first).for_each(|(sum, value)| *sum += value);
        self.steps.iter_mut().zip(steps).for_each(|(sum, value)| *sum += value);
        self.query += query;
        self.gained += gained;
        self.events += events;
        self.moves.extend(moves);
    }
}

/// Runs them, each from its beginning; the sum does not depend on the number of cores.
///
/// # Errors
/// None in practice: the engine runs on the CPU.
pub fn run(dataset: &Dataset, model: &Arc<Model>, episodes: &[Episode]) -> Result<Sums> {
    let new_stream = || Stream::new(model.clone(), Cpu::<Simd>::new(model.clone()));
    let one = |stream: &mut crate::error::Result<Stream<Cpu<Simd>>>, episode: &Episode| {
        let stream = stream.as_mut().map_err(|error| anyhow::anyhow!("{error}"))?;
        run_one(dataset, model, stream, episode)
    };
    let all: Vec<Sums> = episodes.par_iter().map_init(new_stream, one).collect::<Result<_>>()?;
    let mut sums = Sums::default();
    all.into_iter().for_each(|one| sums.add(one));
    Ok(sums)
}

fn run_one(dataset: &Dataset, model: &Arc<Model>, stream: &mut Stream<Cpu<Simd>>, episode: &Episode) -> Result<Sums> {
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
            }
            personal.take(&lesson);
        }
        stream.observe(event)?;
    }
    sums.moves.push(personal.shift().to_vec());
    Ok(sums)
}
