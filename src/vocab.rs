//! Item key <-> item id.
//!
//! Ids are the ranks of the keys in byte order, so finding a key is a binary search: no hash map is built at load.
//! Most shops' keys are short codes ("B00AFX9WQA", "sku-1042"). Such keys are kept as rising numbers, which a file
//! stores in a few bytes each; any others are kept as they are.

mod numbers;

use crate::error::{Error, Result};
use numbers::Numbers;

pub use numbers::Packed;

/// An item's dense number: its row in the item table.
pub type ItemId = u32;

/// The item that a key unknown to the model stands for: it counts as an event, but has no row.
pub const UNKNOWN_ITEM: ItemId = u32::MAX;

/// The items that a model knows.
#[derive(Debug, Clone, PartialEq)]
pub struct Vocab(Keys);

#[derive(Debug, Clone, PartialEq)]
enum Keys {
    Numbers(Numbers),
    Texts(Texts),
}

/// Keys as they are.
#[derive(Debug, Clone, PartialEq)]
pub struct Texts {
    /// All keys, one after the other, in byte order.
    pub bytes: Vec<u8>,
    /// Where each key starts in `bytes`, and the end: `[items + 1]`.
    pub offsets: Vec<u32>,
}

/// The two ways in which a file has keys.
#[derive(Debug, Clone, PartialEq)]
pub enum Stored {
    /// Short keys, as numbers.
    Packed(Packed),
    /// Any others.
    Texts(Texts),
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
        if let Some(numbers) = Numbers::from_sorted(&keys) {
            return Ok(Self(Keys::Numbers(numbers)));
        }
        let mut bytes = Vec::new();
        let mut offsets = vec![0];
        for key in keys {
            bytes.extend_from_slice(key.as_bytes());
            let end = u32::try_from(bytes.len())
                .map_err(|_| Error::Argument("item keys exceed 4 GiB in all; shorten them".into()))?;
            offsets.push(end);
        }
        Ok(Self(Keys::Texts(Texts { bytes, offsets })))
    }

    /// Takes what a file has of `items` keys.
    ///
    /// # Errors
    /// [`Error::Format`] unless there are so many keys, in UTF-8 and strictly ascending: texts as such, packed keys by
    /// their numbers. (Numbers that no key of ours has, as of letters after an end, are not looked for: they cost a load
    /// time and can only give a foreign file's item a name that leads to another item or to none.)
    pub fn from_stored(stored: Stored, items: usize) -> Result<Self> {
        match stored {
            Stored::Packed(packed) => Numbers::unpack(&packed, items).map(Keys::Numbers),
            Stored::Texts(texts) => texts.checked(items).map(Keys::Texts),
        }
        .map(Self)
        .map_err(|what| Error::Format(format!("vocabulary: {what}; export the model again")))
    }

    /// What a file is to have.
    pub fn to_stored(&self) -> Stored {
        match &self.0 {
            Keys::Numbers(numbers) => Stored::Packed(numbers.pack()),
            Keys::Texts(texts) => Stored::Texts(texts.clone()),
        }
    }

    /// The number of items.
    pub fn len(&self) -> usize {
        match &self.0 {
            Keys::Numbers(numbers) => numbers.len(),
            Keys::Texts(texts) => texts.len(),
        }
    }

    /// Whether there is no item.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The key of an item; `None` when the id is out of range.
    pub fn key(&self, id: ItemId) -> Option<String> {
        let id = id as usize;
        if id >= self.len() {
            return None;
        }
        let bytes = match &self.0 {
            Keys::Numbers(numbers) => numbers.key(id),
            Keys::Texts(texts) => texts.key(id).to_vec(),
        };
        String::from_utf8(bytes).ok()
    }

    /// The id of a key; `None` when the model does not know it. O(log items).
    pub fn id(&self, key: &str) -> Option<ItemId> {
        let id = match &self.0 {
            Keys::Numbers(numbers) => numbers.find(key.as_bytes()),
            Keys::Texts(texts) => texts.find(key.as_bytes()),
        };
        id.map(|id| id as ItemId)
    }
}

