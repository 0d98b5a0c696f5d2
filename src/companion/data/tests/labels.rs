//! Labels are made of all rows, also those that no model learns from.

use super::super::{CleaningReport, Dataset, column::Store, load_like, read_log};
use super::write_log;
use crate::companion::config::Config;
use crate::companion::data::Part;
use crate::vocab::UNKNOWN_ITEM;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

fn read(folder: &Path, toml: &str) -> anyhow::Result<(Dataset, CleaningReport)> {
    read_log(&Config::parse(toml, folder)?, None, &Store::default())
}

/// The labels of each sequence's events.
fn labels(dataset: &Dataset) -> BTreeMap<String, Vec<Vec<f32>>> {
    let sequences = &dataset.sequences;
    let of = |sequence| sequences.range(sequence).map(|place| sequences.labels(place).to_vec()).collect();
    (0..sequences.len()).map(|sequence| (sequences.keys.get(sequence).to_owned(), of(sequence))).collect()
}

fn lost(report: &CleaningReport, task: &str) -> u64 {
    let of_task = |note: &&super::super::Rule| note.name == "lost labels" && note.detail.contains(&format!("{task:?}"));
    report.notes.iter().filter(of_task).map(|note| note.rows).sum()
}

fn assert_same(found: &[f32], expected: &[f32], what: &str) {
    let same = |(a, b): (&f32, &f32)| a == b || (a.is_nan() && b.is_nan());
    assert!(found.len() == expected.len() && found.iter().zip(expected).all(same), "{what}: {found:?}, {expected:?}");
}

const NAN: f32 = f32::NAN;

/// Four trips of each user. The second holds nothing but a rare product, the third ends with one, the fourth with a repeat and one.
fn write_trips(folder: &Path) {
    let mut log = String::from("user,basket,time,item,paid,off,mood,ends\n");
    for user in 0..60 {
        let (mood, ends) = (["calm", "glad"][user % 2], ["yes", "no"][user % 2]);
        let rows = [
            (1, "x".to_owned(), 1, "", "", ""),
            (1, "y".to_owned(), 2, "", mood, ""),
            (2, format!("rare{user}"), 10, ".5", "calm", ""),
            (3, "x".to_owned(), 4, "", "", ""),
            (3, format!("seldom{user}"), 20, "", mood, ""),
            (4, "x".to_owned(), 8, "", "", ""),
            (4, "x".to_owned(), 16, ["0", ".25"][user % 2], "", ""),
            (4, format!("scarce{user}"), 32, "", "", ends),
        ];
        for (second, (basket, item, paid, off, mood, ends)) in rows.into_iter().enumerate() {
            let (time, paid) = (1_600_000_000 + 86_400 * basket + second, paid + user);
            writeln!(log, "u{user},u{user}b{basket},{time},{item},{paid},{off},{mood},{ends}").unwrap();
        }
    }
    std::fs::write(folder.join("log.csv"), log).unwrap();
}

const TRIPS: &str = "[log]\npath = \"log.csv\"\n[sequence]\nkey = \"user\"\ntime = \"time\"\ngroup = \"basket\"\n\
    [item]\ncolumn = \"item\"\n[[field]]\nname = \"paid\"\nkind = \"number\"\n\
    [[task]]\nname = \"pays\"\nkind = \"number\"\ncolumn = \"paid\"\nnext = \"sum\"\n\
    [[task]]\nname = \"coupon\"\nkind = \"binary\"\ncolumn = \"off\"\nnext = \"any\"\n\
    [[task]]\nname = \"mood\"\nkind = \"classes\"\ncolumn = \"mood\"\nat = \"group\"\n\
    [[task]]\nname = \"ends\"\nkind = \"binary\"\ncolumn = \"ends\"\nat = \"last\"\n\
    [[task]]\nname = \"later\"\nkind = \"number\"\nof = \"paid\"\n[split]\nkind = \"sequence\"\n";

#[test]
fn rows_that_are_dropped_count_in_what_is_said_of_groups_and_sequences() {
    let folder = tempfile::tempdir().unwrap();
    write_trips(folder.path());
    let (dataset, report) = read(folder.path(), TRIPS).unwrap();
    for (key, found) in labels(&dataset) {
        let user: f32 = key[1..].parse().unwrap();
        let odd = user % 2.0;
        let expected = [
            [NAN, NAN, NAN, NAN, user + 2.0],
            [10.0 + user, 1.0, odd, NAN, user + 10.0],
            [56.0 + 3.0 * user, odd, odd, NAN, user + 20.0],
            [NAN, NAN, NAN, 1.0 - odd, user + 32.0],
        ];
        assert_eq!(found.len(), expected.len());
        found.iter().zip(&expected).for_each(|(found, expected)| assert_same(found, expected, &key));
    }
    // The second trip has no event: what is asked of the one after it and what is said of itself has no place.
    assert_eq!(["pays", "coupon", "mood", "ends", "later"].map(|task| lost(&report, task)), [60, 60, 60, 0, 0]);
}

