//! From an event to the encoder's input, `[hidden]`.

use crate::event::{EventView, NO_TIME};
use crate::format::{FieldWeights, GAP_BUCKETS, Matrix, TIME_BUCKETS, Weights};
use std::f64::consts::{FRAC_2_PI, FRAC_PI_2};

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

/// Writes the input of an event, whose item must be known, to `out`.
pub fn write(weights: &Weights, event: EventView<'_>, previous: Option<Previous>, out: &mut [f32]) {
    weights.items.copy_row(event.item as usize, out);
    let root = (out.len() as f32).sqrt();
    out.iter_mut().for_each(|value| *value *= root);
    add(out, weights.gap.row(gap_bucket(previous, event.time)), 1.0);
    for (field, &code) in weights.fields.iter().zip(event.fields) {
        match field {
            FieldWeights::Category(rows) => add(out, rows.row(category_row(rows, code)), 1.0),
            FieldWeights::Number { missing, .. } if code.is_nan() => add(out, missing, 1.0),
            FieldWeights::Number { weight, .. } => add(out, weight, code),
        }
    }
}

/// A code outside the table counts as missing: row 0.
pub fn category_row(rows: &Matrix, code: f32) -> usize {
    let row = code as usize;
    if row < rows.rows() { row } else { 0 }
}

fn add(out: &mut [f32], row: &[f32], factor: f32) {
    for (value, part) in out.iter_mut().zip(row) {
        *value += factor * part;
    }
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
