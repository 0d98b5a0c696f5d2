//! Tasks from a log to an answer: what is learned beats what needs no model, and what is wrong is told.
#![cfg(feature = "companion")]
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

#[path = "common/companion.rs"]
#[expect(dead_code, reason = "these logs are of another kind")]
mod companion;

use companion::{failure, foreclick, output};
use foreclick::format::Model;
use foreclick::schema::HeadKind;
use serde_json::Value;
use std::fmt::Write;
use std::path::Path;

/// Visits that buy, mostly, if they have seen pages 3 and 5; whose mood is the last page's; and that spend as many coins as they
/// have pages.
fn write_visits(at: &Path) {
    let mut log = String::from("visit,page,bought,mood,spend,gone\n");
    let mut draw = 1_u32;
    let mut next = |below: u32| {
        draw = draw.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (draw >> 16) % below
    };
    for visit in 0..900 {
        let pages: Vec<u32> = (0..2 + next(6)).map(|_| next(8)).collect();
        let surprise = next(20) == 0;
        let buys = (pages.contains(&3) && pages.contains(&5)) != surprise;
        for (place, page) in pages.iter().enumerate() {
            let mood = ["calm", "glad", "sad"][*page as usize % 3];
            let last = place + 1 == pages.len();
            let spend = if last { pages.len().to_string() } else { String::new() };
            writeln!(log, "v{visit},p{page},{},{mood},{spend},no", if buys { "yes" } else { "no" }).unwrap();
        }
    }
    std::fs::write(at.join("visits.csv"), log).unwrap();
}

const TASKS: &str = r#"
[log]
path = "visits.csv"
[sequence]
key = "visit"
[item]
column = "page"
[[task]]
name = "buy"
kind = "binary"
column = "bought"
at = "last"
cost_false_negative = 3
[[task]]
name = "mood"
kind = "classes"
column = "mood"
[[task]]
name = "spend"
kind = "number"
column = "spend"
[split]
kind = "sequence"
[train]
hidden = 32
heads = 2
blocks = 1
epochs = 12
patience = 12
learning_rate = 0.01
dropout = 0.0
batch_events = 256
threads = 1
"#;

fn figure(results: &Value, task: &str, row: &str, name: &str) -> f64 {
    let task = results["tasks"].as_array().unwrap().iter().find(|result| result["task"] == task).unwrap();
    let row = task["rows"].as_array().unwrap().iter().find(|pair| pair[0] == row).unwrap();
    row[1][name].as_f64().unwrap()
}

fn json(at: &Path, file: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(at.join(file)).unwrap()).unwrap()
}

fn check_all_three(at: &Path, run: &str) {
    let results = json(at, &format!("runs/{run}/tasks.json"));
    let f = |task, row, name| figure(&results, task, row, name);
    assert!(f("buy", "exported", "AUROC") > 0.8 && f("buy", "base rate", "AUROC") == 0.5, "{results}");
    assert!(f("buy", "exported", "log loss") < 0.8 * f("buy", "base rate", "log loss"), "{results}");
    assert!(f("buy", "exported", "cost") < f("buy", "base rate", "cost"), "{results}");
    assert!(f("mood", "exported", "macro-F1") > 0.95, "{results}");
    assert!(f("mood", "label before", "macro-F1") < 0.6, "{results}");
    assert!(f("spend", "exported", "RMSE") < 0.4 * f("spend", "mean", "RMSE"), "{results}");
}

