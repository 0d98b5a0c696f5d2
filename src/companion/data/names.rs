//! Distinct keys, each stored once and numbered as it comes.

use super::read::Cell;
use std::hash::{BuildHasher, RandomState};

/// The number of a key that is missing.
pub const MISSING: u32 = u32::MAX;
/// A slot that is free.
const FREE: u32 = u32::MAX;

/// Keys by number. A log of a hundred million events may have ten million sequences: a key takes its bytes, its end and
/// a slot of four bytes in the index.
#[derive(Debug, Default)]
pub struct Names {
    /// All keys, one after the other.
    text: String,
    /// Where each key ends in `text`.
    ends: Vec<usize>,
    /// An open hash table of numbers: a key is in the first slot from its hash on that is not taken by another.
    slots: Vec<u32>,
    hasher: RandomState,
    scratch: String,
}

impl Names {
    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// The key with this number.
    pub fn get(&self, id: u32) -> &str {
        let id = id as usize;
        let start = if id == 0 { 0 } else { self.ends[id - 1] };
        &self.text[start..self.ends[id]]
    }

    /// All keys, by number.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len() as u32).map(|id| self.get(id))
    }

    /// The number of a cell's key, or [`MISSING`].
    pub fn take(&mut self, cell: &Cell<'_>) -> u32 {
        let mut key = std::mem::take(&mut self.scratch);
        key.clear();
        let number = if cell.write(&mut key) { self.number(&key) } else { MISSING };
        self.scratch = key;
        number
    }

    /// A key's number: a new one, where the key is new.
    fn number(&mut self, key: &str) -> u32 {
        // Slots get long searches when they are nearly full.
        if self.slots.len() * 3 <= (self.len() + 1) * 4 {
            self.grow();
        }
        let slot = self.slot(key);
        if self.slots[slot] == FREE {
            self.slots[slot] = self.len() as u32;
            self.text.push_str(key);
            self.ends.push(self.text.len());
        }
        self.slots[slot]
    }

    /// The slot that has the key, or the free one that it is to have.
    fn slot(&self, key: &str) -> usize {
        let mask = self.slots.len() - 1;
        let mut slot = self.hasher.hash_one(key) as usize & mask;
        while self.slots[slot] != FREE && self.get(self.slots[slot]) != key {
            slot = (slot + 1) & mask;
        }
        slot
    }

    fn grow(&mut self) {
        self.slots = vec![FREE; (2 * self.len()).next_power_of_two().max(16)];
        for id in 0..self.len() as u32 {
            let slot = self.slot(self.get(id));
            self.slots[slot] = id;
        }
    }

    /// Gives back the memory that only new keys need.
    pub fn close(&mut self) {
        self.slots = vec![];
        self.text.shrink_to_fit();
        self.ends.shrink_to_fit();
    }

    /// Where each key stands among all keys in byte order: `[keys]`.
    pub fn ranks(&self) -> Vec<u32> {
        let mut order: Vec<u32> = (0..self.len() as u32).collect();
        order.sort_unstable_by_key(|&id| self.get(id));
        let mut ranks = vec![0; order.len()];
        for (rank, id) in order.into_iter().enumerate() {
            ranks[id as usize] = rank as u32;
        }
        ranks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_has_one_number_and_a_rank() {
        let mut names = Names::default();
        let keys: Vec<String> = (0..5000).map(|key| format!("k{}", key * 7919 % 5000)).collect();
        for _ in 0..2 {
            for (number, key) in keys.iter().enumerate() {
                assert_eq!(names.take(&Cell::Text(key)), number as u32);
            }
        }
        assert_eq!((names.take(&Cell::Missing), names.take(&Cell::Text(" "))), (MISSING, MISSING));
        names.close();
        assert!(names.iter().eq(&keys));
        assert_eq!((names.take(&Cell::Text(&keys[17])), names.take(&Cell::Text("new"))), (17, 5000));
        let mut sorted = keys.clone();
        sorted.sort();
        let ranks = names.ranks();
        assert!(keys.iter().zip(&ranks).all(|(key, &rank)| sorted[rank as usize] == *key));
    }
}
