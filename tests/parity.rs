//! Scalar code, SIMD and the GPU give the same answers.
//!
//! `./build.sh test` runs what needs a GPU, and no GPU is a failure then, unless the environment says
//! FORECLICK_GPU_TESTS=no. A software GPU will do: `apt-get install mesa-vulkan-drivers`.
#![cfg(feature = "gpu")]
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

mod common;

use common::{ModelShape, Random, random_events, random_model, unquantized_model, unquantized_model_of};
use foreclick::engine::cpu::{Cpu, Lanes, Scalar, Simd};
use foreclick::engine::gpu::{DEADLINE, Gpu, GpuContext, GpuModel, MAX_K};
use foreclick::engine::{Adjustment, Ops, Step, Stream, TopK};
use foreclick::error::Result;
use foreclick::event::{EncodedEvent, Upcoming};
use foreclick::format::{EncoderKind, ItemTable, Model, TERMS};
use foreclick::schema::FilterSeen;
use foreclick::vocab::ItemId;
use pollster::block_on;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How far values may lie apart, as a part of their vector's largest magnitude (query, gates) or of the distance
/// from the lowest to the highest score, each counted as at least 1.
const TOLERANCE: f32 = 1e-3;

/// Two items may change places when their scores lie no further apart than this part of the scores' range: the
/// query is coded in steps of a 32767th, and a value on the edge between two steps may fall to either side.
const SWAP: f32 = 2e-5;

/// Everything that one prediction shows.
#[derive(Debug, Clone)]
struct Answer {
    query: Vec<f32>,
    gates: [f32; TERMS],
    scores: Vec<f32>,
    top: TopK,
}

fn gpu() -> Arc<GpuContext> {
    let hint = "the GPU tests need a GPU; install mesa-vulkan-drivers, or run FORECLICK_GPU_TESTS=no ./build.sh test";
    block_on(GpuContext::new()).unwrap_or_else(|error| panic!("{error}: {hint}"))
}

/// The GPU with the kernels of hardware, and with those of software, which have fewer threads.
fn gpus() -> [Arc<GpuContext>; 2] {
    let is_software = gpu().device().adapter_info().device_type == wgpu::DeviceType::Cpu;
    assert_eq!(gpu().is_software(), is_software);
    [false, true].map(|is_software| block_on(GpuContext::taken_for(is_software)).unwrap())
}

fn gpu_session(context: &Arc<GpuContext>, model: &Arc<Model>) -> Result<Gpu> {
    Gpu::new(block_on(GpuModel::new(context.clone(), model.clone()))?)
}

fn shape(hidden: usize, heads: usize, blocks: usize, max_len: usize, items: usize) -> ModelShape {
    ModelShape {
        hidden,
        heads,
        blocks,
        feed_forward: 2 * hidden,
        max_len,
        items,
        has_group: false,
        has_fields: false,
        filter_seen: FilterSeen::None,
    }
}

/// Sizes on both sides of a workgroup, of a word and of a tile; rings shorter and longer than the session.
fn shapes() -> Vec<ModelShape> {
    vec![
        shape(16, 1, 1, 1, 1),
        ModelShape { has_group: true, filter_seen: FilterSeen::Group, ..shape(16, 2, 2, 7, 5) },
        ModelShape { has_fields: true, feed_forward: 50, ..shape(24, 3, 1, 5, 1000) },
        ModelShape { has_group: true, has_fields: true, ..shape(64, 4, 2, 20, 1000) },
        ModelShape { filter_seen: FilterSeen::All, ..shape(64, 2, 3, 10, 20_000) },
        ModelShape { has_group: true, filter_seen: FilterSeen::Group, ..shape(128, 4, 2, 15, 4097) },
        ModelShape { feed_forward: 100, ..shape(320, 4, 1, 9, 300) },
        // The feed-forward layer in several parts, the last smaller.
        ModelShape { feed_forward: 1100, ..shape(32, 2, 2, 9, 300) },
    ]
}

