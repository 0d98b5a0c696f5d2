//! Numbers that a step needs for a moment, in memory that the thread keeps for the next: new pages each step, and the zeros
//! that the system writes into them, took a tenth of training's time.

use std::cell::RefCell;
use std::ops::{Deref, DerefMut};

thread_local! {
    static SPARE: RefCell<Vec<Vec<f32>>> = const { RefCell::new(Vec::new()) };
}

/// So many numbers; their memory goes back to the thread that drops them.
#[derive(Debug, Default)]
pub struct Buffer {
    /// At least `len`: what lies behind is of an earlier use.
    values: Vec<f32>,
    len: usize,
}

impl Buffer {
    /// Whatever an earlier use left: for what is written before it is read.
    pub fn stale(len: usize) -> Self {
        let spare = SPARE.with_borrow_mut(|spare| match spare.iter().rposition(|values| values.len() >= len) {
            Some(place) => Some(spare.swap_remove(place)),
            None => spare.pop(),
        });
        let mut values = spare.unwrap_or_default();
        if values.len() < len {
            values.resize(len, 0.0);
        }
        Self { values, len }
    }

    pub fn zeros(len: usize) -> Self {
        let mut buffer = Self::stale(len);
        buffer.fill(0.0);
        buffer
    }

    pub fn copy_of(values: &[f32]) -> Self {
        let mut buffer = Self::stale(values.len());
        buffer.copy_from_slice(values);
        buffer
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let values = std::mem::take(&mut self.values);
        if values.is_empty() {
            return;
        }
        // A thread that ends has let go of its spare memory already.
        let _ = SPARE.try_with(|spare| spare.borrow_mut().push(values));
    }
}

impl Deref for Buffer {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.values[..self.len]
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.values[..self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_used_again_and_zeros_are_zeros() {
        let mut first = Buffer::zeros(8);
        first.fill(7.0);
        let place = first.as_ptr();
        drop(first);
        let second = Buffer::stale(5);
        assert_eq!((second.as_ptr(), &second[..]), (place, &[7.0; 5][..]));
        drop(second);
        assert_eq!(Buffer::zeros(8)[..], [0.0; 8]);
        assert_eq!(Buffer::copy_of(&[1.0, 2.0])[..], [1.0, 2.0]);
    }
}
