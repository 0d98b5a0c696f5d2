//! What a run of training is told, and what it comes to.

use super::config::TrainConfig;
use super::distill::Distill;
use super::fine_tune::Base;
use crate::companion::data::Dataset;
use burn::tensor::Device;
use std::collections::BTreeMap;
use std::path::Path;

/// What a run is told.
pub struct Run<'a> {
    /// The training events, and the validation's.
    pub dataset: &'a Dataset,
    /// Sizes and rates.
    pub config: &'a TrainConfig,
    /// Where burn computes.
    pub device: Device,
    /// `runs/<name>`; `checkpoints/` lies in it.
    pub folder: &'a Path,
    /// Whether to go on from `checkpoints/last.safetensors`.
    pub resume: bool,
    /// What it begins with instead of first weights.
    pub base: Option<Base<'a>>,
    /// What it learns from beside the log.
    pub distill: Option<Distill<'a>>,
    /// True after Ctrl-C: the run saves after its current step and returns.
    pub stop: &'a (dyn Fn() -> bool + Sync),
    /// Goes into the model file: log, split, seed.
    pub provenance: BTreeMap<String, String>,
    /// What each task's loss counts, `[heads]`.
    pub task_weights: Vec<f32>,
    /// What names the log and the configuration, so that no other run is resumed.
    pub fingerprint: String,
}

/// What a run came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The best validation NDCG@10.
    pub best: Option<f64>,
    /// The epochs after which it was reached; 0 as training began.
    pub best_epoch: u64,
    /// Whether it was stopped before its end; `--resume` goes on.
    pub interrupted: bool,
}

/// Training left what numbers can hold.
#[derive(Debug, thiserror::Error)]
#[error("{what} in step {step}, expected finite numbers; lower train.learning_rate or train.dropout")]
pub struct Diverged {
    /// What is no number, or hardly one.
    pub(super) what: String,
    pub(super) step: u64,
}
