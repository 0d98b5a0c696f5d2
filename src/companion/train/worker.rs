//! One training thread: forward and backward over its shard of a batch.

use super::augment::Augment;
use super::buffer::Buffer;
use super::config::{NegativesDrawn, TrainConfig};
use super::encoder::{Encoder, Inputs, Pass};
use super::examples::{Shard, Window};
use super::head::{Examples, Head, Teachers};
use super::heads::Labelled;
use super::held_out::HeldOut;
use super::negatives::{Negatives, Popularity};
use super::parameters::{dense_mut, zeros_like};
use super::pretrain::{self, Pretext};
use super::random::{Purpose, stream};
use super::row_gradients::RowGradients;
use super::texts::TextGradients;
use super::vector::add_scaled;
use crate::companion::data::{Dataset, Part};
use crate::engine::counting::{History, Rules};
use crate::format::Weights;
use crate::vocab::ItemId;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

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
    /// What each task's loss is multiplied with; empty where tasks are not learned.
    pub tasks: &'a [f32],
    /// What pretraining learns in their and the next event's place.
    pub pretext: Option<Pretext>,
}

/// What a thread keeps from step to step, and its gradients.
pub struct Worker {
    encoder: Encoder,
    history: History,
    shard: Shard,
    /// The windows that are gathered to be told apart.
    views: Vec<Window>,
    head: Head,
    negatives: Negatives,
    teachers: Option<Teachers>,
    rng: ChaCha8Rng,
    /// Gradients of all but the item rows, summed over positions.
    pub gradient: Weights,
    /// Gradients of the item rows.
    pub rows: RowGradients,
    /// Gradients of the rows of text fields.
    pub texts: TextGradients,
    /// The positions' losses, summed.
    pub loss: f64,
    /// Events to predict, or views to tell apart.
    pub positions: usize,
    /// Events with labels.
    pub labels: usize,
}

impl Worker {
    pub fn new(encoder: Encoder, rules: Rules, weights: &Weights) -> Self {
        let items = rules.items;
        Self {
            encoder,
            history: History::new(rules),
            shard: Shard::default(),
            views: Vec::new(),
            head: Head::new(items),
            negatives: Negatives::default(),
            teachers: None,
            rng: stream(0, Purpose::Step, 0, 0),
            gradient: zeros_like(weights),
            rows: RowGradients::new(items, weights.final_norm.len()),
            texts: TextGradients::new(weights),
            loss: 0.0,
            positions: 0,
            labels: 0,
        }
    }

    /// The same worker, which learns from teachers too.
    pub fn taught_by(self, teachers: Option<Teachers>) -> Self {
        Self { teachers, ..self }
    }

    /// Finds what a shard's windows are to learn from in step `step`; `part` is the shard's number.
    pub fn gather(&mut self, plan: &Plan<'_>, windows: &[Window], step: u64, part: u64) {
        self.clear();
        let Plan { dataset, config, pretext, .. } = *plan;
        let (changes, draws) = match pretext {
            None => (Purpose::Augment, Purpose::Step),
            Some(_) => (Purpose::Views, Purpose::PretrainStep),
        };
        let mut rng = stream(config.seed, changes, step, part);
        let Self { shard, views, history, .. } = self;
        match pretext {
            None => {
                // What is calibrated on is given as it is.
                let augment = if plan.part == Part::Train { config.augment } else { Augment::default() };
                shard.gather(plan, windows, augment, history, &mut rng);
            }
            Some(Pretext::Masked) => {
                shard.gather(plan, windows, Augment::default(), history, &mut rng);
                pretrain::hide(shard, dataset, config.pretrain.mask_share, &mut rng);
            }
            Some(Pretext::Contrastive) => {
                let augment = config.pretrain.views;
                *views = pretrain::views(windows, augment.crop, &mut rng);
                shard.gather(plan, views, Augment { crop: 0.0, ..augment }, history, &mut rng);
            }
        }
        (self.positions, self.labels) = (shard.positions.len() + views.len(), shard.labels.len());
        self.rng = stream(config.seed, draws, step, part);
        if !self.shard.positions.is_empty() {
            self.draw_negatives(plan);
        } else {
            self.negatives.items.clear();
        }
    }

    /// The items whose rows the gathered shard reads, some more than once.
    pub fn reads(&self) -> impl Iterator<Item = ItemId> {
        let Shard { positions, candidates, .. } = &self.shard;
        let targets = positions.iter().map(|position| position.target);
        let candidates = candidates.iter().map(|candidate| candidate.item);
        targets.chain(candidates).chain(self.shard.input_items()).chain(self.negatives.items.iter().copied())
    }

    /// What the sums are divided by: the positions or, where there is none, the events with labels.
    pub fn examples(&self) -> usize {
        if self.positions > 0 { self.positions } else { self.labels }
    }

    /// Learns from what was gathered of the windows.
    pub fn learn(&mut self, plan: &Plan<'_>, weights: &Weights, windows: &[Window]) {
        if self.examples() == 0 {
            return;
        }
        if let Some(teachers) = &mut self.teachers {
            teachers.show(plan.dataset, &mut self.shard, windows.len());
        }
        let pass = self.encode(plan, weights);
        let states_gradient = match plan.pretext {
            Some(Pretext::Contrastive) => self.tell_apart(plan, weights, &pass.states()),
            None | Some(Pretext::Masked) => self.score(plan, weights, &pass.states()),
        };
        let input_gradient = pass.backward(weights, &states_gradient, &mut self.gradient);
        let Self { shard, gradient, rows, texts, .. } = self;
        shard.backward(plan.dataset, weights, &input_gradient, gradient, (rows, texts));
    }

