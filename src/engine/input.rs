//! From an event to the encoder's input, `[hidden]`.

use crate::event::{EventView, NO_TIME};
use crate::format::{FieldWeights, GAP_BUCKETS, Matrix, REPEAT_BUCKETS, TIME_BUCKETS, Weights};
use crate::schema::{Encoding, NumberEncoding};
use std::f64::consts::{FRAC_2_PI, FRAC_PI_2, TAU};

/// What the input needs to know of the sequence before an event.
#[derive(Debug, Clone, Copy)]
pub struct Before {
    /// The event before; `None` for the first.
    pub previous: Option<Previous>,
    /// How often the event's item was met.
    pub met: u32,
    /// The field, by its place in the schema, whose value counts as missing.
    pub left_out: Option<usize>,
}

/// What the input needs to know of the event before.
#[derive(Debug, Clone, Copy)]
pub struct Previous {
    /// Its time.
    pub time: i64,
    /// Whether the new event belongs to its group.
    pub same_group: bool,
}

/// The row of the gap table: 0 first event, 1 same group, else 2 + log2 of the seconds between.
pub fn gap_bucket(previous: Option<Previous>, time: i64) -> usize {
    let Some(previous) = previous else { return 0 };
    if previous.same_group {
        return 1;
    }
    let milliseconds = if time == NO_TIME || previous.time == NO_TIME { 0 } else { time.saturating_sub(previous.time) };
    let seconds = milliseconds.max(0) as u64 / 1000;
    (2 + (seconds + 1).ilog2() as usize).min(GAP_BUCKETS - 1)
}

/// The row of HSTU's time table: 0 where a time is unknown, else 1 + log2 of the seconds between.
pub fn time_bucket(earlier: i64, later: i64) -> usize {
    if earlier == NO_TIME || later == NO_TIME {
        return 0;
    }
    let seconds = later.saturating_sub(earlier).max(0) as u64 / 1000;
    (1 + (seconds + 1).ilog2() as usize).min(TIME_BUCKETS - 1)
}

/// Milliseconds.
const HOUR: f64 = 3_600_000.0;

/// The row of the hour table, in UTC.
pub fn hour(time: i64) -> usize {
    let hours = (time as f64 / HOUR).floor();
    (hours - 24.0 * (hours / 24.0).floor()) as usize
}

/// The row of the weekday table, in UTC: 0 is Monday. 1970 began with a Thursday.
pub fn weekday(time: i64) -> usize {
    let days = (time as f64 / (24.0 * HOUR)).floor() + 3.0;
    (days - 7.0 * (days / 7.0).floor()) as usize
}

/// The first count of each row of the table of repeat counts after row 0.
const REPEAT_STARTS: [u32; REPEAT_BUCKETS - 1] = [1, 2, 3, 4, 6, 9];

/// The row of the table of repeat counts for an item met so often before.
pub fn repeat_bucket(met: u32) -> usize {
    REPEAT_STARTS.iter().filter(|&&start| met >= start).count()
}

/// A table that an event's input takes rows of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Table {
    /// The time since the event before.
    Gap,
    /// The hour of the event's time.
    Hour,
    /// Its weekday.
    Weekday,
    /// How often its item was met before.
    RepeatCounts,
    /// A further field, by its place in the schema.
    Field(usize),
}

impl Table {
    /// The table.
    pub fn of(self, weights: &Weights) -> &Matrix {
        match self {
            Self::Gap => &weights.gap,
            Self::Hour => &weights.hour,
            Self::Weekday => &weights.weekday,
            Self::RepeatCounts => &weights.repeat_counts,
            Self::Field(place) => &weights.fields[place].rows,
        }
    }

    /// The table to write to.
    pub fn of_mut(self, weights: &mut Weights) -> &mut Matrix {
        match self {
            Self::Gap => &mut weights.gap,
            Self::Hour => &mut weights.hour,
            Self::Weekday => &mut weights.weekday,
            Self::RepeatCounts => &mut weights.repeat_counts,
            Self::Field(place) => &mut weights.fields[place].rows,
        }
    }
}