async fn cpu_answer<L: Lanes>(stream: &mut Stream<Cpu<L>>, upcoming: Upcoming, k: usize) -> Answer {
    let top = stream.predict(upcoming, k, &[]).await.unwrap();
    let mut scores = vec![0.0; stream.items()];
    stream.ops().write_scores(&mut scores);
    let (query, gates) = stream.ops().state();
    Answer { query: query.to_vec(), gates: *gates, scores, top }
}

async fn gpu_answer(stream: &mut Stream<Gpu>, upcoming: Upcoming, k: usize) -> Answer {
    let top = stream.predict(upcoming, k, &[]).await.unwrap();
    let (query, gates) = stream.ops().state().await.unwrap();
    Answer { query, gates, scores: stream.ops().scores().await.unwrap(), top }
}

/// The difference between two answers that is too large, or the largest of those that are allowed.
fn compare(expected: &Answer, got: &Answer) -> Result<f32, String> {
    let largest = |values: &[f32]| values.iter().fold(1.0f32, |largest, value| largest.max(value.abs()));
    let candidates = expected.scores.iter().filter(|score| score.is_finite());
    let (low, high) = candidates.fold((f32::MAX, f32::MIN), |(low, high), &score| (low.min(score), high.max(score)));
    let range = (high - low).max(1.0);
    let differences = [
        difference("query", &expected.query, &got.query, largest(&expected.query))?,
        difference("gates", &expected.gates, &got.gates, largest(&expected.gates))?,
        difference("scores", &expected.scores, &got.scores, range)?,
        difference("log_sum_exp", &[expected.top.log_sum_exp], &[got.top.log_sum_exp], range)?,
    ];
    compare_ranks(expected, &got.top, SWAP * range)?;
    Ok(differences.into_iter().fold(0.0, f32::max))
}

fn difference(name: &str, expected: &[f32], got: &[f32], unit: f32) -> Result<f32, String> {
    if expected.len() != got.len() {
        return Err(format!("{name}: {} values, expected {}", got.len(), expected.len()));
    }
    let mut worst = 0.0f32;
    for (place, (expected, got)) in expected.iter().zip(got).enumerate() {
        // Excluded items and empty sums are at minus infinity on both sides.
        let apart = if expected == got { 0.0 } else { (expected - got).abs() / unit };
        if apart.is_nan() || apart > TOLERANCE {
            return Err(format!("{name}[{place}]: {got}, expected {expected}, {apart:.1e} apart"));
        }
        worst = worst.max(apart);
    }
    Ok(worst)
}

fn compare_ranks(expected: &Answer, got: &TopK, allowed: f32) -> Result<(), String> {
    let (expected, scores) = (&expected.top.ranked, &expected.scores);
    if expected.len() != got.ranked.len() {
        return Err(format!("{} ranked, expected {}", got.ranked.len(), expected.len()));
    }
    for (place, (a, b)) in expected.iter().zip(&got.ranked).enumerate() {
        let apart = (a.1 - scores[b.0 as usize]).abs();
        if apart.is_nan() || apart > allowed {
            return Err(format!("place {place} has item {}, expected {}: {apart:.1e} apart", b.0, a.0));
        }
    }
    let mut items: Vec<ItemId> = got.ranked.iter().map(|pair| pair.0).collect();
    items.sort_unstable();
    items.dedup();
    if items.len() < expected.len() { Err("an item is ranked twice".into()) } else { Ok(()) }
}

