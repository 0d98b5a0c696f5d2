//! int8 per row, symmetric: `value ≈ scale * code`, codes in [-127, 127]. int4 per row of unit length, codes in [-7, 7].
//! Halves (IEEE binary16) where int8 loses too much.
//!
//! A query against such rows is itself coded as int16, so that every product sum is an exact integer:
//! scalar, SIMD and GPU code agree to the bit there, in whatever order they add.

mod codes;
mod squares;

pub use codes::Codes;

/// The largest int8 code used; -128 is left out so that the range is symmetric.
const CODE_LIMIT: f32 = 127.0;

/// The largest int16 code of a query. With 512 columns or fewer the sum stays inside i32: 512 * 127 * 32767 < 2^31.
const QUERY_LIMIT: f32 = 32767.0;

/// The most columns that a quantised row may have, so that no product sum overflows.
pub const MAX_COLUMNS: usize = 512;

/// A matrix of int8 rows, each with its scale.
#[derive(Debug, Clone, PartialEq)]
pub struct Int8Rows {
    /// Values a row.
    pub columns: usize,
    /// `[rows, columns]`, each an `i8`.
    pub codes: Codes,
    /// `[rows]`.
    pub scales: Vec<f32>,
}

impl Int8Rows {
    /// Codes a row-major matrix `[rows, columns]`; each row's scale is its largest magnitude / 127.
    pub fn quantize(values: &[f32], columns: usize) -> Self {
        let mut codes: Vec<i8> = Vec::with_capacity(values.len());
        let mut scales = Vec::with_capacity(values.len() / columns.max(1));
        for row in values.chunks_exact(columns.max(1)) {
            let scale = largest_magnitude(row) / CODE_LIMIT;
            let inverse = if scale > 0.0 { 1.0 / scale } else { 0.0 };
            codes.extend(row.iter().map(|value| (value * inverse).round() as i8));
            scales.push(scale);
        }
        Self { columns, codes: bytemuck::cast_vec::<i8, u8>(codes).into(), scales }
    }

    /// Takes codes of rows of unit length; the scales follow from them.
    pub fn of_unit_length(columns: usize, codes: Codes) -> Self {
        let scales = codes.signed().chunks_exact(columns.max(1)).map(|row| unit_scale(squares::int8(row))).collect();
        Self { columns, codes, scales }
    }

    /// Writes one row's values to `out`, `[columns]`.
    pub fn dequantize_row(&self, row: usize, out: &mut [f32]) {
        let codes = &self.codes.signed()[row * self.columns..(row + 1) * self.columns];
        for (value, &code) in out.iter_mut().zip(codes) {
            *value = self.scales[row] * f32::from(code);
        }
    }

    /// All values, `[rows, columns]`.
    pub fn dequantize(&self) -> Vec<f32> {
        let mut values = vec![0.0; self.codes.len()];
        for (row, out) in values.chunks_exact_mut(self.columns.max(1)).enumerate() {
            self.dequantize_row(row, out);
        }
        values
    }
}

/// Values of an int4 row that lie in 16 bytes.
pub const BLOCK: usize = 32;

/// What an int4 code is stored plus, so that a nibble is never negative.
pub const NIBBLE_OFFSET: i32 = 8;

/// The largest int4 code used: symmetric, as with int8.
const NIBBLE_LIMIT: f32 = 7.0;

/// Scales that are tried for a row, as shares of the one that cuts nothing off.
const SHARES: std::ops::RangeInclusive<u32> = 8..=20;
const WHOLE: f32 = 20.0;

/// A matrix of int4 rows of unit length: each row is a group, and its scale is 1 / the length of its codes.
#[derive(Debug, Clone, PartialEq)]
pub struct Int4Rows {
    /// Values a row: a multiple of [`BLOCK`].
    pub columns: usize,
    /// `[rows, columns / 2]`. A block is 16 bytes: byte `i` holds code `i` in its low and code `i + 16` in its high
    /// nibble, each plus [`NIBBLE_OFFSET`], so that one mask or shift gives 16 neighbouring codes.
    pub codes: Codes,
    /// `[rows]`
    pub scales: Vec<f32>,
}

