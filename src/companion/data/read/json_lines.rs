//! One JSON object a line: an event, or a session with an array of events.

use super::bytes::Lines;
use super::{Cell, Row, Sink};
use anyhow::Result;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::Path;

/// The column that every log of this format has: the line's number, counted through all files.
const LINE: &str = "line";
/// So many lines are looked at for the columns' names.
const SAMPLE: usize = 1000;

type Object = Map<String, Value>;

/// Which columns were met: only at the log's end does it show that one never comes.
pub struct Names {
    rows: u64,
    met: Vec<bool>,
    found: BTreeSet<String>,
}

impl Names {
    /// None met yet.
    pub fn new(wanted: usize) -> Self {
        Self { rows: 0, met: vec![false; wanted], found: BTreeSet::new() }
    }

    /// The wanted columns that no row had; none of an empty log.
    pub fn unmet<'a>(&self, wanted: &[&'a str]) -> Vec<&'a str> {
        let unmet = wanted.iter().zip(&self.met).filter(|(_, met)| !**met && self.rows > 0);
        unmet.map(|(name, _)| *name).collect()
    }

    /// The columns of the first rows.
    pub fn found(&self) -> Vec<String> {
        self.found.iter().cloned().collect()
    }
}

/// The names of the columns in the first lines.
pub fn columns(path: &Path, events: Option<&str>) -> Result<Vec<String>> {
    let mut names = Names::new(0);
    let mut rows = 0;
    let _enough = read(path, events, &[], &mut 0, &mut names, &mut |_| {
        rows += 1;
        if rows < SAMPLE { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    Ok(names.found())
}

/// The name of the array of events, when the first line is a session.
pub fn events(path: &Path) -> Result<Option<String>> {
    let mut lines = Lines::open(path)?;
    let Some(line) = lines.next()? else { return Ok(None) };
    let session: Object = serde_json::from_str(line).unwrap_or_default();
    let is_events = |value: &Value| value.as_array().is_some_and(|array| array.iter().any(Value::is_object));
    Ok(session.into_iter().find(|(_, value)| is_events(value)).map(|(name, _)| name))
}

/// Reads the wanted columns; an event's own value goes before its session's. `number` counts all files' lines.
pub fn read(
    path: &Path,
    events: Option<&str>,
    wanted: &[&str],
    number: &mut u64,
    names: &mut Names,
    sink: &mut Sink<'_>,
) -> Result<ControlFlow<()>> {
    let mut lines = Lines::open(path)?;
    while let Some(line) = lines.next()? {
        *number += 1;
        if line.trim().is_empty() {
            continue;
        }
        let flow = match parse(line, events) {
            Ok((session, None)) => row(&session, &Object::new(), wanted, (*number, &lines), names, sink),
            Ok((session, Some(events))) => {
                events.iter().try_for_each(|event| row(event, &session, wanted, (*number, &lines), names, sink))
            }
            Err(reason) => sink(Row::Broken(&format!("{}: {reason}", lines.place()))),
        };
        if flow.is_break() {
            return Ok(flow);
        }
    }
    Ok(ControlFlow::Continue(()))
}

/// Whether a line begins an array of objects: JSON, but not JSON Lines.
pub fn is_array(line: &str) -> bool {
    line.trim().strip_prefix('[').is_some_and(|rest| rest.is_empty() || rest.trim_start().starts_with('{'))
}

/// A line's object and, when it is a session, its events.
fn parse(line: &str, events: Option<&str>) -> Result<(Object, Option<Vec<Object>>), String> {
    if is_array(line) {
        return Err(
            "an array, expected one object a line: convert the file, for example `jq -c '.[]' OLD > NEW`".into()
        );
    }
    let mut session: Object = serde_json::from_str(line).map_err(|error| format!("no JSON object: {error}"))?;
    let Some(name) = events else { return Ok((session, None)) };
    match session.remove(name) {
        Some(Value::Array(events)) if !events.is_empty() => {
            let objects = events.into_iter().map(|event| match event {
                Value::Object(event) => Ok(event),
                other => Err(format!("{name:?} holds {other}, expected an object")),
            });
            Ok((session, Some(objects.collect::<Result<_, _>>()?)))
        }
        Some(Value::Array(_)) => Err(format!("{name:?} is empty")),
        _ => Err(format!("no array {name:?}")),
    }
}

/// Whether a value is an array of numbers.
fn is_vector(value: &Value) -> bool {
    value.as_array().is_some_and(|numbers| !numbers.is_empty() && numbers.iter().all(Value::is_number))
}

fn row(
    event: &Object,
    session: &Object,
    wanted: &[&str],
    (number, lines): (u64, &Lines),
    names: &mut Names,
    sink: &mut Sink<'_>,
) -> ControlFlow<()> {
    names.rows += 1;
    if names.rows <= SAMPLE as u64 {
        let simple = event.iter().chain(session).filter(|(_, value)| !value.is_array() && !value.is_object());
        names.found.extend(simple.map(|(name, _)| name.clone()));
    }
    let value_of = |name: &str| event.get(name).or_else(|| session.get(name));
    for (met, &name) in names.met.iter_mut().zip(wanted) {
        *met |= value_of(name).is_some() || name == LINE;
    }
    // A vector is read as its text, as in other formats.
    let vectors: Vec<String> = wanted
        .iter()
        .filter_map(|name| value_of(name).filter(|value| is_vector(value)))
        .map(Value::to_string)
        .collect();
    let mut vectors = vectors.iter();
    let mut cells = Vec::with_capacity(wanted.len());
    for &name in wanted {
        cells.push(match value_of(name) {
            None if name == LINE => Cell::Integer(i128::from(number)),
            None | Some(Value::Null) => Cell::Missing,
            Some(Value::Bool(value)) => Cell::Bool(*value),
            Some(Value::String(text)) => Cell::Text(text),
            Some(Value::Number(value)) => match value.as_i128() {
                Some(whole) => Cell::Integer(whole),
                None => value.as_f64().map_or(Cell::Missing, Cell::Float),
            },
            Some(value) if is_vector(value) => vectors.next().map_or(Cell::Missing, |vector| Cell::Text(vector)),
            Some(Value::Array(_) | Value::Object(_)) => {
                return sink(Row::Broken(&format!("{}: {name:?} holds an array or an object", lines.place())));
            }
        });
    }
    sink(Row::Cells(&cells))
}