#[test]
#[ignore = "needs a GPU: ./build.sh test runs it"]
fn gpu_scalar_and_simd_agree() {
    let contexts = gpus();
    let encoders = EncoderKind::ALL.into_iter().filter(|&encoder| encoder != EncoderKind::Counting);
    let shapes = encoders.flat_map(|encoder| shapes().into_iter().map(move |shape| (encoder, shape)));
    for (seed, (encoder, shape)) in shapes.enumerate() {
        let model = Arc::new(unquantized_model_of(encoder, shape, seed as u64).quantized(8));
        let mut scalar = Stream::new(model.clone(), Cpu::<Scalar>::new(model.clone())).unwrap();
        let mut simd = Stream::new(model.clone(), Cpu::<Simd>::new(model.clone())).unwrap();
        let mut streams = contexts
            .each_ref()
            .map(|context| Stream::new(model.clone(), gpu_session(context, &model).unwrap()).unwrap());
        let (mut worst_simd, mut worst_gpu) = (0.0f32, 0.0f32);
        for (place, event) in random_events(shape, 25, 99 + seed as u64).iter().enumerate() {
            // Before the first event, then after each: the open group goes on, or another begins.
            for stream_group in [event.group, event.group + 1] {
                let upcoming = Upcoming { group: stream_group };
                let expected = block_on(cpu_answer(&mut scalar, upcoming, 10));
                let check = |got: Answer| {
                    compare(&expected, &got).unwrap_or_else(|error| panic!("{encoder:?}, {shape:?}, {place}: {error}"))
                };
                worst_simd = worst_simd.max(check(block_on(cpu_answer(&mut simd, upcoming, 10))));
                for gpu in &mut streams {
                    worst_gpu = worst_gpu.max(check(block_on(gpu_answer(gpu, upcoming, 10))));
                }
            }
            scalar.observe(event.view()).unwrap();
            simd.observe(event.view()).unwrap();
            streams.iter_mut().for_each(|gpu| gpu.observe(event.view()).unwrap());
        }
        println!("{encoder:?}, {shape:?}: SIMD within {worst_simd:.1e}, GPU within {worst_gpu:.1e}");
    }
}

#[test]
fn a_wrong_answer_is_noticed() {
    let model = Arc::new(random_model(shape(64, 4, 2, 20, 1000), 3));
    let mut stream = Stream::new(model.clone(), Cpu::<Simd>::new(model.clone())).unwrap();
    let right = block_on(cpu_answer(&mut stream, Upcoming { group: 0 }, 10));
    assert!(compare(&right, &right).is_ok());
    let wrong = |change: &dyn Fn(&mut Answer)| {
        let mut answer = right.clone();
        change(&mut answer);
        compare(&right, &answer).unwrap_err()
    };
    assert!(wrong(&|answer| answer.query[5] *= 1.1).starts_with("query[5]"));
    assert!(wrong(&|answer| answer.gates[2] = f32::NAN).starts_with("gates[2]"));
    assert!(wrong(&|answer| answer.scores[999] += 0.1).starts_with("scores[999]"));
    assert!(wrong(&|answer| answer.scores[0] = f32::NEG_INFINITY).starts_with("scores[0]"));
    assert!(wrong(&|answer| answer.top.log_sum_exp += 0.1).starts_with("log_sum_exp"));
    assert!(wrong(&|answer| answer.top.ranked.swap(3, 4)).starts_with("place 3"));
    assert!(wrong(&|answer| answer.top.ranked[9] = answer.top.ranked[0]).starts_with("place 9"));
    assert!(wrong(&|answer| answer.top.ranked.truncate(9)).starts_with("9 ranked"));
}

/// Rows repeat, so that many scores are equal to the bit: the GPU must order what it scored just as the CPU would.
#[test]
#[ignore = "needs a GPU: ./build.sh test runs it"]
fn gpu_ties_are_ordered_by_item() {
    for items in [9_000, 100_000] {
        let mut model = random_model(shape(32, 2, 1, 8, items), 5);
        let ItemTable::Int8(rows) = &mut model.weights.items else { panic!("not int8") };
        rows.codes = rows.codes[..40 * 32].repeat(items / 40).into();
        for item in 0..items {
            let like = item % 40;
            rows.scales[item] = rows.scales[like];
            model.weights.item_bias[item] = model.weights.item_bias[like];
        }
        ranks_as_sorted(model);
    }
}