impl Int4Rows {
    /// Takes codes; the scales follow from them.
    pub fn new(columns: usize, codes: Codes) -> Self {
        let scales = codes.chunks_exact((columns / 2).max(1)).map(|row| unit_scale(squares::int4(row))).collect();
        Self { columns, codes, scales }
    }

    /// Codes the directions of a row-major matrix `[rows, columns]`: of some scales each row has the one whose codes
    /// point most nearly where the row points, which is the least squared error at unit length.
    ///
    /// `columns` must be a multiple of [`BLOCK`].
    pub fn quantize(values: &[f32], columns: usize) -> Self {
        let mut codes: Vec<u8> = Vec::with_capacity(values.len() / 2);
        for row in values.chunks_exact(columns) {
            let scale = best_scale(row);
            for block in row.as_chunks::<BLOCK>().0 {
                let coded = block.map(|value| (nibble(value, scale) + NIBBLE_OFFSET as f32) as u8);
                codes.extend((0..BLOCK / 2).map(|place| coded[place] | coded[place + BLOCK / 2] << 4));
            }
        }
        Self::new(columns, codes.into())
    }

    /// Writes one row's values to `out`, `[columns]`.
    pub fn dequantize_row(&self, row: usize, out: &mut [f32]) {
        let scale = self.scales[row];
        let codes = self.codes[row * self.columns / 2..(row + 1) * self.columns / 2].chunks_exact(BLOCK / 2);
        for (out, codes) in out.chunks_exact_mut(BLOCK).zip(codes) {
            let (low, high) = out.split_at_mut(BLOCK / 2);
            for ((low, high), &byte) in low.iter_mut().zip(high).zip(codes) {
                *low = scale * (i32::from(byte & 15) - NIBBLE_OFFSET) as f32;
                *high = scale * (i32::from(byte >> 4) - NIBBLE_OFFSET) as f32;
            }
        }
    }
}

fn best_scale(row: &[f32]) -> f32 {
    let whole = largest_magnitude(row) / NIBBLE_LIMIT;
    let likeness = |scale: f32| {
        let (mut product, mut square) = (0.0, 0.0);
        for value in row {
            let code = nibble(*value, scale);
            product += value * code;
            square += code * code;
        }
        product / square.sqrt()
    };
    let scales = SHARES.map(|share| whole * share as f32 / WHOLE);
    scales.max_by(|a, b| likeness(*a).total_cmp(&likeness(*b))).unwrap_or(whole)
}

/// A value's code; 0 for a scale of 0.
fn nibble(value: f32, scale: f32) -> f32 {
    let code = if scale > 0.0 { value / scale } else { 0.0 };
    code.round().clamp(-NIBBLE_LIMIT, NIBBLE_LIMIT)
}

/// The scale at which codes with this sum of squares have unit length; 0 for a row of zeros.
fn unit_scale(squares: i32) -> f32 {
    if squares > 0 { 1.0 / (squares as f32).sqrt() } else { 0.0 }
}

/// An IEEE half from a float: the nearest, ties to even; what is too large becomes infinity.
pub fn half_from_f32(value: f32) -> u16 {
    let bits = value.to_bits();
    let sign = (bits >> 16 & 0x8000) as u16;
    let magnitude = f32::from_bits(bits & 0x7fff_ffff);
    if magnitude >= 65520.0 {
        return sign | 0x7c00;
    }
    // Below the smallest normal half, halves are evenly spaced: an addition rounds to that spacing.
    if magnitude < f32::from_bits(0x3880_0000) {
        return sign | ((magnitude + 0.5).to_bits() - 0.5f32.to_bits()) as u16;
    }
    let rounded = magnitude.to_bits() + 0xfff + (magnitude.to_bits() >> 13 & 1);
    sign | ((rounded - (112 << 23)) >> 13) as u16
}

