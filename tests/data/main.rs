//! Logs in files: every format, every fault, and the real logs where they are at hand.
#![cfg(feature = "companion")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod another;
mod faults;
mod features;
mod formats;
mod init;
mod properties;
mod real;

use foreclick::companion::config::Config;
use foreclick::companion::data::{self, CleaningReport, Dataset};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A folder with logs, gone after the test.
struct Logs {
    folder: TempDir,
}

impl Logs {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A file in the folder.
    fn with(self, name: &str, bytes: impl AsRef<[u8]>) -> Self {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
        self
    }

    fn load(&self, toml: &str) -> anyhow::Result<(Dataset, CleaningReport)> {
        data::load(&Config::parse(toml, self.folder.path())?)
    }

    /// The whole message of a load that must fail.
    fn refusal(&self, toml: &str) -> String {
        format!("{:#}", self.load(toml).unwrap_err())
    }
}

/// A dataset's events for people: "key: item item".
fn sequences(dataset: &Dataset) -> Vec<String> {
    let sequences = &dataset.sequences;
    (0..sequences.len())
        .map(|place| {
            let items = sequences.range(place).map(|event| dataset.vocab.key(sequences.items[event]).unwrap());
            format!("{}: {}", sequences.keys.get(place), items.collect::<Vec<_>>().join(" "))
        })
        .collect()
}

/// What a rule dropped.
fn dropped(report: &CleaningReport, name: &str) -> u64 {
    report.rules.iter().find(|rule| rule.name == name).unwrap().rows
}

/// Nothing disappears silently.
fn assert_sums(report: &CleaningReport) {
    assert_eq!(report.rows_read, report.rows_kept + report.rules.iter().map(|rule| rule.rows).sum::<u64>(), "{report}");
    let parts = report.train_events + report.validation_events + report.test_events;
    assert_eq!(report.rows_kept, parts as u64, "{report}");
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The folder with the sample's Parquet files.
fn sample() -> PathBuf {
    let folder = std::env::var_os("FORECLICK_SAMPLE").map_or_else(|| root().join("build/sample"), PathBuf::from);
    let hint = "./build.sh demo fetches the sample, FORECLICK_SAMPLE names another folder";
    assert!(folder.join("transactions.parquet").is_file(), "no sample in {}: {hint}", folder.display());
    folder
}

/// A file of the shared data sets.
fn shared(name: &str) -> PathBuf {
    let folder = std::env::var_os("FORECLICK_SHARED").map_or_else(|| root().join("../shared"), PathBuf::from);
    let path = folder.join("data").join(name);
    assert!(path.is_file(), "no {}: FORECLICK_SHARED names another folder than ../shared", path.display());
    path
}
