//! Pretraining: gradients against finite differences, what must stay hidden, and what it learns.

use super::heads::windows;
use super::runs::run;
use super::*;
use crate::companion::evaluate::testing::{self, Event};
use crate::companion::train::examples::{Input, Shard};
use crate::companion::train::pretrain::{PretrainConfig, hide, views};
use crate::companion::train::random::{Purpose, stream};
use crate::companion::train::{Run, train};
use crate::engine::counting::History;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

fn pretrained(encoder: EncoderKind, objectives: &[Pretext]) -> TrainConfig {
    let pretrain = PretrainConfig { epochs: 2, objectives: objectives.to_vec(), ..PretrainConfig::default() };
    TrainConfig { encoder, pretrain, ..config(0) }
}

#[test]
fn gradients_of_pretraining_equal_finite_differences() {
    let dataset = dataset(true, FilterSeen::Group);
    let mut kinds = vec![pretrained(EncoderKind::Transformer, &[Pretext::Masked])];
    for encoder in EncoderKind::ALL.into_iter().filter(|encoder| *encoder != EncoderKind::Counting) {
        kinds.push(pretrained(encoder, &[Pretext::Contrastive]));
    }
    for mut config in kinds {
        // Finite differences are of no use where a loss is steep: between views that are pulled hard, and where the state of a view of
        // one event without its item is nearly nothing before its norm.
        config.pretrain.temperature = 1.0;
        config.pretrain.views.mask = 0.0;
        let windows = windows(&dataset);
        let new = |weights: &Weights| worker(&dataset, &config, weights);
        let checked = dense_gradients(&dataset, &config, &windows, &[], new);
        assert!(checked >= 10, "only {checked} parameters of {:?} have a gradient worth checking", config.encoder);
        item_gradients(&config, new);
    }
}

/// A shard whose events are hidden, and its inputs as the encoder is given them.
fn hidden(dataset: &Dataset, config: &TrainConfig, weights: &Weights) -> Shard {
    let held_out = HeldOut::same(weights.neighbours.clone());
    let popularity = Popularity::of(dataset, config);
    let plan = plan(dataset, config, &popularity, &held_out);
    let (mut shard, mut history) = (Shard::default(), History::new(rules(dataset, config)));
    let mut rng = stream(1, Purpose::Views, 0, 0);
    shard.gather(&plan, &windows(dataset), Augment::default(), &mut history, &mut rng);
    hide(&mut shard, dataset, 0.3, &mut rng);
    shard.write_inputs(dataset, weights);
    shard
}

/// Gives an event of another item and other values, as many codes as before.
fn change(dataset: &mut Dataset, place: usize) {
    let sequences = &mut dataset.sequences;
    let start = if place == 0 { 0 } else { sequences.field_ends[place - 1] as usize };
    let end = sequences.field_ends[place] as usize;
    let item = &mut sequences.items.to_mut()[place];
    *item = (*item + 1) % ITEMS as u32;
    let codes = &mut sequences.fields.to_mut()[start..end];
    codes[0] = (codes[0] + 1.0) % 3.0;
    // Behind the count of the text's rows.
    codes[2..].iter_mut().for_each(|code| *code = if code.is_nan() { 0.5 } else { (*code + 1.0) % 7.0 });
}

#[test]
fn what_is_hidden_changes_nothing_that_the_encoder_is_given() {
    let dataset = dataset(true, FilterSeen::None);
    let config = pretrained(EncoderKind::Transformer, &[Pretext::Masked]);
    let weights = weights(&dataset, &config);
    let shard = hidden(&dataset, &config, &weights);
    let masked: Vec<usize> = shard.labels.iter().map(|label| label.place).collect();
    assert!(masked.len() > 60 && masked.len() < dataset.sequences.items.len() / 2, "{} are hidden", masked.len());
    assert!((0..dataset.sequences.len()).all(|sequence| {
        let range = dataset.sequences.range(sequence);
        masked.iter().any(|place| range.contains(place))
    }));
    let mut other = dataset.clone();
    masked.iter().for_each(|&place| change(&mut other, place));
    let changed = hidden(&other, &config, &weights);
    assert!(changed.positions.iter().zip(&shard.positions).all(|(a, b)| a.row == b.row && a.target != b.target));
    assert!(changed.input[..] == shard.input[..] && changed.times == shard.times);
    assert!(shard.positions.iter().all(|position| position.candidates.is_empty()), "counting would know them");

    let seen = (0..dataset.sequences.items.len()).find(|place| !masked.contains(place)).unwrap();
    change(&mut other, seen);
    assert!(hidden(&other, &config, &weights).input[..] != shard.input[..], "what is seen must be given");
}

