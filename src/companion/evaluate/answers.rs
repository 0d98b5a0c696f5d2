//! What a model answers to tasks after labelled events, by the engine that ships.

use super::stream::{by_sequence, measured};
use crate::companion::config::EvaluateConfig;
use crate::companion::data::{Dataset, Part};
use crate::engine::Stream;
use crate::engine::cpu::{Cpu, Simd};
use crate::format::Model;
use crate::metrics::log_loss;
use crate::schema::{Head, HeadKind};
use crate::vocab::UNKNOWN_ITEM;
use anyhow::{Result, ensure};
use rayon::prelude::*;
use std::sync::Arc;

/// Sequences that a thread takes at once.
const CHUNK: usize = 64;

/// What one head says after the events that have a label of its task.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Answered {
    /// The events' places in the data set, rising.
    pub places: Vec<usize>,
    /// What the log says: `[places]`.
    pub labels: Vec<f32>,
    /// What the head computes: `[places, outputs]`.
    pub outputs: Vec<f32>,
}

/// The events of a part that have a label, at most as many as the configuration measures.
pub fn labelled(dataset: &Dataset, part: Part, config: &EvaluateConfig, seed: u64) -> Vec<usize> {
    let sequences = &dataset.sequences;
    let has_label = |&place: &usize| {
        sequences.parts[place] == part
            && sequences.items[place] != UNKNOWN_ITEM
            && sequences.labels(place).iter().any(|label| !label.is_nan())
    };
    measured((0..sequences.items.len()).filter(has_label).collect(), part, config, seed)
}

/// What each head says after the events at these places, `[heads]`.
///
/// # Errors
/// When an answer is no finite number.
pub fn answer(dataset: &Dataset, places: &[usize], model: &Arc<Model>) -> Result<Vec<Answered>> {
    answer_without(dataset, places, model, None)
}

/// The same where all events lack a field: see [`Stream::leave_out`].
///
/// # Errors
/// When an answer is no finite number.
pub fn answer_without(
    dataset: &Dataset,
    places: &[usize],
    model: &Arc<Model>,
    left_out: Option<usize>,
) -> Result<Vec<Answered>> {
    let work = by_sequence(dataset, places);
    let chunk = |work: &[(usize, &[usize])]| -> Result<Vec<Answered>> {
        let mut stream = Stream::new(model.clone(), Cpu::<Simd>::new(model.clone()))?;
        left_out.into_iter().for_each(|field| stream.leave_out(field));
        let mut answered = vec![Answered::default(); dataset.schema.heads.len()];
        for &(sequence, places) in work {
            stream.reset()?;
            let mut next = dataset.sequences.range(sequence).start;
            for &place in places {
                for earlier in next..=place {
                    stream.catch_up(dataset.sequences.event(earlier), place - earlier)?;
                }
                next = place + 1;
                let labels = dataset.sequences.labels(place);
                for ((answered, outputs), &label) in answered.iter_mut().zip(stream.ops_mut().heads()).zip(labels) {
                    if !label.is_nan() {
                        answered.places.push(place);
                        answered.labels.push(label);
                        answered.outputs.extend(outputs);
                    }
                }
            }
        }
        Ok(answered)
    };
    let chunks: Vec<_> = work.par_chunks(CHUNK).map(chunk).collect::<Result<_>>()?;
    let mut all = vec![Answered::default(); dataset.schema.heads.len()];
    for chunk in chunks {
        all.iter_mut().zip(chunk).for_each(|(all, part)| all.extend(part));
    }
    ensure!(
        all.iter().all(|answered| answered.outputs.iter().all(|output| output.is_finite())),
        "the model answers a task with no finite number; it is damaged or its training diverged"
    );
    Ok(all)
}

impl Answered {
    fn extend(&mut self, other: Self) {
        self.places.extend(other.places);
        self.labels.extend(other.labels);
        self.outputs.extend(other.outputs);
    }
}

/// What outputs, `[labels, outputs]`, predict: the probability of yes, of each class, or a number; of the same shape.
pub fn predictions(head: &Head, outputs: &[f32]) -> Vec<f32> {
    let mut predictions = outputs.to_vec();
    predictions.chunks_exact_mut(head.outputs()).for_each(|outputs| head.predict(outputs));
    predictions
}

/// The mean loss of predictions, `[labels, outputs]`: log loss in nats, or the squared error; 0 for no label.
pub fn loss(head: &Head, labels: &[f32], predictions: &[f32]) -> f64 {
    match &head.kind {
        HeadKind::Binary { .. } => {
            let of_truth = |(label, p): (&f32, &f32)| if *label == 1.0 { *p } else { 1.0 - p };
            log_loss(&labels.iter().zip(predictions).map(of_truth).collect::<Vec<_>>())
        }
        HeadKind::Classes { names, .. } => {
            let of_truth = |(label, p): (&f32, &[f32])| p[*label as usize];
            log_loss(&labels.iter().zip(predictions.chunks_exact(names.len())).map(of_truth).collect::<Vec<_>>())
        }
        HeadKind::Number { .. } => {
            let squares = labels.iter().zip(predictions).map(|(label, value)| f64::from(label - value).powi(2));
            squares.sum::<f64>() / labels.len().max(1) as f64
        }
    }
}

/// What is predicted of a task without looking at the sequence, `[outputs]`: how often yes or each class comes in training, or
/// the mean.
pub fn base_rate(dataset: &Dataset, place: usize) -> Vec<f32> {
    let shares = |classes: usize| -> Vec<f32> {
        let (mut counts, mut all) = (vec![0_u32; classes], 0_u32);
        for label in dataset.training_labels(place) {
            counts[label as usize] += 1;
            all += 1;
        }
        counts.into_iter().map(|count| count as f32 / all.max(1) as f32).collect()
    };
    match &dataset.schema.heads[place].kind {
        HeadKind::Binary { .. } => vec![shares(2)[1]],
        HeadKind::Classes { names, .. } => shares(names.len()),
        HeadKind::Number { mean, .. } => vec![*mean],
    }
}

/// The share of the base rate's loss that a model takes away, by task: 1 is perfect, 0 no better than the base rate.
pub fn skills(dataset: &Dataset, places: &[usize], model: &Arc<Model>) -> Result<Vec<f64>> {
    let answered = answer(dataset, places, model)?;
    let skill = |(place, Answered { labels, outputs, .. }): (usize, &Answered)| {
        let head = &dataset.schema.heads[place];
        let base = loss(head, labels, &base_rate(dataset, place).repeat(labels.len()));
        1.0 - loss(head, labels, &predictions(head, outputs)) / base.max(f64::MIN_POSITIVE)
    };
    Ok(answered.iter().enumerate().map(skill).collect())
}

/// What a model is judged by where it has tasks: the mean of its skills and, where it predicts the next item, of its NDCG@10.
///
/// # Errors
/// Those of [`answer`].
pub fn score(dataset: &Dataset, places: &[usize], model: &Arc<Model>, ndcg: Option<f64>) -> Result<f64> {
    if dataset.schema.heads.is_empty() {
        return Ok(ndcg.unwrap_or_default());
    }
    let all: Vec<f64> = skills(dataset, places, model)?.into_iter().chain(ndcg).collect();
    Ok(all.iter().sum::<f64>() / all.len() as f64)
}
