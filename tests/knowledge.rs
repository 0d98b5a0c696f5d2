//! Rules and relations beside the model: masks that leave the softmax, priors that show in the explanation, on every device.
#![cfg(feature = "gpu")]
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

mod common;
#[path = "common/page.rs"]
mod page;
#[path = "common/shop.rs"]
mod shop;

use common::{ModelShape, Random, random_events, random_model, unquantized_model_of};
use foreclick::engine::Stream;
use foreclick::engine::cpu::{Cpu, Scalar};
use foreclick::engine::gpu::{Gpu, GpuContext, GpuModel};
use foreclick::event::{EncodedEvent, Event, Upcoming};
use foreclick::format::{EncoderKind, Matrix, Model, PersonalStart};
use foreclick::knowledge::{Knowledge, Limits, Reason};
use foreclick::predictor::{ExplainOptions, Explanation, PredictOptions, Predicted, Predictor, Started};
use foreclick::schema::FilterSeen;
use page::page_events;
use pollster::block_on;
use shop::{key, shop};
use std::collections::BTreeMap;
use std::sync::Arc;

const SHAPE: ModelShape = ModelShape {
    hidden: 16,
    heads: 2,
    blocks: 1,
    feed_forward: 32,
    max_len: 16,
    items: 300,
    has_group: true,
    has_fields: false,
    filter_seen: FilterSeen::Group,
};

/// What the shop says of an item, said once more; relations are left to the file.
fn expected(item: usize, met: &[usize], open: &[usize], limits: Limits) -> f32 {
    let never = item.is_multiple_of(7)
        || item % 10 == 3
        || (open.iter().any(|&other| other < 5) && (item % 10 == 8 || item == 21))
        || (item as f32) < limits.min
        || item as f32 > limits.max;
    let boosts = [
        if item % 4 == 1 { 0.75 } else { 0.0 },
        if met.iter().any(|other| other % 2 == 1) && item % 2 == 1 { 1.5 } else { 0.0 },
    ];
    if never { f32::NEG_INFINITY } else { boosts.iter().sum() }
}

fn known(model: &Model) -> Arc<Knowledge> {
    Arc::new(Knowledge::read(&shop(model.vocab.len()), &model.vocab).unwrap().0)
}

fn predictor(model: &Model) -> Predictor {
    Predictor::from_bytes(&model.to_bytes().unwrap(), "test").unwrap()
}

fn all_items() -> PredictOptions {
    PredictOptions { k: SHAPE.items, ..PredictOptions::default() }
}

fn named(predictor: &Predictor, explanation: &Explanation) -> Vec<String> {
    let name = |reason: &Reason| predictor.knowledge().unwrap().name(reason.rule, &predictor.model().vocab);
    explanation.rules.iter().map(name).collect()
}

fn predict(predictor: &mut Predictor, options: &PredictOptions) -> Vec<Predicted> {
    let Started::Done(prediction) = predictor.start(options).unwrap() else { panic!("there is no GPU here") };
    prediction.items
}

fn events(model: &Model, count: usize, seed: u64) -> Vec<Event> {
    let mut events = page_events(model, &random_events(SHAPE, count, seed));
    events.retain(|event| !event.item.starts_with("unknown"));
    events
}

#[test]
fn masks_leave_the_softmax_and_priors_are_added() {
    let model = random_model(SHAPE, 1);
    let knowledge = known(&model);
    let [mut bare, mut knowing] = [predictor(&model), predictor(&model)];
    knowing.set_knowledge(Some(known(&model))).unwrap();
    let (mut met, mut open, mut group) = (vec![], vec![], None);
    let mut counts = [0; 2];
    for event in events(&model, 60, 2) {
        let item: usize = event.item.parse().unwrap();
        if event.group != group {
            open.clear();
            group.clone_from(&event.group);
        }
        met.push(item);
        open.push(item);
        bare.observe(event.clone()).unwrap();
        knowing.observe(event).unwrap();
        for limits in [Limits::default(), Limits { min: 20.0, max: 250.0 }] {
            let before = predict(&mut bare, &all_items());
            knowing.limit(limits);
            let after = predict(&mut knowing, &all_items());
            let scores: BTreeMap<usize, f32> =
                after.iter().map(|predicted| (predicted.item.parse().unwrap(), predicted.score)).collect();
            for Predicted { item, score, .. } in before {
                let item: usize = item.parse().unwrap();
                let mut prior = expected(item, &met, &open, limits);
                open.dedup();
                let mut beside = open.clone();
                beside.sort_unstable();
                beside.dedup();
                for other in beside {
                    let row = knowledge.together(other as u32);
                    prior += row.filter(|(with, _)| *with as usize == item).map(|(_, by)| by).sum::<f32>();
                }
                match scores.get(&item) {
                    Some(got) => assert!((got - (score + prior)).abs() < 1e-4, "{item}: {got}, {score} and {prior}"),
                    None => assert_eq!(prior, f32::NEG_INFINITY, "{item} is out"),
                }
                counts[usize::from(prior == f32::NEG_INFINITY)] += 1;
            }
            let total: f32 = after.iter().map(|predicted| predicted.probability).sum();
            assert!((total - 1.0).abs() < 1e-4, "probabilities are among the candidates: {total}");
        }
    }
    assert!(counts[0] > 1000 && counts[1] > 1000, "{counts:?}");
}

