//! A further field of an event, and how its values become codes.

use crate::error::Result;
use crate::json::{FromJson, Json, read_name, read_object};
use serde::{Deserialize, Serialize};

/// One further field of an event.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Field {
    /// The field's name: the log's column and the key in the page's event.
    pub name: String,
    /// How its values are read.
    pub kind: FieldKind,
    /// What an event without a value has; files from before there was a choice lack it.
    pub missing: Missing,
}

/// What an event has for a field of which it has no value, or none that the model knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Missing {
    /// A learned row that says so.
    #[default]
    Row,
    /// The sequence's last value, and the row before there is one.
    Last,
}

/// How a field's values become numbers.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldKind {
    /// One of a closed list. Encoded as 1 + its place in `values`; 0 is missing or unknown.
    Category {
        /// The values known at training time.
        values: Vec<String>,
    },
    /// A number. Encoded by [`Number::code`]; NaN is missing.
    Number(Number),
    /// A text. Encoded as how many rows [`crate::text::rows`] gives, 0 for a missing one, and after that the rows.
    Text {
        /// Rows of the hashed table, at most [`crate::text::MOST_BUCKETS`].
        buckets: usize,
    },
    /// Numbers that belong together, such as an image's embedding. Encoded by [`Vector::codes`].
    Vector(Vector),
}

/// What the training events say of a vector.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Vector {
    /// The mean of each of its numbers over the training events: `[size]`.
    pub mean: Vec<f32>,
    /// The standard deviation of each; positive: `[size]`.
    pub std: Vec<f32>,
}

/// How a field's codes take the rows of its table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// The code is the row's place.
    Category,
    /// See [`NumberEncoding`].
    Number(NumberEncoding),
    /// The codes are the rows' places; of their sum the share is one over the square root of how many there are.
    Text,
    /// So many codes, each times a row; of their sum the share is one over the square root of how many there are.
    Vector(usize),
}

/// What the training events say of a number.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Number {
    /// The mean over the training events.
    pub mean: f32,
    /// The standard deviation over the training events; positive.
    pub std: f32,
    /// How it becomes part of an event's input; files from before there was a choice lack it.
    pub encoding: NumberEncoding,
    /// "buckets" only: the boundaries, ascending.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub bounds: Vec<f32>,
}

/// How a number becomes part of an event's input (Gorishniy et al. 2022, arXiv 2203.05556).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NumberEncoding {
    /// The standardised number times a learned row.
    Linear,
    /// A learned row at each boundary, boundaries being quantiles, and in a straight line between two of them: the paper's
    /// piecewise linear encoding before a linear layer.
    #[default]
    Buckets,
    /// Sines and cosines of the standardised number, and itself, each times a learned row.
    Periodic,
}

read_object!(Field { name, kind } or { missing: Missing::Row });
read_name!(Missing { "row" => Row, "last" => Last });

impl FromJson for FieldKind {
    fn from_json(json: &mut Json<'_>) -> Result<Self> {
        let (mut category, mut number, mut text, mut vector) = (None, None, None, None);
        json.members(&mut [
            ("category", &mut category),
            ("number", &mut number),
            ("text", &mut text),
            ("vector", &mut vector),
        ])?;
        match (category, number, text, vector) {
            (Some(Category { values }), None, None, None) => Ok(Self::Category { values }),
            (None, Some(number), None, None) => Ok(Self::Number(number)),
            (None, None, Some(Text { buckets }), None) => Ok(Self::Text { buckets }),
            (None, None, None, Some(vector)) => Ok(Self::Vector(vector)),
            _ => Err(json.expected("one of category, number, text and vector")),
        }
    }
}

/// The contents of [`FieldKind::Category`], as read.
struct Category {
    values: Vec<String>,
}

/// The contents of [`FieldKind::Text`], as read.
struct Text {
    buckets: usize,
}

read_object!(Category { values });
read_object!(Text { buckets });
read_object!(Vector { mean, std });

