//! What is known beside the model: rules and relations of a shop, which no log tells.
//!
//! A rule gives the items that it concerns a number of logits, or takes them out of the candidates; always, or while one of its
//! causes is in the session or beside what comes next. All rules that act come down to one number an item, the *prior*, which only
//! changes when a rule begins or ceases to act. Relations between single items are sums of a few logits for each event, and no
//! part of it.
//!
//! A file is compiled for a model's items into one list of words: here natively (`knowledge/read.rs`), in a page by its twin,
//! pkg/src/knowledge/compile.js, which only pages that ask for it load. A test holds that both write the same words.

mod acting;
#[cfg(not(target_arch = "wasm32"))]
mod compile;
#[cfg(not(target_arch = "wasm32"))]
mod read;

pub use acting::Acting;
#[cfg(not(target_arch = "wasm32"))]
pub use compile::Summary;

use crate::vocab::ItemId;
#[cfg(not(target_arch = "wasm32"))]
use crate::vocab::Vocab;

/// What takes an item out of the candidates.
pub const OUT: f32 = f32::NEG_INFINITY;

/// The rules that a price breaks, whatever the file says.
const BELOW_MIN: u32 = 1;
const ABOVE_MAX: u32 = 2;

/// The rule acts while its cause is anywhere in the session.
const SESSION: u32 = 1;
/// The rule acts while its cause is in the open group or, without groups, among the latest ten events. A rule of kind 0 always does.
const GROUP: u32 = 2;

// What the first words are: how many items and rules there are, the limits of prices, and at which words the tables begin.
const ITEMS: usize = 0;
const RULE_COUNT: usize = 1;
const MIN: usize = 2;
const MAX: usize = 3;
/// Of each item the rules that concern it: where its row begins, `[items + 1]`, then the rows.
const CONCERNS: usize = 4;
/// Of each item the rules that it causes, alike.
const CAUSES: usize = 5;
/// Of each item what is bought together with it: items, each with its logits; alike.
const RELATIONS: usize = 6;
/// The items' prices, NaN where one is not known, `[items]`; 0 where none is.
const PRICES: usize = 7;
/// Where each rule's name begins and the last ends, in bytes from the word after: `[rules + 1]`; nothing in a page, whose script
/// knows them.
#[cfg(not(target_arch = "wasm32"))]
const NAMES: usize = 8;
/// Here begin the rules: each one's effect, in logits or [`OUT`], and when it acts, `[rules, 2]`.
const RULES: usize = 9;

/// Rules and relations in a model's own numbers.
#[derive(Debug, PartialEq, Eq)]
pub struct Knowledge {
    words: Vec<u32>,
}

/// The prices that candidates may have; those whose price is not known always may. NaN for what is left out.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The lowest.
    pub min: f32,
    /// The highest.
    pub max: f32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { min: f32::NAN, max: f32::NAN }
    }
}

/// What a rule or a relation did for an item.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reason {
    /// The rule's number; from the number of rules on that of an item, counted from there, that it is bought together with:
    /// [`Knowledge::name`] has its name.
    pub rule: u32,
    /// In logits; minus infinity where it takes the item out of the candidates.
    pub effect: f32,
}

impl Knowledge {
    /// Takes compiled words, in the bytes' order of the machine, and of this very version.
    pub fn from_words(bytes: &[u8]) -> Self {
        Self { words: bytemuck::pod_collect_to_vec(bytes) }
    }

    /// The compiled words, as [`Knowledge::from_words`] takes them.
    pub fn words(&self) -> &[u8] {
        bytemuck::cast_slice(&self.words)
    }

    /// Whether there are prices that limits could be held against.
    pub fn has_prices(&self) -> bool {
        self.words[PRICES] != 0
    }

    /// What is bought together with an item, and how much that counts in logits.
    pub fn together(&self, item: ItemId) -> impl Iterator<Item = (ItemId, f32)> {
        self.row(RELATIONS, item).chunks_exact(2).map(|pair| (pair[0], f32::from_bits(pair[1])))
    }

    fn row(&self, table: usize, item: ItemId) -> &[u32] {
        let table = &self.words[self.words[table] as usize..];
        let (begins, rows) = table.split_at(self.words[ITEMS] as usize + 1);
        &rows[begins[item as usize] as usize..begins[item as usize + 1] as usize]
    }

    fn float(&self, word: usize) -> f32 {
        f32::from_bits(self.words[word])
    }

    /// The reason that an item is bought together with this one.
    pub fn beside(&self, item: ItemId, effect: f32) -> Reason {
        Reason { rule: self.words[RULE_COUNT] + item, effect }
    }

    /// What a reason is called.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn name(&self, rule: u32, vocab: &Vocab) -> String {
        if let Some(item) = rule.checked_sub(self.words[RULE_COUNT]) {
            return format!("together with {}", vocab.key(item).unwrap_or_default());
        }
        let table = &self.words[self.words[NAMES] as usize..];
        let (begins, names) = table.split_at(self.words[RULE_COUNT] as usize + 1);
        let name = begins[rule as usize] as usize..begins[rule as usize + 1] as usize;
        String::from_utf8_lossy(&bytemuck::cast_slice(names)[name]).into_owned()
    }
}

#[cfg(test)]
mod tests;
