//! What ONNX's inputs are for a session, and the engine's answer to it.

use foreclick::engine::cpu::{Cpu, Simd};
use foreclick::engine::input::{Previous, gap_bucket, hour, repeat_bucket, weekday};
use foreclick::engine::{Adjustment, Stream};
use foreclick::event::{EncodedEvent, NO_TIME, Upcoming};
use foreclick::format::{FEATURES, FieldWeights, HOURS, ItemTable, Matrix, Model, WEEKDAYS};
use foreclick::schema::Encoding;
use pollster::block_on;
use serde_json::{Map, Value, json};
use std::sync::Arc;

const K: usize = 10;

/// The inputs by name, the ten best and their scores. Every event's item must be known. The model is the one that the
/// ONNX file was written from.
pub fn onnx_case(model: &Arc<Model>, events: &[EncodedEvent]) -> Value {
    let group = events.last().map_or(0, |event| event.group);
    let mut stream = Stream::new(model.clone(), Cpu::<Simd>::new(model.clone())).unwrap();
    let mut gaps = Vec::new();
    let mut before: Option<&EncodedEvent> = None;
    for event in events {
        let same = |other: &EncodedEvent| model.metadata.schema.has_group && other.group == event.group;
        let previous = before.map(|other| Previous { time: other.time, same_group: same(other) });
        gaps.push(gap_bucket(previous, event.time));
        stream.observe(event.view()).unwrap();
        before = Some(event);
    }
    let best = block_on(stream.predict(Upcoming { group }, K, &[])).unwrap();
    let in_group = events.iter().rev().take_while(|event| event.group == group).count();
    let features = |&Adjustment { features, constant, excluded, .. }: &Adjustment| {
        // JSON has no infinity.
        [features.as_slice(), &[if excluded { -1e30 } else { constant }]].concat()
    };
    let adjustments = stream.adjustments();
    json!({
        "items": events.iter().map(|event| event.item).collect::<Vec<_>>(),
        "gaps": gaps,
        "fields": fields(model, events),
        "open_size": if model.metadata.schema.has_group { in_group } else { 0 },
        "candidates": adjustments.iter().map(|adjustment| adjustment.item).collect::<Vec<_>>(),
        "features": adjustments.iter().map(features).collect::<Vec<_>>(),
        "columns": FEATURES + 1,
        "best": best.ranked.iter().map(|&(item, _)| item).collect::<Vec<_>>(),
        "scores": best.ranked.iter().map(|&(_, score)| score).collect::<Vec<_>>(),
    })
}

/// What else is told of events, by input name; a number that is missing is null.
fn fields(model: &Model, events: &[EncodedEvent]) -> Map<String, Value> {
    let mut all = Map::new();
    let mut rest: Vec<&[f32]> = events.iter().map(|event| event.fields.as_slice()).collect();
    for (place, field) in model.weights.fields.iter().enumerate() {
        let own = rest.iter_mut().map(|codes| codes.split_off(..field.encoding.codes(codes)).unwrap()).collect();
        field_inputs(&format!("field_{place}"), field, own, &mut all);
    }
    let schema = &model.metadata.schema;
    let mut places = |name: &str, is_told: bool, place: &dyn Fn(usize) -> usize| {
        if is_told {
            let values: Vec<usize> = (0..events.len()).map(place).collect();
            all.insert(name.into(), json!({"whole": true, "values": values}));
        }
    };
    let at = |event: usize, none: usize, place: fn(i64) -> usize| match events[event].time {
        NO_TIME => none,
        time => place(time),
    };
    places("hours", schema.hour, &|event| at(event, HOURS, hour));
    places("weekdays", schema.weekday, &|event| at(event, WEEKDAYS, weekday));
    places("repeats", model.metadata.architecture.repeat_counts, &|event| {
        let earlier = events[..event].iter().filter(|earlier| earlier.item == events[event].item);
        repeat_bucket(earlier.count() as u32)
    });
    all
}

/// A field's inputs from each event's codes.
fn field_inputs(name: &str, field: &FieldWeights, codes: Vec<&[f32]>, all: &mut Map<String, Value>) {
    match field.encoding {
        Encoding::Category => {
            let places: Vec<usize> = codes.iter().map(|codes| codes[0] as usize).collect();
            all.insert(name.into(), json!({"whole": true, "values": places}));
        }
        Encoding::Number(_) => {
            let values: Vec<f32> = codes.iter().map(|codes| codes[0]).collect();
            all.insert(name.into(), json!({"whole": false, "values": values}));
        }
        Encoding::Vector(size) => {
            all.insert(name.into(), json!({"whole": false, "values": codes, "columns": size}));
        }
        Encoding::Text => {
            let columns = codes.iter().map(|codes| codes.len() - 1).max().unwrap_or(0).max(1);
            let missing = field.missing_row();
            let (mut rows, mut shares) = (vec![], vec![]);
            for codes in codes {
                let mut own: Vec<usize> = codes[1..].iter().map(|&row| row as usize).collect();
                if own.is_empty() {
                    own.push(missing);
                }
                let share = 1.0 / (own.len() as f32).sqrt();
                shares.push((0..columns).map(|place| if place < own.len() { share } else { 0.0 }).collect::<Vec<_>>());
                own.resize(columns, 0);
                rows.push(own);
            }
            all.insert(name.into(), json!({"whole": true, "values": rows, "columns": columns}));
            all.insert(format!("{name}_shares"), json!({"whole": false, "values": shares, "columns": columns}));
        }
    }
}

/// The numbers that a quantized model holds, as floats: all runtimes are to give the same answer.
pub fn dequantized(model: &Model) -> Model {
    let mut model = model.clone();
    if let ItemTable::Int8(rows) = &model.weights.items {
        model.weights.items = ItemTable::F32(Matrix { columns: rows.columns, values: rows.dequantize() });
    }
    model
}
