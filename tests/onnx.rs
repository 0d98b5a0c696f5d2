//! A model written as ONNX answers as the engine does, checked by ONNX Runtime.
#![cfg(feature = "companion")]
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

mod common;
#[path = "common/onnx.rs"]
mod onnx_case;

use common::{ModelShape, random_events, random_model, unquantized_model};
use foreclick::companion::onnx;
use foreclick::event::EncodedEvent;
use foreclick::schema::FilterSeen;
use onnx_case::{dequantized, onnx_case};
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
        // More events than the encoder sees at once.
        for count in [1, 5, 20] {
            let mut events: Vec<EncodedEvent> = random_events(shape, 2 * count, 7);
            events.retain(|event| event.view().is_known());
            events.truncate(count);
            let case = onnx_case(&model, &events).to_string();
            std::fs::write(folder.path().join(format!("{number}-{count}.json")), case).unwrap();
        }
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers/check.js");
    let checked = Command::new("node").arg(script).arg(folder.path()).output().unwrap();
    let told = String::from_utf8_lossy(&checked.stdout).into_owned() + &String::from_utf8_lossy(&checked.stderr);
    assert!(checked.status.success(), "{told}");
    assert!(told.contains("12 sessions"), "{told}");
}

#[test]
fn a_quantized_model_is_refused() {
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
}
