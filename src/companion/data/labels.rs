//! From label columns to the schema's heads and the events' labels; only training events decide on the heads.

use super::column::{Column, Spool, Store};
use super::dataset::Part;
use super::encode::MIN_COUNT;
use super::label_places::{Asked, LabelPlaces};
use super::names::{MISSING, Names};
use super::report::Rule;
use super::split;
use super::table::FieldColumn;
use crate::companion::config::{Config, FieldChoice, LabelsAt, NextGroup, TaskConfig, TaskKind};
use crate::schema::{Head, HeadKind};
use anyhow::{Context, Result, bail, ensure};
use std::collections::HashMap;

/// Squares of larger labels have no place in a float.
const LARGEST: f32 = 1e15;

/// More different names than this are hardly meant as classes.
const MOST_CLASSES: usize = 1000;

/// How a task's column is read; `None` where there is none.
pub fn choice(task: &TaskConfig) -> Option<FieldChoice> {
    task.column.as_ref()?;
    match task.kind {
        TaskKind::Binary if task.next.is_some() => Some(FieldChoice::Number),
        TaskKind::Binary | TaskKind::Classes => Some(FieldChoice::Category),
        TaskKind::Number => Some(FieldChoice::Number),
        TaskKind::Direction => None,
    }
}

/// The cleaned events that have labels.
pub struct Labelled<'a> {
    pub config: &'a Config,
    pub places: LabelPlaces<'a>,
}

/// What a row's cell says.
enum Cells<'a> {
    /// Yes is 1, no 0, by the number of the name.
    Flags(Vec<f32>, &'a [u32]),
    /// The number of the name; of a field those that are common enough.
    Names(&'a Names, &'a [u32], usize),
    Numbers(&'a [f32]),
}

impl Cells<'_> {
    /// NaN for nothing.
    fn at(&self, row: usize) -> f32 {
        match self {
            Self::Flags(flags, ids) => flags.get(ids[row] as usize).copied().unwrap_or(f32::NAN),
            Self::Names(_, ids, _) if ids[row] == MISSING => f32::NAN,
            Self::Names(_, ids, _) => ids[row] as f32,
            Self::Numbers(values) => values[row],
        }
    }
}

