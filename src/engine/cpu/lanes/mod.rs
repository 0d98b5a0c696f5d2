//! The loops that the CPU kernels are made of, in scalar code and in SIMD.

#[cfg(not(target_arch = "wasm32"))]
mod native;
#[cfg(target_arch = "wasm32")]
mod wasm;

#[cfg(not(target_arch = "wasm32"))]
pub use native::exp;

use super::score::{Query, Rows};
use crate::quant::{BLOCK, NIBBLE_OFFSET};
use std::f32::consts::LN_2;
use std::ops::Range;

/// How the inner loops run.
pub trait Lanes: 'static {
    /// `out[row] = <matrix[row], x>` for a row-major matrix `[out.len(), x.len()]`.
    fn multiply(matrix: &[f32], x: &[f32], out: &mut [f32]);
    /// `out += sum over rows of weights[row] * matrix[row]` for `[weights.len(), out.len()]`.
    fn add_weighted_rows(matrix: &[f32], weights: &[f32], out: &mut [f32]);
    /// `scores[row] = <codes[row], query> * (query.scale * scales[row]) + query.gate * biases[row]` for all rows, which are
    /// as many as scores; the product sum is an exact integer.
    fn score_int8(rows: &Rows<'_, i8>, query: &Query<'_>, scores: &mut [f32]);
    /// The same for int4 rows.
    fn score_int4(rows: &Rows<'_, u8>, query: &Query<'_>, scores: &mut [f32]);
    /// The largest value; minus infinity for none. A NaN may count or not.
    fn largest(values: &[f32]) -> f32;
    /// Each value becomes `exp(value - largest)`, where none is above `largest`; returns their sum, NaN if a value is NaN.
    fn exp_all(values: &mut [f32], largest: f32) -> f32;
    /// Each value is multiplied by the logistic function of its gate, of which there are as many.
    fn gate(values: &mut [f32], gates: &[f32]);
}

/// One value after the other: what every other implementation is tested against.
#[derive(Clone)]
pub struct Scalar;

impl Lanes for Scalar {
    fn multiply(matrix: &[f32], x: &[f32], out: &mut [f32]) {
        for (value, row) in out.iter_mut().zip(matrix.chunks_exact(x.len())) {
            *value = row.iter().zip(x).map(|(a, b)| a * b).sum();
        }
    }

    fn add_weighted_rows(matrix: &[f32], weights: &[f32], out: &mut [f32]) {
        for (row, weight) in matrix.chunks_exact(out.len()).zip(weights) {
            for (value, part) in out.iter_mut().zip(row) {
                *value += weight * part;
            }
        }
    }

    fn score_int8(rows: &Rows<'_, i8>, query: &Query<'_>, scores: &mut [f32]) {
        score_int8_rows(rows, query, scores, 0..scores.len());
    }

    fn score_int4(rows: &Rows<'_, u8>, query: &Query<'_>, scores: &mut [f32]) {
        score_int4_rows(rows, query, scores, 0..scores.len());
    }

    fn largest(values: &[f32]) -> f32 {
        values.iter().copied().fold(f32::NEG_INFINITY, f32::max)
    }

    fn exp_all(values: &mut [f32], largest: f32) -> f32 {
        values.iter_mut().for_each(|value| *value = (*value - largest).exp());
        values.iter().sum()
    }

    fn gate(values: &mut [f32], gates: &[f32]) {
        values.iter_mut().zip(gates).for_each(|(value, gate)| *value /= 1.0 + (-gate).exp());
    }
}

/// Some rows of [`Lanes::score_int8`], one after the other.
fn score_int8_rows(rows: &Rows<'_, i8>, query: &Query<'_>, scores: &mut [f32], part: Range<usize>) {
    let Query { values: _, codes: factors, scale, gate } = *query;
    for row in part {
        let codes = &rows.codes[row * rows.columns..(row + 1) * rows.columns];
        let sum: i32 = codes.iter().zip(factors).map(|(&code, &factor)| i32::from(code) * i32::from(factor)).sum();
        scores[row] = sum as f32 * (scale * rows.scales[row]) + gate * rows.biases[row];
    }
}

