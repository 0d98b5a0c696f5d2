//! Writes what `benches/peers` runs: random models of the real architecture for foreclick and, the same numbers, as
//! ONNX, and a session for each length of history. `./build.sh bench` calls it with the folder to write to.
#![expect(clippy::unwrap_used, reason = "a benchmark without its inputs can only stop")]

#[expect(dead_code, reason = "tests use the rest")]
#[path = "../tests/common/mod.rs"]
mod common;

use common::{ModelShape, Random, unquantized_model};
use foreclick::companion::onnx;
use foreclick::engine::cpu::{Cpu, Simd};
use foreclick::engine::input::{Previous, gap_bucket};
use foreclick::engine::{Adjustment, Stream};
use foreclick::event::{EventView, Upcoming};
use foreclick::format::{ItemTable, Matrix, Model};
use foreclick::schema::FilterSeen;
use pollster::block_on;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;

const ITEMS: [usize; 4] = [1_000, 10_000, 100_000, 1_000_000];
const HIDDEN: [usize; 2] = [64, 128];
/// Inputs that the encoder sees: the opening one and the events.
const HISTORY: [usize; 2] = [50, 200];
const K: usize = 10;
/// One event a minute.
const MINUTE: i64 = 60_000;

fn main() {
    // cargo adds options of its own.
    let folder = std::env::args().nth(1).unwrap();
    let folder = Path::new(&folder);
    std::fs::create_dir_all(folder).unwrap();
    for (items, hidden) in ITEMS.into_iter().flat_map(|items| HIDDEN.map(|hidden| (items, hidden))) {
        write(folder, items, hidden);
    }
}

fn write(folder: &Path, items: usize, hidden: usize) {
    let shape = ModelShape {
        hidden,
        heads: 2,
        blocks: 2,
        feed_forward: 2 * hidden,
        max_len: HISTORY[HISTORY.len() - 1],
        items,
        has_group: false,
        has_fields: false,
        filter_seen: FilterSeen::None,
    };
    let trained = unquantized_model(shape, 1);
    let int8 = trained.quantized(8);
    let name = format!("{items}-{hidden}");
    std::fs::write(folder.join(format!("{name}.onnx")), onnx::write(&dequantized(&int8)).unwrap()).unwrap();
    for history in HISTORY {
        for (bits, mut model) in [(8, int8.clone()), (4, trained.quantized(4))] {
            model.metadata.architecture.max_len = history;
            let file = folder.join(format!("{name}-{history}-int{bits}.safetensors"));
            std::fs::write(file, model.to_bytes().unwrap()).unwrap();
            if bits == 8 {
                let session = session(model, history - 1).to_string();
                std::fs::write(folder.join(format!("{name}-{history}.json")), session).unwrap();
            }
        }
    }
}

/// The numbers that the int8 file holds, as floats: all runtimes are to give the same answer.
fn dequantized(model: &Model) -> Model {
    let mut model = model.clone();
    if let ItemTable::Int8(rows) = &model.weights.items {
        model.weights.items = ItemTable::F32(Matrix { columns: rows.columns, values: rows.dequantize() });
    }
    model
}

/// Events for our side, ids and features for ONNX's, and the answer.
fn session(model: Model, events: usize) -> Value {
    let model = Arc::new(model);
    let random = &mut Random(2);
    let items: Vec<u32> = (0..events).map(|_| random.below(model.vocab.len()) as u32).collect();
    let mut stream = Stream::new(model.clone(), Cpu::<Simd>::new(model.clone())).unwrap();
    for (place, &item) in items.iter().enumerate() {
        stream.observe(EventView { item, time: place as i64 * MINUTE, group: 0, fields: &[] }).unwrap();
    }
    let best = block_on(stream.predict(Upcoming { group: 0 }, K, &[])).unwrap();
    let times: Vec<i64> = (0..events as i64).map(|place| place * MINUTE).collect();
    let previous = |place: usize| Some(Previous { time: times[place.checked_sub(1)?], same_group: false });
    let gaps: Vec<usize> = (0..events).map(|place| gap_bucket(previous(place), times[place])).collect();
    let adjustments = stream.adjustments();
    let features = |&Adjustment { recency, neighbour, constant, .. }: &Adjustment| [recency, neighbour, constant];
    json!({
        "keys": items.iter().map(|&item| model.vocab.key(item)).collect::<Vec<_>>(),
        "times": times,
        "items": items,
        "gaps": gaps,
        "candidates": adjustments.iter().map(|adjustment| adjustment.item).collect::<Vec<_>>(),
        "features": adjustments.iter().map(features).collect::<Vec<_>>(),
        "best": best.ranked.iter().map(|&(item, _)| item).collect::<Vec<_>>(),
        "scores": best.ranked.iter().map(|&(_, score)| score).collect::<Vec<_>>(),
    })
}
