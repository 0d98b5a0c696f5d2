//! The tasks' losses and their gradients, written by hand: log loss for yes and no and for classes, half the squared error of a
//! standardised number.
//!
//! Each task's loss is a mean over its own labels, times its weight, beside the next item's mean loss. A step's gradients are
//! sums that are divided once, by the next item's positions (or, without, by the labels), so that a task's sum is first
//! multiplied by what the whole log has of those for each of the task's labels.
//!
//! By `task_weights = "uncertainty"` a task's loss L enters as L exp(-s) + s / 2, where s, the logarithm of the task's own
//! noise, is learned (Kendall et al. 2018, arXiv 1705.07115; for a number L is half the squared error, which makes it the
//! paper's term as well).
//!
//! With teachers a label's loss is mixed with one that their answers are the labels of, as `head/teachers.rs` says; a number has no
//! temperature.

use super::config::{TaskWeights, TrainConfig};
use super::head::Teachers;
use super::vector::{add_scaled, multiply};
use crate::companion::data::{Dataset, Part};
use crate::format::{HeadWeights, Weights};
use crate::schema::{Head, HeadKind, Schema};

/// A standardised label further out than this counts as this: one row must not outweigh hundreds.
const FURTHEST: f32 = 8.0;

/// An event whose labels are learned from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LabelAt {
    /// The row, in the encoder's output, of the state after the event.
    pub row: usize,
    /// The event's place in the data set.
    pub place: usize,
}

/// The name of what epochs are judged by: with tasks, the mean of the next item's NDCG@10, where it is predicted, and the
/// tasks' skills.
pub fn judged_by(schema: &Schema) -> &'static str {
    if schema.heads.is_empty() { "ndcg@10" } else { "score" }
}

/// What each head's summed loss is multiplied with, `[heads]`, for tasks of these weights.
pub fn factors(dataset: &Dataset, weights: &[f32]) -> Vec<f32> {
    let counts: Vec<usize> = (0..weights.len()).map(|head| dataset.training_labels(head).count()).collect();
    let training = dataset.sequences.parts.iter().filter(|&&part| part == Part::Train).count();
    let examples = if dataset.schema.predicts_items() { training } else { counts.iter().sum() };
    weights.iter().zip(counts).map(|(weight, count)| weight * examples as f32 / count.max(1) as f32).collect()
}

/// Lets each head answer what its training labels are on average: whatever the state, but where weights begin at random (see
/// `parameters.rs`).
pub fn begin(weights: &mut Weights, dataset: &Dataset) {
    for (place, (head, HeadWeights { bias, .. })) in dataset.schema.heads.iter().zip(&mut weights.heads).enumerate() {
        let labels = || dataset.training_labels(place);
        let count = labels().count() as f32;
        match &head.kind {
            HeadKind::Binary { .. } => {
                let positive = labels().filter(|&label| label == 1.0).count() as f32;
                bias[0] = ((positive + 0.5) / (count - positive + 0.5)).ln();
            }
            HeadKind::Classes { names, .. } => {
                let mut counts = vec![0.5; names.len()];
                labels().for_each(|label| counts[label as usize] += 1.0);
                bias.iter_mut().zip(counts).for_each(|(bias, own)| *bias = f32::ln(own / count));
            }
            HeadKind::Number { .. } => {}
        }
    }
}

/// What the heads learn from in one shard.
pub struct Labelled<'a> {
    pub dataset: &'a Dataset,
    pub config: &'a TrainConfig,
    /// See [`factors`].
    pub factors: &'a [f32],
    pub labels: &'a [LabelAt],
    /// The encoder's states, `[rows, hidden]`.
    pub states: &'a [f32],
    /// Who has seen the same rows.
    pub teachers: Option<&'a Teachers>,
}

