//! What does not learn.

use super::config::{FineTuneConfig, Method};
use super::transfer::Taken;
use crate::companion::train::parameters::{Role, dense_mut};
use crate::companion::train::row_gradients::{ROW_EXTRAS, RowGradients};
use crate::companion::train::texts::{self, TextGradients};
use crate::engine::input::Table;
use crate::format::{Block, Weights};
use serde::Serialize;
use std::fmt;

/// Which of a parameter's numbers stay as they are.
#[derive(Debug, Clone, PartialEq)]
pub enum Freeze {
    None,
    All,
    /// Those that are true.
    Some(Vec<bool>),
}

/// What stays as it is, in the order of [`dense_mut`].
#[derive(Debug, Clone)]
pub struct Frozen {
    pub dense: Vec<Freeze>,
    /// Of item rows: `[items]`.
    rows: Vec<bool>,
    /// The fields whose tables stay as they are, of which only those of texts are asked for: `[fields]`.
    texts: Vec<bool>,
}

/// How many numbers learn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Learned {
    pub learned: usize,
    pub all: usize,
}

impl Frozen {
    /// In an epoch, from 0.
    pub fn new(config: &FineTuneConfig, taken: &Taken, weights: &mut Weights, epoch: u64) -> Self {
        let blocks = weights.blocks.len();
        // The number of blocks that learn by now, and one more once the inputs do.
        let thawed = match config.unfreeze_epochs {
            0 => blocks + 1,
            epochs => 1 + epoch as usize / epochs,
        };
        let is_full = config.method == Method::Full;
        let inputs_learn = is_full && thawed > blocks;
        // Products of low rank are for matrices; vectors and the inputs' tables are small beside the items' rows.
        let is_low_rank = matches!(config.method, Method::Lora | Method::Adalora);
        let is_vector: Vec<Vec<bool>> = weights
            .blocks
            .iter()
            .map(|block| block.parts().iter().map(|(_, part)| part.is_vector()).collect())
            .collect();
        let parts = dense_mut(weights).into_iter().map(|part| (part.role, part.values.len())).collect::<Vec<_>>();
        let masks = (config.method == Method::Adapters).then(|| further_units(&weights.blocks, config.rank));
        let freeze = |&(role, count): &(Role, usize)| {
            let learns = match role {
                Role::Start => inputs_learn || is_low_rank,
                Role::Input(table) => inputs_learn || is_low_rank || !taken.has_input(table),
                Role::Block(block, part) => match &masks {
                    Some(masks) => return masks[block][part].clone().map_or(Freeze::All, Freeze::Some),
                    None => is_full && block + thawed >= blocks || is_low_rank && is_vector[block][part],
                },
                Role::FinalNorm => is_full || is_low_rank,
                Role::Gates | Role::Head(_) | Role::LowRank => true,
                Role::LowRankScale => config.method == Method::Adalora,
            };
            if learns || count == 0 { Freeze::None } else { Freeze::All }
        };
        let dense = parts.iter().map(freeze).collect();
        let rows = taken.items.iter().map(|&is_taken| is_taken && !inputs_learn).collect();
        let stays = |place| !inputs_learn && taken.has_input(Table::Field(place));
        let texts = (0..weights.fields.len()).map(stays).collect();
        Self { dense, rows, texts }
    }

    /// Clears the gradients of what does not learn.
    pub fn clear(&self, gradient: &mut Weights, rows: &mut RowGradients, texts: &mut TextGradients) {
        for (part, freeze) in dense_mut(gradient).into_iter().zip(&self.dense) {
            match freeze {
                Freeze::None => {}
                Freeze::All => part.values.fill(0.0),
                Freeze::Some(mask) => {
                    let frozen = part.values.iter_mut().zip(mask).filter(|(_, frozen)| **frozen);
                    frozen.for_each(|(value, _)| *value = 0.0);
                }
            }
        }
        rows.retain(|item| !self.rows[item as usize]);
        texts.clear_fields(&self.texts);
    }

    pub fn count(&self, weights: &mut Weights) -> Learned {
        let width = weights.final_norm.len() + ROW_EXTRAS;
        let free = self.rows.iter().filter(|frozen| !**frozen).count();
        let mut count = Learned { learned: width * free, all: width * self.rows.len() };
        for (field, frozen) in weights.fields.iter().zip(&self.texts).filter(|(field, _)| texts::is_sparse(field)) {
            count.all += field.rows.values.len();
            count.learned += if *frozen { 0 } else { field.rows.values.len() };
        }
        for (part, freeze) in dense_mut(weights).into_iter().zip(&self.dense) {
            let frozen = match freeze {
                Freeze::None => 0,
                Freeze::All => part.values.len(),
                Freeze::Some(mask) => mask.iter().filter(|frozen| **frozen).count(),
            };
            count.all += part.values.len();
            count.learned += part.values.len() - frozen;
        }
        count
    }
}

impl fmt::Display for Learned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { learned, all } = self;
        write!(f, "{learned} of {all} numbers learn ({:.1}%)", 100.0 * *learned as f64 / (*all).max(1) as f64)
    }
}

/// Of each part of each transformer block which numbers belong to the units that were there before: `None` where all do. The
/// last `units` of each feed-forward layer are new.
fn further_units(blocks: &[Block], units: usize) -> Vec<Vec<Option<Vec<bool>>>> {
    let mask = |block: &Block| {
        let part = |(name, matrix): (&str, &crate::format::Matrix)| {
            let (rows, columns) = (matrix.rows(), matrix.columns);
            let frozen = |row: usize, column: usize| match name {
                "up" => row % (rows / 2) < rows / 2 - units,
                _ => column < columns - units,
            };
            matches!(name, "up" | "down")
                .then(|| (0..rows * columns).map(|place| frozen(place / columns, place % columns)).collect())
        };
        block.parts().into_iter().map(part).collect()
    };
    blocks.iter().map(mask).collect()
}
