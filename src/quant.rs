//! int8 per row, symmetric: `value ≈ scale * code`, codes in [-127, 127].
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

    #[test]
    fn a_row_of_zeros_stays_zero() {
        assert_eq!(Int8Rows::quantize(&[0.0; 4], 4).dequantize(), [0.0; 4]);
        let mut codes = [1; 4];
        assert_eq!(quantize_query(&[0.0; 4], &mut codes), 0.0);
        assert_eq!(codes, [0; 4]);
    }
}
