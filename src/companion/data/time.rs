//! Times as logs write them, in milliseconds since 1970.

use super::column::{Column, Spool, Store};
use super::read::Cell;
use crate::companion::config::{Moment, TimeUnit};
use crate::event::NO_TIME;
use anyhow::Result;
use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

/// A column of times while a log is read: the unit of its numbers shows only at the end.
#[derive(Debug)]
pub struct TimeColumn {
    unit: TimeUnit,
    /// Milliseconds; a number in the log's own unit where `raw` is set; NaN where the cell is no time.
    values: Spool<f64>,
    raw: Spool<bool>,
    /// The sizes of the first raw numbers, but for 0.
    sizes: Vec<f64>,
}

/// How many numbers decide on the unit.
const SAMPLE: usize = 10_000;
/// Milliseconds to the end of the year 9999: what lies farther from 1970 is no time of an event.
const LIMIT: f64 = 253_402_207_200_000.0;

impl TimeColumn {
    /// An empty column.
    pub fn new(unit: TimeUnit, store: &Store) -> Self {
        Self { unit, values: Spool::new(store), raw: Spool::new(store), sizes: vec![] }
    }

    /// Adds a cell.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn push(&mut self, cell: &Cell<'_>) -> Result<()> {
        let (value, raw) = match *cell {
            Cell::Time(milliseconds) => (milliseconds as f64, false),
            Cell::Integer(number) => self.number(number as f64),
            Cell::Float(number) => self.number(number),
            Cell::Text(text) => self.text(text.trim()),
            Cell::Missing | Cell::Bool(_) => (f64::NAN, false),
        };
        if raw && value.is_finite() && value != 0.0 && self.sizes.len() < SAMPLE {
            self.sizes.push(value.abs());
        }
        self.values.push(value)?;
        self.raw.push(raw)
    }

    fn number(&self, number: f64) -> (f64, bool) {
        match &self.unit {
            TimeUnit::Iso => (parse_iso(&number.to_string()), false),
            TimeUnit::Pattern(pattern) => (parse_pattern(pattern, &number.to_string()), false),
            TimeUnit::Auto | TimeUnit::Seconds | TimeUnit::Milliseconds | TimeUnit::Microseconds => (number, true),
        }
    }

    fn text(&self, text: &str) -> (f64, bool) {
        match &self.unit {
            TimeUnit::Iso => (parse_iso(text), false),
            TimeUnit::Pattern(pattern) => (parse_pattern(pattern, text), false),
            TimeUnit::Auto => match text.parse() {
                Ok(number) => (number, true),
                Err(_) => (parse_iso(text), false),
            },
            TimeUnit::Seconds | TimeUnit::Milliseconds | TimeUnit::Microseconds => {
                (text.parse().unwrap_or(f64::NAN), true)
            }
        }
    }

    /// All times in milliseconds, [`NO_TIME`] where a cell is none.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn finish(self, store: &Store) -> Result<Column<i64>> {
        let scale = match self.unit {
            TimeUnit::Seconds => 1000.0,
            TimeUnit::Milliseconds => 1.0,
            TimeUnit::Microseconds => 0.001,
            TimeUnit::Auto => guessed_scale(self.sizes),
            TimeUnit::Iso | TimeUnit::Pattern(_) => 1.0,
        };
        let (values, raw) = (self.values.finish()?, self.raw.finish()?);
        let milliseconds = values.iter().zip(&raw).map(|(&value, &raw)| if raw { value * scale } else { value });
        let times = milliseconds.map(|time| if time.abs() < LIMIT { time.floor() as i64 } else { NO_TIME });
        Column::collect(store, times)
    }
}

/// Milliseconds in one of the log's units: the median number lies within some thousand years of 1970.
fn guessed_scale(mut sizes: Vec<f64>) -> f64 {
    sizes.sort_unstable_by(f64::total_cmp);
    match sizes.get(sizes.len() / 2) {
        Some(&median) if median >= 1e17 => 1e-6,
        Some(&median) if median >= 1e14 => 1e-3,
        Some(&median) if median >= 1e11 => 1.0,
        _ => 1000.0,
    }
}