/// The most that picking has to do: the candidates of each round are better than those before, among the chunks' bests and then
/// among the scores of the chunks that were picked.
#[test]
#[ignore = "needs a GPU: ./build.sh test runs it"]
fn gpu_ranks_what_gets_better_and_better() {
    for items in [60, 32_768] {
        let mut model = random_model(shape(32, 2, 1, 8, items), 5);
        // Scores are the biases alone, whole numbers that an f32 holds.
        let ItemTable::Int8(rows) = &mut model.weights.items else { panic!("not int8") };
        rows.scales.fill(0.0);
        model.weights.gates.values.fill(0.0);
        model.weights.gate_open.values.fill(0.0);
        model.weights.gate_bias.fill(0.0);
        model.weights.gate_bias[0] = 1.0;
        // A chunk of the largest has every 32nd of 512 items.
        for (item, bias) in model.weights.item_bias.iter_mut().enumerate() {
            let (chunk, place) = (item / 512 * 32 + item % 32, item / 32 % 16);
            *bias = (if place == 0 { 1_000_000 + chunk } else { (2_047 - chunk) * 16 + place }) as f32;
        }
        ranks_as_sorted(model);
    }
}

fn ranks_as_sorted(model: Model) {
    let model = Arc::new(model);
    for context in gpus() {
        let mut stream = Stream::new(model.clone(), gpu_session(&context, &model).unwrap()).unwrap();
        for k in [0, 1, 10, 17, 33, MAX_K] {
            let Answer { scores, top, .. } = block_on(gpu_answer(&mut stream, Upcoming { group: 0 }, k));
            let mut all: Vec<(ItemId, f32)> =
                scores.iter().enumerate().map(|(item, &score)| (item as u32, score)).collect();
            all.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            assert_eq!(top.ranked, all[..k.min(all.len())]);
            let largest = f64::from(all[0].1);
            let sum: f64 = scores.iter().map(|&score| (f64::from(score) - largest).exp()).sum();
            let allowed = 1e-4 + 2.0 * f64::from(f32::EPSILON) * largest.abs();
            assert!((f64::from(top.log_sum_exp) - largest - sum.ln()).abs() < allowed);
        }
        let error = block_on(stream.predict(Upcoming { group: 0 }, MAX_K + 1, &[])).err();
        assert_eq!(error.map(|error| error.code()), (model.vocab.len() > MAX_K).then_some("gpu"));
    }
}

/// More events than wait for one submit, and more adjustments than there is room for at first.
#[test]
#[ignore = "needs a GPU: ./build.sh test runs it"]
fn gpu_sessions_that_are_restored_catch_up_at_once() {
    let contexts = gpus();
    // Steps that take each other's places in the ring run one after the other, others side by side.
    for encoder in EncoderKind::ALL.into_iter().filter(|&encoder| encoder != EncoderKind::Counting) {
        for max_len in [50, 200, 400] {
            let shape = ModelShape { has_group: true, has_fields: true, ..shape(64, 4, 2, max_len, 20_000) };
            contexts.iter().for_each(|context| restore(context, encoder, shape));
        }
    }
}

fn restore(context: &Arc<GpuContext>, encoder: EncoderKind, shape: ModelShape) {
    let model = Arc::new(unquantized_model_of(encoder, shape, 7).quantized(8));
    let mut cpu = Stream::new(model.clone(), Cpu::<Simd>::new(model.clone())).unwrap();
    let mut gpu = Stream::new(model.clone(), gpu_session(context, &model).unwrap()).unwrap();
    let events = random_events(shape, 300, 8);
    for event in &events {
        cpu.observe(event.view()).unwrap();
    }
    let started = Instant::now();
    for event in &events {
        gpu.observe(event.view()).unwrap();
    }
    println!("{encoder:?}: 300 events with a ring of {} took {:?} to hand over", shape.max_len, started.elapsed());
    let upcoming = Upcoming { group: events[299].group };
    let expected = block_on(cpu_answer(&mut cpu, upcoming, 10));
    compare(&expected, &block_on(gpu_answer(&mut gpu, upcoming, 10))).unwrap();
    println!("and {:?} with the answer", started.elapsed());
    assert!(started.elapsed() < Duration::from_secs(20));

    let exclude: Vec<ItemId> = (0..5000).map(|place| place * 3).collect();
    let expected = block_on(cpu.predict(upcoming, 10, &exclude)).unwrap();
    let got = block_on(gpu.predict(upcoming, 10, &exclude)).unwrap();
    let items = |top: &TopK| top.ranked.iter().map(|pair| pair.0).collect::<Vec<_>>();
    assert_eq!(items(&got), items(&expected));
    assert!((got.log_sum_exp - expected.log_sum_exp).abs() < 1e-3);
}

