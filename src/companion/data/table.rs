//! A log's rows in memory: columns of numbers, with each name stored once.

use super::read::{Cell, Row, Source};
use super::report::Rule;
use super::side::Side;
use super::time::TimeColumn;
use crate::companion::config::{Config, FieldChoice, FieldConfig};
use crate::event::NO_TIME;
use anyhow::{Result, ensure};
use std::collections::HashMap;
use std::ops::ControlFlow;

/// The number of a key that is missing.
pub const MISSING: u32 = u32::MAX;

/// All readable rows of a log, in its order.
#[derive(Debug)]
pub struct Table {
    /// The number of rows.
    pub rows: usize,
    /// Rows that cannot be read.
    pub broken: u64,
    /// Where the first of them is, and what is wrong with it.
    pub first_broken: Option<String>,
    /// Each row's sequence key; without such a column all rows have the key "log".
    pub sequences: Keys,
    /// Each row's item.
    pub items: Keys,
    /// Each row's group, if the log has groups.
    pub groups: Option<Keys>,
    /// Each row's time in milliseconds or [`NO_TIME`], if the log has times.
    pub times: Option<Vec<i64>>,
    /// The further fields, in the schema's order.
    pub fields: Vec<FieldColumn>,
}

/// A column of keys.
#[derive(Debug, Default)]
pub struct Keys {
    /// The keys, by number.
    pub names: Vec<String>,
    /// Each row's key as a number, or [`MISSING`].
    pub ids: Vec<u32>,
    numbers: HashMap<String, u32>,
    scratch: String,
}

/// A further field's column.
#[derive(Debug)]
pub enum FieldColumn {
    /// Names.
    Category(Keys),
    /// Numbers; NaN is missing.
    Number {
        /// The numbers.
        values: Vec<f32>,
        /// How many cells were no numbers.
        broken: u64,
        /// The first of them.
        first_broken: Option<String>,
    },
}

impl Keys {
    /// Adds a row.
    pub fn push(&mut self, cell: &Cell<'_>) {
        self.scratch.clear();
        let id = if cell.write(&mut self.scratch) { self.number() } else { MISSING };
        self.ids.push(id);
    }

    fn number(&mut self) -> u32 {
        if let Some(&id) = self.numbers.get(&self.scratch) {
            return id;
        }
        let id = self.names.len() as u32;
        self.names.push(self.scratch.clone());
        self.numbers.insert(self.scratch.clone(), id);
        id
    }

    /// Where each key stands among all keys in byte order: `[keys]`.
    pub fn ranks(&self) -> Vec<u32> {
        let mut order: Vec<u32> = (0..self.names.len() as u32).collect();
        order.sort_unstable_by_key(|&id| &self.names[id as usize]);
        let mut ranks = vec![0; order.len()];
        for (rank, id) in order.into_iter().enumerate() {
            ranks[id as usize] = rank as u32;
        }
        ranks
    }
}

impl FieldColumn {
    fn new(kind: FieldChoice) -> Self {
        match kind {
            FieldChoice::Category => Self::Category(Keys::default()),
            FieldChoice::Number => Self::Number { values: vec![], broken: 0, first_broken: None },
        }
    }

    fn push(&mut self, cell: &Cell<'_>) {
        match self {
            Self::Category(keys) => keys.push(cell),
            Self::Number { values, broken, first_broken } => {
                // An infinite number, such as 1e999, can't be learned from either.
                let number = cell.number().filter(|number| !number.is_infinite());
                if number.is_none() {
                    *broken += 1;
                    first_broken.get_or_insert_with(|| {
                        let mut text = String::new();
                        cell.write(&mut text);
                        text
                    });
                }
                values.push(number.map_or(f32::NAN, |number| number as f32));
            }
        }
    }

    /// A row's value as bits: equal bits are equal values, missing ones too.
    pub fn bits(&self, row: usize) -> u32 {
        match self {
            Self::Category(keys) => keys.ids[row],
            Self::Number { values, .. } => values[row].to_bits(),
        }
    }

    /// The column of all rows from the column of all keys: a row has its key's value.
    fn spread(mut self, ids: &[u32]) -> Self {
        match &mut self {
            Self::Category(keys) => keys.ids = ids.iter().map(|&id| at(&keys.ids, id).unwrap_or(MISSING)).collect(),
            Self::Number { values, .. } => *values = ids.iter().map(|&id| at(values, id).unwrap_or(f32::NAN)).collect(),
        }
        self
    }
}

