//! One event as a page or a log gives it, and as the engine takes it.

use crate::error::{Error, Result};
use crate::schema::{FieldKind, Schema};
use crate::text;
use crate::vocab::{ItemId, UNKNOWN_ITEM, Vocab};
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;

/// The time of an event without one.
pub const NO_TIME: i64 = i64::MIN;

/// One timestamped action of a visitor, as the page names it.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// The site's own key of the item; empty for a model that was trained without items.
    #[serde(default)]
    pub item: String,
    /// When it happened, in milliseconds since 1970 (UTC). Passed over by a model that was trained without times.
    #[serde(default)]
    pub time: Option<f64>,
    /// What it belongs to: a basket, an order. Events of one group follow each other. Passed over by a model that was
    /// trained without groups.
    #[serde(default)]
    pub group: Option<String>,
    /// Further fields: names and values. A field left out is missing, which is allowed.
    #[serde(default, deserialize_with = "pairs")]
    pub fields: Vec<(String, Value)>,
}

/// The value of a further field.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// A vector's numbers.
    Vector(Vec<f32>),
    /// A number; NaN and infinities count as missing. For a category it must be whole: 3 is the category "3".
    Number(f64),
    /// A category's name, or a text.
    Text(String),
    /// The category "true" or "false", or the number 1 or 0: as a log's flags are read.
    Flag(bool),
    /// JSON's null: missing.
    Missing,
}

/// An event in the model's own numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct EncodedEvent {
    /// The item's row, or [`UNKNOWN_ITEM`].
    pub item: ItemId,
    /// Milliseconds since 1970, or [`NO_TIME`].
    pub time: i64,
    /// A number that differs between a group and the one before it; 0 without groups.
    pub group: u32,
    /// Codes of the values, field after field in the schema's order: see [`FieldKind`].
    pub fields: Vec<f32>,
}

/// An [`EncodedEvent`] that borrows its fields: what the engine takes, from a page or from a log's columns.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EventView<'a> {
    /// See [`EncodedEvent::item`].
    pub item: ItemId,
    /// See [`EncodedEvent::time`].
    pub time: i64,
    /// See [`EncodedEvent::group`].
    pub group: u32,
    /// See [`EncodedEvent::fields`].
    pub fields: &'a [f32],
}

/// Reads an object. A list holds it, since a tree's code would cost every page a kilobyte.
fn pairs<'de, D: Deserializer<'de>>(from: D) -> std::result::Result<Vec<(String, Value)>, D::Error> {
    BTreeMap::deserialize(from).map(|fields| fields.into_iter().collect())
}

impl EncodedEvent {
    /// Lends the event to the engine.
    pub fn view(&self) -> EventView<'_> {
        EventView { item: self.item, time: self.time, group: self.group, fields: &self.fields }
    }
}

impl EventView<'_> {
    /// Whether the model knows the event's item.
    pub fn is_known(&self) -> bool {
        self.item != UNKNOWN_ITEM
    }
}

/// What is known of the event that is to be predicted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Upcoming {
    /// The group it will belong to; an unequal one means that the open group has ended.
    pub group: u32,
}

impl Event {
    /// Translates the event; `group` is the number that the caller gave to the event's group.
    ///
    /// # Errors
    /// [`Error::Event`] for an event without an item where the model knows items, a field that the schema does not have, a value
    /// of another kind than the field's, a fraction where a category belongs, a vector of another size, or a time that is no
    /// number.
    pub fn encode(&self, schema: &Schema, vocab: &Vocab, group: u32) -> Result<EncodedEvent> {
        let item = vocab.id(&self.item).unwrap_or(UNKNOWN_ITEM);
        if self.item.is_empty() && item == UNKNOWN_ITEM {
            return Err(Error::Event("no item, expected the key of one".into()));
        }
        let known = |name: &str| schema.fields.iter().any(|field| field.name == name);
        if let Some((name, _)) = self.fields.iter().find(|(name, _)| !known(name)) {
            let known: Vec<&str> = schema.fields.iter().map(|field| field.name.as_str()).collect();
            return Err(Error::Event(format!("unknown field \"{name}\"; this model's fields: {}", known.join(", "))));
        }
        let time = match self.time {
            None => NO_TIME,
            Some(time) if !time.is_finite() => {
                return Err(Error::Event("time is no finite number, expected milliseconds since 1970".into()));
            }
            // The model has learned nothing of the time between events.
            Some(_) if !schema.has_time => NO_TIME,
            Some(time) => time as i64,
        };
        let mut fields = Vec::with_capacity(schema.fields.len());
        for field in &schema.fields {
            encode_field(&field.name, &field.kind, self.value(&field.name), &mut fields)?;
        }
        Ok(EncodedEvent { item, time, group, fields })
    }