/// Some rows of [`Lanes::score_int4`], one after the other.
fn score_int4_rows(rows: &Rows<'_, u8>, query: &Query<'_>, scores: &mut [f32], part: Range<usize>) {
    let Query { values: _, codes: factors, scale, gate } = *query;
    for row in part {
        let codes = &rows.codes[row * rows.columns / 2..(row + 1) * rows.columns / 2];
        let blocks = codes.chunks_exact(BLOCK / 2).zip(factors.chunks_exact(BLOCK));
        let sum: i32 = blocks.map(|(codes, factors)| block_sum(codes, factors)).sum();
        scores[row] = sum as f32 * (scale * rows.scales[row]) + gate * rows.biases[row];
    }
}

/// One int4 block times its part of the query.
fn block_sum(codes: &[u8], query: &[i16]) -> i32 {
    let (low, high) = query.split_at(BLOCK / 2);
    let code = |nibble: u8| i32::from(nibble) - NIBBLE_OFFSET;
    let both = codes.iter().zip(low.iter().zip(high));
    both.map(|(&byte, (&low, &high))| code(byte & 15) * i32::from(low) + code(byte >> 4) * i32::from(high)).sum()
}

/// What [`NIBBLE_OFFSET`] adds to each row's product sum.
fn offset(factors: &[i16]) -> i32 {
    NIBBLE_OFFSET * factors.iter().map(|&factor| i32::from(factor)).sum::<i32>()
}

/// exp(x) for x at most 0 is 2^n * 2^r with n whole: what is added so that n stands in the lowest bits.
const ROUND: f32 = 12_582_912.0;
/// Below it, exp is as good as nothing, and above it never a subnormal number.
const LOWEST: f32 = -86.0;
/// A polynomial in r for 2^r, from the highest power down: for |r| at most 1/2 the relative error is at most 1.1e-7
/// (least squares, weighted until the largest errors were even).
const SERIES: [f32; 6] = [1.330_026_4e-3, 9.669_709e-3, 5.550_56e-2, 0.240_222_81, LN_2, 1.0];