#[test]
fn explanations_name_the_rules_and_add_up() {
    let mut model = random_model(SHAPE, 1);
    let subspace = Matrix { columns: SHAPE.hidden, values: Random(2).vector(3 * SHAPE.hidden, 0.5) };
    model.personal =
        PersonalStart { first: [0.1, -0.2, 0.1, 0.0, 0.1, 0.3, 0.4], subspace, ..PersonalStart::default() };
    let mut predictor = predictor(&model);
    predictor.set_knowledge(Some(known(&model))).unwrap();
    let (mut personal, mut related, mut boosted) = (false, false, false);
    let mut events = events(&model, 60, 2);
    events.iter_mut().enumerate().for_each(|(place, event)| event.item = key(place * place % 30));
    for event in events {
        predictor.learn(&event).unwrap();
        predictor.observe(event).unwrap();
        predictor.limit(Limits { min: 2.0, ..Limits::default() });
        for predicted in predict(&mut predictor, &PredictOptions { k: 5, ..PredictOptions::default() }) {
            let options = ExplainOptions { events: 2, ..ExplainOptions::default() };
            let explanation = predictor.explain(&predicted.item, &options).unwrap();
            let terms = explanation.terms;
            let [taste, popularity, repetition] = [terms.taste, terms.popularity, terms.repetition];
            let sum =
                taste + popularity + repetition + terms.neighbours + terms.habit + terms.personal + terms.knowledge;
            assert!((sum - predicted.score).abs() < 1e-3, "{terms:?} make {sum}, expected {}", predicted.score);
            assert_eq!(explanation.score, predicted.score);
            assert!((explanation.probability - predicted.probability).abs() < 1e-5);
            let rules: f32 = explanation.rules.iter().map(|reason| reason.effect).sum();
            assert!((rules - terms.knowledge).abs() < 1e-5);
            personal |= terms.personal != 0.0;
            let names = named(&predictor, &explanation);
            related |= names.iter().any(|name| name.starts_with("together with 00000"));
            boosted |=
                names.iter().zip(&explanation.rules).any(|(name, rule)| name == "new things" && rule.effect == 0.75);
        }
    }
    assert!(personal && related && boosted);
}

#[test]
fn an_item_that_is_out_is_told_why() {
    let model = random_model(SHAPE, 1);
    let mut predictor = predictor(&model);
    predictor.set_knowledge(Some(known(&model))).unwrap();
    predictor.observe(Event { item: key(4), group: Some("a".into()), ..Event::default() }).unwrap();
    let mut why = |item: usize, limits: Limits, group: Option<&str>| {
        let options = ExplainOptions { group: group.map(str::to_owned), ..ExplainOptions::default() };
        predictor.limit(limits);
        let explanation = predictor.explain(&key(item), &options).unwrap();
        let out = explanation.score == f32::NEG_INFINITY;
        assert!(!out || explanation.probability == 0.0 && explanation.events.is_empty());
        assert_eq!(out, explanation.terms.knowledge == f32::NEG_INFINITY);
        if out { named(&predictor, &explanation) } else { vec![] }
    };
    let none = Limits::default();
    assert_eq!(why(14, none, None), ["out of stock"]);
    assert_eq!(why(33, none, None), ["new things", "no shelf 3"]);
    assert_eq!(why(28, none, None), ["out of stock", "not beside 0 to 4"]);
    assert_eq!(why(18, none, None), ["not beside 0 to 4"]);
    assert!(why(18, none, Some("b")).is_empty(), "another basket");
    let limits = Limits { min: 2.0, max: 10.0 };
    assert_eq!(why(12, limits, None), ["price above maxPrice"]);
    assert_eq!(why(1, limits, None), ["new things", "price below minPrice"]);
    predictor.limit(none);
    let has = predictor.explain(&key(4), &ExplainOptions::default()).unwrap_err().to_string();
    assert!(has.ends_with("it was excluded, or the visitor has it already"));
}