#[test]
fn all_kinds_beside_the_next_item_beat_what_needs_no_model() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    write_visits(at);
    std::fs::write(at.join("foreclick.toml"), TASKS).unwrap();
    foreclick(at).args(["train", "--name", "all"]).assert().success();
    check_all_three(at, "all");
    assert!(json(at, "runs/all/result.json")["metrics"]["exported"]["ndcg@10"].as_f64().unwrap() > 0.0);

    let model = "runs/all/model.safetensors";
    let (buying, others) =
        ([&[3, 5, 4][..], &[5, 3], &[3, 1, 5, 2], &[0, 3, 5, 6]], [&[1, 2][..], &[4, 6, 0], &[7, 1, 2, 2], &[6, 4]]);
    let mut sessions = String::new();
    for pages in buying.iter().chain(&others) {
        let events: Vec<String> = pages.iter().map(|page| format!("{{\"item\":\"p{page}\"}}")).collect();
        writeln!(sessions, "{{\"events\":[{}]}}", events.join(",")).unwrap();
    }
    sessions += "{\"events\":[]}\n";
    std::fs::write(at.join("visits.jsonl"), sessions).unwrap();
    let answers = output(foreclick(at).args(["predict", model, "visits.jsonl"]));
    let lines: Vec<Value> = answers.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mean = |lines: &[Value]| {
        lines.iter().map(|line| line["tasks"]["buy"]["probability"].as_f64().unwrap()).sum::<f64>() / lines.len() as f64
    };
    assert!(mean(&lines[..4]) > mean(&lines[4..8]) + 0.2, "{answers}");
    let tasks = &lines[0]["tasks"];
    let (probability, threshold) = (tasks["buy"]["probability"].as_f64().unwrap(), &tasks["buy"]["threshold"]);
    assert!(*threshold == 0.25 && tasks["buy"]["yes"] == (probability >= 0.25), "{tasks}");
    assert_eq!(tasks["mood"]["class"], "glad");
    // Sessions of two events, and of four.
    let spent = |sessions: [usize; 3]| -> f64 {
        sessions.iter().map(|&line| lines[line]["tasks"]["spend"]["value"].as_f64().unwrap()).sum()
    };
    assert!(spent([1, 4, 7]) + 2.0 < spent([2, 3, 6]), "{answers}");
    assert_eq!(tasks["mood"]["classes"].as_array().unwrap().len(), 3);
    assert!(lines[8]["tasks"]["buy"]["yes"].is_boolean(), "an empty session has an answer too");

    // The same figures from the file alone, and from the run with another weighing of losses.
    let again: Value =
        serde_json::from_str(&output(foreclick(at).args(["evaluate", model, "--config", "foreclick.toml", "--json"])))
            .unwrap();
    let results = json(at, "runs/all/tasks.json");
    let auroc = |results| figure(results, "buy", "exported", "AUROC");
    assert_eq!(auroc(&again["tasks"]), auroc(&results));
    assert!(again["next_item"]["metrics"].is_object());
}

