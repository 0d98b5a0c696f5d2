//! A log's rows: columns of numbers, with each name stored once.

use super::column::{Column, Spool, Store};
use super::labels;
use super::names::{MISSING, Names};
use super::read::{Cell, Row, Source};
use super::report::Rule;
use super::side::Side;
use super::time::TimeColumn;
use crate::companion::config::{Config, FieldChoice, FieldConfig, TaskConfig};
use crate::event::NO_TIME;
use anyhow::{Result, ensure};
use std::ops::ControlFlow;

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
    pub times: Option<Column<i64>>,
    /// The further fields, in the schema's order.
    pub fields: Vec<FieldColumn>,
    /// The tasks' columns, in their order; `None` for one whose labels are made.
    pub labels: Vec<Option<FieldColumn>>,
    /// Columns of fields and labels that the log lacks, and may lack: all of their cells are missing.
    pub lacking: Vec<String>,
}

/// Stands for the item where events have none.
pub const NO_ITEM: &str = "event";

/// A column of keys.
#[derive(Debug, Default)]
pub struct Keys<Ids = Column<u32>> {
    /// The keys, by number.
    pub names: Names,
    /// Each row's key as a number, or [`MISSING`].
    pub ids: Ids,
}

/// A further field's column.
#[derive(Debug)]
pub enum FieldColumn<Ids = Column<u32>, Values = Column<f32>> {
    /// Names; texts and vectors as they are written.
    Category(Keys<Ids>),
    /// Numbers; NaN is missing.
    Number {
        /// The numbers.
        values: Values,
        /// How many cells were no numbers.
        broken: u64,
        /// The first of them.
        first_broken: Option<String>,
    },
}

type GrowingKeys = Keys<Spool<u32>>;
type GrowingField = FieldColumn<Spool<u32>, Spool<f32>>;

impl GrowingKeys {
    fn new(store: &Store) -> Self {
        Self { names: Names::default(), ids: Spool::new(store) }
    }

    fn push(&mut self, cell: &Cell<'_>) -> Result<()> {
        self.ids.push(self.names.take(cell))
    }

    fn finish(mut self) -> Result<Keys> {
        self.names.close();
        Ok(Keys { names: self.names, ids: self.ids.finish()? })
    }
}

impl GrowingField {
    fn new(kind: FieldChoice, store: &Store) -> Self {
        match kind {
            FieldChoice::Category | FieldChoice::Text | FieldChoice::Vector => Self::Category(Keys::new(store)),
            FieldChoice::Number => Self::Number { values: Spool::new(store), broken: 0, first_broken: None },
        }
    }

    fn push(&mut self, cell: &Cell<'_>) -> Result<()> {
        match self {
            Self::Category(keys) => keys.push(cell),
            Self::Number { values, broken, first_broken } => {
                // An infinite number, such as 1e999, can't be learned from either, nor one that is infinite as an f32.
                let number = cell.number().map(|number| number as f32).filter(|number| !number.is_infinite());
                if number.is_none() {
                    *broken += 1;
                    first_broken.get_or_insert_with(|| {
                        let mut text = String::new();
                        cell.write(&mut text);
                        text
                    });
                }
                values.push(number.unwrap_or(f32::NAN))
            }
        }
    }

    fn finish(self) -> Result<FieldColumn> {
        Ok(match self {
            Self::Category(keys) => FieldColumn::Category(keys.finish()?),
            Self::Number { values, broken, first_broken } => {
                FieldColumn::Number { values: values.finish()?, broken, first_broken }
            }
        })
    }
}

impl FieldColumn {
    /// A row's value as bits: equal bits are equal values, missing ones too.
    pub fn bits(&self, row: usize) -> u32 {
        match self {
            Self::Category(keys) => keys.ids[row],
            Self::Number { values, .. } => values[row].to_bits(),
        }
    }

    /// The column of all rows from the column of all keys: a row has its key's value.
    fn spread(mut self, ids: &[u32], store: &Store) -> Result<Self> {
        match &mut self {
            Self::Category(keys) => {
                let spread = ids.iter().map(|&id| at(&keys.ids, id).unwrap_or(MISSING));
                keys.ids = Column::collect(store, spread)?;
            }
            Self::Number { values, .. } => {
                let spread = ids.iter().map(|&id| at(values, id).unwrap_or(f32::NAN));
                *values = Column::collect(store, spread)?;
            }
        }
        Ok(self)
    }
}

fn at<T: Copy>(values: &[T], id: u32) -> Option<T> {
    values.get(id as usize).copied()
}

