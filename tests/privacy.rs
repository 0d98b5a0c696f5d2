//! What a file tells of those who were in its log, and a private one that does not.
#![cfg(feature = "companion")]
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

#[path = "common/companion.rs"]
#[expect(dead_code, reason = "these visitors click without any reason")]
mod companion;

use companion::{failure, foreclick, output};
use serde_json::Value;
use std::fmt::Write;
use std::path::Path;

const VISITORS: u64 = 400;

/// Visitors who each click ten pages of a hundred without any reason: whoever knows what goes with what here knows it of them.
fn write_log(folder: &Path) {
    let (mut log, mut random) = (String::from("visitor,page,time\n"), 1u64);
    for visitor in 0..VISITORS {
        for step in 0..10 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let (page, time) = ((random >> 33) % 100, 1_700_000_000 + visitor * 100_000 + step * 60);
            writeln!(log, "v{visitor},page{page},{time}").unwrap();
        }
    }
    std::fs::write(folder.join("clicks.csv"), log).unwrap();
}

fn write_config(folder: &Path, name: &str, more: &str) {
    let toml = format!(
        "[log]\npath = \"clicks.csv\"\n[sequence]\nkey = \"visitor\"\ntime = \"time\"\n[item]\ncolumn = \"page\"\nmin_count = 1\n\
         [train]\nepochs = 3\nhidden = 16\nfeed_forward = 16\nblocks = 1\nthreads = 1\n{more}"
    );
    std::fs::write(folder.join(name), toml).unwrap();
}

fn audit(folder: &Path, arguments: &[&str]) -> (Value, Vec<f64>) {
    let all = [&["audit", "--json"], arguments].concat();
    let found: Value = serde_json::from_str(&output(foreclick(folder).args(all))).unwrap();
    let attacks = found["attacks"].as_object().unwrap().values();
    let aurocs = attacks.map(|attack| attack["auroc"].as_f64().unwrap()).collect();
    (found, aurocs)
}

#[test]
fn an_ordinary_model_tells_who_was_there_and_a_private_one_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    write_log(at);
    write_config(at, "clicks.toml", "[split]\nheld_out_sequences = 0.5\n[privacy]\nsteps = 10\n");
    let train =
        |arguments: &[&str]| foreclick(at).args([&["train", "clicks.toml"], arguments].concat()).assert().success();
    train(&["--name", "open"]);
    let (found, aurocs) = audit(at, &["runs/open"]);
    assert!((150..250).contains(&found["members"].as_u64().unwrap()), "{found}");
    assert!(aurocs.iter().any(|&auroc| auroc > 0.7), "{aurocs:?}");
    let exposure = &found["exposure"];
    assert!(exposure["single_neighbours"].as_u64().unwrap() > 100, "{exposure}");
    assert!(found["promised"].is_null());

    let trained = train(&["--name", "private", "--dp", "--compare", "runs/open"]);
    let told = String::from_utf8(trained.get_output().stdout.clone()).unwrap();
    assert!(told.contains("of runs/open: ") && told.contains("on the same targets"), "{told}");
    let (found, aurocs) = audit(at, &["runs/private"]);
    // 200 of each: the deviation of a guess is .03.
    assert!(aurocs.iter().all(|auroc| (auroc - 0.5).abs() < 0.13), "{aurocs:?}");
    assert!(found["promised"].as_str().unwrap().contains("epsilon 1.000"), "{found}");
    assert_eq!(found["exposure"]["single_neighbours"], 0);

    let shown = output(foreclick(at).args(["inspect", "runs/private/model.safetensors", "--json"]));
    let shown: Value = serde_json::from_str(&shown).unwrap();
    let description = &shown["description"];
    assert!(
        description["provenance"]["privacy"].as_str().unwrap().contains("public: the list of items"),
        "{description}"
    );
    // Counts and measures are of the log, and who is held out follows from the split's seed.
    assert_eq!(description["metrics"].as_object().unwrap().len(), 0);
    let mut named: Vec<&str> = description["provenance"].as_object().unwrap().keys().map(String::as_str).collect();
    named.sort_unstable();
    assert_eq!(named, ["foreclick", "privacy"]);
}

#[test]
fn settings_are_audited_on_halves_and_bounds_prevent_exposure() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    write_log(at);
    write_config(at, "clicks.toml", "neighbours_min_sequences = 3\n[split]\nmax_training_events = 6\n");
    foreclick(at).args(["train", "clicks.toml", "--name", "all"]).assert().success();
    let error = failure(foreclick(at).args(["audit", "runs/all"]));
    assert!(error.contains("--retrain") && error.contains("held_out_sequences"), "{error}");
    let (found, aurocs) = audit(at, &["runs/all", "--retrain", "--few", "3"]);
    assert_eq!((&found["models"], &found["sequences"]), (&2.into(), &VISITORS.into()));
    assert!(aurocs.iter().all(|auroc| (0.3..=1.0).contains(auroc)) && aurocs.len() == 4, "{aurocs:?}");
    assert_eq!(found["exposure"]["rare_neighbours"], 0);
    assert!(found["exposure"]["neighbours"].as_u64().unwrap() > 0);
    let text = output(foreclick(at).args(["audit", "runs/all", "--retrain"]));
    assert!(
        text.contains("2 models of")
            && text.contains("0.5 is a guess")
            && text.contains("beside a model of the others")
    );
}

#[test]
fn wrong_calls_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    write_log(at);
    write_config(at, "clicks.toml", "");
    let refused = |toml: &str, arguments: &[&str], message: &str| {
        write_config(at, "wrong.toml", toml);
        let error = failure(foreclick(at).args(["train", "wrong.toml"]).args(arguments));
        assert!(error.contains(message), "no {message:?} in {error}");
    };
    refused("", &["--dp", "--resume"], "cannot be used with");
    refused("", &["--dp", "--seeds", "3"], "cannot be used with");
    refused("", &["--compare", "runs/none"], "--compare takes the folder of a finished run");
    refused("[[field]]\nname = \"price\"\nkind = \"number\"\n", &["--dp"], "a private model only counts");
    refused("[privacy]\nepsilon = 0\n", &["--dp"], "[privacy] epsilon is 0, expected above 0");
    refused("[privacy]\ndelta = 1\n", &["--dp"], "[privacy] delta is 1, expected above 0 and far below");
    refused("[privacy]\npopularity = 0.7\nneighbours = 0.3\n", &["--dp"], "shares that leave some of 1");
    refused("[privacy]\nsampling_rate = 2\n", &["--dp"], "sampling_rate is 2, expected above 0 and at most 1");
    refused("[privacy]\nepsilon = 1e-9\ndelta = 1e-12\n", &["--dp"], "no noise is enough for epsilon");
    refused("[split]\nheld_out_sequences = -1\n", &[], "held_out_sequences is -1");
    write_config(at, "wrong.toml", "encoder = \"counting\"\n[privacy]\ndp = true\n");
    let toml = std::fs::read_to_string(at.join("wrong.toml")).unwrap();
    std::fs::write(at.join("wrong.toml"), toml.replace("[sequence]\n", "[sequence]\ncalendar = \"none\"\n")).unwrap();
    let error = failure(foreclick(at).args(["train", "wrong.toml", "--seeds", "3"]));
    assert!(error.contains("would spend its budget 3 times"), "{error}");
    let error = failure(foreclick(at).args(["audit", "runs/none"]));
    assert!(error.contains("is no run's folder"), "{error}");
}
