//! Gradients against finite differences, and every encoder in training against the engine.

mod distill;
mod features;
mod fields;
mod fine_tune;
mod heads;
mod pretrain;
mod runs;

use super::augment::Augment;
use super::config::{Loss, NegativesDrawn, TrainConfig};
use super::encoder::Encoder;
use super::examples::Window;
use super::held_out::HeldOut;
use super::negatives::Popularity;
use super::neighbours::{self, Counted, Kept, Rule};
use super::parameters::{dense_mut, initial, normalise};
use super::pretrain::{Pretext, Pretraining};
use super::worker::{Plan, Worker};
use crate::companion::config::SplitKind;
use crate::companion::data::{Dataset, ItemFeatures, ItemTable as Columns, Part, Sequences};
use crate::engine::Stream;
use crate::engine::counting::Rules;
use crate::engine::cpu::{Cpu, Scalar};
use crate::event::Upcoming;
use crate::format::{EncoderKind, FORMAT_VERSION, ItemTable, Metadata, Model, PersonalStart, Weights};
use crate::schema::{Field, FieldKind, FilterSeen, Missing, Number, NumberEncoding, Schema, Task, Vector};
use crate::vocab::Vocab;
use burn::tensor::Device;
use rand::RngExt;
use std::sync::Arc;

const ITEMS: usize = 40;

fn dataset(has_group: bool, filter_seen: FilterSeen) -> Dataset {
    let mut rng = super::random::stream(7, super::random::Purpose::Weights, 9, 9);
    let number = |name: &str, encoding, bounds: &[f32]| Field {
        name: name.into(),
        kind: FieldKind::Number(Number { mean: 0.0, std: 1.0, encoding, bounds: bounds.to_vec() }),
        missing: Missing::Row,
    };
    let field = |name: &str, kind| Field { name: name.into(), kind, missing: Missing::Row };
    let fields = vec![
        field("kind", FieldKind::Category { values: vec!["a".into(), "b".into()] }),
        field("review", FieldKind::Text { buckets: 7 }),
        field("picture", FieldKind::Vector(Vector { mean: vec![0.0; 3], std: vec![1.0; 3] })),
        number("price", NumberEncoding::Linear, &[]),
        number("size", NumberEncoding::Buckets, &[-1.0, 0.0, 3.0]),
        number("age", NumberEncoding::Periodic, &[]),
    ];
    let mut sequences = Sequences { offsets: vec![0].into(), ..Sequences::default() };
    sequences.keys = (0..30).map(|sequence| sequence.to_string()).collect();
    for _ in 0..30 {
        let (mut time, mut group) = (0, 0);
        let mut open = Vec::new();
        for _ in 0..rng.random_range(3..20) {
            if rng.random::<f32>() < 0.4 {
                group += 1;
                open.clear();
                time += rng.random_range(0..60_000_000);
            }
            let item = rng.random_range(0..ITEMS as u32);
            if open.contains(&item) {
                continue;
            }
            open.push(item);
            sequences.items.to_mut().push(item);
            sequences.times.to_mut().push(time);
            sequences.groups.to_mut().push(if has_group { group } else { 0 });
            let codes = sequences.fields.to_mut();
            codes.push(rng.random_range(0..3) as f32);
            let words = rng.random_range(0..6);
            codes.push(words as f32);
            codes.extend((0..words).map(|_| rng.random_range(0..7) as f32));
            let has_picture = rng.random();
            codes.extend((0..3).map(|_| if has_picture { rng.random::<f32>() - 0.5 } else { f32::NAN }));
            for scale in [1.0, 2.0, 4.0] {
                let number = scale * rng.random::<f32>();
                sequences.fields.to_mut().push(if rng.random() { f32::NAN } else { number });
            }
            sequences.field_ends.to_mut().push(sequences.fields.len() as u64);
            sequences.parts.to_mut().push(Part::Train);
        }
        sequences.offsets.to_mut().push(sequences.items.len() as u64);
    }
    Dataset {
        schema: Schema {
            has_time: true,
            has_group,
            hour: true,
            weekday: true,
            filter_seen,
            fields,
            tasks: vec![Task::NextItem],
            heads: vec![],
        },
        vocab: Vocab::from_keys((0..ITEMS).map(|item| format!("{item:02}"))).unwrap(),
        sequences,
        split: SplitKind::LeaveOneOut,
        item_table: Columns::default(),
        item_features: ItemFeatures::default(),
    }
}