#[test]
fn knowledge_comes_goes_and_is_handed_on() {
    let model = random_model(SHAPE, 1);
    let mut predictor = predictor(&model);
    let events = events(&model, 12, 5);
    predictor.restore(events.clone()).unwrap();
    let bare = predict(&mut predictor, &all_items());

    predictor.set_knowledge(Some(known(&model))).unwrap();
    let knowing = predict(&mut predictor, &all_items());
    assert!(knowing.len() < bare.len());
    let (_, summary) = Knowledge::read(&shop(SHAPE.items), &model.vocab).unwrap();
    assert_eq!((summary.items, summary.unknown_items, summary.rules, summary.idle_rules), (300, 300, 4, 0));
    assert_eq!(summary.first_unknown_item, Some(key(300)));

    // Another session, a given list, after a reset.
    let mut fork = predictor.fork().unwrap();
    fork.restore(events.clone()).unwrap();
    assert_eq!(predict(&mut fork, &all_items()), knowing);
    let candidates = Some((10..20).map(key).collect());
    let listed = predict(&mut predictor, &PredictOptions { candidates, ..all_items() });
    let names: Vec<&str> = listed.iter().map(|predicted| predicted.item.as_str()).collect();
    assert!(!names.contains(&key(13).as_str()) && !names.contains(&key(14).as_str()) && names.len() > 4);
    assert!((listed.iter().map(|predicted| predicted.probability).sum::<f32>() - 1.0).abs() < 1e-4);
    predictor.limit(Limits { max: 9.0, ..Limits::default() });
    assert_eq!(predict(&mut predictor, &all_items()).iter().filter(|one| one.item > key(9)).count(), 0);
    predictor.limit(Limits::default());
    assert_eq!(predict(&mut predictor, &all_items()), knowing);
    predictor.reset().unwrap();
    events.into_iter().for_each(|event| predictor.observe(event).unwrap());
    let again = predict(&mut predictor, &all_items());
    assert!(again.iter().zip(&knowing).all(|(a, b)| a.item == b.item && (a.score - b.score).abs() < 1e-4));

    predictor.set_knowledge(None).unwrap();
    let after = predict(&mut predictor, &all_items());
    assert!(after.iter().zip(&bare).all(|(a, b)| a.item == b.item && (a.score - b.score).abs() < 1e-4));
    assert_eq!(after.len(), bare.len());
}

/// What the shop rules out today is no lesson about the visitor.
#[test]
fn learning_knows_nothing_of_it() {
    let model = random_model(SHAPE, 1);
    let [mut bare, mut knowing] = [predictor(&model), predictor(&model)];
    knowing.set_knowledge(Some(known(&model))).unwrap();
    for event in events(&model, 40, 3) {
        for predictor in [&mut bare, &mut knowing] {
            predictor.learn(&event).unwrap();
            predictor.observe(event.clone()).unwrap();
            predict(predictor, &all_items());
        }
    }
    assert_eq!(bare.learned(), knowing.learned());
}

#[test]
fn without_groups_the_latest_ten_events_are_beside_the_next() {
    let shape = ModelShape { has_group: false, filter_seen: FilterSeen::None, ..SHAPE };
    let model = random_model(shape, 1);
    let mut predictor = predictor(&model);
    predictor.set_knowledge(Some(known(&model))).unwrap();
    let is_out = |predictor: &mut Predictor| {
        predictor.explain(&key(18), &ExplainOptions::default()).unwrap().score == f32::NEG_INFINITY
    };
    let observe = |predictor: &mut Predictor, item: usize| {
        predictor.observe(Event { item: key(item), ..Event::default() }).unwrap();
        is_out(predictor)
    };
    assert!(!observe(&mut predictor, 100));
    assert!(observe(&mut predictor, 2));
    for later in 0..9 {
        assert!(observe(&mut predictor, 100 + later));
    }
    assert!(!observe(&mut predictor, 109));
}

