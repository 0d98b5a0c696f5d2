//! One training thread: forward and backward over its shard of a batch.

use super::config::{NegativesDrawn, TrainConfig};
use super::encoder::{Encoder, Inputs, Pass};
use super::examples::{Shard, Window};
use super::head::{Examples, Head};
use super::held_out::HeldOut;
use super::negatives::{Negatives, Popularity};
use super::optimizer::RowGradients;
use super::parameters::{dense_mut, zeros_like};
use super::random::{Purpose, stream};
use crate::companion::data::{Dataset, Part};
use crate::engine::counting::{History, Rules};
use crate::format::Weights;

/// What all threads read.
pub struct Plan<'a> {
    pub dataset: &'a Dataset,
    pub config: &'a TrainConfig,
    /// The share of values dropped.
    pub dropout: f32,
    pub popularity: &'a Popularity,
    pub held_out: &'a HeldOut,
    /// The events that are predicted.
    pub part: Part,
}

/// What a thread keeps from step to step, and its gradients.
pub struct Worker {
    encoder: Encoder,
    history: History,
    shard: Shard,
    head: Head,
    negatives: Negatives,
    /// Gradients of all but the item rows, summed over positions.
    pub gradient: Weights,
    /// Gradients of the item rows.
    pub rows: RowGradients,
    /// The positions' losses, summed.
    pub loss: f64,
    /// The number of positions.
    pub examples: usize,
}

impl Worker {
    pub fn new(encoder: Encoder, rules: Rules, weights: &Weights) -> Self {
        let items = rules.items;
        Self {
            encoder,
            history: History::new(rules),
            shard: Shard::default(),
            head: Head::new(items),
            negatives: Negatives::default(),
            gradient: zeros_like(weights),
            rows: RowGradients::new(items, weights.final_norm.len()),
            loss: 0.0,
            examples: 0,
        }
    }

    /// Learns from a shard's windows in step `step`; `part` is the shard's number.
    pub fn run(&mut self, plan: &Plan<'_>, weights: &Weights, windows: &[Window], step: u64, part: u64) {
        let Some((pass, states_gradient)) = self.score(plan, weights, windows, step, part) else { return };
        let input_gradient = pass.backward(weights, states_gradient, &mut self.gradient);
        let Self { shard, gradient, rows, .. } = self;
        shard.backward(plan.dataset, weights, windows, &input_gradient, gradient, rows);
    }

    /// The loss, and the gradients of what the head alone knows: item rows and what weighs them. Gives what the encoder's
    /// gradients are made of, unless there is nothing to predict.
    pub fn score(
        &mut self,
        plan: &Plan<'_>,
        weights: &Weights,
        windows: &[Window],
        step: u64,
        part: u64,
    ) -> Option<(Pass, Vec<f32>)> {
        let Plan { dataset, config, dropout, popularity: _, held_out, part: predicted } = *plan;
        self.clear();
        self.shard.gather(dataset, weights, windows, &mut self.history, held_out, predicted);
        self.examples = self.shard.positions.len();
        if self.examples == 0 {
            return None;
        }
        let mut rng = stream(config.seed, Purpose::Step, step, part);
        self.draw_negatives(plan, &mut rng);
        let inputs = Inputs {
            values: std::mem::take(&mut self.shard.input),
            times: &self.shard.times,
            windows: windows.len(),
            len: self.shard.len,
        };
        let pass = self.encoder.forward(weights, inputs, Some((dropout, &mut rng)));
        let states = pass.states();
        let mut states_gradient = vec![0.0; states.len()];
        let examples = Examples {
            config,
            positions: &self.shard.positions,
            candidates: &self.shard.candidates,
            negatives: &self.negatives,
            states: &states,
        };
        self.loss = self.head.run(weights, &examples, &mut states_gradient, &mut self.gradient, &mut self.rows);
        Some((pass, states_gradient))
    }

    /// Adds another worker's result to this one's.
    pub fn add(&mut self, other: &mut Self) {
        for (into, from) in dense_mut(&mut self.gradient).into_iter().zip(dense_mut(&mut other.gradient)) {
            for (value, part) in into.values.iter_mut().zip(from.values.iter()) {
                *value += part;
            }
        }
        self.rows.add(&other.rows);
        self.loss += other.loss;
        self.examples += other.examples;
    }

    fn clear(&mut self) {
        for part in dense_mut(&mut self.gradient) {
            part.values.fill(0.0);
        }
        self.rows.clear();
        self.loss = 0.0;
        self.examples = 0;
    }

    /// All items where the catalogue is small, else a draw or the shard's targets.
    fn draw_negatives(&mut self, plan: &Plan<'_>, rng: &mut impl rand::Rng) {
        let Plan { dataset, config, popularity, .. } = *plan;
        let items = dataset.vocab.len();
        if items <= config.full_softmax_items || items <= config.negatives {
            self.negatives.take_all(items);
        } else if config.negatives_drawn == NegativesDrawn::Batch {
            self.negatives.take(popularity, self.shard.positions.iter().map(|position| position.target));
        } else {
            self.negatives.draw(popularity, dataset, config.negatives, rng);
        }
    }
}
