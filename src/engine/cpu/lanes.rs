//! The loops that the CPU kernels are made of, in scalar code and in SIMD.

use crate::quant::{GROUP, NIBBLE_OFFSET};

/// How the inner loops run.
pub trait Lanes: 'static {
    /// `out[row] = <matrix[row], x>` for a row-major matrix `[out.len(), x.len()]`.
    fn multiply(matrix: &[f32], x: &[f32], out: &mut [f32]);
    /// `out[row] = <codes[row], query>`, an exact integer, for int8 rows `[out.len(), query.len()]`.
    fn multiply_int8(codes: &[i8], query: &[i16], out: &mut [i32]);
    /// `out[row] = sum over groups of scales[row, group] * <codes[row, group], query[group]>` for int4 rows as
    /// [`crate::quant::Int4Rows`] lays them out. Each group's sum is an exact integer; groups are added first to last.
    fn multiply_int4(codes: &[u8], scales: &[f32], query: &[i16], out: &mut [f32]);
    /// `out += sum over rows of weights[row] * matrix[row]` for `[weights.len(), out.len()]`.
    fn add_weighted_rows(matrix: &[f32], weights: &[f32], out: &mut [f32]);
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

    fn multiply_int8(codes: &[i8], query: &[i16], out: &mut [i32]) {
        for (value, row) in out.iter_mut().zip(codes.chunks_exact(query.len())) {
            *value = row.iter().zip(query).map(|(&code, &factor)| i32::from(code) * i32::from(factor)).sum();
        }
    }

    fn multiply_int4(codes: &[u8], scales: &[f32], query: &[i16], out: &mut [f32]) {
        let rows = codes.chunks_exact(query.len() / 2).zip(scales.chunks_exact(query.len() / GROUP));
        for (value, (codes, scales)) in out.iter_mut().zip(rows) {
            let groups = codes.chunks_exact(GROUP / 2).zip(query.chunks_exact(GROUP)).zip(scales);
            *value = groups.map(|((codes, query), scale)| scale * group_sum(codes, query) as f32).sum();
        }
    }

    fn add_weighted_rows(matrix: &[f32], weights: &[f32], out: &mut [f32]) {
        for (row, weight) in matrix.chunks_exact(out.len()).zip(weights) {
            for (value, part) in out.iter_mut().zip(row) {
                *value += weight * part;
            }
        }
    }
}

/// One int4 group times its part of the query.
fn group_sum(codes: &[u8], query: &[i16]) -> i32 {
    let (low, high) = query.split_at(GROUP / 2);
    let code = |nibble: u8| i32::from(nibble) - NIBBLE_OFFSET;
    let both = codes.iter().zip(low.iter().zip(high));
    both.map(|(&byte, (&low, &high))| code(byte & 15) * i32::from(low) + code(byte >> 4) * i32::from(high)).sum()
}

/// Several values at once: simd128 in the browser, AVX2 on x86-64 where the CPU has it, else what the compiler
/// makes of plain loops.
#[derive(Clone)]
pub struct Simd;

#[cfg(target_arch = "wasm32")]
mod simd {
    use super::{Lanes, Scalar, Simd};
    use std::arch::wasm32::{
        f32x4_add, f32x4_extract_lane, f32x4_mul, f32x4_splat, i16x8_load_extend_i8x8, i32x4_add, i32x4_dot_i16x8,
        i32x4_extract_lane, i32x4_splat, v128, v128_load, v128_store,
    };

    impl Lanes for Simd {
        fn multiply(matrix: &[f32], x: &[f32], out: &mut [f32]) {
            let columns = x.len();
            for (value, row) in out.iter_mut().zip(matrix.chunks_exact(columns)) {
                let (mut low, mut high) = (f32x4_splat(0.0), f32x4_splat(0.0));
                let (row_parts, row_rest) = row.as_chunks::<8>();
                let (x_parts, x_rest) = x.as_chunks::<8>();
                for (a, b) in row_parts.iter().zip(x_parts) {
                    // SAFETY: each load reads 4 floats inside the arrays of 8; no alignment is needed.
                    unsafe {
                        let (a, b) = (a.as_ptr(), b.as_ptr());
                        low = f32x4_add(low, f32x4_mul(v128_load(a.cast()), v128_load(b.cast())));
                        high = f32x4_add(high, f32x4_mul(v128_load(a.add(4).cast()), v128_load(b.add(4).cast())));
                    }
                }
                let rest: f32 = row_rest.iter().zip(x_rest).map(|(a, b)| a * b).sum();
                *value = sum(f32x4_add(low, high)) + rest;
            }
        }

