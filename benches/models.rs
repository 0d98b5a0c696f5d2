//! Writes what `benches/peers` runs: random models of the real architecture for foreclick and, the same numbers, as
//! ONNX, and a session for each length of history. `./build.sh bench` calls it with the folder to write to.
#![expect(clippy::unwrap_used, reason = "a benchmark without its inputs can only stop")]

#[expect(dead_code, reason = "tests use the rest")]
#[path = "../tests/common/mod.rs"]
mod common;
#[path = "../tests/common/onnx.rs"]
mod onnx_case;

use common::{ModelShape, Random, unquantized_model};
use foreclick::companion::onnx;
use foreclick::event::EncodedEvent;
use foreclick::format::Model;
use foreclick::schema::FilterSeen;
use onnx_case::{dequantized, onnx_case};
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;

const ITEMS: [usize; 4] = [1_000, 10_000, 100_000, 1_000_000];
const HIDDEN: [usize; 2] = [64, 128];
/// Inputs that the encoder sees: the opening one and the events.
const HISTORY: [usize; 2] = [50, 200];
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
            let session = session(model, history - 1).to_string();
            std::fs::write(folder.join(format!("{name}-{history}-int{bits}.json")), session).unwrap();
        }
    }
}

/// Events for our side, and what ONNX's inputs are for them; one a minute.
fn session(model: Model, events: usize) -> Value {
    let model = Arc::new(model);
    let random = &mut Random(2);
    let mut event = |place: usize| EncodedEvent {
        item: random.below(model.vocab.len()) as u32,
        time: place as i64 * MINUTE,
        group: 0,
        fields: vec![],
    };
    let events: Vec<EncodedEvent> = (0..events).map(&mut event).collect();
    let mut session = onnx_case(&model, &events);
    session["keys"] = events.iter().map(|event| model.vocab.key(event.item)).collect();
    session["times"] = events.iter().map(|event| event.time).collect();
    session
}
