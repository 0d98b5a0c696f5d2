//! `foreclick tune` as a person uses it: two rungs on a small log, stopped and resumed, and what it refuses.
#![cfg(feature = "companion")]
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

#[path = "common/companion.rs"]
mod companion;

use companion::{failure, foreclick, output, write_log};
use serde_json::Value;
use std::io::BufRead;
use std::path::Path;
use std::process::Stdio;

/// A schema file with three trials, one of which trains three times as long.
fn write_schema(at: &Path, first_epochs: usize, space: &str) {
    let schema = format!(
        "[log]\npath = \"clicks.csv\"\n[sequence]\nkey = \"visitor\"\ntime = \"time\"\n[item]\ncolumn = \"page\"\n\
         [train]\nhidden = 16\nfeed_forward = 16\nblocks = 1\nmax_len = 16\npatience = 100000\nthreads = 1\nepochs = {}\n\
         [tune]\ntrials = 3\nfirst_epochs = {first_epochs}\n[tune.space]\n{space}\n",
        3 * first_epochs
    );
    std::fs::write(at.join("ring.toml"), schema).unwrap();
}

const SPACE: &str = "learning_rate = { log = [0.001, 0.05] }\nloss = { choices = [\"softmax\", \"gbce\", \"bpr\"] }";

fn trials(at: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(at.join("runs/ring-tune/trials.json")).unwrap()).unwrap()
}

/// NDCG@10 of each trial's results.
fn scores(trials: &Value) -> Vec<Vec<f64>> {
    let score = |result: &Value| result["ndcg@10"].as_f64().unwrap();
    let trials = trials["trials"].as_array().unwrap();
    trials.iter().map(|trial| trial["results"].as_array().unwrap().iter().map(score).collect()).collect()
}

#[test]
fn the_best_of_two_rungs_is_what_train_gives_again() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    write_log(at);
    write_schema(at, 2, SPACE);
    let tune = foreclick(at).args(["tune", "ring.toml"]).assert().success();
    let table = String::from_utf8(tune.get_output().stdout.clone()).unwrap();
    let told = String::from_utf8(tune.get_output().stderr.clone()).unwrap();
    assert!(told.contains("rung 2 of 2, 1 of 1") && told.contains("left\n"), "{told}");
    assert!(told.contains("trial 1 for 2 epochs, [train] as it is"), "{told}");

    let found = trials(at);
    let scores_found = scores(&found);
    let first: Vec<f64> = scores_found.iter().map(|scores| scores[0]).collect();
    let highest = first.iter().copied().fold(0.0, f64::max);
    let best = scores_found.iter().flatten().copied().fold(0.0, f64::max);
    // Trials may tie; one of the highest goes on.
    let went_on: Vec<f64> = scores_found.iter().filter(|scores| scores.len() == 2).map(|scores| scores[0]).collect();
    assert_eq!(went_on, [highest], "{found}");
    assert!(first.iter().any(|score| *score < highest), "all are alike: {found}");

    let lines: Vec<&str> = table.lines().collect();
    assert!(lines[0].contains("ndcg@10") && lines[0].ends_with("loss"), "{table}");
    let listed: Vec<f64> =
        lines[1..4].iter().map(|line| line.split_whitespace().next().unwrap().parse().unwrap()).collect();
    assert!(listed.is_sorted_by(|a, b| a >= b) && (listed[0] - best).abs() < 1e-5, "{table}");

    // The keys that are printed, and the schema file that is written.
    let keys = &table[table.find("[train]").unwrap()..];
    let keys: toml::Table = toml::from_str::<toml::Table>(keys).unwrap()["train"].as_table().unwrap().clone();
    let text = std::fs::read_to_string(at.join("runs/ring-tune/best.toml")).unwrap();
    let written = toml::from_str::<toml::Table>(&text).unwrap()["train"].as_table().unwrap().clone();
    assert!(keys.contains_key("epochs"), "{keys}");
    for (key, value) in &keys {
        let single = |value: &toml::Value| value.as_float().map_or(value.clone(), |v| f64::from(v as f32).into());
        assert_eq!(single(&written[key]), single(value), "{key}");
    }
    foreclick(at).args(["train", "runs/ring-tune/best.toml", "--name", "best"]).assert().success();
    let model = output(foreclick(at).args(["inspect", "runs/best/checkpoints/best.safetensors", "--json"]));
    let model: Value = serde_json::from_str(&model).unwrap();
    assert_eq!(model["description"]["metrics"]["validation.ndcg@10"], best);

    the_test_part_is_not_looked_at(at, &scores_found);
    what_is_there_is_kept(at);
}

/// Other test events, each visitor's last, change nothing.
fn the_test_part_is_not_looked_at(at: &Path, expected: &[Vec<f64>]) {
    let log = std::fs::read_to_string(at.join("clicks.csv")).unwrap();
    let mut lines: Vec<String> = log.lines().map(str::to_owned).collect();
    for last in lines.iter_mut().skip(1).skip(11).step_by(12) {
        let cells: Vec<&str> = last.split(',').collect();
        *last = format!("{},page0,{},{}", cells[0], cells[2], cells[3]);
    }
    std::fs::write(at.join("other.csv"), lines.join("\n")).unwrap();
    let all = output(foreclick(at).args(["tune", "ring.toml", "--log", "other.csv", "--replace", "--json"]));
    let all: Value = serde_json::from_str(&all).unwrap();
    assert_eq!(scores(&all), expected);
    assert_eq!(all["best"]["train"]["epochs"], all["best"]["result"]["epochs"]);
}

