//! Side tables: what is known of an item, or of another key, apart from the log.

use super::dataset::ItemTable;
use super::read::{Cell, Row, Source};
use super::report::Rule;
use crate::companion::config::{FeatureConfig, SideConfig};
use crate::vocab::Vocab;
use anyhow::{Result, ensure};
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;

/// A side table in memory.
#[derive(Debug)]
pub struct Side {
    /// The log's column that holds the keys; `None` is the item.
    pub on: Option<String>,
    columns: Vec<String>,
    rows: HashMap<String, Vec<String>>,
    /// What was not taken of the table.
    pub notes: Vec<Rule>,
}

/// Reads all side tables.
///
/// # Errors
/// Names the file and the place, or two tables with a column of one name.
pub fn read(configs: &[SideConfig]) -> Result<Vec<Side>> {
    let mut sides: Vec<Side> = vec![];
    for config in configs {
        for column in &config.columns {
            ensure!(
                sides.iter().all(|side| side.column(column).is_none()),
                "[[side]] {}: another side table has a column {column:?} too: take it from one of them",
                config.path.display()
            );
        }
        sides.push(Side::read(config)?);
    }
    Ok(sides)
}

impl Side {
    /// Reads a side table; of rows with one key the first counts.
    fn read(config: &SideConfig) -> Result<Self> {
        let SideConfig { path, key, columns, on } = config;
        let mut wanted = vec![key.as_str()];
        wanted.extend(columns.iter().map(String::as_str));
        let mut rows = HashMap::new();
        let (mut broken, mut without_key, mut repeated, mut first_broken) = (0, 0, 0, None);
        Source::of_table(path)?.read(&wanted, &mut |row| {
            let mut name = String::new();
            match row {
                Row::Cells([key, values @ ..]) if key.write(&mut name) => match rows.entry(name) {
                    Entry::Vacant(free) => {
                        free.insert(values.iter().map(text).collect());
                    }
                    Entry::Occupied(_) => repeated += 1,
                },
                Row::Cells(_) => without_key += 1,
                Row::Broken(reason) => {
                    broken += 1;
                    first_broken.get_or_insert_with(|| reason.to_owned());
                }
            }
            ControlFlow::Continue(())
        })?;
        let first = first_broken.map_or(String::new(), |first| format!("; the first: {first}"));
        let path = path.display();
        ensure!(
            !rows.is_empty(),
            "[[side]] {path}: no row has a key in column {key:?}; {broken} are unreadable{first}"
        );
        let notes = [
            (broken, format!("unreadable{first}")),
            (without_key, format!("without a key in column {key:?}")),
            (repeated, "of a key that an earlier row has: passed over".to_owned()),
        ];
        let notes = notes.into_iter().filter(|(rows, _)| *rows > 0);
        let note = |(rows, detail)| Rule { name: "side rows".into(), rows, detail: format!("of {path} {detail}") };
        Ok(Self { on: on.clone(), columns: columns.clone(), rows, notes: notes.map(note).collect() })
    }

    /// A column's place.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column == name)
    }

    /// A key's value in a column.
    pub fn cell(&self, key: &str, column: &str) -> Cell<'_> {
        let value = self.column(column).and_then(|place| self.rows.get(key)?.get(place));
        value.map_or(Cell::Missing, |value| Cell::Text(value))
    }
}

fn text(cell: &Cell<'_>) -> String {
    let mut text = String::new();
    cell.write(&mut text);
    text
}

/// The items of which a side table says something in a column of features.
pub fn described<'a>(sides: &'a [Side], features: &[FeatureConfig]) -> HashSet<&'a str> {
    let mut items = HashSet::new();
    for side in sides.iter().filter(|side| side.on.is_none()) {
        let columns: Vec<usize> = features.iter().filter_map(|feature| side.column(feature.column())).collect();
        let says = |row: &[String]| columns.iter().any(|&column| !row[column].trim().is_empty());
        items.extend(side.rows.iter().filter(|(_, row)| says(row)).map(|(key, _)| key.as_str()));
    }
    items
}

/// What the side tables say of each item, and how many items none of them knows.
pub fn item_table(sides: &[Side], vocab: &Vocab) -> (ItemTable, usize) {
    let sides: Vec<&Side> = sides.iter().filter(|side| side.on.is_none()).collect();
    let columns: Vec<String> = sides.iter().flat_map(|side| side.columns.clone()).collect();
    let mut values = Vec::with_capacity(columns.len() * vocab.len());
    let mut unknown = 0;
    for key in (0..vocab.len() as u32).filter_map(|id| vocab.key(id)) {
        unknown += usize::from(!sides.is_empty() && sides.iter().all(|side| !side.rows.contains_key(&key)));
        for side in &sides {
            match side.rows.get(&key) {
                Some(row) => values.extend(row.iter().cloned()),
                None => values.extend(side.columns.iter().map(|_| String::new())),
            }
        }
    }
    (ItemTable { columns, values }, unknown)
}
