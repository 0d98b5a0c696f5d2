//! What stays of a model that is gone on from, and gradients of low rank against finite differences.

mod transfer;

use super::{config, dataset, model, plan, weights, whole_sequences, worker};
use crate::companion::data::Dataset;
use crate::companion::train::config::TrainConfig;
use crate::companion::train::fine_tune::{
    Base, FineTuneConfig, FineTuning, Freeze, Frozen, Method, RankBudget, low_rank, transfer,
};
use crate::companion::train::held_out::HeldOut;
use crate::companion::train::negatives::Popularity;
use crate::companion::train::parameters::{Role, dense_mut};
use crate::companion::train::worker::Worker;
use crate::companion::train::{Run, train};
use crate::format::{EncoderKind, ItemTable, LowRank, Matrix, Model, Weights};
use crate::schema::FilterSeen;
use burn::tensor::Device;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

const METHODS: [Method; 5] = [Method::Full, Method::Heads, Method::Adapters, Method::Lora, Method::Adalora];

fn fine_tune(method: Method) -> FineTuneConfig {
    FineTuneConfig { method, rank: 2, ..FineTuneConfig::default() }
}

pub fn base(dataset: &Dataset, config: &TrainConfig) -> Model {
    model(dataset, config, weights(dataset, config))
}

/// The loss of all training events, whose gradients are in the worker.
fn loss(dataset: &Dataset, config: &TrainConfig, weights: &Weights, worker: &mut Worker) -> f64 {
    let held_out = HeldOut::same(weights.neighbours.clone());
    let popularity = Popularity::of(dataset, config);
    let plan = plan(dataset, config, &popularity, &held_out);
    let windows = whole_sequences(dataset);
    worker.gather(&plan, &windows, 0, 0);
    worker.learn(&plan, weights, &windows);
    worker.loss
}

#[test]
fn rows_of_texts_learn_only_with_the_inputs() {
    let data = dataset(true, FilterSeen::Group);
    let config = config(0);
    let base = base(&data, &config);
    for (method, learns) in [(Method::Full, true), (Method::Heads, false), (Method::Lora, false)] {
        let how = fine_tune(method);
        let mut to = weights(&data, &config);
        let taken = transfer(&base, &data.schema, &data.vocab, &mut to).unwrap();
        let mut worker = worker(&data, &config, &to);
        loss(&data, &config, &to, &mut worker);
        assert!(worker.texts.squared_norm() > 0.0);
        let frozen = Frozen::new(&how, &taken, &mut to, 0);
        let Worker { gradient, rows, texts, .. } = &mut worker;
        frozen.clear(gradient, rows, texts);
        assert_eq!(texts.squared_norm() > 0.0, learns, "{method:?}");
    }
}

/// Whatever the method, the model answers at first as the one that it goes on from.
#[test]
fn going_on_changes_nothing_at_first() {
    let data = dataset(true, FilterSeen::Group);
    let old = config(0);
    let base = base(&data, &old);
    let expected = loss(&data, &old, &base.weights, &mut worker(&data, &old, &base.weights));
    for method in METHODS {
        let how = fine_tune(method);
        let new = old.going_on_from(&base.metadata.architecture, &how);
        let mut to = weights(&data, &new);
        let taken = transfer(&base, &data.schema, &data.vocab, &mut to).unwrap();
        let mut fine_tuning = FineTuning::new(&how, taken, &mut to, 1, 10);
        fine_tuning.lend(&mut to);
        let found = loss(&data, &new, &to, &mut worker(&data, &new, &to));
        assert!((found - expected).abs() < 1e-4 * expected, "{method:?}: {found}, {expected}");
    }
}

#[test]
fn gradients_of_low_rank_equal_finite_differences() {
    let data = dataset(true, FilterSeen::Group);
    for encoder in [EncoderKind::Transformer, EncoderKind::Lstm, EncoderKind::Hstu] {
        let config = TrainConfig { encoder, ..config(0) };
        let mut to = weights(&data, &config);
        to.low_rank = low_rank::begin(&to.blocks, 2, 3);
        for (number, value) in to.low_rank.iter_mut().flat_map(|one| &mut one.up.values).enumerate() {
            *value = 0.1 * (number as f32 * 0.7).sin();
        }
        let mut worker = worker(&data, &config, &to);
        let folded = |to: &Weights| FineTuning::merged(to.clone());
        loss(&data, &config, &folded(&to), &mut worker);
        let mut gradient = worker.gradient.clone();
        gradient.low_rank.clone_from(&to.low_rank);
        low_rank::backward(&to.low_rank, &mut gradient);
        let mut checked = 0;
        for place in 0..to.low_rank.len() {
            let parts: [fn(&mut LowRank) -> &mut Vec<f32>; 3] =
                [|one| &mut one.down.values, |one| &mut one.up.values, |one| &mut one.scale];
            for (number, part) in parts.iter().enumerate() {
                let analytic = part(&mut gradient.low_rank[place]).clone();
                let steepest =
                    (0..analytic.len()).max_by(|&a, &b| analytic[a].abs().total_cmp(&analytic[b].abs())).unwrap();
                let mut at = |step: f32| {
                    let mut moved = to.clone();
                    part(&mut moved.low_rank[place])[steepest] += step;
                    loss(&data, &config, &folded(&moved), &mut worker)
                };
                let measured = (at(1e-2) - at(-1e-2)) / 2e-2;
                let expected = f64::from(analytic[steepest]);
                let near = (measured - expected).abs() < 0.03 * expected.abs() + 0.1;
                assert!(near, "{encoder:?}, {place}, {number}: {measured} against {expected}");
                checked += usize::from(expected.abs() > 0.5);
            }
        }
        assert!(checked > 5, "{encoder:?}: only {checked} have a gradient worth checking");
    }
}

