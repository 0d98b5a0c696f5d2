//! `foreclick policy` as a person uses it, and what the browser's bandit is held against.
#![cfg(feature = "companion")]
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

#[path = "common/companion.rs"]
#[expect(dead_code, reason = "these logs are of another kind")]
mod companion;

use companion::{failure, foreclick, output};
use foreclick::companion::policy::{Exploration, Features, Kind, Learner, PolicyFile, Prior};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::Path;

/// Banners shown at two positions. At night "quiet" earns most, by day "loud"; the log took "loud" half the time.
fn write_decisions(folder: &Path, name: &str, shares: [f64; 3], rows: usize) {
    let mut random = ChaCha8Rng::seed_from_u64(rows as u64);
    let mut log = String::from("visitor,slot,banner,p,click,hour_x,hour_y\n");
    for row in 0..rows {
        let (night, slot) = (random.random::<f64>() < 0.5, 1 + row % 2);
        let number: f64 = random.random();
        let banner = if number < shares[0] { 0 } else { 1 + usize::from(number >= shares[0] + shares[1]) };
        let chance = if (banner == 1) == night { 0.6 } else { 0.2 } / slot as f64;
        let click = u8::from(random.random::<f64>() < chance);
        let (x, y) = (if night { 1.0 } else { -1.0 }, random.random::<f64>());
        let banner_name = ["loud", "quiet", "none"][banner];
        writeln!(log, "v{},{slot},{banner_name},{},{click},{x},{y}", row / 4, shares[banner]).unwrap();
    }
    std::fs::write(folder.join(name), log).unwrap();
}

const COLUMNS: [&str; 10] =
    ["--action", "banner", "--reward", "click", "--propensity", "p", "--position", "slot", "--cluster", "visitor"];

fn policy(folder: &Path, command: &str, log: &str, more: &[&str]) -> assert_cmd::Command {
    let mut foreclick = foreclick(folder);
    foreclick.args(["policy", command, log]).args(COLUMNS).args(more);
    foreclick
}

fn estimate(evaluation: &Value, name: &str, part: &str) -> f64 {
    let estimates = evaluation["estimates"].as_array().unwrap();
    estimates.iter().find(|estimate| estimate["estimator"] == name).unwrap()[part].as_f64().unwrap()
}

#[test]
fn a_policy_is_measured_on_anothers_log() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    write_decisions(at, "log.csv", [0.5, 0.25, 0.25], 4000);
    write_decisions(at, "other.csv", [0.2, 0.6, 0.2], 4001);
    let json = |more: &[&str]| -> Value {
        serde_json::from_str(&output(policy(at, "evaluate", "log.csv", more).args(["--json"]))).unwrap()
    };
    let evaluation = json(&["--target-log", "other.csv", "--context", "hour_*"]);
    let truth = evaluation["on_policy"]["estimate"].as_f64().unwrap();
    for name in ["ips", "snips", "dr", "switch_dr"] {
        let (low, high) = (estimate(&evaluation, name, "low"), estimate(&evaluation, name, "high"));
        assert!(low < truth && truth < high, "{name}: {truth} is not within {low} and {high}");
    }
    assert!((evaluation["mean_weight"].as_f64().unwrap() - 1.0).abs() < 0.05, "{evaluation}");
    assert_eq!([&evaluation["rows"], &evaluation["actions"], &evaluation["positions"]], [4000, 3, 2]);
    let spread = |name: &str| estimate(&evaluation, name, "high") - estimate(&evaluation, name, "low");
    assert!(spread("dr") < spread("ips"));
    let twice = json(&["--target-log", "other.csv", "--context", "hour_*"]);
    assert_eq!(evaluation, twice, "the seed decides");

    // The same policy in another way.
    std::fs::write(at.join("table.csv"), "banner,probability\nloud,0.2\nquiet,0.6\nnone,0.2\n").unwrap();
    let table = json(&["--target-table", "table.csv"]);
    assert!((estimate(&table, "ips", "estimate") - estimate(&evaluation, "ips", "estimate")).abs() < 0.02);
    let text = output(policy(at, "evaluate", "log.csv", &["--uniform"]).env("COLUMNS", "100"));
    assert!(text.contains("target, Switch-DR") && text.contains("importance weights: mean 1."), "{text}");
}

