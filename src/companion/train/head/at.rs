//! One position, and the candidates whose scores are asked for there.

use super::{Examples, Position};
use crate::engine::counting::Candidate;
use crate::format::{FEATURES, Matrix, TERMS, Weights};

/// A position of a chunk, and the model whose scores are asked for.
pub struct At<'a> {
    pub weights: &'a Weights,
    pub items: &'a Matrix,
    pub position: &'a Position,
    /// Its number in the chunk.
    pub place: usize,
    pub gates: [f32; TERMS],
    /// How many shared negatives there are.
    pub negatives: usize,
    own: &'a [Candidate],
    /// The target, where no own candidate is it.
    target: Option<Candidate>,
}

impl<'a> At<'a> {
    pub fn new(
        (weights, items): (&'a Weights, &'a Matrix),
        examples: &'a Examples<'a>,
        (place, position): (usize, &'a Position),
        gates: [f32; TERMS],
    ) -> Self {
        let own = &examples.candidates[position.candidates.clone()];
        let bare = Candidate { item: position.target, repeat_cell: None, features: [0.0; FEATURES], excluded: false };
        let target = own.iter().all(|candidate| candidate.item != position.target).then_some(bare);
        Self { weights, items, position, place, gates, negatives: examples.negatives.items.len(), own, target }
    }

    /// The same position as another model sees it.
    pub fn of<'b>(&'b self, (weights, items): (&'b Weights, &'b Matrix), gates: [f32; TERMS]) -> At<'b> {
        At { weights, items, gates, target: self.target, ..*self }
    }

    /// The position's own candidates, the target among them.
    #[inline(always)]
    pub fn all(&self) -> impl Iterator<Item = &Candidate> {
        self.own.iter().chain(&self.target)
    }

    /// Those that are not excluded.
    #[inline(always)]
    pub fn kept(&self) -> impl Iterator<Item = &Candidate> {
        self.all().filter(|candidate| !candidate.excluded || candidate.item == self.position.target)
    }
}
