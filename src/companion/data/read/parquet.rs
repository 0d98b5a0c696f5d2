//! Apache Parquet, column by column: only the wanted columns are unpacked.

use super::bytes::not_utf8;
use super::source::places;
use super::{Cell, Row, Sink};
use anyhow::{Context, Result, bail, ensure};
use parquet::basic::{ConvertedType, LogicalType, TimeUnit, Type};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{
    BoolType, ByteArrayType, DataType, DoubleType, FixedLenByteArrayType, FloatType, Int32Type, Int64Type, Int96Type,
};
use parquet::file::reader::{FileReader, RowGroupReader, SerializedFileReader};
use parquet::schema::types::{ColumnDescriptor, SchemaDescriptor};
use std::fs::File;
use std::ops::ControlFlow;
use std::path::Path;

/// Rows that are unpacked at a time.
const BATCH: usize = 8192;
const DAY: i64 = 86_400_000;

/// The names of the columns that can be read.
pub fn columns(path: &Path) -> Result<Vec<String>> {
    let file = open(path)?;
    let columns = file.metadata().file_metadata().schema_descr().columns();
    Ok(columns.iter().filter(|column| check(column).is_ok()).map(|column| column.path().string()).collect())
}

/// Reads the wanted columns.
pub fn read(path: &Path, wanted: &[&str], sink: &mut Sink<'_>) -> Result<ControlFlow<()>> {
    let file = open(path)?;
    let places = places(path, &names(file.metadata().file_metadata().schema_descr()), wanted)?;
    let broken = || format!("{}: damaged Parquet file: write it again", path.display());
    for group in 0..file.num_row_groups() {
        let group = file.get_row_group(group).with_context(broken)?;
        let rows = usize::try_from(group.metadata().num_rows()).with_context(broken)?;
        let columns = places.iter().map(|&index| Column::open(group.as_ref(), index));
        let mut columns = columns.collect::<Result<Vec<_>>>().with_context(|| path.display().to_string())?;
        let mut done = 0;
        while done < rows {
            let batch = BATCH.min(rows - done);
            for column in &mut columns {
                column.fill(batch).with_context(broken)?;
            }
            let cells = columns.iter().map(Column::cells).collect::<Result<Vec<_>>>();
            let cells = cells.with_context(|| path.display().to_string())?;
            let mut row = Vec::with_capacity(columns.len());
            for place in 0..batch {
                row.clear();
                row.extend(cells.iter().map(|column| column[place]));
                if sink(Row::Cells(&row)).is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
            done += batch;
        }
    }
    Ok(ControlFlow::Continue(()))
}

fn open(path: &Path) -> Result<SerializedFileReader<File>> {
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    SerializedFileReader::new(file).with_context(|| format!("{}: not a whole Parquet file", path.display()))
}

fn names(schema: &SchemaDescriptor) -> Vec<String> {
    schema.columns().iter().map(|column| column.path().string()).collect()
}

/// One column of a row group while it is read.
struct Column {
    name: String,
    meaning: Meaning,
    values: Values,
    /// For each row how much of the column's path is there; empty when nothing can be missing.
    levels: Vec<i16>,
    full_level: i16,
}

/// What the stored values stand for.
#[derive(Clone, Copy, PartialEq)]
enum Meaning {
    Plain,
    Unsigned,
    Days,
    /// So many of them are a millisecond.
    Times {
        per_millisecond: i64,
    },
    /// Times this they are numbers.
    Decimal {
        unit: f64,
    },
}

/// A column's reader and the values of one batch, in the type that the file has.
enum Values {
    Bool(Typed<BoolType>),
    Int32(Typed<Int32Type>),
    Int64(Typed<Int64Type>),
    Int96(Typed<Int96Type>),
    Float(Typed<FloatType>),
    Double(Typed<DoubleType>),
    Bytes(Typed<ByteArrayType>),
    Fixed(Typed<FixedLenByteArrayType>),
}

struct Typed<T: DataType> {
    reader: ColumnReaderImpl<T>,
    values: Vec<T::T>,
}

impl<T: DataType> Typed<T> {
    fn new(reader: ColumnReaderImpl<T>) -> Self {
        Self { reader, values: vec![] }
    }

    /// Reads the next rows; returns how many there were.
    fn fill(&mut self, rows: usize, levels: &mut Vec<i16>) -> Result<usize> {
        self.values.clear();
        levels.clear();
        Ok(self.reader.read_records(rows, Some(levels), None, &mut self.values)?.0)
    }
}

impl Column {
    fn open(group: &dyn RowGroupReader, index: usize) -> Result<Self> {
        let about = group.metadata().schema_descr().column(index);
        check(&about)?;
        let values = match group.get_column_reader(index)? {
            ColumnReader::BoolColumnReader(reader) => Values::Bool(Typed::new(reader)),
            ColumnReader::Int32ColumnReader(reader) => Values::Int32(Typed::new(reader)),
            ColumnReader::Int64ColumnReader(reader) => Values::Int64(Typed::new(reader)),
            ColumnReader::Int96ColumnReader(reader) => Values::Int96(Typed::new(reader)),
            ColumnReader::FloatColumnReader(reader) => Values::Float(Typed::new(reader)),
            ColumnReader::DoubleColumnReader(reader) => Values::Double(Typed::new(reader)),
            ColumnReader::ByteArrayColumnReader(reader) => Values::Bytes(Typed::new(reader)),
            ColumnReader::FixedLenByteArrayColumnReader(reader) => Values::Fixed(Typed::new(reader)),
        };
        Ok(Self {
            name: about.path().string(),
            meaning: meaning(&about),
            values,
            levels: vec![],
            full_level: about.max_def_level(),
        })
    }

    /// Unpacks the next rows.
    fn fill(&mut self, rows: usize) -> Result<()> {
        let levels = &mut self.levels;
        let read = match &mut self.values {
            Values::Bool(typed) => typed.fill(rows, levels),
            Values::Int32(typed) => typed.fill(rows, levels),
            Values::Int64(typed) => typed.fill(rows, levels),
            Values::Int96(typed) => typed.fill(rows, levels),
            Values::Float(typed) => typed.fill(rows, levels),
            Values::Double(typed) => typed.fill(rows, levels),
            Values::Bytes(typed) => typed.fill(rows, levels),
            Values::Fixed(typed) => typed.fill(rows, levels),
        }?;
        ensure!(read == rows, "column {:?} ends early", self.name);
        Ok(())
    }

    /// The cells of the rows that were unpacked last.
    fn cells(&self) -> Result<Vec<Cell<'_>>> {
        let meaning = self.meaning;
        let present: Vec<Cell<'_>> = match &self.values {
            Values::Bool(typed) => typed.values.iter().map(|&value| Cell::Bool(value)).collect(),
            Values::Int32(typed) if meaning == Meaning::Unsigned => {
                typed.values.iter().map(|&value| Cell::Integer(i128::from(value.cast_unsigned()))).collect()
            }
            Values::Int32(typed) => typed.values.iter().map(|&value| meaning.cell(i64::from(value))).collect(),
            Values::Int64(typed) => typed.values.iter().map(|&value| meaning.cell(value)).collect(),
            Values::Int96(typed) => typed.values.iter().map(|value| Cell::Time(value.to_millis())).collect(),
            Values::Float(typed) => typed.values.iter().map(|&value| Cell::Float(f64::from(value))).collect(),
            Values::Double(typed) => typed.values.iter().map(|&value| Cell::Float(value)).collect(),
            Values::Bytes(typed) => typed.values.iter().map(|value| self.bytes(value.data())).collect::<Result<_>>()?,
            Values::Fixed(typed) => typed.values.iter().map(|value| self.bytes(value.data())).collect::<Result<_>>()?,
        };
        if self.levels.is_empty() {
            return Ok(present);
        }
        let mut present = present.into_iter();
        let spread =
            |&level: &i16| (level == self.full_level).then(|| present.next()).flatten().unwrap_or(Cell::Missing);
        Ok(self.levels.iter().map(spread).collect())
    }

    fn bytes<'a>(&self, bytes: &'a [u8]) -> Result<Cell<'a>> {
        match self.meaning {
            Meaning::Decimal { unit } => {
                // Big-endian two's complement of any length.
                let negative = bytes.first().is_some_and(|&byte| byte >= 0x80);
                let whole =
                    bytes.iter().fold(if negative { -1.0 } else { 0.0 }, |sum, &byte| sum * 256.0 + f64::from(byte));
                Ok(Cell::Float(whole * unit))
            }
            Meaning::Plain | Meaning::Unsigned | Meaning::Days | Meaning::Times { .. } => {
                match std::str::from_utf8(bytes) {
                    Ok(text) => Ok(Cell::Text(text)),
                    Err(_) => bail!(not_utf8(&format!("column {:?}", self.name))),
                }
            }
        }
    }
}

