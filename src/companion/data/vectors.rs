//! Columns of vectors: numbers in one cell.

use super::encode::SMALLEST_STD;
use super::names::MISSING;
use super::table::Keys;
use crate::schema::{MOST_NUMBERS, Vector};
use anyhow::{Result, ensure};

/// Numbers between blanks, commas or semicolons, in brackets or not; `None` where one of them is no finite number.
pub fn parse(cell: &str) -> Option<Vec<f32>> {
    let cell = cell.trim().trim_start_matches(['[', '(']).trim_end_matches([']', ')']);
    let numbers = cell.split([',', ';', ' ', '\t']).filter(|number| !number.is_empty());
    let numbers: Option<Vec<f32>> = numbers.map(|number| number.parse().ok().filter(|n: &f32| n.is_finite())).collect();
    numbers.filter(|numbers| !numbers.is_empty())
}

/// Mean and spread of each number over the events at these rows; cells that are no vectors count as missing.
///
/// # Errors
/// When there is no vector, or their sizes differ.
pub fn spread(keys: &Keys, rows: impl Iterator<Item = usize>) -> Result<Vector> {
    let mut counts = vec![0_u32; keys.names.len()];
    rows.map(|row| keys.ids[row]).filter(|&id| id != MISSING).for_each(|id| counts[id as usize] += 1);
    let (mut total, mut sums, mut squares) = (0.0, Vec::new(), Vec::new());
    for (cell, &count) in keys.names.iter().zip(&counts).filter(|(_, count)| **count > 0) {
        let Some(numbers) = parse(cell) else { continue };
        if sums.is_empty() {
            (sums, squares) = (vec![0.0; numbers.len()], vec![0.0; numbers.len()]);
        }
        ensure!(
            numbers.len() == sums.len(),
            "vectors of {} and of {} numbers, expected one size; the second: {cell:?}",
            sums.len(),
            numbers.len()
        );
        total += f64::from(count);
        for (number, (sum, square)) in numbers.into_iter().zip(sums.iter_mut().zip(&mut squares)) {
            let number = f64::from(number);
            *sum += f64::from(count) * number;
            *square += f64::from(count) * number * number;
        }
    }
    let first = || keys.names.iter().next().unwrap_or_default();
    ensure!(
        !sums.is_empty(),
        "no training event has a vector, expected numbers between blanks or commas; a cell: {:?}",
        first()
    );
    ensure!(sums.len() <= MOST_NUMBERS, "vectors of {} numbers, expected at most {MOST_NUMBERS}", sums.len());
    let mean: Vec<f64> = sums.iter().map(|sum| sum / total).collect();
    let std = squares.iter().zip(&mean).map(|(square, mean)| (square / total - mean * mean).max(0.0).sqrt());
    // What does not vary says nothing.
    let std = std.map(|std| if std < SMALLEST_STD { 1.0 } else { std as f32 }).collect();
    Ok(Vector { mean: mean.into_iter().map(|mean| mean as f32).collect(), std })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_are_read_as_people_write_them() {
        for cell in ["1 -2.5 3e-1", "[1, -2.5, 0.3]", "(1;-2.5;.3)", " 1,-2.5,\t0.3 "] {
            assert_eq!(parse(cell), Some(vec![1.0, -2.5, 0.3]), "{cell}");
        }
        for cell in ["", "[]", "1 two", "1 NaN", "inf", "[[1]", "1e99"] {
            assert_eq!(parse(cell).filter(|numbers| cell != "[[1]" || numbers.len() > 1), None, "{cell}");
        }
    }
}
