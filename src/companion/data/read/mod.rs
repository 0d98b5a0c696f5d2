//! Readers of logs and side tables, one file a format. Each hands over rows of cells, one at a time.

mod bytes;
mod csv;
mod json_lines;
mod parquet;
mod source;
mod text;

pub use json_lines::events;
pub use source::{Format, Source};

use std::ops::ControlFlow;

/// One cell of a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cell<'a> {
    /// Nothing there.
    Missing,
    /// Text as it stands in the file.
    Text(&'a str),
    /// A whole number.
    Integer(i128),
    /// Any other number; NaN is missing.
    Float(f64),
    /// True or false.
    Bool(bool),
    /// Milliseconds since 1970.
    Time(i64),
}

/// What a reader found where a row belongs.
#[derive(Debug)]
pub enum Row<'a> {
    /// The wanted columns, in the wanted order.
    Cells(&'a [Cell<'a>]),
    /// No row: where, and what is wrong with it.
    Broken(&'a str),
}

/// Takes rows until it has enough.
pub type Sink<'a> = dyn FnMut(Row<'_>) -> ControlFlow<()> + 'a;

impl Cell<'_> {
    /// The cell as a key or a name, appended to `out`; false when it is missing.
    pub fn write(&self, out: &mut String) -> bool {
        use std::fmt::Write;
        match *self {
            Cell::Missing => return false,
            Cell::Text(text) => out.push_str(text.trim()),
            // Writing to a String cannot fail.
            Cell::Integer(number) => drop(write!(out, "{number}")),
            Cell::Float(number) if number.is_nan() => return false,
            Cell::Float(number) => drop(write!(out, "{number}")),
            Cell::Bool(value) => drop(write!(out, "{value}")),
            Cell::Time(milliseconds) => drop(write!(out, "{milliseconds}")),
        }
        !out.is_empty()
    }

    /// The cell as a number, NaN when it is missing; `None` when it is anything else.
    pub fn number(&self) -> Option<f64> {
        match *self {
            Cell::Missing => Some(f64::NAN),
            Cell::Text(text) if text.trim().is_empty() => Some(f64::NAN),
            Cell::Text(text) => text.trim().parse().ok(),
            Cell::Integer(number) => Some(number as f64),
            Cell::Float(number) => Some(number),
            Cell::Bool(value) => Some(f64::from(u8::from(value))),
            Cell::Time(milliseconds) => Some(milliseconds as f64),
        }
    }
}
