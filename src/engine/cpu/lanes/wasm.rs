//! In the browser: simd128, written out, since the package is compiled for size.

use super::{LOWEST, Lanes, ROUND, SERIES, Scalar, Simd, offset, score_int4_rows, score_int8_rows};
use crate::engine::cpu::score::{Query, Rows};
use crate::quant::{BLOCK, MAX_COLUMNS};
use std::arch::wasm32::{
    f32x4_abs, f32x4_add, f32x4_convert_i32x4, f32x4_div, f32x4_extract_lane, f32x4_lt, f32x4_mul, f32x4_neg,
    f32x4_pmax, f32x4_splat, f32x4_sub, i16x8_load_extend_i8x8, i32x4_add, i32x4_dot_i16x8, i32x4_shl, i32x4_shuffle,
    i32x4_splat, i32x4_sub, u16x8_shr, u16x8_splat, v128, v128_and, v128_bitselect, v128_load, v128_store,
};
use std::f32::consts::LOG2_E;
use std::hint::black_box;

impl Lanes for Simd {
    fn multiply(matrix: &[f32], x: &[f32], out: &mut [f32]) {
        let (columns, rows) = (x.len(), out.len());
        let (parts, rest) = x.as_chunks::<8>();
        if rows < 4 || !rest.is_empty() {
            return Scalar::multiply(matrix, x, out);
        }
        assert_eq!(matrix.len(), rows * columns);
        for row in (0..rows).step_by(4) {
            // The last four begin among those before, if need be.
            let row = row.min(rows - 4);
            let mut at = matrix[row * columns..].as_ptr();
            // Four rows side by side, so that no addition waits for the one before.
            let [mut a, mut b, mut c, mut d] = [f32x4_splat(0.0); 4];
            for x in parts {
                // SAFETY: each of the four rows has eight floats more, as asserted.
                unsafe {
                    a = add_products(a, at, x);
                    b = add_products(b, at.add(columns), x);
                    c = add_products(c, at.add(2 * columns), x);
                    d = add_products(d, at.add(3 * columns), x);
                    at = at.add(8);
                }
            }
            out[row..row + 4].copy_from_slice(&[sum(a), sum(b), sum(c), sum(d)]);
        }
    }

    fn add_weighted_rows(matrix: &[f32], weights: &[f32], out: &mut [f32]) {
        for (row, &weight) in matrix.chunks_exact(out.len()).zip(weights) {
            let factor = f32x4_splat(weight);
            let (out_parts, out_rest) = out.as_chunks_mut::<4>();
            let (row_parts, row_rest) = row.as_chunks::<4>();
            for (sum, part) in out_parts.iter_mut().zip(row_parts) {
                // SAFETY: loads and store stay inside the arrays of 4; no alignment is needed.
                unsafe {
                    let product = f32x4_mul(factor, v128_load(part.as_ptr().cast()));
                    v128_store(sum.as_mut_ptr().cast(), f32x4_add(v128_load(sum.as_ptr().cast()), product));
                }
            }
            for (sum, part) in out_rest.iter_mut().zip(row_rest) {
                *sum += weight * part;
            }
        }
    }

