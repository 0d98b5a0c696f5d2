//! The façade: the engine's answers under a site's own names, explanations that add up, and a GPU that may fail.
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

#[path = "../common/mod.rs"]
mod common;
mod explain;
mod gpu;
#[path = "../common/page.rs"]
mod page;

use common::{ModelShape, random_events, random_model, unquantized_model_of};
use foreclick::engine::cpu::{Cpu, Simd};
use foreclick::engine::{Ops, Stream};
use foreclick::event::{Event, Upcoming, Value};
use foreclick::format::{EncoderKind, Model};
use foreclick::predictor::{ExplainOptions, MAX_COUNTED, MAX_EVENTS, PredictOptions, Prediction, Predictor};
use foreclick::schema::FilterSeen;
use page::page_events;
use std::future::Future;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

const SHAPE: ModelShape = ModelShape {
    hidden: 16,
    heads: 2,
    blocks: 2,
    feed_forward: 32,
    max_len: 8,
    items: 60,
    has_group: true,
    has_fields: true,
    filter_seen: FilterSeen::Group,
};

/// A future that never has to wait.
fn now<T>(future: impl Future<Output = T>) -> T {
    match std::pin::pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("it waits"),
    }
}

fn model() -> Model {
    random_model(SHAPE, 1)
}

fn predictor<G: Ops>(model: &Model) -> Predictor<G> {
    Predictor::from_bytes(&model.to_bytes().unwrap(), "at first").unwrap()
}

fn events(count: usize, seed: u64) -> Vec<Event> {
    page_events(&model(), &random_events(SHAPE, count, seed))
}

fn with_events<G: Ops>(events: &[Event]) -> Predictor<G> {
    let mut predictor = predictor(&model());
    events.iter().for_each(|event| predictor.observe(event.clone()).unwrap());
    predictor
}

/// The events that change something, with their places: the rest names unknown items, or one that its group has.
fn taken(events: &[Event]) -> Vec<(usize, Event)> {
    let mut taken: Vec<(usize, Event)> = Vec::new();
    for (place, event) in events.iter().enumerate() {
        let mut open = taken.iter().rev().take_while(|(_, earlier)| earlier.group == event.group);
        if !event.item.starts_with("unknown") && !open.any(|(_, earlier)| earlier.item == event.item) {
            taken.push((place, event.clone()));
        }
    }
    taken
}

fn all_items() -> PredictOptions {
    PredictOptions { k: SHAPE.items, ..PredictOptions::default() }
}

fn predict<G: Ops>(predictor: &mut Predictor<G>) -> Prediction {
    now(predictor.predict(&all_items())).unwrap()
}

fn names(prediction: &Prediction) -> Vec<&str> {
    prediction.items.iter().map(|predicted| predicted.item.as_str()).collect()
}

#[test]
fn predicts_what_the_engine_predicts() {
    let model = Arc::new(Model::from_bytes(&model().to_bytes().unwrap()).unwrap());
    let mut stream = Stream::new(model.clone(), Cpu::<Simd>::new(model.clone())).unwrap();
    let mut predictor: Predictor = predictor(&model);
    let (mut name, mut group) = (None, 0);
    let events = events(60, 2);
    let taken = taken(&events);
    assert!(taken.len() > 40 && taken.len() < events.len());
    for (place, event) in events.into_iter().enumerate() {
        if taken.iter().any(|&(taken, _)| taken == place) {
            group += u32::from(event.group != name);
            name = event.group.clone();
            stream.observe(event.encode(&model.metadata.schema, &model.vocab, group).unwrap().view()).unwrap();
        }
        predictor.observe(event).unwrap();
        let expected = now(stream.predict(Upcoming { group }, SHAPE.items, &[])).unwrap();
        let got = predict(&mut predictor);
        let expected_names: Vec<_> = expected.ranked.iter().map(|&(id, _)| model.vocab.key(id).unwrap()).collect();
        assert_eq!(names(&got), expected_names);
        assert!(got.items.iter().zip(&expected.ranked).all(|(got, (_, score))| got.score == *score));
        let total: f32 = got.items.iter().map(|predicted| predicted.probability).sum();
        assert!((total - 1.0).abs() < 1e-4, "probabilities add up to {total}");
    }
}

