//! The real logs.

use crate::{assert_sums, root, sample, sequences, shared};
use foreclick::companion::config::{Config, LogPath};
use foreclick::companion::data::{self, Part};

#[test]
#[ignore = "needs the sample log: ./build.sh test runs it"]
fn sample_loads_by_the_demos_schema() {
    let folder = sample();
    let mut config = Config::read(&root().join("www/demo.toml")).unwrap();
    config.log.path = LogPath::One(folder.join("transactions.parquet"));
    config.sides[0].path = folder.join("products.parquet");
    let start = std::time::Instant::now();
    let (dataset, report) = data::load(&config).unwrap();
    println!("{report}loaded in {:.1?}", start.elapsed());

    assert_eq!(report.rows_read, 1_469_307);
    assert_sums(&report);
    assert_eq!((report.items, report.sequences, report.groups), (13_343, 2_456, Some(147_764)));
    assert_eq!((report.validation_events, report.test_events), (26_955, 108_598));
    assert_eq!(report.first_time.as_deref(), Some("2017-01-01T11:53:26Z"));
    assert_eq!(dataset.item_table.columns[0], "department");
    assert_eq!(dataset.item_table.values.len(), 5 * 13_343);
    assert!(dataset.item_table.values.iter().any(|value| value == "GROCERY"));
    // A basket is in one part as a whole.
    let sequences = &dataset.sequences;
    for sequence in 0..sequences.len() {
        let places: Vec<usize> = sequences.range(sequence).collect();
        let in_group = places.windows(2).filter(|pair| sequences.groups[pair[0]] == sequences.groups[pair[1]]);
        assert!(in_group.into_iter().all(|pair| sequences.parts[pair[0]] == sequences.parts[pair[1]]));
    }
}

#[test]
#[ignore = "needs ../shared/data: ./build.sh test runs it"]
fn shared_sessions_with_an_array_of_events_load_by_a_schema_alone() {
    let log = shared("otto-sample/train.jsonl");
    let mut config = Config::read(&root().join("examples/otto.toml")).unwrap();
    config.log.path = LogPath::One(log);
    let (dataset, report) = data::load(&config).unwrap();
    println!("{report}");
    assert_sums(&report);
    assert_eq!((report.rows_read, report.sequences), (862, 20));
    assert!(dataset.schema.has_time && !dataset.schema.has_group);
    let first = &sequences(&dataset)[0];
    assert!(first.starts_with("0: 1517085 1563459 1309446 16246"), "{first}");
    assert_eq!(dataset.sequences.times[0], 1_659_304_800_025);
}

#[test]
#[ignore = "needs ../shared/data: ./build.sh test runs it"]
fn shared_users_a_line_load_by_a_schema_alone() {
    let log = shared("amazon-beauty/Beauty.txt");
    let mut config = Config::read(&root().join("examples/beauty.toml")).unwrap();
    config.log.path = LogPath::One(log);
    let (dataset, report) = data::load(&config).unwrap();
    println!("{report}");
    assert_sums(&report);
    assert_eq!((report.rows_kept, report.sequences, report.items), (198_502, 22_363, 12_101));
    assert_eq!((report.validation_events, report.test_events), (22_363, 22_363));
    assert_eq!(sequences(&dataset)[0], "1: 1 2 3 4 5");
    let last = dataset.sequences.range(0).last().unwrap();
    assert_eq!(dataset.sequences.parts[last], Part::Test);
}
