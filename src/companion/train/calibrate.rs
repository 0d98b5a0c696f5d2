//! After training: the few numbers that weigh one kind of knowledge against another, fitted on the validation part.
//!
//! Training knows its own events too well. Item rows have seen them, so that the encoder's word counts for more among them
//! than it should with the visitors to come: it is too sure, and what it is weighed against (items met before, neighbours)
//! counts for too little. The validation part was not learned from. A hundred numbers or two are fitted to its events, which
//! are thousands; and only where the half of its sequences that they were not fitted to says that they are better.

use super::config::TrainConfig;
use super::examples::Window;
use super::held_out::HeldOut;
use super::negatives::Popularity;
use super::optimizer::{BETAS, adam};
use super::worker::{Plan, Worker};
use crate::companion::data::{Dataset, Part, Sequences};
use crate::format::Weights;
use crate::vocab::UNKNOWN_ITEM;

/// Passes over the validation part.
const PASSES: usize = 10;

/// The learning rate of the first step; it falls to 0 with the last.
const RATE: f32 = 0.03;

/// How far off the trained numbers are thought to be before any event says so, as a standard deviation: a cell that three events
/// tell of stays near what training left. With thousands of events it makes no difference.
const SPREAD: f32 = 0.25;

/// A hundred numbers need no more; each costs all the events that its encoder looks at.
const MOST_SEQUENCES: usize = 10_000;

/// With fewer events than this in a half there is no telling.
const FEWEST_EVENTS: usize = 200;

/// What calibration came to: the mean loss of each half's events before, and as fitted on the other half.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gain {
    pub before: [f64; 2],
    pub after: [f64; 2],
}

impl Gain {
    /// Whether both halves say that the other's fit is better than none.
    pub fn is_real(&self) -> bool {
        self.after.iter().zip(&self.before).all(|(after, before)| after < before)
    }
}

/// What fits a model's weights to the validation part.
pub struct Calibration<'a> {
    plan: Plan<'a>,
    worker: &'a mut Worker,
}

impl<'a> Calibration<'a> {
    /// `shipped` has the model's own neighbours: the validation part was not counted into them.
    pub fn new(
        dataset: &'a Dataset,
        config: &'a TrainConfig,
        popularity: &'a Popularity,
        shipped: &'a HeldOut,
        worker: &'a mut Worker,
    ) -> Self {
        let plan = Plan {
            dataset,
            config,
            dropout: 0.0,
            popularity,
            held_out: shipped,
            part: Part::Validation,
            tasks: &[],
            pretext: None,
        };
        Self { plan, worker }
    }

    /// The weights as fitted to the whole validation part, and what two halves gain; `None` where there are too few events.
    pub fn run(&mut self, weights: &Weights) -> Option<(Weights, Gain)> {
        let halves = [0, 1].map(|half| self.windows(|place| place % 2 == half));
        let events = |windows: &Vec<Vec<Window>>| windows.iter().map(|step| self.events(step)).sum::<usize>();
        if halves.iter().any(|windows| events(windows) < FEWEST_EVENTS) {
            return None;
        }
        let halves: [Vec<Step>; 2] =
            halves.map(|windows| windows.into_iter().map(|windows| self.step(weights, windows)).collect());
        let mut gain = Gain { before: [0.0; 2], after: [0.0; 2] };
        for (half, steps) in halves.iter().enumerate() {
            let fitted = self.fit(weights, halves[1 - half].iter());
            (gain.before[half], gain.after[half]) = (self.loss(weights, steps), self.loss(&fitted, steps));
        }
        Some((self.fit(weights, halves.iter().flatten()), gain))
    }

    /// Events that windows predict.
    fn events(&self, windows: &[Window]) -> usize {
        let Sequences { items, parts, .. } = &self.plan.dataset.sequences;
        let places = windows.iter().flat_map(|Window { sequence, inputs }| {
            let start = self.plan.dataset.sequences.range(*sequence).start;
            start + inputs.start..start + inputs.end
        });
        places.filter(|&place| parts[place] == Part::Validation && items[place] != UNKNOWN_ITEM).count()
    }

    fn step(&mut self, weights: &Weights, windows: Vec<Window>) -> Step {
        self.worker.gather(&self.plan, &windows, 0, 0);
        Step { states: self.worker.states(&self.plan, weights), windows }
    }

