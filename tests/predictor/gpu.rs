//! A device beside the CPU: tried, followed, failing.

use super::{SHAPE, events, model, now, predict, predictor, with_events};
use foreclick::engine::cpu::{Cpu, Simd};
use foreclick::engine::{Adjustment, Ops, Step, TopK};
use foreclick::error::{Error, Result};
use foreclick::event::Event;
use foreclick::format::Model;
use foreclick::knowledge::Knowledge;
use foreclick::predictor::trial::{self, Trial};
use foreclick::predictor::{Backend, PredictOptions, Prediction, Predictor, Preference, SelfCheck, Started};
use std::cell::Cell;
use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

thread_local! {
    /// What the trial's clock shows, in milliseconds: only devices move it.
    static CLOCK: Cell<f64> = const { Cell::new(0.0) };
    /// How many encoder steps devices have taken.
    static STEPS: Cell<usize> = const { Cell::new(0) };
    /// Whether devices never answer.
    static HANGS: Cell<bool> = const { Cell::new(false) };
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
    /// Whether that is added only where a step came after a prediction.
    only_live: bool,
    /// Whether it has predicted in this session, and whether a step came since.
    answered: bool,
    live: bool,
}

impl Ops for Fake {
    const MAX_K: usize = 59;

    fn encode(&mut self, step: &Step<'_>) -> Result<()> {
        STEPS.set(STEPS.get() + 1);
        self.answered &= step.filled > 1;
        self.live = self.answered;
        self.cpu.encode(step)
    }

    fn score(&mut self, open_size: usize) -> Result<()> {
        self.cpu.score(open_size)
    }

    fn priors(&mut self, write: &mut dyn FnMut(&mut Vec<f32>)) -> Result<()> {
        self.cpu.priors(write)
    }

    fn adjust(&mut self, adjustments: &[Adjustment]) -> Result<()> {
        self.cpu.adjust(adjustments)
    }

    async fn top_k(&mut self, k: usize) -> Result<TopK> {
        if HANGS.get() {
            std::future::pending::<()>().await;
        }
        CLOCK.set(CLOCK.get() + self.milliseconds);
        self.good = self.good.checked_sub(1).ok_or_else(|| Error::Gpu("the GPU was lost".into()))?;
        let mut top = self.cpu.rank(k, None);
        if self.live || !self.only_live {
            top.ranked[2].1 += self.error;
        }
        self.answered = true;
        Ok(top)
    }
}

/// Predictions of a trial: two for each of three sessions, then eight that are timed.
const TRIAL: usize = 14;

fn try_out(model: &Arc<Model>, milliseconds: f64, good: usize, error: f32) -> Result<Trial<Fake>> {
    now(trial::run(model.clone(), fake(model, milliseconds, good, error), clock))
}

