//! What an event is and what is asked about a sequence of them.

mod head;

pub use head::{Head, HeadKind};

use crate::error::{Error, Result};
use crate::json::{FromJson, Json, read_name, read_object};
use serde::{Deserialize, Serialize};

/// The description of events that a model was trained on; it travels inside the model file.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Schema {
    /// Whether events carry a time.
    pub has_time: bool,
    /// Whether events carry a group (a basket, an order, a page view of several items).
    pub has_group: bool,
    /// Whether the hour of an event's time (UTC) is part of its input; files from before there was such a thing lack it.
    pub hour: bool,
    /// Whether the weekday of an event's time (UTC) is.
    pub weekday: bool,
    /// Which items are no candidates at prediction time.
    pub filter_seen: FilterSeen,
    /// Further fields of an event, besides the item; an event's values are in this order.
    pub fields: Vec<Field>,
    /// Whether the next item is asked for: empty where it is not.
    pub tasks: Vec<Task>,
    /// What else is; files from before there was such a thing lack it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub heads: Vec<Head>,
}

/// Which items are taken out of the candidates, because the visitor has met them already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FilterSeen {
    /// Every item stays a candidate (behaviour that repeats: clicks, groceries).
    None,
    /// Items of the open group are out (a basket holds a product once).
    Group,
    /// Every item of the sequence is out (ratings, one purchase for good).
    All,
}

/// One further field of an event.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Field {
    /// The field's name: the log's column and the key in the page's event.
    pub name: String,
    /// How its values are read.
    pub kind: FieldKind,
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

/// What is asked of a sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// Which item comes next: a ranking of all candidates with probabilities.
    NextItem,
}

read_object!(Schema {
    has_time, has_group, filter_seen, fields, tasks
} or { hour: false, weekday: false, heads: Vec::new() });
read_name!(FilterSeen { "none" => None, "group" => Group, "all" => All });
read_object!(Field { name, kind });
read_name!(Task { "next_item" => NextItem });

impl FromJson for FieldKind {
    fn from_json(json: &mut Json<'_>) -> Result<Self> {
        let mut found = None;
        json.object(&mut |json, key| {
            let kind = match key {
                "category" => Category::from_json(json).map(|Category { values }| Self::Category { values })?,
                "number" => Number::from_json(json).map(Self::Number)?,
                _ => return Err(json.unknown(key)),
            };
            match found.replace(kind) {
                None => Ok(()),
                Some(_) => Err(json.expected("one of category and number")),
            }
        })?;
        json.required(found, "category or number")
    }
}

/// The contents of [`FieldKind::Category`], as read.
struct Category {
    values: Vec<String>,
}

read_object!(Category { values });

read_object!(Number { mean, std } or { encoding: NumberEncoding::Linear, bounds: Vec::new() });
read_name!(NumberEncoding { "linear" => Linear, "buckets" => Buckets, "periodic" => Periodic });

/// How far a standardised number may lie from the mean, in standard deviations.
const NUMBER_LIMIT: f32 = 5.0;

/// Sines of a periodic number, and as many cosines: the slowest takes eight standard deviations for a turn, each other half
/// as many as the one before.
pub const FREQUENCIES: usize = 6;

impl Schema {
    /// Whether the model ranks items for the event to come.
    pub fn predicts_items(&self) -> bool {
        self.tasks.contains(&Task::NextItem)
    }

    /// Checks what serde cannot: no two fields share a name, spreads are positive, groups exist where they are used.
    ///
    /// # Errors
    /// [`Error::Schema`] names the field and the fix.
    pub fn validate(&self) -> Result<()> {
        if self.filter_seen == FilterSeen::Group && !self.has_group {
            return Err(Error::Schema(
                "filter_seen = \"group\" needs a group column; name one in [sequence] or use \"none\" or \"all\""
                    .into(),
            ));
        }
        if self.tasks.is_empty() && self.heads.is_empty() {
            return Err(Error::Schema("no task; expected at least next_item or a head".into()));
        }
        for (index, head) in self.heads.iter().enumerate() {
            if self.heads[..index].iter().any(|earlier| earlier.name == head.name) {
                return Err(Error::Schema(format!("two tasks are called \"{}\"; rename one", head.name)));
            }
            head.validate()?;
        }
        for (index, field) in self.fields.iter().enumerate() {
            if self.fields[..index].iter().any(|earlier| earlier.name == field.name) {
                return Err(Error::Schema(format!("two fields are called \"{}\"; rename one", field.name)));
            }
            if let FieldKind::Number(number) = &field.kind
                && !number.is_sound()
            {
                return Err(Error::Schema(format!(
                    "field \"{}\": expected finite numbers, std above 0 and, for buckets, ascending bounds",
                    field.name
                )));
            }
        }
        Ok(())
    }
}

