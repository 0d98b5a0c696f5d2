//! The `[privacy]` section.

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};

/// How a model is trained that tells nothing of a single sequence: `foreclick train --dp`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PrivacyConfig {
    /// Whether it is: `--dp` sets it. Default false.
    pub dp: bool,
    /// How much an outcome's probability may change, as a logarithm, with one sequence more or less. Default 1.
    pub epsilon: f64,
    /// The chance that it changes more; it should be far below one over the number of sequences. Default 1e-5.
    pub delta: f64,
    /// The share of the budget for how popular items are. Default 0.4.
    pub popularity: f64,
    /// The share for what is met together, above 0 only where there are many sequences; the rest trains the gates. Default
    /// 0.1.
    pub neighbours: f64,
    /// Steps that train the gates. Default 60.
    pub steps: usize,
    /// The chance with which a sequence takes part in a step. Default 0.25.
    pub sampling_rate: f64,
    /// The most events of a sequence that a step learns from, a stretch drawn anew for each. Default 64.
    pub max_events: usize,
    /// The largest norm of one sequence's gradient, a mean over its events. Default 1.
    pub clip: f64,
    /// The first step's learning rate; it falls to 0 with the last. Default 0.05.
    pub learning_rate: f32,
}

impl Default for PrivacyConfig {
    fn default() -> Self {
        Self {
            dp: false,
            epsilon: 1.0,
            delta: 1e-5,
            popularity: 0.4,
            neighbours: 0.1,
            steps: 60,
            sampling_rate: 0.25,
            max_events: 64,
            clip: 1.0,
            learning_rate: 0.05,
        }
    }
}

impl PrivacyConfig {
    /// Checks the section.
    ///
    /// # Errors
    /// Names the value, what was expected and the fix.
    pub fn validate(&self) -> Result<()> {
        let Self {
            dp: _,
            epsilon,
            delta,
            popularity,
            neighbours,
            steps,
            sampling_rate,
            max_events,
            clip,
            learning_rate,
        } = *self;
        let above_0 = |value: f64| value > 0.0 && value.is_finite();
        for (name, value) in [("epsilon", epsilon), ("clip", clip), ("learning_rate", learning_rate.into())] {
            ensure!(above_0(value), "[privacy] {name} is {value}, expected above 0");
        }
        ensure!(
            delta > 0.0 && delta < 0.5,
            "[privacy] delta is {delta}, expected above 0 and far below one over the number of sequences, such as 1e-5"
        );
        ensure!(
            popularity > 0.0 && neighbours >= 0.0 && popularity + neighbours < 1.0,
            "[privacy] popularity is {popularity} and neighbours {neighbours}, expected shares that leave some of 1 for the gates"
        );
        ensure!(
            sampling_rate > 0.0 && sampling_rate <= 1.0,
            "[privacy] sampling_rate is {sampling_rate}, expected above 0 and at most 1"
        );
        for (name, value) in [("steps", steps), ("max_events", max_events)] {
            ensure!((1..=1_000_000).contains(&value), "[privacy] {name} is {value}, expected 1 to 1000000");
        }
        Ok(())
    }
}
