//! Plain objects for the page, made member by member.
//!
//! By hand and not by serde, as those of the page are read: its way into JavaScript keeps a hash map of names.

use crate::knowledge::Reason;
use crate::predictor::{
    Answer, Answers, Class, Diagnostics, Effect, Explanation, Predicted, Prediction, SelfCheck, TaskExplanation, Terms,
};
use js_sys::{Array, Object};
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};

#[wasm_bindgen(module = "/src/web/replies.js")]
extern "C" {
    /// A candidate in one call, since there are many.
    fn predicted(item: &str, score: f32, probability: f32) -> JsValue;
}

#[wasm_bindgen]
extern "C" {
    type Members;
    #[wasm_bindgen(method, indexing_setter)]
    fn set(this: &Members, name: &str, value: &JsValue);
}

/// `{ items, backend, tasks? }`
pub fn prediction(prediction: &Prediction) -> JsValue {
    let Prediction { items, backend, tasks } = prediction;
    let item = |Predicted { item, score, probability }: &Predicted| predicted(item, *score, *probability);
    let reply = object(&[("items", list(items.iter().map(item))), ("backend", backend.name().into())]);
    if !tasks.is_empty() {
        reply.unchecked_ref::<Members>().set("tasks", &answers(tasks));
    }
    reply
}

fn answers(answers: &Answers) -> JsValue {
    let reply = object(&[]);
    for (name, answer) in &answers.0 {
        reply.unchecked_ref::<Members>().set(name, &self::answer(answer));
    }
    reply
}

fn answer(answer: &Answer) -> JsValue {
    match answer {
        Answer::Binary { probability, threshold, yes } => object(&[
            ("probability", (*probability).into()),
            ("threshold", (*threshold).into()),
            ("yes", (*yes).into()),
        ]),
        Answer::Classes { class, classes } => {
            let each = |Class { class, probability }: &Class| {
                object(&[("class", class.into()), ("probability", (*probability).into())])
            };
            object(&[("class", class.into()), ("classes", list(classes.iter().map(each)))])
        }
        Answer::Number { value } => object(&[("value", (*value).into())]),
    }
}

/// `{ item, score, probability, terms, met, evidence, rules, events, fields }`
pub fn explanation(explanation: &Explanation) -> JsValue {
    let Explanation { item, score, probability, terms, met, evidence, rules, events, fields } = explanation;
    let Terms { taste, popularity, repetition, neighbours, habit, personal, knowledge } = *terms;
    let terms = object(&[
        ("taste", taste.into()),
        ("popularity", popularity.into()),
        ("repetition", repetition.into()),
        ("neighbours", neighbours.into()),
        ("habit", habit.into()),
        ("personal", personal.into()),
        ("knowledge", knowledge.into()),
    ]);
    // In turn a rule's number, which pkg/src/knowledge/compile.js names, and its effect.
    let reasons = Array::new();
    for &Reason { rule, effect } in rules {
        reasons.push(&rule.into());
        reasons.push(&effect.into());
    }
    object(&[
        ("item", item.into()),
        ("score", (*score).into()),
        ("probability", (*probability).into()),
        ("terms", terms),
        ("met", (*met).into()),
        ("evidence", pairs(["item", "share"], evidence)),
        ("rules", reasons.into()),
        ("events", of_events(events)),
        ("fields", pairs(["field", "effect"], fields)),
    ])
}

/// `{ task, value, events, fields }`
pub fn task_explanation(explanation: &TaskExplanation) -> JsValue {
    let TaskExplanation { task, value, events, fields } = explanation;
    object(&[
        ("task", task.into()),
        ("value", (*value).into()),
        ("events", of_events(events)),
        ("fields", pairs(["field", "effect"], fields)),
    ])
}

fn of_events(events: &[Effect]) -> JsValue {
    list(events.iter().map(|Effect { place, item, effect }| {
        let event = pair(["item", "effect"], item, *effect);
        event.unchecked_ref::<Members>().set("place", &(*place).into());
        event
    }))
}

fn pairs(names: [&str; 2], pairs: &[(String, f32)]) -> JsValue {
    list(pairs.iter().map(|(what, number)| pair(names, what, *number)))
}

fn pair(names: [&str; 2], what: &str, number: f32) -> JsValue {
    object(&[(names[0], what.into()), (names[1], number.into())])
}

/// What `Predictor.diagnostics` tells, but for what pkg/src/index.js adds.
pub fn diagnostics(diagnostics: Diagnostics) -> JsValue {
    let Diagnostics {
        backend,
        reason,
        adapter,
        kernel,
        cpu_milliseconds,
        gpu_milliseconds,
        self_check,
        items,
        bytes,
        events,
        unknown_events,
        ungrouped_events,
        version,
    } = diagnostics;
    let self_check = match self_check {
        SelfCheck::None => "none",
        SelfCheck::Passed => "passed",
        SelfCheck::Failed => "failed",
    };
    object(&[
        ("backend", backend.name().into()),
        ("reason", reason.into()),
        ("adapter", or_null(adapter)),
        ("kernel", or_null(kernel)),
        ("cpuMilliseconds", or_null(cpu_milliseconds)),
        ("gpuMilliseconds", or_null(gpu_milliseconds)),
        ("selfCheck", self_check.into()),
        ("items", items.into()),
        ("bytes", bytes.into()),
        ("events", events.into()),
        ("unknownEvents", unknown_events.into()),
        ("ungroupedEvents", ungrouped_events.into()),
        ("version", version.into()),
    ])
}

fn or_null(value: Option<impl Into<JsValue>>) -> JsValue {
    value.map_or(JsValue::NULL, Into::into)
}

fn list(values: impl Iterator<Item = JsValue>) -> JsValue {
    let list = Array::new();
    for value in values {
        list.push(&value);
    }
    list.into()
}

fn object(members: &[(&str, JsValue)]) -> JsValue {
    let object: JsValue = Object::new().into();
    for (name, value) in members {
        object.unchecked_ref::<Members>().set(name, value);
    }
    object
}