impl FieldKind {
    /// The code of a category value: 0 for missing or unknown, else 1 + its place.
    pub fn category_code(values: &[String], value: &str) -> f32 {
        values.iter().position(|known| known == value).map_or(0.0, |place| (place + 1) as f32)
    }

    /// How a number's code is read; `None` of a category.
    pub fn encoding(&self) -> Option<NumberEncoding> {
        match self {
            Self::Category { .. } => None,
            Self::Number(number) => Some(number.encoding),
        }
    }

    /// The learned rows of the field; a number's last stands for a missing one.
    pub fn rows(&self) -> usize {
        1 + match self {
            Self::Category { values } => values.len(),
            Self::Number(Number { encoding: NumberEncoding::Linear, .. }) => 1,
            Self::Number(Number { encoding: NumberEncoding::Buckets, bounds, .. }) => bounds.len(),
            Self::Number(Number { encoding: NumberEncoding::Periodic, .. }) => 1 + 2 * FREQUENCIES,
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
            NumberEncoding::Linear | NumberEncoding::Periodic => {
                ((value - self.mean) / self.std).clamp(-NUMBER_LIMIT, NUMBER_LIMIT)
            }
        }
    }

    fn is_sound(&self) -> bool {
        let Self { mean, std, encoding, bounds } = self;
        let ascends = bounds.windows(2).all(|pair| pair[0] < pair[1]);
        [mean, std].into_iter().chain(bounds).all(|value| value.is_finite())
            && *std > 0.0
            && ascends
            && (*encoding == NumberEncoding::Buckets) != bounds.is_empty()
    }
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

    fn schema() -> Schema {
        Schema {
            has_time: true,
            has_group: false,
            hour: false,
            weekday: false,
            filter_seen: FilterSeen::None,
            fields: vec![],
            tasks: vec![Task::NextItem],
            heads: vec![],
        }
    }

    #[test]
    fn a_group_filter_needs_groups() {
        assert!(schema().validate().is_ok());
        let wrong = Schema { filter_seen: FilterSeen::Group, ..schema() };
        assert!(wrong.validate().unwrap_err().to_string().contains("group column"));
    }

    fn number(encoding: NumberEncoding, bounds: &[f32]) -> Number {
        Number { mean: 1.0, std: 2.0, encoding, bounds: bounds.to_vec() }
    }

    #[test]
    fn repeated_names_zero_spread_and_wrong_bounds_are_refused() {
        let field = |number| Field { name: "price".into(), kind: FieldKind::Number(number) };
        let validate = |fields| Schema { fields, ..schema() }.validate();
        let linear = number(NumberEncoding::Linear, &[]);
        assert!(validate(vec![field(linear.clone())]).is_ok());
        assert!(validate(vec![field(linear.clone()), field(linear.clone())]).is_err());
        assert!(validate(vec![field(Number { std: 0.0, ..linear })]).is_err());
        assert!(validate(vec![field(number(NumberEncoding::Buckets, &[1.0]))]).is_ok());
        for bounds in [&[] as &[f32], &[1.0, 1.0], &[2.0, 1.0], &[1.0, f32::INFINITY], &[f32::NAN]] {
            assert!(validate(vec![field(number(NumberEncoding::Buckets, bounds))]).is_err(), "{bounds:?}");
        }
        assert!(validate(vec![field(number(NumberEncoding::Periodic, &[1.0]))]).is_err());
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