/// Steps so long that few or none fit one dispatch on a driver that ends long loops, in all the ways they are sent.
#[test]
#[ignore = "needs a GPU: ./build.sh test runs it"]
fn gpu_steps_of_large_encoders_are_right_however_many_wait() {
    let contexts = gpus();
    for (encoder, shape, counts) in [
        (EncoderKind::Transformer, ModelShape { feed_forward: 1024, ..shape(256, 4, 4, 64, 300) }, [1, 3, 68]),
        (EncoderKind::Transformer, ModelShape { feed_forward: 2048, ..shape(512, 8, 4, 5, 300) }, [0, 2, 7]),
        (EncoderKind::Hstu, shape(512, 8, 8, 5, 300), [0, 2, 7]),
        (EncoderKind::Gru, shape(256, 4, 4, 1, 300), [0, 3, 68]),
        (EncoderKind::Lstm, shape(512, 8, 4, 5, 300), [0, 2, 7]),
    ] {
        let model = Arc::new(unquantized_model_of(encoder, shape, 7).quantized(8));
        for (context, count) in contexts.iter().flat_map(|context| counts.map(|count| (context, count))) {
            let mut events = random_events(shape, 2 * count + 5, 8);
            events.retain(|event| event.view().is_known());
            assert!(events.len() > count);
            let mut cpu = Stream::new(model.clone(), Cpu::<Simd>::new(model.clone())).unwrap();
            let mut gpu = Stream::new(model.clone(), gpu_session(context, &model).unwrap()).unwrap();
            // So many at once, then one alone.
            for part in [&events[..count], &events[count..=count]] {
                for event in part {
                    cpu.observe(event.view()).unwrap();
                    gpu.observe(event.view()).unwrap();
                }
                let upcoming = Upcoming { group: 9 };
                let expected = block_on(cpu_answer(&mut cpu, upcoming, 10));
                let got = block_on(gpu_answer(&mut gpu, upcoming, 10));
                compare(&expected, &got)
                    .unwrap_or_else(|what| panic!("{encoder:?}, {} values, {count} events: {what}", shape.hidden));
            }
        }
    }
}

#[test]
#[ignore = "needs a GPU: ./build.sh test runs it"]
fn gpu_without_a_candidate_and_after_a_reset() {
    gpus().iter().for_each(without_a_candidate);
}

/// Every item is out, then the session begins again.
fn without_a_candidate(context: &Arc<GpuContext>) {
    let shape = ModelShape { filter_seen: FilterSeen::All, ..shape(16, 1, 1, 4, 3) };
    let model = Arc::new(random_model(shape, 11));
    let mut stream = Stream::new(model.clone(), gpu_session(context, &model).unwrap()).unwrap();
    let first = block_on(stream.predict(Upcoming { group: 0 }, 10, &[])).unwrap();
    assert_eq!(first.ranked.len(), 3);
    for item in [2, 0, 1, 1] {
        let event = EncodedEvent { item, time: 0, group: 0, fields: vec![] };
        stream.observe(event.view()).unwrap();
    }
    let nobody = block_on(stream.predict(Upcoming { group: 0 }, 10, &[])).unwrap();
    assert_eq!(nobody, TopK { ranked: vec![], log_sum_exp: f32::NEG_INFINITY });
    stream.reset().unwrap();
    assert_eq!(block_on(stream.predict(Upcoming { group: 0 }, 10, &[])).unwrap(), first);
}