#[test]
fn a_new_group_frees_what_the_open_one_holds() {
    let item = |group: &str, item: &str| Event { item: item.into(), group: Some(group.into()), ..Event::default() };
    let mut predictor: Predictor = with_events(&[item("a", "0000001"), item("b", "0000002")]);
    let ranked = |predictor: &mut Predictor, group: Option<&str>| {
        let options = PredictOptions { group: group.map(str::to_owned), ..all_items() };
        let prediction = now(predictor.predict(&options)).unwrap();
        names(&prediction).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    for open in [None, Some("b")] {
        let ranked = ranked(&mut predictor, open);
        assert!(!ranked.contains(&"0000002".into()) && ranked.contains(&"0000001".into()));
    }
    assert_eq!(ranked(&mut predictor, Some("c")).len(), SHAPE.items);
}

/// A restored history is encoded only as far back as the encoder sees; a recurrent one forgets nothing.
#[test]
fn every_encoder_restores_and_explains_what_it_observed() {
    for encoder in EncoderKind::ALL {
        let model = unquantized_model_of(encoder, SHAPE, 1).quantized(8);
        let events = events(24, 5);
        assert!(taken(&events).len() > 16 && taken(&events)[0].0 == 0);
        let mut observed: Predictor = predictor(&model);
        events.iter().for_each(|event| observed.observe(event.clone()).unwrap());
        let mut restored: Predictor = predictor(&model);
        restored.restore(events.clone()).unwrap();
        let (expected, got) = (predict(&mut observed), predict(&mut restored));
        assert_eq!(names(&got), names(&expected), "{encoder:?}");
        assert!(got.items.iter().zip(&expected.items).all(|(a, b)| (a.score - b.score).abs() < 1e-4), "{encoder:?}");

        let explanation = restored.explain(&got.items[0].item, &ExplainOptions::default()).unwrap();
        let terms = explanation.terms;
        let sum = terms.taste + terms.popularity + terms.repetition + terms.neighbours + terms.habit;
        assert!((sum - got.items[0].score).abs() < 1e-3, "{encoder:?}: {terms:?}");

        // The first event is out of attention's reach, and not of a recurrent encoder's. Its item comes only once, since the
        // encoder is told how often later ones were met.
        let mut unmet = (0..SHAPE.items as u32).filter_map(|item| model.vocab.key(item));
        let mut fresh = || unmet.find(|key| events.iter().all(|event| event.item != *key)).unwrap();
        let [mut restored, mut later]: [Predictor; 2] = [fresh(), fresh()].map(|item| {
            let mut changed = events.clone();
            changed[0].item = item;
            let mut predictor: Predictor = predictor(&model);
            predictor.restore(changed).unwrap();
            predictor
        });
        let taste = |predictor: &mut Predictor| {
            predictor.explain(&got.items[0].item, &ExplainOptions { events: 0, ..ExplainOptions::default() }).unwrap()
        };
        let (before, after) = (taste(&mut restored).terms.taste, taste(&mut later).terms.taste);
        assert_eq!(before != after, encoder.is_recurrent(), "{encoder:?}: {before} and {after}");
    }
}

/// What no later step looks at waits for a prediction; asked for or not, later ones are the same to the bit.
#[test]
fn predictions_between_events_change_no_later_one() {
    for encoder in EncoderKind::ALL {
        let model = unquantized_model_of(encoder, SHAPE, 1).quantized(8);
        let [mut asked, mut silent]: [Predictor; 2] = [predictor(&model), predictor(&model)];
        let mut answers = Vec::new();
        for event in events(30, 5) {
            asked.observe(event.clone()).unwrap();
            silent.observe(event).unwrap();
            answers.push(predict(&mut asked));
        }
        let last = predict(&mut silent);
        assert_eq!(last.items, answers[29].items, "{encoder:?}");
        assert_ne!(last.items, answers[15].items, "{encoder:?}");
        // The first time heads were asked before scores, and not ended yet.
        let again = predict(&mut silent);
        assert_eq!((&last.items, &last.tasks), (&again.items, &again.tasks), "{encoder:?}");
    }
}

#[test]
fn excluded_items_are_no_candidates() {
    let mut predictor: Predictor = with_events(&events(9, 3));
    let best = names(&predict(&mut predictor))[0].to_owned();
    let options = PredictOptions { exclude: vec![best.clone(), "no such item".into()], ..all_items() };
    let prediction = now(predictor.predict(&options)).unwrap();
    assert!(!names(&prediction).contains(&best.as_str()));
    let total: f32 = prediction.items.iter().map(|predicted| predicted.probability).sum();
    assert!((total - 1.0).abs() < 1e-4);
}

#[test]
fn a_given_list_is_ranked_among_its_own_items() {
    let mut predictor: Predictor = with_events(&events(9, 3));
    let all = predict(&mut predictor);
    let list = [&all.items[40].item, &all.items[3].item, &all.items[7].item].map(String::clone);
    let candidates = [&list[..], &["no such item".into(), list[0].clone()]].concat();
    let options = PredictOptions { candidates: Some(candidates), ..all_items() };
    let ranked = now(predictor.predict(&options)).unwrap();
    assert_eq!(names(&ranked), [&list[1], &list[2], &list[0]]);
    assert_eq!(ranked.items[0].score, all.items[3].score);
    let total: f32 = ranked.items.iter().map(|predicted| predicted.probability).sum();
    assert!((total - 1.0).abs() < 1e-4, "probabilities are among the list: {total}");
    let both = PredictOptions { exclude: vec![list[1].clone()], k: 1, ..options };
    assert_eq!(names(&now(predictor.predict(&both)).unwrap()), [&list[2]]);
    let none = PredictOptions { candidates: Some(vec![]), ..all_items() };
    assert_eq!(now(predictor.predict(&none)).unwrap().items, []);
    assert_eq!(predict(&mut predictor), all, "the next prediction is of all items again");
}

#[test]
fn a_restored_session_is_one_that_was_observed() {
    let first: Predictor = predictor(&model());
    let mut fork = first.fork().unwrap();
    // None, within the encoder's sight, far beyond it, and more than is kept.
    for (count, seed) in [(0, 1), (5, 2), (MAX_EVENTS * 4, 3), (MAX_COUNTED, 4), (MAX_COUNTED + 50, 5)] {
        let events = events(count, seed);
        let mut observed: Predictor = with_events(&events);
        fork.restore(events.clone()).unwrap();
        let (expected, got) = (predict(&mut observed), predict(&mut fork));
        assert_eq!(names(&got), names(&expected), "{count} events");
        for (got, expected) in got.items.iter().zip(&expected.items) {
            assert!((got.score - expected.score).abs() < 1e-3, "{got:?}, expected {expected:?}");
        }
        assert_eq!(fork.diagnostics().unknown_events, observed.diagnostics().unknown_events);
        // What comes after is observed as usual.
        let next = Event { item: "0000005".into(), ..Event::default() };
        observed.observe(next.clone()).unwrap();
        fork.observe(next).unwrap();
        assert_eq!(names(&predict(&mut fork)), names(&predict(&mut observed)));
    }
    assert_eq!(first.diagnostics().events, 0, "the first predictor has its own session");
    let wrong = Event { item: "0000001".into(), time: Some(f64::NAN), ..Event::default() };
    assert_eq!(fork.restore(vec![wrong]).unwrap_err().code(), "event");
}

#[test]
fn a_refused_event_leaves_the_session_as_it_was() {
    let mut predictor: Predictor = with_events(&events(9, 4));
    let before = (predict(&mut predictor), predictor.diagnostics());
    let group = Some("a new group".to_owned());
    let wrong = Event { item: "0000001".into(), group: group.clone(), time: Some(f64::NAN), ..Event::default() };
    assert_eq!(predictor.observe(wrong).unwrap_err().code(), "event");
    let fields = [("price".to_owned(), Value::Text("cheap".into()))].into();
    let wrong = Event { item: "0000001".into(), group, fields, ..Event::default() };
    assert_eq!(predictor.observe(wrong).unwrap_err().code(), "event");
    assert_eq!((predict(&mut predictor), predictor.diagnostics()), before);
}

#[test]
fn an_unknown_item_changes_nothing_and_is_counted() {
    let (unknown, known) = ("new here", "0000007");
    let event =
        |item: &str| Event { item: item.into(), group: Some("new".into()), time: Some(9e12), ..Event::default() };
    for before in [vec![], events(9, 4)] {
        let mut predictor: Predictor = with_events(&before);
        let (fresh, events) = (predict(&mut predictor), predictor.diagnostics().events);
        let earlier = predictor.diagnostics().unknown_events;
        predictor.observe(event(unknown)).unwrap();
        assert_eq!(predict(&mut predictor), fresh);
        let diagnostics = predictor.diagnostics();
        assert_eq!((diagnostics.events, diagnostics.unknown_events), (events, earlier + 1));
        predictor.observe(event(known)).unwrap();
        assert_ne!(predict(&mut predictor), fresh, "a known one changes something");
        predictor.reset().unwrap();
        let diagnostics = predictor.diagnostics();
        assert_eq!((diagnostics.events, diagnostics.unknown_events, diagnostics.items), (0, 0, SHAPE.items));
    }
}

#[test]
fn a_group_holds_an_item_once() {
    let event = |item: &str, group: &str| Event { item: item.into(), group: Some(group.into()), ..Event::default() };
    let basket = [event("0000001", "a"), event("0000002", "a")];
    let mut predictor: Predictor = with_events(&basket);
    let before = predict(&mut predictor);
    predictor.observe(basket[0].clone()).unwrap();
    assert_eq!((predict(&mut predictor), predictor.diagnostics().events), (before.clone(), 2));
    predictor.observe(event("0000001", "b")).unwrap();
    assert_eq!(predictor.diagnostics().events, 3, "another group may hold it");

    let any = random_model(ModelShape { filter_seen: FilterSeen::None, ..SHAPE }, 1);
    let mut predictor: Predictor = self::predictor(&any);
    basket.iter().chain(&basket[..1]).for_each(|event| predictor.observe(event.clone()).unwrap());
    assert_eq!(predictor.diagnostics().events, 3, "without the filter a repeat is behaviour");
}

#[test]
fn events_without_a_group_are_counted_where_there_should_be_one() {
    let event =
        |group: Option<&str>| Event { item: "0000001".into(), group: group.map(str::to_owned), ..Event::default() };
    let ungrouped = ModelShape { has_group: false, filter_seen: FilterSeen::None, ..SHAPE };
    for (shape, expected) in [(SHAPE, 1), (ungrouped, 0)] {
        let mut predictor: Predictor = self::predictor(&random_model(shape, 1));
        predictor.observe(event(Some("a"))).unwrap();
        predictor.observe(event(None)).unwrap();
        let diagnostics = predictor.diagnostics();
        assert_eq!((diagnostics.events, diagnostics.ungrouped_events), (2, expected));
        predictor.reset().unwrap();
        assert_eq!(predictor.diagnostics().ungrouped_events, 0);
    }
}

#[test]
fn a_model_that_computes_no_numbers_is_refused() {
    let mut broken = model();
    broken.weights.log_scale = 1e30;
    let mut predictor: Predictor = predictor(&broken);
    assert_eq!(now(predictor.predict(&all_items())).unwrap_err().code(), "format");
}

#[test]
fn an_explanation_is_what_leaving_events_out_gives() {
    for count in [0, 1, 5, MAX_EVENTS, 70] {
        let events = events(count, 5);
        let mut predictor: Predictor = with_events(&events);
        let prediction = predict(&mut predictor);
        let taken = taken(&events);
        // Each explanation twice: the second finds what the first left behind.
        for place in [0, 0, prediction.items.len() - 1] {
            let predicted = &prediction.items[place];
            let group = taken.last().and_then(|(_, event)| event.group.clone());
            let explanation = predictor.explain(&predicted.item, &ExplainOptions::default()).unwrap();
            assert_eq!(explanation.score, predicted.score);
            assert!((explanation.probability - predicted.probability).abs() <= 1e-5 * predicted.probability);
            let terms = explanation.terms;
            let sum = terms.taste + terms.popularity + terms.repetition + terms.neighbours + terms.habit;
            assert!((sum - predicted.score).abs() < 1e-3, "{terms:?} make {sum}, expected {}", predicted.score);

            let explained = &taken[taken.len().saturating_sub(MAX_EVENTS)..];
            assert_eq!(explanation.events.len(), explained.len());
            for (effect, (place, left_out)) in explanation.events.iter().zip(explained) {
                assert_eq!((effect.place, &effect.item), (*place, &left_out.item));
                let others: Vec<Event> =
                    taken.iter().filter(|(other, _)| other != place).map(|(_, event)| event.clone()).collect();
                let mut without: Predictor = with_events(&others);
                let options = PredictOptions { group: group.clone(), ..all_items() };
                let prediction = now(without.predict(&options)).unwrap();
                let probability =
                    prediction.items.iter().find(|other| other.item == predicted.item).unwrap().probability;
                let expected = predicted.probability.ln() - probability.ln();
                assert!((effect.effect - expected).abs() < 1e-3, "{effect:?}, expected {expected}");
            }
        }
    }
}

#[test]
fn what_cannot_be_explained_is_said() {
    let mut predictor: Predictor = with_events(&events(12, 6));
    let mut refuse = |item: &str, options: ExplainOptions| predictor.explain(item, &options).unwrap_err().to_string();
    assert!(refuse("no such item", ExplainOptions::default()).contains("does not know"));
    let too_many = ExplainOptions { events: MAX_EVENTS + 1, ..ExplainOptions::default() };
    assert!(refuse("0000001", too_many).contains("at most 32"));
    let excluded = ExplainOptions { exclude: vec!["0000001".into()], ..ExplainOptions::default() };
    assert!(refuse("0000001", excluded).contains("no candidate"));
}