fn run_in(
    folder: &Path,
    data: &Dataset,
    base: &Model,
    how: &FineTuneConfig,
    stop_after: Option<usize>,
    resume: bool,
) -> Model {
    let train_config = TrainConfig { dropout: Some(0.1), epochs: 3, ..config(0) };
    let train_config = train_config.going_on_from(&base.metadata.architecture, how);
    let steps = AtomicUsize::new(0);
    let stop = || stop_after == Some(steps.fetch_add(1, Ordering::Relaxed));
    let run = Run {
        dataset: data,
        config: &train_config,
        device: Device::flex(),
        folder,
        resume,
        base: Some(Base { model: base, config: how }),
        distill: None,
        stop: &stop,
        provenance: BTreeMap::new(),
        task_weights: vec![],
        fingerprint: "test".into(),
    };
    // The further it has come, the better.
    let moved = |model: &Model| {
        let gates = model.weights.gates.values.iter().zip(&base.weights.gates.values);
        gates.map(|(now, before)| f64::from((now - before).abs())).sum()
    };
    train(&run, |model, _| Ok(moved(model))).unwrap();
    Model::from_bytes(&std::fs::read(folder.join("checkpoints/best.safetensors")).unwrap()).unwrap()
}

#[test]
fn what_does_not_learn_stays_as_it_was_and_the_rest_moves() {
    let data = dataset(true, FilterSeen::Group);
    let base = base(&data, &config(0));
    for method in METHODS {
        let how = fine_tune(method);
        let folder = tempfile::tempdir().unwrap();
        let learned = run_in(folder.path(), &data, &base, &how, None, false).weights;
        let moved = |a: &[f32], b: &[f32]| a.iter().zip(b).any(|(a, b)| (a - b).abs() > 1e-6);
        let rows = |weights: &Weights| match &weights.items {
            ItemTable::F32(rows) => rows.values.clone(),
            _ => panic!("trained rows are f32"),
        };
        assert_eq!(moved(&rows(&learned), &rows(&base.weights)), method == Method::Full, "{method:?}");
        assert!(moved(&learned.gates.values, &base.weights.gates.values), "{method:?}");
        let turns = matches!(method, Method::Full | Method::Lora | Method::Adalora);
        assert_eq!(moved(&learned.gap.values, &base.weights.gap.values), turns, "{method:?}");
        assert_eq!(moved(&learned.final_norm, &base.weights.final_norm), turns, "{method:?}");
        let norm = |weights: &Weights| weights.blocks[0].parts()[0].1.values.clone();
        assert_eq!(moved(&norm(&learned), &norm(&base.weights)), turns, "{method:?}");
        let projections = |weights: &Weights| {
            let parts = weights.blocks[0].parts();
            parts.iter().find(|(name, _)| *name == "qkv").unwrap().1.values.clone()
        };
        assert_eq!(moved(&projections(&learned), &projections(&base.weights)), turns, "{method:?}");
        let down = |weights: &Weights| {
            let parts = weights.blocks[0].parts();
            let (_, down) = *parts.iter().find(|(name, _)| *name == "down").unwrap();
            (0..down.rows()).map(|row| down.row(row).to_vec()).collect::<Vec<_>>()
        };
        if method == Method::Adapters {
            for (new, old) in down(&learned).iter().zip(down(&base.weights)) {
                assert_eq!((new.len(), &new[..old.len()]), (old.len() + 2, &old[..]));
                assert!(new[old.len()..].iter().any(|&value| value != 0.0));
            }
        }
    }
}

