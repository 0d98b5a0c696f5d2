//! The companion as a person uses it: from a log to a prediction, and what it says when something is wrong.
#![cfg(feature = "companion")]
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

use assert_cmd::Command;
use serde_json::Value;
use std::fmt::Write;
use std::path::Path;

fn foreclick(folder: &Path) -> Command {
    let mut command = Command::cargo_bin("foreclick").unwrap();
    command.current_dir(folder);
    command
}

fn output(command: &mut Command) -> String {
    String::from_utf8(command.assert().success().get_output().stdout.clone()).unwrap()
}

fn failure(command: &mut Command) -> String {
    let assert = command.assert().code(2);
    String::from_utf8(assert.get_output().stderr.clone()).unwrap()
}

/// Forty visitors who walk round a ring of thirty pages, each from another one.
fn write_log(folder: &Path) {
    let mut log = String::from("visitor,page,time,price\n");
    for visitor in 0..40u64 {
        for step in 0..12u64 {
            let page = (visitor + step) % 30;
            let price = if step == 3 { "NaN".to_owned() } else { format!("{}.5", page) };
            writeln!(log, "v{visitor},page{page},{},{price}", 1_700_000_000 + visitor * 100_000 + step * 60).unwrap();
        }
    }
    std::fs::write(folder.join("clicks.csv"), log).unwrap();
}

#[test]
fn from_a_log_to_a_prediction() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    write_log(at);
    foreclick(at).args(["init", "clicks.csv"]).assert().success();
    let guessed = std::fs::read_to_string(at.join("foreclick.toml")).unwrap();
    assert!(guessed.contains("visitor") && guessed.contains("because"), "{guessed}");
    assert!(failure(foreclick(at).args(["init", "clicks.csv"])).contains("--replace"));
    let report: Value = serde_json::from_str(&output(foreclick(at).args(["check", "--json"]))).unwrap();
    assert_eq!(report["rows_read"], 480);

    foreclick(at).args(["train", "--name", "ring", "--epochs", "12", "--threads", "1"]).assert().success();
    let run = at.join("runs/ring");
    for file in ["config.toml", "metrics.jsonl", "report.html", "result.json", "model.safetensors"] {
        assert!(run.join(file).metadata().unwrap().len() > 0, "{file}");
    }
    let page = std::fs::read_to_string(run.join("report.html")).unwrap();
    assert!(
        page.contains("own recency") && !page.contains("<script") && !page.contains("http://www.w3.org/1999/xlink")
    );
    assert!(failure(foreclick(at).args(["train", "--name", "ring"])).contains("--resume"));

    let result: Value = serde_json::from_str(&output(foreclick(at).args(["evaluate", "runs/ring", "--json"]))).unwrap();
    for key in ["split", "candidates", "filter_seen", "ties", "seed"] {
        assert!(!result["protocol"][key].is_null(), "protocol.{key}");
    }
    for name in ["f32", "exported"] {
        let ndcg = result["metrics"][name]["ndcg@10"].as_f64().unwrap();
        assert!(ndcg > 0.9, "a ring is easy to learn: {name} {ndcg}");
    }
    for name in
        ["popularity", "recent_popularity", "own_frequency", "own_recency", "last_item_markov", "cooccurrence", "mix"]
    {
        assert!(result["baselines"][name]["hr@10"].is_f64(), "baselines.{name}");
    }

    foreclick(at).args(["export", "runs/ring", "--out", "m.safetensors", "--items", "items.json"]).assert().success();
    let items: Value = serde_json::from_str(&std::fs::read_to_string(at.join("items.json")).unwrap()).unwrap();
    assert_eq!(items["items"].as_object().unwrap().len(), 30);
    assert_eq!(items["sequences"].as_array().unwrap().len(), 0, "histories leave the log only when asked for");
    assert!(output(foreclick(at).args(["inspect", "m.safetensors"])).contains("30 items, 8 bits"));

    let session = r#"{"events":[{"item":"page4"},{"item":"page5"},{"item":"never seen"},{"item":"page6"}]}"#;
    let ranked = output(foreclick(at).args(["predict", "m.safetensors", "--k", "3"]).write_stdin(session));
    let ranked: Value = serde_json::from_str(&ranked).unwrap();
    assert_eq!(ranked["items"].as_array().unwrap().len(), 3);
    let model =
        foreclick(at).args(["evaluate", "m.safetensors", "--config", "foreclick.toml", "--json"]).assert().success();
    assert!(!model.get_output().stdout.is_empty());
}

#[test]
fn every_error_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    write_log(at);
    assert!(failure(foreclick(at).args(["train"])).contains("foreclick init"));
    assert!(failure(foreclick(at).args(["evaluate", "runs/none"])).contains("runs/none"));
    std::fs::write(at.join("bad.safetensors"), b"not a model").unwrap();
    assert!(failure(foreclick(at).args(["inspect", "bad.safetensors"])).contains("header"));
    let config = "[log]\npath = \"clicks.csv\"\n[sequence]\nkey = \"user\"\n[item]\ncolumn = \"page\"\n";
    std::fs::write(at.join("wrong.toml"), config).unwrap();
    let missing = failure(foreclick(at).args(["check", "wrong.toml"]));
    assert!(missing.contains("user") && missing.contains("visitor"), "{missing}");
    std::fs::write(at.join("typo.toml"), config.replace("key =", "kye =")).unwrap();
    assert!(failure(foreclick(at).args(["check", "typo.toml"])).contains("kye"));
    assert!(failure(foreclick(at).args(["train", "wrong.toml", "--device", "cuda"])).contains("--features cuda"));
}

#[test]
fn a_session_a_line_and_a_user_a_line_train_by_a_schema_alone() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let shared = std::env::var_os("FORECLICK_SHARED").map_or_else(|| root.join("../shared"), Into::into);
    let log = shared.join("data/otto-sample/train.jsonl");
    if !log.exists() {
        eprintln!("skipped: no ../shared");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut train = foreclick(folder.path());
    train.arg("train").arg(root.join("examples/otto.toml")).arg("--log").arg(log).args(["--epochs", "2"]);
    let table = output(&mut train);
    assert!(table.contains("exported") && table.contains("own_recency"), "{table}");
}
