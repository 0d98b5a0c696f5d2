//! From label columns to the schema's heads and the events' labels; only training events decide on the heads.

use super::clean::Cleaned;
use super::column::{Column, Spool, Store};
use super::dataset::Part;
use super::encode::MIN_COUNT;
use super::names::{MISSING, Names};
use super::report::Rule;
use super::split;
use super::table::{FieldColumn, Table};
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
    pub table: &'a Table,
    pub cleaned: &'a Cleaned,
    pub parts: &'a [Part],
}

/// What a row's cell says.
enum Cells<'a> {
    /// Yes is 1, no 0, by the number of the name.
    Flags(Vec<f32>, &'a [u32]),
    /// The number of the name; of a field those that are common enough.
    Names(&'a Names, &'a [u32], usize),
    Numbers(&'a [f32]),
}

/// Which rows' cells an event's label is made of.
enum Asked {
    Now,
    /// The numbers of the group after.
    NextGroup(NextGroup),
    /// The cell so many events later.
    Later(usize),
    /// Whether the number so many events later is higher.
    Higher(usize),
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
        let (cells, asked) = self.cells(task)?;
        let of = |part| {
            self.raw(task, &cells, &asked)
                .zip(self.parts)
                .filter(move |(label, other)| **other == part && !label.is_nan())
        };
        // Which classes there are is known of all, whatever the share of labels.
        let whole = TaskConfig { label_share: 1.0, ..task.clone() };
        let training = || of(Part::Train).map(|(label, _)| label);
        let way = match &task.of {
            Some(of) => format!(
                "they are made of [[field]] {of:?}, {} events apart in one part of the split: is its column the right one, and its kind?",
                task.steps.unwrap_or(1)
            ),
            None => "with at = \"last\" use [split] kind = \"sequence\" or \"time\"".into(),
        };
        ensure!(
            training().next().is_some(),
            "no training event has a label; {}",
            if task.label_share < 1.0 { "raise label_share" } else { &way }
        );
        ensure!(of(Part::Validation).next().is_some(), "no validation event has a label; {way}");
        let first = training().next().unwrap_or_default();
        ensure!(
            training().any(|label| label != first),
            "all labels of training events are alike, expected two different ones: there is nothing to tell apart"
        );
        let kind = match (&cells, &asked) {
            (Cells::Flags(..), _) | (_, Asked::Higher(_) | Asked::NextGroup(NextGroup::Any)) => {
                HeadKind::Binary { threshold: task.threshold() }
            }
            (Cells::Names(names, _, min_count), _) => {
                let mut counts = vec![0; names.len()];
                let all = self.raw(&whole, &cells, &asked).zip(self.parts);
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
        let places: Vec<Vec<f32>> = cells.iter().zip(heads).map(|((cells, _), head)| places(cells, head)).collect();
        let mut columns: Vec<_> =
            tasks.iter().zip(&cells).map(|(task, (cells, asked))| self.raw(task, cells, asked)).collect();
        let mut labels = Spool::new(store);
        let mut unknown = vec![0; tasks.len()];
        for _ in 0..self.cleaned.rows.len() {
            for ((column, places), unknown) in columns.iter_mut().zip(&places).zip(&mut unknown) {
                let label = column.next().unwrap_or(f32::NAN);
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
        labels.finish()
    }

    fn cells(&self, task: &TaskConfig) -> Result<(Cells<'_>, Asked)> {
        let (column, min_count, asked) = match &task.of {
            Some(of) => {
                let place = self.config.fields.iter().position(|field| field.name == *of);
                let steps = task.steps.unwrap_or(1);
                let asked = if task.kind == TaskKind::Direction { Asked::Higher(steps) } else { Asked::Later(steps) };
                let min_count = place.and_then(|place| self.config.fields[place].min_count).unwrap_or(MIN_COUNT);
                (place.map(|place| &self.table.fields[place]), min_count, asked)
            }
            None => {
                let place = self.config.tasks.iter().position(|other| std::ptr::eq(other, task));
                let column = place.and_then(|place| self.table.labels.get(place)).and_then(Option::as_ref);
                (column, 1, task.next.map_or(Asked::Now, Asked::NextGroup))
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
        Ok((cells, asked))
    }

    /// What each event's cell says, NaN for nothing: a class is its name's number still.
    fn raw<'b>(
        &'b self,
        task: &'b TaskConfig,
        cells: &'b Cells<'b>,
        asked: &'b Asked,
    ) -> impl Iterator<Item = f32> + 'b {
        let Cleaned { rows, offsets, .. } = self.cleaned;
        // Another draw than the split's, which may be by sequence too.
        let seed = !self.config.split.seed;
        offsets.windows(2).zip(self.cleaned.keys.iter()).flat_map(move |(pair, key)| {
            let is_learned = split::draw(seed, key) < f64::from(task.label_share);
            let (start, end) = (pair[0] as usize, pair[1] as usize);
            (start..end).map(move |own| {
                let row = rows[own] as usize;
                let next = rows[start..end].get(own + 1 - start).map(|&row| row as usize);
                let group = |row: usize| self.table.groups.as_ref().map(|groups| groups.ids[row]);
                let counts = match task.at {
                    LabelsAt::Every if task.next.is_some() => next.is_some_and(|next| group(next) != group(row)),
                    LabelsAt::Every => true,
                    LabelsAt::Last => next.is_none(),
                    LabelsAt::Group => next.is_none_or(|next| group(next) != group(row)),
                };
                if !counts || (!is_learned && self.parts[own] == Part::Train) {
                    return f32::NAN;
                }
                // A label from another part would tell of it.
                let of_this_part = |place: usize| self.parts[place] == self.parts[own];
                let later =
                    |steps: usize| (own + steps < end && of_this_part(own + steps)).then(|| rows[own + steps] as usize);
                match asked {
                    Asked::Now => cells.at(row),
                    Asked::NextGroup(asked) => {
                        let after = rows[own + 1..end].iter().map(|&row| row as usize);
                        let first = next.and_then(group);
                        let after: Vec<usize> = after.take_while(|&row| group(row) == first).collect();
                        if !(own + 1..=own + after.len()).all(of_this_part) {
                            return f32::NAN;
                        }
                        let mut values = after.iter().map(|&row| cells.at(row)).filter(|value| !value.is_nan());
                        match asked {
                            NextGroup::Any => f32::from(u8::from(values.any(|value| value != 0.0))),
                            NextGroup::Sum => values.sum(),
                        }
                    }
                    Asked::Later(steps) => later(*steps).map_or(f32::NAN, |row| cells.at(row)),
                    Asked::Higher(steps) => {
                        let (now, later) = (cells.at(row), later(*steps).map_or(f32::NAN, |row| cells.at(row)));
                        if now.is_nan() || later.is_nan() { f32::NAN } else { f32::from(u8::from(later > now)) }
                    }
                }
            })
        })
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
