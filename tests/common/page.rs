//! Random events as a page would name them.

use foreclick::event::{EncodedEvent, Event, NO_TIME, Value};
use foreclick::format::Model;
use foreclick::schema::FieldKind;

/// The same events as a page would name them; a value's last bits may differ.
pub fn page_events(model: &Model, events: &[EncodedEvent]) -> Vec<Event> {
    let fields = &model.metadata.schema.fields;
    let value = |kind: &FieldKind, code: f32| match kind {
        FieldKind::Category { values } => {
            (code as usize).checked_sub(1).map(|place| Value::Text(values[place].clone()))
        }
        FieldKind::Number { mean, std } => Some(Value::Number(f64::from(code * std + mean))),
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
                .filter_map(|(field, &code)| Some((field.name.clone(), value(&field.kind, code)?)))
                .collect(),
        })
        .collect()
}
