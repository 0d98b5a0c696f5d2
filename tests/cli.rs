//! The companion as a person uses it: from a log to a prediction, and what it says when something is wrong.
#![cfg(feature = "companion")]
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

#[path = "common/companion.rs"]
mod companion;

use companion::{failure, foreclick, output, write_log};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::io::{BufRead, Write as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// Trains the ring.
const RING: [&str; 7] = ["train", "--name", "ring", "--epochs", "12", "--threads", "1"];

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

    let train = foreclick(at).args(RING).assert().success();
    let told = String::from_utf8(train.get_output().stderr.clone()).unwrap();
    assert!(told.contains("epoch 1: validation ndcg@10"), "{told}");
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
    for cut in ["popularity", "history", "target"] {
        let slices = result["slices"][cut].as_array().unwrap();
        let targets: u64 = slices.iter().map(|slice| slice["targets"].as_u64().unwrap()).sum();
        assert_eq!(targets, result["protocol"]["events"], "slices.{cut}");
        assert!(slices.iter().all(|slice| slice["model"]["ndcg@10"].is_f64() && slice["baseline"]["hr@10"].is_f64()));
    }
    assert!(result["coverage"].as_f64().unwrap() > 0.0 && result["slices"]["model"] == "exported");
    let table = output(foreclick(at).args(["evaluate", "runs/ring"]));
    assert!(table.contains("target new") && table.contains("of the catalogue is in at least one top 10"), "{table}");
    what_is_refused_changes_nothing(at);
    another_log_is_measured(at);
    a_changed_log_is_not_exported(at);
    trained_weights_are_measured_alone(at);

    foreclick(at).args(["export", "runs/ring", "--out", "m.safetensors", "--items", "items.json"]).assert().success();
    let items: Value = serde_json::from_str(&std::fs::read_to_string(at.join("items.json")).unwrap()).unwrap();
    assert_eq!(items["items"].as_object().unwrap().len(), 30);
    assert_eq!(items["sequences"].as_array().unwrap().len(), 0, "histories leave the log only when asked for");
    assert!(output(foreclick(at).args(["inspect", "m.safetensors"])).contains("30 items, 8 bits"));

    let session = r#"{"events":[{"item":"page4"},{"item":"page5"},{"item":"never seen"},{"item":"page6"}]}"#;
    let ranked = output(foreclick(at).args(["predict", "m.safetensors", "--k", "3"]).write_stdin(session));
    let ranked: Value = serde_json::from_str(&ranked).unwrap();
    assert_eq!(ranked["items"].as_array().unwrap().len(), 3);
    assert!(failure(foreclick(at).args(["predict", "runs/ring"])).contains("model.safetensors"));
    let refused = failure(foreclick(at).args(["predict", "m.safetensors"]).write_stdin("\n[]"));
    assert!(refused.contains(r#"standard input, line 2: expected {"events": [...]}"#), "{refused}");
    predict_answers_in_order(at);
    what_is_known_beside_the_model_acts(at, session);
    let model =
        foreclick(at).args(["evaluate", "m.safetensors", "--config", "foreclick.toml", "--json"]).assert().success();
    assert!(!model.get_output().stdout.is_empty());
}

/// The next page, which the model is nearly sure of, is sold out.
fn what_is_known_beside_the_model_acts(at: &Path, session: &str) {
    let predict = |known: &[&str]| {
        let mut command = foreclick(at);
        command.args(["predict", "m.safetensors", "--k", "1"]).args(known).write_stdin(session);
        command
    };
    let best =
        |known: &[&str]| serde_json::from_str::<Value>(&output(&mut predict(known))).unwrap()["items"][0].clone();
    assert_eq!(best(&[])["item"], "page7");
    std::fs::write(at.join("rules.json"), r#"{"version": 1, "items": {"page7": {"stock": 0}, "page9": {"stock": 3}}}"#)
        .unwrap();
    assert_ne!(best(&["--knowledge", "rules.json"])["item"], "page7");
    let evaluate = ["evaluate", "runs/ring", "--knowledge", "rules.json", "--json"];
    let result: Value = serde_json::from_str(&output(foreclick(at).args(evaluate))).unwrap();
    let broken = |of: &str| result["knowledge"][of].as_f64().unwrap();
    assert!(broken("broken_without") > 0.0 && broken("broken_with") == 0.0, "{}", result["knowledge"]);

    std::fs::write(at.join("rules.json"), r#"{"version": 1, "items": {"page7": {"stock": "none"}}}"#).unwrap();
    let refused = failure(&mut predict(&["--knowledge", "rules.json"]));
    assert!(refused.contains("rules.json") && refused.contains("page7") && refused.contains("stock"), "{refused}");
}

/// Many sessions on all cores, a wrong one among them, and a pipe that stays open.
fn predict_answers_in_order(at: &Path) {
    let session = |number: usize| {
        let events: Vec<Value> =
            (0..=number % 5).map(|step| json!({"item": format!("page{}", (number + step) % 30)})).collect();
        json!({ "events": events }).to_string()
    };
    let sessions: Vec<String> = (0..600).map(session).collect();
    let predict = || {
        let mut command = foreclick(at);
        command.args(["predict", "m.safetensors", "--k", "2"]);
        command
    };
    let together = output(predict().write_stdin(sessions.join("\n")));
    let alone = output(predict().env("RAYON_NUM_THREADS", "1").write_stdin(sessions.join("\n\n")));
    assert_eq!((together.lines().count(), &together), (600, &alone));
    assert_ne!(together.lines().next(), together.lines().nth(1));

    let mut broken = sessions.clone();
    broken[300] = r#"{"events": [{"item": 5}]}"#.into();
    let broken = predict().write_stdin(broken.join("\n")).assert().code(2).get_output().clone();
    let before: String = together.lines().take(300).map(|line| format!("{line}\n")).collect();
    assert_eq!(String::from_utf8(broken.stdout).unwrap(), before);
    assert!(String::from_utf8(broken.stderr).unwrap().contains("standard input, line 301: expected"));

    let list = r#"{"events":[{"item":"page4"}],"candidates":["page9","page5","none"],"exclude":["page9"]}"#;
    let ranked: Value = serde_json::from_str(&output(predict().write_stdin(list))).unwrap();
    assert_eq!((&ranked["items"][0]["item"], ranked["items"].as_array().unwrap().len()), (&json!("page5"), 1));

    let mut open = std::process::Command::new(predict().get_program())
        .current_dir(at)
        .args(["predict", "m.safetensors", "--k", "2"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut input, output) = (open.stdin.take().unwrap(), open.stdout.take().unwrap());
    let mut answers = std::io::BufReader::new(output).lines();
    for (session, expected) in sessions.iter().zip(together.lines()).take(3) {
        writeln!(input, "{session}").unwrap();
        assert_eq!(answers.next().unwrap().unwrap(), expected, "answered while the input is open");
    }
    drop(input);
    assert!(open.wait().unwrap().success());
}

/// Every file below a folder, with its bytes.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.append(&mut contents(&path));
        } else {
            let bytes = std::fs::read(&path).unwrap();
            found.insert(path, bytes);
        }
    }
    found
}

fn what_is_refused_changes_nothing(at: &Path) {
    let before = contents(&at.join("runs"));
    let refused = failure(foreclick(at).args(RING).args(["--resume", "--seed", "9"]));
    assert!(refused.contains("another log, schema, configuration"), "{refused}");
    assert!(failure(foreclick(at).args(RING).args(["--replace", "--log", "typo.csv"])).contains("typo.csv"));
    std::fs::write(at.join("empty.csv"), "visitor,page,time,price\n").unwrap();
    assert!(failure(foreclick(at).args(RING).args(["--replace", "--log", "empty.csv"])).contains("the log is empty"));
    assert!(contents(&at.join("runs")) == before);
}

/// Four visitors, one of whom ends on a page that the model does not know.
fn another_log_is_measured(at: &Path) {
    let mut log = String::from("visitor,page,time,price\n");
    for visitor in 0..4u64 {
        for step in 0..6u64 {
            let page = if (visitor, step) == (0, 5) { 99 } else { (7 * visitor + step) % 30 };
            writeln!(log, "w{visitor},page{page},{},{page}.5", 1_800_000_000 + step * 60).unwrap();
        }
    }
    std::fs::write(at.join("next.csv"), log).unwrap();
    let result = output(foreclick(at).args(["evaluate", "runs/ring", "--json", "--log", "next.csv"]));
    let result: Value = serde_json::from_str(&result).unwrap();
    assert_eq!(result["protocol"]["log"], "next.csv");
    assert_eq!([&result["protocol"]["events"], &result["protocol"]["misses"]], [4, 1]);
    for (kind, name) in [("metrics", "exported"), ("baselines", "last_item_markov")] {
        let hits = result[kind][name]["hr@10"].as_f64().unwrap();
        assert_eq!(hits, 0.75, "{name} learned the ring from the first log");
    }
}

fn trained_weights_are_measured_alone(at: &Path) {
    let (from, to) = (at.join("runs/ring"), at.join("runs/refused"));
    std::fs::create_dir_all(to.join("checkpoints")).unwrap();
    for file in ["config.toml", "checkpoints/best.safetensors"] {
        std::fs::copy(from.join(file), to.join(file)).unwrap();
    }
    let measured = foreclick(at).args(["evaluate", "runs/refused", "--json"]).assert().success();
    let result: Value = serde_json::from_slice(&measured.get_output().stdout).unwrap();
    assert!(result["metrics"]["f32"].is_object() && result["metrics"]["exported"].is_null(), "{result}");
    let told = String::from_utf8_lossy(&measured.get_output().stderr);
    assert!(told.contains("only the trained weights"), "{told}");
}

fn a_changed_log_is_not_exported(at: &Path) {
    let before = contents(&at.join("runs"));
    let path = at.join("clicks.csv");
    let log = std::fs::read_to_string(&path).unwrap();
    let more = (0..5).map(|step| format!("v50,new{step},{},1.5\n", 1_800_000_000 + step * 60)).collect::<String>();
    std::fs::write(
        &path,
        format!("{log}{}", (51..61).map(|user| more.replace("v50", &format!("v{user}"))).collect::<String>()),
    )
    .unwrap();
    for command in ["export", "evaluate"] {
        let refused = failure(foreclick(at).args([command, "runs/ring"]));
        assert!(refused.contains("35 items now, the model has 30") && refused.contains("train again"), "{refused}");
    }
    // As many items, but other ones.
    std::fs::write(&path, log.replace("page7,", "page07,")).unwrap();
    assert!(failure(foreclick(at).args(["export", "runs/ring"])).contains("30 items as then, but other ones"));
    std::fs::write(&path, log).unwrap();
    assert!(contents(&at.join("runs")) == before);
}

#[test]
fn ctrl_c_saves_and_ends_as_shells_expect() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    write_log(at);
    foreclick(at).args(["init", "clicks.csv"]).assert().success();
    let schema = std::fs::read_to_string(at.join("foreclick.toml")).unwrap();
    std::fs::write(at.join("foreclick.toml"), schema + "\n[train]\npatience = 100000\n").unwrap();
    let mut train = std::process::Command::new(env!("CARGO_BIN_EXE_foreclick"));
    let endless = ["train", "--name", "endless", "--epochs", "100000", "--threads", "1"];
    let train = train.current_dir(at).args(endless).stderr(std::process::Stdio::piped());
    let mut train = train.spawn().unwrap();
    let mut lines = std::io::BufReader::new(train.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.contains("epoch 1:")), "training begins");
    std::process::Command::new("kill").args(["-INT", &train.id().to_string()]).status().unwrap();
    let told: Vec<String> = lines.collect();
    assert_eq!(train.wait().unwrap().code(), Some(130));
    assert!(told.iter().any(|line| line.contains("is saved, go on with --resume")), "{told:?}");
    assert!(!told.iter().any(|line| line.contains("error")), "{told:?}");
}

