//! Measures the answers to tasks beside what needs no model.

use super::answers::{Answered, answer, base_rate, labelled, loss, predictions};
use super::result::{Models, check_fit, leaks};
use crate::companion::config::{Config, TaskConfig};
use crate::companion::data::{Dataset, Part};
use crate::metrics::{Calibration, auroc, average_precision, macro_f1};
use crate::schema::{Head, HeadKind};
use anyhow::{Result, bail};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;

/// Bins of equal count of the calibration error.
const BINS: usize = 10;

/// Figures by name.
pub type Figures = BTreeMap<&'static str, f64>;

/// One task's figures.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TaskResult {
    /// The task.
    pub task: String,
    /// Labels that were measured.
    pub labels: usize,
    /// Models first, then what needs none, each with its figures.
    pub rows: Vec<(String, Figures)>,
}

/// The figures of all tasks.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TaskResults {
    /// `test` or `validation`, and the split.
    pub protocol: String,
    /// In the schema file's order.
    pub tasks: Vec<TaskResult>,
}

/// Measures models that were `learned` from one log on the labels of a part of `dataset`. A task without labels there has no
/// figures.
///
/// # Errors
/// When there is no model, or a model does not fit the data sets.
pub fn measure_tasks(
    config: &Config,
    learned: &Dataset,
    dataset: &Dataset,
    part: Part,
    models: &Models,
) -> Result<TaskResults> {
    let places = labelled(dataset, part, &config.evaluate, config.split.seed);
    let named = [("f32", &models.f32), ("exported", &models.exported)];
    let mut answers = Vec::new();
    for (name, models) in named.into_iter().filter(|(_, models)| !models.is_empty()) {
        models.iter().try_for_each(|model| check_fit(learned, model))?;
        let answered = models.iter().map(|model| answer(dataset, &places, model)).collect::<Result<Vec<_>>>()?;
        answers.push((name, answered));
    }
    let Some(shown) = answers.first().and_then(|(_, answered)| answered.first()) else { bail!("no model to measure") };
    let heads = learned.schema.heads.iter().zip(&config.tasks).enumerate();
    let tasks = heads.map(|(place, (head, task))| {
        let labels = &shown[place].labels;
        let row = |name: &str, predictions: &[f32]| (name.to_owned(), figures(head, task, labels, predictions));
        let mut rows: Vec<_> =
            answers.iter().map(|(name, answered)| row(name, &mean_predictions(head, place, answered))).collect();
        let base = if matches!(head.kind, HeadKind::Number { .. }) { "mean" } else { "base rate" };
        rows.push(row(base, &base_rate(learned, place).repeat(labels.len())));
        // What a field says later is known later.
        let steps = if task.of.is_some() { task.steps.unwrap_or(1) } else { 1 };
        if let Some(predictions) = after_the_last(learned, dataset, place, &shown[place], steps) {
            rows.push(row("label before", &predictions));
        }
        TaskResult { task: head.name.clone(), labels: labels.len(), rows }
    });
    let part = if part == Part::Test { "test" } else { "validation" };
    let split = serde_json::to_string(&config.split)?;
    let leak = leaks(learned, dataset, models).map_or(String::new(), |leak| format!("; too good: {leak}"));
    Ok(TaskResults { protocol: format!("{part}, split {split}{leak}"), tasks: tasks.collect() })
}

/// The mean of what models predict of a task: `[labels, outputs]`.
fn mean_predictions(head: &Head, place: usize, answered: &[Vec<Answered>]) -> Vec<f32> {
    let mut predicted = answered.iter().map(|answered| predictions(head, &answered[place].outputs));
    let mut mean = predicted.next().unwrap_or_default();
    for other in predicted {
        mean.iter_mut().zip(other).for_each(|(mean, value)| *mean += value);
    }
    mean.iter_mut().for_each(|mean| *mean /= answered.len() as f32);
    mean
}

/// What a task's label before, in the same sequence, lets expect: how often yes or each class followed it in training, or the
/// number itself; what it does not know is the base rate's. A label is known so many events after its own. `None` where no label has
/// one before.
fn after_the_last(
    learned: &Dataset,
    dataset: &Dataset,
    place: usize,
    answered: &Answered,
    steps: usize,
) -> Option<Vec<f32>> {
    let head = &learned.schema.heads[place];
    let before = last_labels(dataset, place, steps);
    if answered.places.iter().all(|&place| before[place].is_nan()) {
        return None;
    }
    let base = base_rate(learned, place);
    let is_number = matches!(head.kind, HeadKind::Number { .. });
    // After each label: how often each came.
    let classes = if is_number { 0 } else { base.len().max(2) };
    let mut counts = vec![vec![0.0_f32; classes]; classes];
    if !is_number {
        let training = last_labels(learned, place, steps);
        for (at, &last) in training.iter().enumerate() {
            let label = learned.sequences.labels(at)[place];
            if learned.sequences.parts[at] == Part::Train && !label.is_nan() && !last.is_nan() {
                counts[last as usize][label as usize] += 1.0;
            }
        }
    }
    let predict = |&at: &usize| -> Vec<f32> {
        let last = before[at];
        if last.is_nan() {
            return base.clone();
        }
        if is_number {
            return vec![last];
        }
        let counts = &counts[last as usize];
        let all: f32 = counts.iter().sum();
        // What never followed is not impossible.
        let share = |(count, base): (&f32, &f32)| (count + base) / (all + 1.0);
        if matches!(head.kind, HeadKind::Binary { .. }) {
            return vec![share((&counts[1], &base[0]))];
        }
        counts.iter().zip(&base).map(share).collect()
    };
    Some(answered.places.iter().flat_map(predict).collect())
}