/// A float from an IEEE half, exactly; infinity and NaN come out as infinity.
pub fn f32_from_half(half: u16) -> f32 {
    let sign = u32::from(half & 0x8000) << 16;
    let magnitude = match half & 0x7fff {
        0x7c00.. => f32::INFINITY,
        // A half's exponent begins 112 below: a product moves it there, small halves too.
        bits => f32::from_bits(u32::from(bits) << 13) * f32::from_bits((127 + 112) << 23),
    };
    f32::from_bits(magnitude.to_bits() | sign)
}

/// Codes a query as int16 into `codes` and returns its scale.
pub fn quantize_query(query: &[f32], codes: &mut [i16]) -> f32 {
    let scale = largest_magnitude(query) / QUERY_LIMIT;
    let inverse = if scale > 0.0 { 1.0 / scale } else { 0.0 };
    for (code, value) in codes.iter_mut().zip(query) {
        *code = (value * inverse).round() as i16;
    }
    scale
}

fn largest_magnitude(values: &[f32]) -> f32 {
    values.iter().fold(0.0, |largest, value| value.abs().max(largest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_value_is_off_by_more_than_half_a_step(values in prop::collection::vec(-100.0f32..100.0, 24)) {
            let coded = Int8Rows::quantize(&values, 8);
            for (place, (before, after)) in values.iter().zip(coded.dequantize()).enumerate() {
                prop_assert!((before - after).abs() <= 0.5001 * coded.scales[place / 8]);
            }
        }
    }

    proptest! {
        #[test]
        fn int4_points_where_the_row_points(values in prop::collection::vec(-1.0f32..1.0, 64)) {
            let length = |row: &[f32]| row.iter().map(|value| value * value).sum::<f32>().sqrt();
            let likeness = |other: &[f32]| values.iter().zip(other).map(|(a, b)| a * b).sum::<f32>() / length(&values);
            let mut row = [0.0; 64];
            Int4Rows::quantize(&values, 64).dequantize_row(0, &mut row);
            prop_assert!((length(&row) - 1.0).abs() < 1e-5);
            // No worse than a scale that cuts nothing off.
            let whole = largest_magnitude(&values) / NIBBLE_LIMIT;
            let plain: Vec<f32> = values.iter().map(|value| (value / whole).round()).collect();
            prop_assert!(likeness(&row) >= likeness(&plain) / length(&plain) - 1e-5);
            prop_assert!(likeness(&row) > 0.98);
        }

        #[test]
        fn a_half_is_the_nearest(value in -65504.0f32..65504.0, exponent in 0i32..30) {
            let value = value * 0.5f32.powi(exponent);
            let half = half_from_f32(value);
            let error = |half: u16| (f64::from(f32_from_half(half)) - f64::from(value)).abs();
            prop_assert!(error(half) <= error(half.wrapping_add(1)) && error(half) <= error(half.wrapping_sub(1)));
        }
    }

    #[test]
    fn every_half_comes_back() {
        for half in (0..0x7c00).chain(0x8000..0xfc00) {
            assert_eq!(half_from_f32(f32_from_half(half)), half);
        }
        assert_eq!([1.0, -2.0, 65504.0, 0.5f32.powi(24)].map(half_from_f32), [0x3c00, 0xc000, 0x7bff, 1]);
        // Ties go to the even one, and what is too large is infinite.
        assert_eq!([1.0 + 1.0 / 2048.0, 1.0 + 3.0 / 2048.0].map(half_from_f32), [0x3c00, 0x3c02]);
        assert_eq!([65520.0, f32::INFINITY].map(half_from_f32), [0x7c00; 2]);
        assert_eq!([0x7c00, 0x7e00].map(f32_from_half), [f32::INFINITY; 2]);
    }

    #[test]
    fn a_row_of_zeros_stays_zero() {
        let mut row = [1.0; BLOCK];
        Int4Rows::quantize(&[0.0; BLOCK], BLOCK).dequantize_row(0, &mut row);
        assert_eq!(row, [0.0; BLOCK]);
        assert_eq!(Int8Rows::quantize(&[0.0; 4], 4).dequantize(), [0.0; 4]);
        let mut codes = [1; 4];
        assert_eq!(quantize_query(&[0.0; 4], &mut codes), 0.0);
        assert_eq!(codes, [0; 4]);
    }
}
