//! `foreclick policy evaluate`.

use super::super::{print, print_json};
use super::{Estimation, Log};
use crate::companion::policy::{Columns, Decisions, PolicyFile, Target, evaluate, logged_value, probabilities};
use anyhow::Result;
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;

/// Measure what a policy would have earned, by the log of another one.
///
/// Estimates by inverse propensity scores (IPS), the same self-normalised (SNIPS), a reward model (DM), both together (DR),
/// and DR without rows of large weight (Switch-DR), with 95% intervals of a bootstrap (1,000 resamples). The reward model
/// predicts rows that it was not fitted to and is not fitted again for a resample, so that DM's interval is of the contexts
/// alone. The mean importance weight must be about 1, and what speaks against the estimates is printed below them.
#[derive(Debug, Args)]
pub struct Evaluate {
    #[command(flatten)]
    log: Log,
    #[command(flatten)]
    target: Asked,
    #[command(flatten)]
    estimation: Estimation,
    /// Print one JSON object [default: a table]
    #[arg(long)]
    json: bool,
}

/// The policy to measure: one of these.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Asked {
    /// The policy that takes each of the log's actions alike
    #[arg(long)]
    uniform: bool,
    /// The policy that takes actions as often as this log of its own does, by position; its own mean reward is printed too
    #[arg(long, value_name = "LOG")]
    target_log: Option<PathBuf>,
    /// A table of probabilities: the columns of actions (and positions) and `probability`
    #[arg(long, value_name = "TABLE")]
    target_table: Option<PathBuf>,
    /// A policy of `foreclick policy train`: its best action at the first position, and so on
    #[arg(long, value_name = "FILE")]
    target_policy: Option<PathBuf>,
}

impl Evaluate {
    pub fn run(self) -> Result<ExitCode> {
        let Self { log: Log { log, meaning }, target, estimation, json } = self;
        let settings = estimation.settings(&meaning)?;
        let columns = meaning.columns();
        let mut log = Decisions::read(&log, &columns)?;
        let Asked { uniform: _, target_log, target_table, target_policy } = target;
        let mut on_policy = None;
        let target = if let Some(path) = target_log {
            // Of its own log only what it did and earned is asked.
            let other = Decisions::read(&path, &Columns { propensity: None, context: vec![], ..columns })?;
            on_policy = Some(logged_value(&other, settings.seed));
            Target::frequencies(&mut log, &other)?
        } else if let Some(path) = target_table {
            let rows = probabilities(&path, &columns.action, columns.position.as_deref())?;
            Target::table(&mut log, &rows)?
        } else if let Some(path) = target_policy {
            Target::trained(&mut log, &PolicyFile::read(&path)?)?
        } else {
            Target::Uniform
        };
        let evaluation = evaluate(&log, &target, settings)?.with_on_policy(on_policy);
        if json {
            print_json(&evaluation)?
        } else {
            print(evaluation.to_string().trim_end())?
        }
        Ok(ExitCode::SUCCESS)
    }
}
