//! Cells between delimiters, names in the first line.

use super::bytes::{MAX_LINE, not_utf8, open, place, too_long};
use super::source::places;
use super::{Cell, Row, Sink};
use anyhow::{Context, Result, bail};
use csv::{ByteRecord, Reader, ReaderBuilder};
use std::cell::Cell as Shared;
use std::io::{BufRead, Read};
use std::ops::ControlFlow;
use std::path::Path;
use std::rc::Rc;

const BUFFER: usize = 1 << 16;

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
    while let Some((line, record)) = records.next(path)? {
        let flow = if record.len() == columns.len() {
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
        Some((line, record)) => {
            let names = record.iter().map(|name| std::str::from_utf8(name).map(|name| name.trim().to_owned()));
            names.collect::<Result<_, _>>().map_err(|_| anyhow::anyhow!(not_utf8(&place(path, line))))
        }
    }
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

    /// The next record and the line on which it starts.
    fn next(&mut self, path: &Path) -> Result<Option<(u64, &ByteRecord)>> {
        let start = self.reader.position().line();
        self.since_record.set(0);
        match self.reader.read_byte_record(&mut self.record) {
            Ok(true) => {
                let line = self.record.position().map_or(start, csv::Position::line);
                Ok(Some((line, &self.record)))
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
