//! Gradients of the item rows that a step touched.
//!
//! They lie in parts of the catalogue, so that what is done to each row once a step is done to several parts at a time.

use super::vector::{squared, wide};
use crate::vocab::ItemId;
use rayon::prelude::*;

/// Values of an item's row beside its vector: bias and repeat.
pub const ROW_EXTRAS: usize = 2;

/// About how many parts a catalogue has. Their number must not depend on the threads: sums over parts would.
const PARTS: usize = 16;

/// Gradients of the rows that a shard touched.
pub struct RowGradients {
    /// A part has 2^this items.
    shift: u32,
    parts: Vec<Part>,
}

/// Those of one part of the catalogue.
pub struct Part {
    width: usize,
    /// The part's first item.
    pub first: ItemId,
    /// Each item's place in `touched`, or `NONE`.
    slots: Vec<u32>,
    touched: Vec<ItemId>,
    /// `[touched, width]`
    values: Vec<f32>,
}

const NONE: u32 = u32::MAX;

/// Rows of `width` values, `size` at a time, and empty ones for ever after: there are none where nothing is encoded.
pub fn sections(values: &mut [f32], width: usize, size: usize) -> impl Iterator<Item = &mut [f32]> {
    values.chunks_mut((width * size).max(1)).chain(std::iter::repeat_with(|| &mut [][..]))
}

impl RowGradients {
    pub fn new(items: usize, hidden: usize) -> Self {
        let shift = items.div_ceil(PARTS).next_power_of_two().ilog2();
        let part = |first: usize| Part {
            width: hidden + ROW_EXTRAS,
            first: first as ItemId,
            slots: vec![NONE; (items - first).min(1 << shift)],
            touched: Vec::new(),
            values: Vec::new(),
        };
        Self { shift, parts: (0..items).step_by(1 << shift).map(part).collect() }
    }

    /// An item's gradient: its vector's, then its bias', then its repeat's.
    #[inline]
    pub fn row_mut(&mut self, item: ItemId) -> &mut [f32] {
        self.parts[(item >> self.shift) as usize].row_mut(item)
    }

    /// The items of a part; of the last one, at most.
    pub fn part_size(&self) -> usize {
        1 << self.shift
    }

    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    pub fn parts_mut(&mut self) -> &mut [Part] {
        &mut self.parts
    }

    pub fn clear(&mut self) {
        self.parts.iter_mut().for_each(Part::clear);
    }

    /// Each item's gradient.
    pub fn rows(&self) -> impl Iterator<Item = (ItemId, &[f32])> {
        self.parts.iter().flat_map(Part::rows)
    }

    /// The same, to change.
    pub fn rows_mut(&mut self) -> impl Iterator<Item = (ItemId, &mut [f32])> {
        self.parts
            .iter_mut()
            .flat_map(|part| part.touched.iter().copied().zip(part.values.chunks_exact_mut(part.width)))
    }

    /// Leaves out the rows of other items.
    pub fn retain(&mut self, keeps: impl Fn(ItemId) -> bool) {
        self.parts.iter_mut().for_each(|part| part.retain(&keeps));
    }

    /// The sum of all squares.
    pub fn squared_norm(&self) -> f64 {
        let parts: Vec<f64> = self.parts.par_iter().map(Part::squared_norm).collect();
        parts.iter().sum()
    }
}

impl Part {
    #[inline]
    fn row_mut(&mut self, item: ItemId) -> &mut [f32] {
        let slot = &mut self.slots[(item - self.first) as usize];
        if *slot == NONE {
            *slot = self.touched.len() as u32;
            self.touched.push(item);
            self.values.resize(self.values.len() + self.width, 0.0);
        }
        let start = *slot as usize * self.width;
        &mut self.values[start..start + self.width]
    }

    fn retain(&mut self, keeps: impl Fn(ItemId) -> bool) {
        let mut kept = 0;
        for place in 0..self.touched.len() {
            let item = self.touched[place];
            let keeps = keeps(item);
            self.slots[(item - self.first) as usize] = if keeps { kept as u32 } else { NONE };
            if keeps {
                self.touched[kept] = item;
                self.values.copy_within(place * self.width..(place + 1) * self.width, kept * self.width);
                kept += 1;
            }
        }
        self.touched.truncate(kept);
        self.values.truncate(kept * self.width);
    }

    fn clear(&mut self) {
        for item in self.touched.drain(..) {
            self.slots[(item - self.first) as usize] = NONE;
        }
        self.values.clear();
    }

    /// Adds another shard's gradients.
    pub fn add(&mut self, other: &Self) {
        for (item, row) in other.rows() {
            for (value, part) in self.row_mut(item).iter_mut().zip(row) {
                *value += part;
            }
        }
    }

    /// Each item's gradient.
    fn rows(&self) -> impl Iterator<Item = (ItemId, &[f32])> {
        self.touched.iter().copied().zip(self.values.chunks_exact(self.width))
    }

    /// The same in the order of the items, in which what is kept of each comes sooner from memory.
    pub fn rows_in_order(&self) -> impl Iterator<Item = (ItemId, &[f32])> {
        let mut items = self.touched.clone();
        items.sort_unstable();
        items.into_iter().map(|item| {
            let start = self.slots[(item - self.first) as usize] as usize * self.width;
            (item, &self.values[start..start + self.width])
        })
    }

    fn squared_norm(&self) -> f64 {
        wide!([values: &[f32] = &self.values] -> f64 { squared(values) })
    }
}
