//! Random events as a page would name them.

use foreclick::event::{EncodedEvent, Event, NO_TIME, Value};
use foreclick::format::Model;
use foreclick::schema::{FieldKind, Number, NumberEncoding};

/// The same events as a page would name them; a value's last bits may differ.
pub fn page_events(model: &Model, events: &[EncodedEvent]) -> Vec<Event> {
    let fields = &model.metadata.schema.fields;
    let named = |kind: &FieldKind, code: f32| match kind {
        FieldKind::Category { values } => {
            (code as usize).checked_sub(1).map(|place| Value::Text(values[place].clone()))
        }
        FieldKind::Number(number) => Some(Value::Number(value(number, code))),
    };
    events
        .iter()
        .enumerate()
        .map(|(place, event)| Event {
            item: model.vocab.key(event.item).unwrap_or_else(|| format!("unknown-{place}")),
            time: (event.time != NO_TIME).then_some(event.time as f64),
            group: model.metadata.schema.has_group.then(|| format!("group-{}", event.group)),
            fields: fields
                .iter()
                .zip(&event.fields)
                .filter_map(|(field, &code)| Some((field.name.clone(), named(&field.kind, code)?)))
                .collect(),
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
