//! Picks on the validation part what has to be fixed before anything is learned.

use super::features::Features;
use super::journal::Journal;
use super::neighbours::{self, Counted, Rule};
use super::parameters::{FIRST_POPULARITY_GATE, FIRST_SCALE, GATES_OF_A_SUM, assemble, initial};
use super::run::Run;
use crate::format::{ItemTable, Model, Weights};
use anyhow::{Context, Result};
use serde::Serialize;
use serde_json::json;
use std::sync::Arc;

/// A query's length that leaves the encoder without a say.
const SILENT: f32 = 1e-9;

/// The popularity gates to begin with. Where visitors come back for what they know, popularity tells the rest apart;
/// where nobody takes a thing twice, so much of it drowns what goes with what.
pub const POPULARITY_GATES: [f32; 2] = [FIRST_POPULARITY_GATE, 0.1];

/// Starts by counting with one rule: each gate with a product and with a sum.
pub const COUNTINGS: usize = 2 * POPULARITY_GATES.len();

/// The query's lengths to begin with. Spread rows may rank well untrained, where sequences are short and items many; where
/// they tell less than counting does, the encoder should be heard only once it has learned something.
pub const SCALES: [f32; 3] = [FIRST_SCALE, 4.0, 8.0];

/// How much of the validation part is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effort {
    /// A few thousand events, which tell starts apart.
    Quick,
    /// As many as validation may have.
    Full,
}

/// How a visitor's own items and the neighbours of the latest are put together at first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Counting {
    /// Each has its gate: the probabilities are multiplied.
    Product,
    /// Their sum has one.
    Sum,
}

/// What training begins with.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Start {
    pub rule: Rule,
    pub popularity_gate: f32,
    pub counting: Counting,
    /// The query's length.
    pub scale: f32,
}

impl Start {
    /// Sets what is not in the neighbour table.
    pub fn apply(self, weights: &mut Weights) {
        if self.counting == Counting::Sum {
            weights.gate_bias.copy_from_slice(&GATES_OF_A_SUM);
            weights.repeat.values.fill(0.0);
            weights.item_repeat.fill(0.0);
        }
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
    mut validate: impl FnMut(&Arc<Model>, Effort) -> Result<f64>,
) -> Result<Start> {
    let Run { dataset, config, .. } = *run;
    let architecture = config.architecture(&dataset.schema);
    architecture.validate()?;
    let context = architecture.counting.context;
    if !dataset.schema.predicts_items() || run.base.is_some_and(|base| base.gives_neighbours()) {
        // No item is ranked or nothing is left to pick, so that no start is better.
        let rule = Rule { lift: 0.0, backward: 0.0, fades: false };
        let popularity_gate = FIRST_POPULARITY_GATE;
        return Ok(Start { rule, popularity_gate, counting: Counting::Product, scale: FIRST_SCALE });
    }
    let counts = dataset.training_counts();
    let mut try_starts = |rule: Rule, starts: &[Start], best: Option<Tried>| {
        let table = neighbours::count(dataset, context, rule, neighbours::kept(dataset, config), Counted::All);
        let mut first = initial(&architecture, &dataset.schema, &counts, table, config.seed);
        // What training will begin with: an item's features speak for a rare one.
        let features = Features::begin(&mut first, &dataset.item_features, &counts, None);
        if let (Some(features), ItemTable::F32(own)) = (features, &mut first.items) {
            features.fold_all(own);
        }
        let mut best = best;
        for &start in starts {
            let mut weights = first.clone();
            start.apply(&mut weights);
            let ndcg =
                validate(&Arc::new(assemble(run.dataset, &run.provenance, &architecture, weights)), Effort::Quick)?;
            journal.write(0, json!({"start": start, "validation": {"ndcg@10": ndcg}}))?;
            if best.is_none_or(|best| ndcg > best.ndcg) {
                best = Some(Tried { start, ndcg });
            }
        }
        best.context("nothing to begin with to pick from")
    };
    let mut best = None;
    for rule in neighbours::rules(context) {
        best = Some(try_starts(rule, &starts_by_counting(rule), best)?);
    }
    let best = best.context("no rule to count by")?;
    let rule = Rule { fades: true, ..best.start.rule };
    let best = try_starts(rule, &[Start { rule, ..best.start }], Some(best))?.start;
    if run.base.is_some_and(|base| base.predicts_items()) {
        // Gates and length come from there.
        return Ok(best);
    }
    // Whatever the encoder begins with, it is heard.
    Ok(try_starts(best.rule, &SCALES.map(|scale| Start { scale, ..best }), None)?.start)
}

/// What there is to begin with, with the encoder silent.
fn starts_by_counting(rule: Rule) -> [Start; COUNTINGS] {
    std::array::from_fn(|place| Start {
        rule,
        popularity_gate: POPULARITY_GATES[place % POPULARITY_GATES.len()],
        counting: if place < POPULARITY_GATES.len() { Counting::Product } else { Counting::Sum },
        scale: SILENT,
    })
}

/// A start, and how it ranks.
#[derive(Clone, Copy)]
struct Tried {
    start: Start,
    ndcg: f64,
}
