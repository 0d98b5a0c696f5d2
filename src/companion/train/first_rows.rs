//! Item rows to begin with: random ones, spread over the table of neighbours.
//!
//! Items that are met in the same company then lie close together before the first step, as after many steps of learning,
//! rare ones too, which learning alone would hardly turn (FastRP, Chen et al. 2019, arXiv 1908.11512).

use super::parameters::normalise;
use crate::format::{Matrix, Neighbours};
use rayon::prelude::*;

/// How much of its own random row an item keeps, beside one part of its neighbours' and one of their neighbours'.
const OWN: f32 = 0.5;

/// Spreads rows of unit length, `[items, hidden]`; an item without neighbours keeps its own.
pub fn spread(rows: &mut Matrix, neighbours: &Neighbours) {
    if rows.columns == 0 || neighbours.items.is_empty() {
        return;
    }
    let once = means(rows, neighbours);
    let twice = means(&once, neighbours);
    let others = once.values.par_chunks(rows.columns).zip(twice.values.par_chunks(rows.columns));
    rows.values.par_chunks_mut(rows.columns).zip(others).for_each(|(row, (once, twice))| {
        for ((value, once), twice) in row.iter_mut().zip(once).zip(twice) {
            *value = OWN * *value + once + twice;
        }
        normalise(row);
    });
}

/// Each item's neighbours' rows, weighed by their shares, at unit length.
fn means(rows: &Matrix, neighbours: &Neighbours) -> Matrix {
    let mut means = Matrix::zeros(rows.rows(), rows.columns);
    means.values.par_chunks_mut(rows.columns).enumerate().for_each(|(item, mean)| {
        for (neighbour, share) in neighbours.row(item) {
            mean.iter_mut().zip(rows.row(neighbour as usize)).for_each(|(mean, value)| *mean += share * value);
        }
        normalise(mean);
    });
    means
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_in_the_same_company_lie_close_and_loners_stay() {
        // 0 and 1 are both beside 2; 3 has no neighbours.
        let neighbours = Neighbours {
            offsets: vec![0, 1, 2, 4, 4],
            items: vec![2, 2, 0, 1],
            weights: vec![255, 255, 255, 255],
            scales: vec![0.5; 4],
        };
        let mut rows = Matrix { columns: 4, values: vec![0.0; 16] };
        (0..4).for_each(|item| rows.values[item * 5] = 1.0);
        spread(&mut rows, &neighbours);
        let cosine = |a: usize, b: usize| -> f32 { rows.row(a).iter().zip(rows.row(b)).map(|(a, b)| a * b).sum() };
        assert!(cosine(0, 1) > 0.8 && cosine(0, 2) > 0.5, "{} {}", cosine(0, 1), cosine(0, 2));
        assert_eq!((rows.row(3), cosine(0, 3)), ([0.0, 0.0, 0.0, 1.0].as_slice(), 0.0));
        assert!((cosine(2, 2) - 1.0).abs() < 1e-6);
    }
}
