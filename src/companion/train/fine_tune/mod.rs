//! Going on from a model that is trained: what is taken over (`transfer.rs`) and what its events must have for that (`kept.rs`),
//! what of it learns further (`frozen.rs`), and changes of low rank instead of whole matrices (`low_rank.rs`, `rank_budget.rs`).

mod config;
mod frozen;
mod kept;
pub mod low_rank;
mod rank_budget;
mod transfer;

use config::Catalogue;
pub use config::{FineTuneConfig, Method};
pub use frozen::{Freeze, Frozen};
pub use rank_budget::RankBudget;
pub use transfer::{Taken, transfer};

use super::row_gradients::RowGradients;
use super::texts::TextGradients;
use crate::format::{Block, Model, Neighbours, Weights};
use crate::vocab::Vocab;

/// What a run begins with instead of first weights.
#[derive(Debug, Clone, Copy)]
pub struct Base<'a> {
    /// Of any number of bits.
    pub model: &'a Model,
    /// What of it learns further.
    pub config: &'a FineTuneConfig,
}

impl Base<'_> {
    /// Whether it ranks items, so that gates and the query's length come from it.
    pub fn predicts_items(&self) -> bool {
        self.model.metadata.schema.predicts_items()
    }

    /// Whether neighbours come from it; else they are counted.
    pub fn gives_neighbours(&self) -> bool {
        self.predicts_items() && self.config.catalogue == Catalogue::Base
    }

    /// The neighbours that come from it.
    pub fn neighbours(&self, vocab: &Vocab) -> Option<Neighbours> {
        self.gives_neighbours().then(|| transfer::take_neighbours(self.model, vocab))
    }
}

/// What is kept while a run goes on from another.
pub struct FineTuning {
    config: FineTuneConfig,
    pub taken: Taken,
    pub frozen: Frozen,
    /// "adalora" only.
    pub budget: Option<RankBudget>,
    /// The blocks with what is added to them, while they are not lent.
    folded: Vec<Block>,
}

impl FineTuning {
    /// Begins with what was taken over; `steps` is how many updates the run may have at most.
    pub fn new(config: &FineTuneConfig, taken: Taken, weights: &mut Weights, seed: u64, steps: u64) -> Self {
        weights.low_rank = match config.method {
            Method::Lora => low_rank::begin(&weights.blocks, config.rank, seed),
            Method::Adalora => rank_budget::begin(&weights.blocks, config.rank, seed),
            Method::Full | Method::Heads | Method::Adapters => Vec::new(),
        };
        let budget = (config.method == Method::Adalora).then(|| RankBudget::new(weights, config.rank, steps));
        let frozen = Frozen::new(config, &taken, weights, 0);
        Self { config: config.clone(), taken, frozen, budget, folded: Vec::new() }
    }

    /// Before an epoch, from 0: lower blocks learn from later ones on.
    pub fn begin_epoch(&mut self, weights: &mut Weights, epoch: u64) {
        self.frozen = Frozen::new(&self.config, &self.taken, weights, epoch);
    }

    /// Puts what is added to the blocks into them, until [`FineTuning::backward`].
    pub fn lend(&mut self, weights: &mut Weights) {
        if !weights.low_rank.is_empty() {
            self.folded.clone_from(&weights.blocks);
            low_rank::add(&weights.low_rank, &mut self.folded);
            std::mem::swap(&mut self.folded, &mut weights.blocks);
        }
    }

    /// Takes it out again, turns the blocks' gradients into its own and clears those of what does not learn.
    pub fn backward(
        &mut self,
        weights: &mut Weights,
        gradient: &mut Weights,
        (rows, texts): (&mut RowGradients, &mut TextGradients),
        examples: usize,
    ) {
        if !weights.low_rank.is_empty() {
            std::mem::swap(&mut self.folded, &mut weights.blocks);
            low_rank::backward(&weights.low_rank, gradient);
        }
        if let Some(budget) = &mut self.budget {
            budget.keep_apart(weights, gradient, examples);
        }
        self.frozen.clear(gradient, rows, texts);
    }

    /// After the update that is the `step`th, from 1.
    pub fn settle(&mut self, weights: &mut Weights, step: u32) {
        if let Some(budget) = &mut self.budget {
            budget.look(weights);
            budget.spend(weights, step);
        }
    }

    /// Weights whose blocks hold all that was learned.
    pub fn merged(mut weights: Weights) -> Weights {
        low_rank::add(&weights.low_rank, &mut weights.blocks);
        weights.low_rank = Vec::new();
        weights
    }
}
