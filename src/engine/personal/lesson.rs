//! What one event teaches: the gradient of the logarithm of its probability.
//!
//! The softmax runs over what counting knows (items met before and neighbours), the event's own item, and of all others every
//! k-th, which stands for k of them, so that some [`SAMPLED`] are looked at whatever the catalogue's size.

use super::{MET, POPULARITY, Personal, QUERY, dot, is_met};
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
    /// The derivatives of `own` by [`super::Learned::numbers`].
    pub numbers: Vec<f32>,
    /// Those by [`crate::format::PersonalStart::again`], `[hidden]`.
    pub again: Vec<f32>,
    /// Those by the offsets of items that the visitor had met and that were candidates.
    pub items: Vec<(ItemId, f32)>,
    /// Its item, if the visitor had not met it.
    pub new_item: Option<ItemId>,
}

impl Personal {
    /// What the event teaches that comes next; `None` where its item is no candidate. It scores on the stream, which the
    /// next prediction does anyway.
    ///
    /// # Errors
    /// None in practice: the stream is on the CPU.
    pub fn lesson<L: Lanes>(&self, stream: &mut Stream<Cpu<L>>, event: EventView<'_>) -> Result<Option<Lesson>> {
        // What a shop rules out today says nothing of the visitor.
        stream.score_unknowing(Upcoming { group: event.group })?;
        let mut candidates = stream.adjustments().to_vec();
        let target = self.add_others(&mut candidates, event.item);
        let Candidates { place, exact, stride } = target;
        let query = stream.ops().state().0;
        let moves = self.moves(query);
        let (mut base, mut own) = (Vec::new(), Vec::new());
        for (number, candidate) in candidates.iter().enumerate() {
            let weight = if number < exact { 0.0 } else { (stride as f32).ln() };
            let score = stream.ops().score_with(candidate) + weight;
            base.push(score);
            own.push(score + self.term(candidate, &moves));
        }
        if candidates[place].excluded {
            return Ok(None);
        }
        let (base, log_sum) = (base[place] - log_sum(&base), log_sum(&own));
        let mut lesson = Lesson {
            base,
            own: own[place] - log_sum,
            numbers: vec![0.0; OWN_GATES],
            again: vec![0.0; query.len()],
            items: Vec::new(),
            new_item: Some(event.item).filter(|_| !is_met(&candidates[place])),
        };
        let weights = &self.model.weights;
        let (mut row, mut others) = (vec![0.0; query.len()], vec![0.0; query.len()]);
        for (number, candidate) in candidates.iter().enumerate() {
            let surprise = f32::from(u8::from(number == place)) - (own[number] - log_sum).exp();
            for (sum, feature) in lesson.numbers.iter_mut().zip(candidate.features) {
                *sum += surprise * feature;
            }
            let rows = if is_met(candidate) {
                lesson.numbers[MET] += surprise;
                lesson.numbers[POPULARITY] += surprise * weights.item_bias[candidate.item as usize];
                lesson.items.push((candidate.item, surprise));
                &mut lesson.again
            } else {
                &mut others
            };
            if !row.is_empty() {
                weights.items.copy_row(candidate.item as usize, &mut row);
                rows.iter_mut().zip(&row).for_each(|(sum, value)| *sum += surprise * value);
            }
        }
        lesson.numbers[QUERY] = dot(query, &lesson.again);
        let subspace = &self.model.personal.subspace;
        for direction in 0..subspace.rows() {
            lesson.numbers.push(dot(subspace.row(direction), &others));
        }
        Ok(Some(lesson))
    }

    /// Adds the event's item, if counting knows nothing of it, and some of the others.
    fn add_others(&self, candidates: &mut Vec<Adjustment>, target: ItemId) -> Candidates {
        let items = self.model.vocab.len();
        let mut is_there = vec![false; items];
        let mut place = candidates.len();
        for (number, candidate) in candidates.iter().enumerate() {
            is_there[candidate.item as usize] = true;
            if candidate.item == target {
                place = number;
            }
        }
        let mut add = |item: usize| {
            if !is_there[item] {
                is_there[item] = true;
                let item = item as ItemId;
                candidates.push(Adjustment { item, excluded: false, features: [0.0; FEATURES], constant: 0.0 });
            }
            candidates.len()
        };
        let exact = add(target as usize);
        let stride = (items / SAMPLED).max(1);
        // Others with each event, by the golden ratio.
        let mut item = (self.learned.record[1] as u32).wrapping_mul(0x9e37_79b9) as usize % stride;
        while item < items {
            add(item);
            item += stride;
        }
        Candidates { place, exact, stride }
    }
}

/// What candidates there are: the event's item at `place`, `exact` ones, and others that stand for `stride` each.
struct Candidates {
    place: usize,
    exact: usize,
    stride: usize,
}

/// The logarithm of the sum of the exponentials.
fn log_sum(scores: &[f32]) -> f32 {
    let (mut largest, mut sum) = (f32::NEG_INFINITY, 0.0);
    for &score in scores {
        largest = score.max(largest);
    }
    for &score in scores {
        sum += (score - largest).exp();
    }
    largest + sum.ln()
}
