//! Whether explanations are true to the model, and which fields it goes by.

mod fidelity;
mod fields;

pub use fidelity::{Curves, Fidelity, Order, SHARES};
pub use fields::Importance;

use super::bootstrap::Difference;
use crate::companion::config::Config;
use crate::companion::data::{Dataset, Part};
use crate::format::Model;
use anyhow::Result;
use serde::Serialize;
use std::fmt;
use std::sync::Arc;

/// How many predictions are explained where nothing else is said.
pub const EXPLAINED: usize = 300;

/// What explanations of a model are worth.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explanations {
    /// `test` or `validation`.
    pub part: &'static str,
    /// Draws predictions and random orders, and resamples.
    pub seed: u64,
    /// Deletion and insertion; left out where the model predicts no items, or no event that is to be predicted has two before it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fidelity: Option<Fidelity>,
    /// What is lost without a field: of the next item, then of each task.
    pub fields: Vec<Importance>,
}

/// Explains so many predictions of a part and measures the fields on it.
///
/// # Errors
/// What the engine says of the data set's events.
pub fn measure_explanations(
    config: &Config,
    dataset: &Dataset,
    part: Part,
    model: &Arc<Model>,
    count: usize,
) -> Result<Explanations> {
    Ok(Explanations {
        part: if part == Part::Test { "test" } else { "validation" },
        seed: config.split.seed,
        fidelity: fidelity::measure(config, dataset, part, model, count)?,
        fields: fields::measure(config, dataset, part, model)?,
    })
}

impl fmt::Display for Explanations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { part, seed, fidelity, fields } = self;
        if let Some(fidelity) = fidelity {
            writeln!(f, "{part}, seed {seed}: {fidelity}")?;
        }
        if !fields.is_empty() {
            writeln!(
                f,
                "{part}, seed {seed}: what is lost where no event has a value of the field. A model knows what a missing one is \
                 only from logs that lack some, or by [train] field_dropout"
            )?;
            let events = |importance: &Importance| importance.events.to_string();
            writeln!(
                f,
                "{:<20} {:<24} {:>8} {:>10} {:>10}  lost [95% interval]",
                "field", "of", "events", "with", "without"
            )?;
            for importance in fields {
                let Importance { field, measure, with, without, lost, .. } = importance;
                writeln!(
                    f,
                    "{field:<20} {measure:<24} {:>8} {with:>10.5} {without:>10.5}  {}",
                    events(importance),
                    interval(lost)
                )?;
            }
        }
        Ok(())
    }
}

fn interval(Difference { difference, low, high }: &Difference) -> String {
    format!("{difference:+.5} [{low:+.5}, {high:+.5}]")
}
