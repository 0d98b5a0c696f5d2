//! One sequence a line, items between blanks or another delimiter.

use super::bytes::Lines;
use super::source::places;
use super::{Cell, Row, Sink};
use anyhow::Result;
use std::ops::ControlFlow;
use std::path::Path;

/// The columns: what a line holds, and its number counted through all files.
pub fn columns(first_is_key: bool) -> Vec<String> {
    let names: &[&str] = if first_is_key { &["item", "line", "key"] } else { &["item", "line"] };
    names.iter().map(|&name| name.to_owned()).collect()
}

/// Reads the wanted columns; `number` counts the lines of all files.
pub fn read(
    path: &Path,
    delimiter: Option<char>,
    first_is_key: bool,
    wanted: &[&str],
    number: &mut u64,
    sink: &mut Sink<'_>,
) -> Result<ControlFlow<()>> {
    let places = places(path, &columns(first_is_key), wanted)?;
    let mut lines = Lines::open(path)?;
    while let Some(line) = lines.next()? {
        *number += 1;
        if line.trim().is_empty() {
            continue;
        }
        let mut words: Box<dyn Iterator<Item = &str>> = match delimiter {
            Some(delimiter) => Box::new(line.split(delimiter)),
            None => Box::new(line.split_whitespace()),
        };
        let key = if first_is_key { words.next().map_or(Cell::Missing, Cell::Text) } else { Cell::Missing };
        let mut events = 0;
        for word in words {
            events += 1;
            let all = [Cell::Text(word), Cell::Integer(i128::from(*number)), key];
            let cells: Vec<_> = places.iter().map(|&place| all[place]).collect();
            if sink(Row::Cells(&cells)).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        if events == 0 && sink(Row::Broken(&format!("{}: a key without items", lines.place()))).is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
}
