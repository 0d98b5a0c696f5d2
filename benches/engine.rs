//! Times the engine on random models, whose weights cost what any weights cost: scalar code, SIMD and the GPU after
//! each other for each row of the table. `./build.sh bench` shows them side by side.
//!
//! Beside criterion's estimates it leaves in build/bench: `native.json`, the rows and the GPU's name, and
//! `model.safetensors`, the model for the browser's part.
#![expect(clippy::unwrap_used, reason = "a benchmark without its inputs can only stop")]

#[path = "../tests/common/mod.rs"]
mod common;

use common::{ModelShape, Random, random_events, random_model};
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput};
use foreclick::engine::cpu::{Cpu, Scalar, Simd};
use foreclick::engine::gpu::{Gpu, GpuContext, GpuModel};
use foreclick::engine::{Ops, Step, Stream};
use foreclick::event::{EncodedEvent, Upcoming};
use foreclick::format::Model;
use foreclick::predictor::{MAX_EVENTS, effects};
use foreclick::schema::FilterSeen;
use pollster::block_on;
use serde_json::{Map, Value, json};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The demo's model: `www/demo.toml` trains with the default sizes on this many items.
const DEMO: ModelShape = ModelShape {
    hidden: 64,
    heads: 2,
    blocks: 2,
    feed_forward: 128,
    max_len: 64,
    items: 13_343,
    has_group: true,
    has_fields: false,
    filter_seen: FilterSeen::Group,
};
const BROWSER_ITEMS: usize = 10_000;
const K: usize = 10;

/// As many steps as a GPU takes in one submit.
const STEPS: usize = 64;

/// Events that a session has before any are timed, so that the encoder's ring is full; and those that are timed then.
const UNTIMED: usize = DEMO.max_len;
const TIMED: usize = 16;

type Group<'a> = BenchmarkGroup<'a, WallTime>;

fn main() {
    let mut bench = Bench {
        criterion: Criterion::default()
            .warm_up_time(Duration::from_millis(500))
            .measurement_time(Duration::from_secs(2))
            .sample_size(20)
            .configure_from_args(),
        gpu: block_on(GpuContext::new()),
        rows: Vec::new(),
        row_bytes: Map::new(),
    };
    bench.encoder();
    let sizes = [(1_000, "1,000"), (10_000, "10,000"), (100_000, "100,000"), (1_000_000, "1,000,000")];
    for (items, name) in sizes {
        bench.score(items, name);
    }
    bench.demo();
    bench.explain();
    bench.write_files();
}

struct Bench {
    criterion: Criterion,
    gpu: foreclick::error::Result<Arc<GpuContext>>,
    /// The table's rows, in its order.
    rows: Vec<String>,
    /// How many bytes of item rows some of them read.
    row_bytes: Map<String, Value>,
}

impl Bench {
    fn encoder(&mut self) {
        let model = Arc::new(random_model(ModelShape { items: 1, ..DEMO }, 1));
        let gpu = self.gpu_session(&model);
        let mut group = self.row("one encoder step", STEPS);
        encode(&mut group, "scalar", Cpu::<Scalar>::new(model.clone()), true);
        encode(&mut group, "simd", Cpu::<Simd>::new(model.clone()), true);
        drop(group);
        // What no later step looks at is left out but for the last.
        let mut group = self.row("one encoder step of a history", STEPS);
        encode(&mut group, "scalar", Cpu::<Scalar>::new(model.clone()), false);
        encode(&mut group, "simd", Cpu::<Simd>::new(model), false);
        if let Some(gpu) = gpu {
            encode(&mut group, "gpu", gpu, false);
        }
    }

    fn score(&mut self, items: usize, name: &str) {
        let model = Arc::new(random_model(ModelShape { items, ..DEMO }, 2));
        let gpu = self.gpu_session(&model);
        let row = format!("score and rank {name} items");
        self.row_bytes.insert(row.clone(), (items * DEMO.hidden).into());
        let mut group = self.row(&row, 1);
        score(&mut group, "scalar", Cpu::<Scalar>::new(model.clone()));
        score(&mut group, "simd", Cpu::<Simd>::new(model));
        if let Some(gpu) = gpu {
            score(&mut group, "gpu", gpu);
        }
    }

