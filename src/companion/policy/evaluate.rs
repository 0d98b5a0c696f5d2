//! A policy's value from a log, and how far it is to be trusted.

use super::estimate::{Estimator, Interval, Row, estimate, mean_and_variance, mean_reward};
use super::features::Features;
use super::log::Decisions;
use super::reward_model::RewardModel;
use super::target::Target;
use anyhow::{Result, ensure};
use serde::Serialize;
use std::fmt;

/// How far from 1 the mean importance weight may be.
const WEIGHT_TOLERANCE: f64 = 0.05;
/// With fewer rows that count, or rewards that differ, an interval of a bootstrap is rough.
const FEW_ROWS: f64 = 100.0;
const FEW_REWARDS: usize = 50;
/// A share of all weight, or of the target's probability, that is worth a word.
const LARGE_SHARE: f64 = 0.05;
const UNSEEN_SHARE: f64 = 0.01;

/// What is known of a target policy's value.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evaluation {
    /// Rows of the log.
    pub rows: usize,
    /// Actions that the log or the target has.
    pub actions: usize,
    /// Positions of the log.
    pub positions: usize,
    /// The mean reward that was logged: the logging policy's own value.
    pub logged: Interval,
    /// The target's own mean reward, where a log of it was given.
    pub on_policy: Option<Interval>,
    /// The target's value by each estimator.
    pub estimates: Vec<Estimate>,
    /// The mean importance weight; 1 where propensities and the target's probabilities are right.
    pub mean_weight: f64,
    /// The largest importance weight.
    pub largest_weight: f64,
    /// How many rows of weight 1 would tell as much: the squared sum of weights over the sum of squares (Kish 1965).
    pub effective_rows: f64,
    /// The share of the target's probability on actions that the log never has at that position.
    pub unseen: f64,
    /// Weights above are taken as 0 by Switch-DR.
    pub switch: f64,
    /// The reward model's ridge, picked by how well it predicts.
    pub ridge: f64,
    /// Why the estimates are not to be trusted; empty where nothing speaks against them.
    pub warnings: Vec<String>,
}

/// An estimator's answer.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Estimate {
    /// Which.
    pub estimator: Estimator,
    /// Its estimate and 95% interval.
    #[serde(flatten)]
    pub interval: Interval,
}

/// What the estimators are told.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Values that the reward model keeps of a context.
    pub rank: usize,
    /// The weight above which Switch-DR leaves a row to the model.
    pub switch: f64,
    /// Seeds the bootstrap.
    pub seed: u64,
}

/// Estimates what `target` would have earned where `log` was written.
///
/// # Errors
/// When the log has no propensities, or the target none for a row.
pub fn evaluate(log: &Decisions, target: &Target, settings: Settings) -> Result<Evaluation> {
    ensure!(
        log.propensity.len() == log.len(),
        "the log has no propensities; name their column with --propensity: without them only what was done can be measured"
    );
    let actions = log.actions.len();
    let features = Features::standardised(log.columns.len(), settings.rank, &log.context);
    let model = RewardModel::fit(log, actions, &features)?;
    let seen = seen(log, actions);

    let mut probabilities = vec![0.0; actions];
    let mut unseen = 0.0;
    let mut rows = Vec::with_capacity(log.len());
    for row in 0..log.len() {
        target.probabilities(log, row, &mut probabilities)?;
        let action = log.action[row] as usize;
        let mut value = 0.0;
        for (other, &probability) in probabilities.iter().enumerate().filter(|(_, probability)| **probability > 0.0) {
            value += probability * model.predict(log, row, other);
            if !seen[log.position[row] as usize][other] {
                unseen += probability / log.len() as f64;
            }
        }
        rows.push(Row {
            cluster: log.cluster[row],
            weight: probabilities[action] / log.propensity[row],
            reward: log.reward[row],
            predicted: model.predict(log, row, action),
            value,
        });
    }
    let estimates = Estimator::ALL.into_iter().zip(estimate(&rows, settings.switch, settings.seed));
    let weights = || rows.iter().map(|row| row.weight);
    let (mean_weight, variance) = mean_and_variance(weights());
    let squares: f64 = weights().map(|weight| weight * weight).sum();
    let mut evaluation = Evaluation {
        rows: log.len(),
        actions,
        positions: log.position_count(),
        logged: logged_value(log, settings.seed),
        on_policy: None,
        estimates: estimates.map(|(estimator, interval)| Estimate { estimator, interval }).collect(),
        mean_weight,
        largest_weight: weights().fold(0.0, f64::max),
        effective_rows: if squares > 0.0 { weights().sum::<f64>().powi(2) / squares } else { 0.0 },
        unseen,
        switch: settings.switch,
        ridge: model.ridge,
        warnings: vec![],
    };
    evaluation.warnings = evaluation.doubts(log, (variance / log.len() as f64).sqrt());
    Ok(evaluation)
}