fn what_is_there_is_kept(at: &Path) {
    let before = trials(at);
    assert!(failure(foreclick(at).args(["tune", "ring.toml"])).contains("--resume"));
    let refused = failure(foreclick(at).args(["tune", "ring.toml", "--resume"]));
    assert!(refused.contains("begun with another log") && refused.contains("--name"), "{refused}");
    write_schema(at, 2, "hiden = { choices = [8] }");
    let refused = failure(foreclick(at).args(["tune", "ring.toml", "--replace"]));
    assert!(refused.contains("trial 2 (hiden = 8)") && refused.contains("unknown field `hiden`"), "{refused}");
    write_schema(at, 2, "heads = { choices = [3] }");
    let refused = failure(foreclick(at).args(["tune", "ring.toml", "--replace"]));
    assert!(refused.contains("trial 2 (heads = 3), drawn from [tune.space]"), "{refused}");
    assert_eq!(trials(at), before);
}

#[test]
fn a_search_that_was_stopped_goes_on_to_the_same_end() {
    let whole = tempfile::tempdir().unwrap();
    write_log(whole.path());
    write_schema(whole.path(), 40, SPACE);
    foreclick(whole.path()).args(["tune", "ring.toml"]).assert().success();
    let expected = scores(&trials(whole.path()));

    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    write_log(at);
    write_schema(at, 40, SPACE);
    let mut tune = std::process::Command::new(env!("CARGO_BIN_EXE_foreclick"));
    let mut tune = tune.current_dir(at).args(["tune", "ring.toml"]).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = std::io::BufReader::new(tune.stderr.take().unwrap()).lines().map(Result::unwrap);
    // In the middle of the second trial.
    assert!(lines.any(|line| line.contains("2 of 3: trial 2")) && lines.any(|line| line.contains("epoch 2:")));
    std::process::Command::new("kill").args(["-INT", &tune.id().to_string()]).status().unwrap();
    let told: Vec<String> = lines.collect();
    assert_eq!(tune.wait().unwrap().code(), Some(130), "{told:?}");
    assert_eq!(scores(&trials(at)).iter().map(Vec::len).collect::<Vec<_>>(), [1, 0, 0]);

    let resumed = foreclick(at).args(["tune", "ring.toml", "--resume"]).assert().success();
    let told = String::from_utf8(resumed.get_output().stderr.clone()).unwrap();
    assert!(!told.contains("trial 1 for 40 epochs") && told.contains("trial 2 for 40 epochs"), "{told}");
    assert_eq!(scores(&trials(at)), expected);
    // The second trial went on: counting was picked at both beginnings.
    let survivor = expected.iter().position(|scores| scores.len() == 2).unwrap() + 1;
    assert_ne!(survivor, 2, "the last rung replaces the folder; take another seed");
    let picks = |folder: &Path| {
        let journal = std::fs::read_to_string(folder.join("runs/ring-tune/2/metrics.jsonl")).unwrap();
        journal.matches("\"counting\"").count()
    };
    assert_eq!(picks(at), 2 * picks(whole.path()));
}

#[test]
fn a_trial_that_diverges_loses() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    write_log(at);
    write_schema(at, 2, "learning_rate = { choices = [1e30] }");
    let tune = foreclick(at).args(["tune", "ring.toml"]).assert().success();
    let table = String::from_utf8(tune.get_output().stdout.clone()).unwrap();
    assert_eq!(table.matches("diverged").count(), 2, "{table}");
    let told = String::from_utf8(tune.get_output().stderr.clone()).unwrap();
    assert!(
        told.contains("trial 2: a weight is")
            && told.contains("expected finite numbers")
            && told.contains("rung 2 of 2, 1 of 1: trial 1"),
        "{told}"
    );
}

/// Sizes are the base's: the default space does without them, and a space that names one is refused before anything trains.
#[test]
fn sizes_are_not_drawn_where_a_model_gives_them() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    write_log(at);
    write_schema(at, 1, SPACE);
    foreclick(at).args(["train", "ring.toml", "--name", "base", "--epochs", "1"]).assert().success();
    let schema = std::fs::read_to_string(at.join("ring.toml")).unwrap();
    std::fs::write(at.join("ring.toml"), schema.split("[tune.space]").next().unwrap()).unwrap();
    let tune = foreclick(at).args(["tune", "ring.toml", "--from", "runs/base"]).assert().success();
    let told = String::from_utf8(tune.get_output().stderr.clone()).unwrap();
    assert!(told.contains("not drawn, since the model to go on from gives it: blocks, hidden"), "{told}");
    let drawn = trials(at)["trials"][1]["values"].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(drawn, ["dropout", "learning_rate", "neighbours", "weight_decay"]);

    write_schema(at, 1, "hidden = { choices = [16, 32] }\nlearning_rate = { log = [0.001, 0.05] }");
    std::fs::remove_dir_all(at.join("runs/ring-tune")).unwrap();
    let refused = failure(foreclick(at).args(["tune", "ring.toml", "--from", "runs/base"]));
    assert!(refused.contains("[tune.space] hidden: the model that [fine_tune] from goes on from gives"), "{refused}");
    assert!(!at.join("runs/ring-tune").exists());
}
