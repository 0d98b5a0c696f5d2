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
        let mut up = self.up.clone();
        for row in up.values.chunks_exact_mut(self.scale.len()) {
            row.iter_mut().zip(&self.scale).for_each(|(up, scale)| *up *= scale);
        }
        add_product(matrix, &up, &self.down);
    }
}

/// `matrix += up * down`, `[rows, rank]` and `[rank, columns]`.
pub fn add_product(matrix: &mut Matrix, up: &Matrix, down: &Matrix) {
    for row in 0..matrix.rows() {
        for (direction, factor) in up.row(row).iter().enumerate() {
            matrix.row_mut(row).iter_mut().zip(down.row(direction)).for_each(|(value, down)| *value += factor * down);
        }
    }
}
