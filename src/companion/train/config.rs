//! The `[train]` section of foreclick.toml.

use super::augment::Augment;
use super::fine_tune::{FineTuneConfig, Method};
use super::pretrain::PretrainConfig;
use crate::error::{Error, Result};
use crate::format::{Architecture, Context, Counting, EncoderKind};
use crate::schema::{FilterSeen, Schema};
use serde::{Deserialize, Serialize};

/// How a model is built and trained. Every value has a default; unknown keys are refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainConfig {
    /// `transformer`, `hstu` (attention), `gru`, `lstm` (recurrent), or `counting`, which has no encoder. Default
    /// `transformer`.
    pub encoder: EncoderKind,
    /// Values in an item's row and in the encoder's state. Default 64.
    pub hidden: usize,
    /// Attention heads. Default 2.
    pub heads: usize,
    /// Blocks of the encoder, one after the other. Default 2.
    pub blocks: usize,
    /// Values inside a transformer's gated feed-forward layer. Default 128.
    pub feed_forward: usize,
    /// How many events back attention looks, and the longest stretch of a sequence that is learned from at once.
    /// Default 64.
    pub max_len: usize,
    /// Whether the encoder is told of each event how often its item was met before; never with `filter_seen = "all"`.
    /// Default false: it gained nothing where it was measured.
    pub repeat_counts: bool,
    /// The share of values dropped at the input and after each layer while training. Default: 0.5 where sequences have
    /// fewer than 20 training events on average, else 0.2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dropout: Option<f32>,
    /// The share of fields' values hidden from the encoder while training, each for itself, so that it learns to do without
    /// one that a page leaves out. Default 0.
    pub field_dropout: f32,
    /// The most passes over the training events. Default 20.
    pub epochs: usize,
    /// Stop after this many epochs without a better validation NDCG@10. Default 3.
    pub patience: usize,
    /// Events in a step, in windows of at most `max_len`. Default 1024.
    pub batch_events: usize,
    /// The highest learning rate. Default 0.002.
    pub learning_rate: f32,
    /// Share of the steps in which the learning rate rises from 0. Default 0.05.
    pub warmup: f32,
    /// AdamW's decay of matrices (not of norms, biases, tables or item rows). Default 0.01.
    pub weight_decay: f32,
    /// The largest norm of all gradients together. Default 1.
    pub clip_norm: f32,
    /// What is made small: "softmax" (cross-entropy), "gbce" (binary cross-entropy as in gSASRec) or "bpr" (the
    /// target above each negative). Default "softmax".
    pub loss: Loss,
    /// "softmax" only: the share of each target that all candidates are given evenly. Default 0.
    pub label_smoothing: f32,
    /// "gbce" only: how far probabilities make up for the items that are not drawn, 0 to 1. Default 0.75.
    pub gbce_calibration: f32,
    /// Draws of items that stand for all others in the loss, anew for each shard of a step. Default 512.
    pub negatives: usize,
    /// How they are drawn: "mixed" (half evenly, half by popularity), "uniform", "popularity", or "batch": no draws, but
    /// the targets of the shard. Every loss makes up for it by weights. Default "mixed".
    pub negatives_drawn: NegativesDrawn,
    /// "mixed" and "popularity" only: an item is as likely as its count to this power, 0 to 1. One that never occurs
    /// in training is not drawn by popularity. Default 1.
    pub popularity_power: f32,
    /// Up to this many items all of them are negatives. Default 4000.
    pub full_softmax_items: usize,
    /// The most neighbours kept for an item in the co-occurrence table; 0 switches it off. Default 32.
    pub neighbours: usize,
    /// Neighbours that fewer sequences have beside the item are left out: what few visitors have, tells of them. Default 1.
    pub neighbours_min_sequences: usize,
    /// What one group's passing (or one event's, without groups) leaves of an item's recency. Default 0.97.
    pub decay: f32,
    /// Recency enters as ln(1 + recency / this). Default 0.3.
    pub recency_epsilon: f32,
    /// Neighbours enter as ln(1 + sum / this). Default 0.003.
    pub neighbour_epsilon: f32,
    /// Training threads; 0 takes one for each core. A resumed run keeps its number. Default 0.
    pub threads: usize,
    /// Seeds all that training draws: first weights, windows, dropout, negatives. Default 1.
    pub seed: u64,
    /// How the tasks' losses are weighed: "fixed", by each `[[task]]`'s weight, or "uncertainty", by that and by how much noise
    /// training finds in its labels. Default "fixed".
    pub task_weights: TaskWeights,
    /// What changes in the windows that are learned from. Default: nothing.
    pub augment: Augment,
    /// What is learned before the ordinary epochs, from the log alone. Default: nothing.
    pub pretrain: PretrainConfig,
}

