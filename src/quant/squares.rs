//! Sums of squared codes: a model has as many to take at load as it has weights, so the browser takes 16 at once.

use super::NIBBLE_OFFSET;

/// The sum over int8 codes.
pub fn int8(codes: &[i8]) -> i32 {
    let (sum, rest) = whole_parts(codes);
    sum + rest.iter().map(|&code| i32::from(code).pow(2)).sum::<i32>()
}

#[cfg(not(target_arch = "wasm32"))]
fn whole_parts(codes: &[i8]) -> (i32, &[i8]) {
    (0, codes)
}

/// The sum over int4 codes, two a byte.
#[cfg(not(target_arch = "wasm32"))]
pub fn int4(codes: &[u8]) -> i32 {
    let square = |nibble: u8| (i32::from(nibble) - NIBBLE_OFFSET).pow(2);
    codes.iter().map(|&both| square(both & 15) + square(both >> 4)).sum()
}

#[cfg(target_arch = "wasm32")]
pub use simd::int4;
#[cfg(target_arch = "wasm32")]
use simd::whole_parts;

#[cfg(target_arch = "wasm32")]
mod simd {
    use super::NIBBLE_OFFSET;
    use std::arch::wasm32::{
        i8x16_splat, i8x16_sub, i16x8_extend_high_i8x16, i16x8_extend_low_i8x16, i32x4_add, i32x4_dot_i16x8,
        i32x4_extract_lane, i32x4_splat, u8x16_shr, u8x16_splat, v128, v128_and, v128_load,
    };

    pub fn whole_parts(codes: &[i8]) -> (i32, &[i8]) {
        let (parts, rest) = codes.as_chunks::<16>();
        // SAFETY: the array holds what is loaded; no alignment is needed.
        let sums =
            parts.iter().fold(i32x4_splat(0), |sums, part| add(sums, unsafe { v128_load(part.as_ptr().cast()) }));
        (across(sums), rest)
    }

    pub fn int4(codes: &[u8]) -> i32 {
        let sums = codes.as_chunks::<16>().0.iter().fold(i32x4_splat(0), |sums, part| {
            // SAFETY: the array holds what is loaded; no alignment is needed.
            let both = unsafe { v128_load(part.as_ptr().cast()) };
            let code = |nibbles| i8x16_sub(nibbles, i8x16_splat(NIBBLE_OFFSET as i8));
            add(add(sums, code(v128_and(both, u8x16_splat(15)))), code(u8x16_shr(both, 4)))
        });
        across(sums)
    }

    #[inline(always)]
    fn add(sums: v128, codes: v128) -> v128 {
        let (low, high) = (i16x8_extend_low_i8x16(codes), i16x8_extend_high_i8x16(codes));
        i32x4_add(sums, i32x4_add(i32x4_dot_i16x8(low, low), i32x4_dot_i16x8(high, high)))
    }

    fn across(sums: v128) -> i32 {
        i32x4_extract_lane::<0>(sums)
            + i32x4_extract_lane::<1>(sums)
            + i32x4_extract_lane::<2>(sums)
            + i32x4_extract_lane::<3>(sums)
    }
}
