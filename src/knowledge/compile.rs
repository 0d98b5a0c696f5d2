//! Writes what a file says in a model's own numbers: see the words of `knowledge.rs`. Its twin is pkg/src/knowledge/compile.js.

use super::SESSION;
use super::{
    CAUSES, CONCERNS, GROUP, ITEMS, Knowledge, Limits, MAX, MIN, NAMES, OUT, PRICES, RELATIONS, RULE_COUNT, RULES,
};
use crate::error::{Error, Result};
use crate::vocab::ItemId;
use std::collections::HashMap;

/// How deep the tree of categories may be.
const MAX_LEVELS: usize = 32;

/// How often all rules together may concern items or be caused by them: words of memory.
const MAX_MENTIONS: usize = 1 << 24;

/// Something that rules can name and items have.
pub type Label = usize;

/// The label of what is out of stock.
pub const OUT_OF_STOCK: Label = 0;

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
    /// Rules that can never act: no item of the model has what they name.
    pub idle_rules: usize,
    /// The name of the first of them.
    pub first_idle_rule: Option<String>,
    /// Pairs of items that are bought together.
    pub relations: usize,
}

/// A rule, and when it acts.
pub struct Rule {
    pub name: String,
    /// In logits, or [`OUT`].
    pub effect: f32,
    pub concerned: Vec<Label>,
    /// What causes it, if it does not always act, and whether anywhere in the session.
    pub causes: Option<(Vec<Label>, bool)>,
}

/// What a file says.
#[derive(Default)]
pub struct Said {
    /// The labels by kind and name.
    numbers: HashMap<(char, String), Label>,
    /// The label above each.
    parents: Vec<Option<Label>>,
    /// Each item's own labels, `[items]`.
    pub labels: Vec<Vec<Label>>,
    /// In the order of the file; those of the first rules are no part of it.
    pub rules: Vec<Rule>,
    /// What is bought together with each item, `[items]`.
    pub together: Vec<Vec<(ItemId, f32)>>,
    /// NaN where it is not known: `[items]`.
    pub prices: Vec<f32>,
    pub limits: Limits,
    pub summary: Summary,
}

impl Said {
    /// Nothing, of so many items.
    pub fn nothing(items: usize) -> Self {
        let out = |name: &str, concerned| Rule { name: name.to_owned(), effect: OUT, concerned, causes: None };
        Self {
            parents: vec![None],
            labels: vec![Vec::new(); items],
            // In the order of OUT_OF_STOCK, BELOW_MIN and ABOVE_MAX.
            rules: vec![
                out("out of stock", vec![OUT_OF_STOCK]),
                out("price below minPrice", vec![]),
                out("price above maxPrice", vec![]),
            ],
            together: vec![Vec::new(); items],
            prices: vec![f32::NAN; items],
            ..Self::default()
        }
    }

    /// The label of a name of a kind, and whether it is new.
    pub fn label(&mut self, kind: char, name: &str) -> (Label, bool) {
        let next = self.parents.len();
        let label = *self.numbers.entry((kind, name.to_owned())).or_insert(next);
        if label == next {
            self.parents.push(None);
        }
        (label, label == next)
    }

    /// Puts a category below another; false where it was below one before.
    pub fn put_below(&mut self, category: &str, parent: &str) -> bool {
        let [category, parent] = [category, parent].map(|name| self.label('c', name).0);
        self.parents[category].replace(parent).is_none()
    }

