//! A log in small files and buckets is the log in memory.

mod labels;

use super::column::Store;
use super::{Dataset, Part, read_log};
use crate::companion::config::Config;
use crate::companion::train::{Purpose, stream};
use rand::RngExt;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

/// Visitors' rows in no order, with holes, repeats, ties, a robot and a key of many rows.
fn write_log(folder: &Path) {
    let mut random = stream(3, Purpose::Weights, 0, 0);
    let mut text = String::from("user,time,basket,item,price,town\n");
    for _ in 0..2000 {
        let user = if random.random::<f32>() < 0.2 { 7 } else { random.random_range(0..90) };
        let time = 1_600_000_000 + random.random_range(0..40) * if user == 5 { 1 } else { 1500 };
        let (basket, item) = (random.random_range(0..4), random.random_range(0..30) * random.random_range(0..3));
        let cell = |hole: bool, value: String| if hole { String::new() } else { value };
        let mut hole = || random.random::<f32>() < 0.03;
        let user = cell(hole(), format!("u{user}"));
        let (time, item) = (cell(hole(), time.to_string()), cell(hole(), format!("i{item}")));
        let basket = cell(hole(), format!("{user}b{basket}"));
        let (price, town) = (cell(hole(), (item.len() * 2).to_string()), cell(hole(), format!("t{}", basket.len())));
        writeln!(text, "{user},{time},{basket},{item},{price},{town}").unwrap();
    }
    text += "one,cell,too,many,for,a,row\n";
    std::fs::write(folder.join("log.csv"), text).unwrap();
    std::fs::write(folder.join("side.csv"), "item,weight\ni0,3\ni4,1.5\n").unwrap();
}

/// Bits, since no NaN is equal to another: of fields, then of labels.
fn take_numbers(dataset: &mut Dataset) -> [Vec<u32>; 2] {
    let sequences = &mut dataset.sequences;
    [&mut sequences.fields, &mut sequences.labels]
        .map(|column| std::mem::take(column).iter().map(|number| number.to_bits()).collect())
}

#[test]
fn files_and_buckets_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    write_log(folder.path());
    let fields = "[[field]]\nname = \"price\"\nkind = \"number\"\n[[field]]\nname = \"town\"\nkind = \"category\"\n\
                  [[field]]\nname = \"weight\"\nkind = \"number\"\n\
                  [[side]]\npath = \"side.csv\"\nkey = \"item\"\ncolumns = [\"weight\"]\n";
    let tasks = "[[task]]\nname = \"town\"\nkind = \"classes\"\ncolumn = \"town\"\nat = \"group\"\n\
                 [[task]]\nname = \"price\"\nkind = \"number\"\ncolumn = \"price\"\n";
    let of_wholes = "[[task]]\nname = \"pays\"\nkind = \"number\"\ncolumn = \"price\"\nnext = \"sum\"\n\
                     [[task]]\nname = \"town\"\nkind = \"classes\"\ncolumn = \"town\"\nat = \"last\"\n";
    let by_time = "[split]\nkind = \"time\"\nvalidation_from = \"2020-09-13T20:00:00Z\"\ntest_from = \"2020-09-14T00:00:00Z\"\n\
                   train_from = \"2020-09-13T13:00:00Z\"\n";
    let (timed, grouped) = ("key = \"user\"\ntime = \"time\"\n", "group = \"basket\"\n");
    let (robots, gap) = ("robot_events_per_hour = 20\n", "idle_gap = \"90m\"\n");
    let cases = [
        (timed.to_owned(), String::new()),
        (format!("{timed}{grouped}"), by_time.to_owned()),
        (format!("{timed}{robots}{gap}"), format!("{by_time}{fields}")),
        (format!("{timed}{grouped}{gap}"), fields.to_owned()),
        (format!("key = \"user\"\n{grouped}"), fields.to_owned()),
        (format!("{timed}{grouped}"), tasks.to_owned()),
        (format!("{timed}{grouped}{gap}"), format!("{by_time}{of_wholes}")),
        ("key = \"user\"\n".to_owned(), String::new()),
        ("time = \"time\"\n".to_owned(), fields.to_owned()),
    ];
    for (sequence, more) in cases {
        let toml = format!(
            "[log]\npath = \"log.csv\"\n[sequence]\n{sequence}[item]\ncolumn = \"item\"\nmin_count = 12\n{more}"
        );
        let config = Config::parse(&toml, folder.path()).unwrap();
        let load = |learned: Option<&Dataset>, store: &Store| read_log(&config, learned, store).unwrap();
        let (mut whole, report) = load(None, &Store::default());
        let dropped = |name: &str| report.rules.iter().find(|rule| rule.name == name).map_or(0, |rule| rule.rows);
        assert!(["no item", "rare items", "unreadable rows"].iter().all(|rule| dropped(rule) > 0), "{report}");
        assert!(dropped("robots") > 0 || !sequence.contains("robot"), "{report}");
        assert!(report.rows_kept > 300 && !whole.sequences.items.is_mapped(), "{toml}{report}");
        let numbers = take_numbers(&mut whole);
        assert_eq!(numbers[1].is_empty(), !more.contains("task"));
        for bucket in [1, 150] {
            let store = Store { folder: folder.path().to_owned(), memory: 64, bucket };
            let (mut parts, other) = load(None, &store);
            assert!(parts.sequences.items.is_mapped() && parts.sequences.parts.is_mapped());
            assert_eq!(other, report, "{toml}");
            assert!(take_numbers(&mut parts) == numbers && parts == whole, "{toml}");
            assert_eq!(load(Some(&whole), &store).1, load(Some(&whole), &Store::default()).1);
        }
    }
}

