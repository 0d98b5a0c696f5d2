//! A model of the visitor's own: its gradient, its guard, its bounds, and what is kept of it.
#![expect(clippy::unwrap_used, reason = "tests may panic")]

mod common;
#[path = "common/page.rs"]
mod page;

use common::{ModelShape, Random, random_events, random_model};
use foreclick::engine::Stream;
use foreclick::engine::cpu::{Cpu, Simd};
use foreclick::engine::personal::{LARGEST, MAX_OWN_ITEMS, Personal};
use foreclick::event::{EncodedEvent, Event};
use foreclick::format::{Matrix, Model, PersonalStart};
use foreclick::predictor::{ExplainOptions, PredictOptions, Predicted, Predictor, Started};
use foreclick::schema::FilterSeen;
use page::page_events;
use std::sync::Arc;

const SHAPE: ModelShape = ModelShape {
    hidden: 16,
    heads: 2,
    blocks: 1,
    feed_forward: 32,
    max_len: 16,
    items: 900,
    has_group: true,
    has_fields: false,
    filter_seen: FilterSeen::Group,
};

fn model() -> Model {
    let mut model = random_model(SHAPE, 1);
    let subspace = Matrix { columns: SHAPE.hidden, values: Random(2).vector(3 * SHAPE.hidden, 0.5) };
    let first = [0.1, -0.2, 0.1, 0.0, 0.1, 0.3, 0.2, -0.4, 0.4];
    let again = Random(3).vector(SHAPE.hidden, 0.5);
    model.personal = PersonalStart { first, again, subspace, ..PersonalStart::default() };
    model
}

/// Events over few items, so that they come back.
fn events(count: usize, items: u32, seed: u64) -> Vec<EncodedEvent> {
    let mut events = random_events(SHAPE, count, seed);
    let mut random = Random(seed);
    events.iter_mut().for_each(|event| event.item = random.below(items as usize) as u32);
    events
}

fn predictor(model: &Model) -> Predictor {
    Predictor::from_bytes(&model.to_bytes().unwrap(), "test").unwrap()
}

fn take(predictor: &mut Predictor, events: &[Event]) {
    for event in events {
        predictor.learn(event).unwrap();
        predictor.observe(event.clone()).unwrap();
    }
}

fn best(predictor: &mut Predictor, k: usize) -> Vec<Predicted> {
    let Started::Done(prediction) = predictor.start(&PredictOptions { k, ..PredictOptions::default() }).unwrap() else {
        panic!("there is no GPU here")
    };
    prediction.items
}

#[test]
fn the_gradient_is_that_of_the_events_log_probability() {
    let model = Arc::new(model());
    let mut stream = Stream::new(model.clone(), Cpu::<Simd>::new(model.clone())).unwrap();
    let mut personal = Personal::new(model.clone());
    let (mut compared, step) = (0, 1e-2);
    for event in events(60, 12, 3) {
        if stream.repeats(event.view()) {
            continue;
        }
        if let Some(lesson) = personal.lesson(&mut stream, event.view()).unwrap() {
            let learned = personal.learned().clone();
            let mut again = |place: usize, by: f32| {
                let mut other = Model::clone(&model);
                other.personal.again[place] += by;
                let mut other = Personal::new(Arc::new(other));
                other.recall(learned.clone());
                other.lesson(&mut stream, event.view()).unwrap().unwrap().own
            };
            for place in [0, 7] {
                let found = (again(place, step) - again(place, -step)) / (2.0 * step);
                let gradient = lesson.again[place];
                assert!((found - gradient).abs() < 2e-3 + 2e-2 * gradient.abs(), "{gradient}, {found} by difference");
            }
            let mut own = |change: &dyn Fn(&mut foreclick::engine::personal::Learned, f32)| {
                let [up, down] = [step, -step].map(|by| {
                    let mut moved = learned.clone();
                    change(&mut moved, by);
                    let mut other = personal.clone();
                    other.recall(moved);
                    other.lesson(&mut stream, event.view()).unwrap().unwrap().own
                });
                (up - down) / (2.0 * step)
            };
            for (kind, gradient) in lesson.numbers.iter().enumerate() {
                let found = own(&|learned, by| learned.numbers[kind] += by);
                assert!(
                    (found - gradient).abs() < 2e-3 + 2e-2 * gradient.abs(),
                    "{kind}: {gradient}, {found} by difference"
                );
            }
            for (item, gradient) in &lesson.items {
                let found = own(&|learned, by| {
                    let offset = learned.items.iter_mut().find(|(other, _)| other == item).unwrap();
                    offset.1 += by;
                });
                assert!(
                    (found - gradient).abs() < 2e-3 + 2e-2 * gradient.abs(),
                    "{item}: {gradient}, {found} by difference"
                );
                compared += 1;
            }
            personal.take(&lesson);
        }
        stream.observe(event.view()).unwrap();
    }
    assert!(compared > 100, "{compared} items compared");
}