/// Reads a log and joins its fields with the side tables. For a model that is there already it may lack columns of fields and
/// labels.
///
/// # Errors
/// Names the file, the place, what was expected and what was found.
pub fn read(config: &Config, source: &Source, sides: &[Side], for_a_model: bool, store: &Store) -> Result<Table> {
    let sequence = &config.sequence;
    let joined = |field: &FieldConfig| sides.iter().find(|side| side.column(&field.name).is_some());
    let of_fields = config.fields.iter().filter(|field| joined(field).is_none()).map(|field| field.name.as_str());
    let of_sides = sides.iter().filter_map(|side| side.on.as_deref());
    let of_labels = config.tasks.iter().filter_map(|task| task.column.as_deref());
    let more: Vec<&str> = of_fields.chain(of_sides).chain(of_labels).collect();
    let lacking = if for_a_model { source.lacking(&more)? } else { Vec::new() };

    let mut sequences = GrowingKeys::new(store);
    let mut items = GrowingKeys::new(store);
    let mut groups = sequence.group.as_ref().map(|_| GrowingKeys::new(store));
    let mut times = sequence.time.as_ref().map(|_| TimeColumn::new(sequence.time_unit.clone(), store));
    let mut own: Vec<GrowingField> = config
        .fields
        .iter()
        .filter(|field| joined(field).is_none())
        .map(|field| GrowingField::new(field.kind, store))
        .collect();
    let mut ons: Vec<GrowingKeys> =
        sides.iter().filter(|side| side.on.is_some()).map(|_| GrowingKeys::new(store)).collect();

    let choices = config.tasks.iter().map(labels::choice);
    let mut own_labels: Vec<Option<GrowingField>> =
        choices.map(|choice| choice.map(|kind| GrowingField::new(kind, store))).collect();

    let has_item = config.item.column.is_some();
    let mut wanted: Vec<&str> = config.item.column.iter().map(String::as_str).collect();
    wanted.extend(sequence.key.as_deref());
    wanted.extend(sequence.group.as_deref());
    wanted.extend(sequence.time.as_deref());
    let is_there: Vec<bool> = more.iter().map(|name| !lacking.contains(name)).collect();
    wanted.extend(more.iter().zip(&is_there).filter(|(_, is_there)| **is_there).map(|(name, _)| *name));

    let (mut rows, mut broken, mut first_broken) = (0, 0, None);
    let mut push = |cells: &[Cell<'_>]| -> Result<()> {
        rows += 1;
        let mut cells = cells.iter();
        let mut next = || cells.next().unwrap_or(&Cell::Missing);
        items.push(if has_item { next() } else { &Cell::Text(NO_ITEM) })?;
        let number = Cell::Integer(rows as i128);
        sequences.push(match (&sequence.key, sequence.each_row) {
            (Some(_), _) => next(),
            (None, true) => &number,
            (None, false) => &Cell::Text("log"),
        })?;
        groups.iter_mut().try_for_each(|groups| groups.push(next()))?;
        times.iter_mut().try_for_each(|times| times.push(next()))?;
        let mut more = is_there.iter().map(|is_there| if *is_there { next() } else { &Cell::Missing });
        let mut next = || more.next().unwrap_or(&Cell::Missing);
        own.iter_mut().try_for_each(|field| field.push(next()))?;
        ons.iter_mut().try_for_each(|on| on.push(next()))?;
        own_labels.iter_mut().flatten().try_for_each(|labels| labels.push(next()))
    };
    let mut pushed = Ok(());
    source.read(&wanted, &mut |row| {
        match row {
            Row::Broken(reason) => {
                broken += 1;
                first_broken.get_or_insert_with(|| reason.to_owned());
            }
            Row::Cells(cells) => pushed = push(cells),
        }
        if pushed.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    pushed?;
    ensure!(u32::try_from(rows).is_ok(), "{rows} rows, expected fewer than 4 billion: split the log");

    let (sequences, items) = (sequences.finish()?, items.finish()?);
    let ons = ons.into_iter().map(Keys::finish).collect::<Result<Vec<_>>>()?;

    let mut own = own.into_iter();
    let mut fields = vec![];
    for field in &config.fields {
        let column = match joined(field) {
            None => own.next().map(FieldColumn::finish).transpose()?,
            Some(side) => {
                let before = sides.iter().take_while(|other| !std::ptr::eq(*other, side));
                let on = before.filter(|other| other.on.is_some()).count();
                let keys = if side.on.is_some() { &ons[on] } else { &items };
                let mut column = GrowingField::new(field.kind, store);
                keys.names.iter().try_for_each(|key| column.push(&side.cell(key, &field.name)))?;
                Some(column.finish()?.spread(&keys.ids, store)?)
            }
        };
        fields.extend(column);
    }
    let groups = groups.map(Keys::finish).transpose()?;
    let times = times.map(|times| times.finish(store)).transpose()?;
    let finish = |labels: Option<GrowingField>| labels.map(FieldColumn::finish).transpose();
    let labels = own_labels.into_iter().map(finish).collect::<Result<_>>()?;
    let lacking = lacking.into_iter().map(str::to_owned).collect();
    Ok(Table { rows, broken, first_broken, sequences, items, groups, times, fields, labels, lacking })
}

impl Table {
    /// A row's time, or [`NO_TIME`].
    pub fn time(&self, row: usize) -> i64 {
        self.times.as_ref().map_or(NO_TIME, |times| times[row])
    }

    /// Whether the log lacks a task's column: no cell is not the same as a blank one, which may count as 0.
    pub fn lacks_labels(&self, task: &TaskConfig) -> bool {
        task.column.as_ref().is_some_and(|column| self.lacking.contains(column))
    }

    /// What is missing because the log lacks a column.
    pub fn notes_of_lacking(&self, tasks: &[TaskConfig]) -> Vec<Rule> {
        let note = |column: &String| {
            let of_column = tasks.iter().filter(|task| task.column.as_ref() == Some(column));
            let names: Vec<String> = of_column.map(|task| format!("{:?}", task.name)).collect();
            let what = match names.as_slice() {
                [] => "what it says of an event is missing throughout".to_owned(),
                names => format!("[[task]] {} is not measured", names.join(", ")),
            };
            let detail = format!("the log has no column {column:?}: {what}");
            Rule { name: "no such column".into(), rows: self.rows as u64, detail }
        };
        self.lacking.iter().map(note).collect()
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
