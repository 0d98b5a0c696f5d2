//! The codes of a table's rows, which are most of a model file: they stay where they lie in its bytes.

use std::fmt;
use std::ops::{Deref, Range};
use std::sync::Arc;

/// Some of a model file's bytes, or bytes of their own.
#[derive(Clone, Default)]
pub struct Codes {
    bytes: Arc<Vec<u8>>,
    range: Range<usize>,
}

impl Codes {
    /// A part of a file's bytes, or nothing where it lies elsewhere.
    pub fn of_file(bytes: &Arc<Vec<u8>>, part: &[u8]) -> Option<Self> {
        let is_there = bytes.as_ptr_range().contains(&part.as_ptr());
        let start = is_there.then(|| part.as_ptr().addr() - bytes.as_ptr().addr())?;
        Some(Self { bytes: bytes.clone(), range: start..start + part.len() })
    }

    /// The same codes, each an `i8`.
    pub fn signed(&self) -> &[i8] {
        bytemuck::cast_slice(self)
    }
}

impl From<Vec<u8>> for Codes {
    fn from(bytes: Vec<u8>) -> Self {
        Self { range: 0..bytes.len(), bytes: Arc::new(bytes) }
    }
}

impl Deref for Codes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[self.range.clone()]
    }
}

impl PartialEq for Codes {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl fmt::Debug for Codes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} bytes of codes", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_file_is_not_copied() {
        let file = Arc::new(vec![1u8, 2, 0xff, 4]);
        let part = Codes::of_file(&file, &file[1..3]).unwrap();
        assert_eq!((part.signed(), part.as_ptr()), (&[2, -1][..], file[1..].as_ptr()));
        assert_eq!(part, Codes::from(vec![2, 0xff]));
        assert_ne!(part, Codes::from(vec![2, 0xfe]));
        assert!(Codes::of_file(&Arc::new(vec![1, 2]), &file).is_none());
    }
}
