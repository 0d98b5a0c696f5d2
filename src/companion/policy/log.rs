//! A log of decisions: which action was taken, how likely it was, what it earned.

use crate::companion::data::{Cell, Row, Source};
use anyhow::{Context, Result, anyhow, bail, ensure};
use std::collections::{BTreeSet, HashMap};
use std::ops::ControlFlow;
use std::path::Path;

/// Which columns a log of decisions has.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Columns {
    /// The action that was taken.
    pub action: String,
    /// What it earned: a number.
    pub reward: String,
    /// How likely the logging policy took it, at its position.
    pub propensity: Option<String>,
    /// Its position in the slate. `None`: one position.
    pub position: Option<String>,
    /// The context's numbers; a name that ends in `*` is all columns that begin so.
    pub context: Vec<String>,
    /// Rows with one value hang together, such as a visitor's. `None`: each row alone.
    pub cluster: Option<String>,
}

/// A log's rows in memory, in its order.
#[derive(Debug, Default)]
pub struct Decisions {
    /// The actions' keys, by number.
    pub actions: Vec<String>,
    /// The positions, in their order; empty without such a column.
    pub positions: Vec<String>,
    /// The context's columns.
    pub columns: Vec<String>,
    /// Each row's action.
    pub action: Vec<u32>,
    /// Each row's position.
    pub position: Vec<u32>,
    /// Each row's reward.
    pub reward: Vec<f64>,
    /// Each row's propensity; empty without such a column.
    pub propensity: Vec<f64>,
    /// Each row's context, one after the other: `[rows][columns]`.
    pub context: Vec<f64>,
    /// Each row's cluster.
    pub cluster: Vec<u32>,
}

