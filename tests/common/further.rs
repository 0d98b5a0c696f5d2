//! A model that learned further than another, as fine-tuning leaves it.

use super::common::Random;
use foreclick::format::{Model, add_product};

/// A model that learned further: with another start, and a product of rank 2 more in its first block's first matrix.
pub fn learned_further(base: &Model, seed: u64) -> Model {
    let random = &mut Random(seed);
    let mut further = base.clone();
    further.weights.start.iter_mut().for_each(|value| *value += random.signed());
    let (_, matrix) = &mut further.weights.blocks[0].parts_mut()[1];
    let (up, down) = (random.matrix(matrix.rows(), 2), random.matrix(2, matrix.columns));
    add_product(matrix, &up, &down);
    further
}