impl Texts {
    fn checked(self, items: usize) -> std::result::Result<Self, &'static str> {
        let Self { bytes, offsets } = &self;
        if offsets.len() != items + 1 || offsets[0] != 0 || offsets[items] as usize != bytes.len() {
            return Err("offsets do not cover the keys");
        }
        if !offsets.is_sorted() {
            return Err("offsets fall");
        }
        let text = std::str::from_utf8(bytes).map_err(|_| "keys are not UTF-8")?;
        if offsets.iter().any(|&offset| !text.is_char_boundary(offset as usize)) {
            return Err("an offset splits a character");
        }
        if (1..items).any(|id| self.key(id - 1) >= self.key(id)) {
            return Err("keys are not strictly ascending");
        }
        Ok(self)
    }

    fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    fn key(&self, id: usize) -> &[u8] {
        &self.bytes[self.offsets[id] as usize..self.offsets[id + 1] as usize]
    }

    fn find(&self, key: &[u8]) -> Option<usize> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low.midpoint(high);
            match self.key(middle).cmp(key) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => return Some(middle),
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(keys: &[&str]) -> Vocab {
        let vocab = Vocab::from_keys(keys).unwrap();
        let mut sorted = keys.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(vocab.len(), sorted.len());
        for (id, key) in sorted.iter().enumerate() {
            assert_eq!(vocab.key(id as ItemId).as_deref(), Some(*key));
            assert_eq!(vocab.id(key), Some(id as ItemId));
        }
        assert_eq!(vocab.key(sorted.len() as ItemId), None);
        let again = Vocab::from_stored(vocab.to_stored(), vocab.len()).unwrap();
        assert_eq!(again, vocab);
        vocab
    }

    #[test]
    fn keys_and_ids_lead_to_each_other() {
        // Short codes are numbers; other scripts and long texts are kept as they are.
        let packed = |vocab: &Vocab| matches!(vocab.to_stored(), Stored::Packed(_));
        assert!(packed(&check(&["tea", "", "milk", "tea"])));
        assert!(packed(&check(&[""])) && packed(&check(&["a"])) && packed(&check(&["", "a", "aa"])));
        let vocab = check(&["tea", "", "milk", "café", "tea"]);
        assert!(!packed(&vocab));
        for unknown in ["bread", "cafe", "tee", "te", "teaa", "milk\0"] {
            assert_eq!(vocab.id(unknown), None);
        }
        let words: Vec<String> =
            (0..40u64).map(|place| format!("{:064b}", place.wrapping_mul(0x9e37_79b9_7f4a_7c15))).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        assert!(!packed(&check(&words)));
        assert!(Vocab::from_keys([""; 0]).unwrap().is_empty());
    }

    proptest! {
        #[test]
        fn any_keys_come_back(keys in prop::collection::vec("[0-9A-Fx-]{0,9}", 1..40), other in "\\PC{0,4}") {
            let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
            let vocab = check(&keys);
            prop_assert_eq!(vocab.id(&other).is_some(), keys.contains(&other.as_str()));
        }
    }

    #[test]
    fn damaged_texts_are_refused() {
        let refuse = |bytes: &[u8], offsets: &[u32], items: usize| {
            let texts = Texts { bytes: bytes.to_vec(), offsets: offsets.to_vec() };
            Vocab::from_stored(Stored::Texts(texts), items).unwrap_err()
        };
        for error in [
            refuse(b"ab", &[], 0),
            refuse(b"ab", &[0, 1], 1),
            refuse(b"ab", &[0, 1, 2], 1),
            refuse(b"ab", &[1, 2], 1),
            refuse(b"abc", &[0, 2, 1, 3], 3),
            refuse(b"ba", &[0, 1, 2], 2),
            refuse(b"aa", &[0, 1, 2], 2),
            refuse(b"\xff", &[0, 1], 1),
            refuse("é".as_bytes(), &[0, 1, 2], 2),
        ] {
            assert_eq!(error.code(), "format");
        }
    }
}
