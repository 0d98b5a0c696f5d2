//! `foreclick policy`.

mod evaluate;
mod simulate;
mod train;

use crate::companion::policy::{Columns, Decisions, Settings};
use anyhow::{Result, ensure};
use clap::{Args, Subcommand};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Decisions by reward: measure a policy on another one's log, train one, simulate bandits.
///
/// A log of decisions has a row for each action that was shown: which, what it earned, and how likely it was to be shown.
/// `foreclick/bandit` is the page's side; it starts from a policy that was trained here.
#[derive(Debug, Args)]
pub struct Policy {
    #[command(subcommand)]
    command: Command,
}

/// The commands; each type's own text is its help.
#[derive(Debug, Subcommand)]
enum Command {
    Evaluate(evaluate::Evaluate),
    Train(train::Train),
    Simulate(simulate::Simulate),
}

impl Policy {
    pub fn run(self) -> Result<ExitCode> {
        match self.command {
            Command::Evaluate(command) => command.run(),
            Command::Train(command) => command.run(),
            Command::Simulate(command) => command.run(),
        }
    }
}

/// What a log's columns mean.
#[derive(Debug, Args)]
struct Meaning {
    /// The column of actions
    #[arg(long, value_name = "COLUMN", default_value = "action")]
    action: String,
    /// The column of rewards: numbers
    #[arg(long, value_name = "COLUMN", default_value = "reward")]
    reward: String,
    /// The column that says how likely the logged action was at its position: above 0 and up to 1
    #[arg(long, value_name = "COLUMN", default_value = "propensity")]
    propensity: String,
    /// The column of positions in a slate [default: none, all rows are of one position]
    #[arg(long, value_name = "COLUMN")]
    position: Option<String>,
    /// The columns of the context, numbers; `NAME*` is all that begin so [default: none]
    #[arg(long, value_name = "COLUMN,...", value_delimiter = ',')]
    context: Vec<String>,
    /// The column of what rows hang together by, such as visitors: resampled as one [default: none, each row alone]
    #[arg(long, value_name = "COLUMN")]
    cluster: Option<String>,
    /// Values that are kept of a context; of a longer one those in which contexts differ most
    #[arg(long, value_name = "NUMBER", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=256))]
    rank: u16,
}

impl Meaning {
    fn columns(&self) -> Columns {
        let Self { action, reward, propensity, position, context, cluster, rank: _ } = self;
        Columns {
            action: action.clone(),
            reward: reward.clone(),
            propensity: Some(propensity.clone()),
            position: position.clone(),
            context: context.clone(),
            cluster: cluster.clone(),
        }
    }

    fn read(&self, log: &Path) -> Result<Decisions> {
        Decisions::read(log, &self.columns())
    }
}

/// How a policy is measured.
#[derive(Debug, Args)]
struct Estimation {
    /// The importance weight above which Switch-DR leaves a row to the model
    #[arg(long, value_name = "WEIGHT", default_value_t = 10.0)]
    switch: f64,
    /// Seeds the bootstrap
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

impl Estimation {
    fn settings(self, meaning: &Meaning) -> Result<Settings> {
        let Self { switch, seed } = self;
        ensure!(switch >= 0.0, "--switch is {switch}, expected a weight of 0 or more");
        Ok(Settings { rank: usize::from(meaning.rank), switch, seed })
    }
}

/// Which log to read, and what its columns mean.
#[derive(Debug, Args)]
struct Log {
    /// The log: CSV, TSV, JSON Lines or Parquet, plain, .gz or .zst
    log: PathBuf,
    #[command(flatten)]
    meaning: Meaning,
}
