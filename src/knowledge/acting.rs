//! Which rules act in a session, and what they come to.

use super::{
    ABOVE_MAX, BELOW_MIN, CAUSES, CONCERNS, GROUP, ITEMS, Knowledge, Limits, MAX, MIN, OUT, PRICES, RULE_COUNT, RULES,
    Reason, SESSION,
};
use crate::vocab::ItemId;
use std::sync::Arc;

/// The rule acts now.
const NOW: u8 = 1;
/// The rule acted the last time.
const BEFORE: u8 = 2;

/// Knowledge in one session.
#[derive(Debug, Clone)]
pub struct Acting {
    knowledge: Arc<Knowledge>,
    limits: Limits,
    /// [`NOW`] and [`BEFORE`] of each rule: `[rules]`.
    acts: Vec<u8>,
    /// Whether the priors are what these rules and limits come to.
    is_written: bool,
}

impl Acting {
    /// In a session of which nothing is known yet.
    pub fn new(knowledge: Arc<Knowledge>) -> Self {
        let limits = Limits { min: knowledge.float(MIN), max: knowledge.float(MAX) };
        Self { limits, acts: vec![0; knowledge.words[RULE_COUNT] as usize], is_written: false, knowledge }
    }

    /// What is known.
    pub fn knowledge(&self) -> &Arc<Knowledge> {
        &self.knowledge
    }

    /// Sets the prices that candidates may have; the file's own where one is left out.
    pub fn limit(&mut self, limits: Limits) {
        let or = |limit: f32, word| if limit.is_nan() { self.knowledge.float(word) } else { limit };
        let limits = Limits { min: or(limits.min, MIN), max: or(limits.max, MAX) };
        let words = |limits: Limits| (limits.min.to_bits(), limits.max.to_bits());
        self.is_written &= words(limits) == words(self.limits);
        self.limits = limits;
    }

    /// Begins to look which rules act; [`Acting::meet`] and [`Acting::come_beside`] then tell of the session's items, and
    /// [`Acting::has_changed`] ends it.
    pub fn begin(&mut self) {
        for (rule, acts) in self.acts.iter_mut().enumerate() {
            let always = self.knowledge.words[RULES + 2 * rule + 1] == 0;
            *acts = (*acts & NOW) * BEFORE + u8::from(always) * NOW;
        }
    }

    /// An item was met in the session.
    pub fn meet(&mut self, item: ItemId) {
        self.cause(item, SESSION);
    }

    /// The next event comes beside an item.
    pub fn come_beside(&mut self, item: ItemId) {
        self.cause(item, GROUP);
    }

    fn cause(&mut self, item: ItemId, when: u32) {
        for &rule in self.knowledge.row(CAUSES, item) {
            if self.knowledge.words[RULES + 2 * rule as usize + 1] == when {
                self.acts[rule as usize] |= NOW;
            }
        }
    }

    /// Whether the priors must be written anew.
    pub fn has_changed(&mut self) -> bool {
        self.is_written &= self.acts.iter().all(|&acts| acts == 0 || acts == NOW + BEFORE);
        !std::mem::replace(&mut self.is_written, true)
    }

    /// Writes what each item's score gains, minus infinity for one that is out: `[items]`.
    pub fn write(&self, priors: &mut Vec<f32>) {
        priors.clear();
        for item in 0..self.knowledge.words[ITEMS] {
            let mut prior = 0.0;
            self.each(item, &mut |_, effect| prior += effect);
            priors.push(prior);
        }
    }

    /// The rules that act on an item's score.
    pub fn reasons(&self, item: ItemId) -> Vec<Reason> {
        let mut reasons = Vec::new();
        self.each(item, &mut |rule, effect| reasons.push(Reason { rule, effect }));
        reasons
    }

    fn each(&self, item: ItemId, take: &mut dyn FnMut(u32, f32)) {
        let Self { knowledge, limits, acts, .. } = self;
        for &rule in knowledge.row(CONCERNS, item) {
            if acts[rule as usize] & NOW != 0 {
                take(rule, knowledge.float(RULES + 2 * rule as usize));
            }
        }
        let prices = knowledge.words[PRICES];
        if prices != 0 {
            // One that is not known, NaN, is neither.
            let price = knowledge.float((prices + item) as usize);
            if price < limits.min {
                take(BELOW_MIN, OUT);
            }
            if price > limits.max {
                take(ABOVE_MAX, OUT);
            }
        }
    }
}
