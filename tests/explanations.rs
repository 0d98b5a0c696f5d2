//! Whether explanations hold, from a log to the report: in logs whose causes are known.
#![cfg(feature = "companion")]
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

#[path = "common/companion.rs"]
#[expect(dead_code, reason = "these logs are of another kind")]
mod companion;

use companion::{failure, foreclick, output};
use serde_json::Value;
use std::fmt::Write;
use std::path::Path;

fn explained(at: &Path, arguments: &[&str]) -> Value {
    let mut command = foreclick(at);
    command.args(["evaluate", "--json"]).args(arguments);
    serde_json::from_str(&output(&mut command)).unwrap()
}

/// What each visitor opens with decides what ends the visit; what comes between means nothing.
#[test]
fn explanations_find_the_cause_that_lies_far_back() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let mut log = String::from("visit,page,step\n");
    let mut draw = 1_u32;
    let mut next = |below: u32| {
        draw = draw.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (draw >> 16) % below
    };
    for visit in 0..1000 {
        let (cause, length) = (next(7), 2 + next(6));
        let between = (0..length).map(|_| format!("between{}", next(9)));
        let pages: Vec<String> =
            [format!("first{cause}")].into_iter().chain(between).chain([format!("last{cause}")]).collect();
        for (step, page) in pages.iter().enumerate() {
            writeln!(log, "v{visit:03},{page},{step}").unwrap();
        }
    }
    std::fs::write(at.join("visits.csv"), log).unwrap();
    let config = r#"
        log = { path = "visits.csv" }
        sequence = { key = "visit" }
        item = { column = "page" }
        split = { kind = "sequence" }
        evaluate = { min_history = 4 }
        train = { hidden = 16, heads = 2, blocks = 1, epochs = 8, learning_rate = 0.01, batch_events = 128, threads = 1 }
    "#;
    std::fs::write(at.join("foreclick.toml"), config).unwrap();
    foreclick(at).args(["train", "--name", "far"]).assert().success();

    let explanations = explained(at, &["runs/far", "--explain=60"]);
    let fidelity = &explanations["fidelity"];
    assert_eq!((&fidelity["predictions"], &fidelity["least"]), (&60.into(), &4.into()));
    let orders = fidelity["orders"].as_array().unwrap();
    let names: Vec<_> = orders.iter().map(|order| order["order"].as_str().unwrap()).collect();
    assert_eq!(names, ["explanation", "latest first", "random"]);
    let curve = |order: &Value, kind: &str, point: usize| order[kind]["curve"][point].as_f64().unwrap();
    for order in orders {
        // With all events and with none the order means nothing.
        for (deletion, insertion) in [(0, 10), (10, 0)] {
            let expected = curve(&orders[0], "deletion", deletion);
            assert!((curve(order, "deletion", deletion) - expected).abs() < 1e-9, "{order}");
            assert!((curve(order, "insertion", insertion) - expected).abs() < 1e-9, "{order}");
        }
    }
    let latest = &orders[1];
    assert!(latest["deletion"]["better"]["low"].as_f64().unwrap() > 0.0, "{latest}");
    assert!(latest["insertion"]["better"]["low"].as_f64().unwrap() > 0.0, "{latest}");
    assert!(orders[0]["deletion"]["area"].as_f64() < orders[2]["deletion"]["area"].as_f64(), "{fidelity}");
    assert_eq!(
        explained(at, &["runs/far/model.safetensors", "--config", "foreclick.toml", "--explain=60"]),
        explanations
    );

    let text = output(foreclick(at).args(["evaluate", "runs/far", "--explain"]));
    assert!(text.contains("deletion") && text.contains("explanations name what the model goes by"), "{text}");
    let report = std::fs::read_to_string(at.join("runs/far/report.html")).unwrap();
    assert!(report.contains("Whether its explanations hold"));
    assert!(failure(foreclick(at).args(["evaluate", "runs/far", "runs/far", "--explain"])).contains("ensemble"));
}

/// A label that hangs on one field alone.
#[test]
fn the_field_that_matters_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let mut log = String::from("seconds,kind,bought\n");
    for row in 0..1500_u32 {
        let draw = row.wrapping_mul(2_654_435_761);
        let (seconds, kind) = (draw >> 24, ["new", "old"][(draw >> 11) as usize % 2]);
        writeln!(log, "{seconds},{kind},{}", if kind == "old" { "TRUE" } else { "FALSE" }).unwrap();
    }
    std::fs::write(at.join("rows.csv"), log).unwrap();
    let config = r#"
        log = { path = "rows.csv" }
        sequence = { each_row = true }
        field = [{ name = "seconds", kind = "number" }, { name = "kind", kind = "category" }]
        task = [{ name = "buy", kind = "binary", column = "bought" }]
        train = { hidden = 16, blocks = 1, epochs = 8, learning_rate = 0.01, field_dropout = 0.1, batch_events = 128, threads = 1 }
    "#;
    std::fs::write(at.join("foreclick.toml"), config).unwrap();
    foreclick(at).args(["train", "--name", "rows"]).assert().success();
    let explanations = explained(at, &["runs/rows", "--explain"]);
    assert!(explanations["fidelity"].is_null(), "{explanations}");
    let fields = explanations["fields"].as_array().unwrap();
    let named = |place: usize| (fields[place]["field"].as_str(), fields[place]["measure"].as_str());
    let expected = ["seconds", "kind"].map(|field| (Some(field), Some("log loss of buy")));
    assert_eq!((fields.len(), [named(0), named(1)]), (2, expected));
    let lost = |place: usize, of: &str| fields[place]["lost"][of].as_f64().unwrap();
    assert!(lost(1, "low") > 0.3 && lost(0, "difference").abs() < 0.1, "{explanations}");
}
