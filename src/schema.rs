//! What an event is and what is asked about a sequence of them.

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
    /// Which items are no candidates at prediction time.
    pub filter_seen: FilterSeen,
    /// Further fields of an event, besides the item; an event's values are in this order.
    pub fields: Vec<Field>,
    /// What the model answers.
    pub tasks: Vec<Task>,
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
    /// A number, standardised by the training data. Encoded as z in [-5, 5]; NaN is missing.
    Number {
        /// The mean over the training events.
        mean: f32,
        /// The standard deviation over the training events; positive.
        std: f32,
    },
}

/// What is asked of a sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// Which item comes next: a ranking of all candidates with probabilities.
    NextItem,
}

read_object!(Schema { has_time, has_group, filter_seen, fields, tasks });
read_name!(FilterSeen { "none" => None, "group" => Group, "all" => All });
read_object!(Field { name, kind });
read_name!(Task { "next_item" => NextItem });

impl FromJson for FieldKind {
    fn from_json(json: &mut Json<'_>) -> Result<Self> {
        let mut found = None;
        json.object(&mut |json, key| {
            let kind = match key {
                "category" => Category::from_json(json).map(|Category { values }| Self::Category { values })?,
                "number" => Number::from_json(json).map(|Number { mean, std }| Self::Number { mean, std })?,
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

/// The contents of [`FieldKind::Number`], as read.
struct Number {
    mean: f32,
    std: f32,
}

read_object!(Number { mean, std });

/// How far a standardised number may lie from the mean, in standard deviations.
const NUMBER_LIMIT: f32 = 5.0;

impl Schema {
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
        if self.tasks.is_empty() {
            return Err(Error::Schema("no task; expected at least next_item".into()));
        }
        for (index, field) in self.fields.iter().enumerate() {
            if self.fields[..index].iter().any(|earlier| earlier.name == field.name) {
                return Err(Error::Schema(format!("two fields are called \"{}\"; rename one", field.name)));
            }
            if let FieldKind::Number { mean, std } = field.kind
                && !(mean.is_finite() && std.is_finite() && std > 0.0)
            {
                return Err(Error::Schema(format!(
                    "field \"{}\": mean and std must be finite, and std above 0",
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

    /// A number standardised and clamped; NaN (missing) stays NaN, infinities count as missing.
    pub fn standardise(value: f32, mean: f32, std: f32) -> f32 {
        if value.is_finite() { ((value - mean) / std).clamp(-NUMBER_LIMIT, NUMBER_LIMIT) } else { f32::NAN }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema() -> Schema {
        Schema {
            has_time: true,
            has_group: false,
            filter_seen: FilterSeen::None,
            fields: vec![],
            tasks: vec![Task::NextItem],
        }
    }

    #[test]
    fn a_group_filter_needs_groups() {
        assert!(schema().validate().is_ok());
        let wrong = Schema { filter_seen: FilterSeen::Group, ..schema() };
        assert!(wrong.validate().unwrap_err().to_string().contains("group column"));
    }

    #[test]
    fn repeated_names_and_zero_spread_are_refused() {
        let number = Field { name: "price".into(), kind: FieldKind::Number { mean: 0.0, std: 1.0 } };
        let flat = Field { name: "price".into(), kind: FieldKind::Number { mean: 0.0, std: 0.0 } };
        assert!(Schema { fields: vec![number.clone(), number], ..schema() }.validate().is_err());
        assert!(Schema { fields: vec![flat], ..schema() }.validate().is_err());
    }

    #[test]
    fn numbers_are_clamped_and_odd_ones_are_missing() {
        assert_eq!(FieldKind::standardise(3.0, 1.0, 2.0), 1.0);
        assert_eq!(FieldKind::standardise(1e9, 1.0, 2.0), 5.0);
        assert!(FieldKind::standardise(f32::NAN, 1.0, 2.0).is_nan());
        assert!(FieldKind::standardise(f32::INFINITY, 1.0, 2.0).is_nan());
    }
}
