//! What events, and what they tell beside their items, do for a number that a session's stream answers.

use crate::error::Result;
use crate::event::{EncodedEvent, EventView, NO_TIME};
use crate::predictor::CpuStream;
use crate::schema::Schema;

/// What the latest events of a session did for a number.
pub struct Effects {
    /// A stream that has taken all of them.
    pub stream: CpuStream,
    /// The number after all of them.
    pub with: f32,
    /// That minus the number without any value of a field, for each in the order of [`fields_of`], then that minus the number
    /// without an event, for each event: `[fields + events]`.
    pub effects: Vec<f32>,
}

/// Leaves out each field of all of these events, and each of the events, in turn. `stream` has taken all earlier events; `measure`
/// gives the number.
///
/// # Errors
/// What the device and `measure` say.
pub fn effects(
    mut stream: CpuStream,
    schema: &Schema,
    events: &[EventView<'_>],
    measure: &dyn Fn(&mut CpuStream) -> Result<f32>,
) -> Result<Effects> {
    let fields = fields_of(schema).count();
    let mut effects = Vec::with_capacity(fields + events.len());
    for left_out in 0..fields + events.len() {
        let mut without = stream.clone();
        match left_out.checked_sub(fields) {
            None => {
                for &event in events {
                    without.observe(without_field(schema, event, left_out).view())?;
                }
            }
            Some(place) => {
                for &later in &events[place + 1..] {
                    without.observe(later)?;
                }
                // It goes on, to be just before the event that is left out next.
                stream.observe(events[place])?;
            }
        }
        effects.push(measure(&mut without)?);
    }
    let with = measure(&mut stream)?;
    effects.iter_mut().for_each(|effect| *effect = with - *effect);
    Ok(Effects { stream, with, effects })
}

/// What events tell beside their items: the schema's fields, then "time" where they have one.
pub fn fields_of(schema: &Schema) -> impl Iterator<Item = &str> {
    schema.fields.iter().map(|field| field.name.as_str()).chain(schema.has_time.then_some("time"))
}

/// An event as it would be without a value of one of [`fields_of`], named by its place: that is missing, as the model has learned it.
pub fn without_field(schema: &Schema, event: EventView<'_>, field: usize) -> EncodedEvent {
    let EventView { item, time, group, fields: mut codes } = event;
    let mut fields = Vec::with_capacity(codes.len());
    for (place, other) in schema.fields.iter().enumerate() {
        let encoding = other.kind.encoding();
        let (own, rest) = codes.split_at(encoding.codes(codes));
        codes = rest;
        if place == field {
            encoding.missing(&mut fields);
        } else {
            fields.extend_from_slice(own);
        }
    }
    EncodedEvent { item, time: if field == schema.fields.len() { NO_TIME } else { time }, group, fields }
}
