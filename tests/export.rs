//! `foreclick export` and the export at the end of training: what is written, what is refused, what is left alone.
#![cfg(feature = "companion")]
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

#[path = "common/companion.rs"]
mod companion;

use companion::{failure, foreclick, output, write_log};
use foreclick::format::{ItemTable, Model};
use std::path::{Path, PathBuf};

const CONFIG: &str = r#"
log = { path = "clicks.csv" }
sequence = { key = "visitor", time = "time" }
item = { column = "page" }
[train]
hidden = 32
feed_forward = 32
epochs = 1
threads = 1
[export]
bits = BITS
max_loss = 0.9
"#;

const MODEL: &str = "runs/ring/model.safetensors";
const BEST: &str = "runs/ring/checkpoints/best.safetensors";

/// Trains one epoch and exports it in so many bits, as the schema file says.
fn train(at: &Path, bits: u8) {
    write_log(at);
    std::fs::write(at.join("foreclick.toml"), CONFIG.replace("BITS", &bits.to_string())).unwrap();
    foreclick(at).args(["train", "--name", "ring"]).assert().success();
}

/// Puts a model whose rows differ by `step` of their length alone in the trained one's place. int4 tells steps of 1/14
/// apart, int8 those of 1/254.
fn put_rows_near_each_other(at: &Path, step: f32) {
    let path = at.join(BEST);
    let mut model = Model::from_bytes(&std::fs::read(&path).unwrap()).unwrap();
    let weights = &mut model.weights;
    let ItemTable::F32(rows) = &mut weights.items else { panic!("{:?}", model.metadata.bits) };
    let length = (1.0 + 31.0 * step * step).sqrt();
    for (item, row) in rows.values.chunks_exact_mut(32).enumerate() {
        let signs = (item as u32 + 1).wrapping_mul(0x9e37_79b1);
        for (place, value) in row.iter_mut().enumerate() {
            let sign = if signs >> place & 1 == 1 { 1.0 } else { -1.0 };
            *value = if place == 0 { 1.0 } else { sign * step } / length;
        }
    }
    // Nothing but the rows makes a difference.
    for values in [&mut weights.item_bias, &mut weights.item_repeat, &mut weights.repeat.values] {
        values.fill(0.0);
    }
    for values in [&mut weights.gates.values, &mut weights.gate_bias, &mut weights.gate_open.values] {
        values.fill(0.0);
    }
    weights.log_scale = 4.0;
    std::fs::write(path, model.to_bytes().unwrap()).unwrap();
}

fn bits(at: &Path, file: &str) -> u32 {
    Model::from_bytes(&std::fs::read(at.join(file)).unwrap()).unwrap().metadata.bits
}

fn stderr(output: &std::process::Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn training_takes_the_fewest_bits_that_lose_little() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    train(at, 4);
    for (step, expected) in [(0.05, 8), (0.003, 16)] {
        put_rows_near_each_other(at, step);
        let trained = foreclick(at).args(["train", "--name", "ring", "--resume"]).assert().success();
        let told = stderr(trained.get_output());
        assert!(told.contains("REFUSED") && told.contains("8 bits are tried instead"), "{told}");
        assert_eq!(told.contains("16 bits are tried instead"), expected == 16, "{told}");
        assert!(!told.contains("`foreclick export"), "no advice for what is done already: {told}");
        assert_eq!(bits(at, MODEL), expected);
    }
    // What training fell back to stays, although the schema file asks for 4 bits.
    foreclick(at).args(["export", "runs/ring", "--out", "m.safetensors", "--items", "i.json"]).assert().success();
    assert_eq!([bits(at, MODEL), bits(at, "m.safetensors")], [16, 16]);
    assert!(at.join("i.json").exists());
}

#[test]
fn a_refused_export_leaves_the_old_file_and_writes_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    train(at, 8);
    put_rows_near_each_other(at, 0.003);
    let before = std::fs::read(at.join(MODEL)).unwrap();
    let others = ["--onnx", "m.onnx", "--items", "i.json", "--out", "m.safetensors"];
    let refused = foreclick(at).args(["export", "runs/ring"]).args(others).assert().code(1);
    let told = stderr(refused.get_output());
    assert!(told.contains("REFUSED for its") && told.contains("`foreclick export runs/ring --bits 16`"), "{told}");
    assert!(at.join("m.onnx").exists() && at.join("i.json").exists() && !at.join("m.safetensors").exists());
    assert!(std::fs::read(at.join(MODEL)).unwrap() == before);
    foreclick(at).args(["export", "runs/ring", "--bits", "16"]).assert().success();
    assert_eq!(bits(at, MODEL), 16);
}