    /// Whole sessions: what an event and a prediction cost with counting included.
    fn demo(&mut self) {
        let model = Arc::new(random_model(DEMO, 3));
        let events = random_events(DEMO, UNTIMED + TIMED, 4);
        let mut scalar = Stream::new(model.clone(), Cpu::<Scalar>::new(model.clone())).unwrap();
        let mut simd = Stream::new(model.clone(), Cpu::<Simd>::new(model.clone())).unwrap();
        let mut gpu = self.gpu_session(&model).map(|gpu| Stream::new(model.clone(), gpu).unwrap());
        // On the GPU an event only waits for the next prediction.
        let mut group = self.row("observe (demo's model)", TIMED);
        observe(&mut group, "scalar", &mut scalar, &events);
        observe(&mut group, "simd", &mut simd, &events);
        drop(group);
        let mut group = self.row("predict (demo's model)", 1);
        predict(&mut group, "scalar", &mut scalar, &events);
        predict(&mut group, "simd", &mut simd, &events);
        if let Some(gpu) = &mut gpu {
            predict(&mut group, "gpu", gpu, &events);
        }
        drop(group);
        let mut group = self.row("observe and predict (demo's model)", TIMED);
        observe_and_predict(&mut group, "scalar", &mut scalar, &events);
        observe_and_predict(&mut group, "simd", &mut simd, &events);
        if let Some(gpu) = &mut gpu {
            observe_and_predict(&mut group, "gpu", gpu, &events);
        }
    }

    /// An explanation's events, each left out in turn.
    fn explain(&mut self) {
        let model = Arc::new(random_model(DEMO, 3));
        let events = random_events(DEMO, UNTIMED + MAX_EVENTS, 4);
        let (before, latest) = events.split_at(UNTIMED);
        let mut stream = Stream::new(model.clone(), Cpu::<Simd>::new(model.clone())).unwrap();
        begin(&mut stream, before);
        let latest: Vec<_> = latest.iter().map(EncodedEvent::view).collect();
        let measure = |stream: &mut Stream<Cpu<Simd>>| {
            stream.score(Upcoming { group: 0 }, &[])?;
            Ok(stream.ops_mut().rank(0, None).log_sum_exp)
        };
        let mut group = self.row("explain 32 events (demo's model)", 1);
        group.bench_function("simd", |bencher| {
            bencher.iter(|| effects(stream.clone(), &model.metadata.schema, &latest, &measure).unwrap().effects);
        });
    }

    fn row(&mut self, name: &str, elements: usize) -> Group<'_> {
        self.rows.push(name.to_owned());
        let mut group = self.criterion.benchmark_group(name);
        group.throughput(Throughput::Elements(elements as u64));
        group
    }

    fn gpu_session(&self, model: &Arc<Model>) -> Option<Gpu> {
        let context = self.gpu.as_ref().ok()?.clone();
        Some(Gpu::new(block_on(GpuModel::new(context, model.clone())).unwrap()).unwrap())
    }

    fn write_files(&self) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("build/bench");
        std::fs::create_dir_all(&folder).unwrap();
        let (adapter, skipped) = match &self.gpu {
            Ok(context) => (Some(context.describe()), None),
            Err(error) => (None, Some(error.to_string())),
        };
        let native = json!({
            "rows": self.rows,
            "row_bytes": self.row_bytes,
            "stream_bytes_per_second": stream_bytes_per_second(),
            "adapter": adapter,
            "gpu_skipped": skipped,
        });
        std::fs::write(folder.join("native.json"), native.to_string()).unwrap();
        let model = random_model(ModelShape { items: BROWSER_ITEMS, ..DEMO }, 5);
        std::fs::write(folder.join("model.safetensors"), model.to_bytes().unwrap()).unwrap();
    }
}

