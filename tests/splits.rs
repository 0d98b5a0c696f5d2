//! What a model knows before it is measured: events that are held out by another split of its log, labels by another name; and
//! what is measured where there are no labels.
#![cfg(feature = "companion")]
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

#[path = "common/companion.rs"]
mod companion;

use companion::{failure, foreclick, output, write_log};
use serde_json::Value;
use std::fmt::Write;
use std::path::Path;

fn write_schema(at: &Path, name: &str, log: &str, seed: u64) {
    let schema = format!(
        "[log]\npath = \"{log}\"\n[sequence]\nkey = \"visitor\"\ntime = \"time\"\n[item]\ncolumn = \"page\"\n[split]\n\
         kind = \"sequence\"\nseed = {seed}\n[train]\nhidden = 8\nblocks = 1\nmax_len = 16\nepochs = 1\nthreads = 1\n"
    );
    std::fs::write(at.join(name).with_extension("toml"), schema).unwrap();
}

/// Trains; what it says on stderr.
fn train(at: &Path, schema: &str, name: &str, more: &[&str]) -> String {
    let mut command = foreclick(at);
    command.args(["train", schema, "--name", name]).args(more);
    String::from_utf8(command.assert().get_output().stderr.clone()).unwrap()
}

#[test]
fn another_split_of_the_log_neither_teaches_nor_is_measured() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    write_log(at);
    let log = std::fs::read_to_string(at.join("clicks.csv")).unwrap();
    std::fs::write(at.join("others.csv"), log.replace("\nv", "\nw")).unwrap();
    write_schema(at, "here", "clicks.csv", 1);
    write_schema(at, "there", "clicks.csv", 5);
    write_schema(at, "others", "others.csv", 5);
    for name in ["here", "there", "others"] {
        assert!(!train(at, &format!("{name}.toml"), name, &[]).contains("too good"));
    }

    let expected = |told: &str| {
        assert!(told.contains("there") && told.contains("another split of this log"), "{told}");
        assert!(told.contains("\"seed\":1") && told.contains("got") && told.contains("\"seed\":5"), "{told}");
    };
    let teach = ["train", "here.toml", "--name", "taught", "--teachers", "runs/there"];
    expected(&failure(foreclick(at).args(teach)));
    expected(&failure(foreclick(at).args(["evaluate", "runs/here", "runs/there"])));
    expected(&failure(foreclick(at).args(["evaluate", "runs/there", "--config", "here.toml"])));
    expected(&failure(foreclick(at).args(["evaluate", "runs/there/model.safetensors", "--config", "here.toml"])));
    output(foreclick(at).args(["evaluate", "runs/there"]));
    output(foreclick(at).args(["evaluate", "runs/here", "runs/others"]));

    expected(&train(at, "here.toml", "on", &["--from", "runs/there"]));
    let told = output(foreclick(at).args(["evaluate", "runs/on"]));
    assert!(told.contains("these figures are too good"), "{told}");
    let result = std::fs::read_to_string(at.join("runs/on/result.json")).unwrap();
    let result: Value = serde_json::from_str(&result).unwrap();
    expected(result["protocol"]["leak"].as_str().unwrap());
    assert!(std::fs::read_to_string(at.join("runs/on/report.html")).unwrap().contains("too good"));
    // What goes on from that one knows the same events, and another log's model none.
    expected(&train(at, "here.toml", "further", &["--from", "runs/on"]));
    for name in ["here", "others"] {
        assert!(
            !train(at, "here.toml", "honest", &["--replace", "--from", &format!("runs/{name}")]).contains("too good")
        );
    }
}

/// Visits on ten pages, the first fifty of which tell whether they bought.
fn write_visits(at: &Path) {
    let mut log = String::from("visitor,page,time,bought,back\n");
    for visitor in 0..60u64 {
        for step in 0..6u64 {
            let (time, page) = (1_700_000_000 + visitor * 1000 + step, (visitor + step) % 10);
            let bought = if visitor >= 50 { "" } else { ["yes", "no"][visitor as usize % 2] };
            writeln!(log, "v{visitor},page{page},{time},{bought},{}", (visitor + step * step) % 3).unwrap();
        }
    }
    std::fs::write(at.join("visits.csv"), log).unwrap();
}

