//! Picks on the validation part what has to be fixed before anything is learned.

use super::journal::Journal;
use super::loops::{Run, assemble};
use super::neighbours::{self, Rule};
use super::parameters::initial;
use crate::format::Model;
use anyhow::{Context, Result};
use serde_json::json;

/// The logarithm of a query's length that leaves the encoder without a say.
const SILENT: f32 = -20.0;

/// The rule whose neighbours rank the validation part best by counting alone. A resumed run picks again, and the
/// same.
///
/// # Errors
/// What `validate` says, and a journal that can't be written.
pub fn pick_rule(
    run: &Run<'_>,
    journal: &mut Journal,
    mut validate: impl FnMut(&Model) -> Result<f64>,
) -> Result<Rule> {
    let Run { dataset, config, .. } = *run;
    let architecture = config.architecture(&dataset.schema);
    architecture.validate()?;
    let context = architecture.counting.context;
    let counts = dataset.training_counts();
    let mut best: Option<(f64, Rule)> = None;
    for rule in neighbours::rules(context) {
        let table = neighbours::count(dataset, context, rule, neighbours::most(dataset, config), None);
        let mut weights = initial(&architecture, &dataset.schema, &counts, table, config.seed);
        weights.log_scale = SILENT;
        let ndcg = validate(&assemble(run, &architecture, &weights))?;
        journal.write(0, json!({"neighbours": rule, "counting": {"ndcg@10": ndcg}}))?;
        if best.is_none_or(|(highest, _)| ndcg > highest) {
            best = Some((ndcg, rule));
        }
    }
    best.map(|(_, rule)| rule).context("no rule for neighbours to pick from")
}