#[test]
fn no_label_comes_from_another_part() {
    let folder = tempfile::tempdir().unwrap();
    write_trips(folder.path());
    // The first and second trips are learned from, the third is for validation, the fourth for the test.
    let moment = |basket| {
        format!("\"{}\"", crate::companion::config::Moment { milliseconds: 1000 * (1_600_000_000 + 86_400 * basket) })
    };
    let split = |test: i64, validation: i64| {
        format!("kind = \"time\"\nvalidation_from = {}\ntest_from = {}\n", moment(validation), moment(test))
    };
    let alone = |task: &str, split: &str| {
        let head = TRIPS.split("[[task]]").next().unwrap();
        let task = TRIPS.split("[[task]]").find(|text| text.contains(&format!("name = {task:?}"))).unwrap();
        format!("{head}[[task]]{}[split]\n{split}", task.split("[split]").next().unwrap())
    };
    // The trip after the first is learned from too, although it has no event.
    let pays = |split: &str| format!("{:#}", read(folder.path(), &alone("pays", split)).unwrap_err());
    assert!(pays(&split(4, 3)).contains("no validation event has a label"), "{}", pays(&split(4, 3)));
    // It is validated on: what it pays is not known to training.
    assert!(pays(&split(4, 2)).contains("no training event has a label"), "{}", pays(&split(4, 2)));
    // The last row is a test's, and its event is too.
    let ends = format!("{:#}", read(folder.path(), &alone("ends", &split(4, 3))).unwrap_err());
    assert!(ends.contains("no training event has a label; with at = \"last\""), "{ends}");
}

#[test]
fn a_sequences_label_is_not_taken_from_a_later_part() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = String::from("user,time,item,ends\n");
    for user in 0..60 {
        // A third ends in each part; of some, the last row is rare and a part later than the event before.
        let day = 1 + user % 3;
        for place in 0..3 {
            writeln!(log, "u{user},2024-01-0{day}T00:00:0{place}Z,i{},", (user + place) % 4).unwrap();
        }
        let late = user % 5 == 0;
        let last = day + usize::from(late);
        writeln!(log, "u{user},2024-01-0{last}T01:00:00Z,rare{user},{}", ["yes", "no"][user / 3 % 2]).unwrap();
    }
    std::fs::write(folder.path().join("log.csv"), log).unwrap();
    let toml = "[log]\npath = \"log.csv\"\n[sequence]\nkey = \"user\"\ntime = \"time\"\n[item]\ncolumn = \"item\"\n\
                [[task]]\nname = \"ends\"\nkind = \"binary\"\ncolumn = \"ends\"\nat = \"last\"\n\
                [split]\nkind = \"time\"\nvalidation_from = \"2024-01-02\"\ntest_from = \"2024-01-03\"\n";
    let (dataset, report) = read(folder.path(), toml).unwrap();
    let mut late = 0;
    for (key, found) in labels(&dataset) {
        let user: usize = key[1..].parse().unwrap();
        let crosses = user.is_multiple_of(5) && user % 3 != 2;
        late += u64::from(crosses);
        let expected = if crosses { NAN } else { (1 - user / 3 % 2) as f32 };
        assert_same(&found.concat(), &[NAN, NAN, expected], &key);
    }
    assert!(late > 5 && lost(&report, "ends") == late, "{late} {report}");
}

/// Every label by sequence, time and item; bits, since no NaN equals another.
fn told(dataset: &Dataset) -> BTreeMap<(String, i64, String), Vec<u32>> {
    let Dataset { sequences, vocab, .. } = dataset;
    let mut told = BTreeMap::new();
    for sequence in 0..sequences.len() {
        for place in sequences.range(sequence).filter(|&place| sequences.items[place] != UNKNOWN_ITEM) {
            let labels = sequences.labels(place);
            if labels.iter().any(|label| !label.is_nan()) && sequences.parts[place] != Part::HeldOut {
                let item = vocab.key(sequences.items[place]).unwrap().to_string();
                let key = (sequences.keys.get(sequence).to_owned(), sequences.times[place], item);
                told.insert(key, labels.iter().map(|label| label.to_bits()).collect());
            }
        }
    }
    told
}

