//! The `[[field]]` sections.

use crate::schema::NumberEncoding;
use crate::text::MOST_BUCKETS;
use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};

/// `[[field]]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldConfig {
    /// A side table's column or, where no side table has it, the log's.
    pub name: String,
    /// How its values are read: "category", "number", "text" or "vector" (numbers between blanks or commas, such as an image's
    /// embedding).
    pub kind: FieldChoice,
    /// "category" only: values with fewer training events count as unknown. Default 5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_count: Option<usize>,
    /// "number" only: "buckets" (a learned row at each of up to 17 quantiles of the training events, straight between
    /// them), "linear" (one row times the standardised number) or "periodic" (rows for sines and cosines of it too).
    /// Default "buckets".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<NumberEncoding>,
    /// "text" only: rows of the table that words and their parts are hashed into, each of [train] hidden values. Default 16384.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub buckets: Option<usize>,
    /// What an event without a value has: "row" (a learned row that says so), "last" (the sequence's last value; not for
    /// texts) or "interpolate" (numbers only: between two values of training events what lies on the line in time between
    /// them, elsewhere as "last"). The line looks ahead, which the page can't: it is for gaps of a series that is recorded at
    /// regular times. Default "row".
    #[serde(default, skip_serializing_if = "is_row")]
    pub missing: Filling,
}

/// What an event without a value has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Filling {
    /// A learned row that says so.
    #[default]
    Row,
    /// The sequence's last value.
    Last,
    /// In training what lies between the values before and after; else the last.
    Interpolate,
}

/// How a field's values are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FieldChoice {
    /// One of a list of names.
    Category,
    /// A number.
    Number,
    /// A text.
    Text,
    /// Numbers that belong together.
    Vector,
}

impl FieldConfig {
    /// Checks which keys are for which kind.
    pub fn validate(&self, has_time: bool) -> Result<()> {
        let Self { name, kind, min_count, encoding, buckets, missing } = self;
        ensure!(
            *kind == FieldChoice::Category || min_count.is_none(),
            "[[field]] {name:?}: min_count is for categories; remove it or use kind = \"category\""
        );
        ensure!(
            *kind == FieldChoice::Number || encoding.is_none(),
            "[[field]] {name:?}: encoding is for numbers; remove it or use kind = \"number\""
        );
        ensure!(
            *kind == FieldChoice::Text || buckets.is_none(),
            "[[field]] {name:?}: buckets is for texts; remove it or use kind = \"text\""
        );
        if let Some(buckets) = buckets {
            ensure!(
                (1..=MOST_BUCKETS).contains(buckets),
                "[[field]] {name:?}: buckets is {buckets}, expected 1 to {MOST_BUCKETS}"
            );
        }
        ensure!(
            *kind != FieldChoice::Text || *missing == Filling::Row,
            "[[field]] {name:?}: a text does not last until the next; remove missing"
        );
        ensure!(
            *missing != Filling::Interpolate || (*kind == FieldChoice::Number && has_time),
            "[[field]] {name:?}: missing = \"interpolate\" is for numbers at times; use \"last\", or kind = \"number\" with \
             [sequence] time"
        );
        Ok(())
    }
}

fn is_row(filling: &Filling) -> bool {
    *filling == Filling::Row
}