#[test]
fn one_export_does_not_undo_another() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    train(at, 8);
    assert_eq!(bits(at, MODEL), 8);
    foreclick(at).args(["export", "runs/ring", "--bits", "4"]).assert().success();
    foreclick(at).args(["export", "runs/ring", "--items", "i.json"]).assert().success();
    // ONNX needs no log.
    std::fs::rename(at.join("clicks.csv"), at.join("away.csv")).unwrap();
    foreclick(at).args(["export", "runs/ring", "--onnx", "m.onnx"]).assert().success();
    std::fs::rename(at.join("away.csv"), at.join("clicks.csv")).unwrap();
    assert_eq!(bits(at, MODEL), 4);
    foreclick(at).args(["export", "runs/ring"]).assert().success();
    assert_eq!(bits(at, MODEL), 4);
    foreclick(at).args(["export", "runs/ring", "--out", MODEL]).assert().success();
    assert_eq!(bits(at, MODEL), 4, "a file can be written to where it lies");
    assert!(output(foreclick(at).args(["inspect", MODEL])).contains("30 items, 4 bits"));

    // A damaged file has no say, and one that is missing is written.
    std::fs::write(at.join(MODEL), b"").unwrap();
    foreclick(at).args(["export", "runs/ring"]).assert().success();
    assert_eq!(bits(at, MODEL), 8);
    std::fs::remove_file(at.join(MODEL)).unwrap();
    foreclick(at).args(["export", "runs/ring", "--onnx", "m.onnx"]).assert().success();
    assert_eq!(bits(at, MODEL), 8);
}

#[test]
fn what_cannot_be_exported_is_said_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    train(at, 8);
    let before = std::fs::read(at.join(MODEL)).unwrap();
    let refused = |options: &[&str]| failure(foreclick(at).args(["export", "runs/ring"]).args(options));
    let bits = refused(&["--bits", "5"]);
    assert!(bits.contains("--bits") && bits.contains("expected 4, 8 or 16"), "{bits}");
    let loss = refused(&["--max-loss", "2"]);
    assert!(loss.contains("--max-loss") && loss.contains("below 1"), "{loss}");
    for option in ["--out", "--onnx", "--items"] {
        let none = refused(&["--bits", "4", option, "none/file"]);
        assert!(none.contains("none is no folder; make it first"), "{none}");
        assert!(refused(&["--bits", "4", option, "runs"]).contains("no plain file"));
    }
    assert!(std::fs::read(at.join(MODEL)).unwrap() == before);

    let config = std::fs::read_to_string(at.join("foreclick.toml")).unwrap();
    let wrong = config.replace("hidden = 32", "hidden = 48").replace("bits = 8", "bits = 4");
    std::fs::write(at.join("wrong.toml"), wrong).unwrap();
    let wrong = failure(foreclick(at).args(["check", "wrong.toml"]));
    assert!(wrong.contains("rows of 48 values do not fit 4 bits"), "{wrong}");
}

#[test]
fn a_run_of_an_older_format_is_to_be_trained_again() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    train(at, 8);
    let best: PathBuf = at.join(BEST);
    let mut bytes = std::fs::read(&best).unwrap();
    let version = br#"\"format_version\":"#;
    let digit = bytes.windows(version.len()).position(|part| part == version).unwrap() + version.len();
    bytes[digit] = b'1';
    std::fs::write(&best, bytes).unwrap();
    let old = failure(foreclick(at).args(["export", "runs/ring"]));
    assert!(old.contains("format version 1") && old.contains("an older foreclick trained it; train again"), "{old}");
    std::fs::remove_file(best).unwrap();
    let none = failure(foreclick(at).args(["export", "runs/ring"]));
    assert!(none.contains("finished no epoch yet; go on with `foreclick train --resume`"), "{none}");
}

/// What a full fine-tune differs in is nearly the whole file.
#[test]
fn a_delta_that_saves_little_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    train(at, 8);
    let said = |method: &str| {
        let schema =
            CONFIG.replace("BITS", "8") + &format!("[fine_tune]\nfrom = \"runs/ring\"\nmethod = \"{method}\"\n");
        std::fs::write(at.join("on.toml"), schema).unwrap();
        foreclick(at).args(["train", "on.toml", "--name", method]).assert().success();
        let run = format!("runs/{method}");
        let exported = foreclick(at).args(["export", &run, "--delta", "on.delta"]).assert().success();
        String::from_utf8(exported.get_output().stderr.clone()).unwrap()
    };
    let full = said("full");
    assert!(
        full.contains("saves a page little: ship that file, or train with [fine_tune] method = \"lora\""),
        "{full}"
    );
    let heads = said("heads");
    assert!(heads.contains("on.delta written") && !heads.contains("saves a page little"), "{heads}");
}
