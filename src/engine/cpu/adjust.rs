//! What counting adds to single scores, and which items are out.

use super::super::ops::Adjustment;
use super::top_k::BLOCK;
use crate::format::TERMS;

/// No adjustment.
const NONE: u32 = u32::MAX;

/// Adjustments that are found by the block that their item is in.
#[derive(Clone)]
pub struct Adjustments {
    /// Each with the number of the one before it of the same block.
    all: Vec<(Adjustment, u32)>,
    /// The last of each block.
    last: Vec<u32>,
}

impl Adjustments {
    /// None, for a model of so many items.
    pub fn new(items: usize) -> Self {
        Self { all: Vec::new(), last: vec![NONE; items.div_ceil(BLOCK)] }
    }

    /// Forgets all; costs only what there was.
    pub fn clear(&mut self) {
        for (adjustment, _) in self.all.drain(..) {
            self.last[adjustment.item as usize / BLOCK] = NONE;
        }
    }

    /// Takes some more.
    pub fn add(&mut self, adjustments: &[Adjustment]) {
        for adjustment in adjustments {
            let last = &mut self.last[adjustment.item as usize / BLOCK];
            self.all.push((*adjustment, *last));
            *last = self.all.len() as u32 - 1;
        }
    }

    /// Changes the scores of the items from `first` on, all of one block, in place.
    pub fn apply(&self, gates: &[f32; TERMS], first: usize, scores: &mut [f32]) {
        let mut next = self.last[first / BLOCK];
        while next != NONE {
            let (adjustment, before) = &self.all[next as usize];
            if let Some(score) = scores.get_mut((adjustment.item as usize).wrapping_sub(first)) {
                *score += gained(gates, adjustment);
            }
            next = *before;
        }
    }
}

/// What an adjustment adds; minus infinity for an item that is out.
pub fn gained(gates: &[f32; TERMS], adjustment: &Adjustment) -> f32 {
    let Adjustment { item: _, excluded, features, constant } = adjustment;
    if *excluded {
        return f32::NEG_INFINITY;
    }
    gates[1..].iter().zip(features).map(|(gate, feature)| gate * feature).sum::<f32>() + constant
}