fn config(full_softmax_items: usize) -> TrainConfig {
    TrainConfig {
        hidden: 8,
        feed_forward: 12,
        max_len: 24,
        repeat_counts: true,
        dropout: Some(0.0),
        negatives: 16,
        full_softmax_items,
        threads: 2,
        batch_events: 64,
        epochs: 2,
        ..TrainConfig::default()
    }
}

/// Weights away from the symmetric first values.
fn weights(dataset: &Dataset, config: &TrainConfig) -> Weights {
    let architecture = config.architecture(&dataset.schema);
    let rule = Rule { lift: 0.5, backward: 0.5, fades: true };
    let table = neighbours::count(
        dataset,
        architecture.counting.context,
        rule,
        Kept { most: 8, min_sequences: 1 },
        Counted::All,
    );
    let counts: Vec<u32> = (0..ITEMS as u32).collect();
    let mut weights = initial(&architecture, &dataset.schema, &counts, table, 3);
    if pretext(config).is_some() {
        Pretraining::begin(&mut weights, 3);
    }
    let mut rng = super::random::stream(5, super::random::Purpose::Weights, 1, 1);
    for part in dense_mut(&mut weights) {
        part.values.iter_mut().for_each(|value| *value += 0.2 * (rng.random::<f32>() - 0.5));
    }
    for table in super::texts::tables_mut(&mut weights) {
        table.rows.values.iter_mut().for_each(|value| *value = rng.random::<f32>() - 0.5);
    }
    weights.item_repeat.iter_mut().for_each(|value| *value = rng.random());
    weights
}

/// What pretraining learns first, where there is any.
fn pretext(config: &TrainConfig) -> Option<Pretext> {
    (config.pretrain.epochs > 0).then(|| config.pretrain.pretext(0))
}

fn rules(dataset: &Dataset, config: &TrainConfig) -> Rules {
    Rules::new(&config.architecture(&dataset.schema), &dataset.schema, ITEMS)
}

fn worker(dataset: &Dataset, config: &TrainConfig, weights: &Weights) -> Worker {
    let encoder = Encoder::new(Device::flex(), config.architecture(&dataset.schema));
    Worker::new(encoder, rules(dataset, config), weights)
}

/// Without dropout.
fn plan<'a>(
    dataset: &'a Dataset,
    config: &'a TrainConfig,
    popularity: &'a Popularity,
    held_out: &'a HeldOut,
) -> Plan<'a> {
    Plan {
        dataset,
        config,
        dropout: 0.0,
        popularity,
        held_out,
        part: Part::Train,
        tasks: &[],
        pretext: pretext(config),
    }
}

fn whole_sequences(dataset: &Dataset) -> Vec<Window> {
    (0..dataset.sequences.len())
        .map(|sequence| Window { sequence, inputs: 0..dataset.sequences.range(sequence).len() })
        .collect()
}

fn model(dataset: &Dataset, config: &TrainConfig, weights: Weights) -> Model {
    let metadata = Metadata {
        format_version: FORMAT_VERSION,
        schema: dataset.schema.clone(),
        architecture: config.architecture(&dataset.schema),
        bits: 32,
        base: None,
        provenance: Default::default(),
        metrics: Default::default(),
    };
    Model { metadata, vocab: dataset.vocab.clone(), weights, personal: PersonalStart::default() }
}

#[test]
fn the_trained_loss_is_what_the_engine_ships() {
    for encoder in EncoderKind::ALL {
        for (has_group, filter_seen) in
            [(true, FilterSeen::Group), (false, FilterSeen::None), (false, FilterSeen::All), (true, FilterSeen::None)]
        {
            let mut dataset = dataset(has_group, filter_seen);
            if filter_seen == FilterSeen::All {
                without_repeats(&mut dataset);
            }
            let (trained, shipped) = losses(&dataset, &TrainConfig { encoder, ..config(1000) });
            assert!(
                (shipped - trained).abs() < 1e-4 * shipped,
                "{encoder:?}, {has_group} {filter_seen:?}: engine {shipped}, training {trained}"
            );
        }
    }
}

