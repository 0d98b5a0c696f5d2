//! What runs that differ by their seed alone reach, and how far apart they are.

use super::result::Evaluation;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;

/// Runs of several seeds, measured alike.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Seeds {
    /// train.seed of each run.
    pub seeds: Vec<u64>,
    /// The metrics of `f32` (as trained) and, where every run has a model file, of `exported`.
    pub metrics: BTreeMap<&'static str, BTreeMap<String, Spread>>,
}

/// One metric over the seeds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Spread {
    /// The mean.
    pub mean: f64,
    /// The sample standard deviation; 0 for one seed.
    pub spread: f64,
    /// The metric of each seed.
    pub values: Vec<f64>,
}

impl Seeds {
    /// Sums up the runs of these seeds.
    pub fn of(runs: &[(u64, Evaluation)]) -> Self {
        let mut values: BTreeMap<&'static str, BTreeMap<String, Vec<f64>>> = BTreeMap::new();
        for (name, metrics) in runs.iter().flat_map(|(_, evaluation)| &evaluation.metrics) {
            for (metric, value) in BTreeMap::from(*metrics) {
                values.entry(name).or_default().entry(metric).or_default().push(value);
            }
        }
        let of_all = |values: &Vec<f64>| values.len() == runs.len();
        values.retain(|_, metrics| metrics.values().all(of_all));
        let spread = |(metric, values)| (metric, Spread::of(values));
        let metrics = values.into_iter().map(|(name, metrics)| (name, metrics.into_iter().map(spread).collect()));
        Self { seeds: runs.iter().map(|(seed, _)| *seed).collect(), metrics: metrics.collect() }
    }
}

impl Spread {
    fn of(values: Vec<f64>) -> Self {
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        Self { mean, spread: (squares / (count - 1.0).max(1.0)).sqrt(), values }
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.5} ± {:.5}", self.mean, self.spread)
    }
}

impl fmt::Display for Seeds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seeds: Vec<String> = self.seeds.iter().map(u64::to_string).collect();
        writeln!(f, "mean ± sample standard deviation over seeds {}", seeds.join(", "))?;
        write!(f, "{:<10}", "")?;
        self.metrics.keys().try_for_each(|name| write!(f, " {name:>20}"))?;
        for metric in self.metrics.values().next().into_iter().flat_map(BTreeMap::keys) {
            write!(f, "\n{metric:<10}")?;
            for metrics in self.metrics.values() {
                write!(f, " {:>20}", metrics[metric].to_string())?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spread_is_the_sample_standard_deviation() {
        let spread = Spread::of(vec![0.25, 0.5, 0.75]);
        assert_eq!((spread.mean, spread.spread), (0.5, 0.25));
        assert_eq!(spread.to_string(), "0.50000 ± 0.25000");
        assert_eq!(Spread::of(vec![0.25]).spread, 0.0);
    }
}
