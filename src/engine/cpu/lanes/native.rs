//! Outside the browser: loops that the compiler turns into SIMD, and AVX2 by hand where it would not.

use super::{LOWEST, Lanes, ROUND, SERIES, Scalar, Simd, score_int4_rows, score_int8_rows};
use crate::engine::cpu::score::{Query, Rows};
use std::f32::consts::LOG2_E;

/// Sums kept apart so that the compiler may run them side by side.
const WIDTH: usize = 16;

/// Runs the same loop compiled for AVX2 where the CPU has it.
macro_rules! with_avx2 {
    ($name:ident($($argument:expr),*), else $plain:expr) => {{
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            // SAFETY: the CPU has both features.
            return unsafe { avx2::$name($($argument),*) };
        }
        $plain
    }};
}

impl Lanes for Simd {
    fn multiply(matrix: &[f32], x: &[f32], out: &mut [f32]) {
        with_avx2!(multiply(matrix, x, out), else multiply(matrix, x, out));
    }

    fn add_weighted_rows(matrix: &[f32], weights: &[f32], out: &mut [f32]) {
        with_avx2!(add_weighted_rows(matrix, weights, out), else Scalar::add_weighted_rows(matrix, weights, out));
    }

    fn score_int8(rows: &Rows<'_, i8>, query: &Query<'_>, scores: &mut [f32]) {
        with_avx2!(score_int8(rows, query, scores), else Scalar::score_int8(rows, query, scores));
    }

    fn score_int4(rows: &Rows<'_, u8>, query: &Query<'_>, scores: &mut [f32]) {
        with_avx2!(score_int4(rows, query, scores), else Scalar::score_int4(rows, query, scores));
    }

    fn largest(values: &[f32]) -> f32 {
        with_avx2!(largest(values), else largest(values))
    }

    fn exp_all(values: &mut [f32], largest: f32) -> f32 {
        with_avx2!(exp_all(values, largest), else exp_all(values, largest))
    }

    fn gate(values: &mut [f32], gates: &[f32]) {
        with_avx2!(gate(values, gates), else gate(values, gates));
    }
}

/// exp for values at most 0, without libm (relative error below 2e-7 near 0, 1e-6 at -20, and never below exp(-86));
/// NaN for NaN.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    // A NaN is not below, and stays.
    let x = if x < LOWEST { LOWEST } else { x } * LOG2_E;
    let shifted = x + ROUND;
    let rest = x - (shifted - ROUND);
    let series = SERIES.iter().fold(0.0, |sum, factor| sum * rest + factor);
    // n goes into the exponent.
    f32::from_bits(series.to_bits().wrapping_add(shifted.to_bits() << 23))
}

#[inline(always)]
fn multiply(matrix: &[f32], x: &[f32], out: &mut [f32]) {
    let (x_parts, x_rest) = x.as_chunks::<WIDTH>();
    for (value, row) in out.iter_mut().zip(matrix.chunks_exact(x.len())) {
        let mut sums = [0.0; WIDTH];
        let (row_parts, row_rest) = row.as_chunks::<WIDTH>();
        for (a, b) in row_parts.iter().zip(x_parts) {
            for lane in 0..WIDTH {
                sums[lane] += a[lane] * b[lane];
            }
        }
        let rest: f32 = row_rest.iter().zip(x_rest).map(|(a, b)| a * b).sum();
        *value = sum(sums) + rest;
    }
}

#[inline(always)]
fn largest(values: &[f32]) -> f32 {
    let larger = |a: f32, b: f32| if b > a { b } else { a };
    let mut lanes = [f32::NEG_INFINITY; WIDTH];
    let (parts, rest) = values.as_chunks::<WIDTH>();
    for part in parts {
        for lane in 0..WIDTH {
            lanes[lane] = larger(lanes[lane], part[lane]);
        }
    }
    lanes.iter().chain(rest).copied().fold(f32::NEG_INFINITY, larger)
}