/// The loss of all sequences as training sums it, and by the engine's own probabilities.
fn losses(dataset: &Dataset, config: &TrainConfig) -> (f64, f64) {
    let weights = weights(dataset, config);
    let held_out = HeldOut::same(weights.neighbours.clone());
    let popularity = Popularity::of(dataset, config);
    let plan = plan(dataset, config, &popularity, &held_out);
    let mut worker = worker(dataset, config, &weights);
    let windows = whole_sequences(dataset);
    worker.gather(&plan, &windows, 0, 0);
    worker.learn(&plan, &weights, &windows);

    // Through the file, as it ships.
    let file = model(dataset, config, weights).to_bytes().unwrap();
    let model = Arc::new(Model::from_bytes(&file).unwrap());
    let mut stream = Stream::new(model.clone(), Cpu::<Scalar>::new(model)).unwrap();
    let mut loss = 0.0;
    for sequence in 0..dataset.sequences.len() {
        stream.reset().unwrap();
        for place in dataset.sequences.range(sequence) {
            let event = dataset.sequences.event(place);
            let upcoming = Upcoming { group: event.group };
            let top = pollster::block_on(stream.predict(upcoming, ITEMS, &[])).unwrap();
            let target = top.ranked.iter().find(|(item, _)| *item == event.item).unwrap();
            loss += f64::from(top.log_sum_exp - target.1);
            stream.observe(event).unwrap();
        }
    }
    (worker.loss, loss)
}

fn without_repeats(dataset: &mut Dataset) {
    for sequence in 0..dataset.sequences.len() {
        for (place, item) in dataset.sequences.range(sequence).zip(0..) {
            dataset.sequences.items.to_mut()[place] = item;
        }
    }
}

/// Every loss over all items and over draws.
fn every_loss() -> Vec<TrainConfig> {
    let sampled = config(0);
    vec![
        config(1000),
        sampled.clone(),
        TrainConfig { label_smoothing: 0.2, ..config(1000) },
        TrainConfig { label_smoothing: 0.2, negatives_drawn: NegativesDrawn::Uniform, ..sampled.clone() },
        TrainConfig { loss: Loss::Gbce, ..config(1000) },
        TrainConfig { loss: Loss::Gbce, ..sampled.clone() },
        TrainConfig { loss: Loss::Bpr, ..config(1000) },
        TrainConfig { loss: Loss::Bpr, negatives_drawn: NegativesDrawn::Batch, ..sampled },
    ]
}

#[test]
fn gradients_equal_finite_differences() {
    let encoders = EncoderKind::ALL.into_iter().map(|encoder| TrainConfig { encoder, ..config(0) });
    let augment = Augment { crop: 0.3, drop: 0.2, mask: 0.2, reorder: 0.5, substitute: 0.2 };
    let augmented = TrainConfig { augment, ..config(0) };
    let hiding = TrainConfig { field_dropout: 0.5, ..config(0) };
    for config in every_loss().into_iter().chain(encoders).chain([augmented, hiding]) {
        let dataset = dataset(true, FilterSeen::Group);
        let windows = whole_sequences(&dataset);
        let checked = dense_gradients(&dataset, &config, &windows, &[], |weights| worker(&dataset, &config, weights));
        let least = if config.encoder == EncoderKind::Counting { 3 } else { 15 };
        assert!(checked >= least, "only {checked} parameters of {:?} have a gradient worth checking", config.encoder);
    }
}

