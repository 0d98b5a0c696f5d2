//! Whole rows, forward and backward, for the encoders that are written out by hand.

use super::super::buffer::Buffer;
use super::super::vector::{add_scaled, dot, multiply, wide};
use crate::engine::cpu::RMS_EPSILON;

/// `x [rows, in]` times a matrix `[out, in]`.
pub fn linear(x: &[f32], matrix: &[f32], inner: usize) -> Buffer {
    let (rows, outer) = (x.len() / inner, matrix.len() / inner);
    let mut out = Buffer::stale(rows * outer);
    multiply([rows, outer, inner], &mut out, x, [inner, 1], matrix, [1, inner], false);
    out
}

/// From the gradient of [`linear`]'s result: adds the matrix's to `matrix_gradient` and gives that of `x`.
pub fn linear_backward(
    x: &[f32],
    matrix: &[f32],
    inner: usize,
    gradient: &[f32],
    matrix_gradient: &mut [f32],
) -> Buffer {
    let (rows, outer) = (x.len() / inner, matrix.len() / inner);
    multiply([outer, inner, rows], matrix_gradient, gradient, [1, outer], x, [inner, 1], true);
    let mut x_gradient = Buffer::stale(x.len());
    multiply([rows, inner, outer], &mut x_gradient, gradient, [outer, 1], matrix, [inner, 1], false);
    x_gradient
}

/// Multiplies by a dropout mask, where there is one.
pub fn apply(mask: &Option<Buffer>, values: &mut [f32]) {
    if let Some(mask) = mask {
        values.iter_mut().zip(mask.iter()).for_each(|(value, keep)| *value *= keep);
    }
}

/// Each row by its root mean square, times `weight`.
pub fn norm(x: &[f32], weight: &[f32]) -> Buffer {
    let mut normed = Buffer::copy_of(x);
    wide!([normed: &mut [f32] = &mut normed, weight: &[f32] = weight] {
        for row in normed.chunks_exact_mut(weight.len()) {
            let factor = norm_factor(row);
            row.iter_mut().zip(weight).for_each(|(value, weight)| *value *= factor * weight);
        }
    });
    normed
}

/// From the gradient of the normed rows to those of `x` and of the weight, which are added to.
pub fn norm_backward(x: &[f32], weight: &[f32], gradient: &[f32], x_gradient: &mut [f32], weight_gradient: &mut [f32]) {
    wide!([x: &[f32] = x,
           weight: &[f32] = weight,
           gradient: &[f32] = gradient,
           x_gradient: &mut [f32] = x_gradient,
           weight_gradient: &mut [f32] = weight_gradient] {
        let hidden = weight.len();
        let rows = x.chunks_exact(hidden).zip(gradient.chunks_exact(hidden)).zip(x_gradient.chunks_exact_mut(hidden));
        let mut weighed = vec![0.0; hidden];
        for ((row, gradient), x_gradient) in rows {
            let factor = norm_factor(row);
            weighed.iter_mut().zip(gradient).zip(weight).for_each(|((weighed, a), b)| *weighed = a * b);
            let pull = dot(&weighed, row) * factor * factor * factor / hidden as f32;
            add_scaled(x_gradient, &weighed, factor);
            add_scaled(x_gradient, row, -pull);
            for ((sum, value), gradient) in weight_gradient.iter_mut().zip(row).zip(gradient) {
                *sum += factor * gradient * value;
            }
        }
    });
}

/// One over the root mean square.
#[inline(always)]
fn norm_factor(row: &[f32]) -> f32 {
    1.0 / (dot(row, row) / row.len() as f32 + RMS_EPSILON).sqrt()
}
