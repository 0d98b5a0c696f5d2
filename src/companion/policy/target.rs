//! The policy whose value is asked for.

use super::file::{PolicyFile, Ranking};
use super::log::{Decisions, Probability};
use anyhow::{Context, Result, bail, ensure};
use std::collections::HashMap;

/// How likely a policy takes each action.
#[derive(Debug)]
pub enum Target {
    /// Each action of the log alike, at each position.
    Uniform,
    /// Whatever the context, by position: `[positions][actions]`.
    Table(Vec<Vec<f64>>),
    /// A trained policy's best action at the first position, its second best at the second, and so on; the log's number of
    /// each of its actions.
    Trained(Ranking, Vec<usize>),
}

/// What a target's probabilities at one position may differ from 1 in sum.
const ROUNDING: f64 = 0.01;

impl Target {
    /// As often as another log takes each action at each position.
    ///
    /// Counts, and not that log's propensities: the mean of what a changing policy logged for the actions that it took is
    /// larger than how often it takes them, since it took them more often while they were likelier.
    ///
    /// # Errors
    /// When the other log has no row of a position.
    pub fn frequencies(log: &mut Decisions, other: &Decisions) -> Result<Self> {
        let mut table = Table::new(log);
        let position = |row: usize| other.positions.get(other.position[row] as usize).map(String::as_str);
        for row in 0..other.len() {
            table.add(log, &other.actions[other.action[row] as usize], position(row), 1.0);
        }
        let mut table = table.finish(log);
        for (place, probabilities) in table.iter_mut().enumerate() {
            let sum: f64 = probabilities.iter().sum();
            ensure!(sum > 0.0, "the target's log has no row of {}; expected some", named(log, place));
            probabilities.iter_mut().for_each(|probability| *probability /= sum);
        }
        Ok(Self::Table(table))
    }

    /// As rows of action, position and probability say.
    ///
    /// # Errors
    /// When a position's probabilities are no distribution.
    pub fn table(log: &mut Decisions, rows: &[Probability]) -> Result<Self> {
        let mut table = Table::new(log);
        for (action, position, probability) in rows {
            ensure!(
                (0.0..=1.0).contains(probability),
                "the target's probability of {action:?} is {probability}, expected 0 to 1"
            );
            table.add(log, action, position.as_deref(), *probability);
        }
        let mut table = table.finish(log);
        for (place, probabilities) in table.iter_mut().enumerate() {
            let sum: f64 = probabilities.iter().sum();
            ensure!(
                (sum - 1.0).abs() <= ROUNDING,
                "the target's probabilities of {} have the sum {sum:.4}, expected 1: give each action's once",
                named(log, place)
            );
            probabilities.iter_mut().for_each(|probability| *probability /= sum);
        }
        Ok(Self::Table(table))
    }

    /// A trained policy's best.
    ///
    /// # Errors
    /// When it was trained on other columns than the log was read with.
    pub fn trained(log: &mut Decisions, policy: &PolicyFile) -> Result<Self> {
        ensure!(
            policy.columns == log.columns,
            "the policy was trained on the columns {:?}, the log is read with {:?}; give --context the same",
            policy.columns,
            log.columns
        );
        let mut numbers = Numbers::of(log);
        let actions = policy.actions.iter().map(|action| numbers.number(log, &action.id)).collect();
        Ok(Self::Trained(policy.ranking()?, actions))
    }

    /// How likely each action is for a row: written to `out`, `[actions]`.
    ///
    /// # Errors
    /// When the row's context is none.
    pub fn probabilities(&self, log: &Decisions, row: usize, out: &mut [f64]) -> Result<()> {
        let position = log.position[row] as usize;
        match self {
            Self::Uniform => out.fill(1.0 / out.len() as f64),
            Self::Table(table) => match table.get(position) {
                Some(probabilities) => out.copy_from_slice(probabilities),
                None => bail!("the target has no position {position}"),
            },
            Self::Trained(ranking, numbers) => {
                let ranked = ranking.best(log.context(row))?;
                let best = ranked.get(position).context("the policy has fewer actions than the log has positions")?;
                out.fill(0.0);
                out[numbers[*best]] = 1.0;
            }
        }
        Ok(())
    }
}

/// A position, as messages name it.
fn named(log: &Decisions, place: usize) -> String {
    log.positions.get(place).map_or("the only position".into(), |name| format!("position {name}"))
}

/// The log's number of each action; one that the log lacks gets a new one.
struct Numbers(HashMap<String, usize>);

impl Numbers {
    fn of(log: &Decisions) -> Self {
        Self(log.actions.iter().enumerate().map(|(number, key)| (key.clone(), number)).collect())
    }

    fn number(&mut self, log: &mut Decisions, action: &str) -> usize {
        *self.0.entry(action.to_owned()).or_insert_with(|| {
            log.actions.push(action.to_owned());
            log.actions.len() - 1
        })
    }
}

/// A table that grows with the actions that it is told of.
struct Table {
    numbers: Numbers,
    places: HashMap<String, usize>,
    cells: Vec<HashMap<usize, f64>>,
}

impl Table {
    fn new(log: &Decisions) -> Self {
        let places = log.positions.iter().enumerate().map(|(place, name)| (name.clone(), place)).collect();
        Self { numbers: Numbers::of(log), places, cells: vec![HashMap::new(); log.position_count()] }
    }

    /// Without a position the row is of all; one that the log does not have is left out.
    fn add(&mut self, log: &mut Decisions, action: &str, position: Option<&str>, value: f64) {
        let number = self.numbers.number(log, action);
        let place = position.filter(|_| !self.places.is_empty()).map(|name| self.places.get(name).copied());
        for (at, cells) in self.cells.iter_mut().enumerate() {
            if place.is_none_or(|place| place == Some(at)) {
                *cells.entry(number).or_default() += value;
            }
        }
    }

    fn finish(self, log: &Decisions) -> Vec<Vec<f64>> {
        let row = |cells: HashMap<usize, f64>| {
            let mut values = vec![0.0; log.actions.len()];
            cells.into_iter().for_each(|(number, value)| values[number] = value);
            values
        };
        self.cells.into_iter().map(row).collect()
    }
}