#[test]
fn seeds_are_trained_one_by_one_and_summed_up() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    write_log(at);
    foreclick(at).args(["init", "clicks.csv"]).assert().success();
    // Counting neighbours alone would solve the ring, whatever the seed.
    let schema = std::fs::read_to_string(at.join("foreclick.toml")).unwrap();
    std::fs::write(at.join("foreclick.toml"), schema + "\n[train]\nneighbours = 0\n").unwrap();
    let seeds = ["train", "--name", "ring", "--epochs", "2", "--threads", "1", "--seed", "5", "--seeds", "2"];
    // A small model may lose more than the exporter allows.
    let train = |more: &[&str]| {
        let train = foreclick(at).args(seeds).args(more).assert();
        assert!(matches!(train.get_output().status.code(), Some(0 | 1)));
        String::from_utf8(train.get_output().stdout.clone()).unwrap()
    };
    let told = train(&[]);
    let summary: Value =
        serde_json::from_str(&std::fs::read_to_string(at.join("runs/ring-seeds.json")).unwrap()).unwrap();
    assert_eq!(summary["seeds"], json!([5, 6]));
    let ndcg = &summary["metrics"]["f32"]["ndcg@10"];
    let of_run = |seed: u64| -> f64 {
        let result = std::fs::read_to_string(at.join(format!("runs/ring-seed-{seed}/result.json"))).unwrap();
        serde_json::from_str::<Value>(&result).unwrap()["metrics"]["f32"]["ndcg@10"].as_f64().unwrap()
    };
    let (a, b) = (of_run(5), of_run(6));
    assert_ne!(a, b);
    assert_eq!(ndcg["values"], json!([a, b]));
    let (mean, spread) = (ndcg["mean"].as_f64().unwrap(), ndcg["spread"].as_f64().unwrap());
    assert!((mean - (a + b) / 2.0).abs() < 1e-12 && (spread - (a - b).abs() / 2f64.sqrt()).abs() < 1e-12);
    assert!(told.contains(&format!("{mean:.5} ± {spread:.5}")) && told.contains("seeds 5, 6"), "{told}");
    let page = std::fs::read_to_string(at.join("runs/ring-seeds.html")).unwrap();
    assert!(page.contains("seed 6") && page.contains(&format!("{mean:.4} ± {spread:.4}")), "{page}");

    assert!(failure(foreclick(at).args(seeds)).contains("--resume"));
    // Stopped between two seeds: the second begins, the first is as it was.
    std::fs::remove_dir_all(at.join("runs/ring-seed-6")).unwrap();
    train(&["--resume"]);
    assert_eq!((of_run(5), of_run(6)), (a, b));
}

