//! int8 per row, symmetric: `value ≈ scale * code`, codes in [-127, 127]. int4 per group of a row, codes in [-7, 7].
//!
//! A query against such rows is itself coded as int16, so that every product sum is an exact integer:
//! scalar, SIMD and GPU code agree to the bit there, in whatever order they add.

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
    /// `[rows, columns]`.
    pub codes: Vec<i8>,
    /// `[rows]`.
    pub scales: Vec<f32>,
}

impl Int8Rows {
    /// Codes a row-major matrix `[rows, columns]`; each row's scale is its largest magnitude / 127.
    pub fn quantize(values: &[f32], columns: usize) -> Self {
        let mut codes = Vec::with_capacity(values.len());
        let mut scales = Vec::with_capacity(values.len() / columns.max(1));
        for row in values.chunks_exact(columns.max(1)) {
            let scale = largest_magnitude(row) / CODE_LIMIT;
            let inverse = if scale > 0.0 { 1.0 / scale } else { 0.0 };
            codes.extend(row.iter().map(|value| (value * inverse).round() as i8));
            scales.push(scale);
        }
        Self { columns, codes, scales }
    }

    /// Writes one row's values to `out`, `[columns]`.
    pub fn dequantize_row(&self, row: usize, out: &mut [f32]) {
        let codes = &self.codes[row * self.columns..(row + 1) * self.columns];
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

/// Values of an int4 row that share a scale.
pub const GROUP: usize = 32;

/// What an int4 code is stored plus, so that a nibble is never negative.
pub const NIBBLE_OFFSET: i32 = 8;

/// The largest int4 code used: symmetric, as with int8.
const NIBBLE_LIMIT: f32 = 7.0;

/// Scales that are tried for a group, as shares of the one that cuts nothing off.
const SHARES: std::ops::RangeInclusive<u32> = 12..=20;
const WHOLE: f32 = 20.0;

/// A matrix of int4 rows in groups of [`GROUP`] values, each group with its scale.
#[derive(Debug, Clone, PartialEq)]
pub struct Int4Rows {
    /// Values a row: a multiple of [`GROUP`].
    pub columns: usize,
    /// `[rows, columns / 2]`. A group is 16 bytes: byte `i` holds code `i` in its low and code `i + 16` in its high
    /// nibble, each plus [`NIBBLE_OFFSET`], so that one mask or shift gives 16 neighbouring codes.
    pub codes: Vec<u8>,
    /// `[rows, columns / GROUP]`
    pub scales: Vec<f32>,
}

impl Int4Rows {
    /// Codes a row-major matrix `[rows, columns]`; each group has the scale that of some gives the least squared error.
    ///
    /// `columns` must be a multiple of [`GROUP`].
    pub fn quantize(values: &[f32], columns: usize) -> Self {
        let mut codes = Vec::with_capacity(values.len() / 2);
        let mut scales = Vec::with_capacity(values.len() / GROUP);
        for group in values.as_chunks::<GROUP>().0 {
            let scale = best_scale(group);
            let coded = group.map(|value| (nibble(value, scale) + NIBBLE_OFFSET as f32) as u8);
            codes.extend((0..GROUP / 2).map(|place| coded[place] | coded[place + GROUP / 2] << 4));
            scales.push(scale);
        }
        Self { columns, codes, scales }
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.scales.len() * GROUP / self.columns.max(1)
    }

    /// Writes one row's values to `out`, `[columns]`.
    pub fn dequantize_row(&self, row: usize, out: &mut [f32]) {
        let groups = self.columns / GROUP;
        let codes = self.codes[row * self.columns / 2..(row + 1) * self.columns / 2].chunks_exact(GROUP / 2);
        let scales = &self.scales[row * groups..(row + 1) * groups];
        for ((out, codes), scale) in out.chunks_exact_mut(GROUP).zip(codes).zip(scales) {
            let (low, high) = out.split_at_mut(GROUP / 2);
            for ((low, high), &byte) in low.iter_mut().zip(high).zip(codes) {
                *low = scale * (i32::from(byte & 15) - NIBBLE_OFFSET) as f32;
                *high = scale * (i32::from(byte >> 4) - NIBBLE_OFFSET) as f32;
            }
        }
    }
}

fn best_scale(group: &[f32; GROUP]) -> f32 {
    let whole = largest_magnitude(group) / NIBBLE_LIMIT;
    let error = |scale: f32| -> f32 { group.iter().map(|value| (value - scale * nibble(*value, scale)).powi(2)).sum() };
    let scales = SHARES.map(|share| whole * share as f32 / WHOLE);
    scales.min_by(|a, b| error(*a).total_cmp(&error(*b))).unwrap_or(whole)
}

/// A value's code; 0 for a scale of 0.
fn nibble(value: f32, scale: f32) -> f32 {
    let code = if scale > 0.0 { value / scale } else { 0.0 };
    code.round().clamp(-NIBBLE_LIMIT, NIBBLE_LIMIT)
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
        fn int4_loses_less_than_cutting_nothing_off_would(values in prop::collection::vec(-1.0f32..1.0, 128)) {
            let coded = Int4Rows::quantize(&values, 64);
            let mut row = [0.0; 64];
            for (number, before) in values.chunks_exact(64).enumerate() {
                coded.dequantize_row(number, &mut row);
                for (before, after) in before.chunks_exact(GROUP).zip(row.chunks_exact(GROUP)) {
                    let whole = largest_magnitude(before) / NIBBLE_LIMIT;
                    let error: f32 = before.iter().zip(after).map(|(before, after)| (before - after).powi(2)).sum();
                    let plain: f32 = before.iter().map(|value| (value - whole * (value / whole).round()).powi(2)).sum();
                    prop_assert!(error <= plain + 1e-6, "{error} {plain}");
                }
            }
        }
    }

    #[test]
    fn a_row_of_zeros_stays_zero() {
        let mut row = [1.0; GROUP];
        Int4Rows::quantize(&[0.0; GROUP], GROUP).dequantize_row(0, &mut row);
        assert_eq!(row, [0.0; GROUP]);
        assert_eq!(Int8Rows::quantize(&[0.0; 4], 4).dequantize(), [0.0; 4]);
        let mut codes = [1; 4];
        assert_eq!(quantize_query(&[0.0; 4], &mut codes), 0.0);
        assert_eq!(codes, [0; 4]);
    }
}