        fn multiply_int8(codes: &[i8], query: &[i16], out: &mut [i32]) {
            if !query.len().is_multiple_of(16) {
                return Scalar::multiply_int8(codes, query, out);
            }
            let (query, _) = query.as_chunks::<16>();
            for (value, row) in out.iter_mut().zip(codes.chunks_exact(query.len() * 16)) {
                let (mut low, mut high) = (i32x4_splat(0), i32x4_splat(0));
                let (row, _) = row.as_chunks::<16>();
                for (codes, factors) in row.iter().zip(query) {
                    // SAFETY: each load reads 8 codes or 8 factors inside the arrays of 16; no alignment is needed.
                    unsafe {
                        let a = i16x8_load_extend_i8x8(codes.as_ptr());
                        let b = i16x8_load_extend_i8x8(codes.as_ptr().add(8));
                        low = i32x4_add(low, i32x4_dot_i16x8(a, v128_load(factors.as_ptr().cast())));
                        high = i32x4_add(high, i32x4_dot_i16x8(b, v128_load(factors.as_ptr().add(8).cast())));
                    }
                }
                let all = i32x4_add(low, high);
                *value = i32x4_extract_lane::<0>(all)
                    + i32x4_extract_lane::<1>(all)
                    + i32x4_extract_lane::<2>(all)
                    + i32x4_extract_lane::<3>(all);
            }
        }

        fn multiply_int4(codes: &[u8], scales: &[f32], query: &[i16], out: &mut [f32]) {
            Scalar::multiply_int4(codes, scales, query, out);
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
    }

    fn sum(lanes: v128) -> f32 {
        (f32x4_extract_lane::<0>(lanes) + f32x4_extract_lane::<2>(lanes))
            + (f32x4_extract_lane::<1>(lanes) + f32x4_extract_lane::<3>(lanes))
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod simd {
    use super::{Lanes, Scalar, Simd};

    /// Sums kept apart so that the compiler may run them side by side.
    const WIDTH: usize = 16;

    impl Lanes for Simd {
        fn multiply(matrix: &[f32], x: &[f32], out: &mut [f32]) {
            #[cfg(target_arch = "x86_64")]
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                // SAFETY: the CPU has both features.
                return unsafe { avx2::multiply(matrix, x, out) };
            }
            multiply(matrix, x, out);
        }

        fn multiply_int8(codes: &[i8], query: &[i16], out: &mut [i32]) {
            #[cfg(target_arch = "x86_64")]
            if is_x86_feature_detected!("avx2") {
                // SAFETY: the CPU has the feature.
                return unsafe { avx2::multiply_int8(codes, query, out) };
            }
            Scalar::multiply_int8(codes, query, out);
        }

        fn multiply_int4(codes: &[u8], scales: &[f32], query: &[i16], out: &mut [f32]) {
            Scalar::multiply_int4(codes, scales, query, out);
        }

        fn add_weighted_rows(matrix: &[f32], weights: &[f32], out: &mut [f32]) {
            #[cfg(target_arch = "x86_64")]
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                // SAFETY: the CPU has both features.
                return unsafe { avx2::add_weighted_rows(matrix, weights, out) };
            }
            Scalar::add_weighted_rows(matrix, weights, out);
        }
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

    /// The same loops, compiled for wider registers.
    #[cfg(target_arch = "x86_64")]
    mod avx2 {
        use super::{Lanes, Scalar};

        #[target_feature(enable = "avx2,fma")]
        pub fn multiply(matrix: &[f32], x: &[f32], out: &mut [f32]) {
            super::multiply(matrix, x, out);
        }

        #[target_feature(enable = "avx2")]
        pub fn multiply_int8(codes: &[i8], query: &[i16], out: &mut [i32]) {
            Scalar::multiply_int8(codes, query, out);
        }

        #[target_feature(enable = "avx2,fma")]
        pub fn add_weighted_rows(matrix: &[f32], weights: &[f32], out: &mut [f32]) {
            Scalar::add_weighted_rows(matrix, weights, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn close(a: &[f32], b: &[f32]) -> bool {
        a.iter().zip(b).all(|(a, b)| (a - b).abs() <= 1e-4 * (1.0 + a.abs()))
    }

    proptest! {
        #[test]
        fn simd_gives_what_scalar_gives(columns in 1usize..70, rows in 1usize..9, seed: u32) {
            let value = |place: usize| ((place as u32).wrapping_mul(2_654_435_761).wrapping_add(seed) >> 16) as f32 / 32768.0 - 1.0;
            let matrix: Vec<f32> = (0..rows * columns).map(value).collect();
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

            let codes: Vec<i8> = matrix.iter().map(|value| (value * 127.0) as i8).collect();
            let query: Vec<i16> = x.iter().map(|value| (value * 32767.0) as i16).collect();
            let (mut scalar, mut simd) = (vec![0; rows], vec![1; rows]);
            Scalar::multiply_int8(&codes, &query, &mut scalar);
            Simd::multiply_int8(&codes, &query, &mut simd);
            prop_assert_eq!(scalar, simd);
        }
    }

    #[test]
    fn the_largest_sum_fits() {
        let mut out = [0];
        Simd::multiply_int8(&[127; crate::quant::MAX_COLUMNS], &[32767; crate::quant::MAX_COLUMNS], &mut out);
        assert_eq!(out, [512 * 127 * 32767]);
    }
}
