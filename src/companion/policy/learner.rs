//! The bandit: linear Thompson sampling and LinUCB with one ridge regression an action. `pkg/src/bandit.js` is its twin in
//! the browser; `tests/browser/bandit.test.js` holds one against the other.

use super::linear::{Cholesky, Symmetric, dot};
use anyhow::{Context, Result};

/// How an action is picked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// As often as it is the best by what is believed (Agrawal and Goyal 2013, arXiv 1209.3352).
    Thompson,
    /// The best upper confidence bound (Li et al. 2010, arXiv 1003.0146, algorithm 1).
    LinUcb,
    /// The best estimate; with a floor, that is epsilon-greedy.
    Greedy,
}

/// How much is tried out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Exploration {
    /// How an action is picked.
    pub kind: Kind,
    /// What the standard deviation of an estimate is multiplied by, in units of the reward.
    pub scale: f64,
    /// The least probability of each candidate, at each position.
    pub floor: f64,
    /// The most that all candidates but the best estimated have together, at each position.
    pub ceiling: f64,
}

/// LinUCB's bound lies so many standard deviations above the mean: about one in forty lies higher.
const BOUND: f64 = 2.0;
/// So many models are drawn for a slate of Thompson's; the pick is among their answers.
const DRAWS: usize = 64;

/// What was observed of one action.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    /// The sum of `x xᵀ`.
    pub gram: Symmetric,
    /// The sum of `reward * x`: `[size]`.
    pub moment: Vec<f64>,
    /// How many rewards.
    pub count: f64,
}

impl Evidence {
    /// None yet, of encoded contexts of `size` values.
    pub fn none(size: usize) -> Self {
        Self { gram: Symmetric::diagonal(size, 0.0), moment: vec![0.0; size], count: 0.0 }
    }

    /// Adds a reward; `keep` is what stays of what was there (1: all).
    pub fn add(&mut self, x: &[f64], reward: f64, keep: f64) {
        if keep < 1.0 {
            self.gram.values.iter_mut().chain(&mut self.moment).for_each(|value| *value *= keep);
            self.count *= keep;
        }
        self.gram.add_outer(x, 1.0);
        self.moment.iter_mut().zip(x).for_each(|(sum, x)| *sum += reward * x);
        self.count += 1.0;
    }

    /// Adds what another one has observed.
    pub fn extend(&mut self, other: &Self) {
        self.gram.add(&other.gram, 1.0);
        self.moment.iter_mut().zip(&other.moment).for_each(|(own, value)| *own += value);
        self.count += other.count;
    }
}

/// What is believed of an action before the first reward: weights with mean `precision⁻¹ * moment` and, times the square of
/// [`Exploration::scale`], the covariance `precision⁻¹`.
#[derive(Debug, Clone, PartialEq)]
pub struct Prior {
    /// How sure.
    pub precision: Symmetric,
    /// The precision times the mean: `[size]`.
    pub moment: Vec<f64>,
}

impl Prior {
    /// Weights around 0.
    pub fn ridge(size: usize, ridge: f64) -> Self {
        Self { precision: Symmetric::diagonal(size, ridge), moment: vec![0.0; size] }
    }
}

/// What is believed of an action's weights.
#[derive(Debug, Clone)]
pub struct Belief {
    /// The weights' mean: `[size]`.
    pub mean: Vec<f64>,
    factor: Cholesky,
}

impl Belief {
    /// From what was believed before and what was observed.
    ///
    /// # Errors
    /// When the numbers have overflown.
    pub fn of(prior: &Prior, evidence: &Evidence) -> Result<Self> {
        let mut precision = prior.precision.clone();
        precision.add(&evidence.gram, 1.0);
        let factor = Cholesky::of(&precision)
            .context("the contexts are too large to be computed with; expected values of about 1")?;
        let moment: Vec<f64> = prior.moment.iter().zip(&evidence.moment).map(|(a, b)| a + b).collect();
        Ok(Self { mean: factor.solve(&moment), factor })
    }

    /// The reward to expect.
    pub fn expected(&self, x: &[f64]) -> f64 {
        dot(&self.mean, x)
    }

    /// The square root of `xᵀ precision⁻¹ x`.
    pub fn deviation(&self, x: &[f64]) -> f64 {
        let half = self.factor.forward(x);
        dot(&half, &half).sqrt()
    }
}

/// An action of a slate and how likely it was there, given those before it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Choice {
    /// The action's number.
    pub action: usize,
    /// Its probability at this position.
    pub probability: f64,
}

/// Learns from rewards which action to take.
#[derive(Debug, Clone)]
pub struct Learner {
    exploration: Exploration,
    keep: f64,
    priors: Vec<Prior>,
    evidence: Vec<Evidence>,
    beliefs: Vec<Belief>,
}

