//! A change of a matrix that is a product of two narrow ones (LoRA, Hu et al. 2021, arXiv 2106.09685).

use super::weights::Matrix;

/// What is added to one matrix of one block: `up * diag(scale) * down`.
#[derive(Debug, Clone, PartialEq)]
pub struct LowRank {
    /// The block's number.
    pub block: usize,
    /// The matrix' place among the block's parts.
    pub part: usize,
    /// `[rank, columns]`
    pub down: Matrix,
    /// `[rows, rank]`
    pub up: Matrix,
    /// `[rank]`
    pub scale: Vec<f32>,
}

impl LowRank {
    /// Adds it to the matrix, `[rows, columns]`.
    pub fn add_to(&self, matrix: &mut Matrix) {
        for (row, up) in
            matrix.values.chunks_exact_mut(matrix.columns.max(1)).zip(self.up.values.chunks_exact(self.scale.len()))
        {
            for ((up, scale), down) in up.iter().zip(&self.scale).zip(self.down.values.chunks_exact(self.down.columns))
            {
                let factor = up * scale;
                row.iter_mut().zip(down).for_each(|(value, down)| *value += factor * down);
            }
        }
    }
}