#[test]
fn sequences_that_are_held_out_are_whole_and_change_no_other() {
    let folder = tempfile::tempdir().unwrap();
    write_log(folder.path());
    let toml = |share| {
        format!(
            "[log]\npath = \"log.csv\"\n[sequence]\nkey = \"user\"\ntime = \"time\"\n[item]\ncolumn = \"item\"\n[split]\n\
             held_out_sequences = {share}\n"
        )
    };
    let load = |share| {
        let config = Config::parse(&toml(share), folder.path())?;
        read_log(&config, None, &Store::default()).map(|(dataset, report)| (config, dataset, report))
    };
    let ((_, all, _), (config, some, report)) = (load("0").unwrap(), load("0.4").unwrap());
    assert_eq!(some.sequences.items, all.sequences.items);
    let held_out = |sequence: usize| config.split.holds_out(some.sequences.keys.get(sequence));
    for sequence in 0..some.sequences.len() {
        for place in some.sequences.range(sequence) {
            let expected = if held_out(sequence) { Part::HeldOut } else { all.sequences.parts[place] };
            assert_eq!(some.sequences.parts[place], expected);
        }
    }
    let count = (0..some.sequences.len()).filter(|&sequence| held_out(sequence)).count();
    assert!(count > 20 && count < some.sequences.len() - 20, "{count}");
    assert!(report.to_string().contains("held out"), "{report}");
    assert!(format!("{:#}", load("1").unwrap_err()).contains("held_out_sequences is 1"));

    let (_, few, _) = load("0\nmax_training_events = 5").unwrap();
    for sequence in 0..all.sequences.len() {
        let (before, after): (Vec<Part>, Vec<Part>) =
            all.sequences.range(sequence).map(|place| (all.sequences.parts[place], few.sequences.parts[place])).unzip();
        let training = before.iter().filter(|&&part| part == Part::Train).count();
        let dropped = training.saturating_sub(5);
        assert!(after[..dropped].iter().all(|&part| part == Part::HeldOut) && after[dropped..] == before[dropped..]);
    }
    assert!(few.sequences.parts.contains(&Part::HeldOut));
}

