//! Training by noised sums alone, so that the model is about as likely without any one sequence.
//!
//! The model counts: it has no encoder and no item rows, whose thousands of numbers each would need noise. Three things are
//! learned, all of them sums over sequences of which none adds more than a bounded norm (`noised.rs`): how popular items are,
//! which are met together, and, step by step, the numbers that weigh these and repetition (Abadi et al. 2016, arXiv 1607.00133:
//! each sequence's gradient is clipped and the sum over a random sample of the sequences is noised). What is made of the noised
//! sums costs nothing more. Nothing else of the log enters the model: no validation picks, no calibration, no measured numbers.

mod noised;

use super::config::{NegativesDrawn, TrainConfig};
use super::encoder::Encoder;
use super::examples::Window;
use super::held_out::HeldOut;
use super::meter::Meter;
use super::negatives::Popularity;
use super::optimizer::{BETAS, adam};
use super::parameters::{FIRST_OWN_POPULARITY, assemble, dense_mut, initial};
use super::worker::{Plan, Worker};
use crate::companion::data::{Dataset, Part};
use crate::companion::privacy::{Budget, Noise, PrivacyConfig};
use crate::engine::counting::Rules;
use crate::format::{Architecture, Model, Weights};
use crate::vocab::ItemId;
use anyhow::{Result, ensure};
use burn::tensor::Device;
use std::collections::BTreeMap;

/// Up to this many items all are negatives; of more, some are drawn evenly, since how popular an item is must not be told.
const FULL_SOFTMAX_ITEMS: usize = 50_000;

/// What a private run is told.
pub struct PrivateRun<'a> {
    /// The training events.
    pub dataset: &'a Dataset,
    /// Sizes; its encoder is `counting`.
    pub config: &'a TrainConfig,
    /// Budget and bounds.
    pub privacy: &'a PrivacyConfig,
    /// Where burn computes; it has nothing to do.
    pub device: Device,
    /// Goes into the model file, with what is promised: it must not depend on the log.
    pub provenance: BTreeMap<String, String>,
    /// True after Ctrl-C: then there is no model.
    pub stop: &'a (dyn Fn() -> bool + Sync),
}

/// A sequence that is learned from.
struct Member {
    sequence: usize,
    /// Events up to its last one of training.
    events: usize,
}

/// What a step learns from one sequence.
struct Drawn {
    window: Window,
    /// Of its negatives. By the sequence's number instead, one sequence more or less would change those of all after it.
    seed: u64,
}

/// Trains for the configured steps; `None` when it was stopped, with the budget spent and nothing to show for it.
///
/// # Errors
/// When there is no training event, no noise is enough or the system has no random numbers.
pub fn train_privately(run: &PrivateRun<'_>, noise: &mut Noise) -> Result<Option<Model>> {
    let budget = Budget::of(run.privacy)?;
    let members = members(run.dataset);
    ensure!(
        !members.is_empty(),
        "no training event: all fall into validation and test; move [split] or use a longer log"
    );
    let (delta, most) = (run.privacy.delta, 1.0 / members.len() as f64);
    ensure!(
        delta < most,
        "[privacy] delta is {delta}, expected below {most:.1e}, one over the {} sequences that are learned from: a larger one \
         would let the file tell all of one of them; set a smaller delta",
        members.len()
    );
    let architecture = run.config.architecture(&run.dataset.schema);
    let counts = noised::popularity(run.dataset, &budget.popularity, noise);
    let neighbours = budget.neighbours.filter(|_| run.config.neighbours > 0).map(|release| {
        noised::neighbours(run.dataset, architecture.counting.context, &counts, &release, run.config.neighbours, noise)
    });
    let counts: Vec<u32> = counts.iter().map(|&count| count.max(0.0).round() as u32).collect();
    let neighbours = neighbours.unwrap_or_else(|| noised::no_neighbours(counts.len()));
    let weights = initial(&architecture, &run.dataset.schema, &counts, neighbours, 0);
    let Some(weights) = learn(run, &budget, &architecture, weights, &members, noise) else { return Ok(None) };
    let mut provenance = run.provenance.clone();
    provenance.insert("privacy".into(), budget.to_string());
    Ok(Some(assemble(run.dataset, &provenance, &architecture, weights)))
}

