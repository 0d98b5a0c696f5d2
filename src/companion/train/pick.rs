//! Picks on the validation part what has to be fixed before anything is learned.

use super::features::Features;
use super::journal::Journal;
use super::loops::{Run, assemble};
use super::neighbours::{self, Counted, Rule};
use super::parameters::{FIRST_POPULARITY_GATE, FIRST_SCALE, initial};
use crate::format::{ItemTable, Model, Weights};
use anyhow::{Context, Result};
use serde::Serialize;
use serde_json::json;

/// A query's length that leaves the encoder without a say.
const SILENT: f32 = 1e-9;

/// The popularity gates to begin with. Where visitors come back for what they know, popularity tells the rest apart;
/// where nobody takes a thing twice, so much of it drowns what goes with what.
pub const POPULARITY_GATES: [f32; 2] = [FIRST_POPULARITY_GATE, 0.1];

/// The query's lengths to begin with. Spread rows may rank well untrained, where sequences are short and items many; where
/// they tell less than counting does, the encoder should be heard only once it has learned something.
pub const SCALES: [f32; 3] = [FIRST_SCALE, 4.0, 8.0];

/// What training begins with.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Start {
    pub rule: Rule,
    pub popularity_gate: f32,
    /// The query's length.
    pub scale: f32,
}

impl Start {
    /// Sets what is not in the neighbour table.
    pub fn apply(self, weights: &mut Weights) {
        weights.gate_bias[0] = self.popularity_gate;
        weights.log_scale = self.scale.ln();
    }
}

/// What ranks the validation part best before anything is learned: by counting alone, then with the encoder beside it. A
/// resumed run picks again, and the same.
///
/// # Errors
/// What `validate` says, and a journal that can't be written.
pub fn pick_start(
    run: &Run<'_>,
    journal: &mut Journal,
    mut validate: impl FnMut(&Model) -> Result<f64>,
) -> Result<Start> {
    let Run { dataset, config, .. } = *run;
    let architecture = config.architecture(&dataset.schema);
    architecture.validate()?;
    let context = architecture.counting.context;
    let counts = dataset.training_counts();
    let first = |rule| {
        let table = neighbours::count(dataset, context, rule, neighbours::most(dataset, config), Counted::All);
        let mut weights = initial(&architecture, &dataset.schema, &counts, table, config.seed);
        // What training will begin with: an item's features speak for a rare one.
        let features = Features::begin(&mut weights, &dataset.item_features, &counts);
        if let (Some(features), ItemTable::F32(own)) = (features, &mut weights.items) {
            features.fold_all(own);
        }
        weights
    };
    let mut try_start = |weights: &mut Weights, start: Start| {
        start.apply(weights);
        let ndcg = validate(&assemble(run, &architecture, weights))?;
        journal.write(0, json!({"start": start, "validation": {"ndcg@10": ndcg}}))?;
        anyhow::Ok((ndcg, start))
    };
    let mut tried = Vec::new();
    for rule in neighbours::rules(context) {
        let mut weights = first(rule);
        for popularity_gate in POPULARITY_GATES {
            tried.push(try_start(&mut weights, Start { rule, popularity_gate, scale: SILENT })?);
        }
    }
    let counting = best(&tried)?;
    let mut weights = first(counting.rule);
    let mut tried = Vec::new();
    for scale in SCALES {
        tried.push(try_start(&mut weights, Start { scale, ..counting })?);
    }
    best(&tried)
}

/// The first of those that rank best.
fn best(tried: &[(f64, Start)]) -> Result<Start> {
    let mut best: Option<&(f64, Start)> = None;
    for one in tried {
        if best.is_none_or(|best| one.0 > best.0) {
            best = Some(one);
        }
    }
    best.map(|(_, start)| *start).context("nothing to begin with to pick from")
}