#[test]
fn a_hidden_event_is_asked_for_where_it_was() {
    let dataset = dataset(true, FilterSeen::None);
    let config = pretrained(EncoderKind::Transformer, &[Pretext::Masked]);
    let shard = hidden(&dataset, &config, &weights(&dataset, &config));
    let masked = shard.inputs.iter().filter(|input| matches!(input, Input::Masked { .. })).count();
    assert_eq!((masked, shard.labels.len()), (shard.positions.len(), masked));
    for (position, label) in shard.positions.iter().zip(&shard.labels) {
        // Window n is sequence n; its start comes first.
        let (sequence, input) = (position.row / shard.len, position.row % shard.len);
        assert_eq!(dataset.sequences.range(sequence).start + input - 1, label.place);
        assert_eq!((position.row, position.target), (label.row, dataset.sequences.items[label.place]));
        assert!(matches!(shard.inputs[label.row], Input::Masked { .. }));
    }
}

#[test]
fn views_are_stretches_of_half_their_window_or_more() {
    let windows: Vec<Window> =
        (0..200).map(|sequence| Window { sequence, inputs: sequence % 4..sequence % 4 + sequence % 13 }).collect();
    let views = views(&windows, 0.5, &mut stream(1, Purpose::Views, 0, 0));
    let long: Vec<&Window> = windows.iter().filter(|window| window.inputs.len() > 2).collect();
    assert_eq!(views.len(), 2 * long.len());
    for (view, window) in views.iter().zip(long.iter().flat_map(|window| [window, window])) {
        assert_eq!(view.sequence, window.sequence);
        assert!(view.inputs.start >= window.inputs.start && view.inputs.end <= window.inputs.end);
        assert!(2 * view.inputs.len() >= window.inputs.len());
    }
    let whole = views.iter().zip(long.iter().flat_map(|window| [window, window]));
    let whole = whole.filter(|(view, window)| view.inputs == window.inputs).count() as f32 / views.len() as f32;
    assert!((0.5..0.75).contains(&whole), "{whole}");
}

/// Each sequence goes on from where it begins, item by item.
fn walks() -> Dataset {
    let mut rng = stream(3, Purpose::Weights, 7, 7);
    let walk = |_| -> Vec<Event> {
        let first = rng.random_range(0..ITEMS);
        (first..first + 12).map(|item| Event::train((item % ITEMS) as u32, 0)).collect()
    };
    let sequences: Vec<Vec<Event>> = (0..150).map(walk).collect();
    let sequences: Vec<&[Event]> = sequences.iter().map(Vec::as_slice).collect();
    testing::dataset(ITEMS, FilterSeen::None, false, &sequences)
}

#[test]
fn pretraining_learns_what_a_uniform_guess_does_not_know() {
    let dataset = walks();
    // Of 40 items one; of the views of about ten windows in a thread's half of a step one.
    for (pretext, uniform) in [(Pretext::Masked, 40f64.ln()), (Pretext::Contrastive, 19f64.ln())] {
        let pretrain = PretrainConfig { epochs: 20, objectives: vec![pretext], ..PretrainConfig::default() };
        let config = TrainConfig {
            pretrain,
            hidden: 16,
            epochs: 1,
            batch_events: 256,
            full_softmax_items: 1000,
            learning_rate: 1e-2,
            ..config(0)
        };
        let folder = tempfile::tempdir().unwrap();
        train(&run(&dataset, &config, folder.path(), false, &|| false), |_, _| Ok(0.5)).unwrap();
        let journal = std::fs::read_to_string(folder.path().join("metrics.jsonl")).unwrap();
        let lines = journal.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        let losses: Vec<f64> = lines.filter_map(|line| line["pretraining"][pretext.name()].as_f64()).collect();
        let (first, last) = (losses[0], losses[losses.len() - 1]);
        assert!(last < 0.6 * uniform && last < first, "{pretext:?}: {losses:?} against {uniform}");
    }
}

