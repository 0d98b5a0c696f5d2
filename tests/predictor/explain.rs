//! What explanations tell beside the events of an item: fields, evidence and answers to tasks.

use super::common::{random_events, random_model};
use super::{SHAPE, all_items, now, taken, with_events};
use foreclick::event::Event;
use foreclick::predictor::{Answer, ExplainOptions, MAX_EVENTS, PredictOptions, Prediction, Predictor};

fn session(count: usize, seed: u64) -> Vec<Event> {
    let events = super::page_events(&super::model(), &random_events(SHAPE, count, seed));
    taken(&events).into_iter().map(|(_, event)| event).collect()
}

/// Predicts for events as those of a session whose last one belongs to this group.
fn predict(events: &[Event], group: Option<&String>) -> Prediction {
    let mut predictor: Predictor = with_events(events);
    now(predictor.predict(&PredictOptions { group: group.cloned(), ..all_items() })).unwrap()
}

/// The events without this field's values.
fn without(events: &[Event], field: &str) -> Vec<Event> {
    let mut events = events.to_vec();
    for event in &mut events {
        event.fields.retain(|(name, _)| name != field);
        event.time = event.time.filter(|_| field != "time");
    }
    events
}

/// An answer as the number that effects are differences of; of classes the one that is named.
fn number(answer: &Answer, named: &str) -> f64 {
    let odds = |p: f32| (f64::from(p) / (1.0 - f64::from(p))).ln();
    match answer {
        Answer::Binary { probability, .. } => odds(*probability),
        Answer::Classes { classes, .. } => odds(classes.iter().find(|class| class.class == named).unwrap().probability),
        Answer::Number { value } => f64::from(*value),
    }
}

fn assert_close(got: f32, expected: f64, what: &str) {
    assert!((f64::from(got) - expected).abs() < 2e-3 * (1.0 + expected.abs()), "{what}: {got}, expected {expected}");
}

#[test]
fn a_fields_effect_is_what_leaving_it_out_gives() {
    for count in [1, 9, 28] {
        let events = session(count, 5);
        assert!(events.len() <= MAX_EVENTS);
        let group = events.last().and_then(|event| event.group.as_ref());
        let prediction = predict(&events, group);
        let best = &prediction.items[0];
        let mut predictor: Predictor = with_events(&events);
        let explanation = predictor.explain(&best.item, &ExplainOptions::default()).unwrap();
        let schema = &predictor.model().metadata.schema;
        let mut names: Vec<&str> = schema.fields.iter().map(|field| field.name.as_str()).collect();
        names.push("time");
        assert_eq!(explanation.fields.iter().map(|(field, _)| field.as_str()).collect::<Vec<_>>(), names);
        for (field, effect) in &explanation.fields {
            let other = predict(&without(&events, field), group);
            let probability = other.items.iter().find(|other| other.item == best.item).unwrap().probability;
            assert_close(*effect, f64::from(best.probability.ln() - probability.ln()), field);
        }
        // A single event may lack some.
        let all = explanation.fields.iter().all(|&(_, effect)| effect != 0.0);
        assert!(all || count == 1, "{:?}", explanation.fields);
    }
}

#[test]
fn a_tasks_effects_are_what_leaving_out_gives_in_its_own_unit() {
    for predicts_items in [true, false] {
        let mut model = random_model(SHAPE, 1);
        if !predicts_items {
            model.metadata.schema.tasks.clear();
        }
        let events = session(20, 7);
        let answers = |events: &[Event]| {
            let mut predictor: Predictor = super::predictor(&model);
            events.iter().for_each(|event| predictor.observe(event.clone()).unwrap());
            let prediction = now(predictor.predict(&PredictOptions::default())).unwrap();
            assert_eq!(prediction.items.is_empty(), !predicts_items);
            (predictor, prediction.tasks)
        };
        let (mut predictor, tasks) = answers(&events);
        assert_eq!(tasks.0.len(), 3);
        for (task, answer) in &tasks.0 {
            let explanation = predictor.explain_task(task, &ExplainOptions::default()).unwrap();
            assert_eq!(&explanation.task, task);
            let named = if let Answer::Classes { class, .. } = answer { class.as_str() } else { "" };
            let value = number(answer, named);
            assert_close(explanation.value, value, task);
            let left_out = |others: &[Event]| {
                let (_, tasks) = answers(others);
                number(&tasks.0.iter().find(|(other, _)| other == task).unwrap().1, named)
            };
            assert_eq!(explanation.events.len(), events.len());
            for (place, effect) in explanation.events.iter().enumerate() {
                let mut others = events.clone();
                others.remove(place);
                assert_close(effect.effect, value - left_out(&others), &format!("{task} without event {place}"));
            }
            for (field, effect) in &explanation.fields {
                let expected = value - left_out(&without(&events, field));
                assert_close(*effect, expected, &format!("{task} without {field}"));
            }
        }
        let refused = predictor.explain_task("no such task", &ExplainOptions::default()).unwrap_err();
        assert!(refused.to_string().contains("no task of that name"));
        let too_many = ExplainOptions { events: MAX_EVENTS + 1, ..ExplainOptions::default() };
        assert!(predictor.explain_task("buys", &too_many).unwrap_err().to_string().contains("at most 32"));
        if !predicts_items {
            let refused = predictor.explain("0000001", &ExplainOptions::default()).unwrap_err();
            assert!(refused.to_string().contains("predicts no items"));
        }
    }
}

/// What the neighbour table says of the open group's items, told for each item that it speaks for.
#[test]
fn evidence_is_what_the_neighbour_table_says() {
    let events = session(40, 3);
    let mut predictor: Predictor = with_events(&events);
    let model = predictor.model().clone();
    let group = &events.last().unwrap().group;
    let open: Vec<&String> =
        events.iter().rev().take_while(|event| event.group == *group).map(|event| &event.item).collect();
    let prediction = now(predictor.predict(&all_items())).unwrap();
    let mut found = 0;
    for item in prediction.items.iter().map(|predicted| &predicted.item) {
        let explanation = predictor.explain(item, &ExplainOptions { events: 0, ..Default::default() }).unwrap();
        let id = model.vocab.id(item).unwrap();
        let share = |beside: &str| {
            let row = model.weights.neighbours.row(model.vocab.id(beside).unwrap() as usize);
            row.filter(|&(neighbour, _)| neighbour == id).map(|(_, share)| share).sum::<f32>()
        };
        let expected: Vec<(String, f32)> = open
            .iter()
            .rev()
            .map(|beside| ((*beside).clone(), share(beside)))
            .filter(|&(_, share)| share > 0.0)
            .collect();
        assert_eq!(explanation.evidence, expected, "{item}");
        assert_eq!(explanation.terms.neighbours != 0.0, !expected.is_empty(), "{item}");
        assert_eq!(explanation.met as usize, events.iter().filter(|event| event.item == *item).count());
        found += usize::from(!expected.is_empty());
    }
    assert!(found > 3, "evidence for {found} items");
    // In another group nothing of this one is context.
    let options = ExplainOptions { events: 0, group: Some("another".into()), ..Default::default() };
    assert!(predictor.explain(&prediction.items[0].item, &options).unwrap().evidence.is_empty());
}