/// Writes the input of an event, whose item must be known, to `out`, `[hidden]`: the item's row, of length
/// `sqrt(hidden)`, and the rows that [`rows`] tells.
pub fn write(weights: &Weights, event: EventView<'_>, before: Before, out: &mut [f32]) {
    weights.items.copy_row(event.item as usize, out);
    let root = (out.len() as f32).sqrt();
    out.iter_mut().for_each(|value| *value *= root);
    rows(weights, event, before, &mut |table, row, factor| {
        for (value, part) in out.iter_mut().zip(table.of(weights).row(row)) {
            *value += factor * part;
        }
    });
}

/// Tells `take` each row that an event's input is summed from, beside the item's, and what it is multiplied with. A table
/// that is empty has none.
pub fn rows(weights: &Weights, event: EventView<'_>, before: Before, take: &mut dyn FnMut(Table, usize, f32)) {
    take(Table::Gap, gap_bucket(before.previous, event.time), 1.0);
    if !weights.hour.values.is_empty() && event.time != NO_TIME {
        take(Table::Hour, hour(event.time), 1.0);
    }
    if !weights.weekday.values.is_empty() && event.time != NO_TIME {
        take(Table::Weekday, weekday(event.time), 1.0);
    }
    if !weights.repeat_counts.values.is_empty() {
        take(Table::RepeatCounts, repeat_bucket(before.met), 1.0);
    }
    rows_of_fields(&weights.fields, event.fields, before.left_out, take);
}

fn rows_of_fields(
    fields: &[FieldWeights],
    mut codes: &[f32],
    left_out: Option<usize>,
    take: &mut dyn FnMut(Table, usize, f32),
) {
    for (place, field) in fields.iter().enumerate() {
        let (own, others) = codes.split_at(field.encoding.codes(codes).min(codes.len()));
        codes = others;
        let is_left_out = left_out == Some(place);
        field_rows(field, own, is_left_out, &mut |row, factor| take(Table::Field(place), row, factor));
    }
}

/// The codes are those of one field alone.
fn field_rows(field: &FieldWeights, codes: &[f32], is_left_out: bool, take: &mut dyn FnMut(usize, f32)) {
    // There are none where the encoder only counts.
    let (Some(last), Some(&code)) = (field.rows.rows().checked_sub(1), codes.first()) else { return };
    if is_left_out || field.encoding.is_missing(codes) {
        return take(field.missing_row(), 1.0);
    }
    match field.encoding {
        // A code outside the table counts as missing.
        Encoding::Category => take(if code as usize <= last { code as usize } else { 0 }, 1.0),
        Encoding::Text => {
            let share = share(codes.len() - 1);
            codes[1..].iter().for_each(|&row| take((row as usize).min(last), share));
        }
        Encoding::Vector(size) => {
            let share = share(size);
            codes.iter().enumerate().for_each(|(row, code)| take(row.min(last), share * code));
        }
        Encoding::Number(NumberEncoding::Linear) => take(0, code),
        Encoding::Number(NumberEncoding::Buckets) => {
            // `clamp` formats its limits for a panic that can't be: kilobytes in a page.
            let place = code.max(0.0).min((last - 1) as f32);
            let (row, share) = (place as usize, place.fract());
            take(row, 1.0 - share);
            if share > 0.0 {
                take(row + 1, share);
            }
        }
        Encoding::Number(NumberEncoding::Periodic) => {
            take(0, code);
            let mut turns = f64::from(code) / 8.0;
            for row in (1..last).step_by(2) {
                let (cosine, sine) = cosine_and_sine(TAU * turns);
                take(row, sine as f32);
                take(row + 1, cosine as f32);
                turns *= 2.0;
            }
        }
    }
}

/// What each of so many rows counts in their sum, so that its length does not depend on their number.
fn share(rows: usize) -> f32 {
    1.0 / (rows as f32).sqrt()
}

/// The rotation of a position: cosine and sine for each pair of a head's values, `[head_size]`.
///
/// Rotary position embedding, Su et al. 2021 (arXiv 2104.09864), base 10,000. Angles are taken in f64, since
/// positions grow without bound and GPUs are only exact near 0.
pub fn rotation(position: u64, out: &mut [f32]) {
    let step = -10_000f64.ln() / (out.len() / 2) as f64;
    for (pair, turn) in out.chunks_exact_mut(2).enumerate() {
        let (cosine, sine) = cosine_and_sine(position as f64 * (step * pair as f64).exp());
        (turn[0], turn[1]) = (cosine as f32, sine as f32);
    }
}