/// The whole run's last state.
fn run_in(folder: &Path, dataset: &Dataset, config: &TrainConfig, resume: bool, stop_after: Option<usize>) -> Vec<u8> {
    let steps = AtomicUsize::new(0);
    let stop = || stop_after == Some(steps.fetch_add(1, Ordering::Relaxed));
    let run =
        Run { task_weights: vec![1.0; dataset.schema.heads.len()], ..run(dataset, config, folder, resume, &stop) };
    let outcome = train(&run, |model, _| Ok(f64::from(model.weights.gate_bias[1]))).unwrap();
    assert_eq!(outcome.interrupted, stop_after.is_some());
    std::fs::read(folder.join("checkpoints/last.safetensors")).unwrap()
}

#[test]
fn a_resumed_run_with_pretraining_is_equal_to_the_bit() {
    let mut described = dataset(true, FilterSeen::Group);
    described.item_features = ItemFeatures {
        offsets: (0..=ITEMS as u32).collect(),
        ids: (0..ITEMS as u32).map(|item| item % 5).collect(),
        weights: vec![1.0; ITEMS],
        count: 5,
    };
    for dataset in [described, super::heads::with_tasks(false)] {
        let both = [Pretext::Masked, Pretext::Contrastive];
        let config = TrainConfig { dropout: Some(0.1), ..pretrained(EncoderKind::Transformer, &both) };
        let [whole, alone] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let expected = run_in(whole.path(), &dataset, &config, false, None);
        let without = TrainConfig { pretrain: PretrainConfig::default(), ..config.clone() };
        assert!(run_in(alone.path(), &dataset, &without, false, None) != expected, "pretraining must change the run");
        // In its first epoch and its second one, and after it.
        for stop_after in [2, 8, 14] {
            let parts = tempfile::tempdir().unwrap();
            assert!(run_in(parts.path(), &dataset, &config, false, Some(stop_after)) != expected);
            let resumed = run_in(parts.path(), &dataset, &config, true, None);
            assert!(resumed == expected, "resumed after {stop_after} steps, differs");
        }
    }
}

#[test]
fn what_answers_begins_as_without_pretraining() {
    let dataset = super::heads::with_tasks(true);
    let config = TrainConfig { pretrain: PretrainConfig::default(), ..config(0) };
    let before = weights(&dataset, &config);
    let mut now = before.clone();
    let pretraining = Pretraining::begin(&mut now, 1);
    assert_eq!(now.heads.len(), dataset.schema.fields.len());
    assert_eq!(now.gap.rows(), before.gap.rows() + 1);
    for part in dense_mut(&mut now) {
        part.values.iter_mut().for_each(|value| *value += 1.0);
    }
    now.item_bias.iter_mut().chain(&mut now.item_repeat).for_each(|value| *value += 1.0);
    pretraining.end(&mut now);
    assert_eq!((&now.heads, &now.gates, &now.gate_bias), (&before.heads, &before.gates, &before.gate_bias));
    assert_eq!((&now.gate_open, now.log_scale, &now.repeat), (&before.gate_open, before.log_scale, &before.repeat));
    assert_eq!((&now.item_bias, &now.item_repeat), (&before.item_bias, &before.item_repeat));
    assert_eq!(now.gap.rows(), before.gap.rows());
    assert!(now.gap != before.gap && now.blocks != before.blocks && now.start != before.start, "the rest has learned");
}

/// Of events that are alone nothing can be learned from others: that is said before anything is trained or written.
#[test]
fn pretraining_on_single_events_is_refused() {
    let log = |events: usize| {
        let sequence: Vec<Event> = (0..events as u32).map(|item| Event::train(item, 0)).collect();
        let sequences = vec![&sequence[..]; 12];
        testing::dataset(4, FilterSeen::None, false, &sequences)
    };
    for pretext in [Pretext::Masked, Pretext::Contrastive] {
        let config = TrainConfig { epochs: 1, ..pretrained(EncoderKind::Transformer, &[pretext]) };
        let learn = |dataset: &Dataset, config: &TrainConfig| {
            let folder = tempfile::tempdir().unwrap();
            let outcome = train(&run(dataset, config, folder.path(), false, &|| false), |_, _| Ok(0.0));
            (outcome.map(|_| ()), folder.path().join("metrics.jsonl").exists())
        };
        let (outcome, begun) = learn(&log(1), &config);
        let told = outcome.unwrap_err().to_string();
        assert!(told.contains("train.pretrain.epochs is 2") && told.contains("two events of a sequence"), "{told}");
        assert!(!begun, "{pretext:?}");
        assert!(learn(&log(2), &config).0.is_ok(), "{pretext:?}");
        let without = TrainConfig { pretrain: PretrainConfig::default(), ..config };
        assert!(learn(&log(1), &without).0.is_ok());
    }
}