/// The kernels in other orders than a stream's: each sees what came before it, whatever waited for a submit.
#[test]
#[ignore = "needs a GPU: ./build.sh test runs it"]
fn gpu_kernels_run_in_the_order_of_their_calls() {
    let context = gpu();
    let model = Arc::new(random_model(shape(32, 2, 2, 6, 500), 13));
    let mut cpu = Cpu::<Scalar>::new(model.clone());
    let mut gpu = gpu_session(&context, &model).unwrap();
    let expected = block_on(odd_order(&mut cpu)).unwrap();
    let got = block_on(odd_order(&mut gpu)).unwrap();
    for (expected, got) in expected.iter().zip(&got) {
        assert!((expected.log_sum_exp - got.log_sum_exp).abs() < 1e-3, "{expected:?} {got:?}");
        for (a, b) in expected.ranked.iter().zip(&got.ranked) {
            assert!(a.0 == b.0 && (a.1 - b.1).abs() < 1e-3, "{expected:?} {got:?}");
        }
    }
}

async fn odd_order(ops: &mut impl Ops) -> Result<Vec<TopK>> {
    let mut random = Random(17);
    let inputs: Vec<Vec<f32>> = (0..5).map(|_| random.vector(32, 1.0)).collect();
    let rotation: Vec<f32> = [1.0, 0.0].repeat(8);
    let step = |place: usize| Step {
        input: &inputs[place],
        rotation: &rotation,
        buckets: &[],
        slot: place,
        filled: place + 1,
    };
    let adjustment =
        |item, excluded, constant| Adjustment { item, excluded, features: [0.5, 0.1, 0.3, 0.2, 0.4], constant };
    let mut answers = vec![];
    ops.encode(&step(0))?;
    ops.encode(&step(1))?;
    ops.score(3)?;
    ops.adjust(&[adjustment(0, false, 9.0), adjustment(1, true, 0.0), adjustment(2, false, 1.0)])?;
    ops.adjust(&[adjustment(0, false, 9.0), adjustment(1, false, 99.0)])?;
    // The scores are of the state before this step.
    ops.encode(&step(2))?;
    answers.push(ops.top_k(10).await?);
    answers.push(ops.top_k(3).await?);
    ops.adjust(&[adjustment(5, false, 50.0)])?;
    answers.push(ops.top_k(10).await?);
    // These scores are never asked for.
    ops.score(0)?;
    ops.adjust(&[adjustment(7, false, 99.0)])?;
    ops.score(1)?;
    answers.push(ops.top_k(10).await?);
    ops.encode(&step(3))?;
    ops.encode(&step(4))?;
    ops.score(0)?;
    answers.push(ops.top_k(10).await?);
    Ok(answers)
}

#[test]
#[ignore = "needs a GPU: ./build.sh test runs it"]
fn gpu_that_is_gone_is_an_error_at_once() {
    let context = gpu();
    println!("on {}", context.describe());
    let model = Arc::new(random_model(shape(16, 1, 1, 4, 100), 19));
    let gpu_model = block_on(GpuModel::new(context.clone(), model.clone())).unwrap();
    let mut stream = Stream::new(model.clone(), Gpu::new(gpu_model.clone()).unwrap()).unwrap();
    block_on(stream.predict(Upcoming { group: 0 }, 5, &[])).unwrap();
    context.destroy();
    refuses(&mut stream);
    assert!(Gpu::new(gpu_model).is_err() && block_on(GpuModel::new(context.clone(), model)).is_err());
    // We gave it back ourselves: that is no loss.
    assert!(!context.is_lost());
}

/// The same behind the context's back.
#[test]
#[ignore = "needs a GPU: ./build.sh test runs it"]
fn gpu_that_goes_unannounced_is_an_error_at_once() {
    let context = gpu();
    let model = Arc::new(random_model(shape(16, 1, 1, 4, 100), 19));
    let mut stream = Stream::new(model.clone(), gpu_session(&context, &model).unwrap()).unwrap();
    // Work that is under way, such as a driver's compiling, is waited for: an answer says that none is.
    block_on(stream.predict(Upcoming { group: 0 }, 5, &[])).unwrap();
    context.device().destroy();
    refuses(&mut stream);
    refuses(&mut stream);
}

