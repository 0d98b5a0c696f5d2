//! The loss that follows teachers (Hinton et al. 2015, arXiv 1503.02531).
//!
//! With z a model's scores and T the temperature, `q(i)` is the mean over the teachers of `softmax(z / T)(i)`, and a position's
//! loss is `(1 - w) L + w T^2 C`: L the loss of what came, `C = -sum of q(i) ln softmax(z / T)(i)` with the student's scores,
//! w the teachers' weight. T^2 makes up for C's gradients, which T divides twice. As in `softmax.rs` both softmaxes are over
//! the position's own candidates and the shared negatives, each of which stands for as many items as its weight says.
//!
//! Teachers are given what the student is given: augmented windows, hidden values, and neighbours that know nothing of what
//! is to be predicted. A teacher that sees more says what the student cannot know (Beyer et al. 2022, arXiv 2106.05237).

use super::at::At;
use super::{Head, Position, Scores, State};
use crate::companion::data::Dataset;
use crate::companion::train::distill::Distill;
use crate::companion::train::encoder::{Encoder, Inputs};
use crate::companion::train::examples::Shard;
use crate::companion::train::heads::soften;
use crate::companion::train::negatives::Negatives;
use crate::companion::train::vector::{add_scaled, dot, exponentials, largest};
use crate::format::{ItemTable, Model};
use crate::schema::Head as Task;
use crate::vocab::ItemId;
use burn::tensor::Device;
use rand_chacha::ChaCha8Rng;
use std::sync::Arc;

/// A thread's teachers.
pub struct Teachers {
    pub temperature: f32,
    /// Their share of the loss.
    pub weight: f32,
    all: Vec<Teacher>,
    told: Probabilities,
    student: Probabilities,
}

struct Teacher {
    model: Arc<Model>,
    encoder: Encoder,
    head: Head,
    /// `[rows, hidden]`, the rows being the student's.
    states: Vec<f32>,
    /// Of a chunk's positions.
    prepared: Vec<State>,
}

/// Of one position's own candidates, and of the shared negatives together with what they stand for.
#[derive(Default)]
struct Probabilities {
    own: Vec<f32>,
    negatives: Vec<f32>,
}

impl Teachers {
    pub fn new(distill: &Distill<'_>, device: &Device) -> Self {
        let teacher = |model: &Arc<Model>| Teacher {
            model: model.clone(),
            encoder: Encoder::new(device.clone(), model.metadata.architecture.clone()),
            head: Head::new(model.vocab.len()),
            states: Vec::new(),
            prepared: Vec::new(),
        };
        Self {
            temperature: distill.config.temperature,
            weight: distill.config.weight,
            all: distill.teachers.iter().map(teacher).collect(),
            told: Probabilities::default(),
            student: Probabilities::default(),
        }
    }

    /// Shows them a gathered shard of so many windows.
    pub fn show(&mut self, dataset: &Dataset, shard: &mut Shard, windows: usize) {
        for Teacher { model, encoder, states, .. } in &mut self.all {
            shard.write_inputs(dataset, &model.weights);
            let values = std::mem::take(&mut shard.input);
            let inputs = Inputs { values, times: &shard.times, windows, len: shard.len, both_ways: None };
            *states = encoder.forward::<ChaCha8Rng>(&model.weights, inputs, None).states().into_owned();
        }
    }

    /// What they answer to a task, by its place, after the events of these rows: the mean at the temperature, `[rows, outputs]`.
    pub fn answers(&self, task: &Task, place: usize, rows: &[usize]) -> Vec<f32> {
        let width = task.outputs();
        let mut mean = vec![0.0; rows.len() * width];
        for Teacher { model, states, .. } in &self.all {
            let head = &model.weights.heads[place];
            let hidden = head.weight.columns;
            for (row, mean) in rows.iter().zip(mean.chunks_exact_mut(width)) {
                let state = &states[row * hidden..(row + 1) * hidden];
                let output = |output| head.bias[output] + dot(head.weight.row(output), state);
                let mut outputs: Vec<f32> = (0..width).map(output).collect();
                soften(task, self.temperature, &mut outputs);
                add_scaled(mean, &outputs, 1.0 / self.all.len() as f32);
            }
        }
        mean
    }

