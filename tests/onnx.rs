//! A model written as ONNX answers as the engine does, checked by ONNX Runtime.
#![cfg(feature = "companion")]
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

mod common;
#[path = "common/onnx.rs"]
mod onnx_case;

use common::{ModelShape, random_events, random_model, unquantized_model, unquantized_model_of};
use foreclick::companion::onnx;
use foreclick::engine::Stream;
use foreclick::engine::cpu::{Cpu, Simd};
use foreclick::event::{EncodedEvent, Upcoming};
use foreclick::format::{Context, EncoderKind, Model};
use foreclick::schema::FilterSeen;
use onnx_case::{dequantized, onnx_case};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

#[test]
#[ignore = "needs ONNX Runtime Web: ./build.sh test runs it"]
fn onnx_gives_the_same_answers() {
    let folder = tempfile::tempdir().unwrap();
    let plain = ModelShape {
        hidden: 16,
        heads: 2,
        blocks: 2,
        feed_forward: 24,
        max_len: 6,
        items: 300,
        has_group: false,
        has_fields: false,
        filter_seen: FilterSeen::None,
    };
    let shapes = [
        plain,
        ModelShape { blocks: 1, heads: 1, items: 12, filter_seen: FilterSeen::All, ..plain },
        ModelShape { has_group: true, has_fields: true, filter_seen: FilterSeen::Group, ..plain },
        ModelShape { hidden: 64, blocks: 3, max_len: 40, items: 5000, has_fields: true, ..plain },
    ];
    for (number, shape) in shapes.into_iter().enumerate() {
        let model = Arc::new(unquantized_model(shape, number as u64));
        let file = folder.path().join(format!("{number}.onnx"));
        std::fs::write(file, onnx::write(&model).unwrap()).unwrap();
        // None, and more events than the encoder sees at once.
        for count in [0, 1, 5, 20] {
            let mut events: Vec<EncodedEvent> = random_events(shape, 2 * count, 7);
            events.retain(|event| event.view().is_known());
            events.truncate(count);
            let mut case = onnx_case(&model, &events);
            std::fs::write(folder.path().join(format!("{number}-{count}.json")), case.to_string()).unwrap();
            keep_last(&mut case, shape.blocks * (shape.max_len - 1) + 1);
            std::fs::write(folder.path().join(format!("{number}-{count}-last.json")), case.to_string()).unwrap();
        }
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers/check.js");
    let checked = Command::new("node").arg(script).arg(folder.path()).output().unwrap();
    let told = String::from_utf8_lossy(&checked.stdout).into_owned() + &String::from_utf8_lossy(&checked.stderr);
    assert!(checked.status.success(), "{told}");
    assert!(told.contains("32 sessions"), "{told}");
}

/// Takes what the encoder does not see out of a case.
fn keep_last(case: &mut Value, events: usize) {
    let cut = |values: &mut Value| {
        let values = values.as_array_mut().unwrap();
        values.drain(..values.len().saturating_sub(events));
    };
    cut(&mut case["items"]);
    cut(&mut case["gaps"]);
    case["fields"].as_object_mut().unwrap().values_mut().for_each(|field| cut(&mut field["values"]));
}

/// What `foreclick export --help` says of the features, written down once more.
fn features_by_the_text(model: &Model, events: &[EncodedEvent], group: u32) -> BTreeMap<u32, [f64; 6]> {
    let counting = &model.metadata.architecture.counting;
    let (schema, weights) = (&model.metadata.schema, &model.weights);
    let mut numbers = Vec::new();
    for (place, event) in events.iter().enumerate() {
        let opens = place == 0 || !schema.has_group || events[place - 1].group != event.group;
        numbers.push(numbers.last().map_or(0, |last| last + i32::from(opens)));
    }
    let opens = !schema.has_group || events.last().is_none_or(|event| event.group != group);
    let next = numbers.last().map_or(0, |last| last + i32::from(opens));

    let items_of = |group: i32| {
        events.iter().zip(&numbers).filter(|&(_, &number)| number == group).map(|(event, _)| event.item).collect()
    };

    let mut context: Vec<(u32, f64)> = Vec::new();
    match counting.context {
        Context::OpenGroup => {
            for (event, _) in events.iter().zip(&numbers).filter(|&(_, &number)| number == next) {
                if !context.iter().any(|&(item, _)| item == event.item) {
                    context.push((event.item, 1.0));
                }
            }
        }
        Context::LastEvents => {
            context
                .extend(events.iter().rev().take(10).enumerate().map(|(k, event)| (event.item, 1.0 / (k + 1) as f64)));
        }
    }
    let (mut sums, mut nearest) = (BTreeMap::<u32, f64>::new(), BTreeMap::<u32, f64>::new());
    let open: BTreeSet<u32> = items_of(next);
    for (item, factor) in context {
        let item = item as usize;
        let (offsets, scale) = (&weights.neighbours.offsets, f64::from(weights.neighbours.scales[item]));
        for pair in offsets[item] as usize..offsets[item + 1] as usize {
            let share = f64::from(weights.neighbours.weights[pair]) / 255.0 * scale;
            let neighbour = weights.neighbours.items[pair];
            *sums.entry(neighbour).or_default() += factor * share;
            if events.last().is_some_and(|event| event.item as usize == item) {
                nearest.insert(neighbour, share);
            }
        }
    }
    let candidates: Vec<u32> = events.iter().map(|event| event.item).chain(sums.keys().copied()).collect();
    let describe = |item: u32| {
        let met: Vec<i32> =
            events.iter().zip(&numbers).filter(|(event, _)| event.item == item).map(|(_, &n)| n).collect();
        let recency: f64 = met.iter().map(|number| f64::from(counting.decay).powi(next - number)).sum();
        let as_it_is = met.last().map_or(0.0, |last| {
            let row = [1, 2, 3, 4, 5, 7, 10, 15, 22, 36, 61].iter().filter(|&&start| start <= next - last).count();
            let column = [2, 3, 4, 6, 9, 14, 22].iter().filter(|&&start| start <= met.len()).count();
            f64::from(weights.repeat.row(row)[column]) + f64::from(weights.item_repeat[item as usize])
        });
        let habit: f64 = match counting.context {
            Context::OpenGroup if open.contains(&item) => 0.0,
            Context::OpenGroup => {
                let earlier = (0..next).map(items_of).filter(|group: &BTreeSet<u32>| group.contains(&item));
                let like = |group: BTreeSet<u32>| {
                    let both = group.intersection(&open).count();
                    if both == 0 { 0.0 } else { both as f64 / ((group.len() * open.len()) as f64).sqrt() }
                };
                earlier.map(like).sum()
            }
            Context::LastEvents => {
                let (last, latest) = (events.len().saturating_sub(1), events.last().map(|event| event.item));
                let after = (0..last).filter(|&place| Some(events[place].item) == latest);
                let weigh = |place: usize| (1..10).filter(move |d| place + d <= last).map(move |d| (place + d, d));
                let followers = after.flat_map(weigh).filter(|&(place, _)| events[place].item == item);
                followers.map(|(_, d)| 1.0 / d as f64).sum()
            }
        };
        let of = |sums: &BTreeMap<u32, f64>| sums.get(&item).copied().unwrap_or(0.0);
        let (recency_epsilon, sum_epsilon) = (counting.recency_epsilon, counting.neighbour_epsilon);
        let logarithm = |value: f64, epsilon: f32| (value / f64::from(epsilon)).ln_1p();
        [
            logarithm(recency, recency_epsilon),
            logarithm(of(&sums), sum_epsilon),
            logarithm(of(&nearest), sum_epsilon),
            logarithm(habit, 0.05),
            logarithm(of(&sums) + 0.6 * recency, sum_epsilon),
            as_it_is,
        ]
    };
    candidates.into_iter().map(|item| (item, describe(item))).collect()
}

#[test]
fn the_features_are_as_the_help_says() {
    let plain = ModelShape {
        hidden: 16,
        heads: 2,
        blocks: 1,
        feed_forward: 8,
        max_len: 6,
        items: 60,
        has_group: false,
        has_fields: false,
        filter_seen: FilterSeen::None,
    };
    for shape in [plain, ModelShape { has_group: true, ..plain }] {
        let model = Arc::new(unquantized_model(shape, 3));
        let mut events = random_events(shape, 300, 5);
        events.retain(|event| event.view().is_known());
        for (count, group_after) in [(0, 0), (1, 0), (7, 0), (40, 1), (250, 0), (250, 1)] {
            let events = &events[..count];
            let group = events.last().map_or(0, |event| event.group) + group_after;
            let mut stream = Stream::new(model.clone(), Cpu::<Simd>::new(model.clone())).unwrap();
            events.iter().for_each(|event| stream.observe(event.view()).unwrap());
            stream.score(Upcoming { group }, &[]).unwrap();
            let told = features_by_the_text(&model, events, group);
            assert_eq!(stream.adjustments().len(), told.len());
            for adjustment in stream.adjustments() {
                let engine = adjustment.features.iter().chain([&adjustment.constant]);
                for (&by_text, &by_engine) in told[&adjustment.item].iter().zip(engine) {
                    assert!((by_text - f64::from(by_engine)).abs() < 1e-4, "{told:?}: {adjustment:?}");
                }
            }
        }
    }
}

#[test]
fn what_cannot_be_written_is_refused() {
    let shape = ModelShape {
        hidden: 16,
        heads: 1,
        blocks: 1,
        feed_forward: 8,
        max_len: 4,
        items: 10,
        has_group: false,
        has_fields: false,
        filter_seen: FilterSeen::None,
    };
    let int8 = random_model(shape, 1);
    assert!(onnx::write(&int8).unwrap_err().to_string().contains("expected a model as trained"));
    assert!(onnx::write(&dequantized(&int8)).is_ok());
    for encoder in EncoderKind::ALL.into_iter().filter(|&encoder| encoder != EncoderKind::Transformer) {
        let error = onnx::write(&unquantized_model_of(encoder, shape, 1)).unwrap_err().to_string();
        assert!(error.contains(&format!("\"{}\", expected \"transformer\"", encoder.name())), "{error}");
    }
}