    /// Steps of windows that hold the validation events of some of the sequences, those whose place among all that have any
    /// is asked for, and events before them to look at.
    fn windows(&self, asked: impl Fn(usize) -> bool) -> Vec<Vec<Window>> {
        let TrainConfig { max_len, batch_events, .. } = *self.plan.config;
        let sequences = &self.plan.dataset.sequences;
        let is_validated = |part: &Part| *part == Part::Validation;
        let validated = |sequence: usize| {
            let parts = &sequences.parts[sequences.range(sequence)];
            parts.iter().position(is_validated).zip(parts.iter().rposition(is_validated))
        };
        let all: Vec<_> = (0..sequences.len()).filter_map(|sequence| Some((sequence, validated(sequence)?))).collect();
        let step = all.len().div_ceil(MOST_SEQUENCES).max(1);
        let some = all.into_iter().step_by(step).enumerate().filter(|(place, _)| asked(*place));
        let (mut batches, mut batch, mut events) = (Vec::new(), Vec::new(), 0);
        for (_, (sequence, (first, last))) in some {
            let mut start = if last < max_len { 0 } else { (first + 1).saturating_sub(max_len.div_ceil(2)) };
            while start <= last {
                let end = (start + max_len).min(last + 1);
                batch.push(Window { sequence, inputs: start..end });
                events += end - start;
                start = end;
                // Of a long sequence too: its states would not fit into memory together.
                if events >= batch_events {
                    batches.push(std::mem::take(&mut batch));
                    events = 0;
                }
            }
        }
        if !batch.is_empty() {
            batches.push(batch);
        }
        batches
    }

    fn fit<'s>(&mut self, weights: &Weights, steps: impl Iterator<Item = &'s Step> + Clone) -> Weights {
        let mut fitted = weights.clone();
        let trained: Vec<f32> = weighing(&mut fitted).into_iter().flatten().map(|value| *value).collect();
        let count = trained.len();
        let events: usize = steps.clone().map(|step| self.events(&step.windows)).sum();
        let pull = 1.0 / (SPREAD * SPREAD * events.max(1) as f32);
        let (mut first, mut second) = (vec![0.0; count], vec![0.0; count]);
        let total = PASSES * steps.clone().count();
        for (number, step) in steps.cycle().take(total).enumerate() {
            self.worker.gather(&self.plan, &step.windows, number as u64, 0);
            self.worker.weigh(&self.plan, &fitted, &step.states);
            if self.worker.positions == 0 {
                continue;
            }
            let mean = 1.0 / self.worker.positions as f32;
            let gradient = weighing(&mut self.worker.gradient);
            let mut change: Vec<f32> = gradient.iter().flat_map(|values| values.iter()).map(|sum| sum * mean).collect();
            let moved =
                weighing(&mut fitted).into_iter().flatten().zip(&trained).map(|(value, trained)| *value - trained);
            change.iter_mut().zip(moved).for_each(|(change, moved)| *change += pull * moved);
            let bias = BETAS.map(|beta| 1.0 - beta.powi(number as i32 + 1));
            adam(&mut first, &mut second, &mut change, BETAS, bias);
            let rate = RATE * (1.0 - number as f32 / total as f32);
            let values = weighing(&mut fitted).into_iter().flatten();
            values.zip(&change).for_each(|(value, change)| *value -= rate * change);
        }
        fitted
    }

    /// The mean loss of the events.
    fn loss(&mut self, weights: &Weights, steps: &[Step]) -> f64 {
        let (mut loss, mut events) = (0.0, 0);
        for (number, step) in steps.iter().enumerate() {
            self.worker.gather(&self.plan, &step.windows, number as u64, 0);
            self.worker.weigh(&self.plan, weights, &step.states);
            loss += self.worker.loss;
            events += self.worker.positions;
        }
        loss / events.max(1) as f64
    }
}

/// Windows that are looked at together. Nothing that is fitted changes what the encoder says of them.
struct Step {
    windows: Vec<Window>,
    /// See [`Worker::states`].
    states: Vec<f32>,
}