fn members(dataset: &Dataset) -> Vec<Member> {
    let sequences = &dataset.sequences;
    let member = |sequence| {
        let last = sequences.parts[sequences.range(sequence)].iter().rposition(|&part| part == Part::Train)?;
        Some(Member { sequence, events: last + 1 })
    };
    (0..sequences.len()).filter_map(member).collect()
}

/// The mean of the weights over the last half of the steps.
fn learn(
    run: &PrivateRun<'_>,
    budget: &Budget,
    architecture: &Architecture,
    mut weights: Weights,
    members: &[Member],
    noise: &mut Noise,
) -> Option<Weights> {
    let PrivacyConfig { steps, sampling_rate, max_events, clip, learning_rate, .. } = *run.privacy;
    let config = TrainConfig {
        full_softmax_items: FULL_SOFTMAX_ITEMS,
        negatives_drawn: NegativesDrawn::Uniform,
        ..run.config.clone()
    };
    let plan = Plan {
        dataset: run.dataset,
        config: &config,
        dropout: 0.0,
        popularity: &Popularity::of(run.dataset, &config),
        held_out: &HeldOut::same(weights.neighbours.clone()),
        part: Part::Train,
        tasks: &[],
        pretext: None,
    };
    let rules = Rules::new(architecture, &run.dataset.schema, run.dataset.vocab.len());
    let encoder = Encoder::new(run.device.clone(), architecture.clone());
    let worker = |_| Worker::new(encoder.clone(), rules.clone(), &weights);
    let mut workers: Vec<Worker> = (0..config.thread_count()).map(worker).collect();

    let mut values = learned(&mut weights);
    let count = values.len();
    let (mut first, mut second, mut mean) = (vec![0.0; count], vec![0.0; count], vec![0.0; count]);
    let mut meter = Meter::new("epoch", steps as u64, 0);
    for step in 0..steps {
        if (run.stop)() {
            return None;
        }
        let mut drawn = Vec::new();
        for member in members {
            if noise.chance(sampling_rate) {
                drawn.push(member.draw(max_events, noise));
            }
        }
        let Sums { mut gradient, loss, examples } =
            clipped_sums(&mut workers, &plan, &weights, &drawn, clip, step, count);
        noise.add_to(&mut gradient, budget.steps.noise * clip);
        // The optimiser knows no scale: how many sequences there are need not be told.
        let mut change: Vec<f32> = gradient.iter().map(|sum| (sum / (budget.steps.noise * clip)) as f32).collect();
        let bias = BETAS.map(|beta| 1.0 - beta.powi(step as i32 + 1));
        adam(&mut first, &mut second, &mut change, BETAS, bias);
        let rate = learning_rate * (1.0 - step as f32 / steps as f32);
        values.iter_mut().zip(&change).for_each(|(value, change)| *value -= rate * change);
        set_learned(&mut weights, &values);
        if step >= steps / 2 {
            mean.iter_mut().zip(&values).for_each(|(mean, value)| *mean += value / (steps - steps / 2) as f32);
        }
        meter.step(1, step as u64, loss, examples);
    }
    meter.finish("done");
    set_learned(&mut weights, &mean);
    Some(weights)
}

/// All that is learned step by step: what belongs to no item, and what an item met before loses or gains of its popularity,
/// one number for all of them.
fn learned(weights: &mut Weights) -> Vec<f32> {
    let mut values: Vec<f32> = dense_mut(weights).into_iter().flat_map(|part| part.values.to_vec()).collect();
    values.push(FIRST_OWN_POPULARITY);
    values
}

/// Sets what [`learned`] gives.
fn set_learned(weights: &mut Weights, values: &[f32]) {
    let mut values = values.iter().copied();
    for part in dense_mut(weights) {
        part.values.iter_mut().zip(&mut values).for_each(|(own, value)| *own = value);
    }
    let own_popularity = values.next().unwrap_or_default();
    weights.item_repeat = weights.item_bias.iter().map(|popularity| own_popularity * popularity).collect();
}

impl Member {
    /// A stretch of its events.
    fn draw(&self, most: usize, noise: &mut Noise) -> Drawn {
        let start = if self.events > most { noise.below(self.events - most + 1) } else { 0 };
        let window = Window { sequence: self.sequence, inputs: start..self.events.min(start + most) };
        Drawn { window, seed: noise.seed() }
    }
}

/// Gradients of all but what belongs to single items, summed over sequences, each clipped.
struct Sums {
    gradient: Vec<f64>,
    /// Told to who watches, never to the model.
    loss: f64,
    examples: usize,
}

