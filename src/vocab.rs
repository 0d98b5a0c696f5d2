//! Item key <-> item id.
//!
//! Ids are the ranks of the keys in byte order, so that finding a key is a binary search in the
//! file's own bytes: no hash map is built at load, and no second copy of the keys is kept.

use crate::error::{Error, Result};

/// An item's dense number: its row in the item table.
pub type ItemId = u32;

/// The item that a key unknown to the model stands for: it counts as an event, but has no row.
pub const UNKNOWN_ITEM: ItemId = u32::MAX;

/// The items that a model knows.
#[derive(Debug, Clone, PartialEq)]
pub struct Vocab {
    /// All keys, one after the other, in byte order.
    bytes: Vec<u8>,
    /// Where each key starts in `bytes`, and the end: `[items + 1]`.
    offsets: Vec<u32>,
}

impl Vocab {
    /// Collects keys, sorts them and drops repeats.
    ///
    /// # Errors
    /// [`Error::Argument`] when all keys together exceed 4 GiB.
    pub fn from_keys<I: IntoIterator<Item = S>, S: AsRef<str>>(keys: I) -> Result<Self> {
        let mut keys: Vec<String> = keys.into_iter().map(|key| key.as_ref().to_owned()).collect();
        keys.sort_unstable();
        keys.dedup();
        let mut bytes = Vec::new();
        let mut offsets = vec![0];
        for key in keys {
            bytes.extend_from_slice(key.as_bytes());
            let end = u32::try_from(bytes.len())
                .map_err(|_| Error::Argument("item keys exceed 4 GiB in all; shorten them".into()))?;
            offsets.push(end);
        }
        Ok(Self { bytes, offsets })
    }

    /// Takes a file's tensors. `offsets` is `[items + 1]`.
    ///
    /// # Errors
    /// [`Error::Format`] unless offsets rise from 0 to the end, keys are UTF-8 and strictly ascending.
    pub fn from_parts(bytes: Vec<u8>, offsets: Vec<u32>) -> Result<Self> {
        let damaged = |what: &str| Error::Format(format!("vocabulary: {what}; export the model again"));
        if offsets.first() != Some(&0) || offsets.last().map(|&end| end as usize) != Some(bytes.len()) {
            return Err(damaged("offsets do not cover the keys"));
        }
        if offsets.windows(2).any(|pair| pair[0] > pair[1]) {
            return Err(damaged("offsets fall"));
        }
        let text = std::str::from_utf8(&bytes).map_err(|_| damaged("keys are not UTF-8"))?;
        if offsets.iter().any(|&offset| !text.is_char_boundary(offset as usize)) {
            return Err(damaged("an offset splits a character"));
        }
        let vocab = Self { bytes, offsets };
        if (1..vocab.len()).any(|id| vocab.key_bytes(id - 1) >= vocab.key_bytes(id)) {
            return Err(damaged("keys are not strictly ascending"));
        }
        Ok(vocab)
    }

    /// The number of items.
    pub fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Whether there is no item.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The key of an item; `None` when the id is out of range.
    pub fn key(&self, id: ItemId) -> Option<&str> {
        let id = id as usize;
        if id >= self.len() { None } else { std::str::from_utf8(self.key_bytes(id)).ok() }
    }

    /// The id of a key; `None` when the model does not know it. O(log items).
    pub fn id(&self, key: &str) -> Option<ItemId> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low.midpoint(high);
            match self.key_bytes(middle).cmp(key.as_bytes()) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => return Some(middle as ItemId),
            }
        }
        None
    }

    /// All keys' bytes, one after the other.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Where each key starts, and the end: `[items + 1]`.
    pub fn offsets(&self) -> &[u32] {
        &self.offsets
    }

    fn key_bytes(&self, id: usize) -> &[u8] {
        &self.bytes[self.offsets[id] as usize..self.offsets[id + 1] as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_ids_lead_to_each_other() {
        let vocab = Vocab::from_keys(["tea", "", "milk", "café", "tea"]).unwrap();
        assert_eq!(vocab.len(), 4);
        for id in 0..4 {
            assert_eq!(vocab.id(vocab.key(id).unwrap()), Some(id));
        }
        assert_eq!(vocab.id("bread"), None);
        assert_eq!(vocab.key(4), None);
        let again = Vocab::from_parts(vocab.bytes().to_vec(), vocab.offsets().to_vec()).unwrap();
        assert_eq!(again, vocab);
    }

    #[test]
    fn damaged_parts_are_refused() {
        let refuse = |bytes: &[u8], offsets: &[u32]| Vocab::from_parts(bytes.to_vec(), offsets.to_vec()).unwrap_err();
        for error in [
            refuse(b"ab", &[]),
            refuse(b"ab", &[0, 1]),
            refuse(b"ab", &[1, 2]),
            refuse(b"abc", &[0, 2, 1, 3]),
            refuse(b"ba", &[0, 1, 2]),
            refuse(b"aa", &[0, 1, 2]),
            refuse(b"\xff", &[0, 1]),
            refuse("é".as_bytes(), &[0, 1, 2]),
        ] {
            assert_eq!(error.code(), "format");
        }
    }
}