#[test]
fn what_was_learned_is_used_only_while_it_foretells_better() {
    let model = model();
    let mut learner = predictor(&model);
    let mut base = predictor(&model);
    // Six items again and again, which the random base model could not know.
    let loyal = page_events(&model, &events(200, 6, 4));
    take(&mut learner, &loyal);
    loyal.iter().for_each(|event| base.observe(event.clone()).unwrap());
    assert_ne!(best(&mut learner, 10), best(&mut base, 10), "it is used");
    let explained =
        learner.explain(&loyal[0].item, &ExplainOptions { events: 0, group: Some("new".into()), ..Default::default() });
    let explained = explained.unwrap();
    let terms = explained.terms;
    let sum = terms.taste + terms.popularity + terms.repetition + terms.neighbours + terms.habit + terms.personal;
    assert!(terms.personal != 0.0 && (sum - explained.score).abs() < 1e-2, "{explained:?}");
    // From now on never one that was met: what speaks for it fades.
    let record = |learner: &Predictor| f32::from_le_bytes(learner.learned()[4..8].try_into().unwrap());
    let before = record(&learner);
    let mut fickle: Vec<EncodedEvent> = random_events(SHAPE, 40, 5);
    fickle.iter_mut().zip(300..).for_each(|(event, item)| (event.item, event.group) = (item, item));
    let fickle = page_events(&model, &fickle);
    take(&mut learner, &fickle);
    fickle.iter().for_each(|event| base.observe(event.clone()).unwrap());
    let after = record(&learner);
    assert!(before > 0.0 && after < 0.5 * before, "{before} nats, then {after}");
    // Once it speaks against it, the model answers alone.
    let mut learned = learner.learned();
    learned[4..8].copy_from_slice(&(-0.5_f32).to_le_bytes());
    learner.recall(&learned).unwrap();
    assert_eq!(best(&mut learner, 10), best(&mut base, 10), "it is out of use");
    let unmet = &fickle[20].item;
    assert_eq!(learner.explain(unmet, &ExplainOptions::default()).unwrap().terms.personal, 0.0);
}

#[test]
fn a_learned_beginning_is_used_from_the_first_event_until_its_credit_is_spent() {
    let mut model = model();
    model.personal.credit = 3.0;
    // What was met comes again, it says; but it does not.
    model.personal.first = [0.0, 0.0, 0.0, 0.0, 0.0, 2.0, 0.0, 0.0, 0.0];
    let mut personal = Personal::new(Arc::new(model.clone()));
    assert!(personal.is_used());
    let model = Arc::new(model);
    let mut stream = Stream::new(model.clone(), Cpu::<Simd>::new(model)).unwrap();
    let mut fickle: Vec<EncodedEvent> = random_events(SHAPE, 100, 5);
    fickle.iter_mut().zip(0..).for_each(|(event, number)| (event.item, event.group) = (number, number));
    let mut spent = 0.0;
    let until = fickle.iter().position(|event| {
        let lesson = personal.lesson(&mut stream, event.view()).unwrap().unwrap();
        spent += lesson.base - lesson.own;
        personal.take(&lesson);
        stream.observe(event.view()).unwrap();
        !personal.is_used()
    });
    assert!(until.is_some_and(|until| until > 0 && until < 60) && spent < 4.0, "{until:?}, {spent} nats");
}

#[test]
fn what_is_kept_is_bounded_and_goes_on_as_if_the_visitor_had_stayed() {
    let model = model();
    let mut learner = predictor(&model);
    let all: Vec<EncodedEvent> = (0..SHAPE.items as u32)
        .flat_map(|item| {
            random_events(SHAPE, 1, u64::from(item)).into_iter().map(move |event| EncodedEvent {
                item,
                group: item,
                ..event
            })
        })
        .collect();
    let all = page_events(&model, &all);
    take(&mut learner, &all);
    let bytes = learner.learned();
    let begun = predictor(&model).learned().len();
    assert_eq!(bytes.len(), begun + 8 * MAX_OWN_ITEMS, "the bound is reached");
    assert!(bytes.len() < 64 << 10);

    let mut other = predictor(&model);
    all.iter().for_each(|event| other.observe(event.clone()).unwrap());
    other.recall(&bytes).unwrap();
    assert_eq!((other.learned(), best(&mut other, 20)), (bytes.clone(), best(&mut learner, 20)));
    other.reset().unwrap();
    assert_eq!(other.learned().len(), begun, "the next visitor begins anew");
    for damaged in [&bytes[..begun - 4], &bytes[..2], &[0; 60][..], &bytes.repeat(2)] {
        assert_eq!(other.recall(damaged).unwrap_err().code(), "argument");
    }
    for number in [f32::NAN, f32::INFINITY, 2.0 * LARGEST] {
        let mut hostile = bytes.clone();
        hostile[12..16].copy_from_slice(&number.to_le_bytes());
        assert_eq!(other.recall(&hostile).unwrap_err().code(), "argument", "{number}");
    }
    assert_eq!(other.learned().len(), begun, "nothing has changed");
}

#[test]
fn a_file_keeps_where_visitors_begin_and_one_without_it_has_the_default() {
    let model = model();
    assert_eq!(Model::from_bytes(&model.to_bytes().unwrap()).unwrap().personal, model.personal);
    let plain = random_model(SHAPE, 1);
    let bytes = plain.to_bytes().unwrap();
    assert!(!bytes.windows(8).any(|text| text == b"personal"), "the default takes no byte");
    assert_eq!(Model::from_bytes(&bytes).unwrap().personal, PersonalStart::default());
    for (place, number) in [(0, f32::NAN), (3, f32::INFINITY)] {
        let mut hostile = model.clone();
        hostile.personal.first[place] = number;
        assert!(Model::from_bytes(&hostile.to_bytes().unwrap()).unwrap_err().to_string().contains("personal"));
    }
    let mut wide = model.clone();
    wide.personal.subspace.columns = 8;
    assert!(Model::from_bytes(&wide.to_bytes().unwrap()).is_err(), "directions of another model");
    let mut short = model.clone();
    short.personal.again.truncate(8);
    assert!(Model::from_bytes(&short.to_bytes().unwrap()).is_err(), "a beginning of another model");
}
