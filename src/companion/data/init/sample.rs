//! The first rows of a log, column by column.

use crate::companion::data::names::MISSING;
use crate::companion::data::read::{Cell, Row, Source};
use crate::companion::data::table::Keys;
use anyhow::Result;
use std::ops::ControlFlow;

/// So many rows are looked at.
const ROWS: usize = 20_000;

/// The first rows.
pub struct Sample {
    /// All columns.
    pub columns: Vec<Column>,
    /// How many rows they have.
    pub rows: usize,
    /// Where the first line is that is no row, and what is wrong with it.
    pub first_broken: Option<String>,
    /// Whether these are all rows of the log.
    pub complete: bool,
}

/// A column's cells.
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its cells as text.
    pub keys: Keys<Vec<u32>>,
    /// Whether the format itself says that these are times.
    pub holds_times: bool,
}

impl Sample {
    /// Reads the first rows.
    pub fn read(source: &Source) -> Result<Self> {
        let names = source.columns()?;
        let new = |name: &String| Column { name: name.clone(), keys: Keys::default(), holds_times: false };
        let mut sample = Self { columns: names.iter().map(new).collect(), rows: 0, first_broken: None, complete: true };
        let wanted: Vec<&str> = names.iter().map(String::as_str).collect();
        source.read(&wanted, &mut |row| {
            let cells = match row {
                Row::Cells(cells) => cells,
                Row::Broken(reason) => {
                    sample.first_broken.get_or_insert_with(|| reason.to_owned());
                    return ControlFlow::Continue(());
                }
            };
            if sample.rows == ROWS {
                sample.complete = false;
                return ControlFlow::Break(());
            }
            sample.rows += 1;
            for (column, cell) in sample.columns.iter_mut().zip(cells) {
                column.holds_times |= matches!(cell, Cell::Time(_));
                column.keys.ids.push(column.keys.names.take(cell));
            }
            ControlFlow::Continue(())
        })?;
        Ok(sample)
    }

    /// A column by its name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }
}

impl Column {
    /// Rows that have a value.
    pub fn present(&self) -> usize {
        self.keys.ids.iter().filter(|&&id| id != MISSING).count()
    }

    /// Different values.
    pub fn distinct(&self) -> usize {
        self.keys.names.len()
    }

    /// The share of the values there are that pass a test.
    pub fn share(&self, test: impl Fn(&str) -> bool) -> f64 {
        let passes: Vec<bool> = self.keys.names.iter().map(test).collect();
        let passing = self.keys.ids.iter().filter(|&&id| id != MISSING && passes[id as usize]).count();
        passing as f64 / self.present().max(1) as f64
    }

    /// Whether nearly all values are numbers.
    pub fn is_numeric(&self) -> bool {
        self.share(|value| value.parse::<f64>().is_ok()) > 0.95
    }

    /// Whether the values can be keys: no fractions, no times.
    pub fn can_be_key(&self) -> bool {
        let fraction = |value: &str| value.parse::<f64>().is_ok_and(|number| number.fract() != 0.0);
        !self.holds_times && self.distinct() > 1 && self.share(fraction) < 0.01
    }

    /// Whether the name, or a word in it, is one of these words, alone or with an ending such as "id" or "code".
    pub fn is_called(&self, words: &[&str]) -> bool {
        let is_one = |word: &str| {
            let plain = ["ids", "id", "no", "number", "key", "code", "hash", "s"]
                .into_iter()
                .filter_map(|ending| word.strip_suffix(ending))
                .chain([word]);
            plain.into_iter().any(|plain| words.contains(&plain))
        };
        let parts = words_of(&self.name);
        is_one(&parts.concat()) || parts.iter().any(|part| is_one(part))
    }
}

/// The words of a name in small letters: "InvoiceNo" and "invoice_no" are "invoice", "no".
fn words_of(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut after_small = false;
    for letter in name.chars() {
        if !letter.is_alphanumeric() || (after_small && letter.is_uppercase()) {
            words.push(String::new());
        }
        if letter.is_alphanumeric() {
            words.iter_mut().last().into_iter().for_each(|word| word.extend(letter.to_lowercase()));
        }
        after_small = letter.is_lowercase();
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fall_into_words() {
        assert_eq!(words_of("InvoiceNo"), ["invoice", "no"]);
        assert_eq!(words_of("user-item_affinity 0"), ["user", "item", "affinity", "0"]);
        let column = |name: &str| Column { name: name.into(), keys: Keys::default(), holds_times: false };
        for name in ["user_id", "userId", "USERID", "user", "the user"] {
            assert!(column(name).is_called(&["user"]), "{name}");
        }
        assert!(!column("username").is_called(&["user"]));
    }
}
