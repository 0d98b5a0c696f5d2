//! Measures a model beside the counting baselines, and says under which protocol.

use super::baselines::{Baselines, FIT_EVENTS, MixWeights, evaluate_baselines};
use super::bootstrap::{Difference, paired};
use super::engine::EnsembleScorer;
use super::origin::LEAK;
use super::outcome::{Detail, Outcome, top_overlap};
use super::slices::Slices;
use super::stream::{evaluate, measured, places, sample};
use crate::companion::config::{Config, SplitConfig};
use crate::companion::data::{Dataset, Part};
use crate::format::Model;
use crate::metrics::{Calibration, RankingMetrics};
use crate::schema::{Field, FilterSeen, Head, Schema};
use anyhow::{Context, Result, bail};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// How the numbers came about.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Protocol {
    /// The split and its dates.
    pub split: SplitConfig,
    /// How many models answer together, by the mean of their probabilities; left out for one.
    #[serde(skip_serializing_if = "is_one")]
    pub models: usize,
    /// Why a model knows events that it is measured on, so that its figures are too good.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leak: Option<String>,
    /// The log that was measured on, where it is another than the one that was learned from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
    /// `test` or `validation`.
    pub part: &'static str,
    /// What each target is ranked among.
    pub candidates: String,
    /// Which candidates are left out.
    pub filter_seen: FilterSeen,
    /// How many events a target has before it in its sequence, at least.
    pub min_history: usize,
    /// How equal times and equal scores are treated.
    pub ties: &'static str,
    /// Draws the order of equal times and every sample.
    pub seed: u64,
    /// Targets.
    pub events: usize,
    /// Targets that are no candidates: counted as misses.
    pub misses: usize,
    /// Sequences with a target.
    pub sequences: usize,
    /// Items.
    pub items: usize,
    /// What counting baselines were counted on.
    pub baselines: &'static str,
}

/// A model measured beside the baselines.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evaluation {
    /// How the numbers came about.
    pub protocol: Protocol,
    /// `f32` (as trained) and `exported` (the model file), where there are both.
    pub metrics: BTreeMap<&'static str, RankingMetrics>,
    /// The counting baselines, by name.
    pub baselines: BTreeMap<&'static str, RankingMetrics>,
    /// What the search for the mix picked on validation.
    pub mix_weights: MixWeights,
    /// The exported model's NDCG@10 (as trained where there is no file) minus each baseline's.
    pub bootstrap: BTreeMap<&'static str, Difference>,
    /// What the file lost against the trained weights.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quantization: Option<Quantization>,
    /// The model and the best baseline by slices of the targets.
    pub slices: Slices,
    /// The share of the catalogue that is in at least one top 10 of the exported model (as trained where there is no
    /// file).
    pub coverage: f64,
    /// Mean log loss of the target, in nats.
    pub log_loss: f64,
    /// Whether the best item's probability says how often it is right.
    pub calibration: Calibration,
}

/// What quantization costs on these targets.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Quantization {
    /// The share of NDCG@10 that is lost, negative when it is gained; `None` when there was none to lose.
    pub ndcg_loss: Option<f64>,
    /// The mean share of common items in both top 10.
    pub top10_overlap: f64,
}

/// The models to measure: at least one. Of several the mean of their answers is measured.
#[derive(Debug, Clone, Default)]
pub struct Models {
    /// As trained.
    pub f32: Vec<Arc<Model>>,
    /// As shipped.
    pub exported: Vec<Arc<Model>>,
}

impl Models {
    /// As shipped or, without a model file, as trained.
    pub fn shipped(&self) -> &[Arc<Model>] {
        if self.exported.is_empty() { &self.f32 } else { &self.exported }
    }
}

