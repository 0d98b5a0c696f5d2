//! What a bandit sees of a context. `pkg/src/bandit/features.js` computes the same.

use super::linear::{Symmetric, dot};
use anyhow::{Result, bail, ensure};

/// Multiplications by the covariance: enough for directions that stand out at all.
const ITERATIONS: usize = 60;

/// From a context to what a reward is linear in.
///
/// Of a context of more than `rank` values its part in the `rank` directions is kept in which contexts differ most
/// (principal components), so that what is learned of an action has `rank + 1` unknowns and not one a value.
#[derive(Debug, Clone, PartialEq)]
pub struct Features {
    /// Values of a context.
    pub dimension: usize,
    /// Values that are kept of it, at most `dimension`.
    pub rank: usize,
    /// What is taken from each value of a context: `[dimension]`.
    pub center: Vec<f64>,
    /// What each is then multiplied by: `[dimension]`.
    pub scale: Vec<f64>,
    /// Directions of unit length, one after the other: `[rank, dimension]`. `None` where all values are kept.
    pub projection: Option<Vec<f64>>,
}

impl Features {
    /// Contexts as they come.
    pub fn plain(dimension: usize) -> Self {
        let (center, scale) = (vec![0.0; dimension], vec![1.0; dimension]);
        Self { dimension, rank: dimension, center, scale, projection: None }
    }

    /// Contexts whose values are each brought to mean 0 and variance `1 / dimension`, so that a context's length is 1 on
    /// average. `contexts` holds one after the other.
    pub fn standardised(dimension: usize, rank: usize, contexts: &[f64]) -> Self {
        let mut features = Self::plain(dimension);
        let rows = contexts.len() / dimension.max(1);
        for place in 0..dimension {
            let column = || contexts[place..].iter().step_by(dimension);
            let mean = column().sum::<f64>() / rows as f64;
            let variance = column().map(|value| (value - mean).powi(2)).sum::<f64>() / rows as f64;
            features.center[place] = mean;
            // A column that never changes tells nothing.
            features.scale[place] = if variance > 0.0 { 1.0 / (variance * dimension as f64).sqrt() } else { 0.0 };
        }
        if rank < dimension {
            let mut covariance = Symmetric::diagonal(dimension, 0.0);
            contexts.chunks_exact(dimension).for_each(|context| covariance.add_outer(&features.scaled(context), 1.0));
            features.rank = rank;
            features.projection = Some(leading(&covariance, rank));
        }
        features
    }

    /// How many values [`Self::encode`] gives.
    pub fn size(&self) -> usize {
        self.rank + 1
    }

    /// A context with a 1 before it: `[rank + 1]`.
    ///
    /// # Errors
    /// When it has another number of values, or one that is not finite.
    pub fn encode(&self, context: &[f64]) -> Result<Vec<f64>> {
        ensure!(
            context.len() == self.dimension,
            "the context has {} values, expected {}: give those that the policy was made for",
            context.len(),
            self.dimension
        );
        if let Some(place) = context.iter().position(|value| !value.is_finite()) {
            bail!("value {place} of the context is {}, expected a finite number", context[place]);
        }
        let scaled = self.scaled(context);
        let mut encoded = vec![1.0];
        match &self.projection {
            None => encoded.extend(scaled),
            Some(directions) => encoded.extend(directions.chunks(self.dimension).map(|row| dot(row, &scaled))),
        }
        Ok(encoded)
    }

    fn scaled(&self, context: &[f64]) -> Vec<f64> {
        context
            .iter()
            .zip(&self.center)
            .zip(&self.scale)
            .map(|((value, center), scale)| (value - center) * scale)
            .collect()
    }
}

