//! A model of the visitor's own: what is added to the base model's scores, learned on the device from the visitor's own events.
//!
//! The score of item i gains
//! - the own offsets of the gates times its features, of whatever counting knows;
//! - where the visitor has met it, an offset of having met an item and one of item i itself;
//! - where not, `shift · row(i)`: the query moves in a few directions, `shift = subspaceᵀ coefficients`.
//!
//! Each event is one step of gradient ascent on the logarithm of its probability (online logistic regression), with a step for
//! each kind of number. Where all of them begin, the steps and the directions are meta-learned by the companion (MAML's first
//! order, Finn et al. 2017, arXiv 1703.03400; Meta-SGD, Li et al. 2017, arXiv 1707.09835); see `companion/meta`.

mod lesson;

pub use lesson::{Gradient, Lesson};

use super::counting::RECENCY;
use super::cpu::{Cpu, Lanes, Simd};
use super::ops::{Adjustment, Ops};
use super::stream::Stream;
use crate::error::Result;
use crate::format::{FEATURES, Model, OWN_GATES, PersonalStart};
use crate::vocab::ItemId;
use std::sync::Arc;

/// The most items that have an offset of their own.
pub const MAX_OWN_ITEMS: usize = 512;

/// The largest number that is learned, above or below 0.
pub const LARGEST: f32 = 8.0;

/// What each event leaves of the advantage before it.
const KEPT: f32 = 0.97;
/// The advantage from which on what was learned is used, in nats.
const USED_FROM: f32 = 0.3;
/// The advantage down to which it stays in use.
const USED_TO: f32 = 0.0;

/// What was learned of one visitor.
#[derive(Debug, Clone, PartialEq)]
pub struct Learned {
    /// The events that it was learned from.
    pub events: u32,
    /// How much better it foretold the latest events than the base model: the logarithms of the ratios of their probabilities,
    /// each counting .97 times as much as the one after it, in nats.
    pub advantage: f32,
    /// Whether it is used: from an advantage of .3 on, until there is none.
    pub is_used: bool,
    /// Offsets of the features' gates, then of having met the item.
    pub gates: [f32; OWN_GATES],
    /// Coefficients of the directions in which the query moves, `[rank]`.
    pub query: Vec<f32>,
    /// Items' offsets, by rising item, at most [`MAX_OWN_ITEMS`].
    pub items: Vec<(ItemId, f32)>,
}

/// A model of the visitor's own beside the base model.
#[derive(Debug, Clone)]
pub struct Personal {
    model: Arc<Model>,
    start: PersonalStart,
    learned: Learned,
    /// What is added to the query, `[hidden]`, or nothing.
    shift: Vec<f32>,
}

impl Personal {
    /// One of a visitor of whom nothing is known.
    pub fn new(model: Arc<Model>) -> Self {
        let start = model.personal.clone().unwrap_or_default();
        Self::starting(model, start)
    }

    /// One that begins otherwise than the model says.
    pub fn starting(model: Arc<Model>, start: PersonalStart) -> Self {
        let mut gates = [0.0; OWN_GATES];
        gates.copy_from_slice(&start.first[..OWN_GATES]);
        let query = vec![0.0; start.subspace.rows()];
        let learned = Learned { events: 0, advantage: 0.0, is_used: false, gates, query, items: Vec::new() };
        let shift = vec![0.0; start.subspace.columns];
        Self { model, start, learned, shift }
    }

    /// What was learned.
    pub fn learned(&self) -> &Learned {
        &self.learned
    }

    /// Where it began.
    pub fn start(&self) -> &PersonalStart {
        &self.start
    }

    /// Goes on from what was learned before, whose lengths must be this one's.
    pub fn recall(&mut self, learned: Learned) {
        self.learned = learned;
        self.move_query();
    }

