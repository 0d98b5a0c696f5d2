//! Whole runs: what they begin with, and a resumed one against one that was not interrupted.

use super::distill::teachers;
use super::heads::with_tasks;
use super::{config, dataset};
use crate::companion::data::{Dataset, Part};
use crate::companion::train::batches::Batches;
use crate::companion::train::config::TrainConfig;
use crate::companion::train::examples::Window;
use crate::companion::train::journal::Journal;
use crate::companion::train::neighbours::{self, FOLDS, Rule};
use crate::companion::train::pick::{COUNTINGS, Counting, Effort, POPULARITY_GATES, SCALES, Start, pick_start};
use crate::companion::train::{Distill, DistillConfig, Run, train};
use crate::format::{EncoderKind, Model};
use crate::schema::FilterSeen;
use burn::tensor::Device;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

#[test]
fn what_validates_best_is_begun_with_and_written_down() {
    for (has_group, rules) in [(true, 2), (false, 4)] {
        let dataset = dataset(has_group, FilterSeen::None);
        let fading = rules * COUNTINGS;
        for best in 0..fading {
            let fades = best % 2 == 1;
            let scale = best % SCALES.len();
            let folder = tempfile::tempdir().unwrap();
            let mut journal = Journal::open(folder.path()).unwrap();
            let config = config(0);
            let run = run(&dataset, &config, folder.path(), false, &|| false);
            let mut tables = Vec::new();
            let mut tried = 0;
            let start = pick_start(&run, &mut journal, |model, effort| {
                assert_eq!(effort, Effort::Quick);
                assert_eq!(model.weights.log_scale < -10.0, tried <= fading);
                if tried % COUNTINGS == 0 && tried <= fading {
                    tables.push(model.weights.neighbours.clone());
                }
                let ranks = [(best, 0.3), (fading, if fades { 0.5 } else { 0.2 }), (fading + 1 + scale, 0.1)];
                tried += 1;
                Ok(ranks.iter().find(|(place, _)| *place == tried - 1).map_or(0.0, |(_, ndcg)| *ndcg))
            })
            .unwrap();
            let context = config.architecture(&dataset.schema).counting.context;
            let rule = Rule { fades, ..neighbours::rules(context)[best / COUNTINGS] };
            let counting = [Counting::Product, Counting::Sum][best % COUNTINGS / POPULARITY_GATES.len()];
            let popularity_gate = POPULARITY_GATES[best % POPULARITY_GATES.len()];
            assert_eq!(start, Start { rule, popularity_gate, counting, scale: SCALES[scale] });
            assert_eq!((tables.len(), tried), (rules + 1, fading + 1 + SCALES.len()));
            assert!(tables[..rules].windows(2).all(|pair| pair[0] != pair[1]), "two rules count alike");
            assert_ne!(tables[rules], tables[best / COUNTINGS], "nothing fades");
            let lines = std::fs::read_to_string(folder.path().join("metrics.jsonl")).unwrap();
            assert_eq!(lines.matches("\"lift\"").count(), tried);
        }
    }
}

pub fn run<'a>(
    dataset: &'a Dataset,
    config: &'a TrainConfig,
    folder: &'a std::path::Path,
    resume: bool,
    stop: &'a (dyn Fn() -> bool + Sync),
) -> Run<'a> {
    Run {
        dataset,
        config,
        device: Device::flex(),
        folder,
        resume,
        base: None,
        distill: None,
        stop,
        provenance: BTreeMap::new(),
        task_weights: vec![],
        fingerprint: "test".into(),
    }
}

fn run_in(
    folder: &std::path::Path,
    dataset: &Dataset,
    encoder: EncoderKind,
    resume: bool,
    stop_after: Option<usize>,
) -> Vec<u8> {
    taught_in(folder, dataset, encoder, (resume, stop_after), None)
}

fn taught_in(
    folder: &std::path::Path,
    dataset: &Dataset,
    encoder: EncoderKind,
    (resume, stop_after): (bool, Option<usize>),
    distill: Option<Distill<'_>>,
) -> Vec<u8> {
    let steps = AtomicUsize::new(0);
    let stop = || stop_after == Some(steps.fetch_add(1, Ordering::Relaxed));
    let config = TrainConfig { encoder, dropout: Some(0.1), epochs: 3, ..config(0) };
    let run = Run { distill, ..run(dataset, &config, folder, resume, &stop) };
    let outcome = train(&run, |model, _| Ok(f64::from(model.weights.gate_bias[1]))).unwrap();
    assert_eq!(outcome.interrupted, stop_after.is_some());
    std::fs::read(folder.join("checkpoints/last.safetensors")).unwrap()
}

