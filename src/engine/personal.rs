//! A model of the visitor's own: what is added to the base model's scores, learned on the device from the visitor's own events.
//!
//! The score of item i gains
//! - the own offsets of the gates times its features, of whatever counting knows;
//! - where the visitor has met it, an offset of having met an item and one of item i itself, a gate times its popularity, and
//!   `(again + gate query) · row(i)`: whether items like it are taken again, and how much the encoder's word counts for it;
//! - where not, `shift · row(i)`: the query moves in a few directions, `shift = subspaceᵀ coefficients`.
//!
//! Each event is one step of gradient ascent on the logarithm of its probability (online logistic regression), with a step for
//! each kind of number. Where all of them begin, the steps and the directions are meta-learned by the companion (MAML's first
//! order, Finn et al. 2017, arXiv 1703.03400; Meta-SGD, Li et al. 2017, arXiv 1707.09835); see `companion/meta`.

mod lesson;

pub use lesson::Lesson;

use super::counting::RECENCY;
use super::cpu::{Cpu, Lanes};
use super::ops::{Adjustment, Ops};
use super::stream::Stream;
use crate::error::Result;
use crate::format::{FEATURES, Model, OWN_GATES, PersonalStart};
use crate::vocab::ItemId;
use std::sync::Arc;

/// The gates after the features'.
const MET: usize = FEATURES;
const POPULARITY: usize = FEATURES + 1;
const QUERY: usize = FEATURES + 2;

/// The most items that have an offset of their own.
pub const MAX_OWN_ITEMS: usize = 512;

/// The largest number that is learned, above or below 0.
pub const LARGEST: f32 = 8.0;

/// What each event leaves of the advantage before it.
const KEPT: f32 = 0.98;

/// The most advantage that counts, in nats: a visitor who changes is not foretold worse for long.
const MOST_ADVANTAGE: f32 = 10.0;

/// What was learned of one visitor.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Learned {
    /// How much better it foretold the latest events than the base model: the logarithms of the ratios of their probabilities,
    /// each counting .98 times as much as the one after it, in nats, at most 10, and what is left of the credit that it began with.
    /// Then the number of events that it was learned from.
    pub record: [f32; 2],
    /// Offsets of the features' gates and of having met the item, then coefficients of the directions in which the query moves,
    /// `[OWN_GATES + rank]`.
    pub numbers: Vec<f32>,
    /// Items' offsets, by rising item, at most [`MAX_OWN_ITEMS`].
    pub items: Vec<(ItemId, f32)>,
}

/// A model of the visitor's own beside the base model.
#[derive(Debug, Clone)]
pub struct Personal {
    model: Arc<Model>,
    learned: Learned,
    /// What is added to the query, `[hidden]`, or nothing.
    shift: Vec<f32>,
}

impl Personal {
    /// One of a visitor of whom nothing is known.
    pub fn new(model: Arc<Model>) -> Self {
        let PersonalStart { first, credit, subspace, .. } = &model.personal;
        let mut numbers = first[..OWN_GATES].to_vec();
        numbers.resize(OWN_GATES + subspace.rows(), 0.0);
        let shift = vec![0.0; subspace.columns];
        Self { learned: Learned { record: [*credit, 0.0], numbers, ..Learned::default() }, shift, model }
    }

    /// What was learned.
    pub fn learned(&self) -> &Learned {
        &self.learned
    }

    /// Whether it foretells this visitor's latest events better than the base model does; only then it should be used.
    pub fn is_used(&self) -> bool {
        self.learned.record[0] > 0.0
    }

    /// Goes on from what was learned before, whose lengths must be this one's.
    pub fn recall(&mut self, learned: Learned) {
        self.learned = learned;
        self.move_query();
    }

    /// What is added to the query for items not met, `[hidden]`, or nothing.
    pub fn shift(&self) -> &[f32] {
        &self.shift
    }

    /// Adds its terms to what the stream's last `score` asked for.
    ///
    /// # Errors
    /// None in practice: the stream is on the CPU.
    pub fn apply<L: Lanes>(&self, stream: &mut Stream<Cpu<L>>) -> Result<()> {
        let moves = self.moves(stream.ops().state().0);
        let term = |adjustment: &Adjustment| Adjustment {
            features: [0.0; FEATURES],
            // The query moves as for items that were not met.
            constant: self.offset(adjustment, &moves)
                - if is_met(adjustment) { self.along(adjustment.item, &self.shift) } else { 0.0 },
            ..*adjustment
        };
        let terms: Vec<Adjustment> = stream.adjustments().iter().map(term).collect();
        let ops = stream.ops_mut();
        ops.shift_query(&self.shift);
        ops.adjust(&terms)
    }