    pub(super) fn begin(&mut self, negatives: &[ItemId]) {
        for Teacher { model, head, .. } in &mut self.all {
            let ItemTable::F32(items) = &model.weights.items else { continue };
            head.gather_negatives(&model.weights, items, negatives);
        }
    }

    /// Scores the negatives at a chunk's positions.
    pub(super) fn prepare(&mut self, positions: &[Position], negatives: usize) {
        for Teacher { model, head, states, prepared, .. } in &mut self.all {
            let ItemTable::F32(items) = &model.weights.items else { continue };
            *prepared = head.prepare(&model.weights, positions, states, items.columns);
            head.score_negatives(positions.len(), negatives, items.columns);
        }
    }

    pub(super) fn end(&mut self, negatives: &[ItemId]) {
        self.all.iter_mut().for_each(|teacher| teacher.head.forget_negatives(negatives));
    }

    /// One position's loss; leaves the scores' gradients in their place, as `loss`, that of what came, does.
    #[inline(always)]
    pub(super) fn mixed(&mut self, at: &At<'_>, given: Scores<'_>, loss: impl FnOnce(Scores<'_>) -> f64) -> f64 {
        let Scores { own, target, negatives, drawn } = given;
        self.ask(at, drawn, own.len());
        let Self { temperature, weight, told, student, .. } = self;
        let (temperature, weight) = (*temperature, *weight);
        student.own.clear();
        student.own.extend_from_slice(own);
        student.negatives.clear();
        student.negatives.extend_from_slice(negatives);
        let expected = mean(&told.own, own) + mean(&told.negatives, negatives);
        let log_sum = softmax(&mut student.own, &mut student.negatives, drawn, temperature);
        let soft = f64::from(temperature * (temperature * log_sum - expected));
        let hard = loss(Scores { own: &mut *own, target, negatives: &mut *negatives, drawn });
        let share = weight * temperature;
        for (errors, told, student) in
            [(own, &told.own, &student.own), (negatives, &told.negatives, &student.negatives)]
        {
            for ((error, told), student) in errors.iter_mut().zip(told).zip(student) {
                *error = (1.0 - weight) * *error + share * (student - told);
            }
        }
        f64::from(1.0 - weight) * hard + f64::from(weight) * soft
    }

    /// Sets what the teachers say of a position with so many own candidates.
    #[inline(always)]
    fn ask(&mut self, at: &At<'_>, drawn: &Negatives, own: usize) {
        let Self { temperature, all, told, .. } = self;
        for (values, count) in [(&mut told.own, own), (&mut told.negatives, at.negatives)] {
            values.clear();
            values.resize(count, 0.0);
        }
        let share = 1.0 / all.len() as f32;
        for Teacher { model, head, prepared, .. } in all {
            let ItemTable::F32(items) = &model.weights.items else { continue };
            head.score_position(&at.of((&model.weights, items), prepared[at.place].gates));
            let negatives = &mut head.scores[at.place * at.negatives..(at.place + 1) * at.negatives];
            softmax(&mut head.own_scores, negatives, drawn, *temperature);
            add_scaled(&mut told.own, &head.own_scores, share);
            add_scaled(&mut told.negatives, negatives, share);
        }
    }
}

/// Puts probabilities at a temperature in the scores' place, those of negatives times what they stand for; gives the logarithm of
/// what they were divided by.
#[inline(always)]
fn softmax(own: &mut [f32], negatives: &mut [f32], drawn: &Negatives, temperature: f32) -> f32 {
    let inverse = 1.0 / temperature;
    own.iter_mut().for_each(|score| *score *= inverse);
    negatives.iter_mut().zip(&drawn.log_weights).for_each(|(score, weight)| *score = *score * inverse + weight);
    let shift = largest(own).max(largest(negatives));
    let sum = exponentials(own, shift) + exponentials(negatives, shift);
    let inverse = 1.0 / sum;
    own.iter_mut().chain(negatives).for_each(|part| *part *= inverse);
    sum.ln() + shift
}

/// The mean score by probabilities; those that are listed have neither.
#[inline(always)]
fn mean(probabilities: &[f32], scores: &[f32]) -> f32 {
    let scored = probabilities.iter().zip(scores).filter(|(_, score)| **score > f32::NEG_INFINITY);
    scored.map(|(probability, score)| probability * score).sum()
}
