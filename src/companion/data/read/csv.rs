//! Cells between delimiters, names in the first line.

use super::bytes::{MAX_LINE, not_utf8, open, place, too_long};
use super::source::places;
use super::{Cell, Row, Sink};
use crate::companion::config::Moment;
use anyhow::{Context, Result, bail};
use csv::{ByteRecord, Reader, ReaderBuilder};
use std::cell::Cell as Shared;
use std::io::{BufRead, Read};
use std::ops::ControlFlow;
use std::path::Path;
use std::rc::Rc;

const BUFFER: usize = 1 << 16;
/// No record has more lines: a quote that is never closed takes in all events after it.
const MAX_LINES: u64 = 100;
/// Records in which a value of the first line is looked for.
const LOOKED_AT: usize = 10_000;

/// The columns' names.
pub fn columns(path: &Path, delimiter: Option<u8>) -> Result<Vec<String>> {
    header(path, &mut Records::open(path, delimiter)?)
}

/// Reads the wanted columns.
pub fn read(path: &Path, delimiter: Option<u8>, wanted: &[&str], sink: &mut Sink<'_>) -> Result<ControlFlow<()>> {
    let mut records = Records::open(path, delimiter)?;
    let columns = header(path, &mut records)?;
    if columns.is_empty() {
        return Ok(ControlFlow::Continue(()));
    }
    let places = places(path, &columns, wanted)?;
    while let Some((Span { line, lines }, record)) = records.next(path)? {
        let flow = if lines > MAX_LINES {
            sink(Row::Broken(&never_closed(path, line, lines)))
        } else if record.len() == columns.len() {
            let cells = places.iter().map(|&index| cell(&record[index]));
            match cells.collect::<Option<Vec<_>>>() {
                Some(cells) => sink(Row::Cells(&cells)),
                None => bail!(not_utf8(&place(path, line))),
            }
        } else {
            sink(Row::Broken(&format!("{}: {} cells, expected {}", place(path, line), record.len(), columns.len())))
        };
        if flow.is_break() {
            return Ok(flow);
        }
    }
    Ok(ControlFlow::Continue(()))
}

/// The delimiter that occurs most often in a header.
pub fn likeliest_delimiter(header: &[u8]) -> u8 {
    let count = |delimiter: u8| header.iter().filter(|&&byte| byte == delimiter).count();
    // The last of several maxima wins: the comma, where nothing occurs.
    [b'|', b';', b'\t', b','].into_iter().max_by_key(|&delimiter| count(delimiter)).unwrap_or(b',')
}

fn cell(bytes: &[u8]) -> Option<Cell<'_>> {
    let text = std::str::from_utf8(bytes).ok()?;
    Some(if text.is_empty() { Cell::Missing } else { Cell::Text(text) })
}

fn header(path: &Path, records: &mut Records) -> Result<Vec<String>> {
    match records.next(path)? {
        None => Ok(vec![]),
        Some((Span { line, lines }, _)) if lines > MAX_LINES => bail!(never_closed(path, line, lines)),
        Some((Span { line, .. }, record)) => {
            let names = record.iter().map(|name| std::str::from_utf8(name).map(|name| name.trim().to_owned()));
            names.collect::<Result<_, _>>().map_err(|_| anyhow::anyhow!(not_utf8(&place(path, line))))
        }
    }
}

/// A header's cell that is no name but a number or a time: the first line is an event then. Names that only count the
/// columns pass.
pub fn value_in_header(columns: &[String]) -> Option<&str> {
    let is_value = |name: &str| name.parse().is_ok_and(f64::is_finite) || name.parse::<Moment>().is_ok();
    let counts =
        |place: usize, name: &str| name.parse().is_ok_and(|number: usize| number == place || number == place + 1);
    columns
        .iter()
        .enumerate()
        .find_map(|(place, name)| (is_value(name) && !counts(place, name)).then_some(name.as_str()))
}

/// What in a file's first line shows that it is an event and no header: a number or a time, or a name that its column
/// holds as a value further down.
pub fn lost_event(path: &Path, delimiter: Option<u8>) -> Result<Option<String>> {
    let mut records = Records::open(path, delimiter)?;
    let columns = header(path, &mut records)?;
    if let Some(value) = value_in_header(&columns) {
        return Ok(Some(format!("{value:?}")));
    }
    for _ in 0..LOOKED_AT {
        let Some((_, record)) = records.next(path)? else { break };
        let mut same = columns.iter().zip(record).filter(|(name, cell)| name.as_bytes() == *cell).map(|(name, _)| name);
        // A whole line of names again comes from files put together.
        if let Some(name) = same.next().filter(|_| same.count() + 1 < columns.len()) {
            return Ok(Some(format!("{name:?}, which its column holds again below")));
        }
    }
    Ok(None)
}

/// The message for a record that goes on and on.
fn never_closed(path: &Path, line: u64, lines: u64) -> String {
    format!("{}: one record of {lines} lines, expected one event: is a closing quote missing?", place(path, line))
}

/// Where a record stands.
struct Span {
    /// The line on which it starts.
    line: u64,
    /// How many line ends it takes.
    lines: u64,
}

/// A file's records, each of bounded length: a quote that is never closed must not fill the memory.
struct Records {
    reader: Reader<Bounded>,
    record: ByteRecord,
    since_record: Rc<Shared<usize>>,
}

impl Records {
    fn open(path: &Path, delimiter: Option<u8>) -> Result<Self> {
        let mut bytes = open(path)?;
        let start = bytes.fill_buf().with_context(|| format!("cannot read {}", path.display()))?;
        let first_line = start.split(|&byte| byte == b'\n').next().unwrap_or(start);
        let delimiter = delimiter.unwrap_or_else(|| likeliest_delimiter(first_line));
        let since_record = Rc::new(Shared::new(0));
        let bounded = Bounded { bytes, since_record: since_record.clone() };
        let mut builder = ReaderBuilder::new();
        builder.delimiter(delimiter).has_headers(false).flexible(true).buffer_capacity(BUFFER);
        Ok(Self { reader: builder.from_reader(bounded), record: ByteRecord::new(), since_record })
    }

    /// The next record and where it stands.
    fn next(&mut self, path: &Path) -> Result<Option<(Span, &ByteRecord)>> {
        let start = self.reader.position().line();
        self.since_record.set(0);
        match self.reader.read_byte_record(&mut self.record) {
            Ok(true) => {
                let line = self.record.position().map_or(start, csv::Position::line);
                let lines = self.reader.position().line().saturating_sub(line);
                Ok(Some((Span { line, lines }, &self.record)))
            }
            Ok(false) => Ok(None),
            Err(_) if self.since_record.get() > MAX_LINE => bail!(too_long(&place(path, start))),
            Err(error) => Err(error).with_context(|| format!("cannot read {} after line {start}", path.display())),
        }
    }
}

/// Fails when a record takes too many bytes.
struct Bounded {
    bytes: Box<dyn BufRead>,
    since_record: Rc<Shared<usize>>,
}

impl Read for Bounded {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.since_record.get() > MAX_LINE {
            return Err(std::io::Error::other("record too long"));
        }
        let read = self.bytes.read(buffer)?;
        self.since_record.set(self.since_record.get() + read);
        Ok(read)
    }
}