    fn value(&self, name: &str) -> Option<&Value> {
        self.fields.iter().find(|(other, _)| other == name).map(|(_, value)| value)
    }
}

/// Appends the codes of a field's value to `out`.
fn encode_field(name: &str, kind: &FieldKind, value: Option<&Value>, out: &mut Vec<f32>) -> Result<()> {
    let Some(value) = value.filter(|value| **value != Value::Missing) else {
        kind.encoding().missing(out);
        return Ok(());
    };
    let code = match (kind, value) {
        (FieldKind::Category { values }, Value::Text(text)) => Ok(FieldKind::category_code(values, text)),
        (FieldKind::Category { values }, Value::Number(number)) if number.is_finite() => {
            Ok(FieldKind::category_code(values, &whole(name, *number)?))
        }
        (FieldKind::Category { values }, Value::Flag(flag)) => {
            Ok(FieldKind::category_code(values, if *flag { "true" } else { "false" }))
        }
        (FieldKind::Category { .. }, Value::Vector(_)) => Err("a string, a number or null"),
        (FieldKind::Category { .. }, _) => Ok(0.0),
        (FieldKind::Number(kind), Value::Number(number)) => Ok(kind.code(*number as f32)),
        // As a log's flags are read where a column is numbers.
        (FieldKind::Number(kind), Value::Flag(flag)) => Ok(kind.code(f32::from(u8::from(*flag)))),
        (FieldKind::Number(_), _) => Err("a number or null"),
        (FieldKind::Text { buckets }, Value::Text(text)) => {
            text::codes(text, *buckets, out);
            return Ok(());
        }
        (FieldKind::Text { .. }, _) => Err("a string or null"),
        (FieldKind::Vector(vector), Value::Vector(values)) => {
            let size = |size| Error::Event(format!("field \"{name}\": expected {size} numbers"));
            return vector.codes(Some(values), out).map_err(size);
        }
        (FieldKind::Vector(_), _) => Err("an array of numbers or null"),
    };
    out.push(code.map_err(|expected| Error::Event(format!("field \"{name}\": expected {expected}")))?);
    Ok(())
}

