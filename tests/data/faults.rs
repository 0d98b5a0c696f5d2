//! Bad logs: each fault is named with its place and its remedy, or counted in the report.

use crate::{Logs, assert_sums, dropped, sequences};
use foreclick::companion::data;
use std::io::Write;
use std::path::Path;

const CSV: &str = "[log]\npath = \"log.csv\"\n";
const REST: &str = "[sequence]\nkey = \"user\"\ntime = \"time\"\n[item]\ncolumn = \"item\"\nmin_count = 1\n";
const PRICE: &str = "[[field]]\nname = \"price\"\nkind = \"number\"\n";

fn refusal(log: &str) -> String {
    Logs::new().with("log.csv", log).refusal(&format!("{CSV}{REST}"))
}

#[track_caller]
fn assert_says(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "no {part:?} in: {message}");
    }
}

#[test]
fn a_missing_column_is_named_beside_those_there_are() {
    assert_says(&refusal("user,when,item\na,1,tea\n"), &["log.csv", "no column \"time\"", "user, when, item"]);
    let logs = Logs::new().with("log.jsonl", "{\"user\":1,\"tags\":[1],\"item\":2}\n");
    assert_says(&logs.refusal(&format!("[log]\npath = \"log.jsonl\"\n{REST}")), &["no column \"time\"", "item, user"]);
}

#[test]
fn an_empty_log_and_a_log_of_one_item_are_refused() {
    for empty in ["", "\n\n", "user,time,item\n"] {
        assert_says(&refusal(empty), &["the log is empty", "log.csv"]);
    }
    assert_says(&refusal("user,time,item\na,1,tea\na,2,tea\na,3,tea\n"), &["one item only", "tea", "rows read"]);
    let all_broken = refusal("user,time,item\na,yesterday,tea\na,never,milk\n");
    assert_says(&all_broken, &["no event is left", "broken times", "2"]);
    assert_says(&Logs::new().refusal(&format!("{CSV}{REST}")), &["cannot read", "log.csv"]);
}

#[test]
fn nothing_to_measure_on_is_refused() {
    assert_says(&refusal("user,time,item\na,1,tea\na,2,milk\n"), &["no event for validation", "3 events"]);
    let logs = Logs::new().with("log.csv", "user,time,item\na,2020-01-01,tea\na,2020-01-02,milk\na,2020-01-03,tea\n");
    let split = "[split]\nkind = \"time\"\nvalidation_from = 2020-01-02\ntest_from = \"2021-01-01\"";
    assert_says(&logs.refusal(&format!("{CSV}{REST}{split}")), &["no event for the test", "foreclick check"]);
}

#[test]
fn other_encodings_are_refused_with_place_and_remedy() {
    let logs = Logs::new()
        .with("log.csv", b"user,time,item\na,1,tea\na,2,caf\xe9\n")
        .with("log.jsonl", b"{\"user\":1,\"time\":1,\"item\":\"a\"}\n{\"user\":1,\"time\":2,\"item\":\"caf\xe9\"}\n")
        .with("log.txt", b"a b c\na caf\xe9\n");
    assert_says(&logs.refusal(&format!("{CSV}{REST}")), &["log.csv:3", "not UTF-8", "iconv"]);
    assert_says(&logs.refusal(&format!("[log]\npath = \"log.jsonl\"\n{REST}")), &["log.jsonl:2", "not UTF-8"]);
    let text = "[log]\npath = \"log.txt\"\n[sequence]\nkey = \"line\"\n[item]\ncolumn = \"item\"";
    assert_says(&logs.refusal(text), &["log.txt:2", "not UTF-8"]);
}

#[test]
fn a_cell_that_is_no_cell_is_named_with_its_file() {
    let logs = Logs::new()
        .with("a.jsonl", "{\"user\":1,\"time\":1,\"item\":\"tea\"}\n{\"user\":1,\"time\":2,\"item\":\"milk\"}\n")
        .with("b.jsonl", "{\"user\":1,\"time\":3,\"item\":[\"tea\"]}\n{\"user\":1,\"time\":4,\"item\":\"tea\"}\n");
    let (_, report) = logs.load(&format!("[log]\npath = [\"a.jsonl\", \"b.jsonl\"]\n{REST}")).unwrap();
    assert_eq!(report.rules[0].rows, 1);
    assert_says(&report.rules[0].detail, &["b.jsonl:1: \"item\" holds an array"]);
}