read_object!(Number { mean, std } or { encoding: NumberEncoding::Linear, bounds: Vec::new() });
read_name!(NumberEncoding { "linear" => Linear, "buckets" => Buckets, "periodic" => Periodic });

/// How far a standardised number may lie from the mean, in standard deviations.
const NUMBER_LIMIT: f32 = 5.0;

/// The most numbers of a vector.
pub const MOST_NUMBERS: usize = 4096;

/// Sines of a periodic number, and as many cosines: the slowest takes eight standard deviations for a turn, each other half
/// as many as the one before.
pub const FREQUENCIES: usize = 6;

impl Encoding {
    /// How many of an event's codes are this field's, which are the next; one where there are none left.
    pub fn codes(self, codes: &[f32]) -> usize {
        match self {
            Self::Category | Self::Number(_) => 1,
            Self::Text => 1 + codes.first().map_or(0, |&count| count as usize),
            Self::Vector(size) => size,
        }
    }

    /// Whether this field's codes, which are the next, say that there is no value.
    pub fn is_missing(self, codes: &[f32]) -> bool {
        match self {
            Self::Category | Self::Text => codes[0] == 0.0,
            Self::Number(_) | Self::Vector(_) => codes[0].is_nan(),
        }
    }

    /// Appends the codes that say that there is no value.
    pub fn missing(self, out: &mut Vec<f32>) {
        match self {
            Self::Category | Self::Text => out.push(0.0),
            Self::Number(_) => out.push(f32::NAN),
            Self::Vector(size) => out.resize(out.len() + size, f32::NAN),
        }
    }
}

impl FieldKind {
    /// The code of a category value: 0 for missing or unknown, else 1 + its place.
    pub fn category_code(values: &[String], value: &str) -> f32 {
        values.iter().position(|known| known == value).map_or(0.0, |place| (place + 1) as f32)
    }

    /// How its codes take its rows.
    pub fn encoding(&self) -> Encoding {
        match self {
            Self::Category { .. } => Encoding::Category,
            Self::Number(number) => Encoding::Number(number.encoding),
            Self::Text { .. } => Encoding::Text,
            Self::Vector(vector) => Encoding::Vector(vector.mean.len()),
        }
    }

    /// The learned rows of the field; the last stands for a missing value, of a category the first.
    pub fn rows(&self) -> usize {
        1 + match self {
            Self::Category { values } => values.len(),
            Self::Number(Number { encoding: NumberEncoding::Linear, .. }) => 1,
            Self::Number(Number { encoding: NumberEncoding::Buckets, bounds, .. }) => bounds.len(),
            Self::Number(Number { encoding: NumberEncoding::Periodic, .. }) => 1 + 2 * FREQUENCIES,
            Self::Text { buckets } => *buckets,
            Self::Vector(vector) => vector.mean.len(),
        }
    }
}

impl Number {
    /// The number's code; NaN (missing) stays NaN, infinities count as missing.
    ///
    /// For buckets its place among the boundaries, from 0 to the last one's: what lies half-way from the first to the second
    /// is at 0.5. Otherwise the number standardised, within -5 and 5.
    pub fn code(&self, value: f32) -> f32 {
        if !value.is_finite() {
            return f32::NAN;
        }
        match self.encoding {
            NumberEncoding::Buckets => place(&self.bounds, value),
            NumberEncoding::Linear | NumberEncoding::Periodic => standardised(value, self.mean, self.std),
        }
    }

    pub(super) fn is_sound(&self) -> bool {
        let Self { mean, std, encoding, bounds } = self;
        let ascends = bounds.windows(2).all(|pair| pair[0] < pair[1]);
        [mean, std].into_iter().chain(bounds).all(|value| value.is_finite())
            && *std > 0.0
            && ascends
            && (*encoding == NumberEncoding::Buckets) != bounds.is_empty()
    }
}