/// Taylor's series after taking out whole quarter turns, exact to f32. The standard library's, made for any angle and
/// the last bit of f64, would cost every page 4 KB.
fn cosine_and_sine(angle: f64) -> (f64, f64) {
    let quarters = (angle * FRAC_2_PI).round();
    let x = angle - quarters * FRAC_PI_2;
    let square = x * x;
    let series = |divisors: [f64; 5]| divisors.iter().rev().fold(1.0, |sum, divisor| 1.0 - square / divisor * sum);
    let cosine = series([2.0, 12.0, 30.0, 56.0, 90.0]);
    let sine = x * series([6.0, 20.0, 42.0, 72.0, 110.0]);
    match quarters as i64 & 3 {
        0 => (cosine, sine),
        1 => (-sine, cosine),
        2 => (-cosine, -sine),
        _ => (sine, -cosine),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::FREQUENCIES;

    #[test]
    fn gaps_double_from_bucket_to_bucket() {
        let after = |milliseconds| gap_bucket(Some(Previous { time: 0, same_group: false }), milliseconds);
        assert_eq!(gap_bucket(None, 5), 0);
        assert_eq!(gap_bucket(Some(Previous { time: 0, same_group: true }), 99_000), 1);
        assert_eq!((after(0), after(999), after(1000), after(3000), after(7000)), (2, 2, 3, 4, 5));
        assert_eq!((after(NO_TIME), after(-5000), after(i64::MAX)), (2, 2, GAP_BUCKETS - 1));
    }

    #[test]
    fn times_between_events_double_from_bucket_to_bucket() {
        let after = |milliseconds: i64| time_bucket(5, 5 + milliseconds);
        assert_eq!((after(0), after(999), after(1000), after(3000), after(7000)), (1, 1, 2, 3, 4));
        assert_eq!((after(-9000), time_bucket(0, i64::MAX)), (1, TIME_BUCKETS - 1));
        assert_eq!((time_bucket(NO_TIME, 0), time_bucket(0, NO_TIME)), (0, 0));
    }

    #[test]
    fn hours_and_weekdays_are_those_of_the_calendar() {
        // 2017-07-14T02:40:00Z, a Friday; 1969-12-31T23:59:59.999Z, a Wednesday.
        assert_eq!((hour(1_500_000_000_000), weekday(1_500_000_000_000)), (2, 4));
        assert_eq!((hour(-1), weekday(-1), hour(0), weekday(0)), (23, 2, 0, 3));
        for time in [i64::MIN, i64::MAX] {
            assert!(hour(time) < 24 && weekday(time) < 7);
        }
    }

    #[test]
    fn repeats_are_told_apart_as_long_as_they_are_few() {
        let counts = [0, 1, 2, 3, 4, 5, 6, 8, 9, u32::MAX];
        assert_eq!(counts.map(repeat_bucket), [0, 1, 2, 3, 4, 4, 5, 5, 6, 6]);
    }

    fn taken_of(encoding: Encoding, table: usize, codes: &[f32]) -> Vec<(usize, f32)> {
        let field = FieldWeights { encoding, rows: Matrix::zeros(table, 2) };
        let mut rows = Vec::new();
        field_rows(&field, codes, false, &mut |row, factor| rows.push((row, factor)));
        rows
    }

    fn taken(encoding: NumberEncoding, table: usize, code: f32) -> Vec<(usize, f32)> {
        taken_of(Encoding::Number(encoding), table, &[code])
    }

    #[test]
    fn a_category_takes_its_row() {
        let codes = [0.0, 2.0, 3.0, -1.0, f32::NAN];
        let rows = codes.map(|code| taken_of(Encoding::Category, 3, &[code]));
        assert_eq!(rows, [0, 2, 0, 0, 0].map(|row| vec![(row, 1.0)]));
    }

    #[test]
    fn texts_and_vectors_take_their_rows_by_a_share_and_another_where_they_are_missing() {
        let text = |codes: &[f32]| taken_of(Encoding::Text, 6, codes);
        assert_eq!(text(&[4.0, 0.0, 3.0, 3.0, 4.0]), [0, 3, 3, 4].map(|row| (row, 0.5)));
        assert_eq!((text(&[0.0]), text(&[1.0, 99.0])), (vec![(5, 1.0)], vec![(5, 1.0)]));
        let vector = |codes: &[f32]| taken_of(Encoding::Vector(4), 5, codes);
        assert_eq!(vector(&[1.0, -2.0, 0.0, 3.0]), [(0, 0.5), (1, -1.0), (2, 0.0), (3, 1.5)]);
        assert_eq!(vector(&[f32::NAN; 4]), [(4, 1.0)]);
    }

    /// Each field finds its own codes, however many those before it have.
    #[test]
    fn fields_of_any_width_stand_side_by_side() {
        let fields = [(Encoding::Text, 9), (Encoding::Category, 3), (Encoding::Vector(2), 3), (Encoding::Text, 9)];
        let fields = fields.map(|(encoding, rows)| FieldWeights { encoding, rows: Matrix::zeros(rows, 2) });
        let taken = |codes: &[f32], left_out| {
            let mut taken = Vec::new();
            rows_of_fields(&fields, codes, left_out, &mut |table, row, _| taken.push((table, row)));
            taken
        };
        let expected = |places: &[(usize, usize)]| -> Vec<(Table, usize)> {
            places.iter().map(|&(place, row)| (Table::Field(place), row)).collect()
        };
        let whole = expected(&[(0, 7), (0, 8), (1, 1), (2, 0), (2, 1), (3, 4)]);
        let codes = [2.0, 7.0, 8.0, 1.0, 0.5, 0.5, 1.0, 4.0];
        assert_eq!(taken(&codes, None), whole);
        assert_eq!(taken(&[0.0, 0.0, f32::NAN, f32::NAN, 0.0], None), expected(&[(0, 8), (1, 0), (2, 2), (3, 8)]));
        assert_eq!(taken(&codes, Some(2)), expected(&[(0, 7), (0, 8), (1, 1), (2, 2), (3, 4)]));
    }

    #[test]
    fn a_number_takes_the_rows_beside_its_place() {
        let buckets = |code| taken(NumberEncoding::Buckets, 4, code);
        assert_eq!(buckets(0.75), [(0, 0.25), (1, 0.75)]);
        assert_eq!([0.0, 1.0, 2.0, 9.0].map(buckets), [0, 1, 2, 2].map(|row| vec![(row, 1.0)]));
        assert_eq!((buckets(-1.0), buckets(f32::NAN)), (vec![(0, 1.0)], vec![(3, 1.0)]));
        assert_eq!(taken(NumberEncoding::Buckets, 2, 0.0), [(0, 1.0)]);
        let linear = |code| taken(NumberEncoding::Linear, 2, code);
        assert_eq!((linear(-1.5), linear(f32::NAN)), (vec![(0, -1.5)], vec![(1, 1.0)]));
    }

    #[test]
    fn periodic_numbers_turn() {
        let periodic = |code| taken(NumberEncoding::Periodic, 2 + 2 * FREQUENCIES, code);
        assert_eq!(periodic(f32::NAN), [(1 + 2 * FREQUENCIES, 1.0)]);
        for code in [-5.0, -0.3, 0.0, 1.0, 4.9] {
            let rows = periodic(code);
            assert!(rows.len() == 1 + 2 * FREQUENCIES && rows[0] == (0, code));
            for (turn, pair) in rows[1..].chunks_exact(2).enumerate() {
                let angle = TAU * f64::from(code) * 2f64.powi(turn as i32 - 3);
                assert_eq!((pair[0].0, pair[1].0), (1 + 2 * turn, 2 + 2 * turn));
                assert!((f64::from(pair[0].1) - angle.sin()).abs() < 1e-6, "{code}: sine of {angle}");
                assert!((f64::from(pair[1].1) - angle.cos()).abs() < 1e-6, "{code}: cosine of {angle}");
            }
        }
    }

    #[test]
    fn rotations_are_those_of_the_standard_library() {
        let mut out = [0.0; 8];
        for position in (0..300).chain([5_000, 123_456, 10_000_000]) {
            rotation(position, &mut out);
            for (pair, turn) in out.chunks_exact(2).enumerate() {
                let angle = position as f64 * 10_000f64.powf(-(pair as f64) / 4.0);
                assert!((f64::from(turn[0]) - angle.cos()).abs() < 1e-7, "cosine of {angle}");
                assert!((f64::from(turn[1]) - angle.sin()).abs() < 1e-7, "sine of {angle}");
            }
        }
    }
}