/// A task's latest label at least so many events before each event in its sequence, NaN where there is none: `[events]`.
fn last_labels(dataset: &Dataset, place: usize, steps: usize) -> Vec<f32> {
    let mut before = vec![f32::NAN; dataset.sequences.items.len()];
    for sequence in 0..dataset.sequences.len() {
        let mut last = f32::NAN;
        let range = dataset.sequences.range(sequence);
        for at in range.clone() {
            if let Some(known) = at.checked_sub(steps).filter(|known| range.contains(known)) {
                let label = dataset.sequences.labels(known)[place];
                last = if label.is_nan() { last } else { label };
            }
            before[at] = last;
        }
    }
    before
}

/// The figures of predictions, `[labels, outputs]`.
fn figures(head: &Head, task: &TaskConfig, labels: &[f32], predictions: &[f32]) -> Figures {
    if labels.is_empty() {
        return Figures::new();
    }
    let count = labels.len() as f64;
    let mean_loss = loss(head, labels, predictions);
    match &head.kind {
        HeadKind::Binary { threshold } => {
            let scored: Vec<(f32, bool)> =
                predictions.iter().zip(labels).map(|(&p, &label)| (p, label == 1.0)).collect();
            let pairs: Vec<(usize, usize)> =
                scored.iter().map(|&(p, truth)| (usize::from(p >= *threshold), usize::from(truth))).collect();
            let share = |pair| pairs.iter().filter(|&&other| other == pair).count() as f64 / count;
            let (false_yes, false_no) = task.costs();
            Figures::from([
                ("log loss", mean_loss),
                ("AUROC", auroc(&scored)),
                ("AUPR", average_precision(&scored)),
                ("macro-F1", macro_f1(&pairs, 2)),
                ("accuracy", share((0, 0)) + share((1, 1))),
                ("cost", share((1, 0)) * f64::from(false_yes) + share((0, 1)) * f64::from(false_no)),
                ("calibration error", Calibration::of(&scored, BINS).expected_error),
            ])
        }
        HeadKind::Classes { names, .. } => {
            let best = |p: &[f32]| head.class(&p.iter().map(|p| p.ln()).collect::<Vec<_>>());
            let rows = || predictions.chunks_exact(names.len());
            let pairs: Vec<(usize, usize)> = rows().zip(labels).map(|(p, &label)| (best(p), label as usize)).collect();
            let sure: Vec<(f32, bool)> = rows().zip(&pairs).map(|(p, pair)| (p[pair.0], pair.0 == pair.1)).collect();
            Figures::from([
                ("log loss", mean_loss),
                ("macro-F1", macro_f1(&pairs, names.len())),
                ("accuracy", pairs.iter().filter(|pair| pair.0 == pair.1).count() as f64 / count),
                ("calibration error", Calibration::of(&sure, BINS).expected_error),
            ])
        }
        HeadKind::Number { .. } => {
            let errors = labels.iter().zip(predictions).map(|(label, value)| f64::from(label - value).abs());
            Figures::from([("RMSE", mean_loss.sqrt()), ("MAE", errors.sum::<f64>() / count)])
        }
    }
}

impl fmt::Display for TaskResults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for TaskResult { task, labels, rows } in &self.tasks {
            writeln!(f, "task {task}, {labels} labels ({})", self.protocol)?;
            if *labels == 0 {
                writeln!(f, "none to measure\n")?;
                continue;
            }
            let names: Vec<&str> =
                rows.iter().flat_map(|(_, figures)| figures.keys().copied()).take(rows[0].1.len()).collect();
            write!(f, "{:<16}", "")?;
            names.iter().try_for_each(|name| write!(f, " {name:>17}"))?;
            writeln!(f)?;
            for (name, figures) in rows {
                write!(f, "{name:<16}")?;
                figures.values().try_for_each(|value| write!(f, " {value:>17.4}"))?;
                writeln!(f)?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}