#[test]
fn tasks_alone_ship_neither_neighbours_nor_a_ranking() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    write_visits(at);
    let alone = TASKS.replace("column = \"page\"", "column = \"page\"\npredict = false");
    std::fs::write(at.join("foreclick.toml"), alone + "task_weights = \"uncertainty\"\n").unwrap();
    foreclick(at).args(["train", "--name", "alone"]).assert().success();
    let report = std::fs::read_to_string(at.join("runs/alone/report.html")).unwrap();
    for told in ["How well it answers", "<h3>buy</h3>", "AUROC", "macro-F1", "RMSE", "validation", "Configuration"] {
        assert!(report.contains(told), "no {told:?} in the report");
    }
    check_all_three(at, "alone");
    let model = Model::from_bytes(&std::fs::read(at.join("runs/alone/model.safetensors")).unwrap()).unwrap();
    assert!(model.weights.neighbours.items.is_empty() && !model.metadata.schema.predicts_items());
    std::fs::write(at.join("visits.jsonl"), "{\"events\":[{\"item\":\"p3\"}]}\n").unwrap();
    let answer = output(foreclick(at).args(["predict", "runs/alone/model.safetensors", "visits.jsonl"]));
    assert!(answer.starts_with(r#"{"items":[],"backend":"cpu","tasks":{"buy":{"#), "{answer}");
}

/// Two runs are measured as one, and teach a third.
#[test]
fn several_runs_answer_together_and_teach_one() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    write_visits(at);
    std::fs::write(at.join("foreclick.toml"), TASKS.replace("epochs = 12", "epochs = 3")).unwrap();
    foreclick(at).args(["train", "--name", "one", "--seeds", "2"]).assert().success();
    let runs = ["runs/one-seed-1", "runs/one-seed-2"];
    let together: Value =
        serde_json::from_str(&output(foreclick(at).args(["evaluate", runs[0], runs[1], "--json"]))).unwrap();
    assert_eq!(together["next_item"]["protocol"]["models"], 2);
    for (task, name) in [("buy", "log loss"), ("mood", "log loss"), ("spend", "RMSE")] {
        // A mean of probabilities never loses more than they do on average, nor does one of numbers.
        let alone = runs.map(|run| figure(&json(at, &format!("{run}/tasks.json")), task, "f32", name));
        let loss = figure(&together["tasks"], task, "f32", name);
        assert!(loss <= alone.iter().sum::<f64>() / 2.0 + 1e-6 && !alone.contains(&loss), "{task}: {loss}, {alone:?}");
    }
    let alone = runs.map(|run| json(at, &format!("{run}/result.json"))["log_loss"].as_f64().unwrap());
    let loss = together["next_item"]["log_loss"].as_f64().unwrap();
    assert!(loss <= alone.iter().sum::<f64>() / 2.0 + 1e-6, "{loss}, {alone:?}");

    let both = runs.join(",");
    let train = |more: &[&str]| {
        let mut command = foreclick(at);
        command.args(["train", "--name", "student"]).args(more);
        command
    };
    train(&["--teachers", &both]).assert().success();
    assert!(json(at, "runs/student/result.json")["protocol"].get("models").is_none(), "one file");
    let other = failure(&mut train(&["--teachers", runs[0], "--resume"]));
    assert!(other.contains("the checkpoint was begun with another"), "{other}");

    std::fs::write(at.join("foreclick.toml"), TASKS.replace("[train]", "[train]\ndecay = 0.5")).unwrap();
    let refused = failure(&mut train(&["--teachers", &both, "--replace"]));
    assert!(refused.contains("can't teach") && refused.contains("decay"), "{refused}");
    std::fs::write(at.join("foreclick.toml"), TASKS.to_owned() + "[distill]\nweight = 0.7\n").unwrap();
    let missing = failure(&mut train(&["--replace"]));
    assert!(missing.contains("teachers are missing"), "{missing}");
}

/// The classic recurrent network: embedding, LSTM, logistic function.
#[test]
fn five_lines_train_an_lstm() {
    let example = include_str!("../examples/lstm.toml");
    assert_eq!(example.lines().count(), 5);
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    write_visits(at);
    std::fs::write(at.join("foreclick.toml"), example).unwrap();
    foreclick(at).args(["train", "--name", "lstm"]).assert().success();
    let results = json(at, "runs/lstm/tasks.json");
    assert!(figure(&results, "buy", "exported", "AUROC") > 0.65, "{results}");
}

/// A row is a whole session: no item, no sequence, fields alone.
#[test]
fn a_row_may_be_a_sequence_and_have_no_item() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let mut log = String::from("seconds,kind,bought\n");
    for row in 0..1500_u32 {
        let (seconds, kind) = (row.wrapping_mul(2_654_435_761) >> 24, ["new", "old"][row as usize % 2]);
        writeln!(log, "{seconds},{kind},{}", if (seconds > 100) == (kind == "old") { "TRUE" } else { "FALSE" })
            .unwrap();
    }
    std::fs::write(at.join("rows.csv"), log).unwrap();
    let config = r#"
        log = { path = "rows.csv" }
        sequence = { each_row = true }
        field = [{ name = "seconds", kind = "number" }, { name = "kind", kind = "category" }]
        task = [{ name = "buy", kind = "binary", column = "bought" }]
        train = { hidden = 16, blocks = 2, epochs = 15, learning_rate = 0.01, dropout = 0.0, batch_events = 128, threads = 1 }
    "#;
    std::fs::write(at.join("foreclick.toml"), config).unwrap();
    foreclick(at).args(["train", "--name", "rows"]).assert().success();
    let results = json(at, "runs/rows/tasks.json");
    assert!(figure(&results, "buy", "exported", "AUROC") > 0.95, "{results}");
    std::fs::write(at.join("rows.jsonl"), "{\"events\":[{\"fields\":{\"seconds\":200,\"kind\":\"old\"}}]}\n").unwrap();
    let answer: Value =
        serde_json::from_str(&output(foreclick(at).args(["predict", "runs/rows/model.safetensors", "rows.jsonl"])))
            .unwrap();
    assert!(answer["tasks"]["buy"]["probability"].as_f64().unwrap() > 0.5, "{answer}");
}

