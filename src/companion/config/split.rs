//! The `[split]` section.

use super::Moment;
use anyhow::{Result, bail, ensure};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// `[split]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SplitConfig {
    /// "leave_one_out": a sequence's last event is for the test, the one before for validation (from 3 events on).
    /// "time": by date; a group is never cut. "sequence": whole sequences, drawn by their key and the seed. Default
    /// "leave_one_out"; "sequence" where the next item is not predicted. See [`SplitConfig::kind`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<SplitKind>,
    /// "time" only: from here on events are for validation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validation_from: Option<Moment>,
    /// "time" only: from here on events are for the test.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test_from: Option<Moment>,
    /// Events before this are dropped. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub train_from: Option<Moment>,
    /// "sequence" only: the share of the sequences that validation is given. Default 0.1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validation_share: Option<f64>,
    /// "sequence" only: the share that the test is given. Default 0.2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test_share: Option<f64>,
    /// The share of sequences, drawn by their keys and the seed, that is kept out of all: never learned from, counted,
    /// validated or tested on. Who asks what a model knows of its own sequences (`foreclick audit`) compares them with these.
    /// Default 0.
    pub held_out_sequences: f64,
    /// The most events of a sequence that are learned from and counted, its latest ones; those before are history. Default:
    /// all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_training_events: Option<usize>,
    /// Shuffles events of one time, draws sequences. Default 1.
    pub seed: u64,
}

impl Default for SplitConfig {
    fn default() -> Self {
        Self {
            kind: None,
            validation_from: None,
            test_from: None,
            train_from: None,
            validation_share: None,
            test_share: None,
            held_out_sequences: 0.0,
            max_training_events: None,
            seed: 1,
        }
    }
}

impl SplitConfig {
    /// Checks the section; `has_time` says whether events have times.
    ///
    /// # Errors
    /// Names the keys that contradict each other, and the fix.
    pub fn validate(&self, has_time: bool) -> Result<()> {
        let SplitConfig {
            kind: _,
            validation_from,
            test_from,
            train_from,
            validation_share,
            test_share,
            held_out_sequences,
            max_training_events,
            seed: _,
        } = self;
        ensure!(
            (0.0..1.0).contains(held_out_sequences),
            "[split] held_out_sequences is {held_out_sequences}, expected a share, at least 0 and below 1"
        );
        ensure!(*max_training_events != Some(0), "[split] max_training_events is 0, expected 1 or more");
        let kind = self.kind();
        ensure!(
            kind == SplitKind::Sequence || (validation_share.is_none() && test_share.is_none()),
            "[split] validation_share and test_share are for kind = \"sequence\"; remove them or change the kind"
        );
        let [validation, test] = self.shares();
        ensure!(
            validation > 0.0 && test > 0.0 && validation + test < 1.0,
            "[split] validation_share is {validation} and test_share {test}, expected above 0 and below 1 together"
        );
        ensure!(train_from.is_none() || has_time, "[split] train_from needs the column of times: set [sequence] time");
        match (kind, validation_from, test_from) {
            (SplitKind::LeaveOneOut | SplitKind::Sequence, None, None) => Ok(()),
            (SplitKind::LeaveOneOut | SplitKind::Sequence, ..) => {
                bail!("[split] validation_from and test_from are for kind = \"time\"; remove them or change the kind")
            }
            (SplitKind::Time, Some(validation), Some(test)) => {
                ensure!(has_time, "[split] kind = \"time\" needs the column of times: set [sequence] time");
                ensure!(
                    validation < test,
                    "[split] validation_from is {validation}, expected before test_from, {test}"
                );
                ensure!(
                    train_from.is_none_or(|train| train < *validation),
                    "[split] train_from is not before validation_from, {validation}"
                );
                Ok(())
            }
            (SplitKind::Time, ..) => {
                bail!("[split] kind = \"time\" needs validation_from and test_from, such as \"2024-06-01\"")
            }
        }
    }

    /// How events are split.
    pub fn kind(&self) -> SplitKind {
        self.kind.unwrap_or(SplitKind::LeaveOneOut)
    }

    /// "sequence": the shares of validation and test.
    pub fn shares(&self) -> [f64; 2] {
        [self.validation_share.unwrap_or(0.1), self.test_share.unwrap_or(0.2)]
    }

    /// Whether the sequences of this key are kept out of all: the same ones in every run of these settings, and those of a
    /// smaller share among those of a larger one.
    pub fn holds_out(&self, key: &str) -> bool {
        let hash = Sha256::new().chain_update(self.seed.to_le_bytes()).chain_update(key).finalize();
        let number = hash.iter().take(8).fold(0, |number, &byte| number << 8 | u64::from(byte));
        (number as f64) < self.held_out_sequences * 2f64.powi(64)
    }
}

/// How events are split.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SplitKind {
    /// By place in the sequence.
    LeaveOneOut,
    /// By date.
    Time,
    /// By sequence.
    Sequence,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_the_keys_is_held_out_and_a_larger_share_has_them_too() {
        let of = |held_out_sequences, seed| SplitConfig { held_out_sequences, seed, ..SplitConfig::default() };
        let held_out = |config: SplitConfig| -> Vec<u32> {
            (0..2000).filter(|key| config.holds_out(&format!("visitor {key}"))).collect()
        };
        let (none, some, more) = (held_out(of(0.0, 1)), held_out(of(0.2, 1)), held_out(of(0.5, 1)));
        assert!(none.is_empty() && (340..460).contains(&some.len()), "{}", some.len());
        assert!(some.iter().all(|key| more.contains(key)));
        assert_ne!(held_out(of(0.2, 2)), some);
    }
}