/// The directions of the largest eigenvalues, by subspace iteration: `[rank, size]`.
fn leading(matrix: &Symmetric, rank: usize) -> Vec<f64> {
    let size = matrix.size;
    // Any start does that lies in no eigenvector's way; these are the same each time.
    let start = |row: usize| (0..size).map(|place| ((row * size + place) as f64 * 12.9898).sin()).collect::<Vec<f64>>();
    let mut rows: Vec<Vec<f64>> = (0..rank).map(start).collect();
    for _ in 0..ITERATIONS {
        let mut done: Vec<Vec<f64>> = vec![];
        for row in &rows {
            let mut next = matrix.times(row);
            // Twice, since once leaves rounding errors that grow.
            for _ in 0..2 {
                for other in &done {
                    let part = dot(&next, other);
                    next.iter_mut().zip(other).for_each(|(value, other)| *value -= part * other);
                }
            }
            let length = dot(&next, &next).sqrt();
            // Where contexts differ in fewer directions than `rank`, the rest is 0.
            next.iter_mut().for_each(|value| *value = if length > 1e-12 { *value / length } else { 0.0 });
            done.push(next);
        }
        rows = done;
    }
    rows.concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    #[test]
    fn small_contexts_stay_as_they_are() {
        assert_eq!(Features::plain(3).encode(&[2.0, 3.0, 4.0]).unwrap(), [1.0, 2.0, 3.0, 4.0]);
        assert_eq!(Features::plain(0).encode(&[]).unwrap(), [1.0]);
    }

    #[test]
    fn large_contexts_keep_the_directions_in_which_they_differ() {
        // Twenty values that two hidden ones make, and a little noise.
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let mut number = || random.random_range(-1.0..1.0);
        let mix: Vec<[f64; 2]> = (0..20).map(|_| [number(), number()]).collect();
        let contexts: Vec<f64> = (0..500)
            .flat_map(|_| {
                let hidden = [number(), number()];
                mix.iter().map(|m| m[0] * hidden[0] + m[1] * hidden[1] + 0.02 * number()).collect::<Vec<_>>()
            })
            .collect();
        let features = Features::standardised(20, 2, &contexts);
        let directions = features.projection.as_ref().unwrap();
        let (first, second) = directions.split_at(20);
        assert!((dot(first, first) - 1.0).abs() < 1e-9 && dot(first, second).abs() < 1e-9);
        let length = |features: &Features| -> f64 {
            let squared = |context: &[f64]| features.encode(context).unwrap()[1..].iter().map(|v| v * v).sum::<f64>();
            contexts.chunks(20).map(squared).sum::<f64>() / 500.0
        };
        let whole = Features::standardised(20, 20, &contexts);
        assert!((length(&whole) - 1.0).abs() < 1e-9 && length(&features) > 0.97, "{}", length(&features));
        // More directions than there are.
        let flat: Vec<f64> = contexts.chunks(20).flat_map(|c| [c[0], 2.0 * c[0], -c[0]]).collect();
        let encoded = Features::standardised(3, 2, &flat).encode(&flat[..3]).unwrap();
        assert!(encoded[1].abs() > 1e-3 && encoded[2].abs() < 1e-6, "{encoded:?}");
    }

    #[test]
    fn standardised_contexts_have_length_one_on_average() {
        let contexts: Vec<f64> = (0..400).flat_map(|row| [f64::from(row), 7.0, f64::from(row % 5) * 1e6]).collect();
        let features = Features::standardised(3, 16, &contexts);
        let lengths: f64 =
            contexts.chunks(3).map(|c| features.encode(c).unwrap()[1..].iter().map(|v| v * v).sum::<f64>()).sum();
        assert!((lengths / 400.0 - 2.0 / 3.0).abs() < 1e-9, "the constant column tells nothing: {lengths}");
    }

    #[test]
    fn wrong_contexts_are_errors() {
        let features = Features::plain(2);
        assert!(features.encode(&[1.0]).unwrap_err().to_string().contains("1 values, expected 2"));
        assert!(features.encode(&[1.0, f64::NAN]).unwrap_err().to_string().contains("value 1 of the context is NaN"));
    }
}