/// A number as a category's name. Only whole numbers are names: a log may write others in several ways, and formatting
/// them would cost every page 6 KB.
fn whole(name: &str, number: f64) -> Result<String> {
    let whole = number as i64;
    if whole as f64 == number {
        Ok(whole.to_string())
    } else {
        Err(Error::Event(format!(
            "field \"{name}\" is a category and the number not whole; give it as text, like the log"
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{Field, FilterSeen, Missing, Number, NumberEncoding, Task, Vector};

    fn field(name: &str, kind: FieldKind) -> Field {
        Field { name: name.into(), kind, missing: Missing::Row }
    }

    fn schema() -> Schema {
        let price = Number { mean: 10.0, std: 2.0, encoding: NumberEncoding::Linear, bounds: vec![] };
        Schema {
            has_time: true,
            has_group: false,
            hour: false,
            weekday: false,
            filter_seen: FilterSeen::None,
            fields: vec![
                field("type", FieldKind::Category { values: vec!["click".into(), "cart".into()] }),
                field("price", FieldKind::Number(price)),
            ],
            tasks: vec![Task::NextItem],
            heads: vec![],
        }
    }

    fn encode(json: &str) -> Result<EncodedEvent> {
        let event: Event = serde_json::from_str(json).unwrap();
        event.encode(&schema(), &Vocab::from_keys(["a", "b"]).unwrap(), 7)
    }

    #[test]
    fn values_become_codes() {
        let event = encode(r#"{"item":"b","time":5,"fields":{"type":"cart","price":12}}"#).unwrap();
        assert_eq!(event, EncodedEvent { item: 1, time: 5, group: 7, fields: vec![2.0, 1.0] });
    }

    #[test]
    fn texts_and_vectors_are_coded_in_their_place() {
        let picture = Vector { mean: vec![1.0, 0.0], std: vec![2.0, 1.0] };
        let mut schema = schema();
        schema.fields.insert(0, field("review", FieldKind::Text { buckets: 64 }));
        schema.fields.push(field("picture", FieldKind::Vector(picture)));
        let encode = |json: &str| {
            let event: Event = serde_json::from_str(json).unwrap();
            event.encode(&schema, &Vocab::from_keys(["a"]).unwrap(), 0).map(|event| event.fields)
        };
        let codes = encode(r#"{"item":"a","fields":{"review":":)","type":"cart","picture":[5, -9]}}"#).unwrap();
        assert_eq!((codes[0], codes.len(), &codes[6..]), (3.0, 8, &[2.0, -5.0][..]), "{codes:?}");
        assert_eq!((codes[4], codes[5].is_nan()), (2.0, true));
        for nothing in [r#"{"item":"a"}"#, r#"{"item":"a","fields":{"review":" ","picture":null}}"#] {
            let codes = encode(nothing).unwrap();
            assert_eq!((codes.len(), &codes[..2]), (5, &[0.0, 0.0][..]));
            assert!(codes[2..].iter().all(|code| code.is_nan()));
        }
        for (value, message) in [
            (r#""review": 5"#, "field \"review\": expected a string or null"),
            (r#""review": [5]"#, "expected a string or null"),
            (r#""picture": [1, 2, 3]"#, "field \"picture\": expected 2 numbers"),
            (r#""picture": []"#, "expected 2 numbers"),
            (r#""picture": "1 2""#, "expected an array of numbers or null"),
            (r#""type": [1, 2]"#, "field \"type\": expected a string"),
            (r#""price": [1, 2]"#, "field \"price\": expected a number or null"),
        ] {
            let error = encode(&format!(r#"{{"item":"a","fields":{{{value}}}}}"#)).unwrap_err();
            assert!(error.to_string().contains(message), "{error}");
        }
    }

    #[test]
    fn whole_numbers_and_flags_are_categories() {
        let mut schema = schema();
        let values = ["1.5", "3", "-3", "true"].map(str::to_owned).to_vec();
        schema.fields[0].kind = FieldKind::Category { values };
        let code = |value| {
            let fields = [("type".to_owned(), value)].into();
            let event = Event { item: "a".into(), fields, ..Event::default() };
            event.encode(&schema, &Vocab::from_keys(["a"]).unwrap(), 0).map(|event| event.fields[0])
        };
        let numbers = [3.0, -3.0, 4.0, f64::NAN, f64::INFINITY];
        assert_eq!(numbers.map(|number| code(Value::Number(number)).unwrap()), [2.0, 3.0, 0.0, 0.0, 0.0]);
        assert_eq!(code(Value::Text("1.5".into())).unwrap(), 1.0);
        assert_eq!([true, false].map(|flag| code(Value::Flag(flag)).unwrap()), [4.0, 0.0]);
        assert!(code(Value::Number(1.5)).unwrap_err().to_string().contains("as text"));
        assert!(code(Value::Number(1e300)).is_err());
        let price = encode(r#"{"item":"a","fields":{"price":true}}"#).unwrap().fields[1];
        assert_eq!(price, encode(r#"{"item":"a","fields":{"price":1}}"#).unwrap().fields[1]);
    }

    #[test]
    fn a_model_without_times_passes_them_over() {
        let event = Event { item: "a".into(), time: Some(5.0), ..Event::default() };
        let time = |has_time| {
            let schema = Schema { has_time, ..schema() };
            event.encode(&schema, &Vocab::from_keys(["a"]).unwrap(), 0).unwrap().time
        };
        assert_eq!((time(true), time(false)), (5, NO_TIME));
    }

    #[test]
    fn what_is_missing_or_unknown_is_allowed() {
        let event = encode(r#"{"item":"new","fields":{"type":"hover","price":null}}"#).unwrap();
        assert_eq!((event.item, event.time, event.fields[0]), (UNKNOWN_ITEM, NO_TIME, 0.0));
        assert!(event.fields[1].is_nan());
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert!(encode(r#"{"item":"a","fields":{"colour":"red"}}"#).unwrap_err().to_string().contains("colour"));
        assert!(encode(r#"{"item":"a","fields":{"price":"cheap"}}"#).unwrap_err().to_string().contains("number"));
    }
}