/// What training makes small; `head/` says how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Loss {
    /// Cross-entropy over all candidates.
    Softmax,
    /// Generalised binary cross-entropy (Petrov and Macdonald 2023, arXiv 2308.07192).
    Gbce,
    /// Bayesian personalised ranking (Rendle et al. 2009, arXiv 1205.2618).
    Bpr,
}

/// How the tasks' losses are weighed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TaskWeights {
    /// As given.
    Fixed,
    /// By the tasks' noise too (Kendall et al. 2018, arXiv 1705.07115): see `heads.rs`.
    Uncertainty,
}

/// How negatives are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NegativesDrawn {
    /// Half of them evenly, half by popularity.
    Mixed,
    /// Each item as likely as any other.
    Uniform,
    /// By popularity.
    Popularity,
    /// The targets of the shard (Yi et al. 2019, sampling-bias-corrected).
    Batch,
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            encoder: EncoderKind::Transformer,
            hidden: 64,
            heads: 2,
            blocks: 2,
            feed_forward: 128,
            max_len: 64,
            repeat_counts: false,
            dropout: None,
            field_dropout: 0.0,
            epochs: 20,
            patience: 3,
            batch_events: 1024,
            learning_rate: 2e-3,
            warmup: 0.05,
            weight_decay: 0.01,
            clip_norm: 1.0,
            loss: Loss::Softmax,
            label_smoothing: 0.0,
            gbce_calibration: 0.75,
            negatives: 512,
            negatives_drawn: NegativesDrawn::Mixed,
            popularity_power: 1.0,
            full_softmax_items: 4000,
            neighbours: 32,
            neighbours_min_sequences: 1,
            decay: 0.97,
            recency_epsilon: 0.3,
            neighbour_epsilon: 0.003,
            threads: 0,
            seed: 1,
            task_weights: TaskWeights::Fixed,
            augment: Augment::default(),
            pretrain: PretrainConfig::default(),
        }
    }
}

impl TrainConfig {
    /// The model's sizes for a schema.
    pub fn architecture(&self, schema: &Schema) -> Architecture {
        let context = if schema.has_group { Context::OpenGroup } else { Context::LastEvents };
        // Where no item comes again there is nothing to tell.
        let repeat_counts = self.repeat_counts && schema.filter_seen != FilterSeen::All;
        Architecture { repeat_counts, ..self.sizes(context) }
    }

    /// The same with the sizes of the model that is gone on from.
    pub fn going_on_from(&self, architecture: &Architecture, fine_tune: &FineTuneConfig) -> Self {
        let Architecture { encoder, hidden, heads, blocks, feed_forward, max_len, repeat_counts, counting } =
            architecture;
        let further = if fine_tune.method == Method::Adapters { fine_tune.rank } else { 0 };
        Self {
            encoder: *encoder,
            // A model that only counts has none, whatever is said.
            hidden: if *hidden == 0 { self.hidden } else { *hidden },
            heads: *heads,
            blocks: if *blocks == 0 { self.blocks } else { *blocks },
            feed_forward: feed_forward + further,
            max_len: *max_len,
            repeat_counts: *repeat_counts,
            decay: counting.decay,
            recency_epsilon: counting.recency_epsilon,
            neighbour_epsilon: counting.neighbour_epsilon,
            ..self.clone()
        }
    }