impl Labelled<'_> {
    /// The sum of the labels' losses, as weighed. Adds to `gradient` and to `states_gradient`, `[rows, hidden]`.
    pub fn run(&self, weights: &Weights, states_gradient: &mut [f32], gradient: &mut Weights) -> f64 {
        let Self { dataset, config, factors, labels, states, teachers } = *self;
        let hidden = weights.final_norm.len();
        let heads = dataset.schema.heads.iter().zip(&weights.heads).zip(&mut gradient.heads).zip(factors).enumerate();
        let mut total = 0.0;
        for (place, (((head, own), gradient), &factor)) in heads {
            let told: Vec<(usize, f32)> = labels
                .iter()
                .map(|at| (at.row, dataset.sequences.labels(at.place)[place]))
                .filter(|(_, label)| !label.is_nan())
                .collect();
            let known: Vec<f32> =
                told.iter().flat_map(|(row, _)| &states[row * hidden..(row + 1) * hidden]).copied().collect();
            let (rows, width) = (told.len(), own.bias.len());
            let mut outputs = own.bias.repeat(rows);
            multiply([rows, width, hidden], &mut outputs, &known, [hidden, 1], &own.weight.values, [1, hidden], true);
            let mut loss = 0.0;
            let taught = teachers.map(|teachers| {
                let rows: Vec<usize> = told.iter().map(|(row, _)| *row).collect();
                Taught { answers: teachers.answers(head, place, &rows), outputs: outputs.clone(), teachers }
            });
            for ((_, label), outputs) in told.iter().zip(outputs.chunks_exact_mut(width)) {
                loss += f64::from(loss_of(head, *label, outputs));
            }
            if let Some(taught) = taught {
                loss = taught.mixed(head, loss, &mut outputs);
            }
            let trusted = match config.task_weights {
                TaskWeights::Fixed => 1.0,
                TaskWeights::Uncertainty => {
                    let s = own.log_variance;
                    total += f64::from(factor) * rows as f64 * f64::from(s) / 2.0;
                    gradient.log_variance += factor * (rows as f32 / 2.0 - (-s).exp() * loss as f32);
                    (-s).exp()
                }
            };
            total += f64::from(factor * trusted) * loss;
            outputs.iter_mut().for_each(|output| *output *= factor * trusted);
            for ((row, _), errors) in told.iter().zip(outputs.chunks_exact(width)) {
                let range = row * hidden..(row + 1) * hidden;
                for (output, &error) in errors.iter().enumerate() {
                    add_scaled(&mut states_gradient[range.clone()], own.weight.row(output), error);
                    add_scaled(gradient.weight.row_mut(output), &states[range.clone()], error);
                    gradient.bias[output] += error;
                }
            }
        }
        total
    }
}

/// One label's loss; leaves its gradient in the outputs' place.
fn loss_of(head: &Head, label: f32, outputs: &mut [f32]) -> f32 {
    match &head.kind {
        HeadKind::Binary { .. } => {
            let logit = outputs[0];
            let part = (-logit.abs()).exp();
            outputs[0] = if logit > 0.0 { 1.0 } else { part } / (1.0 + part) - label;
            logit.max(0.0) + part.ln_1p() - label * logit
        }
        HeadKind::Classes { .. } => {
            let class = label as usize;
            let largest = outputs.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let own = outputs[class] - largest;
            outputs.iter_mut().for_each(|output| *output = (*output - largest).exp());
            let sum: f32 = outputs.iter().sum();
            outputs.iter_mut().for_each(|output| *output /= sum);
            outputs[class] -= 1.0;
            sum.ln() - own
        }
        HeadKind::Number { mean, std } => {
            let error = outputs[0] - ((label - mean) / std).clamp(-FURTHEST, FURTHEST);
            outputs[0] = error;
            error * error / 2.0
        }
    }
}

/// What teachers answer beside what the student computes, `[labels, outputs]`.
struct Taught<'a> {
    teachers: &'a Teachers,
    answers: Vec<f32>,
    outputs: Vec<f32>,
}

impl Taught<'_> {
    /// Mixes the labels' summed loss and its gradients, `errors`, with what follows the teachers.
    fn mixed(self, head: &Head, loss: f64, errors: &mut [f32]) -> f64 {
        let Self { teachers: &Teachers { temperature, weight, .. }, answers, mut outputs } = self;
        let width = head.outputs();
        let is_number = matches!(head.kind, HeadKind::Number { .. });
        let mut soft = 0.0;
        for (outputs, answers) in outputs.chunks_exact_mut(width).zip(answers.chunks_exact(width)) {
            soft += if is_number {
                (outputs[0] - answers[0]).powi(2) / 2.0
            } else {
                let along: f32 = outputs.iter().zip(answers).map(|(output, answer)| output * answer).sum();
                temperature * (temperature * log_sum(head, outputs, temperature) - along)
            };
            soften(head, temperature, outputs);
        }
        let share = if is_number { weight } else { weight * temperature };
        for ((error, output), answer) in errors.iter_mut().zip(&outputs).zip(&answers) {
            *error = (1.0 - weight) * *error + share * (output - answer);
        }
        f64::from(1.0 - weight) * loss + f64::from(weight * soft)
    }
}

/// The logarithm of the sum of all answers' exponentials at a temperature; "no" has an output of 0.
fn log_sum(head: &Head, outputs: &[f32], temperature: f32) -> f32 {
    let no = matches!(head.kind, HeadKind::Binary { .. }).then_some(0.0);
    let all = || outputs.iter().map(|output| output / temperature).chain(no);
    let largest = all().fold(f32::NEG_INFINITY, f32::max);
    largest + all().map(|output| (output - largest).exp()).sum::<f32>().ln()
}

/// Turns one label's outputs into probabilities at a temperature; leaves a number as it is.
pub fn soften(head: &Head, temperature: f32, outputs: &mut [f32]) {
    if !matches!(head.kind, HeadKind::Number { .. }) {
        let log_sum = log_sum(head, outputs, temperature);
        outputs.iter_mut().for_each(|output| *output = (*output / temperature - log_sum).exp());
    }
}