fn refuses(stream: &mut Stream<Gpu>) {
    let started = Instant::now();
    let error = block_on(stream.predict(Upcoming { group: 0 }, 5, &[])).unwrap_err();
    println!("{error}");
    assert_eq!(error.code(), "gpu");
    assert!(error.to_string().contains("CPU"), "{error}");
    // Not after waiting for an answer.
    assert!(started.elapsed() < DEADLINE);
}

#[test]
#[ignore = "needs a GPU: ./build.sh test runs it"]
fn gpu_refuses_models_that_it_does_not_take() {
    let context = gpu();
    let refuse = |model: Model| match block_on(GpuModel::new(context.clone(), Arc::new(model))) {
        Ok(_) => panic!("taken"),
        Err(error) => error.to_string(),
    };
    assert!(refuse(unquantized_model(shape(16, 1, 1, 4, 100), 23)).contains("expected int8 or int4"));
    let counting = unquantized_model_of(EncoderKind::Counting, shape(16, 1, 1, 4, 100), 23).quantized(8);
    assert!(refuse(counting).contains("the model only counts"));
    // Scales, biases and scores lie in one buffer each.
    let limits = wgpu::Limits { max_storage_buffer_binding_size: 64 << 10, ..wgpu::Limits::default() };
    let context = block_on(GpuContext::with_limits(limits)).unwrap();
    let model = Arc::new(random_model(shape(16, 1, 1, 4, 20_000), 23));
    let error = block_on(GpuModel::new(context, model)).err().unwrap();
    assert!(error.to_string().contains("need 80000 bytes, expected at most 65536"), "{error}");
}

/// A device that shows shaders so little of a buffer that the rows take several.
#[test]
#[ignore = "needs a GPU: ./build.sh test runs it"]
fn gpu_rows_in_shards_give_the_same() {
    let bytes = 200 << 10;
    let limits = wgpu::Limits { max_storage_buffer_binding_size: bytes, ..wgpu::Limits::default() };
    let context = block_on(GpuContext::with_limits(limits)).unwrap();
    let shape = ModelShape { feed_forward: 40, ..shape(64, 2, 1, 10, 20_000) };
    for bits in [8, 4] {
        let model = unquantized_model(shape, 3).quantized(bits);
        assert!(20_000 * 64 * u64::from(bits) / 8 > 3 * bytes);
        same_on_both(&context, shape, &Arc::new(model));
    }
}

/// In each of the GPU's ways to score.
fn same_on_both(context: &Arc<GpuContext>, shape: ModelShape, model: &Arc<Model>) {
    let mut cpu = Stream::new(model.clone(), Cpu::<Scalar>::new(model.clone())).unwrap();
    let events = random_events(shape, 12, 8);
    let upcoming = Upcoming { group: events[11].group };
    events.iter().for_each(|event| cpu.observe(event.view()).unwrap());
    let expected = block_on(cpu_answer(&mut cpu, upcoming, 10));
    for variant in 0..2 {
        let mut ops = gpu_session(context, model).unwrap();
        assert_eq!(ops.variants(), 2);
        ops.choose(variant);
        assert_eq!(ops.kernel(), ["unpacked", "packed"][variant]);
        let mut gpu = Stream::new(model.clone(), ops).unwrap();
        events.iter().for_each(|event| gpu.observe(event.view()).unwrap());
        let got = block_on(gpu_answer(&mut gpu, upcoming, 10));
        compare(&expected, &got).unwrap_or_else(|what| panic!("{}: {what}", gpu.ops().kernel()));
    }
}

#[test]
#[ignore = "needs a GPU: ./build.sh test runs it"]
fn gpu_scores_int8_and_int4_in_each_way() {
    let context = gpu();
    for shape in shapes() {
        for bits in [8, 4].into_iter().filter(|&bits| bits == 8 || shape.hidden % 32 == 0) {
            same_on_both(&context, shape, &Arc::new(unquantized_model(shape, 5).quantized(bits)));
        }
    }
}