/// From the gradients of what single items gain when met before to that of the one number that all of them are made of.
fn own_popularity_gradient(worker: &Worker, weights: &Weights) -> f64 {
    let of_item = |(item, row): (ItemId, &[f32])| {
        row.last().map_or(0.0, |&repeat| f64::from(repeat) * f64::from(weights.item_bias[item as usize]))
    };
    worker.rows.rows().map(of_item).sum()
}

/// No two are of the same sequence.
fn clipped_sums(
    workers: &mut [Worker],
    plan: &Plan<'_>,
    weights: &Weights,
    drawn: &[Drawn],
    clip: f64,
    step: usize,
    count: usize,
) -> Sums {
    let size = drawn.len().div_ceil(workers.len()).max(1);
    let mut parts: Vec<Option<Sums>> = workers.iter().map(|_| None).collect();
    rayon::scope(|scope| {
        for ((worker, drawn), part) in workers.iter_mut().zip(drawn.chunks(size)).zip(&mut parts) {
            scope.spawn(move |_| *part = Some(clipped_sum(worker, plan, weights, drawn, clip, step as u64)));
        }
    });
    let mut total = Sums { gradient: vec![0.0; count], loss: 0.0, examples: 0 };
    for part in parts.into_iter().flatten() {
        total.gradient.iter_mut().zip(part.gradient).for_each(|(sum, part)| *sum += part);
        total.loss += part.loss;
        total.examples += part.examples;
    }
    total
}