/// What weighs one kind of knowledge against another: the query's length, the gates' constants, the repeat table.
fn weighing(weights: &mut Weights) -> [&mut [f32]; 4] {
    let Weights { log_scale, gate_bias, gate_open, repeat, .. } = weights;
    [std::slice::from_mut(log_scale), gate_bias, &mut gate_open.values, &mut repeat.values]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::companion::evaluate::testing::{Event, dataset};
    use crate::companion::train::encoder::Encoder;
    use crate::companion::train::parameters::initial;
    use crate::engine::counting::Rules;
    use crate::format::Neighbours;
    use crate::schema::FilterSeen;
    use burn::tensor::Device;

    const ITEMS: u32 = 12;

    /// Sequences that never take an item twice, and at their end, in the validation part, take the latest one again.
    fn returning(sequences: u32) -> Dataset {
        let sequence = |number: u32| {
            let items = (0..5).map(|place| (number * 7 + place * (1 + number % 3)) % ITEMS);
            let mut events: Vec<Event> = items.map(|item| Event::train(item, 0)).collect();
            events.push(Event::validation((number * 7 + 4 * (1 + number % 3)) % ITEMS, 0));
            events
        };
        let sequences: Vec<Vec<Event>> = (0..sequences).map(sequence).collect();
        let sequences: Vec<&[Event]> = sequences.iter().map(Vec::as_slice).collect();
        dataset(ITEMS as usize, FilterSeen::None, false, &sequences)
    }

    /// The weights before and after, and the gain.
    fn calibrated(dataset: &Dataset) -> Option<(Weights, Weights, Gain)> {
        let config = TrainConfig { hidden: 8, feed_forward: 8, max_len: 4, batch_events: 64, ..TrainConfig::default() };
        let architecture = config.architecture(&dataset.schema);
        let weights = initial(&architecture, &dataset.schema, &[1; ITEMS as usize], Neighbours::default(), 1);
        let rules = Rules::new(&architecture, &dataset.schema, ITEMS as usize);
        let mut worker = Worker::new(Encoder::new(Device::flex(), architecture), rules, &weights);
        let (offsets, scales) = (vec![0; ITEMS as usize + 1], vec![0.0; ITEMS as usize]);
        let shipped = HeldOut::same(Neighbours { offsets, scales, ..Neighbours::default() });
        let popularity = Popularity::of(dataset, &config);
        let (fitted, gain) = Calibration::new(dataset, &config, &popularity, &shipped, &mut worker).run(&weights)?;
        Some((weights, fitted, gain))
    }

    #[test]
    fn what_training_never_saw_and_validation_shows_is_learned() {
        let (before, after, gain) = calibrated(&returning(500)).unwrap();
        assert!(gain.is_real(), "{gain:?}");
        assert!((0..2).all(|half| gain.after[half] < gain.before[half] - 0.2), "{gain:?}");
        // The cell of an item that was the latest event, once.
        let cell = before.repeat.columns;
        assert!(after.repeat.values[cell] > before.repeat.values[cell] + 0.2, "{:?}", after.repeat.values);
        assert_eq!((&after.items, &after.blocks, &after.gates), (&before.items, &before.blocks, &before.gates));
    }

    #[test]
    fn few_events_tell_nothing() {
        assert!(calibrated(&returning(2 * FEWEST_EVENTS as u32 - 2)).is_none());
        assert!(calibrated(&returning(2 * FEWEST_EVENTS as u32)).is_some());
    }

    #[test]
    fn every_validation_event_is_looked_at_once_with_events_before_it() {
        let events: Vec<Event> = (0..20)
            .map(|place| if place < 9 { Event::train(place, 0) } else { Event::validation(place % 12, 0) })
            .collect();
        let dataset = dataset(ITEMS as usize, FilterSeen::None, false, &[&events, &events[..10], &events[..3]]);
        let config = TrainConfig { max_len: 6, batch_events: 10, ..TrainConfig::default() };
        let popularity = Popularity::of(&dataset, &config);
        let shipped = HeldOut::same(Neighbours::default());
        let architecture = config.architecture(&dataset.schema);
        let weights = initial(&architecture, &dataset.schema, &[1; ITEMS as usize], Neighbours::default(), 1);
        let rules = Rules::new(&architecture, &dataset.schema, ITEMS as usize);
        let mut worker = Worker::new(Encoder::new(Device::flex(), architecture), rules, &weights);
        let calibration = Calibration::new(&dataset, &config, &popularity, &shipped, &mut worker);
        let steps = calibration.windows(|_| true);
        let window = |sequence, inputs| Window { sequence, inputs };
        assert_eq!(steps.concat(), [window(0, 7..13), window(0, 13..19), window(0, 19..20), window(1, 7..10)]);
        assert_eq!(calibration.events(&steps.concat()), 12);
        // Steps of two windows: the sequence is longer than a step.
        assert_eq!(steps.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2]);
    }
}
