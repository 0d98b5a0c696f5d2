//! Learns a policy from a log, for a page's bandit to start from.

use super::features::Features;
use super::file::{PolicyAction, PolicyFile};
use super::learner::{Belief, Evidence, Prior};
use super::linear::Symmetric;
use super::log::Decisions;
use super::reward_model::{RewardModel, position_means};
use anyhow::Result;

/// Fits what is expected of each action: ridge regressions around the mean reward, freed of what positions do. A page's
/// bandit is as sure of an action as after `strength` rewards at most, so that its visitor's own rewards still count.
///
/// # Errors
/// When contexts are too large to compute with.
pub fn train(log: &Decisions, rank: usize, strength: f64) -> Result<PolicyFile> {
    let features = Features::standardised(log.columns.len(), rank, &log.context);
    let size = features.size();
    let model = RewardModel::fit(log, log.actions.len(), &features)?;
    let base = log.reward.iter().sum::<f64>() / log.len() as f64;
    let of_position = position_means(log, 0..log.len());

    let mut evidence = vec![Evidence::none(size); log.actions.len()];
    for row in 0..log.len() {
        let reward = log.reward[row] - of_position[log.position[row] as usize] + base;
        evidence[log.action[row] as usize].add(&features.encode(log.context(row))?, reward, 1.0);
    }
    let mut start = vec![0.0; size];
    start[0] = base;
    let around = Symmetric::diagonal(size, model.ridge);
    let prior = Prior { moment: around.times(&start), precision: around };
    let ridge = model.ridge.min(strength);
    let action = |(id, evidence): (&String, &Evidence)| -> Result<PolicyAction> {
        let belief = Belief::of(&prior, evidence)?;
        let mut precision = Symmetric::diagonal(size, ridge);
        precision.add(&evidence.gram, f64::min(1.0, strength / evidence.count.max(1.0)));
        Ok(PolicyAction::new(id.clone(), evidence.count, &precision, &belief.mean))
    };
    let actions = log.actions.iter().zip(&evidence).map(action).collect::<Result<_>>()?;
    Ok(PolicyFile::new(log.columns.clone(), features, [model.deviation, base, ridge], actions))
}