    fn score_int8(rows: &Rows<'_, i8>, query: &Query<'_>, scores: &mut [f32]) {
        let columns = rows.columns;
        let done = if columns.is_multiple_of(8) { scores.len() / 4 * 4 } else { 0 };
        let factors = query.codes.as_ptr_range();
        score_fours(rows, 4 * columns, query, &mut scores[..done], |codes| {
            let [mut a, mut b, mut c, mut d] = [i32x4_splat(0); 4];
            let (mut at, mut factor) = (codes, factors.start);
            // SAFETY: the factors are a multiple of 8, and each of the four rows from `codes` on has as many codes;
            // no alignment is needed.
            unsafe {
                // Many at once: what a load needs beside a constant offset is added anew for each.
                while factors.end.offset_from(factor) >= BLOCK as isize {
                    let part = |part: usize| v128_load(factor.add(8 * part).cast());
                    let factors = [part(0), part(1), part(2), part(3)];
                    a = add_codes(a, at, factors);
                    b = add_codes(b, at.add(columns), factors);
                    c = add_codes(c, at.add(2 * columns), factors);
                    d = add_codes(d, at.add(3 * columns), factors);
                    (at, factor) = (at.add(BLOCK), factor.add(BLOCK));
                }
                while factor < factors.end {
                    let factors = v128_load(factor.cast());
                    a = i32x4_add(a, i32x4_dot_i16x8(i16x8_load_extend_i8x8(at), factors));
                    b = i32x4_add(b, i32x4_dot_i16x8(i16x8_load_extend_i8x8(at.add(columns)), factors));
                    c = i32x4_add(c, i32x4_dot_i16x8(i16x8_load_extend_i8x8(at.add(2 * columns)), factors));
                    d = i32x4_add(d, i32x4_dot_i16x8(i16x8_load_extend_i8x8(at.add(3 * columns)), factors));
                    (at, factor) = (at.add(8), factor.add(8));
                }
            }
            across([a, b, c, d])
        });
        let all = scores.len();
        score_int8_rows(rows, query, scores, done..all);
    }

    fn score_int4(rows: &Rows<'_, u8>, query: &Query<'_>, scores: &mut [f32]) {
        let (bytes, done) = (rows.columns / 2, scores.len() / 4 * 4);
        let mut taken_apart = [0; MAX_COLUMNS];
        let factors = &mut taken_apart[..query.codes.len()];
        take_apart(query.codes, factors);
        let factors = factors.as_ptr_range();
        let offset = i32x4_splat(offset(query.codes));
        // Not a constant: see `exp`.
        let mask = u16x8_splat(black_box(15));
        score_fours(rows, 4 * bytes, query, &mut scores[..done], |codes| {
            let [mut a, mut b, mut c, mut d] = [i32x4_splat(0); 4];
            let (mut at, mut factor) = (codes, factors.start);
            while factor < factors.end {
                // SAFETY: the factors are a multiple of 32, and each of the four rows from `codes` on has as many codes;
                // no alignment is needed.
                unsafe {
                    let part = |part: usize| v128_load(factor.add(8 * part).cast());
                    let factors = [part(0), part(1), part(2), part(3)];
                    a = add_block(a, at, factors, mask);
                    b = add_block(b, at.add(bytes), factors, mask);
                    c = add_block(c, at.add(2 * bytes), factors, mask);
                    d = add_block(d, at.add(3 * bytes), factors, mask);
                    (at, factor) = (at.add(BLOCK / 2), factor.add(BLOCK));
                }
            }
            i32x4_sub(across([a, b, c, d]), offset)
        });
        let all = scores.len();
        score_int4_rows(rows, query, scores, done..all);
    }

    fn largest(values: &[f32]) -> f32 {
        let mut lanes = [f32x4_splat(f32::NEG_INFINITY); 4];
        let (parts, rest) = values.as_chunks::<16>();
        for part in parts {
            let at = part.as_ptr();
            // SAFETY: the array holds what is loaded.
            let values = unsafe {
                [
                    v128_load(at.cast()),
                    v128_load(at.add(4).cast()),
                    v128_load(at.add(8).cast()),
                    v128_load(at.add(12).cast()),
                ]
            };
            let [a, b, c, d] = lanes;
            let [e, f, g, h] = values;
            lanes = [f32x4_pmax(a, e), f32x4_pmax(b, f), f32x4_pmax(c, g), f32x4_pmax(d, h)];
        }
        let [a, b, c, d] = lanes;
        let lanes = f32x4_pmax(f32x4_pmax(a, b), f32x4_pmax(c, d));
        let lanes = f32x4_pmax(lanes, i32x4_shuffle::<2, 3, 0, 1>(lanes, lanes));
        let lanes = f32x4_pmax(lanes, i32x4_shuffle::<1, 0, 3, 2>(lanes, lanes));
        rest.iter().copied().fold(f32x4_extract_lane::<0>(lanes), f32::max)
    }

