//! The tasks' losses: gradients against finite differences, and what is learned against what the engine answers.

use super::*;
use crate::companion::evaluate::{answer, predictions};
use crate::companion::train::config::TaskWeights;
use crate::companion::train::fine_tune::transfer;
use crate::companion::train::heads::factors;
use crate::companion::train::random;
use crate::schema::{Head, HeadKind};

/// A task of each kind, of which two labels in three are known.
pub fn with_tasks(next_item: bool) -> Dataset {
    let mut dataset = dataset(true, FilterSeen::Group);
    let names = ["calm", "glad", "sad"].map(str::to_owned).to_vec();
    let kinds = [
        ("buys", HeadKind::Binary { threshold: 0.5 }),
        ("mood", HeadKind::Classes { names, shares: Vec::new() }),
        ("spend", HeadKind::Number { mean: 3.0, std: 2.0 }),
    ];
    dataset.schema.heads = kinds.map(|(name, kind)| Head { name: name.into(), kind }).to_vec();
    if !next_item {
        dataset.schema.tasks.clear();
    }
    let mut rng = random::stream(5, random::Purpose::Weights, 3, 3);
    for _ in 0..dataset.sequences.items.len() {
        let labels = [rng.random_range(0..2) as f32, rng.random_range(0..3) as f32, 8.0 * rng.random::<f32>()];
        for label in labels {
            dataset.sequences.labels.to_mut().push(if rng.random_range(0..3) == 0 { f32::NAN } else { label });
        }
    }
    dataset
}

/// Whole sequences, and the state after each one's last event.
pub fn windows(dataset: &Dataset) -> Vec<Window> {
    let whole = whole_sequences(dataset).into_iter();
    whole.map(|window| Window { inputs: 0..window.inputs.end + 1, ..window }).collect()
}

#[test]
fn gradients_with_tasks_equal_finite_differences() {
    for task_weights in [TaskWeights::Fixed, TaskWeights::Uncertainty] {
        for (encoder, next_item) in
            [(EncoderKind::Transformer, false), (EncoderKind::Lstm, false), (EncoderKind::Gru, true)]
        {
            let dataset = with_tasks(next_item);
            let config = TrainConfig { encoder, task_weights, ..config(1000) };
            let tasks = factors(&dataset, &[1.0, 0.5, 2.0]);
            let new = |weights: &Weights| worker(&dataset, &config, weights);
            let checked = dense_gradients(&dataset, &config, &windows(&dataset), &tasks, new);
            assert!(checked >= 15, "only {checked} parameters of {encoder:?} have a gradient worth checking");
        }
    }
}

/// What is learned with weights of 1, and the same from the file by the engine's own answers.
#[test]
fn the_tasks_loss_is_what_the_engine_ships() {
    for encoder in EncoderKind::ALL.into_iter().filter(|encoder| *encoder != EncoderKind::Counting) {
        let (dataset, config) = (with_tasks(false), TrainConfig { encoder, ..config(1000) });
        let weights = weights(&dataset, &config);
        let held_out = HeldOut::same(weights.neighbours.clone());
        let popularity = Popularity::of(&dataset, &config);
        let plan = Plan { tasks: &[1.0; 3], ..plan(&dataset, &config, &popularity, &held_out) };
        let (mut worker, windows) = (worker(&dataset, &config, &weights), windows(&dataset));
        worker.gather(&plan, &windows, 0, 0);
        worker.learn(&plan, &weights, &windows);

        let file = model(&dataset, &config, weights).to_bytes().unwrap();
        let model = Arc::new(Model::from_bytes(&file).unwrap());
        let places: Vec<usize> = (0..dataset.sequences.items.len()).collect();
        let mut shipped = 0.0;
        for (head, answered) in dataset.schema.heads.iter().zip(answer(&dataset, &places, &model).unwrap()) {
            assert!(answered.labels.len() > places.len() / 2, "{}: {} labels", head.name, answered.labels.len());
            let answers = predictions(head, &answered.outputs);
            for (&label, answer) in answered.labels.iter().zip(answers.chunks_exact(head.outputs())) {
                shipped += f64::from(match head.kind {
                    HeadKind::Binary { .. } => -(if label == 1.0 { answer[0] } else { 1.0 - answer[0] }).ln(),
                    HeadKind::Classes { .. } => -answer[label as usize].ln(),
                    HeadKind::Number { std, .. } => ((answer[0] - label) / std).powi(2) / 2.0,
                });
            }
        }
        let trained = worker.loss;
        assert!((shipped - trained).abs() < 1e-4 * shipped, "{encoder:?}: engine {shipped}, training {trained}");
    }
}

/// Where texts alone tell events apart, all states begin alike, and heads must not; else they say nothing at first, and where a
/// model that knows the texts is gone on from.
#[test]
fn heads_begin_apart_where_texts_are_all_there_is() {
    let config = config(0);
    let first = |dataset: &Dataset, items: usize| {
        let architecture = config.architecture(&dataset.schema);
        initial(&architecture, &dataset.schema, &vec![1; items], Default::default(), 1)
    };
    let says_nothing = |weights: &Weights| {
        let values = || weights.heads.iter().flat_map(|head| &head.weight.values);
        let apart = values().filter(|value| value.abs() > 0.01).count();
        assert!(apart == 0 || apart > values().count() / 2, "{apart} weights");
        apart == 0
    };
    let all_kinds = with_tasks(false);
    let mut texts = all_kinds.clone();
    texts.schema.fields.retain(|field| field.name == "review");
    texts.vocab = Vocab::from_keys([""]).unwrap();
    for (dataset, items, expected) in
        [(&texts, 1, false), (&texts, ITEMS, true), (&all_kinds, 1, true), (&all_kinds, ITEMS, true)]
    {
        let fields = dataset.schema.fields.len();
        assert_eq!(says_nothing(&first(dataset, items)), expected, "{fields} fields, {items} items");
    }

    let base = model(&texts, &config, first(&texts, 1));
    let mut new = texts.clone();
    new.schema.heads.iter_mut().for_each(|head| head.name.insert_str(0, "new "));
    let mut to = first(&new, 1);
    transfer(&base, &new.schema, &new.vocab, &mut to).unwrap();
    assert!(says_nothing(&to));
    // Of a text under another name it knows as little as a run from scratch.
    new.schema.fields[0].name = "title".into();
    let mut to = first(&new, 1);
    transfer(&base, &new.schema, &new.vocab, &mut to).unwrap();
    assert!(!says_nothing(&to));
}