fn at<T: Copy>(values: &[T], id: u32) -> Option<T> {
    values.get(id as usize).copied()
}

/// Reads a log and joins its fields with the side tables.
///
/// # Errors
/// Names the file, the place, what was expected and what was found.
pub fn read(config: &Config, source: &Source, sides: &[Side]) -> Result<Table> {
    let sequence = &config.sequence;
    let joined = |field: &FieldConfig| sides.iter().find(|side| side.column(&field.name).is_some());

    let mut sequences = Keys::default();
    let mut items = Keys::default();
    let mut groups = sequence.group.as_ref().map(|_| Keys::default());
    let mut times = sequence.time.as_ref().map(|_| TimeColumn::new(sequence.time_unit.clone()));
    let mut own: Vec<FieldColumn> = config
        .fields
        .iter()
        .filter(|field| joined(field).is_none())
        .map(|field| FieldColumn::new(field.kind))
        .collect();
    let mut ons: Vec<Keys> = sides.iter().filter(|side| side.on.is_some()).map(|_| Keys::default()).collect();

    let mut wanted: Vec<&str> = vec![&config.item.column];
    wanted.extend(sequence.key.as_deref());
    wanted.extend(sequence.group.as_deref());
    wanted.extend(sequence.time.as_deref());
    wanted.extend(config.fields.iter().filter(|field| joined(field).is_none()).map(|field| field.name.as_str()));
    wanted.extend(sides.iter().filter_map(|side| side.on.as_deref()));

    let (mut rows, mut broken, mut first_broken) = (0, 0, None);
    source.read(&wanted, &mut |row| {
        match row {
            Row::Broken(reason) => {
                broken += 1;
                first_broken.get_or_insert_with(|| reason.to_owned());
            }
            Row::Cells(cells) => {
                rows += 1;
                let mut cells = cells.iter();
                let mut next = || cells.next().unwrap_or(&Cell::Missing);
                items.push(next());
                sequences.push(if sequence.key.is_some() { next() } else { &Cell::Text("log") });
                groups.iter_mut().for_each(|groups| groups.push(next()));
                times.iter_mut().for_each(|times| times.push(next()));
                own.iter_mut().for_each(|field| field.push(next()));
                ons.iter_mut().for_each(|on| on.push(next()));
            }
        }
        ControlFlow::Continue(())
    })?;
    ensure!(u32::try_from(rows).is_ok(), "{rows} rows, expected fewer than 4 billion: split the log");

    let mut own = own.into_iter();
    let mut fields = vec![];
    for field in &config.fields {
        let column = match joined(field) {
            None => own.next(),
            Some(side) => {
                let before = sides.iter().take_while(|other| !std::ptr::eq(*other, side));
                let on = before.filter(|other| other.on.is_some()).count();
                let keys = if side.on.is_some() { &ons[on] } else { &items };
                let mut column = FieldColumn::new(field.kind);
                keys.names.iter().for_each(|key| column.push(&side.cell(key, &field.name)));
                Some(column.spread(&keys.ids))
            }
        };
        fields.extend(column);
    }
    Ok(Table { rows, broken, first_broken, sequences, items, groups, times: times.map(TimeColumn::finish), fields })
}

impl Table {
    /// A row's time, or [`NO_TIME`].
    pub fn time(&self, row: usize) -> i64 {
        self.times.as_ref().map_or(NO_TIME, |times| times[row])
    }

    /// Which fields hold cells that are no numbers.
    pub fn notes(&self, configs: &[FieldConfig]) -> Vec<Rule> {
        let note = |(field, config): (&FieldColumn, &FieldConfig)| match field {
            FieldColumn::Number { broken, first_broken: Some(first), .. } => {
                let detail =
                    format!("cells of {:?} that are no finite numbers: missing; the first: {first:?}", config.name);
                Some(Rule { name: "broken numbers".into(), rows: *broken, detail })
            }
            FieldColumn::Number { first_broken: None, .. } | FieldColumn::Category(_) => None,
        };
        self.fields.iter().zip(configs).filter_map(note).collect()
    }
}
