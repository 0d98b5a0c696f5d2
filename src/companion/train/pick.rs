//! Picks on the validation part what has to be fixed before anything is learned.

use super::journal::Journal;
use super::loops::{Run, assemble};
use super::neighbours::{self, Counted, Rule};
use super::parameters::{FIRST_POPULARITY_GATE, initial};
use crate::format::{Model, Weights};
use anyhow::{Context, Result};
use serde_json::json;

/// The logarithm of a query's length that leaves the encoder without a say.
const SILENT: f32 = -20.0;

/// The popularity gates to begin with. Where visitors come back for what they know, popularity tells the rest apart;
/// where nobody takes a thing twice, so much of it drowns what goes with what.
pub const POPULARITY_GATES: [f32; 2] = [FIRST_POPULARITY_GATE, 0.1];

/// What counting begins with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Start {
    pub rule: Rule,
    pub popularity_gate: f32,
}

impl Start {
    /// Sets what is not in the neighbour table.
    pub fn apply(self, weights: &mut Weights) {
        weights.gate_bias[0] = self.popularity_gate;
    }
}

/// What ranks the validation part best by counting alone. A resumed run picks again, and the same.
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
    let mut best: Option<(f64, Start)> = None;
    for rule in neighbours::rules(context) {
        let table = neighbours::count(dataset, context, rule, neighbours::most(dataset, config), Counted::All);
        let mut weights = initial(&architecture, &dataset.schema, &counts, table, config.seed);
        weights.log_scale = SILENT;
        for popularity_gate in POPULARITY_GATES {
            let start = Start { rule, popularity_gate };
            start.apply(&mut weights);
            let ndcg = validate(&assemble(run, &architecture, &weights))?;
            let fields = json!({"neighbours": rule, "popularity_gate": popularity_gate, "counting": {"ndcg@10": ndcg}});
            journal.write(0, fields)?;
            if best.is_none_or(|(highest, _)| ndcg > highest) {
                best = Some((ndcg, start));
            }
        }
    }
    best.map(|(_, start)| start).context("no rule for neighbours to pick from")
}