#[test]
fn what_is_wrong_with_labels_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    write_visits(at);
    for (old, new, expected) in [
        ("column = \"bought\"", "column = \"sold\"", "no column \"sold\""),
        ("column = \"bought\"", "column = \"gone\"", "all labels of training events are alike"),
        ("column = \"bought\"", "column = \"mood\"", "is neither yes nor no"),
        ("column = \"spend\"", "column = \"mood\"", "is no finite number"),
        ("kind = \"sequence\"", "kind = \"leave_one_out\"", "no validation event has a label"),
        ("name = \"mood\"", "name = \"buy\"", "two tasks are called \"buy\""),
    ] {
        assert!(TASKS.contains(old), "{old}");
        std::fs::write(at.join("foreclick.toml"), TASKS.replacen(old, new, 1)).unwrap();
        let told = failure(foreclick(at).arg("check"));
        assert!(told.contains(expected), "no {expected:?} in: {told}");
    }
}

/// From a model of the pages alone, few labels go further than from scratch, and the curve says so.
#[test]
fn what_few_labels_reach_is_drawn_from_scratch_and_from_a_model() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    write_visits(at);
    let (before, after) = TASKS.split_once("[[task]]").unwrap();
    std::fs::write(at.join("pages.toml"), format!("{before}[split]{}", after.split_once("[split]").unwrap().1))
        .unwrap();
    std::fs::write(at.join("foreclick.toml"), TASKS).unwrap();
    foreclick(at).args(["train", "pages.toml", "--name", "pages", "--epochs", "2"]).assert().success();
    let curve = ["train", "--epochs", "1", "--label-shares", "0.5,1", "--from", "runs/pages", "--name", "visits"];
    let told = output(foreclick(at).args(curve));
    assert!(told.contains("task buy, AUROC by the sequences whose labels are known"), "{told}");
    let head = "labels of               without a model             from scratch       on from runs/pages";
    assert!(told.contains(head), "{told}");

    let points = json(at, "runs/visits-labels.json")["points"].clone();
    let points = points.as_array().unwrap();
    let names = ["50-scratch", "50-from", "100-scratch", "100-from"];
    assert_eq!(points.len(), names.len());
    for (point, name) in points.iter().zip(names) {
        assert_eq!(point["results"], json(at, &format!("runs/visits-labels-{name}/tasks.json")), "{name}");
    }
    // With half of the labels twice the epochs.
    let config = std::fs::read_to_string(at.join("runs/visits-labels-50-scratch/config.toml")).unwrap();
    assert!(config.contains("epochs = 2\n") && config.contains("label_share = 0.5\n"), "{config}");
    let page = std::fs::read_to_string(at.join("runs/visits-labels.html")).unwrap();
    for part in
        ["AUROC of buy", "AUPR of buy", "macro-F1 of mood", "RMSE of spend", "on from runs/pages", "50%", "<svg"]
    {
        assert!(page.contains(part), "no {part:?} in the page");
    }
    let shares = |shares: &str, more: &[&str]| {
        failure(foreclick(at).args(["train", "--name", "none", "--label-shares", shares]).args(more))
    };
    assert!(shares("0.5,0.5", &[]).contains("50% is there twice"));
    assert!(shares("0.5", &["--resume"]).contains("none of the curve's runs has saved anything"));
    let from = |base: &str| shares("0.5", &["--from", base]);
    let told = from("runs/visits-labels-50-from");
    assert!(told.contains("has learned from the labels in \"bought\" already, as its task \"buy\""), "{told}");
    assert!(from("runs/visits-labels-50-from/model.safetensors").contains("has learned a task \"buy\""));
    // Each has ended: what was calibrated is not calibrated again.
    let files =
        names.map(|name| std::fs::read(at.join(format!("runs/visits-labels-{name}/model.safetensors"))).unwrap());
    foreclick(at).args(curve).arg("--resume").assert().success();
    for (name, file) in names.iter().zip(files) {
        assert!(
            std::fs::read(at.join(format!("runs/visits-labels-{name}/model.safetensors"))).unwrap() == file,
            "{name}"
        );
    }
    let told = failure(foreclick(at).args(["train", "--label-shares", "0.5,0", "--name", "none"]));
    assert!(told.contains("label_share is 0, expected above 0"), "{told}");
    let told = failure(foreclick(at).args(["train", "pages.toml", "--label-shares", "0.5", "--name", "none"]));
    assert!(told.contains("add a [[task]]"), "{told}");
}