/// The mean of a log's rewards, with the bootstrap's interval.
pub fn logged_value(log: &Decisions, seed: u64) -> Interval {
    mean_reward(log.cluster.iter().copied().zip(log.reward.iter().copied()), seed)
}

/// Which actions were logged at which positions: `[positions][actions]`.
fn seen(log: &Decisions, actions: usize) -> Vec<Vec<bool>> {
    let mut seen = vec![vec![false; actions]; log.position_count()];
    for (&action, &position) in log.action.iter().zip(&log.position) {
        seen[position as usize][action as usize] = true;
    }
    seen
}

impl Evaluation {
    /// With the target's own mean reward beside the estimates.
    pub fn with_on_policy(self, on_policy: Option<Interval>) -> Self {
        Self { on_policy, ..self }
    }

    /// `error` is the standard error of the mean weight.
    fn doubts(&self, log: &Decisions, error: f64) -> Vec<String> {
        let mut doubts = vec![];
        let Self { mean_weight, largest_weight, effective_rows, unseen, .. } = *self;
        if (mean_weight - 1.0).abs() > WEIGHT_TOLERANCE {
            let why = if (mean_weight - 1.0).abs() > 3.0 * error {
                "the propensities or the target's probabilities are wrong"
            } else {
                "by chance, since too few rows count; SNIPS makes up for it"
            };
            doubts.push(format!("the mean importance weight is {mean_weight:.3}, expected 1: {why}"));
        }
        if effective_rows < FEW_ROWS {
            doubts.push(format!(
                "the log tells of the target as much as {effective_rows:.0} rows would, expected {FEW_ROWS} or more: the two \
                 policies differ too much"
            ));
        }
        let share = largest_weight / (mean_weight * self.rows as f64);
        if share > LARGE_SHARE {
            doubts.push(format!(
                "one row has {:.0}% of all weight; a lower --switch has Switch-DR leave it out",
                100.0 * share
            ));
        }
        if unseen > UNSEEN_SHARE {
            doubts.push(format!(
                "{:.1}% of the target's probability is on actions that the log never has at that position: their rewards are \
                 guessed by DM and DR, and 0 for IPS",
                100.0 * unseen
            ));
        }
        let lowest = log.reward.iter().copied().fold(f64::INFINITY, f64::min);
        let others = log.reward.iter().filter(|&&reward| reward != lowest).count();
        if others < FEW_REWARDS {
            doubts.push(format!(
                "only {others} rows have a reward other than {lowest}, expected {FEW_REWARDS} or more: the intervals are rough"
            ));
        }
        let of = |wanted: Estimator| self.estimates.iter().find(|e| e.estimator == wanted).map(|e| e.interval);
        if let (Some(dm), Some(dr)) = (of(Estimator::Dm), of(Estimator::Dr))
            && !(dr.low..=dr.high).contains(&dm.estimate)
        {
            doubts.push("DM lies outside DR's interval: its reward model is biased, do not use it".into());
        }
        doubts
    }
}

impl fmt::Display for Evaluation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = |f: &mut fmt::Formatter<'_>, name: &str, interval: &Interval| {
            let Interval { estimate, low, high } = interval;
            writeln!(f, "{name:<24} {estimate:>9.5}  [{low:.5}, {high:.5}]")
        };
        writeln!(f, "{:<24} {:>9}  95% interval", "mean reward", "estimate")?;
        line(f, "logged", &self.logged)?;
        if let Some(on_policy) = &self.on_policy {
            line(f, "target, by its own log", on_policy)?;
        }
        for Estimate { estimator, interval } in &self.estimates {
            line(f, &format!("target, {}", estimator.name()), interval)?;
        }
        writeln!(f, "DM's interval is of the contexts alone, not of its model's error.")?;
        let Self { rows, actions, positions, mean_weight, largest_weight, effective_rows, .. } = self;
        writeln!(f, "\n{rows} rows, {actions} actions, {positions} positions")?;
        writeln!(
            f,
            "importance weights: mean {mean_weight:.4}, largest {largest_weight:.2}, as much as {effective_rows:.0} rows"
        )?;
        writeln!(f, "Switch-DR above a weight of {}; ridge of {}", self.switch, self.ridge)?;
        for warning in &self.warnings {
            writeln!(f, "not to be trusted: {warning}")?;
        }
        Ok(())
    }
}