fn fake(model: &Arc<Model>, milliseconds: f64, good: usize, error: f32) -> Fake {
    let cpu = Cpu::new(model.clone());
    Fake { cpu, milliseconds, good, error, only_live: false, answered: false, live: false }
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

/// A page's events come one by one, which is not how a history is restored.
#[test]
fn a_gpu_that_is_wrong_about_single_events_alone_does_not_pass() {
    let model = Arc::new(model());
    let wrong = Fake { only_live: true, ..fake(&model, 0.0, TRIAL, 0.05) };
    let error = now(trial::run(model.clone(), wrong, clock)).err().unwrap();
    assert!(error.to_string().contains("prediction 1 is wrong"), "{error}");
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
    let list = PredictOptions { candidates: Some(vec!["0000001".into()]), ..few() };
    assert_eq!(now(gpu.predict(&list)).unwrap().backend, Backend::Cpu, "a given list");
    compare(&mut gpu, &mut cpu);
}

/// How many of the latest events the encoder's state depends on.
const REACH: usize = SHAPE.blocks * (SHAPE.max_len - 1) + 1;

#[test]
fn the_gpu_takes_no_step_that_changes_nothing() {
    let events = events(300, 13);
    let mut gpu = with_gpu(&events, usize::MAX - TRIAL);
    let mut cpu: Predictor = with_events(&events);
    STEPS.set(0);
    assert_eq!(now(gpu.predict(&few())).unwrap().items, now(cpu.predict(&few())).unwrap().items);
    assert_eq!(STEPS.get(), REACH);
}

#[test]
fn a_gpu_that_cannot_follow_is_told_of() {
    let event = |group: usize| Event { item: "0000001".into(), group: Some(group.to_string()), ..Event::default() };
    let mut predictor = with_gpu(&[], usize::MAX - TRIAL);
    // So many events are kept.
    (0..10_000).for_each(|group| predictor.observe(event(group)).unwrap());
    assert_eq!(predictor.diagnostics().backend, Backend::Gpu);
    predictor.observe(event(10_000)).unwrap();
    let diagnostics = predictor.diagnostics();
    assert_eq!(diagnostics.backend, Backend::Cpu);
    assert!(diagnostics.reason.contains("until a reset"), "{}", diagnostics.reason);
    assert_eq!(now(predictor.predict(&few())).unwrap().backend, Backend::Cpu);
    predictor.reset().unwrap();
    assert_eq!(predictor.diagnostics().backend, Backend::Gpu);
    assert_eq!(now(predictor.predict(&few())).unwrap().backend, Backend::Gpu);
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
    let answered = now(pending.run(std::future::pending::<()>()));
    assert_eq!(predictor.finish(answered).unwrap(), before, "the session as it was at the question");
    let after = now(predictor.predict(&few())).unwrap();
    assert_eq!((after.backend, after.items), (Backend::Gpu, meanwhile.items));
}

#[test]
fn a_gpu_lost_on_the_way_leaves_the_question_as_it_was() {
    let more = events(30, 14);
    let ask = |meanwhile: &dyn Fn(&mut Predictor<Fake>)| {
        let mut predictor = with_gpu(&events(25, 12), 1);
        let expected = now(predictor.predict(&few())).unwrap();
        let Started::Pending(pending) = predictor.start(&few()).unwrap() else { panic!("the GPU is not used") };
        meanwhile(&mut predictor);
        let before = predictor.diagnostics().events;
        let answered = now(pending.run(std::future::pending::<()>()));
        let late = predictor.finish(answered).unwrap();
        assert_eq!((late.backend, late.items), (Backend::Cpu, expected.items));
        assert_eq!(predictor.diagnostics().events, before);
        // The session of now goes on.
        now(predictor.predict(&few())).unwrap().items
    };
    let observe =
        |predictor: &mut Predictor<Fake>| more.iter().for_each(|event| predictor.observe(event.clone()).unwrap());
    let unchanged = ask(&|_| ());
    assert_ne!(ask(&observe), unchanged);
    let other = ask(&|predictor| {
        predictor.reset().unwrap();
        observe(predictor);
        predictor.reset().unwrap();
        observe(predictor);
    });
    assert_eq!(other, now(with_events::<Fake>(&more).predict(&few())).unwrap().items);
}

/// What comes of a prediction while the GPU hangs, and how long it was waited for.
fn predict_late(predictor: &mut Predictor<Fake>, meanwhile: impl Fn(&mut Predictor<Fake>)) -> (Prediction, Duration) {
    HANGS.set(true);
    let Started::Pending(pending) = predictor.start(&few()).unwrap() else { panic!("the GPU is not used") };
    meanwhile(predictor);
    let patience = pending.patience();
    let answered = now(pending.run(ready(())));
    HANGS.set(false);
    (predictor.finish(answered).unwrap(), patience)
}

#[test]
fn the_cpu_answers_for_a_gpu_that_hangs() {
    let mut predictor = with_gpu(&events(20, 15), usize::MAX - TRIAL);
    let (first, patience) = predict_late(&mut predictor, |_| ());
    // All events wait for the GPU, which took a millisecond for one.
    let events_behind = predictor.diagnostics().events as u64;
    assert_eq!((first.backend, patience), (Backend::Cpu, Duration::from_millis(20 * events_behind)));
    // It is still used, has seen the session, and what it is asked next does not suffer.
    assert_eq!(predictor.diagnostics().backend, Backend::Gpu);
    let second = now(predictor.predict(&few())).unwrap();
    assert_eq!((second.backend, &second.items), (Backend::Gpu, &first.items));
    let (third, patience) = predict_late(&mut predictor, |predictor| {
        predictor.reset().unwrap();
        predictor.observe(events(1, 16).remove(0)).unwrap();
    });
    assert_eq!(patience, Duration::from_millis(100));
    assert_eq!((third.backend, third.items), (Backend::Cpu, first.items), "the session as it was at the question");
    assert_eq!(predictor.diagnostics().events, 1);
}

#[test]
fn a_gpu_that_is_late_three_times_in_a_row_is_given_up() {
    let mut predictor = with_gpu(&events(5, 17), usize::MAX - TRIAL);
    let late = |predictor: &mut Predictor<Fake>| predict_late(predictor, |_| ()).0.backend;
    for _ in 0..2 {
        assert_eq!((late(&mut predictor), late(&mut predictor)), (Backend::Cpu, Backend::Cpu));
        assert_eq!(now(predictor.predict(&few())).unwrap().backend, Backend::Gpu, "not in a row");
    }
    assert_eq!((late(&mut predictor), late(&mut predictor)), (Backend::Cpu, Backend::Cpu));
    assert_eq!(predictor.diagnostics().backend, Backend::Gpu);
    assert_eq!(late(&mut predictor), Backend::Cpu);
    let diagnostics = predictor.diagnostics();
    assert_eq!(diagnostics.backend, Backend::Cpu);
    assert!(diagnostics.reason.contains("many times slower"), "{}", diagnostics.reason);
    assert_eq!(now(predictor.predict(&few())).unwrap().backend, Backend::Cpu);
}

#[test]
fn the_gpu_goes_by_what_is_known_now() {
    let mut predictor = with_gpu(&events(5, 18), 99);
    let mut alone: Predictor = with_events(&events(5, 18));
    let rule = |item: &str| format!(r#"{{"version":1,"rules":[{{"items":["{item}"],"never":true}}]}}"#);
    let best = |options: &PredictOptions, predictor: &mut Predictor<Fake>, alone: &mut Predictor| {
        let (got, expected) = (now(predictor.predict(options)).unwrap(), now(alone.predict(options)).unwrap());
        assert_eq!((got.backend, &got.items), (Backend::Gpu, &expected.items));
        got.items[0].item.clone()
    };
    let first = best(&few(), &mut predictor, &mut alone);
    let rules = [Some(rule(&first)), Some(rule("0000001")), None];
    for (place, text) in rules.iter().enumerate() {
        let read = |text: &String| Arc::new(Knowledge::read(text, &model().vocab).unwrap().0);
        let knowledge = text.as_ref().map(read);
        predictor.set_knowledge(knowledge.clone()).unwrap();
        alone.set_knowledge(knowledge).unwrap();
        assert_eq!(best(&few(), &mut predictor, &mut alone) == first, place > 0);
    }
}
