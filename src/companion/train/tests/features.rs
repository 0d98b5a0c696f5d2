//! Rows as sums: gradients against finite differences, resumed runs, and items that only their features can rank.

use super::*;
use crate::companion::evaluate::{Detail, EngineScorer, evaluate, places};
use crate::companion::train::checkpoint;
use crate::companion::train::features::Features;
use crate::companion::train::random;
use crate::companion::train::{Run, train};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Features of items: one by the item's number modulo 5, most a second one modulo 3; the last item has none.
fn two_columns() -> ItemFeatures {
    let mut features = ItemFeatures { offsets: vec![0], count: 8, ..ItemFeatures::default() };
    for item in 0..ITEMS as u32 {
        let all = match item {
            39 => vec![],
            _ if item % 4 == 0 => vec![item % 5],
            _ => vec![item % 5, 5 + item % 3],
        };
        features.weights.extend(all.iter().map(|_| 1.0 / (all.len() as f32).sqrt()));
        features.ids.extend(all);
        features.offsets.push(features.ids.len() as u32);
    }
    features
}

/// Moves a part of the model.
type Change<'a> = &'a dyn Fn(&mut Weights, &mut Features);

#[test]
fn gradients_through_sums_equal_finite_differences() {
    for config in [config(1000), config(0)] {
        let dataset = Dataset { item_features: two_columns(), ..dataset(true, FilterSeen::Group) };
        let first = weights(&dataset, &config);
        let held_out = HeldOut::same(first.neighbours.clone());
        let popularity = Popularity::of(&dataset, &config);
        let plan = plan(&dataset, &config, &popularity, &held_out);
        let windows = whole_sequences(&dataset);
        let mut worker = worker(&dataset, &config, &first);
        let mut learn = |change: Change<'_>| {
            let mut weights = first.clone();
            let mut features = Features::begin(&mut weights, &dataset.item_features, &[9; ITEMS], None).unwrap();
            // Sums of some length: the direction of a short one is no straight line.
            let mut rng = random::stream(5, random::Purpose::Weights, 2, 2);
            features.vectors.values.iter_mut().for_each(|value| *value = rng.random::<f32>() - 0.5);
            change(&mut weights, &mut features);
            worker.gather(&plan, &windows, 0, 0);
            let ItemTable::F32(own) = &weights.items else { panic!("trained rows are f32") };
            features.fold(own, worker.reads(), 1, 0);
            features.lend(&mut weights);
            worker.learn(&plan, &weights, &windows);
            features.backward(&mut weights, &mut worker.rows);
            let own: Vec<Vec<f32>> = (0..ITEMS as u32).map(|item| worker.rows.row_mut(item).to_vec()).collect();
            let vectors: Vec<Vec<f32>> = (0..8).map(|feature| features.gradients.row_mut(feature).to_vec()).collect();
            (worker.loss, own, vectors)
        };
        let (_, own, vectors) = learn(&|_, _| ());
        let mut check = |name: &str, expected: f32, change: &dyn Fn(f32, &mut Weights, &mut Features)| {
            let at = |step: f32, learn: &mut dyn FnMut(Change<'_>) -> f64| {
                learn(&|weights, features| change(step, weights, features))
            };
            let mut loss = |change: Change<'_>| learn(change).0;
            let measured = (at(1e-2, &mut loss) - at(-1e-2, &mut loss)) / 2e-2;
            let near = (measured - f64::from(expected)).abs() < 0.03 * f64::from(expected).abs() + 0.1;
            assert!(near, "{name}: {measured} against {expected}");
        };
        let mut sizes = 0.0_f32;
        for (feature, value) in [(0, 0), (3, 5), (4, 2), (6, 7), (7, 1)] {
            let expected = vectors[feature][value];
            sizes = sizes.max(expected.abs());
            check("vector", expected, &|step, _, features| features.vectors.row_mut(feature)[value] += step);
        }
        let mut left_out = 0;
        for item in 0..ITEMS {
            let expected = own[item][3];
            left_out += usize::from(own[item][..8].iter().all(|&value| value == 0.0));
            check("own part", expected, &|step, weights, _| {
                let ItemTable::F32(own) = &mut weights.items else { panic!("trained rows are f32") };
                own.row_mut(item)[3] += step;
            });
        }
        assert!(sizes > 0.5, "no gradient worth checking: {sizes}");
        assert!((1..ITEMS / 2).contains(&left_out), "{left_out} own parts were left out");
        assert!(own[39][..8].iter().any(|&value| value != 0.0), "without features nothing is left out");
    }
}

fn run_in(folder: &std::path::Path, dataset: &Dataset, resume: bool, stop_after: Option<usize>) -> Vec<Vec<u8>> {
    let steps = AtomicUsize::new(0);
    let stop = || stop_after == Some(steps.fetch_add(1, Ordering::Relaxed));
    let config = TrainConfig { dropout: Some(0.1), epochs: 3, ..config(0) };
    let run = Run {
        dataset,
        config: &config,
        device: Device::flex(),
        folder,
        resume,
        base: None,
        distill: None,
        stop: &stop,
        provenance: BTreeMap::new(),
        task_weights: vec![],
        fingerprint: "test".into(),
    };
    let outcome = train(&run, |model, _| Ok(f64::from(model.weights.gate_bias[1]))).unwrap();
    assert_eq!(outcome.interrupted, stop_after.is_some());
    let best = folder.join("checkpoints/best.safetensors");
    [checkpoint::last(folder), best].iter().filter_map(|path| std::fs::read(path).ok()).collect()
}

