//! What a prediction is asked, in the model's own numbers.

use super::Predictor;
use super::answers::Answers;
use crate::engine::Ops;
use crate::knowledge::Limits;
use crate::vocab::ItemId;

/// A prediction's question in the model's own numbers.
pub struct Question {
    /// The session's events when it was asked.
    pub events: usize,
    pub group: u32,
    pub k: usize,
    pub exclude: Vec<ItemId>,
    /// Which items are candidates, `[items]`; `None` means all.
    pub candidates: Option<Vec<bool>>,
    /// The prices that candidates may have.
    pub limits: Limits,
    /// What the tasks answered then.
    pub tasks: Answers,
}

impl Question {
    /// Whether the device beside the CPU can answer it.
    pub fn fits<G: Ops>(&self) -> bool {
        self.k <= G::MAX_K && self.candidates.is_none()
    }
}

impl<G: Ops> Predictor<G> {
    pub(super) fn question(&self, k: usize, exclude: &[String], group: Option<&str>) -> Question {
        Question {
            events: self.session.len(),
            group: group.map_or(self.session.open_group(), |name| self.session.group_number(Some(name))),
            k,
            exclude: exclude.iter().filter_map(|key| self.model.vocab.id(key)).collect(),
            candidates: None,
            limits: self.limits,
            tasks: Answers::default(),
        }
    }

    pub(super) fn candidates(&self, keys: &[String]) -> Vec<bool> {
        let mut candidates = vec![false; self.model.vocab.len()];
        for item in keys.iter().filter_map(|key| self.model.vocab.id(key)) {
            candidates[item as usize] = true;
        }
        candidates
    }
}