#[test]
fn one_log_has_the_same_labels_to_learn_from_and_to_measure_on() {
    let folder = tempfile::tempdir().unwrap();
    write_log(folder.path());
    let unit = |name: &str, how: &str| format!("[[task]]\nname = {name:?}\n{how}\n");
    let price = "kind = \"number\"\ncolumn = \"price\"";
    let town = "kind = \"classes\"\ncolumn = \"town\"";
    let tasks = [
        unit("pays", &format!("{price}\nnext = \"sum\"")),
        unit("in", &format!("{town}\nat = \"group\"")),
        unit("left", &format!("{town}\nat = \"last\"")),
    ]
    .concat();
    let later = "[[field]]\nname = \"price\"\nkind = \"number\"\n[[task]]\nname = \"later\"\nkind = \"number\"\nof = \"price\"\nsteps = 2\n";
    let by_time =
        "[split]\nkind = \"time\"\nvalidation_from = \"2020-09-13T20:00:00Z\"\ntest_from = \"2020-09-14T00:00:00Z\"\n";
    let split = "[split]\nkind = \"sequence\"\n";
    let (grouped, gap) = ("group = \"basket\"\n", "idle_gap = \"90m\"\n");
    for (sequence, more) in [
        (grouped.to_owned(), format!("{tasks}{by_time}")),
        (format!("{grouped}{gap}"), format!("{tasks}{split}")),
        (gap.to_owned(), format!("{later}{split}")),
        (String::new(), format!("{later}{by_time}")),
    ] {
        let toml = format!(
            "[log]\npath = \"log.csv\"\n[sequence]\nkey = \"user\"\ntime = \"time\"\nmin_length = 1\n{sequence}[item]\n\
             column = \"item\"\nmin_count = 35\n{more}"
        );
        let config = Config::parse(&toml, folder.path()).unwrap();
        let (learned, report) = read_log(&config, None, &Store::default()).unwrap();
        let rare = report.rules.iter().find(|rule| rule.name == "rare items").unwrap().rows;
        assert!(rare > 200, "{report}");
        let (again, _) = load_like(&config, &learned).unwrap();
        let (told, again) = (told(&learned), told(&again));
        assert!(told.len() > 100 && told == again, "{} and {}: {toml}", told.len(), again.len());
        for bucket in [1, 150] {
            let store = Store { folder: folder.path().to_owned(), memory: 64, bucket };
            let (parts, other) = read_log(&config, None, &store).unwrap();
            assert!(self::told(&parts) == told && other == report, "{toml}");
        }
    }
}

#[test]
fn a_visits_label_is_found_in_its_last_row_whatever_that_row_is_of() {
    let folder = tempfile::tempdir().unwrap();
    let write = |last: &dyn Fn(usize) -> String| {
        let mut log = String::from("visit,product,bought\n");
        for visit in 0..100 {
            (0..3).for_each(|place| writeln!(log, "v{visit},p{},", (visit * 7 + place * 3) % 10).unwrap());
            writeln!(log, "v{visit},{},{}", last(visit), ["yes", "no", "no"][visit % 3]).unwrap();
        }
        std::fs::write(folder.path().join("log.csv"), log).unwrap();
    };
    let toml = "[log]\npath = \"log.csv\"\n[sequence]\nkey = \"visit\"\n[item]\ncolumn = \"product\"\n[split]\nkind = \"sequence\"\n\
                [[task]]\nname = \"buys\"\nkind = \"binary\"\ncolumn = \"bought\"\nat = \"last\"\n";
    write(&|visit| format!("only in {visit}"));
    let (dataset, report) = read(folder.path(), toml).unwrap();
    for (key, found) in labels(&dataset) {
        let visit: usize = key[1..].parse().unwrap();
        assert_same(&found.concat(), &[NAN, NAN, f32::from(u8::from(visit.is_multiple_of(3)))], &key);
    }
    assert_eq!((report.sequences, lost(&report, "buys")), (100, 0));

    // A row without a product is no event, and what is lost with it is told.
    write(&|visit| if visit.is_multiple_of(2) { String::new() } else { "p1".into() });
    let (_, report) = read(folder.path(), toml).unwrap();
    assert_eq!(lost(&report, "buys"), 50, "{report}");
    write(&|_| String::new());
    let error = format!("{:#}", read(folder.path(), toml).unwrap_err());
    assert!(error.contains("no training event has a label (100 are lost with rows that cleaning drops"), "{error}");
}

#[test]
fn a_rare_item_is_no_pause() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = String::from("user,time,item\n");
    for user in 0..20 {
        for (minute, item) in
            [(0, "a".to_owned()), (1, "b".into()), (20, format!("rare{user}")), (40, "a".into()), (41, "b".into())]
        {
            writeln!(log, "u{user},{},{item}", 1_600_000_000 + 60 * minute).unwrap();
        }
    }
    std::fs::write(folder.path().join("log.csv"), log).unwrap();
    let toml = "[log]\npath = \"log.csv\"\n[sequence]\nkey = \"user\"\ntime = \"time\"\nidle_gap = \"30m\"\n[item]\ncolumn = \"item\"\n";
    let (dataset, _) = read(folder.path(), toml).unwrap();
    assert_eq!((dataset.sequences.len(), dataset.sequences.range(0)), (20, 0..4));
}