impl Labelled<'_> {
    /// The heads that the training events' labels ask for.
    ///
    /// # Errors
    /// When a task has no labels to learn from or to validate on, all are alike, or one is not of its kind.
    pub fn heads(&self) -> Result<Vec<Head>> {
        self.config.tasks.iter().map(|task| self.head(task).with_context(|| context(task))).collect()
    }

    fn head(&self, task: &TaskConfig) -> Result<Head> {
        let (cells, asked) = (self.cells(task)?, Asked::of(task));
        let of = |part| {
            self.raw(task, &cells)
                .zip(self.places.parts)
                .filter(move |(label, other)| **other == part && !label.is_nan())
        };
        // Which classes there are is known of all, whatever the share of labels.
        let whole = TaskConfig { label_share: 1.0, ..task.clone() };
        let training = || of(Part::Train).map(|(label, _)| label);
        let lost = match self.lost(task, &cells) {
            0 => String::new(),
            lost => format!(
                " ({lost} are lost with rows that cleaning drops: without an item, of items rarer than [item] min_count, or of \
                 sequences below min_length)"
            ),
        };
        let way = match (&task.of, task.at, task.label_share < 1.0) {
            (_, _, true) => "raise label_share".to_owned(),
            (Some(of), ..) => format!(
                "they are made of [[field]] {of:?}, {} events apart in one part of the split: is its column the right one, and its kind?",
                task.steps.unwrap_or(1)
            ),
            (None, LabelsAt::Last, _) => "with at = \"last\" use [split] kind = \"sequence\" or \"time\"".to_owned(),
            _ => "is its column empty there?".to_owned(),
        };
        ensure!(training().next().is_some(), "no training event has a label{lost}; {way}");
        ensure!(of(Part::Validation).next().is_some(), "no validation event has a label{lost}; {way}");
        let first = training().next().unwrap_or_default();
        ensure!(
            training().any(|label| label != first),
            "all labels of training events are alike{lost}, expected two different ones: there is nothing to tell apart"
        );
        let kind = match (&cells, &asked) {
            (Cells::Flags(..), _) | (_, Asked::Higher(_) | Asked::NextGroup(NextGroup::Any)) => {
                HeadKind::Binary { threshold: task.threshold() }
            }
            (Cells::Names(names, _, min_count), _) => {
                let mut counts = vec![0; names.len()];
                let all = self.raw(&whole, &cells).zip(self.places.parts);
                all.filter(|(label, part)| **part == Part::Train && !label.is_nan())
                    .for_each(|(label, _)| counts[label as usize] += 1);
                let known = names.iter().zip(counts).filter(|(_, count)| count >= min_count);
                let mut known: Vec<(&str, usize)> = known.collect();
                known.sort_unstable();
                let all: usize = known.iter().map(|(_, count)| count).sum();
                let share = |(_, count): &(&str, usize)| *count as f32 / all as f32;
                let shares = if task.balanced { known.iter().map(share).collect() } else { Vec::new() };
                let names: Vec<String> = known.into_iter().map(|(name, _)| name.to_owned()).collect();
                ensure!(
                    names.len() <= MOST_CLASSES,
                    "{} different names, expected at most {MOST_CLASSES} classes; is it a number?",
                    names.len()
                );
                HeadKind::Classes { names, shares }
            }
            (Cells::Numbers(_), _) => {
                let count = training().count() as f64;
                let mean = training().map(f64::from).sum::<f64>() / count;
                let variance = training().map(|label| (f64::from(label) - mean).powi(2)).sum::<f64>() / count;
                let furthest = training().fold(0.0, |furthest: f32, label| furthest.max(label.abs()));
                ensure!(
                    furthest <= LARGEST,
                    "a label is {furthest:e} in size, expected at most {LARGEST:e}; use another unit"
                );
                HeadKind::Number { mean: mean as f32, std: variance.sqrt() as f32 }
            }
        };
        let head = Head { name: task.name.clone(), kind };
        head.validate()?;
        Ok(head)
    }

    /// The events' labels, `[events, heads]`: 1 for yes and 0 for no, a class's place, a number; NaN where there is none, or
    /// one that the head does not know, which are counted in `notes`.
    ///
    /// # Errors
    /// When a column is not of its task's kind, or the disk refuses.
    pub fn labels(&self, heads: &[Head], store: &Store, notes: &mut Vec<Rule>) -> Result<Column<f32>> {
        let tasks = &self.config.tasks;
        let cells =
            tasks.iter().map(|task| self.cells(task).with_context(|| context(task))).collect::<Result<Vec<_>>>()?;
        let places: Vec<Vec<f32>> = cells.iter().zip(heads).map(|(cells, head)| places(cells, head)).collect();
        let mut columns: Vec<_> = tasks.iter().zip(&cells).map(|(task, cells)| self.raw(task, cells)).collect();
        let mut labels = Spool::new(store);
        let mut unknown = vec![0; tasks.len()];
        let lacking: Vec<bool> = tasks.iter().map(|task| self.places.table.lacks_labels(task)).collect();
        for _ in 0..self.places.parts.len() {
            for (((column, places), unknown), lacks) in columns.iter_mut().zip(&places).zip(&mut unknown).zip(&lacking)
            {
                let label = column.next().filter(|_| !lacks).unwrap_or(f32::NAN);
                let known = if places.is_empty() || label.is_nan() { label } else { places[label as usize] };
                *unknown += u64::from(known.is_nan() && !label.is_nan());
                labels.push(known)?;
            }
        }
        for (task, rows) in tasks.iter().zip(unknown).filter(|(_, rows)| *rows > 0) {
            let detail = format!(
                "labels of classes that the training part does not have: [[task]] {:?} does not measure them",
                task.name
            );
            notes.push(Rule { name: "unknown classes".into(), rows, detail });
        }
        for (task, cells) in tasks.iter().zip(&cells) {
            let rows = self.lost(task, cells);
            if rows > 0 {
                let detail = format!(
                    "labels of [[task]] {:?} without an event: their rows, or all of their group's or sequence's, are dropped",
                    task.name
                );
                notes.push(Rule { name: "lost labels".into(), rows, detail });
            }
        }
        labels.finish()
    }

    fn cells(&self, task: &TaskConfig) -> Result<Cells<'_>> {
        let table = self.places.table;
        let (column, min_count) = match &task.of {
            Some(of) => {
                let place = self.config.fields.iter().position(|field| field.name == *of);
                let min_count = place.and_then(|place| self.config.fields[place].min_count).unwrap_or(MIN_COUNT);
                (place.map(|place| &table.fields[place]), min_count)
            }
            None => {
                let place = self.config.tasks.iter().position(|other| std::ptr::eq(other, task));
                let column = place.and_then(|place| table.labels.get(place)).and_then(Option::as_ref);
                (column, 1)
            }
        };
        let cells = match (task.kind, column) {
            (TaskKind::Binary, Some(FieldColumn::Category(keys))) => {
                let flags = keys.names.iter().map(flag).collect::<Result<_>>()?;
                Cells::Flags(flags, &keys.ids)
            }
            (TaskKind::Classes, Some(FieldColumn::Category(keys))) => Cells::Names(&keys.names, &keys.ids, min_count),
            (_, Some(FieldColumn::Number { values, first_broken, .. })) => {
                // A field's broken cells are told of elsewhere, and count as missing.
                if let (Some(first), None) = (first_broken, &task.of) {
                    bail!("{first:?} is no finite number; correct it, or use kind = \"classes\" for names");
                }
                Cells::Numbers(values)
            }
            _ => bail!("its values are of another kind; change kind"),
        };
        Ok(cells)
    }

    /// What the log says of each event, NaN for nothing: a class is its name's number still.
    fn raw<'b>(&'b self, task: &'b TaskConfig, cells: &'b Cells<'b>) -> impl Iterator<Item = f32> + 'b {
        let LabelPlaces { parts, cleaned, .. } = self.places;
        // Another draw than the split's, which may be by sequence too.
        let seed = !self.config.split.seed;
        let told = self.places.told(Asked::of(task), |row| cells.at(row)).filter(|told| !told.events.is_empty());
        told.zip(cleaned.keys.iter()).flat_map(move |(told, key)| {
            let is_learned = split::draw(seed, key) < f64::from(task.label_share);
            let label = move |(event, label)| if is_learned || parts[event] != Part::Train { label } else { f32::NAN };
            told.events.zip(told.labels).map(label)
        })
    }

    /// How many labels have no event to stand at, since cleaning dropped the rows.
    fn lost(&self, task: &TaskConfig, cells: &Cells<'_>) -> u64 {
        let asked = Asked::of(task);
        let of_valid_rows: u64 = self.places.told(asked, |row| cells.at(row)).map(|told| told.lost).sum();
        let without_item = match asked {
            Asked::Own | Asked::Sequence | Asked::Group => {
                let ids = self.places.table.items.ids.iter().enumerate();
                ids.filter(|(row, id)| **id == MISSING && !cells.at(*row).is_nan()).count()
            }
            Asked::NextGroup(_) | Asked::Later(_) | Asked::Higher(_) => 0,
        };
        of_valid_rows + without_item as u64
    }
}

