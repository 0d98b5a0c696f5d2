//! The leading directions of some vectors.

use crate::format::Matrix;

/// Rounds of the power method; directions that are as long as each other need not be told apart.
const ROUNDS: usize = 100;

/// The leading eigenvectors of the vectors' second moment, by the power method one after the other. The first is of length
/// `longest`, the others are shorter as the root of their eigenvalue: `[rank, columns]`, less where there are fewer directions.
pub fn leading(vectors: &[Vec<f32>], columns: usize, rank: usize, longest: f32) -> Matrix {
    let mut found: Vec<(Vec<f64>, f64)> = Vec::new();
    for number in 0..rank {
        // Some direction that no other one is.
        let mut direction: Vec<f64> = (0..columns).map(|place| 1.0 + ((place * 7 + number * 3) % 11) as f64).collect();
        let mut length = 0.0;
        for _ in 0..ROUNDS {
            let mut next = vec![0.0; columns];
            for vector in vectors {
                let along: f64 = vector.iter().zip(&direction).map(|(&a, b)| f64::from(a) * b).sum();
                next.iter_mut().zip(vector).for_each(|(sum, &value)| *sum += along * f64::from(value));
            }
            for (other, _) in &found {
                let along: f64 = next.iter().zip(other).map(|(a, b)| a * b).sum();
                next.iter_mut().zip(other).for_each(|(value, part)| *value -= along * part);
            }
            length = next.iter().map(|value| value * value).sum::<f64>().sqrt();
            if length < 1e-12 {
                break;
            }
            direction = next.into_iter().map(|value| value / length).collect();
        }
        if length < 1e-12 {
            break;
        }
        found.push((direction, length));
    }
    let largest = found.first().map_or(1.0, |(_, length)| *length);
    let scaled = found.iter().flat_map(|(direction, length)| {
        let scale = f64::from(longest) * (length / largest).sqrt();
        direction.iter().map(move |value| (value * scale) as f32)
    });
    Matrix { columns, values: scaled.collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_direction_comes_first_and_nothing_is_made_up() {
        let vectors = vec![vec![3.0, 0.0, 0.0], vec![-3.0, 0.0, 0.0], vec![0.0, 0.0, 1.5]];
        let Matrix { columns, values } = leading(&vectors, 3, 3, 0.5);
        assert_eq!((columns, values.len()), (3, 6), "{values:?}");
        let expected = [0.5, 0.0, 0.0, 0.0, 0.0, 0.5 * (2.25f32 / 18.0).sqrt()];
        assert!(values.iter().zip(expected).all(|(a, b)| (a.abs() - b).abs() < 1e-5), "{values:?}");
        assert!(leading(&[vec![0.0; 3]], 3, 2, 1.0).values.is_empty());
    }
}