/// Yes or no of each, split by time: the last ten visits are for the test.
fn write_tasks(at: &Path, name: &str, tasks: &[(&str, &str)]) {
    let mut schema = String::from(
        "log = { path = \"visits.csv\" }\nsequence = { key = \"visitor\", time = \"time\" }\nitem = { column = \"page\" }\n\
         field = [{ name = \"back\", kind = \"number\" }]\n\
         split = { kind = \"time\", validation_from = 2023-11-15T09:20:00Z, test_from = 2023-11-15T12:06:40Z }\n\
         train = { hidden = 8, blocks = 1, max_len = 16, epochs = 1, threads = 1 }\n",
    );
    for (name, labels) in tasks {
        let kind = if labels.starts_with("of") { "direction" } else { "binary" };
        writeln!(schema, "[[task]]\nname = \"{name}\"\nkind = \"{kind}\"\n{labels}").unwrap();
    }
    std::fs::write(at.join(name).with_extension("toml"), schema).unwrap();
}

/// Labels that come late: none of the test's visits has one yet.
#[test]
fn a_test_part_without_labels_ends_in_a_report_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    write_visits(at);
    write_tasks(at, "late", &[("buy", "column = \"bought\"")]);
    let told = train(at, "late.toml", "late", &[]);
    assert!(told.contains("no test labels") && told.contains("the run is in runs/late"), "{told}");
    let tasks: Value =
        serde_json::from_str(&std::fs::read_to_string(at.join("runs/late/tasks.json")).unwrap()).unwrap();
    assert_eq!(tasks["tasks"][0]["labels"], 0);
    assert!(at.join("runs/late/result.json").exists());
    assert!(std::fs::read_to_string(at.join("runs/late/report.html")).unwrap().contains("no labels to measure"));
    let told = output(foreclick(at).args(["evaluate", "runs/late"]));
    assert!(told.contains("none to measure") && told.contains("each ranked among all 10 items"), "{told}");

    // Another log may lack the column: the next item is measured.
    let without = std::fs::read_to_string(at.join("visits.csv")).unwrap().replace(",bought,", ",sold,");
    std::fs::write(at.join("next.csv"), without).unwrap();
    let measured = foreclick(at).args(["evaluate", "runs/late", "--log", "next.csv"]).assert().success();
    let (told, noted) = (&measured.get_output().stdout, &measured.get_output().stderr);
    assert!(String::from_utf8_lossy(told).contains("each ranked among all 10 items"));
    assert!(String::from_utf8_lossy(noted).contains("no column \"bought\": [[task]] \"buy\" is not measured"));
}

/// Few labels say nothing of a model that has seen them all, by whatever name, itself or before it went on.
#[test]
fn a_model_that_has_learned_the_labels_is_no_base_for_few_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    write_visits(at);
    let higher = ("higher", "of = \"back\"");
    write_tasks(at, "buy", &[("buy", "column = \"bought\""), higher]);
    write_tasks(at, "sale", &[("sale", "column = \"bought\"")]);
    write_tasks(at, "higher", &[higher]);
    write_tasks(at, "pages", &[]);
    train(at, "sale.toml", "sale", &[]);
    train(at, "higher.toml", "higher", &[]);
    train(at, "pages.toml", "on", &["--from", "runs/sale"]);
    let curve = |base: &str| {
        let mut command = foreclick(at);
        command.args(["train", "buy.toml", "--label-shares", "1", "--from", base]);
        command
    };
    let told = failure(&mut curve("runs/sale"));
    assert!(told.contains("has learned from the labels in \"bought\" already, as its task \"sale\""), "{told}");
    let told = failure(&mut curve("runs/on"));
    assert!(told.contains("runs/sale has learned from the labels in \"bought\""), "{told}");
    // What is foretold of a field needs no labels.
    output(&mut curve("runs/higher"));
}