    fn exp_all(values: &mut [f32], largest: f32) -> f32 {
        let exp = exp(largest);
        let mut sums = f32x4_splat(0.0);
        let (parts, rest) = values.as_chunks_mut::<4>();
        for part in parts {
            // SAFETY: the array holds what is loaded and stored.
            unsafe {
                let powers = exp(v128_load(part.as_ptr().cast()));
                v128_store(part.as_mut_ptr().cast(), powers);
                sums = f32x4_add(sums, powers);
            }
        }
        sum(sums) + Scalar::exp_all(rest, largest)
    }

    fn gate(values: &mut [f32], gates: &[f32]) {
        let exp = exp(0.0);
        let (one, zero) = (f32x4_splat(1.0), f32x4_splat(0.0));
        let ((parts, rest), (gate_parts, gates_rest)) = (values.as_chunks_mut::<4>(), gates.as_chunks::<4>());
        for (values, gates) in parts.iter_mut().zip(gate_parts) {
            // SAFETY: the arrays hold what is loaded and stored.
            unsafe {
                let gates = v128_load(gates.as_ptr().cast());
                let power = exp(f32x4_neg(f32x4_abs(gates)));
                let above = v128_bitselect(power, one, f32x4_lt(gates, zero));
                let factor = f32x4_div(above, f32x4_add(one, power));
                v128_store(values.as_mut_ptr().cast(), f32x4_mul(v128_load(values.as_ptr().cast()), factor));
            }
        }
        Scalar::gate(rest, gates_rest);
    }
}

/// Adds eight products.
///
/// # Safety
/// Eight floats can be read from `at`.
#[inline(always)]
unsafe fn add_products(sum: v128, at: *const f32, x: &[f32; 8]) -> v128 {
    // SAFETY: see above; no alignment is needed.
    unsafe {
        let low = f32x4_mul(v128_load(at.cast()), v128_load(x.as_ptr().cast()));
        let high = f32x4_mul(v128_load(at.add(4).cast()), v128_load(x.as_ptr().add(4).cast()));
        f32x4_add(sum, f32x4_add(low, high))
    }
}

/// exp(value - largest) for values that are not above: see the native one.
///
/// The constants are loaded, once: written as constants, V8 puts each together anew wherever it is used (Chromium 148; node 20 does
/// not).
#[inline(always)]
fn exp(largest: f32) -> impl Fn(v128) -> v128 {
    static CONSTANTS: [f32; 9] = {
        let [a, b, c, d, e, f] = SERIES;
        [LOWEST, LOG2_E, ROUND, a, b, c, d, e, f]
    };
    let [lowest, log2_e, round, a, b, c, d, e, f] = black_box(CONSTANTS).map(|value| f32x4_splat(value));
    let largest = f32x4_splat(largest);
    move |values| {
        // A NaN stays one. (`f32x4_max` is five instructions, one after the other.)
        let x = f32x4_pmax(f32x4_sub(values, largest), lowest);
        let x = f32x4_mul(x, log2_e);
        let shifted = f32x4_add(x, round);
        let rest = f32x4_sub(x, f32x4_sub(shifted, round));
        // Written out: compiled for size, a loop stays one.
        let add = |series: v128, factor: v128| f32x4_add(f32x4_mul(series, rest), factor);
        let series = add(add(add(add(add(a, b), c), d), e), f);
        i32x4_add(series, i32x4_shl(shifted, 23))
    }
}

fn sum(lanes: v128) -> f32 {
    (f32x4_extract_lane::<0>(lanes) + f32x4_extract_lane::<2>(lanes))
        + (f32x4_extract_lane::<1>(lanes) + f32x4_extract_lane::<3>(lanes))
}

/// Adds the products of an int8 block.
///
/// # Safety
/// As many codes can be read from `at`.
#[inline(always)]
unsafe fn add_codes(sum: v128, at: *const i8, factors: [v128; 4]) -> v128 {
    // SAFETY: see above; no alignment is needed.
    let [a, b, c, d] = unsafe {
        [
            i32x4_dot_i16x8(i16x8_load_extend_i8x8(at), factors[0]),
            i32x4_dot_i16x8(i16x8_load_extend_i8x8(at.add(8)), factors[1]),
            i32x4_dot_i16x8(i16x8_load_extend_i8x8(at.add(16)), factors[2]),
            i32x4_dot_i16x8(i16x8_load_extend_i8x8(at.add(24)), factors[3]),
        ]
    };
    i32x4_add(sum, i32x4_add(i32x4_add(a, b), i32x4_add(c, d)))
}