/// What a private model promises of one sequence more or less.
#[test]
fn one_sequence_less_changes_no_other_of_a_private_run() {
    let folder = tempfile::tempdir().unwrap();
    write_log(folder.path());
    let log = std::fs::read_to_string(folder.path().join("log.csv")).unwrap();
    let without: Vec<&str> = log.lines().filter(|line| !line.starts_with("u7,")).collect();
    std::fs::write(folder.path().join("without.csv"), without.join("\n")).unwrap();
    let sequences = |log: &str, more: &str| -> BTreeMap<String, Vec<String>> {
        let toml = format!(
            "[log]\npath = \"{log}\"\n[sequence]\nkey = \"user\"\ntime = \"time\"\ngroup = \"basket\"\ncalendar = \"none\"\n\
             [item]\ncolumn = \"item\"\nmin_count = 1\n{more}"
        );
        let config = Config::parse(&toml, folder.path()).unwrap();
        let (dataset, _) = read_log(&config, None, &Store::default()).unwrap();
        let Dataset { vocab, sequences, .. } = &dataset;
        let items = |sequence| sequences.items[sequences.range(sequence)].iter().map(|&item| vocab.key(item).unwrap());
        (0..sequences.len()).map(|at| (sequences.keys.get(at).to_owned(), items(at).collect())).collect()
    };
    let private = "[train]\nencoder = \"counting\"\n[privacy]\ndp = true\n";
    for (more, is_equal) in [(private, true), ("", false)] {
        let (mut all, some) = (sequences("log.csv", more), sequences("without.csv", more));
        assert!(all.remove("u7").is_some_and(|events| events.len() > 100));
        assert_eq!(all == some, is_equal, "{more}");
    }
}

#[test]
fn a_groups_label_is_at_its_last_event() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = String::from("user,basket,time,item,coupon\n");
    for user in 0..40 {
        for basket in 0..4 {
            for item in 0..3 {
                let coupon = ["yes", "no", ""][(user + basket) % 3];
                writeln!(log, "u{user},u{user}b{basket},{},i{},{coupon}", 100 * basket, (item + basket) % 5).unwrap();
            }
        }
    }
    std::fs::write(folder.path().join("log.csv"), log).unwrap();
    let toml = "[log]\npath = \"log.csv\"\n[sequence]\nkey = \"user\"\ntime = \"time\"\ngroup = \"basket\"\n[item]\ncolumn = \"item\"\n\
                [[task]]\nname = \"coupon\"\nkind = \"binary\"\ncolumn = \"coupon\"\nat = \"group\"\n[split]\nkind = \"sequence\"\n";
    let config = Config::parse(toml, folder.path()).unwrap();
    let (Dataset { sequences, .. }, _) = read_log(&config, None, &Store::default()).unwrap();
    let mut told = [0; 3];
    for sequence in 0..sequences.len() {
        let user: usize = sequences.keys.get(sequence)[1..].parse().unwrap();
        for (number, place) in sequences.range(sequence).enumerate() {
            let [label] = sequences.labels(place) else { panic!("one task") };
            let (basket, is_last) = (number / 3, number % 3 == 2);
            let expected = if is_last { [1.0, 0.0, f32::NAN][(user + basket) % 3] } else { f32::NAN };
            assert!(*label == expected || (label.is_nan() && expected.is_nan()), "{user}, {number}: {label}");
            told[(user + basket) % 3] += usize::from(!label.is_nan());
        }
    }
    assert!(told[0] > 40 && told[1] > 40 && told[2] == 0, "{told:?}");
    let alone = toml.replace("group = \"basket\"\n", "");
    assert!(
        Config::parse(&alone, folder.path()).unwrap_err().to_string().contains("at = \"group\" needs [sequence] group")
    );
}