#[test]
fn a_resumed_run_is_equal_to_the_bit() {
    let dataset = dataset(true, FilterSeen::Group);
    for encoder in EncoderKind::ALL {
        let whole = tempfile::tempdir().unwrap();
        let expected = run_in(whole.path(), &dataset, encoder, false, None);
        let best =
            |folder: &tempfile::TempDir| std::fs::read(folder.path().join("checkpoints/best.safetensors")).unwrap();
        // Before the first validation, and in the middle of the second epoch.
        for stop_after in [2, 6] {
            let parts = tempfile::tempdir().unwrap();
            assert!(run_in(parts.path(), &dataset, encoder, false, Some(stop_after)) != expected);
            let resumed = run_in(parts.path(), &dataset, encoder, true, None);
            assert!(resumed == expected, "{encoder:?}, resumed after {stop_after} steps, differs");
            assert!(best(&whole) == best(&parts));
        }
    }
}

#[test]
fn a_resumed_run_with_teachers_is_equal_to_the_bit() {
    let dataset = dataset(true, FilterSeen::Group);
    let how = DistillConfig { temperature: 2.0, ..DistillConfig::default() };
    let in_folder = |folder: &tempfile::TempDir, resume, stop_after, is_taught: bool| {
        let distill = is_taught.then(|| Distill { config: &how, teachers: teachers(&dataset) });
        taught_in(folder.path(), &dataset, EncoderKind::Transformer, (resume, stop_after), distill)
    };
    let [whole, parts, alone] = [(); 3].map(|()| tempfile::tempdir().unwrap());
    let expected = in_folder(&whole, false, None, true);
    assert!(in_folder(&parts, false, Some(6), true) != expected);
    assert!(in_folder(&parts, true, None, true) == expected);
    assert!(in_folder(&alone, false, None, false) != expected, "what teachers say must change the run");
}

#[test]
fn too_few_sequences_train_and_ship_without_neighbours() {
    let mut dataset = dataset(true, FilterSeen::Group);
    let neighbours = |dataset: &Dataset| {
        let folder = tempfile::tempdir().unwrap();
        run_in(folder.path(), dataset, EncoderKind::Transformer, false, None);
        let bytes = std::fs::read(folder.path().join("checkpoints/best.safetensors")).unwrap();
        Model::from_bytes(&bytes).unwrap().weights.neighbours.items.len()
    };
    for (sequences, has_neighbours) in [(FOLDS, true), (FOLDS - 1, false)] {
        dataset.sequences.offsets.to_mut().truncate(sequences + 1);
        dataset.sequences.keys = (0..sequences).map(|sequence| sequence.to_string()).collect();
        assert_eq!(neighbours(&dataset) > 0, has_neighbours);
    }
}

/// Validation events repeat what came before, which training events hardly do: repetition must come to count for more.
fn repeating_dataset() -> Dataset {
    let mut repeating = dataset(false, FilterSeen::None);
    let sequences = &mut repeating.sequences;
    let (offsets, events) = (sequences.offsets.to_vec(), sequences.items.to_vec());
    let (items, parts) = (sequences.items.to_mut(), sequences.parts.to_mut());
    for range in offsets.windows(2).map(|pair| pair[0] as usize..pair[1] as usize) {
        for place in range.start + range.len().div_ceil(3)..range.end {
            items[place] = events[range.start];
            parts[place] = Part::Validation;
        }
    }
    let (times, groups) = (sequences.times.to_vec(), sequences.groups.to_vec());
    for _ in 1..4 {
        for pair in offsets.windows(2) {
            let range = pair[0] as usize..pair[1] as usize;
            let sequences = &mut repeating.sequences;
            sequences.items.to_mut().extend_from_within(range.clone());
            sequences.parts.to_mut().extend_from_within(range.clone());
            sequences.times.to_mut().extend_from_slice(&times[range.clone()]);
            sequences.groups.to_mut().extend_from_slice(&groups[range.clone()]);
            for place in range.clone() {
                let codes = sequences.event(place).fields.to_vec();
                sequences.fields.to_mut().extend(codes);
                sequences.field_ends.to_mut().push(sequences.fields.len() as u64);
            }
            sequences.offsets.to_mut().push(sequences.items.len() as u64);
        }
    }
    repeating.sequences.keys = (0..4 * (offsets.len() - 1)).map(|sequence| sequence.to_string()).collect();
    repeating
}

