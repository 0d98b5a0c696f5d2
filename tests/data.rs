//! Logs in files: every format, every fault, and the real logs where they are at hand.
#![cfg(feature = "companion")]

use foreclick::companion::config::{Config, LogPath};
use foreclick::companion::data::{self, Part};
use std::path::{Path, PathBuf};

/// The folder with the sample's Parquet files; says so where there is none.
fn sample() -> Option<PathBuf> {
    let folder = std::env::var_os("FORECLICK_SAMPLE").map_or_else(|| root().join("build/sample"), PathBuf::from);
    if folder.join("transactions.parquet").is_file() {
        return Some(folder);
    }
    eprintln!("skipped: no sample (./build.sh demo fetches it, FORECLICK_SAMPLE names its folder)");
    None
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn the_demo_loads_the_sample() {
    let Some(folder) = sample() else { return };
    let mut config = Config::read(&root().join("www/demo.toml")).unwrap();
    config.log.path = LogPath::One(folder.join("transactions.parquet"));
    config.sides[0].path = folder.join("products.parquet");
    let start = std::time::Instant::now();
    let (dataset, report) = data::load(&config).unwrap();
    println!("{report}loaded in {:.1?}", start.elapsed());

    assert_eq!(report.rows_read, 1_469_307);
    assert_eq!(report.rows_read, report.rows_kept + report.rules.iter().map(|rule| rule.rows).sum::<u64>());
    assert!(dataset.schema.has_time && dataset.schema.has_group);
    let parts = &dataset.sequences.parts;
    assert!([Part::Train, Part::Validation, Part::Test].iter().all(|part| parts.contains(part)));
    assert_eq!(dataset.item_table.columns[0], "department");
    assert!(dataset.item_table.values.iter().any(|value| value == "GROCERY"));
}
