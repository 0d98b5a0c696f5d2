//! What events, and what they tell beside their items, do for a number that a session's stream answers.

use crate::error::Result;
use crate::event::EventView;
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
        let mut next = 0;
        if let Some(place) = left_out.checked_sub(fields) {
            // It goes on, to be just before the event that is left out next.
            stream.observe(events[place])?;
            next = place + 1;
        } else {
            without.leave_out(left_out);
        }
        for &event in &events[next..] {
            without.observe(event)?;
        }
        effects.push(measure(&mut without)?);
    }
    let with = measure(&mut stream)?;
    effects.iter_mut().for_each(|effect| *effect = with - *effect);
    Ok(Effects { stream, with, effects })
}

/// What events tell beside their items: the schema's fields, then "time" where they have one: in the order of
/// [`crate::engine::Stream::leave_out`].
pub fn fields_of(schema: &Schema) -> impl Iterator<Item = &str> {
    schema.fields.iter().map(|field| field.name.as_str()).chain(schema.has_time.then_some("time"))
}