/// Measures models and baselines that were `learned` from one log on a part of `dataset`: the same log, or another
/// one that was read by [`crate::companion::data::load_like`].
///
/// # Errors
/// When there is no target or no model, or a model does not fit the data sets.
pub fn measure(
    config: &Config,
    learned: &Dataset,
    dataset: &Dataset,
    part: Part,
    models: &Models,
) -> Result<Evaluation> {
    let seed = config.split.seed;
    let targets = measured(places(dataset, part, config.evaluate.min_history), part, &config.evaluate, seed);
    let run = |models: &[Arc<Model>]| -> Result<Option<Outcome>> {
        models.iter().try_for_each(|model| check_fit(learned, model))?;
        let measure = || evaluate(dataset, &targets, Detail::Full, || EnsembleScorer::new(models));
        (!models.is_empty()).then(measure).transpose()
    };
    let (trained, exported) = (run(&models.f32)?, run(&models.exported)?);
    let Some(shown) = exported.as_ref().or(trained.as_ref()) else { bail!("no model to measure") };
    let validation = sample(&places(learned, Part::Validation, config.evaluate.min_history), FIT_EVENTS, seed);
    let Baselines { outcomes, mix_weights } = evaluate_baselines(learned, dataset, &targets, &validation)?;
    let named = [("f32", &trained), ("exported", &exported)];
    let best = outcomes.iter().max_by(|a, b| a.1.metrics().ndcg_at_10().total_cmp(&b.1.metrics().ndcg_at_10()));
    let (best, best_outcome) = best.context("no baseline to compare with")?;
    let model = if exported.is_some() { "exported" } else { "f32" };
    Ok(Evaluation {
        protocol: Protocol {
            models: models.shipped().len(),
            leak: leaks(learned, dataset, models),
            ..protocol(config, dataset, part, shown)
        },
        metrics: named.iter().filter_map(|(name, outcome)| Some((*name, outcome.as_ref()?.metrics()))).collect(),
        baselines: outcomes.iter().map(|(name, outcome)| (*name, outcome.metrics())).collect(),
        mix_weights,
        bootstrap: outcomes.iter().map(|(name, outcome)| (*name, paired(shown, outcome, seed))).collect(),
        quantization: trained.as_ref().zip(exported.as_ref()).map(|(before, after)| Quantization {
            ndcg_loss: share_lost(before.metrics().ndcg_at_10(), after.metrics().ndcg_at_10()),
            top10_overlap: top_overlap(before, after),
        }),
        slices: Slices::of(&learned.training_counts(), dataset, &targets, (model, shown), (best, best_outcome)),
        coverage: shown.coverage(dataset.vocab.len()),
        log_loss: shown.log_loss(),
        calibration: shown.calibration(),
    })
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over references")]
fn is_one(count: &usize) -> bool {
    *count == 1
}

/// The share of `before` that `after` lacks, negative when it has more; `None` when `before` is 0.
pub fn share_lost(before: f64, after: f64) -> Option<f64> {
    (before > 0.0).then(|| 1.0 - after / before)
}

/// A share that is lost as people read it: a change in percent, or "n/a".
pub fn change(lost: Option<f64>) -> String {
    lost.map_or("n/a".into(), |lost| format!("{:+.2}%", 0.0 - 100.0 * lost))
}

/// Whether a model was learned from this data set's items and field values.
///
/// # Errors
/// Says what has changed, and how to go on.
pub fn check_fit(learned: &Dataset, model: &Model) -> Result<()> {
    let (items, known) = (learned.vocab.len(), model.vocab.len());
    let changed = if items != known {
        format!("it gives {items} items now, the model has {known}")
    } else if learned.vocab != model.vocab {
        format!("it gives {items} items as then, but other ones")
    } else if learned.schema != model.metadata.schema {
        changed_schema(&learned.schema, &model.metadata.schema)
    } else {
        return Ok(());
    };
    bail!(
        "the log or its schema file has changed since the model was trained: {changed}; put the old log back, or train \
         again; to measure on newer events, keep the old log and name the new one with `foreclick evaluate --log`"
    )
}

/// What a log's schema has that a model's lacks, or gives otherwise.
fn changed_schema(learned: &Schema, model: &Schema) -> String {
    fn differs<T: PartialEq>(what: &str, of: fn(&T) -> &str, [now, then]: [&[T]; 2]) -> Option<String> {
        let lacks = |these: &[T], other: &T| these.iter().all(|it| of(it) != of(other));
        let new = now.iter().find(|it| lacks(then, it)).map(|it| format!("the model has no {what} {:?}", of(it)));
        let gone = || {
            let gone = then.iter().find(|it| lacks(now, it))?;
            Some(format!("the model has a {what} {:?}, which is not there any more", of(gone)))
        };
        let other = || {
            let other = now.iter().find(|it| !then.contains(it))?;
            Some(format!("the {what} {:?} has other values or statistics now", of(other)))
        };
        new.or_else(gone).or_else(other)
    }
    differs("field", |field: &Field| &field.name, [&learned.fields, &model.fields])
        .or_else(|| differs("task", |head: &Head| &head.name, [&learned.heads, &model.heads]))
        .unwrap_or_else(|| {
            "the schema file says otherwise of times, groups, the calendar, filter_seen, the next item or the fields' order".into()
        })
}

/// What models' files say of events that they know, where they are measured on the log that they were learned from.
pub(super) fn leaks(learned: &Dataset, dataset: &Dataset, models: &Models) -> Option<String> {
    let said = models.shipped().iter().filter_map(|model| model.metadata.provenance.get(LEAK).cloned());
    let said: Vec<String> = said.collect();
    (!said.is_empty() && std::ptr::eq(learned, dataset)).then(|| said.join("; "))
}

fn protocol(config: &Config, dataset: &Dataset, part: Part, outcome: &Outcome) -> Protocol {
    let filter_seen = dataset.schema.filter_seen;
    let left_out = match filter_seen {
        FilterSeen::None => "",
        FilterSeen::Group => ", but those already in the open group",
        FilterSeen::All => ", but those already in the sequence",
    };
    let mut sequences = outcome.sequences.clone();
    sequences.dedup();
    Protocol {
        split: config.split.clone(),
        models: 1,
        leak: None,
        log: None,
        part: if part == Part::Test { "test" } else { "validation" },
        candidates: format!("all {} items{left_out}", dataset.vocab.len()),
        filter_seen,
        min_history: config.evaluate.min_history,
        ties: "equal times in an order drawn by the seed; equal scores count against the target",
        seed: config.split.seed,
        events: outcome.ranks.len(),
        misses: outcome.misses(),
        sequences: sequences.len(),
        items: dataset.vocab.len(),
        baselines: "counted on the training events; a visitor's own history is everything before the target",
    }
}

impl fmt::Display for Evaluation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Protocol {
            models,
            leak,
            log,
            part,
            candidates,
            min_history,
            events,
            sequences,
            ties,
            seed,
            baselines,
            misses,
            ..
        } = &self.protocol;
        if let Some(leak) = leak {
            writeln!(f, "these figures are too good: {leak}")?;
        }
        if let Some(log) = log {
            writeln!(f, "on {log}")?;
        }
        if *models > 1 {
            writeln!(f, "an ensemble of {models} models, the mean of their probabilities")?;
        }
        writeln!(
            f,
            "{part}: {events} targets ({misses} unreachable) of {sequences} sequences, each ranked among {candidates}"
        )?;
        if *min_history > 0 {
            writeln!(f, "targets with fewer than {min_history} events before them in their sequence are left out")?;
        }
        writeln!(f, "ties: {ties} ({seed}); baselines: {baselines}\n")?;
        writeln!(
            f,
            "{:<20} {:>9} {:>9} {:>9} {:>9}  ours minus it, ndcg@10 [95% interval]",
            "", "ndcg@10", "hr@10", "hr@20", "mrr@20"
        )?;
        for (name, metrics) in &self.metrics {
            line(f, name, metrics, None)?;
        }
        for (name, metrics) in &self.baselines {
            line(f, name, metrics, self.bootstrap.get(name))?;
        }
        let better = self.bootstrap.iter().filter(|(_, difference)| difference.high < 0.0).map(|(name, _)| *name);
        let better: Vec<&str> = better.collect();
        if !better.is_empty() {
            let names = better.join(", ");
            writeln!(
                f,
                "{names}: counting ranks these targets better; try train.encoder = \"counting\", or learn from more events"
            )?;
        }
        write!(f, "\n{}", self.slices)?;
        writeln!(f, "{:.1}% of the catalogue is in at least one top 10", 100.0 * self.coverage)?;
        if let Some(Quantization { ndcg_loss, top10_overlap }) = self.quantization {
            let (change, overlap) = (change(ndcg_loss), 100.0 * top10_overlap);
            writeln!(f, "\nquantization: {change} ndcg@10, {overlap:.1}% of the top 10 in common")?;
        }
        let error = self.calibration.expected_error;
        writeln!(f, "log loss {:.4} nats; expected calibration error of the best item {error:.4}", self.log_loss)
    }
}

fn line(
    f: &mut fmt::Formatter<'_>,
    name: &str,
    metrics: &RankingMetrics,
    difference: Option<&Difference>,
) -> fmt::Result {
    let ([.., hr], [.., mrr]) = (metrics.hr, metrics.mrr);
    write!(f, "{name:<20} {:>9.5} {:>9.5} {hr:>9.5} {mrr:>9.5}", metrics.ndcg_at_10(), metrics.hr_at_10())?;
    if let Some(Difference { difference, low, high }) = difference {
        write!(f, "  {difference:+.5} [{low:+.5}, {high:+.5}]")?;
    }
    writeln!(f)
}
