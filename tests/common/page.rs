//! Random events as a page would name them.

use super::common::TEXTS;
use foreclick::event::{EncodedEvent, Event, NO_TIME, Value};
use foreclick::format::Model;
use foreclick::schema::{FieldKind, Number, NumberEncoding, Vector};
use foreclick::text;

/// The same events as a page would name them; a value's last bits may differ.
pub fn page_events(model: &Model, events: &[EncodedEvent]) -> Vec<Event> {
    let fields = &model.metadata.schema.fields;
    let named = |kind: &FieldKind, codes: &[f32]| match kind {
        FieldKind::Category { values } => {
            (codes[0] as usize).checked_sub(1).map(|place| Value::Text(values[place].clone()))
        }
        FieldKind::Number(number) => Some(Value::Number(value(number, codes[0]))),
        FieldKind::Text { buckets } => {
            let mut own = vec![];
            let text = TEXTS.into_iter().find(|text| {
                own.clear();
                text::codes(text, *buckets, &mut own);
                own == codes
            });
            Some(Value::Text(text.unwrap().to_owned()))
        }
        FieldKind::Vector(_) if codes[0].is_nan() => None,
        FieldKind::Vector(Vector { mean, std }) => Some(Value::Vector(
            codes.iter().zip(mean.iter().zip(std)).map(|(code, (mean, std))| code * std + mean).collect(),
        )),
    };
    let named_all = |event: &EncodedEvent| {
        let mut codes = event.fields.as_slice();
        let mut values = vec![];
        for field in fields {
            let own = codes.split_off(..field.kind.encoding().codes(codes)).unwrap();
            values.extend(named(&field.kind, own).map(|value| (field.name.clone(), value)));
        }
        values
    };
    events
        .iter()
        .enumerate()
        .map(|(place, event)| Event {
            item: model.vocab.key(event.item).unwrap_or_else(|| format!("unknown-{place}")),
            time: (event.time != NO_TIME).then_some(event.time as f64),
            group: model.metadata.schema.has_group.then(|| format!("group-{}", event.group)),
            fields: named_all(event),
        })
        .collect()
}

/// What has this code; NaN is missing.
fn value(number: &Number, code: f32) -> f64 {
    let Number { mean, std, encoding, bounds } = number;
    match encoding {
        NumberEncoding::Linear | NumberEncoding::Periodic => f64::from(code * std + mean),
        NumberEncoding::Buckets => {
            let before = (code as usize).min(bounds.len() - 2);
            let [low, high] = [bounds[before], bounds[before + 1]].map(f64::from);
            low + f64::from(code - before as f32) * (high - low)
        }
    }
}
