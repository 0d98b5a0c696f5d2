//! What an event is and what is asked about a sequence of them.

mod field;
mod head;

pub use field::{Encoding, FREQUENCIES, Field, FieldKind, MOST_NUMBERS, Missing, Number, NumberEncoding, Vector};
pub use head::{Head, HeadKind};

use crate::error::{Error, Result};
use crate::json::{read_name, read_object};
use crate::text::MOST_BUCKETS;
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
read_name!(Task { "next_item" => NextItem });

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
            let (is_sound, expected) = match &field.kind {
                FieldKind::Category { .. } => continue,
                FieldKind::Number(number) => {
                    (number.is_sound(), "finite numbers, std above 0 and, for buckets, ascending bounds")
                }
                FieldKind::Text { buckets } => {
                    (field.missing == Missing::Row && (1..=MOST_BUCKETS).contains(buckets), "buckets from 1 to 65536")
                }
                FieldKind::Vector(vector) => (vector.is_sound(), "as many finite means as positive std, 1 to 4096"),
            };
            if !is_sound {
                return Err(Error::Schema(format!("field \"{}\": expected {expected}", field.name)));
            }
        }
        Ok(())
    }

    /// Takes what is missing of an event's codes over from those of the event before it in its sequence, where the fields
    /// say so. Those were completed themselves, so that it is the last value, however far back.
    pub fn carry(&self, before: &[f32], codes: &mut [f32]) {
        let (mut from, mut to) = (0, 0);
        for field in &self.fields {
            let encoding = field.kind.encoding();
            let (old, new) = (from, to);
            from += encoding.codes(&before[old..]);
            to += encoding.codes(&codes[new..]);
            if field.missing == Missing::Last && encoding.is_missing(&codes[new..]) {
                codes[new..to].copy_from_slice(&before[old..from]);
            }
        }
    }
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

    fn field(name: &str, kind: FieldKind) -> Field {
        Field { name: name.into(), kind, missing: Missing::Row }
    }

    #[test]
    fn texts_and_vectors_have_limits() {
        let validate = |field| Schema { fields: vec![field], ..schema() }.validate();
        for (buckets, is_sound) in [(0, false), (1, true), (1 << 16, true), ((1 << 16) + 1, false)] {
            assert_eq!(validate(field("text", FieldKind::Text { buckets })).is_ok(), is_sound, "{buckets}");
        }
        let lasting = Field { missing: Missing::Last, ..field("text", FieldKind::Text { buckets: 9 }) };
        assert!(validate(lasting).is_err());
        let vector = |mean: &[f32], std: &[f32]| FieldKind::Vector(Vector { mean: mean.into(), std: std.into() });
        assert!(validate(field("picture", vector(&[1.0], &[2.0]))).is_ok());
        for (mean, std) in [(&[][..], &[][..]), (&[1.0], &[1.0, 1.0]), (&[f32::NAN], &[1.0]), (&[1.0], &[0.0])] {
            assert!(validate(field("picture", vector(mean, std))).is_err(), "{mean:?} {std:?}");
        }
    }

    #[test]
    fn the_last_value_lasts_where_it_is_asked_for() {
        let vector = FieldKind::Vector(Vector { mean: vec![0.0; 2], std: vec![1.0; 2] });
        let kind = |missing, kind| Field { missing, ..field("field", kind) };
        let category = || FieldKind::Category { values: vec!["a".into()] };
        let fields = vec![
            kind(Missing::Row, FieldKind::Text { buckets: 9 }),
            kind(Missing::Last, category()),
            kind(Missing::Row, category()),
            kind(Missing::Last, vector),
            kind(Missing::Last, FieldKind::Number(number(NumberEncoding::Linear, &[]))),
        ];
        let schema = Schema { fields, ..schema() };
        let mut codes = vec![0.0, 0.0, 0.0, f32::NAN, f32::NAN, f32::NAN];
        schema.carry(&[2.0, 5.0, 5.0, 1.0, 1.0, 0.5, 0.6, 0.7], &mut codes);
        assert_eq!(codes, [0.0, 1.0, 0.0, 0.5, 0.6, 0.7]);
        let mut known = vec![1.0, 3.0, 1.0, 1.0, 0.1, 0.2, 0.3];
        let as_known = known.clone();
        schema.carry(&codes, &mut known);
        assert_eq!(known, as_known);
    }

    fn number(encoding: NumberEncoding, bounds: &[f32]) -> Number {
        Number { mean: 1.0, std: 2.0, encoding, bounds: bounds.to_vec() }
    }

    #[test]
    fn repeated_names_zero_spread_and_wrong_bounds_are_refused() {
        let field = |number| field("price", FieldKind::Number(number));
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
}