#[inline(always)]
fn exp_all(values: &mut [f32], largest: f32) -> f32 {
    let mut sums = [0.0; WIDTH];
    let (parts, rest) = values.as_chunks_mut::<WIDTH>();
    for part in parts {
        for lane in 0..WIDTH {
            part[lane] = exp(part[lane] - largest);
            sums[lane] += part[lane];
        }
    }
    rest.iter_mut().for_each(|value| *value = exp(*value - largest));
    sum(sums) + rest.iter().sum::<f32>()
}

#[inline(always)]
fn gate(values: &mut [f32], gates: &[f32]) {
    for (value, gate) in values.iter_mut().zip(gates) {
        let power = exp(-gate.abs());
        *value *= if *gate < 0.0 { power } else { 1.0 } / (1.0 + power);
    }
}

/// By halves, so that no addition waits for all the others.
#[inline(always)]
fn sum(mut sums: [f32; WIDTH]) -> f32 {
    let mut half = WIDTH / 2;
    while half > 0 {
        for lane in 0..half {
            sums[lane] += sums[lane + half];
        }
        half /= 2;
    }
    sums[0]
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use super::super::offset;
    use super::{Lanes, Query, Rows, Scalar, score_int4_rows, score_int8_rows};
    use std::arch::x86_64::{
        __m128, __m128i, __m256i, _MM_HINT_T0, _mm_add_epi32, _mm_add_ps, _mm_and_si128, _mm_cvtepi32_ps, _mm_loadu_ps,
        _mm_loadu_si128, _mm_mul_ps, _mm_prefetch, _mm_set1_epi8, _mm_set1_epi32, _mm_set1_ps, _mm_srli_epi16,
        _mm_storeu_ps, _mm_sub_epi32, _mm256_add_epi32, _mm256_castsi256_si128, _mm256_cvtepi8_epi16,
        _mm256_extracti128_si256, _mm256_hadd_epi32, _mm256_loadu_si256, _mm256_madd_epi16, _mm256_setzero_si256,
    };

    /// How many bytes ahead int8 rows are fetched: a page of memory.
    const AHEAD: usize = 4096;

    #[target_feature(enable = "avx2,fma")]
    pub fn multiply(matrix: &[f32], x: &[f32], out: &mut [f32]) {
        super::multiply(matrix, x, out);
    }

    #[target_feature(enable = "avx2,fma")]
    pub fn add_weighted_rows(matrix: &[f32], weights: &[f32], out: &mut [f32]) {
        Scalar::add_weighted_rows(matrix, weights, out);
    }

    #[target_feature(enable = "avx2,fma")]
    pub fn largest(values: &[f32]) -> f32 {
        super::largest(values)
    }

    #[target_feature(enable = "avx2,fma")]
    pub fn exp_all(values: &mut [f32], largest: f32) -> f32 {
        super::exp_all(values, largest)
    }

    #[target_feature(enable = "avx2,fma")]
    pub fn gate(values: &mut [f32], gates: &[f32]) {
        super::gate(values, gates);
    }

    /// Four rows at a time, which share the last additions.
    #[target_feature(enable = "avx2,fma")]
    pub fn score_int8(rows: &Rows<'_, i8>, query: &Query<'_>, scores: &mut [f32]) {
        let columns = rows.columns;
        let mut done = 0;
        if columns.is_multiple_of(16) {
            let (parts, _) = query.codes.as_chunks::<16>();
            for (place, codes) in rows.codes.chunks_exact(4 * columns).enumerate().take(scores.len() / 4) {
                fetch_ahead(codes);
                let mut sums = [_mm256_setzero_si256(); 4];
                for (part, factors) in parts.iter().enumerate() {
                    let factors = load(factors);
                    for (row, sum) in sums.iter_mut().enumerate() {
                        // SAFETY: 16 codes from there on are inside the four rows; no alignment is needed.
                        let codes = unsafe { _mm_loadu_si128(codes.as_ptr().add(row * columns + 16 * part).cast()) };
                        *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(_mm256_cvtepi8_epi16(codes), factors));
                    }
                }
                finish(across(sums), rows, query, scores, 4 * place);
                done = 4 * place + 4;
            }
        }
        let all = scores.len();
        score_int8_rows(rows, query, scores, done..all);
    }

    /// Four rows at a time, as with int8.
    #[target_feature(enable = "avx2,fma")]
    pub fn score_int4(rows: &Rows<'_, u8>, query: &Query<'_>, scores: &mut [f32]) {
        let bytes = rows.columns / 2;
        let offset = _mm_set1_epi32(offset(query.codes));
        let (parts, _) = query.codes.as_chunks::<16>();
        let nibbles = _mm_set1_epi8(15);
        let mut done = 0;
        for (place, codes) in rows.codes.chunks_exact(4 * bytes).enumerate().take(scores.len() / 4) {
            let mut sums = [_mm256_setzero_si256(); 4];
            for (block, factors) in parts.as_chunks::<2>().0.iter().enumerate() {
                let (low_factors, high_factors) = (load(&factors[0]), load(&factors[1]));
                for (row, sum) in sums.iter_mut().enumerate() {
                    // SAFETY: 16 bytes from there on are inside the four rows; no alignment is needed.
                    let both = unsafe { _mm_loadu_si128(codes.as_ptr().add(row * bytes + 16 * block).cast()) };
                    let low = _mm256_cvtepi8_epi16(_mm_and_si128(both, nibbles));
                    let high = _mm256_cvtepi8_epi16(_mm_and_si128(_mm_srli_epi16::<4>(both), nibbles));
                    let products =
                        _mm256_add_epi32(_mm256_madd_epi16(low, low_factors), _mm256_madd_epi16(high, high_factors));
                    *sum = _mm256_add_epi32(*sum, products);
                }
            }
            finish(_mm_sub_epi32(across(sums), offset), rows, query, scores, 4 * place);
            done = 4 * place + 4;
        }
        let all = scores.len();
        score_int4_rows(rows, query, scores, done..all);
    }

    /// Has what lies [`AHEAD`] of these codes brought into the cache: the processor's own fetching stops at each page's end, so that
    /// memory and products would hardly overlap.
    #[target_feature(enable = "avx2")]
    fn fetch_ahead(codes: &[i8]) {
        const LINE: usize = 64;
        let first = codes.as_ptr().wrapping_add(AHEAD);
        for line in (0..codes.len()).step_by(LINE) {
            // It may lie outside: nothing is read where there is no memory.
            _mm_prefetch::<_MM_HINT_T0>(first.wrapping_add(line));
        }
    }

    #[target_feature(enable = "avx2")]
    fn load(factors: &[i16; 16]) -> __m256i {
        // SAFETY: the array holds what is loaded; no alignment is needed.
        unsafe { _mm256_loadu_si256(factors.as_ptr().cast()) }
    }

    /// Each row's sum over its lanes.
    #[target_feature(enable = "avx2")]
    fn across([a, b, c, d]: [__m256i; 4]) -> __m128i {
        let halves = _mm256_hadd_epi32(_mm256_hadd_epi32(a, b), _mm256_hadd_epi32(c, d));
        _mm_add_epi32(_mm256_castsi256_si128(halves), _mm256_extracti128_si256::<1>(halves))
    }

    #[target_feature(enable = "avx2")]
    fn four(values: &[f32], start: usize) -> __m128 {
        let four = &values[start..start + 4];
        // SAFETY: the slice holds four floats; no alignment is needed.
        unsafe { _mm_loadu_ps(four.as_ptr()) }
    }

    /// Scales four sums, adds the popularity term and stores four scores.
    #[target_feature(enable = "avx2")]
    fn finish<T>(sums: __m128i, rows: &Rows<'_, T>, query: &Query<'_>, scores: &mut [f32], start: usize) {
        let scales = _mm_mul_ps(_mm_set1_ps(query.scale), four(rows.scales, start));
        let values = _mm_mul_ps(_mm_cvtepi32_ps(sums), scales);
        let values = _mm_add_ps(values, _mm_mul_ps(_mm_set1_ps(query.gate), four(rows.biases, start)));
        let scores = &mut scores[start..start + 4];
        // SAFETY: the slice holds four floats; no alignment is needed.
        unsafe { _mm_storeu_ps(scores.as_mut_ptr(), values) };
    }
}
