//! What was tried, and what came of it: `trials.json`.

use super::space::draw;
use crate::companion::config::{TuneConfig, Values, with_values};
use crate::companion::train::{TrainConfig, write_whole};
use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// All trials of a search.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trials {
    /// What the search was begun with: one that goes on must be told the same.
    pub fingerprint: String,
    /// How trials were drawn.
    pub tune: TuneConfig,
    /// By their numbers.
    pub trials: Vec<Trial>,
}

/// One trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// From 1; its folder's name.
    pub number: usize,
    /// What it changes in `[train]`.
    pub values: Values,
    /// Of each rung that it took part in.
    pub results: Vec<Score>,
}

/// What a trial came to in one rung.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// train.epochs.
    pub epochs: usize,
    /// The best NDCG@10 on the validation part; `None` when the loss was no number any more.
    #[serde(rename = "ndcg@10")]
    pub ndcg: Option<f64>,
    /// The epoch that gave it, from 1.
    pub best_epoch: u64,
    /// How long it trained, since it was last resumed.
    pub seconds: f64,
}

/// The best result of one trial.
#[derive(Debug, Clone, Copy)]
pub struct Best<'a> {
    /// The trial.
    pub trial: &'a Trial,
    /// The result.
    pub score: &'a Score,
}

impl Trials {
    /// Draws them.
    ///
    /// # Errors
    /// When the space's values can't be written as TOML.
    pub fn draw(tune: &TuneConfig, fingerprint: String) -> Result<Self> {
        let trial = |place| -> Result<Trial> {
            Ok(Trial { number: place + 1, values: draw(tune, place as u64)?, results: Vec::new() })
        };
        let trials = (0..tune.trials).map(trial).collect::<Result<_>>()?;
        Ok(Self { fingerprint, tune: tune.clone(), trials })
    }

    /// Where they are kept in a search's folder.
    pub fn path(folder: &Path) -> PathBuf {
        folder.join("trials.json")
    }

    /// Reads those of a search that goes on.
    ///
    /// # Errors
    /// When the search has saved nothing yet, or was begun with something else.
    pub fn read(folder: &Path, tune: &TuneConfig, fingerprint: &str) -> Result<Self> {
        let path = Self::path(folder);
        let text = std::fs::read_to_string(&path).with_context(|| {
            format!("can't read {}; a search that has saved nothing begins anew with --replace", path.display())
        })?;
        let trials: Self = serde_json::from_str(&text).with_context(|| format!("{} is damaged", path.display()))?;
        ensure!(
            trials.fingerprint == fingerprint && trials.tune == *tune,
            "the search was begun with another log, schema, [train], [tune], device or number of threads; resume with the \
             same ones, or search under a new --name"
        );
        Ok(trials)
    }

    /// # Errors
    /// When the disk is full or the folder can't be written.
    pub fn save(&self, folder: &Path) -> Result<()> {
        write_whole(&Self::path(folder), serde_json::to_string_pretty(self)?.as_bytes())
    }

    /// Each trial's best result, best first.
    pub fn ranked(&self) -> Vec<Best<'_>> {
        let mut ranked: Vec<Best<'_>> = self.trials.iter().filter_map(Trial::best).collect();
        ranked.sort_by(|a, b| b.score.rank().total_cmp(&a.score.rank()));
        ranked
    }

    /// The best result of all, where any trial has one.
    pub fn best(&self) -> Option<Best<'_>> {
        self.ranked().into_iter().next().filter(|best| best.score.ndcg.is_some())
    }

    /// A line for each trial, best first.
    ///
    /// # Errors
    /// When a trial's values do not fit `[train]`.
    pub fn table(&self, train: &TrainConfig) -> Result<String> {
        let keys: Vec<&String> = self.tune.space.keys().collect();
        let mut text = format!("{:>8} {:>10} {:>6}", "ndcg@10", "epoch", "trial");
        let width = |key: &str| key.len().max(8);
        keys.iter().for_each(|key| text += &format!("  {key:>0$}", width(key)));
        for Best { trial, score } in self.ranked() {
            let ndcg = score.ndcg.map_or("diverged".into(), |ndcg| format!("{ndcg:.5}"));
            let epoch = format!("{} of {}", score.best_epoch, score.epochs);
            write!(text, "\n{ndcg:>8} {epoch:>10} {:>6}", trial.number)?;
            let values = toml::Table::try_from(with_values(train, &trial.values)?)?;
            for key in &keys {
                let value = values.get(*key).map_or("default".into(), shown);
                write!(text, "  {value:>0$}", width(key))?;
            }
        }
        Ok(text)
    }
}

impl Trial {
    fn best(&self) -> Option<Best<'_>> {
        let score = self.results.iter().max_by(|a, b| a.rank().total_cmp(&b.rank()))?;
        Some(Best { trial: self, score })
    }
}

impl Score {
    /// What results are compared by.
    fn rank(&self) -> f64 {
        self.ndcg.unwrap_or(f64::NEG_INFINITY)
    }
}

impl Best<'_> {
    /// `[train]` as this result had it.
    ///
    /// # Errors
    /// When the trial's values do not fit `[train]`.
    pub fn train(&self, train: &TrainConfig) -> Result<TrainConfig> {
        Ok(TrainConfig { epochs: self.score.epochs, ..with_values(train, &self.trial.values)? })
    }

    /// What must stand in a schema file's `[train]` to train it again.
    pub fn keys(&self) -> String {
        let lines = self.trial.values.iter().map(|(key, value)| format!("\n{key} = {value}"));
        format!("[train]\nepochs = {}{}", self.score.epochs, lines.collect::<String>())
    }
}

/// A value of `[train]`, whose numbers are f32.
fn shown(value: &toml::Value) -> String {
    value.as_float().map_or_else(|| value.to_string(), |number| (number as f32).to_string())
}
