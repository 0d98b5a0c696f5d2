//! Plain objects of the page, read member by member.
//!
//! By hand and not by serde: a wrong name is an error and not passed over, the texts say what a page's author needs,
//! and serde's own, which can print any float, would cost every page 10 KB. pkg/src/index.js hands in copies, so that no
//! getter of the page's runs, and throws, while WebAssembly waits below it.

use crate::event::{Event, Value};
use crate::predictor::{ExplainOptions, PredictOptions};
use js_sys::{Array, Object};
use wasm_bindgen::{JsCast, JsValue};

type Read<T> = Result<T, String>;

/// `{ item?, time?, group?, fields? }`
pub fn event(value: &JsValue) -> Read<Event> {
    let mut event = Event::default();
    for (name, value) in members(value, "the event")? {
        match name.as_str() {
            "item" => event.item = text(&name, &value)?,
            "time" => event.time = Some(number(&name, &value)?),
            "group" => event.group = Some(text(&name, &value)?),
            "fields" => {
                for (name, value) in members(&value, "fields")? {
                    let value = field(&name, &value)?;
                    event.fields.push((name, value));
                }
            }
            _ => return Err(unknown(&name, "item, time, group, fields")),
        }
    }
    Ok(event)
}

/// `{ k?, exclude?, candidates?, group? }`
pub fn predict_options(value: &JsValue) -> Read<PredictOptions> {
    let mut options = PredictOptions::default();
    for (name, value) in members(value, "the options")? {
        match name.as_str() {
            "k" => options.k = count(&name, &value)?,
            "exclude" => options.exclude = texts(&name, &value)?,
            "candidates" => options.candidates = Some(texts(&name, &value)?),
            "group" => options.group = Some(text(&name, &value)?),
            _ => return Err(unknown(&name, "k, exclude, candidates, group")),
        }
    }
    Ok(options)
}

/// `{ events?, exclude?, group? }`
pub fn explain_options(value: &JsValue) -> Read<ExplainOptions> {
    let mut options = ExplainOptions::default();
    for (name, value) in members(value, "the options")? {
        match name.as_str() {
            "events" => options.events = count(&name, &value)?,
            "exclude" => options.exclude = texts(&name, &value)?,
            "group" => options.group = Some(text(&name, &value)?),
            _ => return Err(unknown(&name, "events, exclude, group")),
        }
    }
    Ok(options)
}

/// All members that have a value.
fn members(value: &JsValue, what: &str) -> Read<Vec<(String, JsValue)>> {
    let object = value.dyn_ref::<Object>().filter(|object| !object.is_instance_of::<Array>());
    let object = object.ok_or_else(|| format!("{what} must be an object"))?;
    let mut members = Vec::new();
    for entry in Object::entries(object).iter() {
        let entry = Array::from(&entry);
        let (name, value) = (entry.get(0).as_string().unwrap_or_default(), entry.get(1));
        if !value.is_undefined() && !value.is_null() {
            members.push((name, value));
        }
    }
    Ok(members)
}

fn unknown(name: &str, known: &str) -> String {
    format!("unknown member \"{name}\", expected only {known}")
}

fn text(name: &str, value: &JsValue) -> Read<String> {
    value.as_string().ok_or_else(|| format!("\"{name}\" must be a string"))
}

fn texts(name: &str, value: &JsValue) -> Read<Vec<String>> {
    let list = value.dyn_ref::<Array>().ok_or_else(|| format!("\"{name}\" must be an array of strings"))?;
    let element =
        |element: JsValue| element.as_string().ok_or_else(|| format!("\"{name}\" must be an array of strings"));
    list.iter().map(element).collect()
}

fn number(name: &str, value: &JsValue) -> Read<f64> {
    value.as_f64().ok_or_else(|| format!("\"{name}\" must be a number"))
}

/// More than there is stands for all there is.
fn count(name: &str, value: &JsValue) -> Read<usize> {
    let number = number(name, value)?;
    if number >= 0.0 && number.trunc() == number {
        Ok(number as usize)
    } else {
        Err(format!("\"{name}\" must be a whole number, 0 or more"))
    }
}

fn field(name: &str, value: &JsValue) -> Read<Value> {
    if let Some(list) = value.dyn_ref::<Array>() {
        // Collecting costs a page more bytes than a loop.
        let mut values = Vec::new();
        for value in list.iter() {
            values.push(number(name, &value)? as f32);
        }
        return Ok(Value::Vector(values));
    }
    let text = value.as_string().map(Value::Text);
    text.or_else(|| value.as_f64().map(Value::Number))
        .or_else(|| value.as_bool().map(Value::Flag))
        .ok_or_else(|| format!("field \"{name}\" must be a number, a string, a boolean, an array of numbers or null"))
}