#[test]
fn a_trained_policy_starts_where_the_log_ends() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    write_decisions(at, "log.csv", [0.5, 0.25, 0.25], 4000);
    let held_out: Value = serde_json::from_str(&output(&mut policy(
        at,
        "train",
        "log.csv",
        &["--context", "hour_x,hour_y", "--out", "banners.json", "--json"],
    )))
    .unwrap();
    // Held-out visitors would have clicked more: 0.6 / 1 at the first position and less than half of it at the second.
    let logged = held_out["logged"]["estimate"].as_f64().unwrap();
    assert!(estimate(&held_out, "dr", "low") > logged, "{held_out}");
    assert_eq!(held_out["rows"], 800);
    let file = PolicyFile::read(&at.join("banners.json")).unwrap();
    assert_eq!((file.actions.len(), file.columns.len(), file.rank), (3, 2, 2));
    let night = file.ranking().unwrap().best(&[1.0, 0.5]).unwrap()[0];
    assert_eq!(file.actions[night].id, "quiet");

    let again = policy(at, "evaluate", "log.csv", &["--target-policy", "banners.json", "--context", "hour_*"]);
    assert!(output(&mut { again }).contains("target, DR"));
    let refused = failure(&mut policy(at, "evaluate", "log.csv", &["--target-policy", "banners.json"]));
    assert!(refused.contains("give --context the same"), "{refused}");

    let replay = policy(at, "simulate", "log.csv", &["--context", "hour_*", "--seeds", "2", "--json"]);
    let replayed: Value = serde_json::from_str(&output(&mut { replay })).unwrap();
    let mean = |strategy: usize| replayed[strategy]["reward"][0].as_f64().unwrap();
    assert!(mean(0) > mean(3) && mean(1) > mean(3), "learning beats chance: {replayed}");
}

#[test]
fn a_simulation_prints_how_regret_grows() {
    let simulate = ["policy", "simulate", "--rounds", "300", "--seeds", "2", "--actions", "4", "--dimension", "3"];
    let text = output(foreclick(Path::new(".")).args(simulate));
    for name in ["Thompson sampling", "LinUCB", "epsilon-greedy (0.1)", "random", "at 3000"] {
        assert!(text.contains(name), "{text}");
    }
    let help = output(foreclick(Path::new(".")).args(["policy", "simulate", "--help"]));
    assert!(help.contains("[default: 2000]") && help.contains("Li et al. 2011"), "{help}");
}

#[test]
fn wrong_logs_are_errors_that_say_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let refused = |rows: &str, more: &[&str]| {
        std::fs::write(at.join("log.csv"), format!("visitor,slot,banner,p,click,x\n{rows}")).unwrap();
        failure(&mut policy(at, "evaluate", "log.csv", &[&["--uniform"], more].concat()))
    };
    let good = "v1,1,a,0.5,0,1\nv2,1,b,0.5,1,2\n";
    for (rows, more, what) in [
        ("v1,1,a,0.5,0,1\nv2,1,b,0,1,2\n", &[][..], "row 2 of the data: p is 0, expected 0.000000001 to 1"),
        ("v1,1,a,1.5,0,1\n", &[], "p is 1.5, expected 0.000000001 to 1"),
        ("v1,1,a,0.5,NaN,1\n", &[], "click is NaN, expected a finite number"),
        ("v1,1,a,0.5,,1\n", &[], "click is missing, expected a finite number"),
        ("v1,1,a,0.5,0,red\n", &["--context", "x"], "x is \"red\", expected a finite number"),
        ("v1,1,,0.5,0,1\n", &[], "banner is missing, expected a key"),
        ("v1,1,a\n", &[], "3 cells, expected 6"),
        ("", &[], "the log is empty"),
        (good, &["--context", "z"], "no column \"z\"; its columns: visitor, slot"),
        (good, &["--context", "z*"], "name the right one with --context"),
        (good, &["--context", "x,x"], "names a column twice"),
        (good, &["--switch=-1"], "--switch is -1, expected a weight of 0 or more"),
    ] {
        let told = refused(rows, more);
        assert!(told.contains(what), "{told}");
    }
    let unnamed = failure(foreclick(at).args(["policy", "evaluate", "log.csv", "--uniform"]));
    assert!(unnamed.contains("no column \"action\"") && unnamed.contains("--action"), "{unnamed}");
    let no_target = failure(&mut policy(at, "evaluate", "log.csv", &[]));
    assert!(no_target.contains("--target-log"), "{no_target}");
    std::fs::write(at.join("table.csv"), "banner,share\na,1\n").unwrap();
    let told = failure(&mut policy(at, "evaluate", "log.csv", &["--target-table", "table.csv"]));
    assert!(told.contains("no column \"probability\""), "{told}");
    let told = failure(&mut policy(at, "train", "log.csv", &["--holdout", "1"]));
    assert!(told.contains("--holdout is 1, expected above 0 and below 1"), "{told}");
}

/// Saito et al. 2021 (arXiv 2008.07146), the sample of 10,000 rows a policy: what Bernoulli Thompson sampling earned, from
/// the rows of the random policy.
#[test]
#[ignore = "needs ../shared"]
fn shared_open_bandit_intervals_hold_what_was_earned() {
    let shared = std::env::var("FORECLICK_SHARED").unwrap_or_else(|_| "../shared".into());
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join(shared).join("data/open-bandit");
    let columns = ["--action", "item_id", "--reward", "click", "--propensity", "propensity_score"];
    let others = ["--position", "position", "--context", "user-item_affinity_*", "--json"];
    for campaign in ["all", "men", "women"] {
        let path = |policy: &str| data.join(format!("{policy}_{campaign}.csv.gz")).display().to_string();
        let args = ["policy", "evaluate", &path("random"), "--target-log", &path("bts")];
        let evaluation = output(foreclick(&data).args(args).args(columns).args(others));
        let evaluation: Value = serde_json::from_str(&evaluation).unwrap();
        let earned = evaluation["on_policy"]["estimate"].as_f64().unwrap();
        for name in ["ips", "snips", "dr", "switch_dr"] {
            let (low, high) = (estimate(&evaluation, name, "low"), estimate(&evaluation, name, "high"));
            assert!(low <= earned && earned <= high, "{campaign} {name}: {earned} is not within {low} and {high}");
        }
        let weight = evaluation["mean_weight"].as_f64().unwrap();
        assert!((weight - 1.0).abs() < 0.05, "{campaign}: {weight}");
    }
}