/// Several values at once: simd128 in the browser, AVX2 on x86-64 where the CPU has it, else what the compiler
/// makes of plain loops.
#[derive(Clone)]
pub struct Simd;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quant::{Int4Rows, Int8Rows};
    use proptest::prelude::*;

    fn close(a: &[f32], b: &[f32]) -> bool {
        a.iter().zip(b).all(|(a, b)| (a - b).abs() <= 1e-4 * (1.0 + a.abs()))
    }

    fn numbers(seed: u32) -> impl Fn(usize) -> f32 {
        move |place| ((place as u32).wrapping_mul(2_654_435_761).wrapping_add(seed) >> 16) as f32 / 32768.0 - 1.0
    }

    proptest! {
        #[test]
        fn simd_gives_what_scalar_gives(columns in 1usize..70, rows in 1usize..9, seed: u32) {
            let value = numbers(seed);
            let matrix: Vec<f32> = (0..rows * columns).map(&value).collect();
            let x: Vec<f32> = (0..columns).map(|place| value(place + 7777)).collect();
            let (mut scalar, mut simd) = (vec![0.0; rows], vec![0.0; rows]);
            Scalar::multiply(&matrix, &x, &mut scalar);
            Simd::multiply(&matrix, &x, &mut simd);
            prop_assert!(close(&scalar, &simd));

            let weights = scalar.clone();
            let (mut scalar, mut simd) = (x.clone(), x.clone());
            Scalar::add_weighted_rows(&matrix, &weights, &mut scalar);
            Simd::add_weighted_rows(&matrix, &weights, &mut simd);
            prop_assert!(close(&scalar, &simd));
        }

        #[test]
        fn quantized_scores_are_equal_to_the_bit(columns in 1usize..140, blocks in 1usize..5, rows in 1usize..23, seed: u32) {
            let value = numbers(seed);
            let biases: Vec<f32> = (0..rows).map(|place| value(place + 99)).collect();
            let factors: Vec<i16> = (0..140).map(|place| (value(place + 7777) * 32767.0) as i16).collect();
            let matrix = |columns: usize| -> Vec<f32> { (0..rows * columns).map(&value).collect() };
            let (mut scalar, mut simd) = (vec![0.0; rows], vec![1.0; rows]);

            let query = Query { values: &[], codes: &factors[..columns], scale: 3e-5, gate: 0.7 };
            let Int8Rows { columns, codes, scales } = &Int8Rows::quantize(&matrix(columns), columns);
            let table = Rows { columns: *columns, codes: codes.signed(), scales, biases: &biases };
            Scalar::score_int8(&table, &query, &mut scalar);
            Simd::score_int8(&table, &query, &mut simd);
            prop_assert_eq!(&scalar, &simd);

            let columns = blocks * BLOCK;
            let query = Query { codes: &factors[..columns], ..query };
            let Int4Rows { columns, codes, scales } = &Int4Rows::quantize(&matrix(columns), columns);
            let table = Rows { columns: *columns, codes, scales, biases: &biases };
            Scalar::score_int4(&table, &query, &mut scalar);
            Simd::score_int4(&table, &query, &mut simd);
            prop_assert_eq!(&scalar, &simd);
        }

        #[test]
        fn sums_of_exponentials_agree(values in prop::collection::vec(-120.0f32..0.0, 1..70), excluded in 0usize..70) {
            let mut values = values;
            if let Some(value) = values.get_mut(excluded) {
                *value = f32::NEG_INFINITY;
            }
            let largest = Scalar::largest(&values);
            prop_assert_eq!(largest, Simd::largest(&values));
            if largest > f32::NEG_INFINITY {
                let (mut expected, mut got) = (values.clone(), values);
                let (scalar, simd) = (Scalar::exp_all(&mut expected, largest), Simd::exp_all(&mut got, largest));
                prop_assert!((scalar - simd).abs() <= 2e-6 * scalar, "{} {}", scalar, simd);
                prop_assert!(expected.iter().zip(&got).all(|(a, b)| (a - b).abs() <= 1e-5 * a + 1e-30));
            }
        }
    }

    proptest! {
        #[test]
        fn gated_values_agree(gates in prop::collection::vec(-120.0f32..120.0, 1..70), seed: u32) {
            let values: Vec<f32> = (0..gates.len()).map(numbers(seed)).collect();
            let (mut expected, mut got) = (values.clone(), values);
            Scalar::gate(&mut expected, &gates);
            Simd::gate(&mut got, &gates);
            prop_assert!(expected.iter().zip(&got).all(|(a, b)| (a - b).abs() <= 1e-5 * a.abs() + 1e-30));
        }
    }

    #[test]
    fn the_largest_sum_fits() {
        let columns = crate::quant::MAX_COLUMNS;
        let query = Query { values: &[], codes: &vec![32767; columns], scale: 1.0, gate: 0.0 };
        let int8 = Rows { columns, codes: &vec![127; 4 * columns], scales: &[1.0; 4], biases: &[0.0; 4] };
        let mut scores = [0.0; 4];
        Simd::score_int8(&int8, &query, &mut scores);
        assert_eq!(scores, [(512 * 127 * 32767) as f32; 4]);
    }

    #[test]
    fn what_is_no_number_shows_in_the_sum() {
        for place in 0..11 {
            let mut values = [0.0; 11];
            values[place] = f32::NAN;
            assert!(Simd::exp_all(&mut values.clone(), 0.0).is_nan(), "{place}");
            let mut gated = [1.0; 11];
            Simd::gate(&mut gated, &values);
            assert!(gated[place].is_nan(), "{place}");
        }
    }
}
