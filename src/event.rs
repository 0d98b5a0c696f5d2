//! One event as a page or a log gives it, and as the engine takes it.

use crate::error::{Error, Result};
use crate::schema::{FieldKind, Schema};
use crate::vocab::{ItemId, UNKNOWN_ITEM, Vocab};
use serde::Deserialize;
use std::collections::BTreeMap;

/// The time of an event without one.
pub const NO_TIME: i64 = i64::MIN;

/// One timestamped action of a visitor, as the page names it.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// The site's own key of the item.
    pub item: String,
    /// When it happened, in milliseconds since 1970 (UTC).
    #[serde(default)]
    pub time: Option<f64>,
    /// What it belongs to: a basket, an order. Events of one group follow each other.
    #[serde(default)]
    pub group: Option<String>,
    /// Further fields by name. A field left out is missing, which is allowed.
    #[serde(default)]
    pub fields: BTreeMap<String, Value>,
}

/// The value of a further field.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// A number; NaN and infinities count as missing.
    Number(f64),
    /// A category's name.
    Text(String),
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
    /// Encoded values in the schema's order, `[fields]`: see [`FieldKind`].
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

impl EncodedEvent {
    /// Lends the event to the engine.
    pub fn view(&self) -> EventView<'_> {
        EventView { item: self.item, time: self.time, group: self.group, fields: &self.fields }
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
    /// [`Error::Event`] for a field that the schema does not have, text where a number belongs, or a time that is no number.
    pub fn encode(&self, schema: &Schema, vocab: &Vocab, group: u32) -> Result<EncodedEvent> {
        if let Some(name) = self.fields.keys().find(|name| !schema.fields.iter().any(|field| &field.name == *name)) {
            let known: Vec<&str> = schema.fields.iter().map(|field| field.name.as_str()).collect();
            return Err(Error::Event(format!("unknown field {name:?}; this model's fields: {known:?}")));
        }
        let time = match self.time {
            None => NO_TIME,
            Some(time) if time.is_finite() => time as i64,
            Some(_) => return Err(Error::Event("time is no finite number, expected milliseconds since 1970".into())),
        };
        let fields = schema
            .fields
            .iter()
            .map(|field| encode_field(&field.name, &field.kind, self.fields.get(&field.name)))
            .collect::<Result<_>>()?;
        Ok(EncodedEvent { item: vocab.id(&self.item).unwrap_or(UNKNOWN_ITEM), time, group, fields })
    }
}

fn encode_field(name: &str, kind: &FieldKind, value: Option<&Value>) -> Result<f32> {
    match (kind, value) {
        (FieldKind::Category { values }, Some(Value::Text(text))) => Ok(FieldKind::category_code(values, text)),
        (FieldKind::Category { values }, Some(Value::Number(number))) => {
            Ok(FieldKind::category_code(values, &whole(*number)))
        }
        (FieldKind::Category { .. }, None | Some(Value::Missing)) => Ok(0.0),
        (FieldKind::Number { mean, std }, Some(Value::Number(number))) => {
            Ok(FieldKind::standardise(*number as f32, *mean, *std))
        }
        (FieldKind::Number { .. }, None | Some(Value::Missing)) => Ok(f32::NAN),
        (FieldKind::Number { .. }, Some(Value::Text(text))) => {
            Err(Error::Event(format!("field {name:?} is the text {text:?}, expected a number or null")))
        }
    }
}

/// A number as a category's name. Only whole numbers are names; formatting others would cost every page 6 KB.
fn whole(number: f64) -> String {
    if number.trunc() == number { (number as i64).to_string() } else { String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{Field, FilterSeen, Task};

    fn schema() -> Schema {
        Schema {
            has_time: true,
            has_group: false,
            filter_seen: FilterSeen::None,
            fields: vec![
                Field {
                    name: "type".into(),
                    kind: FieldKind::Category { values: vec!["click".into(), "cart".into()] },
                },
                Field { name: "price".into(), kind: FieldKind::Number { mean: 10.0, std: 2.0 } },
            ],
            tasks: vec![Task::NextItem],
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
