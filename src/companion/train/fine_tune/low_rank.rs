//! LoRA: each matrix stays as it was, and a product of two narrow ones is added to it (Hu et al. 2021, arXiv 2106.09685).
//!
//! Gradients of whole matrices are there anyway, so that those of the two follow from them: for `W + U S D`, with S diagonal,
//! `dU = dW (S D)^T`, `dD = S U^T dW` and `dS = diag(U^T dW D^T)`.

use crate::companion::train::random::{Purpose, stream};
use crate::companion::train::vector::{add_scaled, dot};
use crate::format::{Block, LowRank, Matrix, Weights};
use rand::{Rng, RngExt};

/// What the product is multiplied with, which the paper calls alpha over r.
const SCALE: f32 = 2.0;

/// Nothing is added at first: `up` is zero.
pub fn begin(blocks: &[Block], rank: usize, seed: u64) -> Vec<LowRank> {
    shapes(blocks, rank, seed, |rng, block, part, [rows, columns, rank]| LowRank {
        block,
        part,
        down: uniform(rng, rank, columns, (3.0 / columns as f32).sqrt()),
        up: Matrix::zeros(rows, rank),
        scale: vec![SCALE; rank],
    })
}

/// One for each matrix of the blocks, of no more than its rank.
pub fn shapes<R>(
    blocks: &[Block],
    rank: usize,
    seed: u64,
    mut one: impl FnMut(&mut rand_chacha::ChaCha8Rng, usize, usize, [usize; 3]) -> R,
) -> Vec<R> {
    let mut rng = stream(seed, Purpose::LowRank, 0, 0);
    let mut all = Vec::new();
    for (block, parts) in blocks.iter().map(Block::parts).enumerate() {
        for (part, (_, matrix)) in parts.into_iter().enumerate().filter(|(_, (_, matrix))| !matrix.is_vector()) {
            let (rows, columns) = (matrix.rows(), matrix.columns);
            all.push(one(&mut rng, block, part, [rows, columns, rank.min(rows).min(columns)]));
        }
    }
    all
}

pub fn uniform(rng: &mut impl Rng, rows: usize, columns: usize, most: f32) -> Matrix {
    let draw = |_| most * (2.0 * rng.random::<f32>() - 1.0);
    Matrix { columns, values: (0..rows * columns).map(draw).collect() }
}

/// Adds each to its matrix.
pub fn add(low_rank: &[LowRank], blocks: &mut [Block]) {
    for one in low_rank {
        let (_, matrix) = blocks[one.block].parts_mut().swap_remove(one.part);
        one.add_to(matrix);
    }
}

/// From the gradients of the whole matrices to those of what is added.
pub fn backward(low_rank: &[LowRank], gradient: &mut Weights) {
    let Weights { blocks, low_rank: gradients, .. } = gradient;
    for (one, gradient) in low_rank.iter().zip(gradients) {
        let (_, whole) = blocks[one.block].parts().swap_remove(one.part);
        let rank = one.scale.len();
        gradient.down.values.fill(0.0);
        gradient.scale.fill(0.0);
        for (row, error) in whole.values.chunks_exact(whole.columns).enumerate() {
            for direction in 0..rank {
                let up = one.up.row(row)[direction];
                let along = dot(error, one.down.row(direction));
                gradient.up.row_mut(row)[direction] = one.scale[direction] * along;
                gradient.scale[direction] += up * along;
                add_scaled(gradient.down.row_mut(direction), error, one.scale[direction] * up);
            }
        }
    }
}
