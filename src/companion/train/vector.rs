//! Sums and products of plain rows: training's inner loops.

pub use crate::engine::cpu::exp;
use gemm::{Parallelism, gemm};

/// Runs loops compiled for the widest registers that the CPU has. They are a function of the operands named first; what they
/// call must be `#[inline(always)]`.
///
/// A function and not a closure, since the compiler does not put a large closure into a function with other registers.
macro_rules! wide {
    ([$($name:ident: $kind:ty = $operand:expr),+ $(,)?] $(-> $out:ty)? $loops:block) => {{
        #[cfg_attr(target_arch = "x86_64", target_feature(enable = "avx2,fma"))]
        unsafe fn with_avx2($($name: $kind),+) $(-> $out)? $loops
        fn without($($name: $kind),+) $(-> $out)? $loops
        if crate::companion::train::vector::has_avx2() {
            // SAFETY: the CPU has both features.
            unsafe { with_avx2($($operand),+) }
        } else {
            without($($operand),+)
        }
    }};
}
pub(crate) use wide;

/// Whether the CPU has AVX2 and multiplies and adds in one.
pub fn has_avx2() -> bool {
    #[cfg(target_arch = "x86_64")]
    let found = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
    #[cfg(not(target_arch = "x86_64"))]
    let found = false;
    found
}

/// The sum of products, in eight lanes.
#[inline(always)]
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    let (a_parts, a_rest) = a.as_chunks::<8>();
    let (b_parts, b_rest) = b.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for (a, b) in a_parts.iter().zip(b_parts) {
        for lane in 0..8 {
            sums[lane] += a[lane] * b[lane];
        }
    }
    // One after the other: sums in pairs make the compiler give up the wide registers.
    sums.iter().sum::<f32>() + a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f32>()
}

/// The products of one row with four others, as long.
#[inline(always)]
pub fn dots(row: &[f32], others: [&[f32]; 4]) -> [f32; 4] {
    assert!(others.iter().all(|other| other.len() == row.len()), "rows are as long as each other");
    #[cfg(target_arch = "x86_64")]
    if has_avx2() {
        // SAFETY: the CPU has both features.
        return unsafe { dots_with_avx2(row, others) };
    }
    others.map(|other| dot(row, other))
}

/// Written out, since of the plain loop the compiler made scalar code or not, by what stood around it.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
#[inline]
fn dots_with_avx2(row: &[f32], others: [&[f32]; 4]) -> [f32; 4] {
    use std::arch::x86_64::*;
    let (parts, rest) = row.as_chunks::<8>();
    let others = others.map(|other| other.as_chunks::<8>());
    let mut sums = [_mm256_setzero_ps(); 4];
    for (place, part) in parts.iter().enumerate() {
        // SAFETY: eight numbers are read from an array of eight.
        let load = |values: &[f32; 8]| unsafe { _mm256_loadu_ps(values.as_ptr()) };
        let part = load(part);
        for (sum, (other, _)) in sums.iter_mut().zip(&others) {
            *sum = _mm256_fmadd_ps(part, load(&other[place]), *sum);
        }
    }
    let [a, b, c, d] = sums;
    let halves = _mm256_hadd_ps(_mm256_hadd_ps(a, b), _mm256_hadd_ps(c, d));
    let sum = _mm_add_ps(_mm256_castps256_ps128(halves), _mm256_extractf128_ps::<1>(halves));
    let mut products = [0.0; 4];
    // SAFETY: four numbers are written to an array of four.
    unsafe { _mm_storeu_ps(products.as_mut_ptr(), sum) };
    for (product, (_, other)) in products.iter_mut().zip(others) {
        *product += rest.iter().zip(other).map(|(a, b)| a * b).sum::<f32>();
    }
    products
}

/// The sum of squares.
#[inline(always)]
pub fn squared(values: &[f32]) -> f64 {
    let (parts, rest) = values.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for part in parts {
        for lane in 0..8 {
            sums[lane] += f64::from(part[lane]) * f64::from(part[lane]);
        }
    }
    sums.iter().sum::<f64>() + rest.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>()
}

/// The largest value; minus infinity where there is none.
#[inline(always)]
pub fn largest(values: &[f32]) -> f32 {
    let larger = |a: f32, b: f32| if a > b { a } else { b };
    let (parts, rest) = values.as_chunks::<8>();
    let mut lanes = [f32::NEG_INFINITY; 8];
    for part in parts {
        for lane in 0..8 {
            lanes[lane] = larger(lanes[lane], part[lane]);
        }
    }
    lanes.iter().chain(rest).copied().fold(f32::NEG_INFINITY, larger)
}

/// Takes `shift` from each value and the exponential of the rest; gives their sum.
#[inline(always)]
pub fn exponentials(values: &mut [f32], shift: f32) -> f32 {
    values.iter_mut().for_each(|value| *value = exp(*value - shift));
    let (parts, rest) = values.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for part in parts {
        for lane in 0..8 {
            sums[lane] += part[lane];
        }
    }
    sums.iter().chain(rest).sum()
}

/// `out += factor * row`.
#[inline(always)]
pub fn add_scaled(out: &mut [f32], row: &[f32], factor: f32) {
    for (value, part) in out.iter_mut().zip(row) {
        *value += factor * part;
    }
}

/// The logistic function.
#[inline(always)]
pub fn sigmoid(x: f32) -> f32 {
    let small = exp(-x.abs());
    (if x < 0.0 { small } else { 1.0 }) / (1.0 + small)
}

/// The hyperbolic tangent.
#[inline(always)]
pub fn tanh(x: f32) -> f32 {
    let small = exp(-2.0 * x.abs());
    ((1.0 - small) / (1.0 + small)).copysign(x)
}

/// `out [m, n] (+)= a [m, k] * b [k, n]`; `out` is row-major, strides of `a` and `b` are (row, column).
pub fn multiply(
    [m, n, k]: [usize; 3],
    out: &mut [f32],
    a: &[f32],
    a_strides: [usize; 2],
    b: &[f32],
    b_strides: [usize; 2],
    accumulate: bool,
) {
    if k == 0 && !accumulate {
        out[..m * n].fill(0.0);
    }
    if m * n * k == 0 {
        return;
    }
    let last = |rows: usize, columns: usize, strides: [usize; 2]| (rows - 1) * strides[0] + (columns - 1) * strides[1];
    assert!(
        out.len() >= m * n && a.len() > last(m, k, a_strides) && b.len() > last(k, n, b_strides),
        "operands hold [{m}, {k}] x [{k}, {n}]"
    );
    // SAFETY: the lengths above cover every place that dimensions and strides reach.
    unsafe {
        gemm(
            m,
            n,
            k,
            out.as_mut_ptr(),
            1,
            n as isize,
            accumulate,
            a.as_ptr(),
            a_strides[1] as isize,
            a_strides[0] as isize,
            b.as_ptr(),
            b_strides[1] as isize,
            b_strides[0] as isize,
            1.0,
            1.0,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_products_are_those_of_each() {
        for len in [0, 3, 8, 21, 64] {
            let row =
                |seed: usize| -> Vec<f32> { (0..len).map(|at| ((at * 7 + seed * 13) % 11) as f32 - 5.0).collect() };
            let others = [row(1), row(2), row(3), row(4)];
            let found = dots(&row(0), [&others[0], &others[1], &others[2], &others[3]]);
            assert_eq!(found, [0, 1, 2, 3].map(|other: usize| dot(&row(0), &others[other])), "{len}");
        }
    }
}
