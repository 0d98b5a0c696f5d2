//! Noise that nobody can take away again.
//!
//! It comes from ChaCha20, seeded by the operating system: whoever knew the seed could subtract the noise, so that none is kept
//! and no run can be repeated to the bit. What is not guarded against: sums of floating-point numbers are not exact, and the
//! lowest bits of a noised sum can tell more than the theory of real numbers allows (Mironov 2012). What is published of the
//! sums is rounded to int8 in the file.

use anyhow::{Context, Result};
use rand::RngExt;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

/// Draws noise and samples.
pub struct Noise {
    rng: ChaCha20Rng,
    /// The second of the two numbers that come at once.
    spare: Option<f64>,
}

impl Noise {
    /// Seeded by the operating system.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub fn from_system() -> Result<Self> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed)
            .context("the operating system gives no random numbers, without which nothing is private")?;
        Ok(Self::of(seed))
    }

    /// Of a known seed: for tests, since it is no secret.
    pub(crate) fn of(seed: [u8; 32]) -> Self {
        Self { rng: ChaCha20Rng::from_seed(seed), spare: None }
    }

    /// A standard normal number (Box and Muller 1958).
    pub fn normal(&mut self) -> f64 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        let (radius, angle): (f64, f64) = (1.0 - self.rng.random::<f64>(), self.rng.random());
        let radius = (-2.0 * radius.ln()).sqrt();
        let (sin, cos) = (std::f64::consts::TAU * angle).sin_cos();
        self.spare = Some(radius * sin);
        radius * cos
    }

    /// True with this chance.
    pub fn chance(&mut self, chance: f64) -> bool {
        self.rng.random::<f64>() < chance
    }

    /// A whole number below `end`, each as likely.
    pub fn below(&mut self, end: usize) -> usize {
        self.rng.random_range(0..end)
    }

    /// A seed for what need not be a secret.
    pub fn seed(&mut self) -> u64 {
        self.rng.random()
    }

    /// Adds normal numbers of this standard deviation.
    pub fn add_to(&mut self, sums: &mut [f64], deviation: f64) {
        sums.iter_mut().for_each(|sum| *sum += deviation * self.normal());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_normal_and_never_the_same() {
        let mut noise = Noise::from_system().unwrap();
        let mut numbers = vec![0.0; 200_000];
        noise.add_to(&mut numbers, 3.0);
        let moment = |power| numbers.iter().map(|number: &f64| (number / 3.0).powi(power)).sum::<f64>() / 200_000.0;
        for (power, expected, far) in [(1, 0.0, 0.015), (2, 1.0, 0.03), (3, 0.0, 0.06), (4, 3.0, 0.2)] {
            assert!((moment(power) - expected).abs() < far, "moment {power}: {}", moment(power));
        }
        assert_ne!(Noise::from_system().unwrap().normal(), Noise::from_system().unwrap().normal());
        let taken = (0..100_000).filter(|_| noise.chance(0.3)).count();
        assert!((29_000..31_000).contains(&taken), "{taken}");
    }
}
