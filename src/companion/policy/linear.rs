//! Symmetric positive definite systems of a few dozen unknowns, in f64.

/// A symmetric matrix: the rows of its lower triangle, one after the other.
#[derive(Debug, Clone, PartialEq)]
pub struct Symmetric {
    /// Rows and columns.
    pub size: usize,
    /// `size * (size + 1) / 2` values: row `i` has the `i + 1` from `i * (i + 1) / 2` on.
    pub values: Vec<f64>,
}

/// How many values the lower triangle of `size` rows has.
pub fn triangle(size: usize) -> usize {
    size * (size + 1) / 2
}

impl Symmetric {
    /// `value` on the diagonal, 0 elsewhere.
    pub fn diagonal(size: usize, value: f64) -> Self {
        let mut values = vec![0.0; triangle(size)];
        for row in 0..size {
            values[triangle(row) + row] = value;
        }
        Self { size, values }
    }

    /// Adds `weight * v vᵀ`.
    pub fn add_outer(&mut self, v: &[f64], weight: f64) {
        let mut at = 0;
        for (row, &value) in v.iter().enumerate() {
            for &other in &v[..=row] {
                self.values[at] += weight * value * other;
                at += 1;
            }
        }
    }

    /// Adds `weight` times another matrix of this size.
    pub fn add(&mut self, other: &Self, weight: f64) {
        self.values.iter_mut().zip(&other.values).for_each(|(own, value)| *own += weight * value);
    }

    /// Times a vector.
    pub fn times(&self, v: &[f64]) -> Vec<f64> {
        let mut product = vec![0.0; self.size];
        let mut at = 0;
        for row in 0..self.size {
            for column in 0..=row {
                product[row] += self.values[at] * v[column];
                if column < row {
                    product[column] += self.values[at] * v[row];
                }
                at += 1;
            }
        }
        product
    }
}

/// The lower triangle `L` of `A = L Lᵀ` (Cholesky).
#[derive(Debug, Clone)]
pub struct Cholesky {
    size: usize,
    lower: Vec<f64>,
}

impl Cholesky {
    /// Factorises; `None` where the matrix is not positive definite, or holds what is no number.
    pub fn of(matrix: &Symmetric) -> Option<Self> {
        let mut lower = matrix.values.clone();
        for row in 0..matrix.size {
            let start = triangle(row);
            for column in 0..=row {
                let other = triangle(column);
                let sum: f64 = (0..column).map(|k| lower[start + k] * lower[other + k]).sum();
                let rest = lower[start + column] - sum;
                if column < row {
                    lower[start + column] = rest / lower[other + column];
                } else if rest > 0.0 && rest.is_finite() {
                    lower[start + row] = rest.sqrt();
                } else {
                    return None;
                }
            }
        }
        Some(Self { size: matrix.size, lower })
    }

    /// `x` of `L x = v`; the sum of its squares is `vᵀ A⁻¹ v`.
    pub fn forward(&self, v: &[f64]) -> Vec<f64> {
        let mut x = v.to_vec();
        for row in 0..self.size {
            let start = triangle(row);
            let sum: f64 = (0..row).map(|k| self.lower[start + k] * x[k]).sum();
            x[row] = (x[row] - sum) / self.lower[start + row];
        }
        x
    }

    /// `x` of `Lᵀ x = v`; where `v` is standard normal, `x` has the covariance `A⁻¹`.
    pub fn backward(&self, v: &[f64]) -> Vec<f64> {
        let mut x = v.to_vec();
        for row in (0..self.size).rev() {
            let sum: f64 = (row + 1..self.size).map(|k| self.lower[triangle(k) + row] * x[k]).sum();
            x[row] = (x[row] - sum) / self.lower[triangle(row) + row];
        }
        x
    }

    /// `x` of `A x = v`.
    pub fn solve(&self, v: &[f64]) -> Vec<f64> {
        self.backward(&self.forward(v))
    }
}

/// The sum of products.
pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    /// The inverse of `diagonal + Σ v vᵀ`, updated one `v` at a time (Sherman and Morrison).
    fn inverse_by_updates(size: usize, diagonal: f64, vectors: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let mut inverse: Vec<Vec<f64>> =
            (0..size).map(|i| (0..size).map(|j| if i == j { 1.0 / diagonal } else { 0.0 }).collect()).collect();
        for v in vectors {
            let u: Vec<f64> = inverse.iter().map(|row| dot(row, v)).collect();
            let scale = 1.0 + dot(&u, v);
            for i in 0..size {
                for j in 0..size {
                    inverse[i][j] -= u[i] * u[j] / scale;
                }
            }
        }
        inverse
    }

    #[test]
    fn the_factor_solves_as_the_inverse_does() {
        let mut random = ChaCha8Rng::seed_from_u64(1);
        for size in [1, 2, 7, 40] {
            let vectors: Vec<Vec<f64>> =
                (0..3 * size).map(|_| (0..size).map(|_| random.random_range(-1.0..1.0)).collect()).collect();
            let mut matrix = Symmetric::diagonal(size, 0.5);
            vectors.iter().for_each(|v| matrix.add_outer(v, 1.0));
            let factor = Cholesky::of(&matrix).unwrap();
            let inverse = inverse_by_updates(size, 0.5, &vectors);
            let v = &vectors[0];
            let expected: Vec<f64> = inverse.iter().map(|row| dot(row, v)).collect();
            let solved = factor.solve(v);
            assert!(solved.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-10), "{solved:?}\n{expected:?}");
            let half = factor.forward(v);
            assert!((dot(&half, &half) - dot(v, &expected)).abs() < 1e-10);
            assert!(matrix.times(&solved).iter().zip(v).all(|(a, b)| (a - b).abs() < 1e-10));
        }
    }

    #[test]
    fn backward_of_unit_vectors_gives_the_covariance() {
        let mut matrix = Symmetric::diagonal(3, 1.0);
        matrix.add_outer(&[1.0, 2.0, -1.0], 2.0);
        let factor = Cholesky::of(&matrix).unwrap();
        let unit = |at: usize| (0..3).map(|i| f64::from(u8::from(i == at))).collect::<Vec<_>>();
        let columns: Vec<Vec<f64>> = (0..3).map(|at| factor.backward(&unit(at))).collect();
        for row in 0..3 {
            let expected = factor.solve(&unit(row));
            for (other, value) in expected.iter().enumerate() {
                let covariance: f64 = columns.iter().map(|column| column[row] * column[other]).sum();
                assert!((covariance - value).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn what_is_not_positive_definite_has_no_factor() {
        assert!(Cholesky::of(&Symmetric::diagonal(2, 0.0)).is_none());
        assert!(Cholesky::of(&Symmetric::diagonal(2, f64::NAN)).is_none());
        assert!(Cholesky::of(&Symmetric { size: 2, values: vec![1.0, 2.0, 1.0] }).is_none());
    }
}
