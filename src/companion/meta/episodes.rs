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

/// Events of a visitor that come before any is judged, at least and at most.
const LEADS: Range<usize> = 4..96;
/// How many times each visitor is looked at, with another number of events before those that are judged.
const VIEWS: usize = 3;
/// Events of a visitor that are judged, at most.
const JUDGED: usize = 60;
/// Visitors, at most: those of a larger log are evenly drawn.
const MOST: usize = 1000;
/// Every so manieth visitor is picked by, and not learned from.
const PICKING: usize = 4;

/// One visitor's events, of which those of the validation part are judged: the base model has not learned from them.
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

/// The visitors that are learned from, and those that are picked by; one view of each after the other.
pub fn of_visitors(dataset: &Dataset) -> (Vec<Episode>, Vec<Episode>) {
    let sequences = &dataset.sequences;
    // The validation part's events.
    let judged = |sequence: usize| {
        let range = sequences.range(sequence);
        let is_judged = |part: &Part| *part == Part::Validation;
        let first = range.start + sequences.parts[range.clone()].iter().position(is_judged)?;
        let events = sequences.parts[first..range.end].iter().take_while(|part| is_judged(part)).take(JUDGED);
        Some((range.start, first..first + events.count()))
    };
    let all: Vec<_> = (0..sequences.len()).filter_map(judged).collect();
    let stride = all.len().div_ceil(MOST).max(1);
    let (mut learning, mut picking) = (Vec::new(), Vec::new());
    for view in 0..VIEWS {
        for (number, (start, places)) in all.iter().step_by(stride).enumerate() {
            // By the golden ratio, so that leads are spread evenly.
            let turn = (number * VIEWS + view) as f64 * 0.618_033_988_75;
            let lead = LEADS.start + (turn.fract() * LEADS.len() as f64) as usize;
            let first = places.start.saturating_sub(lead).max(*start);
            let judged = places.start.max(first + LEADS.start);
            if judged < places.end {
                let part = if number % PICKING == 0 { &mut picking } else { &mut learning };
                part.push(Episode { places: first..places.end, judged });
            }
        }
    }
    (learning, picking)
}

/// What episodes come to.
#[derive(Debug, Clone, Default)]
pub struct Sums {
    /// By the logarithms of the steps, of the gates and of an item.
    steps: [f32; OWN_GATES + 1],
    /// By what the gates begin with.
    first: [f32; OWN_GATES],
    /// By [`PersonalStart::again`], `[hidden]`.
    again: Vec<f32>,
    /// By that of the query's step.
    query: f32,
    /// Of the ranks, where they are asked for, with what was learned while it was used.
    ndcg: f64,
    events: usize,
    /// Where each visitor's query had moved at the end, `[hidden]` each.
    pub moves: Vec<Vec<f32>>,
}

impl Sums {
    fn of(model: &Model) -> Self {
        Self { again: vec![0.0; model.metadata.architecture.hidden], ..Self::default() }
    }

    /// The slopes of how fast is learned: the steps', then the query's.
    pub fn speeds(&self) -> Vec<f32> {
        [&self.steps[..], &[self.query]].concat()
    }

    /// Those of where is begun: the gates', then those of [`PersonalStart::again`].
    pub fn beginnings(&self) -> Vec<f32> {
        [&self.first[..], &self.again].concat()
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
            self.first[kind] += slope;
        }
        add(&mut self.again, &lesson.again);
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
        let Self { steps, first, again, query, ndcg, events, moves } = other;
        add(&mut self.steps, &steps);
        add(&mut self.first, &first);
        add(&mut self.again, &again);
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
    let mut sums = Sums::of(model);
    all.into_iter().for_each(|one| sums.add(one));
    Ok(sums)
}

fn add(sums: &mut [f32], values: &[f32]) {
    sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
}

fn run_one(
    dataset: &Dataset,
    model: &Arc<Model>,
    stream: &mut Stream<Cpu<Simd>>,
    episode: &Episode,
    ranks: bool,
) -> Result<Sums> {
    let mut scores = vec![0.0; if ranks { stream.items() } else { 0 }];
    let mut sums = Sums::of(model);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::companion::evaluate::testing::{Event, dataset};
    use crate::schema::FilterSeen;

    #[test]
    fn only_validation_events_are_judged_after_leads_of_several_lengths() {
        let long: Vec<Event> = (0..300).map(|number| Event::train(0, number)).collect();
        let validated: Vec<Event> = (300..310).map(|number| Event::validation(1, number)).collect();
        let tested = [Event::test(2, 310)];
        let whole = [&long[..], &validated, &tested].concat();
        // Of no use: nothing to judge, or too young a visitor.
        let unseen = [&long[..], &tested].concat();
        let young = &validated[..4];
        let newcomer = &validated[..6];
        let dataset = dataset(3, FilterSeen::None, true, &[&whole, &unseen, young, newcomer, &whole]);
        let (learning, picking) = of_visitors(&dataset);
        let parts = &dataset.sequences.parts;
        for Episode { places, judged } in learning.iter().chain(&picking) {
            assert!((places.start + LEADS.start..places.end).contains(judged), "{places:?} {judged}");
            assert!(parts[*judged..places.end].iter().all(|part| *part == Part::Validation));
        }
        let leads = |visitor: usize| {
            let range = dataset.sequences.range(visitor);
            let all = learning.iter().chain(&picking).filter(move |episode| range.contains(&episode.places.start));
            all.map(|episode| (episode.judged - episode.places.start, episode.judged())).collect::<Vec<_>>()
        };
        for visitor in [0, 4] {
            let mut found = leads(visitor);
            assert!(found.iter().all(|(_, judged)| *judged == 10), "{found:?}");
            found.dedup();
            assert_eq!(found.len(), VIEWS, "{found:?}");
        }
        assert_eq!((leads(1), leads(2), leads(3)), (vec![], vec![], vec![(4, 2); VIEWS]));
        assert_eq!(picking.len(), VIEWS);
    }
}
