//! How a budget is spent: the noise of each part of a private model.

use super::accountant::{Release, epsilon, noise_for};
use super::config::PrivacyConfig;
use anyhow::Result;
use std::fmt;

/// The noise of each part, in units of the largest norm that one sequence adds to it.
#[derive(Debug, Clone, PartialEq)]
pub struct Budget {
    /// Of how popular items are.
    pub popularity: Release,
    /// Of what is met together; `None` where nothing is spent on it.
    pub neighbours: Option<Release>,
    /// Of each step of training.
    pub steps: Release,
    /// What all of them come to.
    pub epsilon: f64,
    /// See [`PrivacyConfig::delta`].
    pub delta: f64,
}

impl Budget {
    /// The least noise that keeps to the budget, shared out as asked.
    ///
    /// # Errors
    /// When no noise is enough.
    pub fn of(config: &PrivacyConfig) -> Result<Self> {
        let PrivacyConfig { epsilon: target, delta, popularity, neighbours, steps, sampling_rate, .. } = *config;
        let once = |share: f64| Release { sampling_rate: 1.0, noise: 1.0 / share.sqrt(), times: 1 };
        // What many sampled steps come to is about that of one release with this noise, where it is not small (Bu et al. 2020).
        let noise = sampling_rate * (steps as f64 / (1.0 - popularity - neighbours)).sqrt();
        let steps = Release { sampling_rate, noise, times: steps };
        let counted = (neighbours > 0.0).then(|| once(neighbours));
        let all: Vec<Release> = [once(popularity), steps].into_iter().chain(counted).collect();
        let factor = noise_for(&all, target, delta)?;
        let scaled = |release: Release| Release { noise: factor * release.noise, ..release };
        let all: Vec<Release> = all.into_iter().map(scaled).collect();
        Ok(Self {
            popularity: all[0],
            steps: all[1],
            neighbours: all.get(2).copied(),
            epsilon: epsilon(&all, delta),
            delta,
        })
    }
}

/// What the file promises, and what it does not.
impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { popularity, neighbours, steps, epsilon, delta } = self;
        write!(
            f,
            "epsilon {epsilon:.3}, delta {delta:e}, for one sequence more or less; noised: popularity ({:.2} times one \
                   sequence's share), ",
            popularity.noise
        )?;
        if let Some(neighbours) = neighbours {
            write!(f, "neighbours ({:.2} times), ", neighbours.noise)?;
        }
        write!(
            f,
            "gates and repetition ({} steps, each sequence in {} of them, {:.2} times); public: the list of items, the schema \
             file",
            steps.times, steps.sampling_rate, steps.noise
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_share_the_budget() {
        let config = PrivacyConfig::default();
        let budget = Budget::of(&config).unwrap();
        assert!(budget.epsilon <= 1.0 && budget.epsilon > 0.999, "{budget}");
        let without = Budget::of(&PrivacyConfig { neighbours: 0.0, ..config.clone() }).unwrap();
        assert!(without.neighbours.is_none() && without.steps.noise < budget.steps.noise);
        let larger = Budget::of(&PrivacyConfig { popularity: 0.6, ..config.clone() }).unwrap();
        assert!(larger.popularity.noise < budget.popularity.noise && larger.steps.noise > budget.steps.noise);
        let stricter = Budget::of(&PrivacyConfig { epsilon: 0.1, ..config }).unwrap();
        assert!(stricter.popularity.noise > 4.0 * budget.popularity.noise, "{stricter}");
        let said = stricter.to_string();
        assert!(said.contains("delta 1e-5") && said.contains("public: the list of items"), "{said}");
    }
}
