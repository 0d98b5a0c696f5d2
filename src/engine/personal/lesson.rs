//! What one event teaches: the gradient of the logarithm of its probability.
//!
//! The softmax runs over what counting knows (items met before and neighbours), the event's own item, and of all others every
//! k-th, which stands for k of them, so that some [`SAMPLED`] are looked at whatever the catalogue's size.

use super::{Personal, dot, is_met};
use crate::engine::cpu::{Cpu, Lanes};
use crate::engine::ops::Adjustment;
use crate::engine::stream::Stream;
use crate::error::Result;
use crate::event::{EventView, Upcoming};
use crate::format::{FEATURES, OWN_GATES};
use crate::vocab::ItemId;

/// About so many of the items that counting does not know.
const SAMPLED: usize = 256;

/// What is learned from one event.
#[derive(Debug, Clone, PartialEq)]
pub struct Lesson {
    /// The logarithm of its probability by the base model, among the candidates that were looked at.
    pub base: f32,
    /// The same with what was learned so far.
    pub own: f32,
    /// Of `own`.
    pub gradient: Gradient,
    /// Its item, if the visitor had not met it.
    pub new_item: Option<ItemId>,
}

/// A derivative by each number that is learned.
#[derive(Debug, Clone, PartialEq)]
pub struct Gradient {
    /// As in [`super::Learned::gates`].
    pub gates: [f32; OWN_GATES],
    /// Of items that the visitor met and that were candidates.
    pub items: Vec<(ItemId, f32)>,
    /// As in [`super::Learned::query`].
    pub query: Vec<f32>,
}

struct Candidate {
    adjustment: Adjustment,
    /// The logarithm of how many it stands for.
    weight: f32,
    base: f32,
    own: f32,
}

impl Personal {
    /// What the event teaches that comes next; `None` where its item is no candidate. It scores on the stream, which the
    /// next prediction does anyway.
    ///
    /// # Errors
    /// None in practice: the stream is on the CPU.
    pub fn lesson<L: Lanes>(&self, stream: &mut Stream<Cpu<L>>, event: EventView<'_>) -> Result<Option<Lesson>> {
        stream.score(Upcoming { group: event.group }, &[])?;
        let mut candidates = self.candidates(stream.adjustments(), event.item);
        let target = candidates.iter().position(|candidate| candidate.adjustment.item == event.item);
        let Some(target) = target else { return Ok(None) };
        let ops = stream.ops_mut();
        for Candidate { adjustment, weight, base, own } in &mut candidates {
            *base = ops.score_with(adjustment) + *weight;
            *own = *base + self.offset(adjustment);
        }
        ops.shift_query(&self.shift);
        for Candidate { adjustment, weight, own, .. } in candidates.iter_mut().filter(|it| !is_met(&it.adjustment)) {
            *own = ops.score_with(adjustment) + *weight + self.offset(adjustment);
        }
        let [base, own] = [log_sum(candidates.iter().map(|it| it.base)), log_sum(candidates.iter().map(|it| it.own))];
        let Candidate { adjustment, base: target_base, own: target_own, .. } = &candidates[target];
        Ok(Some(Lesson {
            base: target_base - base,
            own: target_own - own,
            new_item: (!is_met(adjustment)).then_some(event.item),
            gradient: self.gradient(&candidates, target, own),
        }))
    }

    fn candidates(&self, known: &[Adjustment], target: ItemId) -> Vec<Candidate> {
        let items = self.model.vocab.len();
        let mut ids: Vec<ItemId> = known.iter().map(|adjustment| adjustment.item).collect();
        ids.sort_unstable();
        let mut candidates: Vec<Candidate> =
            known.iter().filter(|adjustment| !adjustment.excluded).map(|&adjustment| candidate(adjustment, 1)).collect();
        let unknown = |item| Adjustment { item, excluded: false, features: [0.0; FEATURES], constant: 0.0 };
        let is_new = |item: ItemId| ids.binary_search(&item).is_err();
        if is_new(target) {
            candidates.push(candidate(unknown(target), 1));
        }
        let stride = (items / SAMPLED).max(1);
        // Other ones with each event, by the golden ratio.
        let first = self.learned.events.wrapping_mul(0x9e37_79b9) as usize % stride;
        let sampled = (first..items).step_by(stride).map(|item| item as ItemId);
        let others = sampled.filter(|&item| item != target && is_new(item));
        candidates.extend(others.map(|item| candidate(unknown(item), stride)));
        candidates
    }

    fn gradient(&self, candidates: &[Candidate], target: usize, log_sum: f32) -> Gradient {
        let subspace = &self.start.subspace;
        let mut gates = [0.0; OWN_GATES];
        let mut items = Vec::new();
        let (mut row, mut rows) = (vec![0.0; subspace.columns], vec![0.0; subspace.columns]);
        for (place, Candidate { adjustment, own, .. }) in candidates.iter().enumerate() {
            let surprise = f32::from(u8::from(place == target)) - (own - log_sum).exp();
            for (gate, feature) in gates.iter_mut().zip(adjustment.features) {
                *gate += surprise * feature;
            }
            if is_met(adjustment) {
                gates[FEATURES] += surprise;
                items.push((adjustment.item, surprise));
            } else if !row.is_empty() {
                self.model.weights.items.copy_row(adjustment.item as usize, &mut row);
                rows.iter_mut().zip(&row).for_each(|(sum, value)| *sum += surprise * value);
            }
        }
        let query = (0..subspace.rows()).map(|direction| dot(subspace.row(direction), &rows)).collect();
        Gradient { gates, items, query }
    }
}

fn candidate(adjustment: Adjustment, stands_for: usize) -> Candidate {
    Candidate { adjustment, weight: (stands_for as f32).ln(), base: 0.0, own: 0.0 }
}

/// The logarithm of the sum of the exponentials.
fn log_sum(scores: impl Iterator<Item = f32> + Clone) -> f32 {
    let largest = scores.clone().fold(f32::NEG_INFINITY, f32::max);
    largest + scores.map(|score| (score - largest).exp()).sum::<f32>().ln()
}