impl Meaning {
    fn cell<'a>(self, value: i64) -> Cell<'a> {
        match self {
            Meaning::Plain => Cell::Integer(i128::from(value)),
            Meaning::Unsigned => Cell::Integer(i128::from(value.cast_unsigned())),
            Meaning::Days => Cell::Time(value.saturating_mul(DAY)),
            Meaning::Times { per_millisecond } => Cell::Time(value.div_euclid(per_millisecond)),
            Meaning::Decimal { unit } => Cell::Float(value as f64 * unit),
        }
    }
}

/// Refuses columns that do not hold one text, number or time a row.
fn check(about: &ColumnDescriptor) -> Result<()> {
    let name = about.path().string();
    ensure!(about.max_rep_level() == 0, "column {name:?} holds lists, expected one value a row: unnest it");
    ensure!(
        about.physical_type() != Type::FIXED_LEN_BYTE_ARRAY || matches!(meaning(about), Meaning::Decimal { .. }),
        "column {name:?} holds bytes of fixed length, expected text, numbers or times: write it as text"
    );
    Ok(())
}

/// Reads a column's annotation; files of older writers have only the converted type.
fn meaning(about: &ColumnDescriptor) -> Meaning {
    match (about.logical_type_ref(), about.converted_type()) {
        (Some(LogicalType::Date), _) | (None, ConvertedType::DATE) => Meaning::Days,
        (Some(LogicalType::Timestamp(kind)), _) => match kind.unit {
            TimeUnit::MILLIS => Meaning::Times { per_millisecond: 1 },
            TimeUnit::MICROS => Meaning::Times { per_millisecond: 1_000 },
            TimeUnit::NANOS => Meaning::Times { per_millisecond: 1_000_000 },
        },
        (None, ConvertedType::TIMESTAMP_MILLIS) => Meaning::Times { per_millisecond: 1 },
        (None, ConvertedType::TIMESTAMP_MICROS) => Meaning::Times { per_millisecond: 1_000 },
        (Some(LogicalType::Decimal(kind)), _) => Meaning::Decimal { unit: 10f64.powi(-kind.scale) },
        (None, ConvertedType::DECIMAL) => Meaning::Decimal { unit: 10f64.powi(-about.type_scale()) },
        (Some(LogicalType::Integer(kind)), _) if !kind.is_signed => Meaning::Unsigned,
        (None, ConvertedType::UINT_32 | ConvertedType::UINT_64) => Meaning::Unsigned,
        _ => Meaning::Plain,
    }
}
