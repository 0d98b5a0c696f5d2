//! Writes what the browser tests need: a model, and sessions with the native CPU's predictions for them.
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

mod common;
#[path = "common/further.rs"]
mod further;
#[path = "common/page.rs"]
mod page;
#[path = "common/shop.rs"]
mod shop;

use common::{ModelShape, random_events, random_model, unquantized_model, unquantized_model_of};
use foreclick::event::{Event, Value};
use foreclick::format::{EncoderKind, Model, differences};
use foreclick::knowledge::{Knowledge, Limits, Summary};
use foreclick::predictor::{
    Effect, ExplainOptions, Explanation, PredictOptions, Predictor, Started, TaskExplanation, Terms,
};
use foreclick::schema::FilterSeen;
use further::learned_further;
use page::page_events;
use serde_json::{Value as Json, json};
use shop::shop;
use std::path::Path;
use std::sync::Arc;

const SESSIONS: u64 = 1000;
/// Of each kind of encoder; some are longer than what attention looks back.
const ENCODER_SESSIONS: u64 = 48;
/// That are explained.
const EXPLAINED_SESSIONS: u64 = 24;

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
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("build/test");
    std::fs::create_dir_all(&folder).unwrap();
    let write = |name: &str, model: &Model, count: u64| {
        std::fs::write(folder.join(format!("{name}.safetensors")), model.to_bytes().unwrap()).unwrap();
        sessions(model, count)
    };
    std::fs::write(folder.join("personal.json"), serde_json::to_vec(&learned()).unwrap()).unwrap();
    let of_model = write("model", &random_model(SHAPE, 1), SESSIONS);
    std::fs::write(folder.join("sessions.json"), serde_json::to_vec(&of_model).unwrap()).unwrap();
    std::fs::write(folder.join("explanations.json"), serde_json::to_vec(&explanations()).unwrap()).unwrap();
    let of_encoders = EncoderKind::ALL.map(|encoder| {
        let model = unquantized_model_of(encoder, SHAPE, 1).quantized(8);
        (encoder.name().to_owned(), Json::from(write(encoder.name(), &model, ENCODER_SESSIONS)))
    });
    let of_encoders: serde_json::Map<String, Json> = of_encoders.into_iter().collect();
    std::fs::write(folder.join("encoders.json"), serde_json::to_vec(&of_encoders).unwrap()).unwrap();
    write_delta(&folder);
    write_knowledge(&folder);
}

/// A knowledge file, what it is compiled to, and the native CPU's predictions by it; of a few sessions also within limits of prices.
fn write_knowledge(folder: &Path) {
    let model = random_model(SHAPE, 1);
    let mut predictor: Predictor = Predictor::from_bytes(&model.to_bytes().unwrap(), "native").unwrap();
    let text = shop(SHAPE.items);
    let (knowledge, summary) = Knowledge::read(&text, &model.vocab).unwrap();
    std::fs::write(folder.join("knowledge.json"), text).unwrap();
    std::fs::write(folder.join("knowledge.words"), knowledge.words()).unwrap();
    predictor.set_knowledge(Some(Arc::new(knowledge))).unwrap();
    let limits = Limits { min: 500.0, max: 2000.0 };
    let mut limited = predictor.fork().unwrap();
    limited.limit(limits);
    let [sessions, limited] = [predictor, limited].map(|predictor| sessions_of(predictor, ENCODER_SESSIONS));
    let Summary { items, unknown_items, rules, idle_rules, relations, .. } = summary;
    let found = json!({ "sessions": sessions, "limited": limited, "minPrice": limits.min, "maxPrice": limits.max, "summary": {
        "items": items, "unknownItems": unknown_items, "rules": rules, "idleRules": idle_rules, "relations": relations } });
    std::fs::write(folder.join("knowledge-sessions.json"), serde_json::to_vec(&found).unwrap()).unwrap();
}

/// What the tests' model learned further, as a delta over it, and the native CPU's predictions by the two.
fn write_delta(folder: &Path) {
    let base = unquantized_model(SHAPE, 1);
    let further = learned_further(&base, 2);
    let file = random_model(SHAPE, 1).to_bytes().unwrap();
    let delta = differences(&file, &further.quantized(8), &further.weights.blocks, &base.weights.blocks).unwrap();
    assert!(10 * delta.len() < file.len(), "{} bytes of {}", delta.len(), file.len());
    std::fs::write(folder.join("delta.safetensors"), &delta).unwrap();
    let predictor = Predictor::from_file(&Arc::new(file), Some(&Arc::new(delta)), "native").unwrap();
    let sessions = sessions_of(predictor, ENCODER_SESSIONS);
    std::fs::write(folder.join("delta.json"), serde_json::to_vec(&sessions).unwrap()).unwrap();
}