#[test]
fn blocks_thaw_from_the_top() {
    let data = dataset(true, FilterSeen::Group);
    let old = TrainConfig { blocks: 2, ..config(0) };
    let base = base(&data, &old);
    let mut to = weights(&data, &old);
    let taken = transfer(&base, &data.schema, &data.vocab, &mut to).unwrap();
    let how = FineTuneConfig { unfreeze_epochs: 2, ..fine_tune(Method::Full) };
    let learning = |to: &mut Weights, epoch| {
        let frozen = Frozen::new(&how, &taken, to, epoch);
        let parts =
            dense_mut(to).into_iter().zip(&frozen.dense).map(|(part, freeze)| (part.role, *freeze == Freeze::None));
        let learns = |wanted: fn(Role) -> bool, all: &[(Role, bool)]| {
            all.iter().filter(|(role, _)| wanted(*role)).all(|(_, learns)| *learns)
        };
        let all: Vec<_> = parts.collect();
        [
            learns(|role| role == Role::Gates, &all),
            learns(|role| matches!(role, Role::Block(1, _)), &all),
            learns(|role| matches!(role, Role::Block(0, _)), &all),
            learns(|role| matches!(role, Role::Start | Role::Input(_)), &all),
        ]
    };
    let found: Vec<_> = [0, 1, 2, 3, 4].map(|epoch| learning(&mut to, epoch)).into();
    let [top, lower, all] = [[true, true, false, false], [true, true, true, false], [true; 4]];
    assert_eq!(found, [top, top, lower, lower, all]);
}

#[test]
fn the_budget_is_kept_and_a_resumed_run_is_equal_to_the_bit() {
    let data = dataset(true, FilterSeen::Group);
    let base = base(&data, &config(0));
    let how = fine_tune(Method::Adalora);
    let bytes = |folder: &Path| std::fs::read(folder.join("checkpoints/last.safetensors")).unwrap();
    let whole = tempfile::tempdir().unwrap();
    run_in(whole.path(), &data, &base, &how, None, false);
    let file = bytes(whole.path());
    let saved = crate::format::Container::open(&file).unwrap();
    let scales: Vec<String> = saved.names().filter(|name| name.starts_with("weight.")).map(str::to_owned).collect();
    let ranks: Vec<Vec<f32>> = scales
        .iter()
        .map(|name| saved.get(name).unwrap())
        .filter(|tensor| tensor.rows == 1 && tensor.columns == 3)
        .map(|tensor| tensor.to_vec())
        .collect();
    let matrices = ranks.len();
    assert!(matrices >= 4, "{matrices} matrices");
    let left = ranks.iter().flatten().filter(|&&scale| scale != 0.0).count();
    assert!(left <= 2 * matrices && left > matrices / 2, "{left} directions of {matrices} matrices");
    let parts = tempfile::tempdir().unwrap();
    run_in(parts.path(), &data, &base, &how, Some(4), false);
    assert!(bytes(parts.path()) != file);
    run_in(parts.path(), &data, &base, &how, None, true);
    assert!(bytes(parts.path()) == file, "a resumed run differs");
}

/// A direction that the budget had no room for, once the loss asks for it and for the other no longer.
#[test]
fn a_direction_that_was_cut_comes_back() {
    let (data, config) = (dataset(true, FilterSeen::Group), config(0));
    let how = FineTuneConfig { rank: 1, ..fine_tune(Method::Adalora) };
    let mut to = weights(&data, &config);
    let taken = transfer(&base(&data, &config), &data.schema, &data.vocab, &mut to).unwrap();
    let mut worker = worker(&data, &config, &to);
    let mut fine_tuning = FineTuning::new(&how, taken, &mut to, 1, 20);
    // Two directions, of which there is room for one after 10 of 20 updates: the first value to the first, the second to the second.
    to.low_rank.truncate(1);
    fine_tuning.budget = Some(RankBudget::new(&to, 1, 20));
    let LowRank { block, part, down, up, .. } = &mut to.low_rank[0];
    let (block, part) = (*block, *part);
    for matrix in [down, up] {
        matrix.values.fill(0.0);
        (0..2).for_each(|direction| matrix.row_mut(direction)[direction] = 1.0);
    }
    let mut scales = Vec::new();
    for step in 1..=60 {
        let asks = if step <= 20 { [1.0, 0.3] } else { [0.0, 1.0] };
        let Worker { gradient, rows, texts, .. } = &mut worker;
        dense_mut(gradient).into_iter().for_each(|part| part.values.fill(0.0));
        gradient.low_rank = vec![LowRank { up: Matrix::zeros(to.low_rank[0].up.rows(), 2), ..to.low_rank[0].clone() }];
        let (_, whole) = gradient.blocks[block].parts_mut().swap_remove(part);
        for (direction, asks) in asks.into_iter().enumerate() {
            // What always is the same has no uncertainty, and so no importance.
            whole.row_mut(direction)[direction] = asks * (1 + step % 2) as f32;
        }
        fine_tuning.lend(&mut to);
        fine_tuning.backward(&mut to, gradient, (rows, texts), 1);
        let errors = &gradient.low_rank[0].scale;
        to.low_rank[0].scale.iter_mut().zip(errors).for_each(|(scale, error)| *scale -= 0.1 * error);
        fine_tuning.settle(&mut to, step);
        scales.push(to.low_rank[0].scale.clone());
    }
    assert!(scales[19][0] != 0.0 && scales[19][1] == 0.0, "the second is not cut: {scales:?}");
    assert!(scales[59][0] == 0.0 && scales[59][1] != 0.0, "it is not back: {scales:?}");
}
