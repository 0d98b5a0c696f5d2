//! The logarithm that features are told in.

use std::f32::consts::{LN_2, SQRT_2};

/// `ln(1 + x)` for x from 0 to 2^126, within 3e-7 of its value; without branches, so that several are taken at once.
///
/// With `1 + x = 2^n (1 + f)` and `1 + f` between the roots of 1/2 and 2, it is `n ln 2 + 2 artanh(s)` where
/// `s = f / (2 + f)`, by the series of artanh. For small x, n is 0 and f is x itself, so nothing cancels.
#[inline(always)]
pub fn ln_1p(x: f32) -> f32 {
    let n = ((1.0 + x).to_bits() as i32).wrapping_sub((SQRT_2 / 2.0).to_bits() as i32) >> 23;
    let down = f32::from_bits(((127 - n) as u32) << 23);
    let f = x * down + (down - 1.0);
    let s = f / (2.0 + f);
    let t = s * s;
    n as f32 * LN_2 + 2.0 * s * (1.0 + t * (1.0 / 3.0 + t * (1.0 / 5.0 + t * (1.0 / 7.0 + t / 9.0))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_logarithm() {
        assert_eq!(ln_1p(0.0), 0.0);
        let largest = 2f32.powi(126);
        for bits in (f32::MIN_POSITIVE.to_bits()..=largest.to_bits()).step_by(97) {
            let x = f32::from_bits(bits);
            let (found, exact) = (f64::from(ln_1p(x)), f64::from(x).ln_1p());
            assert!((found - exact).abs() <= 3e-7 * exact, "{x}: {found}, expected {exact}");
        }
    }
}
