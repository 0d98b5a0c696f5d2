//! Which rules act in a session, and what they come to.

use super::{Knowledge, Limits, OUT, Reason, Rule, When};
use crate::vocab::ItemId;
use std::sync::Arc;

/// Knowledge in one session.
#[derive(Debug, Clone)]
pub struct Acting {
    knowledge: Arc<Knowledge>,
    /// Which rules act: `[rules]`.
    acts: Vec<bool>,
    limits: Limits,
    /// Whether the priors are what these rules and limits come to.
    is_written: bool,
    /// Room for the rules that act next.
    next: Vec<bool>,
    /// Room for [`Knowledge::concern`].
    seen: Vec<u32>,
    /// Room for which labels a rule that acts only at times concerns.
    touched: Vec<bool>,
}

impl Acting {
    /// In a session of which nothing is known yet.
    pub fn new(knowledge: Arc<Knowledge>) -> Self {
        let (rules, labels) = (knowledge.rules.len(), knowledge.parents.len());
        Self {
            acts: vec![false; rules],
            limits: knowledge.limits,
            is_written: false,
            next: vec![false; rules],
            seen: vec![0; rules],
            touched: vec![false; labels],
            knowledge,
        }
    }

    /// What is known.
    pub fn knowledge(&self) -> &Arc<Knowledge> {
        &self.knowledge
    }

    /// Sets the prices that candidates may have; the file's own where one is left out.
    pub fn limit(&mut self, limits: Limits) {
        let Limits { min, max } = self.knowledge.limits;
        let limits = Limits { min: limits.min.or(min), max: limits.max.or(max) };
        self.is_written &= limits == self.limits;
        self.limits = limits;
    }

    /// Finds the rules that act where the session has met some items and the next one comes beside others. Whether the priors must
    /// be written anew.
    pub fn follow(&mut self, met: impl Iterator<Item = ItemId>, beside: impl Iterator<Item = ItemId>) -> bool {
        let Self { knowledge, acts, is_written, next, .. } = self;
        next.fill(false);
        let mut cause = |items: &mut dyn Iterator<Item = ItemId>, when: When| {
            // A long session is only gone through for a rule that asks for it.
            if knowledge.rules.iter().all(|rule| rule.when != when) {
                return;
            }
            for item in items {
                knowledge.walk(item, &knowledge.causing, &mut |rule| {
                    next[rule as usize] |= knowledge.rules[rule as usize].when == when;
                });
            }
        };
        cause(&mut { met }, When::Session);
        cause(&mut { beside }, When::Group);
        *is_written &= *acts == *next;
        std::mem::swap(acts, next);
        !std::mem::replace(is_written, true)
    }

    /// Writes what each item's score gains, minus infinity for one that is out: `[items]`.
    pub fn write(&mut self, priors: &mut Vec<f32>) {
        let Self { knowledge, acts, limits, seen, touched, .. } = self;
        priors.clear();
        priors.extend_from_slice(&knowledge.always);
        if acts.contains(&true) {
            for (label, touched) in touched.iter_mut().enumerate() {
                *touched = knowledge.concerns_below(label, acts);
            }
            // Numbers in it from an earlier time would pass for those of this one.
            seen.fill(0);
            for (item, prior) in priors.iter_mut().enumerate() {
                if knowledge.labels.row(item as ItemId).iter().any(|&label| touched[label as usize]) {
                    knowledge.concern(item as ItemId, seen, &mut |rule, number| {
                        if acts[number] {
                            *prior += rule.effect;
                        }
                    });
                }
            }
        }
        for (prior, &price) in priors.iter_mut().zip(&knowledge.prices) {
            if limits.broken_by(price).is_some() {
                *prior = OUT;
            }
        }
    }

    /// The rules that act on an item's score.
    pub fn reasons(&mut self, item: ItemId) -> Vec<Reason> {
        let Self { knowledge, acts, limits, seen, .. } = self;
        let mut reasons = Vec::new();
        seen.fill(0);
        knowledge.concern(item, seen, &mut |Rule { name, effect, when }, number| {
            if acts[number] || *when == When::Always {
                reasons.push(Reason { rule: name.clone(), effect: *effect });
            }
        });
        if let Some(rule) = knowledge.prices.get(item as usize).and_then(|&price| limits.broken_by(price)) {
            reasons.push(Reason { rule: rule.to_owned(), effect: OUT });
        }
        reasons
    }

    /// What an item gains from those that it comes beside, which `name` names.
    pub fn relations(
        &self,
        item: ItemId,
        beside: impl Iterator<Item = ItemId>,
        name: impl Fn(ItemId) -> String,
    ) -> Vec<Reason> {
        let mut reasons = Vec::new();
        for other in beside {
            for &(with, effect) in self.knowledge.together(other) {
                if with == item {
                    reasons.push(Reason { rule: ["together with ", &name(other)].concat(), effect });
                }
            }
        }
        reasons
    }
}

impl Knowledge {
    /// Whether one of the rules that act concerns what has a label.
    fn concerns_below(&self, label: usize, acts: &[bool]) -> bool {
        let mut label = label as u32;
        while let Some(&parent) = self.parents.get(label as usize) {
            if self.concerning.row(label).iter().any(|&rule| acts[rule as usize]) {
                return true;
            }
            label = parent;
        }
        false
    }
}

impl Limits {
    /// The name of the limit that a price breaks; a price that is not known breaks none.
    fn broken_by(&self, price: f32) -> Option<&'static str> {
        if self.min.is_some_and(|min| price < min) {
            Some("price below minPrice")
        } else if self.max.is_some_and(|max| price > max) {
            Some("price above maxPrice")
        } else {
            None
        }
    }
}
