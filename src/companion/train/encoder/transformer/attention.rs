//! Softmax attention over windows, head by head: causal, or both ways.

use super::super::super::buffer::Buffer;
use super::super::super::vector::{add_scaled, dot, exponentials, largest, wide};
use crate::engine::input;
use crate::format::Architecture;
use std::ops::Range;

/// Places that are multiplied together: as many as two registers hold.
const LANES: usize = 16;

/// The shape of a pass.
pub struct Attention {
    pub hidden: usize,
    heads: usize,
    head_size: usize,
    windows: usize,
    len: usize,
    /// How many events back attention reaches, the present one included.
    reach: usize,
    /// Where it looks both ways: each window's inputs, `[windows]`.
    ends: Option<Vec<usize>>,
    /// The cosine and sine of each pair at each place of a window, `[len, head_size]`.
    rotations: Vec<f32>,
}

impl Attention {
    pub fn new(architecture: &Architecture, windows: usize, len: usize, both_ways: Option<&[usize]>) -> Self {
        let Architecture { hidden, heads, max_len: reach, .. } = *architecture;
        let head_size = architecture.head_size();
        let mut rotations = vec![0.0; len * head_size];
        for (place, rotation) in rotations.chunks_exact_mut(head_size).enumerate() {
            input::rotation(place as u64, rotation);
        }
        Self { hidden, heads, head_size, windows, len, reach, ends: both_ways.map(<[usize]>::to_vec), rotations }
    }

    /// Turns the queries and keys of `[rows, 3 * hidden]` by their places, or back.
    pub fn turn(&self, qkv: &mut [f32], back: bool) {
        let half = self.head_size / 2;
        for (row, qkv) in qkv.chunks_exact_mut(3 * self.hidden).enumerate() {
            let place = row % self.len;
            let rotation = &self.rotations[place * self.head_size..(place + 1) * self.head_size];
            for head in qkv[..2 * self.hidden].chunks_exact_mut(self.head_size) {
                let (firsts, seconds) = head.split_at_mut(half);
                for ((first, second), turn) in firsts.iter_mut().zip(seconds).zip(rotation.chunks_exact(2)) {
                    let (cosine, sine) = (turn[0], if back { -turn[1] } else { turn[1] });
                    (*first, *second) = (*first * cosine - *second * sine, *first * sine + *second * cosine);
                }
            }
        }
    }

    /// How much each step attends to each, `[windows, heads, len, len]`, and what comes of it, `[rows, hidden]`.
    pub fn forward(&self, qkv: &[f32]) -> (Buffer, Buffer) {
        // Of the places that are not seen, nothing is read.
        let mut shares = Buffer::stale(self.windows * self.heads * self.len * self.len);
        let mut context = Buffer::zeros(self.windows * self.len * self.hidden);
        wide!([attention: &Attention = self, qkv: &[f32] = qkv, shares: &mut [f32] = &mut shares, context: &mut [f32] = &mut context] {
            attention.forward_loops(qkv, shares, context);
        });
        (shares, context)
    }

    /// From the gradient of the context to that of `qkv`, `[rows, 3 * hidden]`.
    pub fn backward(&self, qkv: &[f32], shares: &[f32], context_gradient: &[f32]) -> Buffer {
        let mut gradient = Buffer::zeros(qkv.len());
        wide!([attention: &Attention = self, qkv: &[f32] = qkv, shares: &[f32] = shares, outer: &[f32] = context_gradient, gradient: &mut [f32] = &mut gradient] {
            attention.backward_loops(qkv, shares, outer, gradient);
        });
        gradient
    }

    #[inline(always)]
    fn forward_loops(&self, qkv: &[f32], shares: &mut [f32], context: &mut [f32]) {
        let scale = 1.0 / (self.head_size as f32).sqrt();
        let mut keys = vec![0.0; self.head_size * self.len];
        for (number, shares) in shares.chunks_exact_mut(self.len * self.len).enumerate() {
            let head = self.head(number);
            self.transpose(qkv, &head, 1, &mut keys);
            for place in 0..self.len {
                let seen = seen(place, self.reach, head.end);
                let row = &mut shares[place * self.len..][seen.clone()];
                self.products(self.part(qkv, &head, place, 0), &keys, seen.start, row);
                row.iter_mut().for_each(|share| *share *= scale);
                let shift = largest(row);
                let sum = exponentials(row, shift);
                let start = self.start(&head, place);
                let out = &mut context[start..start + self.head_size];
                for (share, other) in row.iter_mut().zip(seen) {
                    *share /= sum;
                    add_scaled(out, self.part(qkv, &head, other, 2), *share);
                }
            }
        }
    }