    /// Adds its terms to what the stream's last `score` asked for.
    ///
    /// # Errors
    /// None in practice: the stream is on the CPU.
    pub fn apply<L: Lanes>(&self, stream: &mut Stream<Cpu<L>>) -> Result<()> {
        let known = stream.adjustments().to_vec();
        let term = |adjustment: &Adjustment| Adjustment {
            features: [0.0; FEATURES],
            constant: self.offset(adjustment),
            ..*adjustment
        };
        let mut terms: Vec<Adjustment> = known.iter().map(term).collect();
        let ops = stream.ops_mut();
        // The query moves for items that were not met.
        let met = || (0..known.len()).filter(|&place| is_met(&known[place]));
        for place in met() {
            terms[place].constant += ops.row_score(known[place].item);
        }
        ops.shift_query(&self.shift);
        for place in met() {
            terms[place].constant -= ops.row_score(known[place].item);
        }
        ops.adjust(&terms)
    }

    /// Takes one step: what a lesson says, which must be of what was learned so far.
    pub fn take(&mut self, lesson: &Lesson) {
        let Lesson { base, own, gradient, new_item } = lesson;
        let Self { start, learned, .. } = self;
        let moved = |value: f32, kind: usize, gradient: f32| {
            (value + start.steps[kind] * gradient).clamp(-LARGEST, LARGEST)
        };
        for (kind, (gate, gradient)) in learned.gates.iter_mut().zip(gradient.gates).enumerate() {
            *gate = moved(*gate, kind, gradient);
        }
        for &(item, gradient) in &gradient.items {
            if let Ok(place) = learned.place(item) {
                let offset = &mut learned.items[place].1;
                *offset = moved(*offset, OWN_GATES, gradient);
            }
        }
        for (coefficient, gradient) in learned.query.iter_mut().zip(&gradient.query) {
            *coefficient = (*coefficient + gradient).clamp(-LARGEST, LARGEST);
        }
        if let Some(item) = *new_item {
            learned.add(item, start.first[OWN_GATES]);
        }
        learned.events += 1;
        learned.advantage = KEPT * learned.advantage + (own - base);
        learned.is_used = learned.advantage > if learned.is_used { USED_TO } else { USED_FROM };
        self.move_query();
    }

    fn move_query(&mut self) {
        self.shift.fill(0.0);
        for (row, &coefficient) in self.learned.query.iter().enumerate() {
            let direction = self.start.subspace.row(row);
            self.shift.iter_mut().zip(direction).for_each(|(value, part)| *value += coefficient * part);
        }
    }

    /// What a candidate's score gains, but for the query's part.
    fn offset(&self, adjustment: &Adjustment) -> f32 {
        let Learned { gates, .. } = &self.learned;
        let gated: f32 = gates.iter().zip(adjustment.features).map(|(gate, feature)| gate * feature).sum();
        if is_met(adjustment) { gated + gates[FEATURES] + self.item_offset(adjustment.item) } else { gated }
    }

    /// An item without an offset of its own has the one that it would begin with.
    fn item_offset(&self, item: ItemId) -> f32 {
        self.learned.place(item).map_or(self.start.first[OWN_GATES], |place| self.learned.items[place].1)
    }
}

impl Learned {
    fn place(&self, item: ItemId) -> std::result::Result<usize, usize> {
        self.items.binary_search_by_key(&item, |&(item, _)| item)
    }

    /// Gives an item an offset, unless it has one; the one that says least gives way to it.
    fn add(&mut self, item: ItemId, offset: f32) {
        if self.items.len() == MAX_OWN_ITEMS && self.place(item).is_err() {
            let least = |&place: &usize| (self.items[place].1 - offset).abs();
            let weakest = (0..MAX_OWN_ITEMS).min_by(|a, b| least(a).total_cmp(&least(b)));
            self.items.remove(weakest.unwrap_or_default());
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
    let mut product = [0.0];
    Simd::multiply(a, b, &mut product);
    product[0]
}