#[test]
fn a_line_of_100_megabytes_is_refused_early() {
    let long = "x".repeat(100 << 20);
    let logs = Logs::new()
        .with("log.csv", format!("user,time,item\na,1,tea\na,2,{long}\n"))
        .with("quote.csv", format!("user,time,item\na,1,tea\na,2,\"{}", "tea\n".repeat(5 << 20)))
        .with("log.jsonl", format!("{{\"user\":1,\"time\":1,\"item\":\"a\"}}\n{{\"item\":\"{long}"))
        .with("log.txt", format!("a b\nc {long}\n"));
    assert_says(&logs.refusal(&format!("{CSV}{REST}")), &["log.csv:3", "longer than 16 MiB"]);
    let quote = logs.refusal(&format!("[log]\npath = \"quote.csv\"\n{REST}"));
    assert_says(&quote, &["quote.csv:3", "longer than 16 MiB", "closing quote"]);
    assert_says(&logs.refusal(&format!("[log]\npath = \"log.jsonl\"\n{REST}")), &["log.jsonl:2", "longer than 16 MiB"]);
    let text = "[log]\npath = \"log.txt\"\n[sequence]\nkey = \"line\"\n[item]\ncolumn = \"item\"";
    assert_says(&logs.refusal(text), &["log.txt:2", "longer than 16 MiB"]);
}

#[test]
fn truncated_files_are_refused() {
    let mut encoder = flate2::write::GzEncoder::new(vec![], flate2::Compression::default());
    encoder.write_all("user,time,item\na,1,tea\n".repeat(1000).as_bytes()).unwrap();
    let packed = encoder.finish().unwrap();
    let logs = Logs::new()
        .with("log.csv", &packed[..packed.len() - 12])
        .with("log.parquet", b"PAR1 and then nothing")
        .with("tiny.parquet", b"PAR1");
    assert_says(&logs.refusal(&format!("{CSV}{REST}")), &["cannot read", "log.csv"]);
    for name in ["log.parquet", "tiny.parquet"] {
        assert_says(&logs.refusal(&format!("[log]\npath = {name:?}\n{REST}")), &[name, "not a whole Parquet file"]);
    }
}

#[test]
fn odd_rows_and_cells_are_counted() {
    let log = "user,time,item,price
a,3,tea,2.5
a,1,milk,cheap
a,2,bread,NaN
a,2,bread,NaN
a,4,tea
,5,tea,1
a,6,,1
a,soon,tea,1
a,7,milk,inf
b,1,tea,1
";
    let logs = Logs::new().with("log.csv", log);
    let (dataset, report) = logs.load(&format!("{CSV}{REST}{PRICE}")).unwrap();
    assert_sums(&report);
    assert_eq!(report.rows_read, 10);
    for (rule, rows) in [
        ("unreadable rows", 1),
        ("no sequence key", 1),
        ("no item", 1),
        ("broken times", 1),
        ("duplicates", 1),
        ("robots", 0),
        ("rare items", 0),
        ("short sequences", 1),
    ] {
        assert_eq!(dropped(&report, rule), rows, "{rule}\n{report}");
    }
    assert_eq!(sequences(&dataset), ["a: milk bread tea milk"]);
    assert!(
        dataset.sequences.fields.iter().filter(|code| code.is_nan()).count() == 3,
        "cheap, NaN and inf are missing"
    );
    let note = |name: &str| report.notes.iter().find(|note| note.name == name).unwrap();
    assert_eq!(note("broken numbers").rows, 2, "cheap and inf");
    assert_says(&note("broken numbers").detail, &["price", "the first: \"cheap\""]);
    assert_eq!(note("out of order").rows, 2);
    let unreadable = &report.rules[0].detail;
    assert_says(unreadable, &["log.csv:6", "3 cells, expected 4"]);
    assert_says(&report.to_string(), &["rows read", "broken times", "out of order"]);
}

