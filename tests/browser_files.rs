//! Writes what the browser tests need: a model, and sessions with the native CPU's predictions for them.
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

mod common;
#[path = "common/page.rs"]
mod page;

use common::{ModelShape, random_events, random_model};
use foreclick::event::{Event, Value};
use foreclick::predictor::{PredictOptions, Predictor, Started};
use foreclick::schema::FilterSeen;
use page::page_events;
use serde_json::{Value as Json, json};
use std::path::Path;

const SESSIONS: u64 = 1000;

const SHAPE: ModelShape = ModelShape {
    hidden: 32,
    heads: 2,
    blocks: 2,
    feed_forward: 64,
    max_len: 16,
    items: 3000,
    has_group: true,
    has_fields: true,
    filter_seen: FilterSeen::Group,
};

#[test]
fn the_browser_tests_have_their_files() {
    let model = random_model(SHAPE, 1);
    let bytes = model.to_bytes().unwrap();
    let mut predictor: Predictor = Predictor::from_bytes(&bytes, "native").unwrap();
    let sessions: Vec<Json> = (0..SESSIONS)
        .map(|seed| {
            let events = page_events(&model, &random_events(SHAPE, 1 + seed as usize % 24, seed));
            predictor.reset().unwrap();
            events.iter().for_each(|event| predictor.observe(event.clone()).unwrap());
            let Started::Done(prediction) = predictor.start(&PredictOptions::default()).unwrap() else {
                panic!("there is no GPU here")
            };
            json!({ "events": events.iter().map(page_event).collect::<Vec<_>>(), "items": prediction.items })
        })
        .collect();

    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("build/test");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("model.safetensors"), bytes).unwrap();
    std::fs::write(folder.join("sessions.json"), serde_json::to_vec(&sessions).unwrap()).unwrap();
}

/// As the page's script writes it: what is missing is left out.
fn page_event(event: &Event) -> Json {
    let mut page = json!({ "item": event.item });
    if let Some(time) = event.time {
        page["time"] = json!(time);
    }
    if let Some(group) = &event.group {
        page["group"] = json!(group);
    }
    for (name, value) in &event.fields {
        page["fields"][name] = match value {
            Value::Number(number) => json!(number),
            Value::Text(text) => json!(text),
            Value::Flag(flag) => json!(flag),
            Value::Missing => Json::Null,
        };
    }
    page
}