/// Scores on the GPU are the CPU's, half of the catalogue out, rules coming and going.
#[test]
#[ignore = "needs a GPU: ./build.sh test runs it"]
fn gpu_knows_what_the_cpu_knows() {
    let context = block_on(GpuContext::new()).unwrap();
    for (encoder, bits, items) in
        [(EncoderKind::Transformer, 8, 300), (EncoderKind::Hstu, 4, 5000), (EncoderKind::Gru, 8, 20_000)]
    {
        let shape = ModelShape { hidden: 32, items, ..SHAPE };
        let model = Arc::new(unquantized_model_of(encoder, shape, 3).quantized(bits));
        let knowledge = known(&model);
        let mut cpu = Stream::new(model.clone(), Cpu::<Scalar>::new(model.clone())).unwrap();
        let shared = block_on(GpuModel::new(context.clone(), model.clone())).unwrap();
        let mut gpu = Stream::new(model, Gpu::new(shared).unwrap()).unwrap();
        for (place, event) in random_events(shape, 40, 4).iter().enumerate() {
            let known = (place % 10 < 7).then_some(&knowledge);
            let limits = if place % 3 == 0 {
                Limits { max: items as f32 / 2.0, ..Limits::default() }
            } else {
                Limits::default()
            };
            let compared = compare(&mut cpu, &mut gpu, event, known, limits);
            compared.unwrap_or_else(|what| panic!("{encoder:?}, event {place}: {what}"));
        }
        // A control: the comparison notices another limit on one side.
        cpu.know(Some(&knowledge)).unwrap();
        gpu.know(Some(&knowledge)).unwrap();
        cpu.limit(Limits { max: 50.0, ..Limits::default() });
        let upcoming = Upcoming { group: 99 };
        block_on(cpu.predict(upcoming, 10, &[])).unwrap();
        block_on(gpu.predict(upcoming, 10, &[])).unwrap();
        assert!(same_scores(&cpu, &gpu).is_err());
    }
}

fn compare(
    cpu: &mut Stream<Cpu<Scalar>>,
    gpu: &mut Stream<Gpu>,
    event: &EncodedEvent,
    knowledge: Option<&Arc<Knowledge>>,
    limits: Limits,
) -> Result<(), String> {
    cpu.know(knowledge).unwrap();
    gpu.know(knowledge).unwrap();
    cpu.limit(limits);
    gpu.limit(limits);
    cpu.observe(event.view()).unwrap();
    gpu.observe(event.view()).unwrap();
    let upcoming = Upcoming { group: event.group };
    let [expected, got] =
        [block_on(cpu.predict(upcoming, 10, &[3, 5])).unwrap(), block_on(gpu.predict(upcoming, 10, &[3, 5])).unwrap()];
    same_scores(cpu, gpu)?;
    let near = |a: f32, b: f32| (a - b).abs() < 1e-2;
    if !near(expected.log_sum_exp, got.log_sum_exp) || expected.ranked.len() != got.ranked.len() {
        return Err(format!("the sum is {}, expected {}", got.log_sum_exp, expected.log_sum_exp));
    }
    let ranks = expected.ranked.iter().zip(&got.ranked).all(|(a, b)| near(a.1, b.1));
    if ranks { Ok(()) } else { Err(format!("{:?}, expected {:?}", got.ranked, expected.ranked)) }
}

fn same_scores(cpu: &Stream<Cpu<Scalar>>, gpu: &Stream<Gpu>) -> Result<(), String> {
    let mut expected = vec![0.0; cpu.items()];
    cpu.ops().write_scores(&mut expected);
    let got = block_on(gpu.ops().scores()).unwrap();
    for (item, (expected, got)) in expected.iter().zip(&got).enumerate() {
        // Both are minus infinity where the item is out.
        if expected != got
            && ((expected - got).abs() / expected.abs().max(1.0)).partial_cmp(&1e-2) != Some(std::cmp::Ordering::Less)
        {
            return Err(format!("item {item} has {got}, expected {expected}"));
        }
    }
    Ok(())
}
