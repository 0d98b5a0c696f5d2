//! What is known beside the model, in a session: its items cause rules and bring relations.

use super::counting::History;
use super::ops::Adjustment;
use crate::format::FEATURES;
use crate::knowledge::{Acting, Reason};
use crate::vocab::ItemId;

/// Adds what relations give single items beside the next event of a group. Whether rules began or ceased to act, which reach many
/// items and change seldom: the priors must be written anew then.
pub fn apply(acting: &mut Acting, history: &History, group: u32, adjustments: &mut Vec<Adjustment>) -> bool {
    acting.begin();
    history.met(&mut |item| acting.meet(item));
    history.beside(group, &mut |item| {
        acting.come_beside(item);
        for (other, strength) in acting.knowledge().together(item) {
            let all = adjustments.len();
            adjustment(history, adjustments, other, all).constant += strength;
        }
    });
    acting.has_changed()
}

/// What rules and relations do for an item, beside the next event of a group; and what of it relations do.
pub fn reasons(acting: &Acting, history: &History, item: ItemId, group: u32) -> (Vec<Reason>, f32) {
    let mut reasons = acting.reasons(item);
    let mut related = 0.0;
    history.beside(group, &mut |other| {
        for (with, effect) in acting.knowledge().together(other) {
            if with == item {
                reasons.push(acting.knowledge().beside(other, effect));
                related += effect;
            }
        }
    });
    (reasons, related)
}

/// An item's adjustment: where counting has its own, or behind those and below `end`, made if there is none.
pub fn adjustment<'a>(
    history: &History,
    adjustments: &'a mut Vec<Adjustment>,
    item: ItemId,
    end: usize,
) -> &'a mut Adjustment {
    let counted = history.counted();
    let behind = || adjustments[counted..end].iter().position(|adjustment| adjustment.item == item);
    let place = history.place(item).or_else(|| behind().map(|place| counted + place));
    let place = place.unwrap_or_else(|| {
        adjustments.push(Adjustment { item, excluded: false, features: [0.0; FEATURES], constant: 0.0 });
        adjustments.len() - 1
    });
    &mut adjustments[place]
}