/// Labels are made of fields of later events: a direction, a number and a name.
#[test]
fn what_fields_say_later_is_learned() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let mut log = String::from("stock,price,trend\n");
    // A wave: what has risen from a low rises on.
    let price = |at: usize| (at % 10).min(10 - at % 10);
    for stock in 0..40 {
        for day in stock * 7..stock * 7 + 40 {
            let trend = if price(day + 1) > price(day) { "rises" } else { "falls" };
            writeln!(log, "s{stock},{},{trend}", price(day)).unwrap();
        }
    }
    std::fs::write(at.join("prices.csv"), log).unwrap();
    let config = r#"
        log = { path = "prices.csv" }
        sequence = { key = "stock" }
        field = [{ name = "price", kind = "number" }, { name = "trend", kind = "category" }]
        task = [
            { name = "up", kind = "direction", of = "price", steps = 2 },
            { name = "price", kind = "number", of = "price" },
            { name = "trend", kind = "classes", of = "trend", steps = 3 },
            { name = "far", kind = "number", of = "price", steps = 5 },
        ]
        train = { encoder = "gru", hidden = 16, blocks = 1, epochs = 10, learning_rate = 0.01, dropout = 0.0, batch_events = 128, threads = 1 }
    "#;
    std::fs::write(at.join("foreclick.toml"), config).unwrap();
    foreclick(at).args(["train", "--name", "up"]).assert().success();
    let results = json(at, "runs/up/tasks.json");
    assert!(figure(&results, "up", "exported", "AUROC") > 0.95, "{results}");
    assert!(figure(&results, "up", "base rate", "AUROC") == 0.5, "{results}");
    assert!(
        figure(&results, "price", "exported", "RMSE") < 0.5 * figure(&results, "price", "mean", "RMSE"),
        "{results}"
    );
    assert!(figure(&results, "trend", "exported", "accuracy") > 0.9, "{results}");
    // A label before is known when it came: by the price now a wave of period 10 is off by 3, by yesterday's label by 1.
    assert!((figure(&results, "far", "label before", "RMSE") - 3.0).abs() < 0.4, "{results}");
    let model = Model::from_bytes(&std::fs::read(at.join("runs/up/model.safetensors")).unwrap()).unwrap();
    let heads = &model.metadata.schema.heads;
    assert_eq!(heads[0].kind, HeadKind::Binary { threshold: 0.5 });
    assert_eq!(heads[2].kind, HeadKind::Classes { names: vec!["falls".into(), "rises".into()], shares: Vec::new() });

    for (old, new, expected) in [
        ("kind = \"number\", of", "kind = \"binary\", of", "of is for the kinds classes, number and direction"),
        (
            "kind = \"classes\", of = \"trend\"",
            "kind = \"classes\", of = \"price\"",
            "expected a [[field]] of kind = \"category\"",
        ),
        (
            "of = \"price\" },",
            "of = \"price\", column = \"price\" },",
            "name the log's column of labels in column, or in of",
        ),
        ("steps = 3", "steps = 0", "steps is 0, expected 1 to 100000"),
        (
            "train = {",
            "split = { kind = \"leave_one_out\" }\n        train = {",
            "leaving one out gives a part of one event",
        ),
        ("steps = 3", "at = \"last\"", "remove next and at"),
        ("kind = \"number\", of", "balanced = true, kind = \"number\", of", "balanced is for kind = \"classes\""),
    ] {
        assert!(config.contains(old), "{old}");
        std::fs::write(at.join("foreclick.toml"), config.replacen(old, new, 1)).unwrap();
        let told = failure(foreclick(at).arg("check"));
        assert!(told.contains(expected), "no {expected:?} in: {told}");
    }
}