    fn sizes(&self, context: Context) -> Architecture {
        // What only counts has neither state nor item rows.
        let counts = self.encoder == EncoderKind::Counting;
        Architecture {
            encoder: self.encoder,
            hidden: if counts { 0 } else { self.hidden },
            heads: self.heads,
            blocks: if counts { 0 } else { self.blocks },
            feed_forward: self.feed_forward,
            max_len: self.max_len,
            repeat_counts: self.repeat_counts,
            counting: Counting {
                decay: self.decay,
                recency_epsilon: self.recency_epsilon,
                neighbour_epsilon: self.neighbour_epsilon,
                context,
            },
        }
    }

    /// Checks all of it, before a log is read for nothing.
    ///
    /// # Errors
    /// [`Error::Argument`] names the key, its value and its limits.
    pub fn validate(&self) -> Result<()> {
        let share = |name: &str, value: f32| {
            if (0.0..1.0).contains(&value) {
                Ok(())
            } else {
                Err(Error::Argument(format!("train.{name} is {value}, expected at least 0 and below 1")))
            }
        };
        self.sizes(Context::LastEvents).validate().map_err(|error| match error {
            Error::Schema(text) => Error::Argument(format!("train.{}", text.trim_start_matches("counting."))),
            other => other,
        })?;
        self.augment.validate("train.augment")?;
        self.pretrain.validate(self.encoder)?;
        share("dropout", self.dropout.unwrap_or_default())?;
        share("field_dropout", self.field_dropout)?;
        share("warmup", self.warmup)?;
        share("label_smoothing", self.label_smoothing)?;
        if self.label_smoothing > 0.0 && self.loss != Loss::Softmax {
            return Err(Error::Argument(format!(
                "train.label_smoothing is {} with another loss than \"softmax\", expected 0; remove it or set \
                 train.loss = \"softmax\"",
                self.label_smoothing
            )));
        }
        for (name, value) in [("gbce_calibration", self.gbce_calibration), ("popularity_power", self.popularity_power)]
        {
            if !(0.0..=1.0).contains(&value) {
                return Err(Error::Argument(format!("train.{name} is {value}, expected 0 to 1")));
            }
        }
        for (name, value, least, most) in [
            ("epochs", self.epochs, 1, 100_000),
            ("patience", self.patience, 1, 100_000),
            ("batch_events", self.batch_events, 1, 1_000_000),
            ("negatives", self.negatives, 1, 1_000_000),
            ("full_softmax_items", self.full_softmax_items, 0, 1_000_000),
            ("neighbours", self.neighbours, 0, 1000),
            ("neighbours_min_sequences", self.neighbours_min_sequences, 0, 1_000_000),
            ("threads", self.threads, 0, 1024),
        ] {
            if !(least..=most).contains(&value) {
                return Err(Error::Argument(format!("train.{name} is {value}, expected {least} to {most}")));
            }
        }
        for (name, value) in [("learning_rate", self.learning_rate), ("clip_norm", self.clip_norm)] {
            if !(value > 0.0 && value.is_finite()) {
                return Err(Error::Argument(format!("train.{name} is {value}, expected above 0")));
            }
        }
        if !(self.weight_decay >= 0.0 && self.weight_decay.is_finite()) {
            return Err(Error::Argument(format!("train.weight_decay is {}, expected 0 or more", self.weight_decay)));
        }
        Ok(())
    }

    /// The share of dropped values for so many training events a sequence: short sequences are soon known by heart.
    pub fn dropout_for(&self, mean_length: f64) -> f32 {
        self.dropout.unwrap_or(if mean_length < 20.0 { 0.5 } else { 0.2 })
    }

    /// The number of training threads.
    pub fn thread_count(&self) -> usize {
        if self.threads > 0 { self.threads } else { std::thread::available_parallelism().map_or(1, usize::from) }
    }
}