    #[inline(always)]
    fn backward_loops(&self, qkv: &[f32], shares: &[f32], context_gradient: &[f32], gradient: &mut [f32]) {
        let scale = 1.0 / (self.head_size as f32).sqrt();
        let mut values = vec![0.0; self.head_size * self.len];
        let mut share_gradients = vec![0.0; self.len];
        for (number, shares) in shares.chunks_exact(self.len * self.len).enumerate() {
            let head = self.head(number);
            self.transpose(qkv, &head, 2, &mut values);
            for place in 0..self.len {
                let seen = seen(place, self.reach, head.end);
                let row = &shares[place * self.len..][seen.clone()];
                let start = self.start(&head, place);
                let outer = &context_gradient[start..start + self.head_size];
                let share_gradients = &mut share_gradients[..row.len()];
                self.products(outer, &values, seen.start, share_gradients);
                let mean = dot(row, share_gradients);
                for ((share, other), share_gradient) in row.iter().zip(seen).zip(share_gradients) {
                    let pull = scale * share * (*share_gradient - mean);
                    let (query, key) = (self.part(qkv, &head, place, 0), self.part(qkv, &head, other, 1));
                    add_scaled(self.part_mut(gradient, &head, place, 0), key, pull);
                    add_scaled(self.part_mut(gradient, &head, other, 1), query, pull);
                    add_scaled(self.part_mut(gradient, &head, other, 2), outer, *share);
                }
            }
        }
    }

    /// A head's keys (1) or values (2), `[head_size, len]`.
    #[inline(always)]
    fn transpose(&self, qkv: &[f32], head: &Head, which: usize, out: &mut [f32]) {
        for place in 0..self.len {
            for (value, column) in self.part(qkv, head, place, which).iter().zip(out.chunks_exact_mut(self.len)) {
                column[place] = *value;
            }
        }
    }

    /// The products of one row with those of the places from `first` on, which are given transposed.
    #[inline(always)]
    fn products(&self, row: &[f32], others: &[f32], first: usize, out: &mut [f32]) {
        let mut start = 0;
        while start < out.len() {
            let width = (out.len() - start).min(LANES);
            let mut sums = [0.0; LANES];
            for (&value, others) in row.iter().zip(others.chunks_exact(self.len)) {
                let others = &others[first + start..];
                if let Some(others) = others.first_chunk::<LANES>() {
                    for lane in 0..LANES {
                        sums[lane] += value * others[lane];
                    }
                } else {
                    add_scaled(&mut sums[..width], others, value);
                }
            }
            out[start..start + width].copy_from_slice(&sums[..width]);
            start += width;
        }
    }

    /// The window and head of this number.
    fn head(&self, number: usize) -> Head {
        let window = number / self.heads;
        Head {
            first_row: window * self.len,
            first_value: number % self.heads * self.head_size,
            end: self.ends.as_ref().map(|ends| ends[window]),
        }
    }

    /// Where the values of a place begin in `[rows, hidden]`.
    #[inline(always)]
    fn start(&self, head: &Head, place: usize) -> usize {
        (head.first_row + place) * self.hidden + head.first_value
    }

    /// Query (0), key (1) or value (2) of a place, `[head_size]`.
    #[inline(always)]
    fn part<'a>(&self, qkv: &'a [f32], head: &Head, place: usize, which: usize) -> &'a [f32] {
        &qkv[self.part_start(head, place, which)..][..self.head_size]
    }

    #[inline(always)]
    fn part_mut<'a>(&self, qkv: &'a mut [f32], head: &Head, place: usize, which: usize) -> &'a mut [f32] {
        &mut qkv[self.part_start(head, place, which)..][..self.head_size]
    }

    #[inline(always)]
    fn part_start(&self, head: &Head, place: usize, which: usize) -> usize {
        ((head.first_row + place) * 3 + which) * self.hidden + head.first_value
    }
}

/// One head's part of one window.
struct Head {
    first_row: usize,
    first_value: usize,
    /// The window's inputs, where attention looks both ways.
    end: Option<usize>,
}

/// The places that a place attends to: those at most `reach` back, itself included, and as many ahead where attention looks both
/// ways in a window of `end` inputs.
pub fn seen(place: usize, reach: usize, end: Option<usize>) -> Range<usize> {
    let last = end.map_or(place, |end| (place + reach).min(end)).max(place + 1);
    (place + 1).saturating_sub(reach)..last
}
