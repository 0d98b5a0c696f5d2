//! What is lost where a field is missing of all events.

use crate::companion::config::Config;
use crate::companion::data::{Dataset, Part};
use crate::companion::evaluate::answers::{answer_without, labelled, loss, predictions};
use crate::companion::evaluate::bootstrap::{Difference, by_sequence, paired, resampled};
use crate::companion::evaluate::outcome::Detail;
use crate::companion::evaluate::stream::{evaluate, places, sample, sequence_at};
use crate::companion::evaluate::{EngineScorer, Outcome};
use crate::format::Model;
use crate::predictor::fields_of;
use crate::schema::HeadKind;
use anyhow::Result;
use serde::Serialize;
use std::sync::Arc;

/// At most so many events are measured, for each field anew.
const EVENTS: usize = 2000;

/// What one field is worth.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Importance {
    /// The field; "time" stands for the events' times.
    pub field: String,
    /// `ndcg@10`, or `log loss of` or `squared error of` a task.
    pub measure: String,
    /// How many events were measured.
    pub events: usize,
    /// The measure with the field.
    pub with: f64,
    /// Without it.
    pub without: f64,
    /// What it costs to lack it: above 0 where the field helps.
    pub lost: Difference,
}

/// Measures a part with each field left out in turn.
///
/// # Errors
/// What the engine says.
pub fn measure(config: &Config, dataset: &Dataset, part: Part, model: &Arc<Model>) -> Result<Vec<Importance>> {
    let names: Vec<&str> = fields_of(&model.metadata.schema).collect();
    // What only counts looks at no field.
    if model.metadata.architecture.hidden == 0 || names.is_empty() {
        return Ok(Vec::new());
    }
    let mut all = of_items(config, dataset, part, model, &names)?;
    all.extend(of_tasks(config, dataset, part, model, &names)?);
    Ok(all)
}

fn of_items(
    config: &Config,
    dataset: &Dataset,
    part: Part,
    model: &Arc<Model>,
    names: &[&str],
) -> Result<Vec<Importance>> {
    let seed = config.split.seed;
    let targets = sample(&places(dataset, part, config.evaluate.min_history), EVENTS, seed);
    if !dataset.schema.predicts_items() || targets.is_empty() {
        return Ok(Vec::new());
    }
    let rank = |left_out: Option<usize>| -> Result<Outcome> {
        evaluate(dataset, &targets, Detail::Ranks, || EngineScorer::without(model, left_out))
    };
    let with = rank(None)?;
    let of_field = |(place, name): (usize, &&str)| {
        let without = rank(Some(place))?;
        Ok(Importance {
            field: (*name).to_owned(),
            measure: "ndcg@10".into(),
            events: targets.len(),
            with: with.metrics().ndcg_at_10(),
            without: without.metrics().ndcg_at_10(),
            lost: paired(&with, &without, seed),
        })
    };
    names.iter().enumerate().map(of_field).collect()
}

fn of_tasks(
    config: &Config,
    dataset: &Dataset,
    part: Part,
    model: &Arc<Model>,
    names: &[&str],
) -> Result<Vec<Importance>> {
    let seed = config.split.seed;
    let heads = &dataset.schema.heads;
    let places = sample(&labelled(dataset, part, &config.evaluate, seed), EVENTS, seed);
    if heads.is_empty() || places.is_empty() {
        return Ok(Vec::new());
    }
    // Each label's loss, by task.
    let losses = |left_out: Option<usize>| -> Result<Vec<(Vec<usize>, Vec<f64>)>> {
        let answered = answer_without(dataset, &places, model, left_out)?;
        let of_head = |(head, answered): (&crate::schema::Head, super::super::Answered)| {
            let predicted = predictions(head, &answered.outputs);
            let each = answered.labels.chunks(1).zip(predicted.chunks(head.outputs()));
            (answered.places, each.map(|(label, predicted)| loss(head, label, predicted)).collect())
        };
        Ok(heads.iter().zip(answered).map(of_head).collect())
    };
    let with = losses(None)?;
    let mut all = Vec::new();
    for (place, name) in names.iter().enumerate() {
        let without = losses(Some(place))?;
        for (head, ((places, with), (_, without))) in heads.iter().zip(with.iter().zip(&without)) {
            let kind = if matches!(head.kind, HeadKind::Number { .. }) { "squared error" } else { "log loss" };
            let mean = |losses: &[f64]| losses.iter().sum::<f64>() / losses.len().max(1) as f64;
            let lost = places
                .iter()
                .zip(without.iter().zip(with))
                .map(|(&place, (without, with))| (sequence_at(&dataset.sequences, place), without - with));
            let sums = by_sequence(lost);
            if !sums.is_empty() {
                all.push(Importance {
                    field: (*name).to_owned(),
                    measure: format!("{kind} of {}", head.name),
                    events: places.len(),
                    with: mean(with),
                    without: mean(without),
                    lost: resampled(&sums, seed),
                });
            }
        }
    }
    Ok(all)
}