    /// Compiles it.
    ///
    /// # Errors
    /// [`Error::Knowledge`] for a tree that is none, and for rules that concern too much.
    pub fn compile(mut self) -> Result<(Knowledge, Summary)> {
        self.check_tree()?;
        let (items, rules) = (self.labels.len(), self.rules.len());
        let mut concerning = vec![Vec::new(); self.parents.len()];
        let mut causing = vec![Vec::new(); self.parents.len()];
        for (number, rule) in self.rules.iter().enumerate() {
            rule.concerned.iter().for_each(|&label| concerning[label].push(number as u32));
            rule.causes.iter().flat_map(|(labels, _)| labels).for_each(|&label| causing[label].push(number as u32));
        }
        let (concerns, causes) = (self.rows(&concerning)?, self.rows(&causing)?);
        self.count_idle(&concerns, &causes);
        let relations: Vec<Vec<u32>> = self.together.iter_mut().map(|row| pairs(row)).collect();
        self.summary.relations = relations.iter().map(|row| row.len() / 2).sum();

        let mut words = vec![0; RULES];
        words[ITEMS] = items as u32;
        words[RULE_COUNT] = rules as u32;
        words[MIN] = self.limits.min.to_bits();
        words[MAX] = self.limits.max.to_bits();
        for rule in &self.rules {
            let when = rule.causes.as_ref().map_or(0, |(_, in_session)| if *in_session { SESSION } else { GROUP });
            words.extend([rule.effect.to_bits(), when]);
        }
        for (table, rows) in [(CONCERNS, &concerns), (CAUSES, &causes), (RELATIONS, &relations)] {
            words[table] = words.len() as u32;
            push_begins(&mut words, rows.iter().map(Vec::len));
            words.extend(rows.iter().flatten());
        }
        if self.prices.iter().any(|price| !price.is_nan()) {
            words[PRICES] = words.len() as u32;
            words.extend(self.prices.iter().map(|price| price.to_bits()));
        }
        words[NAMES] = words.len() as u32;
        push_begins(&mut words, self.rules.iter().map(|rule| rule.name.len()));
        let mut names = self.rules.iter().map(|rule| rule.name.as_str()).collect::<String>().into_bytes();
        names.resize(names.len().next_multiple_of(4), 0);
        words.extend(bytemuck::pod_collect_to_vec::<u8, u32>(&names));
        Ok((Knowledge { words }, self.summary))
    }

    fn check_tree(&self) -> Result<()> {
        for ((_, name), &label) in &self.numbers {
            let mut above = self.parents[label];
            for _ in 0..MAX_LEVELS {
                above = above.and_then(|label| self.parents[label]);
            }
            if above.is_some() {
                return Err(Error::Knowledge(format!(
                    "category \"{name}\" has more than {MAX_LEVELS} above it, or is above itself; correct the tree"
                )));
            }
        }
        Ok(())
    }

    /// Of each item the rules that its labels and those above them have, each once, ascending.
    fn rows(&self, rules: &[Vec<u32>]) -> Result<Vec<Vec<u32>>> {
        let mut rows = Vec::with_capacity(self.labels.len());
        let mut mentions = 0;
        for own in &self.labels {
            let mut row = Vec::new();
            for &label in own {
                let mut next = Some(label);
                while let Some(label) = next {
                    row.extend_from_slice(&rules[label]);
                    next = self.parents[label];
                }
            }
            row.sort_unstable();
            row.dedup();
            mentions += row.len();
            if mentions > MAX_MENTIONS {
                let what = "the rules concern 16,777,216 items in all, each counted once for each rule; \
                            expected fewer: make one of several";
                return Err(Error::Knowledge(what.into()));
            }
            rows.push(row);
        }
        Ok(rows)
    }

    fn count_idle(&mut self, concerns: &[Vec<u32>], causes: &[Vec<u32>]) {
        let mut is_concerned = vec![false; self.rules.len()];
        let mut is_caused: Vec<bool> = self.rules.iter().map(|rule| rule.causes.is_none()).collect();
        concerns.iter().flatten().for_each(|&rule| is_concerned[rule as usize] = true);
        causes.iter().flatten().for_each(|&rule| is_caused[rule as usize] = true);
        let own = Self::nothing(0).rules.len();
        for (number, rule) in self.rules.iter().enumerate().skip(own) {
            if !(is_concerned[number] && is_caused[number]) {
                self.summary.idle_rules += 1;
                self.summary.first_idle_rule.get_or_insert_with(|| rule.name.clone());
            }
        }
        self.summary.rules = self.rules.len() - own;
    }
}

/// Items and logits as words, by rising item.
fn pairs(row: &mut [(ItemId, f32)]) -> Vec<u32> {
    row.sort_by_key(|&(item, _)| item);
    row.iter().flat_map(|&(item, logits)| [item, logits.to_bits()]).collect()
}

/// Where each of some pieces begins, and where the last ends.
fn push_begins(words: &mut Vec<u32>, lengths: impl Iterator<Item = usize>) {
    let mut end = 0;
    words.push(0);
    for length in lengths {
        end += length as u32;
        words.push(end);
    }
}