/// Checks the steepest parameter of each part that is not an item row; gives how many were steep.
fn dense_gradients(
    dataset: &Dataset,
    config: &TrainConfig,
    windows: &[Window],
    tasks: &[f32],
    new: impl Fn(&Weights) -> Worker,
) -> usize {
    let mut weights = weights(dataset, config);
    let held_out = HeldOut::same(weights.neighbours.clone());
    let popularity = Popularity::of(dataset, config);
    let plan = Plan { tasks, ..plan(dataset, config, &popularity, &held_out) };
    let mut worker = new(&weights);
    let loss = |weights: &Weights, worker: &mut Worker| {
        worker.gather(&plan, windows, 0, 0);
        worker.learn(&plan, weights, windows);
        worker.loss
    };
    loss(&weights, &mut worker);
    let mut gradient = worker.gradient.clone();
    let analytic: Vec<Vec<f32>> = dense_mut(&mut gradient).iter().map(|part| part.values.to_vec()).collect();
    let mut checked = 0;
    for (part, expected) in analytic.iter().enumerate() {
        let Some(place) = (0..expected.len()).max_by(|&a, &b| expected[a].abs().total_cmp(&expected[b].abs())) else {
            continue;
        };
        let before = dense_mut(&mut weights)[part].values[place];
        let mut at = |value: f32| {
            dense_mut(&mut weights)[part].values[place] = value;
            loss(&weights, &mut worker)
        };
        let measured = (at(before + 1e-2) - at(before - 1e-2)) / 2e-2;
        at(before);
        let expected = f64::from(expected[place]);
        assert!(
            (measured - expected).abs() < 0.02 * expected.abs() + 0.05,
            "{:?}, {:?}, part {part}: {measured} against {expected}",
            config.encoder,
            config.loss
        );
        checked += usize::from(expected.abs() > 0.5);
    }
    checked
}

/// Dropout may take every value of a window's first state.
#[test]
fn a_state_of_zeros_is_learned_from_without_a_direction() {
    let dataset = dataset(true, FilterSeen::Group);
    let config = config(0);
    let mut weights = weights(&dataset, &config);
    weights.final_norm.fill(0.0);
    let held_out = HeldOut::same(weights.neighbours.clone());
    let popularity = Popularity::of(&dataset, &config);
    let plan = plan(&dataset, &config, &popularity, &held_out);
    let windows = whole_sequences(&dataset);
    let mut worker = worker(&dataset, &config, &weights);
    worker.gather(&plan, &windows, 0, 0);
    worker.learn(&plan, &weights, &windows);
    assert!(worker.loss.is_finite());
    let mut gradient = worker.gradient.clone();
    assert!(dense_mut(&mut gradient).iter().all(|part| part.values.iter().all(|value| value.abs() < 1e4)));
    assert!(gradient.gate_bias.iter().any(|&value| value != 0.0), "the gates learn all the same");
}

#[test]
fn item_gradients_equal_finite_differences() {
    let data = dataset(true, FilterSeen::Group);
    every_loss().iter().for_each(|config| item_gradients(config, |weights| worker(&data, config, weights)));
    let mut row = [3.0, 4.0];
    normalise(&mut row);
    assert_eq!(row, [0.6, 0.8]);
}

fn item_gradients(config: &TrainConfig, new: impl Fn(&Weights) -> Worker) {
    let dataset = dataset(true, FilterSeen::Group);
    let mut weights = weights(&dataset, config);
    let held_out = HeldOut::same(weights.neighbours.clone());
    let popularity = Popularity::of(&dataset, config);
    let plan = plan(&dataset, config, &popularity, &held_out);
    let windows = whole_sequences(&dataset);
    let mut worker = new(&weights);
    for item in [0u32, 11, 39] {
        worker.gather(&plan, &windows, 0, 0);
        worker.learn(&plan, &weights, &windows);
        let expected = worker.rows.row_mut(item).to_vec();
        let mut at = |place: usize, change: f32, weights: &mut Weights| {
            match place {
                8 => weights.item_bias[item as usize] += change,
                9 => weights.item_repeat[item as usize] += change,
                _ => {
                    let ItemTable::F32(items) = &mut weights.items else { panic!("trained rows are f32") };
                    items.row_mut(item as usize)[place] += change;
                }
            }
            worker.gather(&plan, &windows, 0, 0);
            worker.learn(&plan, weights, &windows);
            worker.loss
        };
        for place in [0, 5, 8, 9] {
            let up = at(place, 1e-2, &mut weights);
            let down = at(place, -2e-2, &mut weights);
            at(place, 1e-2, &mut weights);
            let measured = (up - down) / 2e-2;
            let expected = f64::from(expected[place]);
            assert!(
                (measured - expected).abs() < 0.03 * expected.abs() + 0.1,
                "{:?}, item {item}, {place}: {measured} against {expected}",
                config.loss
            );
        }
    }
}
