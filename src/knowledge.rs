//! What is known beside the model: rules and relations of a shop, which no log tells.
//!
//! Everything that a rule can name is a *label* that items have: a category (and those above it in the tree), a tag, the item
//! itself, being out of stock. A rule gives what has its labels a number of logits, or takes it out of the candidates; always, or
//! while something with other labels is in the session or beside what comes next. So one walk from an item along its labels finds
//! all that concerns it, and the rules come down to one number an item, the *prior*, which only changes when a rule begins or
//! ceases to act. Relations between single items are sums of a few logits for each event, and no part of it.

mod acting;
mod lists;
mod names;
mod read;

pub use acting::Acting;

use crate::vocab::ItemId;
use lists::Lists;

/// What stands for no label and no rule.
const NONE: u32 = u32::MAX;

/// What takes an item out of the candidates.
pub const OUT: f32 = f32::NEG_INFINITY;

/// Rules and relations in a model's own numbers: see [`Knowledge::read`].
#[derive(Debug)]
pub struct Knowledge {
    /// Each item's own labels, `[items]`.
    labels: Lists<u32>,
    /// The label above each, or [`NONE`]: `[labels]`.
    parents: Vec<u32>,
    rules: Vec<Rule>,
    /// The rules that concern what has a label, `[labels]`.
    concerning: Lists<u32>,
    /// The rules that act while something with a label is there, `[labels]`.
    causing: Lists<u32>,
    /// What is bought together with an item, and how much that counts in logits: `[items]`.
    together: Lists<(ItemId, f32)>,
    /// NaN where it is not known; empty where none is: `[items]`.
    prices: Vec<f32>,
    limits: Limits,
    /// What the rules that always act give each item, `[items]`.
    always: Vec<f32>,
    summary: Summary,
}

#[derive(Debug)]
struct Rule {
    name: String,
    /// In logits, or [`OUT`].
    effect: f32,
    when: When,
}

/// When a rule acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    Always,
    /// While its cause is anywhere in the session.
    Session,
    /// While its cause is in the open group or, without groups, among the latest ten events.
    Group,
}

/// The prices that candidates may have; those whose price is not known always may.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Limits {
    /// The lowest.
    pub min: Option<f32>,
    /// The highest.
    pub max: Option<f32>,
}

/// What a rule did for an item.
#[derive(Debug, Clone, PartialEq)]
pub struct Reason {
    /// The rule's name.
    pub rule: String,
    /// In logits; minus infinity where it takes the item out of the candidates.
    pub effect: f32,
}

/// What a knowledge file came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Summary {
    /// Items of the model of which it knows something.
    pub items: usize,
    /// Mentions of items that the model does not know.
    pub unknown_items: usize,
    /// The first of them.
    pub first_unknown_item: Option<String>,
    /// Rules.
    pub rules: usize,
    /// Rules that can never act: no item of the model has their labels.
    pub idle_rules: usize,
    /// The name of the first of them.
    pub first_idle_rule: Option<String>,
    /// Pairs of items that are bought together.
    pub relations: usize,
}

impl Knowledge {
    /// What the file came to.
    pub fn summary(&self) -> &Summary {
        &self.summary
    }

    /// What is bought together with an item, and how much that counts in logits.
    pub fn together(&self, item: ItemId) -> &[(ItemId, f32)] {
        self.together.row(item)
    }

    /// Whether there are prices that limits could be held against.
    pub fn has_prices(&self) -> bool {
        !self.prices.is_empty()
    }

    /// Tells `take` the rules that a list has for an item's labels and those above them; some may come several times.
    fn walk(&self, item: ItemId, rules: &Lists<u32>, take: &mut dyn FnMut(u32)) {
        for &label in self.labels.row(item) {
            let mut label = label;
            while label != NONE {
                rules.row(label).iter().for_each(|&rule| take(rule));
                label = self.parents[label as usize];
            }
        }
    }

    /// Tells `take` the rules that concern an item, each once. `seen` has a place for each rule, and no item's number + 1 in it.
    fn concern(&self, item: ItemId, seen: &mut [u32], take: &mut dyn FnMut(&Rule, usize)) {
        self.walk(item, &self.concerning, &mut |rule| {
            let rule = rule as usize;
            if seen[rule] != item + 1 {
                seen[rule] = item + 1;
                take(&self.rules[rule], rule);
            }
        });
    }
}

#[cfg(test)]
mod tests;