fn context(task: &TaskConfig) -> String {
    match task.column.as_ref().or(task.of.as_ref()) {
        Some(column) => format!("[[task]] {:?}, column {column:?}", task.name),
        None => format!("[[task]] {:?}", task.name),
    }
}

/// Each name's class, NaN for one that the head does not know; empty where labels are no names.
fn places(cells: &Cells<'_>, head: &Head) -> Vec<f32> {
    let (Cells::Names(names, ..), HeadKind::Classes { names: known, .. }) = (cells, &head.kind) else {
        return Vec::new();
    };
    let places: HashMap<&str, usize> = known.iter().map(String::as_str).zip(0..).collect();
    names.iter().map(|name| places.get(name).map_or(f32::NAN, |&place| place as f32)).collect()
}

/// 1 for yes, 0 for no.
fn flag(name: &str) -> Result<f32> {
    let number = name.parse().ok().filter(|number: &f32| [0.0, 1.0].contains(number));
    match (name.to_ascii_lowercase().as_str(), number) {
        (_, Some(number)) => Ok(number),
        ("true" | "yes" | "y", _) => Ok(1.0),
        ("false" | "no" | "n", _) => Ok(0.0),
        _ => bail!(
            "{name:?} is neither yes nor no, expected true or false, yes or no, 1 or 0; use kind = \"classes\" for names"
        ),
    }
}