    /// Takes one step: what a lesson says, which must be of what was learned so far.
    pub fn take(&mut self, lesson: &Lesson) {
        let Lesson { base, own, numbers, items, new_item, .. } = lesson;
        let Self { model, learned, .. } = self;
        let start = &model.personal;
        let step = |value: &mut f32, step: f32, gradient: f32| {
            *value = (*value + step * gradient).clamp(-LARGEST, LARGEST);
        };
        for (kind, value) in learned.numbers.iter_mut().enumerate() {
            // Directions are as long as their step asks for.
            step(value, if kind < OWN_GATES { start.steps[kind] } else { 1.0 }, numbers[kind]);
        }
        for &(item, gradient) in items {
            if let Ok(place) = learned.place(item) {
                step(&mut learned.items[place].1, start.steps[OWN_GATES], gradient);
            }
        }
        if let Some(item) = *new_item {
            learned.add(item, start.first[OWN_GATES]);
        }
        let [advantage, events] = &mut learned.record;
        *advantage = (KEPT * *advantage + (own - base)).min(MOST_ADVANTAGE);
        *events += 1.0;
        self.move_query();
    }

    fn move_query(&mut self) {
        self.shift.fill(0.0);
        for (row, coefficient) in self.learned.numbers[OWN_GATES..].iter().enumerate() {
            for (value, part) in self.shift.iter_mut().zip(self.model.personal.subspace.row(row)) {
                *value += coefficient * part;
            }
        }
    }

    /// How the query moves for items that were met, `[hidden]`.
    pub fn moves(&self, query: &[f32]) -> Vec<f32> {
        let again = self.model.personal.again.iter().copied().chain(std::iter::repeat(0.0));
        query.iter().zip(again).map(|(value, again)| self.learned.numbers[QUERY] * value + again).collect()
    }

    /// What a candidate's score gains, with what `moves` says of the query.
    pub fn term(&self, adjustment: &Adjustment, moves: &[f32]) -> f32 {
        self.offset(adjustment, moves) + if is_met(adjustment) { 0.0 } else { self.along(adjustment.item, &self.shift) }
    }

    /// The same, but for the query's move for items that were not met.
    fn offset(&self, adjustment: &Adjustment, moves: &[f32]) -> f32 {
        let Adjustment { item, features, .. } = adjustment;
        let gates = &self.learned.numbers[..OWN_GATES];
        let gated = dot(gates, features);
        if is_met(adjustment) {
            let popularity = gates[POPULARITY] * self.model.weights.item_bias[*item as usize];
            gated + gates[MET] + popularity + self.item_offset(*item) + self.along(*item, moves)
        } else {
            gated
        }
    }

    /// What an item's score gains by a move of the query.
    fn along(&self, item: ItemId, shift: &[f32]) -> f32 {
        let mut row = vec![0.0; shift.len()];
        if !row.is_empty() {
            self.model.weights.items.copy_row(item as usize, &mut row);
        }
        dot(&row, shift)
    }

    /// An item without an offset of its own has the one that it would begin with.
    fn item_offset(&self, item: ItemId) -> f32 {
        self.learned.offset(item).unwrap_or(self.model.personal.first[OWN_GATES])
    }
}

impl Learned {
    /// An item's offset, if it has one.
    pub fn offset(&self, item: ItemId) -> Option<f32> {
        self.place(item).ok().map(|place| self.items[place].1)
    }

    fn place(&self, item: ItemId) -> std::result::Result<usize, usize> {
        self.items.binary_search_by_key(&item, |&(item, _)| item)
    }

    /// Gives an item an offset, unless it has one; where there are too many, the one nearest to this gives way to it.
    pub fn add(&mut self, item: ItemId, offset: f32) {
        if self.items.len() == MAX_OWN_ITEMS && self.place(item).is_err() {
            let mut weakest = 0;
            for place in 1..MAX_OWN_ITEMS {
                if (self.items[place].1 - offset).abs() < (self.items[weakest].1 - offset).abs() {
                    weakest = place;
                }
            }
            self.items.remove(weakest);
        }
        if let Err(place) = self.place(item) {
            self.items.insert(place, (item, offset));
        }
    }
}

fn is_met(adjustment: &Adjustment) -> bool {
    adjustment.features[RECENCY] > 0.0
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