/// What one thread can read from memory: the best of several passes over far more than the caches hold.
fn stream_bytes_per_second() -> f64 {
    let words = vec![1u64; (256 << 20) / 8];
    let pass = || {
        let start = Instant::now();
        let mut sums = [0u64; 16];
        for part in words.as_chunks::<16>().0 {
            for (sum, word) in sums.iter_mut().zip(part) {
                *sum = sum.wrapping_add(*word);
            }
        }
        std::hint::black_box(sums);
        (8 * words.len()) as f64 / start.elapsed().as_secs_f64()
    };
    (0..10).map(|_| pass()).fold(0.0, f64::max)
}

/// A GPU gets its steps all at once and then answers for one item, which costs the others next to nothing.
fn encode<O: Ops>(group: &mut Group<'_>, device: &str, mut ops: O, scores_each: bool) {
    let input = Random(6).vector(DEMO.hidden, 1.0);
    let rotation = [1.0, 0.0].repeat(DEMO.hidden / DEMO.heads / 2);
    group.bench_function(device, |bencher| {
        bencher.iter(|| {
            for slot in 0..STEPS {
                let step = Step { input: &input, rotation: &rotation, buckets: &[], slot, filled: DEMO.max_len };
                ops.encode(&step).unwrap();
                if scores_each {
                    ops.score(0).unwrap();
                }
            }
            ops.score(0).unwrap();
            block_on(ops.top_k(1)).unwrap()
        });
    });
}

fn score<O: Ops>(group: &mut Group<'_>, device: &str, mut ops: O) {
    let input = Random(7).vector(DEMO.hidden, 1.0);
    let rotation = [1.0, 0.0].repeat(DEMO.hidden / DEMO.heads / 2);
    ops.encode(&Step { input: &input, rotation: &rotation, buckets: &[], slot: 0, filled: 1 }).unwrap();
    group.bench_function(device, |bencher| {
        bencher.iter(|| {
            ops.score(0).unwrap();
            block_on(ops.top_k(K)).unwrap()
        });
    });
}

fn observe<O: Ops>(group: &mut Group<'_>, device: &str, stream: &mut Stream<O>, events: &[EncodedEvent]) {
    time_events(group, device, stream, events, |stream, event| stream.observe(event.view()).unwrap());
}

fn observe_and_predict<O: Ops>(group: &mut Group<'_>, device: &str, stream: &mut Stream<O>, events: &[EncodedEvent]) {
    time_events(group, device, stream, events, |stream, event| {
        stream.observe(event.view()).unwrap();
        block_on(stream.predict(Upcoming { group: event.group }, K, &[])).unwrap();
    });
}

fn predict<O: Ops>(group: &mut Group<'_>, device: &str, stream: &mut Stream<O>, events: &[EncodedEvent]) {
    begin(stream, events);
    let upcoming = Upcoming { group: events.last().unwrap().group };
    group.bench_function(device, |bencher| {
        bencher.iter(|| block_on(stream.predict(upcoming, K, &[])).unwrap());
    });
}

/// Times `work` on the last events of a session.
fn time_events<O: Ops>(
    group: &mut Group<'_>,
    device: &str,
    stream: &mut Stream<O>,
    events: &[EncodedEvent],
    work: impl Fn(&mut Stream<O>, &EncodedEvent),
) {
    let (before, timed) = events.split_at(UNTIMED);
    group.bench_function(device, |bencher| {
        bencher.iter_custom(|iterations| {
            let mut elapsed = Duration::ZERO;
            for _ in 0..iterations {
                begin(stream, before);
                let start = Instant::now();
                timed.iter().for_each(|event| work(stream, event));
                elapsed += start.elapsed();
            }
            elapsed
        });
    });
}

/// A session of these events, with nothing left waiting on a GPU.
fn begin<O: Ops>(stream: &mut Stream<O>, events: &[EncodedEvent]) {
    stream.reset().unwrap();
    events.iter().for_each(|event| stream.observe(event.view()).unwrap());
    block_on(stream.predict(Upcoming { group: 0 }, 0, &[])).unwrap();
}