#[test]
fn help_tells_what_sessions_and_schema_files_hold() {
    let help = |command: &str| output(foreclick(Path::new(".")).args([command, "--help"]));
    let predict = help("predict");
    assert!(predict.contains(r#"{"events": [{"item": "...""#) && predict.contains("probability"), "{predict}");
    assert!(help("evaluate").contains("equal scores count against the target"));
    assert!(help("init").contains("robot_events_per_hour"));
}

#[test]
fn a_schema_file_in_another_folder_finds_its_log() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    write_log(at);
    std::fs::create_dir(at.join("conf")).unwrap();
    foreclick(at).args(["init", "clicks.csv", "--out", "conf/shop.toml"]).assert().success();
    foreclick(at).args(["check", "conf/shop.toml"]).assert().success();
    foreclick(at).args(["init", "clicks.csv"]).assert().success();
    let beside = std::fs::read_to_string(at.join("foreclick.toml")).unwrap();
    assert!(beside.contains("path = \"clicks.csv\""), "{beside}");
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

/// Trains a tiny model by one of the examples, on another log where one is given.
fn train_by_example(example: &str, log: &Path) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(example);
    let tiny = "\n[train]\nhidden = 16\nfeed_forward = 32\nmax_len = 16\nepochs = 1\nthreads = 1\n";
    std::fs::write(at.join("schema.toml"), std::fs::read_to_string(schema).unwrap() + tiny).unwrap();
    let mut train = foreclick(at);
    output(train.args(["train", "schema.toml", "--name", "tiny", "--log"]).arg(log));
    serde_json::from_str(&std::fs::read_to_string(at.join("runs/tiny/result.json")).unwrap()).unwrap()
}

fn shared(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = std::env::var_os("FORECLICK_SHARED").map_or_else(|| root.join("../shared"), PathBuf::from);
    std::path::absolute(folder.join("data").join(name)).unwrap()
}

#[test]
#[ignore = "needs ../shared/data: ./build.sh test runs it"]
fn shared_sessions_a_line_train_by_a_schema_alone() {
    let result = train_by_example("otto.toml", &shared("otto-sample/train.jsonl"));
    assert_eq!(result["protocol"]["events"], 12, "sessions of three events and more");
    assert!(result["metrics"]["f32"]["ndcg@10"].as_f64().unwrap() > 0.0, "{result}");
}

/// The first users are enough to show that it goes.
#[test]
#[ignore = "needs ../shared/data: ./build.sh test runs it"]
fn shared_users_a_line_train_by_a_schema_alone() {
    let log = std::fs::read_to_string(shared("amazon-beauty/Beauty.txt")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let few = folder.path().join("few.txt");
    std::fs::write(&few, log.lines().take(1500).collect::<Vec<_>>().join("\n")).unwrap();
    let result = train_by_example("beauty.toml", &few);
    assert_eq!(result["protocol"]["filter_seen"], "all");
    assert!(result["protocol"]["events"].as_u64().unwrap() > 1000, "{result}");
    assert!(result["metrics"]["f32"]["ndcg@10"].as_f64().unwrap() > 0.0, "{result}");
}