    /// The encoder's states before the gathered events that are to be predicted, `[events, hidden]`.
    pub fn states(&mut self, plan: &Plan<'_>, weights: &Weights) -> Vec<f32> {
        if self.positions == 0 {
            return Vec::new();
        }
        let hidden = weights.final_norm.len();
        let pass = self.encode(plan, weights);
        let states = pass.states();
        let rows = self.shard.positions.iter().map(|position| &states[position.row * hidden..][..hidden]);
        rows.flatten().copied().collect()
    }

    /// The loss and the head's gradients of the gathered events where their states are known: see [`Worker::states`].
    pub fn weigh(&mut self, plan: &Plan<'_>, weights: &Weights, states: &[f32]) {
        self.shard.positions.iter_mut().enumerate().for_each(|(row, position)| position.row = row);
        self.score(plan, weights, states);
    }

    fn encode(&mut self, plan: &Plan<'_>, weights: &Weights) -> Pass {
        self.shard.write_inputs(plan.dataset, weights);
        let Shard { input, times, len, lengths, .. } = &mut self.shard;
        let both_ways = (plan.pretext == Some(Pretext::Masked)).then_some(&lengths[..]);
        let inputs = Inputs { values: std::mem::take(input), times, windows: lengths.len(), len: *len, both_ways };
        self.encoder.forward(weights, inputs, Some((plan.dropout, &mut self.rng)))
    }

    /// Sets the loss, adds to the gradients of item rows and of what weighs them, and gives that of the states.
    fn score(&mut self, plan: &Plan<'_>, weights: &Weights, states: &[f32]) -> Buffer {
        let mut states_gradient = Buffer::zeros(states.len());
        // What is calibrated on follows nobody.
        let mut teachers = self.teachers.as_mut().filter(|_| plan.part == Part::Train);
        let examples = Examples {
            config: plan.config,
            positions: &self.shard.positions,
            candidates: &self.shard.candidates,
            negatives: &self.negatives,
            states,
        };
        let into = (&mut *states_gradient, &mut self.gradient, &mut self.rows);
        self.loss = self.head.run(weights, &examples, teachers.as_deref_mut(), into);
        let Plan { dataset, config, tasks, pretext, .. } = *plan;
        if pretext.is_some() {
            let into = (&mut *states_gradient, &mut self.gradient);
            self.loss += pretrain::tell_fields(dataset, &self.shard.labels, weights, states, into);
            return states_gradient;
        }
        let labelled = Labelled {
            dataset,
            config,
            factors: tasks,
            labels: &self.shard.labels,
            states,
            teachers: teachers.as_deref(),
        };
        self.loss += labelled.run(weights, &mut states_gradient, &mut self.gradient);
        states_gradient
    }

    /// Sets the loss of views, and gives the gradient of the states.
    fn tell_apart(&mut self, plan: &Plan<'_>, weights: &Weights, states: &[f32]) -> Buffer {
        let mut states_gradient = Buffer::zeros(states.len());
        let Shard { len, lengths, .. } = &self.shard;
        let rows: Vec<usize> = lengths.iter().enumerate().map(|(view, length)| view * len + length - 1).collect();
        let states = (states, weights.final_norm.len());
        self.loss =
            pretrain::tell_apart(&self.views, &rows, plan.config.pretrain.temperature, states, &mut states_gradient);
        states_gradient
    }

    /// Adds other workers' results to this one's.
    pub fn add(&mut self, others: &mut [Self]) {
        for other in others.iter_mut() {
            for (into, from) in dense_mut(&mut self.gradient).into_iter().zip(dense_mut(&mut other.gradient)) {
                add_scaled(into.values, from.values, 1.0);
            }
            self.loss += other.loss;
            self.positions += other.positions;
            self.labels += other.labels;
        }
        self.rows.parts_mut().par_iter_mut().enumerate().for_each(|(place, part)| {
            others.iter().for_each(|other| part.add(&other.rows.parts()[place]));
        });
        others.iter().for_each(|other| self.texts.add(&other.texts));
    }

    fn clear(&mut self) {
        for part in dense_mut(&mut self.gradient) {
            part.values.fill(0.0);
        }
        self.rows.clear();
        self.texts.clear();
        self.views.clear();
        (self.loss, self.positions, self.labels) = (0.0, 0, 0);
    }

    /// All items where the catalogue is small, else a draw or the shard's targets.
    fn draw_negatives(&mut self, plan: &Plan<'_>) {
        let Plan { dataset, config, popularity, .. } = *plan;
        let items = popularity.drawable.len();
        if items <= config.full_softmax_items || items <= config.negatives {
            self.negatives.take_all(&popularity.drawable);
        } else if config.negatives_drawn == NegativesDrawn::Batch {
            self.negatives.take(popularity, self.shard.positions.iter().map(|position| position.target));
        } else {
            self.negatives.draw(popularity, dataset, config.negatives, &mut self.rng);
        }
    }
}

/// Runs each worker on its shard, in a thread of its own.
pub fn in_parallel<'a>(
    workers: &mut [Worker],
    shards: &[&'a [Window]],
    work: impl Fn(&mut Worker, &'a [Window], u64) + Sync,
) {
    let work = &work;
    // Threads of their own would end with each step, and with them the memory that they keep for the next.
    rayon::scope(|scope| {
        for (part, (worker, windows)) in (0..).zip(workers.iter_mut().zip(shards.iter().copied())) {
            scope.spawn(move |_| work(worker, windows, part));
        }
    });
}
