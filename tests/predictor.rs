//! The façade: the engine's answers under a site's own names, explanations that add up, and a GPU that may fail.
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

mod common;
#[path = "common/page.rs"]
mod page;

use common::{ModelShape, random_events, random_model};
use foreclick::engine::cpu::{Cpu, Simd};
use foreclick::engine::{Adjustment, Ops, Step, Stream, TopK};
use foreclick::error::{Error, Result};
use foreclick::event::{Event, Upcoming, Value};
use foreclick::format::Model;
use foreclick::predictor::trial::{self, Trial};
use foreclick::predictor::{
    Backend, ExplainOptions, MAX_EVENTS, PredictOptions, Prediction, Predictor, Preference, SelfCheck, Started,
};
use foreclick::schema::FilterSeen;
use page::page_events;
use std::cell::Cell;
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
    for event in events(40, 2) {
        group += u32::from(event.group != name);
        name = event.group.clone();
        stream.observe(event.encode(&model.metadata.schema, &model.vocab, group).unwrap().view()).unwrap();
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
fn unknown_items_are_counted_and_a_reset_forgets_events() {
    let mut predictor: Predictor = predictor(&model());
    let fresh = predict(&mut predictor);
    predictor.observe(Event { item: "new here".into(), ..Event::default() }).unwrap();
    assert_ne!(predict(&mut predictor), fresh, "an unknown item counts as an event");
    let options = PredictOptions { exclude: vec!["neither".into()], ..PredictOptions::default() };
    now(predictor.predict(&options)).unwrap();
    let diagnostics = predictor.diagnostics();
    assert_eq!((diagnostics.events, diagnostics.unknown_items, diagnostics.items), (1, 2, SHAPE.items));
    predictor.reset().unwrap();
    assert_eq!(predict(&mut predictor), fresh);
    assert_eq!(predictor.diagnostics().events, 0);
}

#[test]
fn an_explanation_is_what_leaving_events_out_gives() {
    for count in [0, 1, 5, MAX_EVENTS, 70] {
        let events = events(count, 5);
        let mut predictor: Predictor = with_events(&events);
        let prediction = predict(&mut predictor);
        // Each explanation twice: the second finds what the first left behind.
        for place in [0, 0, prediction.items.len() - 1] {
            let predicted = &prediction.items[place];
            let group = events.last().and_then(|event| event.group.clone());
            let explanation = predictor.explain(&predicted.item, &ExplainOptions::default()).unwrap();
            assert_eq!(explanation.score, predicted.score);
            assert!((explanation.probability - predicted.probability).abs() <= 1e-5 * predicted.probability);
            let terms = explanation.terms;
            let sum = terms.taste + terms.popularity + terms.repetition + terms.neighbours;
            assert!((sum - predicted.score).abs() < 1e-3, "{terms:?} make {sum}, expected {}", predicted.score);

            assert_eq!(explanation.events.len(), count.min(MAX_EVENTS));
            for effect in &explanation.events {
                let mut others = events.clone();
                let left_out = others.remove(effect.place);
                assert_eq!(effect.item, Some(left_out.item).filter(|item| !item.starts_with("unknown")));
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

thread_local! {
    /// What the trial's clock shows, in milliseconds: only devices move it.
    static CLOCK: Cell<f64> = const { Cell::new(0.0) };
}

fn clock() -> f64 {
    CLOCK.get()
}

/// Stands for a GPU: the CPU's kernels, slower than the CPU or not, right or not.
struct Fake {
    cpu: Cpu<Simd>,
    milliseconds: f64,
    /// Predictions before it fails.
    good: usize,
    /// Added to the third score.
    error: f32,
}

impl Ops for Fake {
    const MAX_K: usize = 59;

    fn encode(&mut self, step: &Step<'_>) -> Result<()> {
        self.cpu.encode(step)
    }

    fn score(&mut self, open_size: usize) -> Result<()> {
        self.cpu.score(open_size)
    }

    fn adjust(&mut self, adjustments: &[Adjustment]) -> Result<()> {
        self.cpu.adjust(adjustments)
    }

    async fn top_k(&mut self, k: usize) -> Result<TopK> {
        CLOCK.set(CLOCK.get() + self.milliseconds);
        self.good = self.good.checked_sub(1).ok_or_else(|| Error::Gpu("the GPU was lost".into()))?;
        let mut top = self.cpu.rank(k);
        top.ranked[2].1 += self.error;
        Ok(top)
    }
}

/// Predictions of a trial: two for each of three sessions, then eight that are timed.
const TRIAL: usize = 14;

fn try_out(model: &Arc<Model>, milliseconds: f64, good: usize, error: f32) -> Result<Trial<Fake>> {
    let fake = Fake { cpu: Cpu::new(model.clone()), milliseconds, good, error };
    now(trial::run(model.clone(), fake, clock))
}

/// A predictor that has a fake GPU, which fails after so many predictions.
fn with_gpu(events: &[Event], good: usize) -> Predictor<Fake> {
    let mut predictor = with_events(events);
    let trial = try_out(predictor.model(), 1.0, TRIAL + good, 0.0);
    predictor.adopt(trial, Preference::Gpu);
    predictor
}

fn few() -> PredictOptions {
    PredictOptions { k: 20, ..PredictOptions::default() }
}

#[test]
fn a_gpu_that_computes_the_same_passes_and_a_wrong_one_does_not() {
    let model = Arc::new(model());
    assert!(try_out(&model, 0.0, TRIAL, 0.0).is_ok());
    assert!(try_out(&model, 0.0, TRIAL, 1e-5).is_ok());
    let wrong = try_out(&model, 0.0, TRIAL, 0.05).err().unwrap();
    assert!(wrong.to_string().contains("rank 3"), "{wrong}");
    assert!(try_out(&model, 0.0, TRIAL, f32::NAN).is_err());
    assert!(try_out(&model, 0.0, TRIAL - 1, 0.0).is_err(), "the last prediction fails");
}

#[test]
fn the_faster_one_is_used_unless_the_gpu_was_asked_for() {
    for (milliseconds, preference, expected) in [
        (1.0, Preference::Faster, Backend::Cpu),
        (-1.0, Preference::Faster, Backend::Gpu),
        (1.0, Preference::Gpu, Backend::Gpu),
    ] {
        let mut predictor: Predictor<Fake> = predictor(&model());
        let trial = try_out(predictor.model(), milliseconds, usize::MAX, 0.0);
        predictor.adopt(trial, preference);
        assert_eq!(now(predictor.predict(&few())).unwrap().backend, expected);
        let diagnostics = predictor.diagnostics();
        assert_eq!((diagnostics.backend, diagnostics.self_check), (expected, SelfCheck::Passed));
        assert_eq!(diagnostics.gpu_milliseconds, Some(milliseconds));
    }
}

#[test]
fn a_wrong_gpu_is_not_used_and_the_reason_is_told() {
    let mut predictor: Predictor<Fake> = predictor(&model());
    let trial = try_out(predictor.model(), 0.0, TRIAL, 0.5);
    predictor.note_trial("a fake".into());
    predictor.adopt(trial, Preference::Gpu);
    assert_eq!(now(predictor.predict(&few())).unwrap().backend, Backend::Cpu);
    let diagnostics = predictor.diagnostics();
    assert_eq!((diagnostics.backend, diagnostics.self_check), (Backend::Cpu, SelfCheck::Failed));
    let reason = "the CPU answers because the GPU's prediction 0 is wrong";
    assert!(diagnostics.reason.starts_with(reason), "{}", diagnostics.reason);
}

#[test]
fn the_gpu_follows_the_session() {
    let (events, more) = (events(30, 7), events(30, 8));
    let mut gpu = with_gpu(&events, usize::MAX - TRIAL);
    let mut cpu: Predictor = with_events(&events);
    let compare = |gpu: &mut Predictor<Fake>, cpu: &mut Predictor| {
        let (got, expected) = (now(gpu.predict(&few())).unwrap(), now(cpu.predict(&few())).unwrap());
        assert_eq!((got.backend, got.items), (Backend::Gpu, expected.items));
    };
    compare(&mut gpu, &mut cpu);
    gpu.reset().unwrap();
    cpu.reset().unwrap();
    compare(&mut gpu, &mut cpu);
    for event in more {
        gpu.observe(event.clone()).unwrap();
        cpu.observe(event).unwrap();
        compare(&mut gpu, &mut cpu);
    }
    assert_eq!(predict(&mut gpu).backend, Backend::Cpu, "more than the GPU ranks");
    compare(&mut gpu, &mut cpu);
}

#[test]
fn a_lost_gpu_leaves_the_cpu() {
    let mut predictor = with_gpu(&events(5, 9), 1);
    let first = now(predictor.predict(&few())).unwrap();
    let second = now(predictor.predict(&few())).unwrap();
    assert_eq!((first.backend, second.backend), (Backend::Gpu, Backend::Cpu));
    assert_eq!(first.items, second.items);
    assert_eq!(predictor.diagnostics().reason, "the CPU answers because the GPU was lost");
    assert_eq!(predictor.diagnostics().backend, Backend::Cpu);
}

#[test]
fn the_session_goes_on_while_the_gpu_works() {
    let mut predictor = with_gpu(&events(5, 10), usize::MAX - TRIAL);
    let before = now(predictor.predict(&few())).unwrap();
    let Started::Pending(pending) = predictor.start(&few()).unwrap() else { panic!("the GPU is not used") };
    for event in events(3, 11) {
        predictor.observe(event).unwrap();
    }
    let meanwhile = now(predictor.predict(&few())).unwrap();
    assert_eq!(meanwhile.backend, Backend::Cpu);
    assert_ne!(meanwhile.items, before.items);
    let answered = now(pending.run());
    assert_eq!(predictor.finish(answered).unwrap(), before, "the session as it was at the question");
    let after = now(predictor.predict(&few())).unwrap();
    assert_eq!((after.backend, after.items), (Backend::Gpu, meanwhile.items));
}

#[test]
fn an_abandoned_gpu_does_not_come_back() {
    let mut predictor = with_gpu(&events(5, 12), usize::MAX - TRIAL);
    let Started::Pending(pending) = predictor.start(&few()).unwrap() else { panic!("the GPU is not used") };
    predictor.abandon_gpu("the GPU is too slow");
    let answered = now(pending.run());
    predictor.finish(answered).unwrap();
    assert_eq!(now(predictor.predict(&few())).unwrap().backend, Backend::Cpu);
}