/// Puts each block's factors in the order in which [`add_block`] meets the codes: of the low half of a block those at even
/// places, of the high half, then both at odd places.
fn take_apart(factors: &[i16], out: &mut [i16]) {
    for (block, out) in factors.chunks_exact(BLOCK).zip(out.chunks_exact_mut(BLOCK)) {
        for (place, out) in out.iter_mut().enumerate() {
            let (part, pair) = (place / 8, place % 8);
            *out = block[part % 2 * (BLOCK / 2) + 2 * pair + part / 2];
        }
    }
}

/// Adds the products of an int4 block, its codes with their offset; the factors as [`take_apart`] leaves them. A lane of 16
/// bits has four codes, which shifts and `mask`, 15, bring down: fewer instructions than bytes that are widened.
///
/// # Safety
/// Sixteen bytes can be read from `at`.
#[inline(always)]
unsafe fn add_block(sum: v128, at: *const u8, factors: [v128; 4], mask: v128) -> v128 {
    // SAFETY: see above; no alignment is needed.
    let all = unsafe { v128_load(at.cast()) };
    let even = i32x4_add(
        i32x4_dot_i16x8(v128_and(all, mask), factors[0]),
        i32x4_dot_i16x8(v128_and(u16x8_shr(all, 4), mask), factors[1]),
    );
    let odd = i32x4_add(
        i32x4_dot_i16x8(v128_and(u16x8_shr(all, 8), mask), factors[2]),
        i32x4_dot_i16x8(u16x8_shr(all, 12), factors[3]),
    );
    i32x4_add(sum, i32x4_add(even, odd))
}

/// Each row's sum over its lanes.
#[inline(always)]
fn across([a, b, c, d]: [v128; 4]) -> v128 {
    let pairs = |a, b| i32x4_add(i32x4_shuffle::<0, 4, 1, 5>(a, b), i32x4_shuffle::<2, 6, 3, 7>(a, b));
    let (ab, cd) = (pairs(a, b), pairs(c, d));
    i32x4_add(i32x4_shuffle::<0, 1, 4, 5>(ab, cd), i32x4_shuffle::<2, 3, 6, 7>(ab, cd))
}

/// Scores a multiple of four rows, four at a time, which share the last additions: `sums` gets where the codes of four rows
/// begin, which are so many bytes, and gives their product sums. Rows may be more.
#[inline(always)]
fn score_fours<T>(
    rows: &Rows<'_, T>,
    length: usize,
    query: &Query<'_>,
    scores: &mut [f32],
    sums: impl Fn(*const T) -> v128,
) {
    let Rows { columns: _, codes, scales, biases } = *rows;
    let count = scores.len();
    assert!(count.is_multiple_of(4) && scales.len() >= count && biases.len() == scales.len());
    assert!(codes.len() >= count / 4 * length && query.codes.len() == rows.columns);
    let (scale, gate) = (f32x4_splat(query.scale), f32x4_splat(query.gate));
    let mut at = codes.as_ptr();
    let mut row = 0;
    while row < count {
        let sums = f32x4_convert_i32x4(sums(at));
        // SAFETY: four floats from `row` on are inside each slice, as asserted, and the next rows begin inside the
        // codes or just behind them; no alignment is needed.
        unsafe {
            let values = f32x4_mul(sums, f32x4_mul(scale, v128_load(scales.as_ptr().add(row).cast())));
            let values = f32x4_add(values, f32x4_mul(gate, v128_load(biases.as_ptr().add(row).cast())));
            v128_store(scores.as_mut_ptr().add(row).cast(), values);
            at = at.add(length);
        }
        row += 4;
    }
}