#[test]
fn labels_of_the_group_after_are_made_where_it_is_in_the_same_part() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = String::from("user,basket,time,item,paid,off\n");
    for user in 0..40 {
        for basket in 0..5 {
            for item in 0..3 {
                let (paid, off) =
                    (user + 10 * basket + item, if item == 1 && (user + basket) % 2 == 0 { "0.5" } else { "" });
                writeln!(log, "u{user},u{user}b{basket},2024-01-0{},i{},{paid},{off}", basket + 1, (item + basket) % 5)
                    .unwrap();
            }
        }
    }
    std::fs::write(folder.path().join("log.csv"), log).unwrap();
    let toml = "[log]\npath = \"log.csv\"\n[sequence]\nkey = \"user\"\ntime = \"time\"\ngroup = \"basket\"\n[item]\ncolumn = \"item\"\n\
                [[field]]\nname = \"paid\"\nkind = \"number\"\n\
                [[task]]\nname = \"pays\"\nkind = \"number\"\ncolumn = \"paid\"\nnext = \"sum\"\n\
                [[task]]\nname = \"coupon\"\nkind = \"binary\"\ncolumn = \"off\"\nnext = \"any\"\n\
                [split]\nkind = \"time\"\nvalidation_from = \"2024-01-03\"\ntest_from = \"2024-01-05\"\n";
    let config = Config::parse(toml, folder.path()).unwrap();
    let (Dataset { sequences, .. }, _) = read_log(&config, None, &Store::default()).unwrap();
    for sequence in 0..sequences.len() {
        let user: usize = sequences.keys.get(sequence)[1..].parse().unwrap();
        for (number, place) in sequences.range(sequence).enumerate() {
            let (basket, is_last) = (number / 3, number % 3 == 2);
            // Baskets 0 and 1 are learned from, 2 and 3 are for validation, 4 is the test.
            let expected = (is_last && basket % 2 == 0 && basket < 4).then(|| {
                let off = (user + basket) % 2 == 1;
                [(3 * (user + 10 * (basket + 1)) + 3) as f32, f32::from(u8::from(off))]
            });
            let labels = sequences.labels(place);
            match expected {
                Some(expected) => assert_eq!(labels, expected, "{user}, {number}"),
                None => assert!(labels.iter().all(|label| label.is_nan()), "{user}, {number}: {labels:?}"),
            }
        }
    }
    for (from, to, expected) in [
        ("next = \"sum\"", "next = \"any\"", "next = \"any\" is for kind = \"binary\""),
        ("group = \"basket\"\n", "", "next asks of groups"),
        ("next = \"any\"", "next = \"any\"\nat = \"group\"", "next asks of groups"),
    ] {
        let error = Config::parse(&toml.replace(from, to), folder.path()).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn a_share_of_the_labels_is_of_whole_training_sequences_and_part_of_a_larger_share() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = String::from("user,item,spend\n");
    for user in 0..400 {
        (0..4).for_each(|item| writeln!(log, "u{user},i{item},{}", user + item).unwrap());
    }
    std::fs::write(folder.path().join("log.csv"), log).unwrap();
    let load = |share: &str| {
        let toml = format!(
            "[log]\npath = \"log.csv\"\n[sequence]\nkey = \"user\"\n[item]\ncolumn = \"item\"\n[split]\nkind = \"sequence\"\n\
             [[task]]\nname = \"spend\"\nkind = \"number\"\ncolumn = \"spend\"\nlabel_share = {share}\n"
        );
        read_log(&Config::parse(&toml, folder.path())?, None, &Store::default()).map(|(dataset, _)| dataset.sequences)
    };
    let [few, half, all] = ["0.05", "0.5", "1"].map(|share| load(share).unwrap());
    let mut told = [0; 3];
    for sequence in 0..all.len() {
        let places = || all.range(sequence);
        let is_training = all.parts[places().start] == Part::Train;
        let known = [&few, &half, &all].map(|of| places().filter(|&place| !of.labels(place)[0].is_nan()).count());
        assert!(if is_training { known.iter().all(|known| [0, 4].contains(known)) } else { known == [4; 3] });
        assert!(known[0] <= known[1] && known[1] <= known[2] && known[2] == 4);
        if is_training {
            told.iter_mut().zip(known).for_each(|(told, known)| *told += known / 4);
        }
    }
    assert!((4..30).contains(&told[0]) && (100..180).contains(&told[1]) && told[2] > 240, "{told:?}");
    assert!(load("0").unwrap_err().to_string().contains("label_share is 0, expected above 0"));
    assert!(format!("{:#}", load("0.000001").unwrap_err()).contains("raise label_share"));
}