#[test]
fn a_resumed_run_with_features_is_equal_to_the_bit() {
    let dataset = Dataset { item_features: two_columns(), ..dataset(true, FilterSeen::Group) };
    let whole = tempfile::tempdir().unwrap();
    let expected = run_in(whole.path(), &dataset, false, None);
    assert_eq!(expected.len(), 2);
    for stop_after in [2, 6] {
        let parts = tempfile::tempdir().unwrap();
        assert!(run_in(parts.path(), &dataset, false, Some(stop_after)) != expected);
        assert!(run_in(parts.path(), &dataset, true, None) == expected, "resumed after {stop_after} steps");
    }
}

#[test]
fn what_another_model_knew_of_items_stays_though_the_log_lacks_them() {
    let (table, dataset) = (two_columns(), dataset(true, FilterSeen::Group));
    let base = weights(&dataset, &config(0));
    let known: Vec<bool> = (0..ITEMS).map(|item| item < 30).collect();
    let ItemTable::F32(before) = &base.items else { panic!("trained rows are f32") };
    let same = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-5);
    let mut weights = base.clone();
    // Nothing of this log but items 35 to 39.
    let counts: Vec<u32> = (0..ITEMS as u32).map(|item| 2 * u32::from(item >= 35)).collect();
    let features = Features::begin(&mut weights, &table, &counts, Some(&known)).unwrap();
    let ItemTable::F32(mut folded) = weights.items else { panic!("trained rows are f32") };
    features.fold_all(&mut folded);
    for (item, &is_known) in known.iter().enumerate() {
        // Item 39 has no features; of the others that are new the part of their own shrinks.
        assert_eq!(same(folded.row(item), before.row(item)), is_known || item == 39, "row {item}");
        assert_eq!(weights.item_bias[item] == base.item_bias[item], is_known, "bias {item}");
        assert_eq!(weights.item_repeat[item] == base.item_repeat[item], is_known, "repeat {item}");
    }
    assert!(features.vectors.values.iter().any(|value| value.abs() > 0.1), "known items tell what features say");
}

const CATEGORIES: u32 = 8;
const IN_CATEGORY: u32 = 12;

/// Visitors who stay with one category. Its last two items are new: the test's last event of each sequence, never before.
fn new_items(with_features: bool) -> Dataset {
    use crate::companion::evaluate::testing::{Event, dataset};
    let mut rng = random::stream(3, random::Purpose::Weights, 0, 0);
    let sequence = |number: u32| {
        let category = number % CATEGORIES;
        let mut item = |from: u32, to: u32| category + CATEGORIES * rng.random_range(from..to);
        let mut events: Vec<Event> = (0..8).map(|_| Event::train(item(0, IN_CATEGORY - 2), 0)).collect();
        events.push(Event::validation(item(0, IN_CATEGORY - 2), 0));
        events.push(Event::test(item(IN_CATEGORY - 2, IN_CATEGORY), 0));
        events
    };
    let sequences: Vec<Vec<Event>> = (0..600).map(sequence).collect();
    let sequences: Vec<&[Event]> = sequences.iter().map(Vec::as_slice).collect();
    let items = CATEGORIES * IN_CATEGORY;
    let mut log = dataset(items as usize, FilterSeen::All, false, &sequences);
    if with_features {
        log.item_features = ItemFeatures {
            offsets: (0..=items).collect(),
            ids: (0..items).map(|item| item % CATEGORIES).collect(),
            weights: vec![1.0; items as usize],
            count: CATEGORIES as usize,
        };
    }
    log
}

/// HR@10 of the new items among all.
fn new_hit_rate(dataset: &Dataset) -> f64 {
    let folder = tempfile::tempdir().unwrap();
    let config = TrainConfig { hidden: 16, epochs: 4, batch_events: 256, threads: 1, ..config(0) };
    let run = Run {
        dataset,
        config: &config,
        device: Device::flex(),
        folder: folder.path(),
        resume: false,
        base: None,
        distill: None,
        stop: &|| false,
        provenance: BTreeMap::new(),
        task_weights: vec![],
        fingerprint: String::new(),
    };
    let measure = |model: &Model, part: Part| {
        let model = Arc::new(model.clone());
        evaluate(dataset, &places(dataset, part, 0), Detail::Ranks, || EngineScorer::new(&model)).unwrap().metrics()
    };
    train(&run, |model, _| Ok(measure(model, Part::Validation).ndcg_at_10())).unwrap();
    let best = std::fs::read(folder.path().join("checkpoints/best.safetensors")).unwrap();
    measure(&Model::from_bytes(&best).unwrap(), Part::Test).hr_at_10()
}

#[test]
fn items_without_a_click_are_ranked_by_their_features() {
    let chance = 10.0 / f64::from(CATEGORIES * IN_CATEGORY);
    let (with, without) = (new_hit_rate(&new_items(true)), new_hit_rate(&new_items(false)));
    assert!(with > 0.8, "{with} with features, {without} without");
    assert!(without < 1.5 * chance, "{without} without features, chance is {chance}");
}
