//! `foreclick policy simulate`.

use super::super::{print, print_json};
use super::Meaning;
use crate::companion::policy::{Regret, Replayed, World, replay};
use anyhow::{Result, ensure};
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;

/// Let bandits work: in a made-up world, or on a log.
///
/// In the world the best action is known, so that regret is: what it would have earned more, in sum. Contexts have length
/// 1, a reward is 1 with probability 0.3 + 0.25 * (context · weights of the action), else 0. Regret that grows as the rounds
/// to a power below 1 means that ever less is lost a round. With a log, rows are replayed: one counts, and is learned from,
/// where the bandit picks what was logged, so that what it earns is what it would have earned (Li et al. 2011).
#[derive(Debug, Args)]
pub struct Simulate {
    /// Replay this log [default: none, the made-up world]
    log: Option<PathBuf>,
    #[command(flatten)]
    meaning: Meaning,
    /// World: rounds until regret is first looked at; it is again after ten times as many
    #[arg(long, default_value_t = 2000)]
    rounds: usize,
    /// World: actions
    #[arg(long, default_value_t = 10)]
    actions: usize,
    /// World: values of a context
    #[arg(long, default_value_t = 5)]
    dimension: usize,
    /// World: a reward is learned so many decisions later
    #[arg(long, default_value_t = 0)]
    delay: usize,
    /// What the standard deviation of an estimate is multiplied by, as the page's bandit does
    #[arg(long, default_value_t = 0.5)]
    scale: f64,
    /// The most that Thompson sampling and LinUCB explore, as a probability
    #[arg(long, default_value_t = 0.3)]
    ceiling: f64,
    /// So many seeds, from 1 on
    #[arg(long, default_value_t = 5)]
    seeds: u64,
    /// Print as JSON [default: a table]
    #[arg(long)]
    json: bool,
}

impl Simulate {
    pub fn run(self) -> Result<ExitCode> {
        let Self { log, meaning, rounds, actions, dimension, delay, scale, ceiling, seeds, json } = self;
        for (name, value, least) in [("rounds", rounds, 1), ("actions", actions, 2), ("dimension", dimension, 1)] {
            ensure!((least..=1_000_000).contains(&value), "--{name} is {value}, expected {least} to 1000000");
        }
        ensure!(seeds > 0, "--seeds is 0, expected 1 or more");
        ensure!(scale > 0.0 && scale.is_finite(), "--scale is {scale}, expected above 0");
        ensure!((0.0..=1.0).contains(&ceiling), "--ceiling is {ceiling}, expected 0 to 1");
        match log {
            Some(log) => {
                let replayed = replay(&meaning.read(&log)?, usize::from(meaning.rank), scale, ceiling, seeds)?;
                if json { print_json(&replayed)? } else { print(&replay_table(&replayed))? }
            }
            None => {
                let regrets = World { actions, dimension, delay, scale, ceiling }.regrets(rounds, seeds)?;
                if json { print_json(&regrets)? } else { print(&regret_table(&regrets, rounds))? }
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn regret_table(regrets: &[Regret], rounds: usize) -> String {
    let (early, late) = (format!("at {rounds}"), format!("at {}", 10 * rounds));
    let mut lines = vec![format!("{:<22} {early:>12} {late:>12}  grows as rounds to the power of", "mean regret")];
    for regret in regrets {
        let (early, late) = (mean(&regret.early), mean(&regret.late));
        lines.push(format!("{:<22} {early:>12.1} {late:>12.1}  {:.2}", regret.strategy.name(), regret.exponent()));
    }
    lines.join("\n")
}

fn replay_table(replayed: &[Replayed]) -> String {
    let mut lines = vec![format!("{:<22} {:>12} {:>10}  lowest and highest seed", "replayed", "mean reward", "rows")];
    for Replayed { strategy, rows, reward } in replayed {
        let rows = rows.iter().sum::<usize>() as f64 / rows.len() as f64;
        let (low, high) = reward.iter().fold((f64::MAX, f64::MIN), |(low, high), &r| (low.min(r), high.max(r)));
        lines.push(format!("{:<22} {:>12.5} {rows:>10.0}  [{low:.5}, {high:.5}]", strategy.name(), mean(reward)));
    }
    lines.join("\n")
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}