#[test]
fn a_run_that_ended_before_it_saved_its_calibration_is_not_calibrated_twice() {
    let dataset = repeating_dataset();
    let config = TrainConfig { epochs: 1, ..config(0) };
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join("checkpoints").join(name);
    let validate = |_: &std::sync::Arc<Model>, _| {
        // What a crash after this validation would leave.
        if path("last.safetensors").exists() {
            std::fs::copy(path("last.safetensors"), path("before.safetensors"))?;
        }
        Ok(0.5)
    };
    let first = train(&run(&dataset, &config, folder.path(), false, &|| false), validate).unwrap();
    let calibrations = || {
        let lines = std::fs::read_to_string(folder.path().join("metrics.jsonl")).unwrap();
        (lines.matches("\"calibration\"").count(), lines.matches("\"kept\":true").count())
    };
    assert_eq!(calibrations(), (1, 1));
    let (best, last) =
        (std::fs::read(path("best.safetensors")).unwrap(), std::fs::read(path("last.safetensors")).unwrap());
    std::fs::rename(path("before.safetensors"), path("last.safetensors")).unwrap();
    let again = train(&run(&dataset, &config, folder.path(), true, &|| false), |_, effort| {
        assert_eq!(effort, Effort::Quick, "only what training begins with is picked again");
        Ok(0.5)
    });
    assert_eq!(again.unwrap(), first);
    assert_eq!(calibrations(), (1, 1));
    assert!(std::fs::read(path("best.safetensors")).unwrap() == best);
    assert!(std::fs::read(path("last.safetensors")).unwrap() == last);
}

#[test]
fn what_training_began_with_is_kept_where_it_ranks_better_than_the_calibrated_best() {
    let dataset = repeating_dataset();
    let config = TrainConfig { epochs: 1, ..config(0) };
    // Begun with, after the epoch, calibrated, and the beginning calibrated.
    for (ranks, expected) in [([0.45, 0.4, 0.5, 0.0], (0.5, 1)), ([0.55, 0.4, 0.5, 0.52], (0.55, 0))] {
        let folder = tempfile::tempdir().unwrap();
        let mut ranks = ranks.into_iter();
        let outcome = train(&run(&dataset, &config, folder.path(), false, &|| false), |_, effort| {
            Ok(if effort == Effort::Full { ranks.next().unwrap() } else { 0.1 })
        });
        let outcome = outcome.unwrap();
        assert_eq!((outcome.best.unwrap(), outcome.best_epoch), expected);
        let best = std::fs::read(folder.path().join("checkpoints/best.safetensors")).unwrap();
        let best = Model::from_bytes(&best).unwrap();
        assert_eq!(best.metadata.metrics.get("validation.ndcg@10"), Some(&expected.0));
        assert!(!folder.path().join("checkpoints/begun.safetensors").exists());
    }
}

#[test]
fn a_finished_run_that_its_beginning_won_can_be_resumed_where_no_items_are_predicted() {
    let (dataset, config) = (with_tasks(false), TrainConfig { epochs: 1, ..config(0) });
    let folder = tempfile::tempdir().unwrap();
    let mut ranks = [0.5, 0.4].into_iter();
    let mut outcome = |resume| {
        let run = Run { task_weights: vec![1.0; 3], ..run(&dataset, &config, folder.path(), resume, &|| false) };
        train(&run, |_, effort| Ok(if effort == Effort::Full { ranks.next().unwrap() } else { 0.1 })).unwrap()
    };
    let first = outcome(false);
    assert_eq!((first.best, first.best_epoch), (Some(0.5), 0));
    assert_eq!(outcome(true), first);
}

#[test]
fn a_checkpoint_with_one_changed_bit_is_not_gone_on_from() {
    let dataset = dataset(true, FilterSeen::Group);
    let folder = tempfile::tempdir().unwrap();
    let mut bytes = run_in(folder.path(), &dataset, EncoderKind::Transformer, false, Some(2));
    let header = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    // A high bit of a number's exponent, in the middle of the tensors.
    let place = (8 + header + (bytes.len() - 8 - header) / 2) / 4 * 4 + 3;
    bytes[place] ^= 0x20;
    std::fs::write(folder.path().join("checkpoints/last.safetensors"), bytes).unwrap();
    let config = TrainConfig { encoder: EncoderKind::Transformer, dropout: Some(0.1), epochs: 3, ..config(0) };
    let run = run(&dataset, &config, folder.path(), true, &|| false);
    let error = train(&run, |_, _| Ok(0.1)).unwrap_err().to_string();
    assert!(error.contains("is damaged") && error.contains("--replace"), "{error}");
}

#[test]
fn an_epoch_predicts_every_event_once_in_steps_of_about_the_asked_size() {
    let dataset = dataset(true, FilterSeen::Group);
    for epoch in 0..3 {
        let batches: Vec<Vec<Window>> = Batches::of_epoch(&dataset, 7, 20, 1, (epoch, false)).iter().collect();
        let mut predicted = vec![0; dataset.sequences.items.len()];
        for window in batches.iter().flatten() {
            assert!((1..=7).contains(&window.inputs.len()));
            let start = dataset.sequences.range(window.sequence).start;
            window.inputs.clone().for_each(|input| predicted[start + input] += 1);
        }
        assert!(predicted.iter().all(|&times| times == 1));
        let events = |batch: &Vec<Window>| batch.iter().map(|window| window.inputs.len()).sum::<usize>();
        let short = batches.iter().filter(|&batch| events(batch) < 20).count();
        assert!(short <= 1 && batches.iter().all(|batch| events(batch) < 20 + 7));
    }
}