impl Learner {
    /// One that knows what `priors`, one an action, say. `keep` is what stays of an action's evidence with each new reward
    /// of it.
    ///
    /// # Errors
    /// When a prior is not positive definite.
    pub fn new(exploration: Exploration, keep: f64, priors: Vec<Prior>) -> Result<Self> {
        let evidence: Vec<Evidence> = priors.iter().map(|prior| Evidence::none(prior.moment.len())).collect();
        let beliefs = priors.iter().zip(&evidence).map(|(prior, evidence)| Belief::of(prior, evidence));
        let beliefs = beliefs.collect::<Result<_>>()?;
        Ok(Self { exploration, keep, priors, evidence, beliefs })
    }

    /// What is believed of an action.
    pub fn belief(&self, action: usize) -> &Belief {
        &self.beliefs[action]
    }

    /// Learns an action's reward for an encoded context.
    ///
    /// # Errors
    /// See [`Belief::of`].
    pub fn learn(&mut self, action: usize, x: &[f64], reward: f64) -> Result<()> {
        self.evidence[action].add(x, reward, self.keep);
        self.beliefs[action] = Belief::of(&self.priors[action], &self.evidence[action])?;
        Ok(())
    }

    /// A slate of `k` of the candidates for an encoded context. `random` gives even numbers from 0 to below 1.
    pub fn choose(&self, x: &[f64], candidates: &[usize], k: usize, random: &mut dyn FnMut() -> f64) -> Vec<Choice> {
        let means: Vec<f64> = candidates.iter().map(|&action| self.beliefs[action].expected(x)).collect();
        let draws = self.draws(x, candidates, &means, random);
        let mut left: Vec<usize> = (0..candidates.len()).collect();
        let mut slate = Vec::with_capacity(k);
        while slate.len() < k && !left.is_empty() {
            let probabilities = self.probabilities(&means, &draws, &left);
            let pick = pick(&probabilities, random());
            slate.push(Choice { action: candidates[left[pick]], probability: probabilities[pick] });
            left.remove(pick);
        }
        slate
    }

    /// Scores of the candidates, one list for each drawn model: `[draws][candidates]`.
    fn draws(&self, x: &[f64], candidates: &[usize], means: &[f64], random: &mut dyn FnMut() -> f64) -> Vec<Vec<f64>> {
        let Exploration { kind, scale, .. } = self.exploration;
        let deviations = || candidates.iter().map(|&action| scale * self.beliefs[action].deviation(x));
        match kind {
            Kind::Greedy => vec![means.to_vec()],
            Kind::LinUcb => vec![means.iter().zip(deviations()).map(|(mean, d)| mean + BOUND * d).collect()],
            Kind::Thompson => {
                let deviations: Vec<f64> = deviations().collect();
                let mut draw = || means.iter().zip(&deviations).map(|(mean, d)| mean + d * normal(random)).collect();
                (0..DRAWS).map(|_| draw()).collect()
            }
        }
    }

    /// How likely each of those left is at this position: `[left]`. In how many draws it is the best, within the bounds.
    fn probabilities(&self, means: &[f64], draws: &[Vec<f64>], left: &[usize]) -> Vec<f64> {
        let mut shares = vec![0.0; left.len()];
        for scores in draws {
            shares[best(scores, left)] += 1.0 / draws.len() as f64;
        }
        let Exploration { floor, ceiling, .. } = self.exploration;
        let greedy = best(means, left);
        let explored = 1.0 - shares[greedy];
        let others = (left.len() - 1) as f64;
        // What is left to share out by the draws when each has the floor.
        let spread = (explored.min(ceiling) - floor * others).max(0.0);
        let mut sum = 0.0;
        for (_, share) in shares.iter_mut().enumerate().filter(|(place, _)| *place != greedy) {
            *share = floor + if explored > 0.0 { *share / explored * spread } else { 0.0 };
            sum += *share;
        }
        shares[greedy] = 1.0 - sum;
        shares
    }
}

/// Where in `left` the largest score is; of equal ones the first.
fn best(scores: &[f64], left: &[usize]) -> usize {
    let mut best = 0;
    for place in 1..left.len() {
        if scores[left[place]] > scores[left[best]] {
            best = place;
        }
    }
    best
}

/// The place that an even number from 0 to below 1 falls on.
fn pick(probabilities: &[f64], number: f64) -> usize {
    let mut sum = 0.0;
    for (place, probability) in probabilities.iter().enumerate() {
        sum += probability;
        if number < sum {
            return place;
        }
    }
    // The probabilities' sum may be a rounding error below 1.
    probabilities.iter().rposition(|&probability| probability > 0.0).unwrap_or(0)
}

/// A standard normal number (Box and Muller 1958).
pub fn normal(random: &mut dyn FnMut() -> f64) -> f64 {
    let length = (-2.0 * (1.0 - random()).ln()).sqrt();
    length * (2.0 * std::f64::consts::PI * random()).cos()
}