fn clipped_sum(worker: &mut Worker, plan: &Plan<'_>, weights: &Weights, drawn: &[Drawn], clip: f64, step: u64) -> Sums {
    let mut sums = Sums { gradient: Vec::new(), loss: 0.0, examples: 0 };
    for Drawn { window, seed } in drawn {
        let one = std::slice::from_ref(window);
        worker.gather(plan, one, step, *seed);
        worker.learn(plan, weights, one);
        if worker.positions == 0 {
            continue;
        }
        let examples = worker.positions as f64;
        let mut mean: Vec<f64> = Vec::with_capacity(sums.gradient.len());
        for part in dense_mut(&mut worker.gradient) {
            mean.extend(part.values.iter().map(|&value| f64::from(value) / examples));
        }
        mean.push(own_popularity_gradient(worker, weights) / examples);
        let norm = mean.iter().map(|value| value * value).sum::<f64>().sqrt();
        // A gradient that is no number adds nothing.
        let factor = if norm.is_finite() { clip / norm.max(clip) } else { 0.0 };
        sums.gradient.resize(mean.len(), 0.0);
        if factor > 0.0 {
            sums.gradient.iter_mut().zip(&mean).for_each(|(sum, value)| *sum += factor * value);
        }
        sums.loss += worker.loss;
        sums.examples += worker.positions;
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::companion::evaluate::testing::{Event, dataset};
    use crate::format::EncoderKind;
    use crate::schema::FilterSeen;

    const ITEMS: u32 = 12;

    /// Sequences in which every third event repeats the one before the last; the last one's last event is for validation.
    fn log(sequences: u32) -> Dataset {
        let events = |sequence: u32| -> Vec<Event> {
            let item = |place: u32| (sequence * 5 + (place - place / 3 * u32::from(place % 3 == 2)) * 7) % ITEMS;
            let mut events: Vec<Event> =
                (0..6 + sequence % 5).map(|place| Event::train(item(place), place / 2)).collect();
            events.push(Event::validation(sequence % ITEMS, 9));
            events
        };
        let sequences: Vec<Vec<Event>> = (0..sequences).map(events).collect();
        dataset(ITEMS as usize, FilterSeen::None, true, &sequences.iter().map(Vec::as_slice).collect::<Vec<_>>())
    }

    fn config() -> TrainConfig {
        TrainConfig { encoder: EncoderKind::Counting, threads: 2, ..TrainConfig::default() }
    }

    fn run<T>(dataset: &Dataset, privacy: &PrivacyConfig, stop: bool, then: impl FnOnce(&PrivateRun<'_>) -> T) -> T {
        let config = config();
        let stop = move || stop;
        then(&PrivateRun {
            dataset,
            config: &config,
            privacy,
            device: Device::flex(),
            provenance: BTreeMap::new(),
            stop: &stop,
        })
    }

    fn sums_of(dataset: &Dataset, left_out: Option<usize>, clip: f64) -> Vec<f64> {
        let config = config();
        let architecture = config.architecture(&dataset.schema);
        let neighbours = noised::no_neighbours(ITEMS as usize);
        let mut weights = initial(&architecture, &dataset.schema, &[3; ITEMS as usize], neighbours, 0);
        let plan = Plan {
            dataset,
            config: &config,
            dropout: 0.0,
            popularity: &Popularity::of(dataset, &config),
            held_out: &HeldOut::same(weights.neighbours.clone()),
            part: Part::Train,
            tasks: &[],
            pretext: None,
        };
        let rules = Rules::new(&architecture, &dataset.schema, ITEMS as usize);
        let encoder = Encoder::new(Device::flex(), architecture);
        let mut workers: Vec<Worker> = (0..2).map(|_| Worker::new(encoder.clone(), rules.clone(), &weights)).collect();
        let mut noise = Noise::of([1; 32]);
        let all = members(dataset).into_iter().filter(|member| Some(member.sequence) != left_out);
        let drawn: Vec<Drawn> = all.map(|member| member.draw(64, &mut noise)).collect();
        let count = learned(&mut weights).len();
        clipped_sums(&mut workers, &plan, &weights, &drawn, clip, 0, count).gradient
    }

    fn distance(a: &[f64], b: &[f64]) -> f64 {
        a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
    }

    /// What the accountant assumes.
    #[test]
    fn no_sequence_moves_a_sum_by_more_than_its_bound() {
        let log = log(9);
        for clip in [0.05, 1e6] {
            let whole = sums_of(&log, None, clip);
            let moved: Vec<f64> =
                (0..9).map(|left_out| distance(&whole, &sums_of(&log, Some(left_out), clip))).collect();
            assert!(moved.iter().all(|&moved| moved > 0.0 && moved <= clip * (1.0 + 1e-6)), "{clip}: {moved:?}");
            // Without a clip that matters they move it further.
            assert!(clip < 1.0 || moved.iter().all(|&moved| moved > 0.1), "{moved:?}");
        }
        noised::tests::no_sequence_adds_more_than_1(&log);
    }

    #[test]
    fn what_is_learned_says_what_it_promises_and_nothing_of_validation() {
        let log = log(40);
        let privacy = PrivacyConfig { epsilon: 1e4, sampling_rate: 0.5, ..PrivacyConfig::default() };
        let train = |dataset: &Dataset, seed| {
            run(dataset, &privacy, false, |run| train_privately(run, &mut Noise::of([seed; 32])).unwrap().unwrap())
        };
        let model = train(&log, 1);
        let promise = model.metadata.provenance.get("privacy").unwrap();
        assert!(promise.contains("delta 1e-5") && promise.contains("public: the list of items"), "{promise}");
        assert_eq!(Model::from_bytes(&model.to_bytes().unwrap()).unwrap(), model);
        assert!(model.weights.gate_bias != train(&log, 2).weights.gate_bias, "noise");
        // The validation events may be any others.
        let mut other = log.clone();
        for (item, part) in other.sequences.items.to_mut().iter_mut().zip(log.sequences.parts.iter()) {
            *item = if *part == Part::Validation { 0 } else { *item };
        }
        assert_eq!(train(&other, 1), model);
        let mut changed = log.clone();
        changed.sequences.items.to_mut()[0] ^= 1;
        assert_ne!(train(&changed, 1).weights, model.weights);
    }

    #[test]
    fn stopping_leaves_nothing_and_a_promise_of_nothing_is_refused() {
        let mut log = log(40);
        let privacy = PrivacyConfig::default();
        assert!(run(&log, &privacy, true, |run| train_privately(run, &mut Noise::of([1; 32]))).unwrap().is_none());
        let large = PrivacyConfig { delta: 0.1, ..PrivacyConfig::default() };
        let error = run(&log, &large, false, |run| train_privately(run, &mut Noise::of([1; 32]))).unwrap_err();
        assert!(error.to_string().contains("one over the 40 sequences"), "{error}");
        log.sequences.parts.to_mut().fill(Part::HeldOut);
        let error = run(&log, &privacy, false, |run| train_privately(run, &mut Noise::of([1; 32]))).unwrap_err();
        assert!(error.to_string().contains("no training event"), "{error}");
    }
}
