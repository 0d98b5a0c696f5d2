//! From label columns to the schema's heads and the events' labels; only training events decide on the heads.

use super::clean::Cleaned;
use super::column::{Column, Spool, Store};
use super::dataset::Part;
use super::names::{MISSING, Names};
use super::split;
use super::table::{FieldColumn, Table};
use crate::companion::config::{Config, FieldChoice, LabelsAt, NextGroup, TaskConfig, TaskKind};
use crate::schema::{Head, HeadKind};
use anyhow::{Context, Result, bail, ensure};
use std::collections::HashMap;

/// More different names than this are hardly meant as classes.
const MOST_CLASSES: usize = 1000;

/// How a task's column is read; `None` of a direction, which has none.
pub fn choice(task: &TaskConfig) -> Option<FieldChoice> {
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
    pub table: &'a Table,
    pub cleaned: &'a Cleaned,
    pub parts: &'a [Part],
}

/// What a row's cell says.
enum Cells<'a> {
    /// Yes is 1, no 0, by the number of the name.
    Flags(Vec<f32>, &'a [u32]),
    /// The number of the name.
    Names(&'a Names, &'a [u32]),
    Numbers(&'a [f32]),
    /// Numbers of which those of the group after are asked.
    Next(&'a [f32], NextGroup),
    /// A field's numbers, and how many events later one is compared.
    Direction(&'a [f32], usize),
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
        let cells = self.cells(task)?;
        let of = |part| {
            self.raw(task, &cells).zip(self.parts).filter(move |(label, other)| **other == part && !label.is_nan())
        };
        let training = || of(Part::Train).map(|(label, _)| label);
        let way = "with at = \"last\" use [split] kind = \"sequence\" or \"time\"";
        ensure!(
            training().next().is_some(),
            "no training event has a label; {}",
            if task.label_share < 1.0 { "raise label_share" } else { way }
        );
        ensure!(of(Part::Validation).next().is_some(), "no validation event has a label; {way}");
        let first = training().next().unwrap_or_default();
        ensure!(
            training().any(|label| label != first),
            "all labels of training events are alike, expected two different ones: there is nothing to tell apart"
        );
        let kind = match cells {
            Cells::Flags(..) | Cells::Direction(..) | Cells::Next(_, NextGroup::Any) => {
                HeadKind::Binary { threshold: task.threshold() }
            }
            Cells::Names(names, _) => {
                let mut met = vec![false; names.len()];
                training().for_each(|label| met[label as usize] = true);
                let mut names: Vec<String> =
                    names.iter().zip(met).filter(|(_, met)| *met).map(|(name, _)| name.to_owned()).collect();
                names.sort_unstable();
                ensure!(
                    names.len() <= MOST_CLASSES,
                    "{} different names, expected at most {MOST_CLASSES} classes; is it a number?",
                    names.len()
                );
                HeadKind::Classes { names }
            }
            Cells::Numbers(_) | Cells::Next(_, NextGroup::Sum) => {
                let count = training().count() as f64;
                let mean = training().map(f64::from).sum::<f64>() / count;
                let variance = training().map(|label| (f64::from(label) - mean).powi(2)).sum::<f64>() / count;
                HeadKind::Number { mean: mean as f32, std: variance.sqrt() as f32 }
            }
        };
        let head = Head { name: task.name.clone(), kind };
        head.validate()?;
        Ok(head)
    }

    /// The events' labels, `[events, heads]`: 1 for yes and 0 for no, a class's place, a number; NaN where there is none, or
    /// one that the head does not know.
    ///
    /// # Errors
    /// When a column is not of its task's kind, or the disk refuses.
    pub fn labels(&self, heads: &[Head], store: &Store) -> Result<Column<f32>> {
        let tasks = &self.config.tasks;
        let cells =
            tasks.iter().map(|task| self.cells(task).with_context(|| context(task))).collect::<Result<Vec<_>>>()?;
        let places: Vec<Vec<f32>> = cells.iter().zip(heads).map(|(cells, head)| places(cells, head)).collect();
        let mut columns: Vec<_> = tasks.iter().zip(&cells).map(|(task, cells)| self.raw(task, cells)).collect();
        let mut labels = Spool::new(store);
        for _ in 0..self.cleaned.rows.len() {
            for (column, places) in columns.iter_mut().zip(&places) {
                let label = column.next().unwrap_or(f32::NAN);
                let known = if places.is_empty() || label.is_nan() { label } else { places[label as usize] };
                labels.push(known)?;
            }
        }
        labels.finish()
    }

    fn cells(&self, task: &TaskConfig) -> Result<Cells<'_>> {
        let place = self.config.tasks.iter().position(|other| std::ptr::eq(other, task));
        let column = place.and_then(|place| self.table.labels.get(place)).and_then(Option::as_ref);
        Ok(match (task.kind, column) {
            (TaskKind::Binary, Some(FieldColumn::Category(keys))) => {
                let flags = keys.names.iter().map(flag).collect::<Result<_>>()?;
                Cells::Flags(flags, &keys.ids)
            }
            (TaskKind::Classes, Some(FieldColumn::Category(keys))) => Cells::Names(&keys.names, &keys.ids),
            (_, Some(FieldColumn::Number { values, first_broken, .. })) => {
                if let Some(first) = first_broken {
                    bail!("{first:?} is no finite number; correct it, or use kind = \"classes\" for names");
                }
                match task.next {
                    Some(asked) => Cells::Next(values, asked),
                    None => Cells::Numbers(values),
                }
            }
            _ => {
                let field = self.config.fields.iter().position(|field| Some(&field.name) == task.of.as_ref());
                match field.map(|place| &self.table.fields[place]) {
                    Some(FieldColumn::Number { values, .. }) => Cells::Direction(values, task.steps.unwrap_or(1)),
                    _ => bail!("a direction is of a field of kind = \"number\""),
                }
            }
        })
    }

    /// What each event's cell says, NaN for nothing: a class is its name's number still.
    fn raw<'b>(&'b self, task: &'b TaskConfig, cells: &'b Cells<'b>) -> impl Iterator<Item = f32> + 'b {
        let Cleaned { rows, offsets, .. } = self.cleaned;
        // Another draw than the split's, which may be by sequence too.
        let seed = !self.config.split.seed;
        offsets.windows(2).zip(self.cleaned.keys.iter()).flat_map(move |(pair, key)| {
            let is_learned = split::draw(seed, key) < f64::from(task.label_share);
            let (start, end) = (pair[0] as usize, pair[1] as usize);
            (start..end).map(move |place| {
                let row = rows[place] as usize;
                let next = rows[start..end].get(place + 1 - start).map(|&row| row as usize);
                let group = |row: usize| self.table.groups.as_ref().map(|groups| groups.ids[row]);
                let counts = match task.at {
                    LabelsAt::Every if task.next.is_some() => next.is_some_and(|next| group(next) != group(row)),
                    LabelsAt::Every => true,
                    LabelsAt::Last => next.is_none(),
                    LabelsAt::Group => next.is_none_or(|next| group(next) != group(row)),
                };
                if !counts || (!is_learned && self.parts[place] == Part::Train) {
                    return f32::NAN;
                }
                match cells {
                    Cells::Flags(flags, ids) => flags.get(ids[row] as usize).copied().unwrap_or(f32::NAN),
                    Cells::Names(_, ids) if ids[row] == MISSING => f32::NAN,
                    Cells::Names(_, ids) => ids[row] as f32,
                    Cells::Numbers(values) => values[row],
                    Cells::Next(values, asked) => {
                        let after = rows[place + 1..end].iter().map(|&row| row as usize);
                        let first = next.and_then(group);
                        let after: Vec<usize> = after.take_while(|&row| group(row) == first).collect();
                        // A label from another part would tell of it.
                        if self.parts[place + 1..=place + after.len()].iter().any(|&part| part != self.parts[place]) {
                            return f32::NAN;
                        }
                        let mut values = after.iter().map(|&row| values[row]).filter(|value| !value.is_nan());
                        match asked {
                            NextGroup::Any => f32::from(u8::from(values.any(|value| value != 0.0))),
                            NextGroup::Sum => values.sum(),
                        }
                    }
                    // A label from another part would tell of it.
                    Cells::Direction(_, steps)
                        if place + steps >= end || self.parts[place + steps] != self.parts[place] =>
                    {
                        f32::NAN
                    }
                    Cells::Direction(values, steps) => {
                        let (now, later) = (values[row], values[rows[place + steps] as usize]);
                        if now.is_nan() || later.is_nan() { f32::NAN } else { f32::from(u8::from(later > now)) }
                    }
                }
            })
        })
    }
}

fn context(task: &TaskConfig) -> String {
    match &task.column {
        Some(column) => format!("[[task]] {:?}, column {column:?}", task.name),
        None => format!("[[task]] {:?}", task.name),
    }
}

/// Each name's class, NaN for one that the head does not know; empty where labels are no names.
fn places(cells: &Cells<'_>, head: &Head) -> Vec<f32> {
    let (Cells::Names(names, _), HeadKind::Classes { names: known }) = (cells, &head.kind) else { return Vec::new() };
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
