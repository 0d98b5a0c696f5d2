//! The `[tune]` section: what `foreclick tune` tries.

use crate::companion::train::TrainConfig;
use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Keys of `[train]` that a trial may not draw: rungs set the epochs, and the other two change what is compared.
const NOT_DRAWN: [&str; 3] = ["epochs", "seed", "threads"];

/// `[tune]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TuneConfig {
    /// Trials in the first rung; the first of them is the schema file's own `[train]`. Default 16.
    pub trials: usize,
    /// Epochs of a trial in the first rung. Default 2.
    pub first_epochs: usize,
    /// One in so many trials goes on to the next rung, and has so many times the epochs there, at most train.epochs.
    /// Default 3.
    pub factor: usize,
    /// Seeds what trials draw. Default 1.
    pub seed: u64,
    /// Keys of `[train]`, and what each is drawn from; none that the model of `[fine_tune] from` gives. Default: learning_rate,
    /// dropout, weight_decay, neighbours and, without such a model, hidden and blocks.
    pub space: BTreeMap<String, Span>,
}

/// What a value is drawn from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Span {
    /// Between two numbers, evenly.
    Linear([f64; 2]),
    /// Between two numbers, its logarithm evenly.
    Log([f64; 2]),
    /// One of these.
    Choices(Vec<toml::Value>),
}

/// What a trial changes in `[train]`.
pub type Values = BTreeMap<String, toml::Value>;

impl Default for TuneConfig {
    fn default() -> Self {
        let choices = |values: [i64; 3]| Span::Choices(values.map(toml::Value::Integer).to_vec());
        let space = [
            ("learning_rate", Span::Log([0.0005, 0.008])),
            ("dropout", Span::Linear([0.1, 0.6])),
            ("weight_decay", Span::Log([0.001, 0.1])),
            ("neighbours", choices([16, 32, 64])),
            ("hidden", choices([32, 64, 128])),
            ("blocks", choices([1, 2, 3])),
        ];
        let space = space.into_iter().map(|(key, span)| (key.to_owned(), span)).collect();
        Self { trials: 16, first_epochs: 2, factor: 3, seed: 1, space }
    }
}

impl TuneConfig {
    /// Checks all that a trial's own check would not say better.
    ///
    /// # Errors
    /// Names the key, its value and its limits.
    pub fn validate(&self) -> Result<()> {
        let Self { trials, first_epochs, factor, seed: _, space } = self;
        for (name, value, least, most) in
            [("trials", *trials, 1, 10_000), ("first_epochs", *first_epochs, 1, 100_000), ("factor", *factor, 2, 100)]
        {
            ensure!((least..=most).contains(&value), "[tune] {name} is {value}, expected {least} to {most}");
        }
        for (key, span) in space {
            ensure!(
                !NOT_DRAWN.contains(&key.as_str()),
                "[tune.space] {key} can't be drawn: rungs set epochs, and seed and threads must be the same for all \
                 trials; remove it"
            );
            span.validate().with_context(|| format!("[tune.space] {key}"))?;
        }
        Ok(())
    }
}

impl Span {
    fn validate(&self) -> Result<()> {
        match self {
            Self::Linear([low, high]) | Self::Log([low, high]) => {
                let ordered = low < high && low.is_finite() && high.is_finite();
                ensure!(ordered, "[{low}, {high}] is no range, expected a lower and a higher number");
                let is_log = matches!(self, Self::Log(_));
                ensure!(!is_log || *low > 0.0, "log begins at {low}, expected above 0; use linear");
            }
            Self::Choices(values) => ensure!(!values.is_empty(), "choices is empty, expected one value or more"),
        }
        Ok(())
    }
}

/// `[train]` with a trial's values in it.
///
/// # Errors
/// When there is no such key, or its values are of another type.
pub fn with_values(train: &TrainConfig, values: &Values) -> Result<TrainConfig> {
    let mut table = toml::Table::try_from(train)?;
    table.extend(values.clone());
    Ok(table.try_into()?)
}