impl Decisions {
    /// Reads a CSV, TSV, JSON Lines or Parquet log.
    ///
    /// # Errors
    /// Names the file, the column and the row, what was expected and what was found.
    pub fn read(path: &Path, columns: &Columns) -> Result<Self> {
        let source = Source::of_table(path)?;
        let found = source.columns()?;
        let context = expanded(path, &columns.context, &found)?;
        let named = [
            (Some(&columns.action), "--action"),
            (Some(&columns.reward), "--reward"),
            (columns.propensity.as_ref(), "--propensity"),
            (columns.position.as_ref(), "--position"),
            (columns.cluster.as_ref(), "--cluster"),
        ];
        for (name, flag) in named.into_iter().filter_map(|(name, flag)| Some((name?, flag))) {
            ensure!(found.contains(name), missing(path, name, flag, &found));
        }
        let mut wanted: Vec<&str> = vec![&columns.action, &columns.reward];
        wanted.extend(columns.propensity.as_deref());
        wanted.extend(columns.position.as_deref());
        wanted.extend(columns.cluster.as_deref());
        wanted.extend(context.iter().map(String::as_str));

        let mut decisions = Self { columns: context.clone(), ..Self::default() };
        let (mut actions, mut positions, mut clusters) = (Keys::default(), Keys::default(), Keys::default());
        let mut outcome = Ok(());
        source.read(&wanted, &mut |row| {
            let added = match row {
                Row::Broken(reason) => Err(anyhow!("{reason}")),
                Row::Cells(cells) => decisions.add(columns, cells, &mut actions, &mut positions, &mut clusters),
            };
            let number = decisions.reward.len();
            outcome = added.with_context(|| format!("{}, row {} of the data", path.display(), number + 1));
            if outcome.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        outcome?;
        ensure!(!decisions.reward.is_empty(), "{}: the log is empty, expected a row for each decision", path.display());
        decisions.actions = actions.names;
        decisions.order_positions(positions.names);
        Ok(decisions)
    }

    fn add(
        &mut self,
        columns: &Columns,
        cells: &[Cell<'_>],
        actions: &mut Keys,
        positions: &mut Keys,
        clusters: &mut Keys,
    ) -> Result<()> {
        let mut cells = cells.iter();
        let mut next = || cells.next().unwrap_or(&Cell::Missing);
        let action = actions.number(next(), &columns.action)?;
        let reward = number(next(), &columns.reward)?;
        let propensity = columns.propensity.as_ref().map(|name| propensity(next(), name)).transpose()?;
        let position = columns.position.as_ref().map(|name| positions.number(next(), name)).transpose()?;
        let cluster = columns.cluster.as_ref().map(|name| clusters.number(next(), name)).transpose()?;
        let context: Vec<f64> = self.columns.iter().map(|name| number(next(), name)).collect::<Result<_>>()?;

        let row = self.reward.len() as u32;
        self.action.push(action);
        self.reward.push(reward);
        self.propensity.extend(propensity);
        self.position.push(position.unwrap_or(0));
        self.cluster.push(cluster.unwrap_or(row));
        self.context.extend(context);
        Ok(())
    }

    /// Numbers positions by their order: as numbers where all are, else as texts.
    fn order_positions(&mut self, names: Vec<String>) {
        let mut order: Vec<usize> = (0..names.len()).collect();
        let numbers: Option<Vec<f64>> = names.iter().map(|name| name.parse().ok()).collect();
        match numbers {
            Some(numbers) => order.sort_by(|&a, &b| numbers[a].total_cmp(&numbers[b])),
            None => order.sort_by(|&a, &b| names[a].cmp(&names[b])),
        }
        let mut ranks = vec![0; names.len()];
        order.iter().enumerate().for_each(|(rank, &place)| ranks[place] = rank as u32);
        if !ranks.is_empty() {
            self.position.iter_mut().for_each(|position| *position = ranks[*position as usize]);
        }
        self.positions = order.into_iter().map(|place| names[place].clone()).collect();
    }

    /// How many rows.
    pub fn len(&self) -> usize {
        self.reward.len()
    }

    /// Never: a log without rows is an error.
    pub fn is_empty(&self) -> bool {
        self.reward.is_empty()
    }

    /// A row's context.
    pub fn context(&self, row: usize) -> &[f64] {
        let width = self.columns.len();
        &self.context[row * width..(row + 1) * width]
    }

    /// How many positions there are, 1 without such a column.
    pub fn position_count(&self) -> usize {
        self.positions.len().max(1)
    }

    /// The rows from `from` on, up to `to`.
    pub fn part(&self, from: usize, to: usize) -> Self {
        let width = self.columns.len();
        Self {
            actions: self.actions.clone(),
            positions: self.positions.clone(),
            columns: self.columns.clone(),
            action: self.action[from..to].to_vec(),
            position: self.position[from..to].to_vec(),
            reward: self.reward[from..to].to_vec(),
            propensity: self.propensity.get(from..to).unwrap_or_default().to_vec(),
            context: self.context[from * width..to * width].to_vec(),
            cluster: self.cluster[from..to].to_vec(),
        }
    }
}

/// A table's rows of an action, perhaps a position, and a probability.
pub type Probability = (String, Option<String>, f64);

/// Reads a table with the columns `action`, `probability` and, where it has one, `position`.
///
/// # Errors
/// As [`Decisions::read`].
pub fn probabilities(path: &Path, action: &str, position: Option<&str>) -> Result<Vec<Probability>> {
    const PROBABILITY: &str = "probability";
    let source = Source::of_table(path)?;
    let found = source.columns()?;
    for (name, flag) in [(action, "--action"), (PROBABILITY, "another --target-table")] {
        ensure!(found.iter().any(|column| column == name), missing(path, name, flag, &found));
    }
    // Without such a column its rows are of all positions.
    let position = position.filter(|name| found.iter().any(|column| column == name));
    let wanted: Vec<&str> = [action, PROBABILITY].into_iter().chain(position).collect();
    let (mut rows, mut outcome) = (vec![], Ok(()));
    source.read(&wanted, &mut |row| {
        let read = match row {
            Row::Broken(reason) => Err(anyhow!("{reason}")),
            Row::Cells(cells) => read_probability(cells, &wanted),
        };
        let number = rows.len() + 1;
        outcome =
            read.map(|row| rows.push(row)).with_context(|| format!("{}, row {number} of the data", path.display()));
        if outcome.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    outcome.map(|()| rows)
}

fn read_probability(cells: &[Cell<'_>], columns: &[&str]) -> Result<Probability> {
    let cell = |place: usize| cells.get(place).unwrap_or(&Cell::Missing);
    let position = columns.get(2).map(|name| key(cell(2), name)).transpose()?;
    Ok((key(cell(0), columns[0])?, position, number(cell(1), columns[1])?))
}

/// The columns that the names and patterns mean.
fn expanded(path: &Path, names: &[String], found: &[String]) -> Result<Vec<String>> {
    let mut columns = vec![];
    for name in names {
        match name.strip_suffix('*') {
            Some(start) => {
                let before = columns.len();
                columns.extend(found.iter().filter(|column| column.starts_with(start)).cloned());
                ensure!(columns.len() > before, missing(path, name, "--context", found));
            }
            None => {
                ensure!(found.contains(name), missing(path, name, "--context", found));
                columns.push(name.clone());
            }
        }
    }
    let distinct: BTreeSet<&String> = columns.iter().collect();
    ensure!(distinct.len() == columns.len(), "--context names a column twice; name each once");
    Ok(columns)
}

fn missing(path: &Path, name: &str, flag: &str, found: &[String]) -> String {
    let few: Vec<&str> = found.iter().take(12).map(String::as_str).collect();
    let more = if found.len() > few.len() { ", ..." } else { "" };
    format!(
        "{}: no column {name:?}; its columns: {}{more}; name the right one with {flag}",
        path.display(),
        few.join(", ")
    )
}

/// Keys by number, in the order in which they came.
#[derive(Debug, Default)]
struct Keys {
    names: Vec<String>,
    numbers: HashMap<String, u32>,
}

impl Keys {
    fn number(&mut self, cell: &Cell<'_>, column: &str) -> Result<u32> {
        let key = key(cell, column)?;
        if let Some(&number) = self.numbers.get(&key) {
            return Ok(number);
        }
        let number = self.names.len() as u32;
        self.names.push(key.clone());
        self.numbers.insert(key, number);
        Ok(number)
    }
}

fn key(cell: &Cell<'_>, column: &str) -> Result<String> {
    let mut key = String::new();
    ensure!(cell.write(&mut key), "{column} is missing, expected a key; leave such rows out");
    Ok(key)
}

fn number(cell: &Cell<'_>, column: &str) -> Result<f64> {
    match cell.number() {
        Some(number) if number.is_finite() => Ok(number),
        other => {
            let mut text = String::new();
            cell.write(&mut text);
            let got =
                if text.is_empty() { "missing".into() } else { other.map_or(format!("{text:?}"), |n| n.to_string()) };
            bail!("{column} is {got}, expected a finite number; leave such rows out, or write categories as numbers")
        }
    }
}

/// Weights are divided by propensities, and squared.
const SMALLEST_PROPENSITY: f64 = 1e-9;

fn propensity(cell: &Cell<'_>, column: &str) -> Result<f64> {
    let propensity = number(cell, column)?;
    ensure!(
        (SMALLEST_PROPENSITY..=1.0).contains(&propensity),
        "{column} is {propensity}, expected {SMALLEST_PROPENSITY} to 1: what is logged had a chance; log the probability with \
         which the logged action was drawn"
    );
    Ok(propensity)
}