#[test]
fn lines_that_are_no_json_are_counted() {
    let log = r#"{"user":"a","time":1,"item":"tea"}
{"user":"a","time":2,"item":"milk"
[1,2]
{"user":"a","time":3,"item":{"id":7}}
{"user":"a","time":4,"item":"tea"}
{"user":"a","time":5,"item":"milk"}
"#;
    let logs = Logs::new().with("log.jsonl", log);
    let (_, report) = logs.load(&format!("[log]\npath = \"log.jsonl\"\n{REST}")).unwrap();
    assert_sums(&report);
    assert_eq!((report.rows_read, dropped(&report, "unreadable rows")), (6, 3));
    assert_says(&report.rules[0].detail, &["log.jsonl:2"]);
    let sessions = Logs::new().with("log.jsonl", "{\"user\":1,\"clicks\":[]}\n{\"user\":2}\n");
    let message = sessions.refusal(&format!("[log]\npath = \"log.jsonl\"\nevents = \"clicks\"\n{REST}"));
    assert_says(&message, &["no event is left", "\"clicks\" is empty"]);
}

#[test]
fn folders_without_a_log_or_with_mixed_ones_are_refused() {
    let logs = Logs::new().with("a/notes.md", "").with("b/x.csv", "user\n").with("b/y.jsonl", "{}");
    assert_says(&logs.refusal(&format!("[log]\npath = \"a\"\n{REST}")), &["no log in this folder", ".parquet"]);
    assert_says(&logs.refusal(&format!("[log]\npath = \"b\"\n{REST}")), &["expected one format", "x.csv", "y.jsonl"]);
}

#[test]
fn robots_rare_items_and_pauses() {
    let mut log = String::from("user,time,item\n");
    // A person: two visits of three clicks, an hour and a half apart. A robot: a click every ten seconds.
    for (visit, items) in [(0, ["tea", "milk", "tea"]), (9_000, ["milk", "tea", "orchid"])] {
        for (place, item) in items.iter().enumerate() {
            log += &format!("ann,{},{item}\n", 1_500_000_000 + visit + place * 60);
        }
    }
    for click in 0..500 {
        log += &format!("bot,{},{}\n", 1_500_000_000 + click * 10, ["tea", "orchid"][click % 2]);
    }
    let rest = "[sequence]\nkey = \"user\"\ntime = \"time\"\nidle_gap = \"30m\"\nrobot_events_per_hour = 100
        [item]\ncolumn = \"item\"\nmin_count = 2\n";
    let logs = Logs::new().with("log.csv", log);
    let (dataset, report) = logs.load(&format!("{CSV}{rest}")).unwrap();
    assert_sums(&report);
    assert_eq!(dropped(&report, "robots"), 500);
    assert_eq!(dropped(&report, "rare items"), 1, "without the robot nobody wants the orchid");
    assert_eq!(sequences(&dataset), ["ann#1: tea milk tea", "ann#2: milk tea"]);
    let (dataset, _) = logs.load(&format!("{CSV}{}", rest.replace("100", "500"))).unwrap();
    assert_eq!(dataset.sequences.len(), 3, "360 clicks an hour are allowed now");
}

#[test]
fn a_basket_holds_a_product_once_and_stays_together() {
    let log = "user,time,basket,item
a,2020-01-02T10:00:00Z,7,tea
a,2020-01-02T10:00:00Z,7,milk
a,2020-01-02T10:00:00Z,7,tea
a,2020-01-01,8,bread
a,2020-01-01,8,tea
a,2020-01-05 08:00:00+01:00,9,milk
";
    let rest = REST.replace("[item]", "group = \"basket\"\n[item]");
    let split = "[split]\nkind = \"time\"\nvalidation_from = 2020-01-02\ntest_from = 2020-01-05T07:00:00Z\n";
    let logs = Logs::new().with("log.csv", log);
    let (dataset, report) = logs.load(&format!("{CSV}{rest}{split}[evaluate]\nfilter_seen = \"group\"")).unwrap();
    assert_sums(&report);
    assert_eq!(dropped(&report, "duplicates"), 1);
    assert_eq!(*dataset.sequences.groups, [0, 0, 1, 1, 2]);
    assert_eq!((report.train_events, report.validation_events, report.test_events), (2, 2, 1));
    assert_eq!(report.groups, Some(3));
    let keep = format!("[log]\npath = \"log.csv\"\nduplicates = \"keep\"\n{rest}{split}");
    assert_eq!(logs.load(&keep).unwrap().1.rows_kept, 6);
}

#[test]
fn events_before_train_from_are_dropped() {
    let days = ["01", "02", "03", "04"].map(|day| format!("a,202001{day},tea\na,202001{day},milk\n")).concat();
    let logs = Logs::new().with("log.csv", format!("user,time,item\n{days}"));
    let rest = REST.replace("[item]", "time_unit = \"iso\"\n[item]");
    let split =
        "[split]\nkind = \"time\"\ntrain_from = 2020-01-02\nvalidation_from = 2020-01-03\ntest_from = 2020-01-04";
    let (dataset, report) = logs.load(&format!("{CSV}{rest}{split}")).unwrap();
    assert_sums(&report);
    assert_eq!((dropped(&report, "too early"), report.train_events), (2, 2));
    assert_eq!(dataset.sequences.times[0], 1_577_923_200_000);
}

#[test]
fn a_log_without_a_header_is_told_from_one_with() {
    let rows = "ann,1700000000,tea\nann,1700000060,milk\nann,1700000120,tea\nann,1700000180,milk\n";
    let says = ["log.csv", "the first line", "put"];
    assert_says(&refusal(rows), &["no column \"item\"", "must hold names"]);
    let logs = Logs::new().with("log.csv", rows).with("named.csv", format!("user,time,item\n{rows}"));
    let guess = |name: &str| data::guess(&logs.path(name), Path::new(name));
    assert_says(&format!("{:#}", guess("log.csv").unwrap_err()), &[&says[..], &["1700000000"]].concat());
    guess("named.csv").unwrap();
    let by_hand = "[sequence]\nkey = \"ann\"\n[item]\ncolumn = \"tea\"\nmin_count = 1\n";
    let (_, report) = logs.load(&format!("{CSV}{by_hand}")).unwrap();
    let note = report.notes.iter().find(|note| note.name == "no header").unwrap();
    assert_says(&note.detail, &says);
    // Words alone: a value that comes again gives the first line away; a line of names again does not.
    let words = Logs::new().with("log.csv", "ann,tea\nann,milk\nbob,tea\nbob,milk\n");
    let refused = format!("{:#}", data::guess(&words.path("log.csv"), Path::new("log.csv")).unwrap_err());
    assert_says(&refused, &["the first line", "\"ann\", which its column holds again", "put"]);
    let twice = format!("user,time,item\n{rows}user,time,item\n{rows}");
    let twice = Logs::new().with("log.csv", twice);
    data::guess(&twice.path("log.csv"), Path::new("log.csv")).unwrap();
    // Names that count the columns are names.
    let counted = Logs::new().with("log.csv", "0,1,2\nann,5,tea\nann,6,milk\nann,7,tea\nann,8,milk\n");
    let columns = "[sequence]\nkey = \"0\"\n[item]\ncolumn = \"2\"\nmin_count = 1\n";
    assert!(counted.load(&format!("{CSV}{columns}")).unwrap().1.notes.iter().all(|note| note.name != "no header"));
}

#[test]
fn a_json_array_and_a_quote_that_never_closes_are_named() {
    let array = "[\n{\"user\":1,\"time\":1,\"item\":\"tea\"}\n]\n";
    let quote = format!("user,time,item\n\"ann,1,tea\n{}", "ann,2,milk\n".repeat(300));
    let logs = Logs::new()
        .with("lines.json", array)
        .with("one.json", array.replace('\n', ""))
        .with("plain", array)
        .with("quote.csv", quote)
        .with("header.csv", format!("\"user,time,item\n{}", "ann,2,milk\n".repeat(300)));
    for (name, parts) in [
        ("one.json", ["one.json:1", "an array, expected one object a line", "jq"]),
        ("quote.csv", ["quote.csv:2", "one record of 301 lines", "is a closing quote missing?"]),
        ("header.csv", ["header.csv:1", "one record of 301 lines", "is a closing quote missing?"]),
    ] {
        let error = format!("{:#}", data::guess(&logs.path(name), Path::new(name)).unwrap_err());
        assert_says(&error, &parts);
        assert_says(&logs.refusal(&format!("[log]\npath = {name:?}\n{REST}")), &parts);
    }
    for name in ["lines.json", "plain"] {
        let report = logs.refusal(&format!("[log]\npath = {name:?}\n{REST}"));
        assert_says(&report, &["an array, expected one object a line"]);
    }
}

#[test]
fn a_sequence_too_long_to_learn_from_quickly_is_noted() {
    let log = |rows: usize| {
        let rows = (0..rows).map(|row| format!("ann,{},{}\n", 1_500_000_000 + 60 * row, ["tea", "milk"][row % 2]));
        format!("user,time,item\n{}", rows.collect::<String>())
    };
    let logs = Logs::new().with("log.csv", log(10_001)).with("short.csv", log(10_000));
    let note = |toml: &str| logs.load(toml).unwrap().1.notes.into_iter().find(|note| note.name == "long sequence");
    let long = note(&format!("{CSV}{REST}")).unwrap();
    assert_eq!(long.rows, 10_001);
    assert_says(&long.detail, &["square", "idle_gap"]);
    assert_eq!(note(&format!("[log]\npath = \"short.csv\"\n{REST}")), None);
}

#[test]
fn what_is_foretold_of_a_field_without_values_is_told() {
    let rows: String =
        (0..12).map(|row| format!("u{},2020-01-{:02},p{},about {row}\n", row / 4, row + 1, row % 2)).collect();
    let schema = "log = { path = \"log.csv\" }\nsequence = { key = \"user\", time = \"time\" }\n\
                  item = { column = \"item\", min_count = 1 }\nfield = [{ name = \"price\", kind = \"number\" }]\n\
                  task = [{ name = \"next\", kind = \"number\", of = \"price\", steps = 2 }]\n\
                  split = { kind = \"time\", validation_from = \"2020-01-05\", test_from = \"2020-01-09\" }\n";
    let refusal = Logs::new().with("log.csv", format!("user,time,item,price\n{rows}")).refusal(schema);
    assert_says(&refusal, &["no training event has a label", "made of [[field]] \"price\", 2 events apart"]);
    assert!(!refusal.contains("at = "), "{refusal}");
}