/// Decisions and rewards of the native bandit, some of them late, for `tests/browser/bandit.test.js`.
#[test]
fn the_browser_tests_have_their_decisions() {
    let folder = tempfile::tempdir().unwrap();
    write_decisions(folder.path(), "log.csv", [0.5, 0.25, 0.25], 1000);
    let started = |rank: &str| {
        let out = ["--context", "hour_*,slot", "--rank", rank, "--out", "policy.json"];
        policy(folder.path(), "train", "log.csv", &out).assert().success();
        PolicyFile::read(&folder.path().join("policy.json")).unwrap()
    };
    let (whole, projected) = (started("16"), started("2"));
    assert!(whole.projection.is_none() && projected.projection.is_some());
    let plain = |kind, floor, ceiling| Exploration { kind, scale: 0.5, floor, ceiling };
    let sequences = json!([
        sequence(plain(Kind::Thompson, 0.0, 0.3), 1.0, Features::plain(3), 4, 1, None),
        sequence(plain(Kind::LinUcb, 0.02, 0.4), 0.97, Features::plain(8), 5, 2, None),
        sequence(plain(Kind::Thompson, 0.05, 1.0), 0.99, Features::plain(0), 3, 3, None),
        sequence(plain(Kind::Thompson, 0.01, 0.5), 1.0, whole.features().unwrap(), 3, 2, Some(&whole)),
        sequence(plain(Kind::LinUcb, 0.01, 0.5), 1.0, projected.features().unwrap(), 3, 1, Some(&projected)),
    ]);
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("build/test");
    std::fs::create_dir_all(&target).unwrap();
    std::fs::write(target.join("bandit.json"), serde_json::to_vec(&sequences).unwrap()).unwrap();
}

fn sequence(
    exploration: Exploration,
    keep: f64,
    features: Features,
    actions: usize,
    slate: usize,
    start: Option<&PolicyFile>,
) -> Value {
    let names: Vec<String> = match start {
        Some(file) => file.actions.iter().map(|action| action.id.clone()).collect(),
        None => (0..actions).map(|action| format!("action {action}")).collect(),
    };
    let priors = start.map_or_else(|| vec![Prior::ridge(features.size(), 1.0); actions], |file| file.priors().unwrap());
    let mut learner = Learner::new(exploration, keep, priors).unwrap();
    let mut random = ChaCha8Rng::seed_from_u64(slate as u64);
    let (mut numbers, mut steps, mut waiting) = (vec![], vec![], vec![]);
    let candidates: Vec<usize> = (0..actions).collect();
    for step in 0..120 {
        let context: Vec<f64> = (0..features.dimension).map(|_| random.random_range(-1.0..1.0)).collect();
        let x = features.encode(&context).unwrap();
        let mut draw = || {
            numbers.push(random.random::<f64>());
            numbers[numbers.len() - 1]
        };
        let chosen = learner.choose(&x, &candidates, slate, &mut draw);
        let shown: Vec<Value> = chosen
            .iter()
            .map(|choice| {
                let expected = learner.belief(choice.action).expected(&x);
                json!({"action": names[choice.action], "probability": choice.probability, "expected": expected})
            })
            .collect();
        for choice in &chosen {
            waiting.push((step, choice.action, x.clone(), f64::from(u8::from(random.random::<f64>() < 0.4))));
        }
        // Any of those that wait.
        let mut rewards = vec![];
        while waiting.len() > 6 {
            let (of, action, x, reward) = waiting.remove(random.random_range(0..waiting.len()));
            learner.learn(action, &x, reward).unwrap();
            rewards.push(json!({"step": of, "action": names[action], "reward": reward}));
        }
        steps.push(json!({"context": context, "slate": shown, "rewards": rewards}));
    }
    let kind = if exploration.kind == Kind::LinUcb { "linucb" } else { "thompson" };
    let Exploration { scale, floor, ceiling, .. } = exploration;
    let mut options = json!({
        "actions": names, "kind": kind, "scale": scale, "floor": floor, "ceiling": ceiling, "forgetting": keep,
    });
    match start {
        Some(file) => options["start"] = json!(file),
        None => options["dimension"] = json!(features.dimension),
    }
    json!({"options": options, "slate": slate, "numbers": numbers, "steps": steps})
}