impl Vector {
    /// The vector's codes, `[size]`, after what `out` holds: each number standardised, within -5 and 5. NaN throughout where
    /// the vector is missing (`None`) or one of its numbers is not finite.
    ///
    /// # Errors
    /// The size that was expected, of a vector of another one.
    pub fn codes(&self, values: Option<&[f32]>, out: &mut Vec<f32>) -> std::result::Result<(), usize> {
        let size = self.mean.len();
        match values {
            Some(values) if values.len() != size => return Err(size),
            Some(values) if values.iter().all(|value| value.is_finite()) => {
                let spread = self.mean.iter().zip(&self.std);
                out.extend(values.iter().zip(spread).map(|(&value, (&mean, &std))| standardised(value, mean, std)));
            }
            _ => out.resize(out.len() + size, f32::NAN),
        }
        Ok(())
    }

    pub(super) fn is_sound(&self) -> bool {
        let Self { mean, std } = self;
        (1..=MOST_NUMBERS).contains(&mean.len())
            && mean.len() == std.len()
            && mean.iter().chain(std).all(|value| value.is_finite())
            && std.iter().all(|&std| std > 0.0)
    }
}

fn standardised(value: f32, mean: f32, std: f32) -> f32 {
    ((value - mean) / std).clamp(-NUMBER_LIMIT, NUMBER_LIMIT)
}

fn place(bounds: &[f32], value: f32) -> f32 {
    let above = bounds.partition_point(|&bound| bound <= value);
    let Some(before) = above.checked_sub(1) else { return 0.0 };
    let Some(&next) = bounds.get(above) else { return before as f32 };
    let [value, bound, next] = [value, bounds[before], next].map(f64::from);
    (before as f64 + (value - bound) / (next - bound)) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(encoding: NumberEncoding, bounds: &[f32]) -> Number {
        Number { mean: 1.0, std: 2.0, encoding, bounds: bounds.to_vec() }
    }

    #[test]
    fn a_vector_is_standardised_or_missing_as_a_whole() {
        let vector = Vector { mean: vec![1.0, 0.0], std: vec![2.0, 0.1] };
        let mut out = vec![9.0];
        assert_eq!(vector.codes(Some(&[3.0, 7.0]), &mut out), Ok(()));
        assert_eq!(out, [9.0, 1.0, 5.0]);
        for missing in [None, Some(&[1.0, f32::INFINITY][..]), Some(&[f32::NAN, 0.0])] {
            out.clear();
            assert_eq!(vector.codes(missing, &mut out), Ok(()));
            assert!(out.len() == 2 && out.iter().all(|code| code.is_nan()), "{missing:?}");
        }
        assert_eq!(vector.codes(Some(&[1.0]), &mut out), Err(2));
    }

    #[test]
    fn numbers_are_clamped_and_odd_ones_are_missing() {
        for encoding in [NumberEncoding::Linear, NumberEncoding::Periodic] {
            let number = number(encoding, &[]);
            assert_eq!([3.0, 1e9, -1e9, f32::MAX].map(|value| number.code(value)), [1.0, 5.0, -5.0, 5.0]);
        }
        for number in [number(NumberEncoding::Linear, &[]), number(NumberEncoding::Buckets, &[1.0, 2.0])] {
            assert!([f32::NAN, f32::INFINITY].iter().all(|&value| number.code(value).is_nan()));
        }
    }

    #[test]
    fn a_place_among_bounds_is_straight_between_them() {
        let code = |bounds: &[f32], value| number(NumberEncoding::Buckets, bounds).code(value);
        let bounds = [-1.0, 0.0, 10.0];
        let values = [-9.0, -1.0, -0.25, 0.0, 5.0, 10.0, 1e30];
        assert_eq!(values.map(|value| code(&bounds, value)), [0.0, 0.0, 0.75, 1.0, 1.5, 2.0, 2.0]);
        assert_eq!([-3.0, 7.0, 8.0].map(|value| code(&[7.0], value)), [0.0; 3]);
        assert_eq!(code(&[-f32::MAX, f32::MAX], 0.0), 0.5);
    }
}
