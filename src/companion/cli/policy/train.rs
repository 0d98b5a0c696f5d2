//! `foreclick policy train`.

use super::super::{print, print_json};
use super::{Estimation, Log};
use crate::companion::policy::{Target, evaluate, train};
use crate::companion::train::write_whole;
use anyhow::{Result, ensure};
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;

/// Learn from a log what each action earns in which context, for a page's bandit to start from.
///
/// Ridge regressions, one an action, around the mean reward and freed of what positions do. First a policy is trained on all
/// but the last rows, and what its best actions would have earned on those is printed, as `policy evaluate` does; the
/// file then knows all rows.
#[derive(Debug, Args)]
pub struct Train {
    #[command(flatten)]
    log: Log,
    /// Where the policy is written, as JSON
    #[arg(long, value_name = "FILE", default_value = "policy.json")]
    out: PathBuf,
    /// A page's bandit is as sure of an action as after so many rewards at most, so that its visitor's own still count
    #[arg(long, value_name = "REWARDS", default_value_t = 100.0)]
    strength: f64,
    /// The share of rows, the last ones, that the policy is first measured on
    #[arg(long, value_name = "SHARE", default_value_t = 0.2)]
    holdout: f64,
    #[command(flatten)]
    estimation: Estimation,
    /// Print what was measured as one JSON object [default: a table]
    #[arg(long)]
    json: bool,
}

impl Train {
    pub fn run(self) -> Result<ExitCode> {
        let Self { log: Log { log, meaning }, out, strength, holdout, estimation, json } = self;
        let settings = estimation.settings(&meaning)?;
        ensure!(strength >= 1.0 && strength.is_finite(), "--strength is {strength}, expected 1 or more");
        ensure!(holdout > 0.0 && holdout < 1.0, "--holdout is {holdout}, expected above 0 and below 1");
        let log = meaning.read(&log)?;
        let cut = ((1.0 - holdout) * log.len() as f64) as usize;
        ensure!(cut > 0 && cut < log.len(), "{} rows are too few to hold {holdout} of them out", log.len());
        let first = train(&log.part(0, cut), settings.rank, strength)?;
        let mut last = log.part(cut, log.len());
        let target = Target::trained(&mut last, &first)?;
        let evaluation = evaluate(&last, &target, settings)?;
        let policy = train(&log, settings.rank, strength)?;
        write_whole(&out, serde_json::to_string(&policy)?.as_bytes())?;
        if json {
            print_json(&evaluation)?
        } else {
            print(evaluation.to_string().trim_end())?
        }
        eprintln!("{}: {} actions, learned from {} rows", out.display(), policy.actions.len(), log.len());
        Ok(ExitCode::SUCCESS)
    }
}