/// Milliseconds, or NaN.
fn parse_iso(text: &str) -> f64 {
    text.parse::<Moment>().map_or(f64::NAN, |moment| moment.milliseconds as f64)
}

/// Milliseconds, or NaN where the text does not fit.
pub fn parse_pattern(pattern: &str, text: &str) -> f64 {
    let zoned = Timestamp::strptime(pattern, text).ok();
    let time = zoned.or_else(|| utc(DateTime::strptime(pattern, text).ok()?));
    let date = || utc(Date::strptime(pattern, text).ok()?.to_datetime(jiff::civil::Time::midnight()));
    time.or_else(date).map_or(f64::NAN, |time| time.as_millisecond() as f64)
}

fn utc(time: DateTime) -> Option<Timestamp> {
    TimeZone::UTC.to_timestamp(time).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(unit: TimeUnit, cells: &[Cell<'_>]) -> Vec<i64> {
        let store = Store::default();
        let mut column = TimeColumn::new(unit, &store);
        cells.iter().for_each(|cell| column.push(cell).unwrap());
        column.finish(&store).unwrap().to_vec()
    }

    #[test]
    fn the_size_of_numbers_tells_their_unit() {
        for (number, unit) in [(1_500_000_000, 1000), (1_500_000_000_000, 1), (1_500_000_000_000_000, 0)] {
            let cells = [Cell::Integer(0), Cell::Integer(number), Cell::Integer(number), Cell::Integer(1000)];
            let thousand = if unit == 0 { 1 } else { 1000 * unit };
            assert_eq!(times(TimeUnit::Auto, &cells), [0, 1_500_000_000_000, 1_500_000_000_000, thousand]);
        }
        assert_eq!(
            times(TimeUnit::Auto, &[Cell::Text("1500000000.25"), Cell::Float(1.5e9)]),
            [1_500_000_000_250, 1_500_000_000_000]
        );
        assert_eq!(times(TimeUnit::Milliseconds, &[Cell::Integer(7), Cell::Text("8")]), [7, 8]);
    }

    #[test]
    fn dates_are_read_in_utc() {
        let texts =
            ["2017-07-14", "2017-07-14 02:40:00", "2017-07-14T02:40:00.5Z", "2017-07-14 04:40:00+02:00", "20170714"];
        let second = 1_500_000_000_000;
        let midnight = second - 9_600_000;
        assert_eq!(times(TimeUnit::Iso, &texts.map(Cell::Text)), [midnight, second, second + 500, second, midnight]);
        assert_eq!(times(TimeUnit::Iso, &[Cell::Integer(20_170_714)]), [midnight]);
        let pattern = |pattern: &str, text| times(TimeUnit::Pattern(pattern.into()), &[Cell::Text(text)])[0];
        assert_eq!(pattern("%d/%m/%Y %H:%M", "14/7/2017 2:40"), second);
        assert_eq!(pattern("%m/%d/%Y", "7/14/2017"), midnight);
        assert_eq!(pattern("%d/%b/%Y:%H:%M:%S %z", "14/Jul/2017:04:40:00 +0200"), second);
    }

    #[test]
    fn what_is_no_time_has_none() {
        let cells = [
            Cell::Missing,
            Cell::Text(""),
            Cell::Text("soon"),
            Cell::Text("2017-02-30"),
            Cell::Float(f64::NAN),
            Cell::Float(1e300),
            Cell::Bool(true),
        ];
        for unit in [TimeUnit::Auto, TimeUnit::Seconds, TimeUnit::Iso, TimeUnit::Pattern("%Y".into())] {
            assert_eq!(times(unit.clone(), &cells), [NO_TIME; 7], "{unit}");
        }
    }
}
