//! The cleaning report: what became of each row of the log.

use serde::Serialize;
use std::fmt;

/// What was read, what each rule dropped and what is left: `rows_read` is `rows_kept` plus all rules' rows.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct CleaningReport {
    /// The log's files.
    pub files: Vec<String>,
    /// Rows in them: events, and lines that cannot be read.
    pub rows_read: u64,
    /// Events that are left.
    pub rows_kept: u64,
    /// The rules in the order in which they were applied.
    pub rules: Vec<Rule>,
    /// What was found and mended without dropping a row.
    pub notes: Vec<Rule>,
    /// Sequences that are left.
    pub sequences: usize,
    /// Different items that are left.
    pub items: usize,
    /// Groups that are left; `None` without groups.
    pub groups: Option<usize>,
    /// The first event's time; `None` without times.
    pub first_time: Option<String>,
    /// The last event's time; `None` without times.
    pub last_time: Option<String>,
    /// Events to learn from.
    pub train_events: usize,
    /// Events for validation.
    pub validation_events: usize,
    /// Events for the test.
    pub test_events: usize,
}

/// What a rule did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Rule {
    /// The rule's name.
    pub name: String,
    /// How many rows it dropped or, for a note, concerns.
    pub rows: u64,
    /// What it looks for, with its setting.
    pub detail: String,
}

impl fmt::Display for CleaningReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.files.as_slice() {
            [file] => writeln!(f, "log: {file}")?,
            files => writeln!(f, "log: {} files", files.len())?,
        }
        let mut line =
            |name: &str, rows: u64, detail: &str| writeln!(f, "  {:<22}{:>14}  {detail}", name, grouped(rows));
        line("rows read", self.rows_read, "")?;
        for rule in &self.rules {
            line(&format!("- {}", rule.name), rule.rows, &rule.detail)?;
        }
        line("rows kept", self.rows_kept, "")?;
        for note in &self.notes {
            line(&format!("note: {}", note.name), note.rows, &note.detail)?;
        }
        line("sequences", self.sequences as u64, "")?;
        line("items", self.items as u64, "")?;
        if let Some(groups) = self.groups {
            line("groups", groups as u64, "")?;
        }
        line("events: train", self.train_events as u64, "")?;
        line("events: validation", self.validation_events as u64, "")?;
        line("events: test", self.test_events as u64, "")?;
        if let (Some(first), Some(last)) = (&self.first_time, &self.last_time) {
            writeln!(f, "  from {first} to {last}")?;
        }
        Ok(())
    }
}

/// A number with its thousands apart.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