/// What the native CPU learns of a visitor with few items, by the model of the other tests.
fn learned() -> Json {
    let model = random_model(SHAPE, 1);
    let mut predictor: Predictor = Predictor::from_bytes(&model.to_bytes().unwrap(), "native").unwrap();
    let mut events = random_events(SHAPE, 60, 1);
    events.iter_mut().for_each(|event| event.item %= 12);
    let events = page_events(&model, &events);
    for event in &events {
        predictor.learn(event).unwrap();
        predictor.observe(event.clone()).unwrap();
    }
    json!({ "events": events.iter().map(page_event).collect::<Vec<_>>(), "learned": predictor.learned() })
}

/// Why the native CPU predicts what it does: of sessions an item and each task, by the model of the other tests.
fn explanations() -> Vec<Json> {
    let model = random_model(SHAPE, 1);
    let mut predictor: Predictor = Predictor::from_bytes(&model.to_bytes().unwrap(), "native").unwrap();
    let session = |seed: u64| {
        let events = page_events(&model, &random_events(SHAPE, 1 + 2 * seed as usize, 1000 + seed));
        predictor.reset().unwrap();
        events.iter().for_each(|event| predictor.observe(event.clone()).unwrap());
        let Started::Done(prediction) = predictor.start(&PredictOptions::default()).unwrap() else {
            panic!("there is no GPU here")
        };
        let options = ExplainOptions::default();
        // The best, or in every other session one that the neighbours speak for, where that is a candidate.
        let latest = events.iter().rev().find_map(|event| model.vocab.id(&event.item)).filter(|_| seed % 2 == 1);
        let beside = latest.and_then(|item| model.weights.neighbours.row(item as usize).next());
        let beside = beside.and_then(|(item, _)| predictor.explain(&model.vocab.key(item)?, &options).ok());
        let best = &prediction.items[0].item;
        let item = page_explanation(&beside.unwrap_or_else(|| predictor.explain(best, &options).unwrap()));
        let explain_task = |(task, _): &(String, _)| page_task(&predictor.explain_task(task, &options).unwrap());
        let tasks: Vec<Json> = prediction.tasks.0.iter().map(explain_task).collect();
        json!({ "events": events.iter().map(page_event).collect::<Vec<_>>(), "item": item, "tasks": tasks })
    };
    (0..EXPLAINED_SESSIONS).map(session).collect()
}

/// As the page is given it.
fn page_explanation(explanation: &Explanation) -> Json {
    let Explanation { item, score, probability, terms, met, evidence, rules, events, fields } = explanation;
    assert!(rules.is_empty(), "nothing is known beside these models");
    let Terms { taste, popularity, repetition, neighbours, habit, personal, knowledge } = terms;
    let evidence: Vec<Json> = evidence.iter().map(|(item, share)| json!({ "item": item, "share": share })).collect();
    json!({
        "item": item, "score": score, "probability": probability, "met": met, "evidence": evidence,
        "terms": {
            "taste": taste, "popularity": popularity, "repetition": repetition, "neighbours": neighbours, "habit": habit,
            "personal": personal, "knowledge": knowledge,
        },
        "rules": [],
        "events": page_effects(events), "fields": page_fields(fields),
    })
}

fn page_task(explanation: &TaskExplanation) -> Json {
    let TaskExplanation { task, value, events, fields } = explanation;
    json!({ "task": task, "value": value, "events": page_effects(events), "fields": page_fields(fields) })
}

fn page_effects(events: &[Effect]) -> Vec<Json> {
    let effect = |Effect { place, item, effect }: &Effect| json!({ "place": place, "item": item, "effect": effect });
    events.iter().map(effect).collect()
}

fn page_fields(fields: &[(String, f32)]) -> Vec<Json> {
    fields.iter().map(|(field, effect)| json!({ "field": field, "effect": effect })).collect()
}

/// Sessions of a model and what the native CPU predicts for them.
fn sessions(model: &Model, count: u64) -> Vec<Json> {
    sessions_of(Predictor::from_bytes(&model.to_bytes().unwrap(), "native").unwrap(), count)
}

fn sessions_of(mut predictor: Predictor, count: u64) -> Vec<Json> {
    let model = predictor.model().clone();
    let session = |seed: u64| {
        let events = page_events(&model, &random_events(SHAPE, 1 + seed as usize % 24, seed));
        predictor.reset().unwrap();
        events.iter().for_each(|event| predictor.observe(event.clone()).unwrap());
        let Started::Done(prediction) = predictor.start(&PredictOptions::default()).unwrap() else {
            panic!("there is no GPU here")
        };
        json!({ "events": events.iter().map(page_event).collect::<Vec<_>>(), "items": prediction.items, "tasks": prediction.tasks })
    };
    (0..count).map(session).collect()
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
            Value::Vector(values) => json!(values),
            Value::Flag(flag) => json!(flag),
            Value::Missing => Json::Null,
        };
    }
    page
}
