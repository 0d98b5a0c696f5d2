//! `init` on a log, then a load by what it wrote.

use crate::{Logs, assert_sums, sample, shared};
use foreclick::companion::config::{Config, SplitKind};
use foreclick::companion::data::{self, CleaningReport, Dataset};
use foreclick::schema::{FieldKind, FilterSeen};
use std::path::Path;

fn init_and_load(log: &Path) -> (String, Config, Dataset, CleaningReport) {
    let text = data::guess(log, log).unwrap();
    let config = Config::parse(&text, Path::new("")).unwrap_or_else(|error| panic!("{error:#}\n{text}"));
    let (dataset, report) = data::load(&config).unwrap_or_else(|error| panic!("{error:#}\n{text}"));
    println!("{text}\n{report}");
    assert_sums(&report);
    assert!(text.contains("because"), "{text}");
    (text, config, dataset, report)
}

#[test]
#[ignore = "needs the sample log: ./build.sh test runs it"]
fn sample_is_guessed_right() {
    let folder = sample();
    let (_, config, _, report) = init_and_load(&folder.join("transactions.parquet"));
    assert_eq!(config.sequence.key.as_deref(), Some("household_id"));
    assert_eq!(config.sequence.time.as_deref(), Some("transaction_timestamp"));
    assert_eq!(config.sequence.group.as_deref(), Some("basket_id"));
    assert_eq!(config.item.column.as_deref(), Some("product_id"));
    assert_eq!((config.split.kind(), config.evaluate.filter_seen), (SplitKind::Time, FilterSeen::Group));
    let tenth = report.rows_kept as f64 / 10.0;
    let later = (report.validation_events + report.test_events) as f64;
    assert!((0.8 * tenth..1.2 * tenth).contains(&later), "{report}");
}

#[test]
#[ignore = "needs ../shared/data: ./build.sh test runs it"]
fn shared_sessions_with_an_array_of_events() {
    let log = shared("otto-sample/train.jsonl");
    let (_, config, dataset, report) = init_and_load(&log);
    assert_eq!(config.log.events.as_deref(), Some("events"));
    assert_eq!(config.sequence.key.as_deref(), Some("session"));
    assert_eq!(config.sequence.time.as_deref(), Some("ts"));
    assert_eq!(config.item.column.as_deref(), Some("aid"));
    assert_eq!(dataset.schema.fields[0].name, "type");
    assert_eq!((config.sequence.idle_gap, config.evaluate.filter_seen), (None, FilterSeen::None));
    assert!(report.rows_kept > 400, "{report}");
}

#[test]
#[ignore = "needs ../shared/data: ./build.sh test runs it"]
fn shared_users_a_line() {
    let log = shared("amazon-beauty/Beauty.txt");
    let (_, config, _, report) = init_and_load(&log);
    assert!(config.log.first_is_key);
    assert_eq!((config.split.kind(), config.evaluate.filter_seen), (SplitKind::LeaveOneOut, FilterSeen::All));
    assert_eq!((report.sequences, report.rows_kept), (22_363, 198_502));
}

#[test]
#[ignore = "needs ../shared/data: ./build.sh test runs it"]
fn shared_sessions_a_line_without_keys() {
    let log = shared("diginetica-sessions/train_sessions.txt");
    let (_, config, _, report) = init_and_load(&log);
    assert!(!config.log.first_is_key);
    assert_eq!(config.sequence.key.as_deref(), Some("line"));
    assert_eq!(report.rows_read, 906_140);
}

/// Invoices with American dates, in the shape of a well-known retail log.
#[test]
fn an_invented_csv_of_invoices() {
    let mut log = String::from("InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n");
    for line in 0..3000_usize {
        let (invoice, product) = (line / 5, (line * 7 + line / 5) % 40);
        let (day, customer) = (1 + invoice % 28, invoice % 60);
        log += &format!(
            "{},P{product},\"Mug, no. {product}\",{},{}/{day}/2010 {}:15,{}.95,{},{}\n",
            536_000 + invoice,
            1 + line % 9,
            1 + invoice / 60,
            8 + invoice % 9,
            product % 11,
            17_000 + customer,
            ["France", "Spain"][customer % 2]
        );
    }
    let logs = Logs::new().with("retail.csv", log);
    let (text, config, dataset, report) = init_and_load(&logs.path("retail.csv"));
    assert_eq!(config.sequence.key.as_deref(), Some("CustomerID"));
    assert_eq!(config.sequence.group.as_deref(), Some("InvoiceNo"));
    assert_eq!(config.sequence.time.as_deref(), Some("InvoiceDate"));
    assert_eq!(config.sequence.time_unit.to_string(), "%m/%d/%Y %H:%M");
    assert_eq!(config.item.column.as_deref(), Some("StockCode"));
    let fields: Vec<&str> = dataset.schema.fields.iter().map(|field| field.name.as_str()).collect();
    assert_eq!(fields, ["Quantity", "UnitPrice"]);
    assert_eq!(
        (report.rows_read, report.rules.iter().find(|rule| rule.name == "broken times").unwrap().rows),
        (3000, 0)
    );
    assert!(text.contains("# No [[field]] \"Country\", because"), "{text}");
}

/// Clicks with a user but no session.
#[test]
fn an_invented_log_of_clicks() {
    let mut log = String::new();
    for click in 0..2000_i64 {
        let (user, place) = (click / 100, click % 100);
        let time = 1_600_000_000_000 + user * 1_000_000 + (place / 10) * 86_400_000 + (place % 10) * 20_000;
        log += &format!(
            "{{\"visitorid\":\"v{user}\",\"timestamp\":{time},\"itemid\":{},\"event\":\"{}\",\"tags\":[1]}}\n",
            (click * click) % 37,
            ["view", "addtocart"][usize::from(click % 7 == 0)]
        );
    }
    let logs = Logs::new().with("clicks.jsonl", log);
    let (_, config, dataset, report) = init_and_load(&logs.path("clicks.jsonl"));
    assert_eq!(config.sequence.key.as_deref(), Some("visitorid"));
    assert_eq!(config.sequence.idle_gap.map(|gap| gap.to_string()).as_deref(), Some("30m"));
    assert_eq!(config.item.column.as_deref(), Some("itemid"));
    assert_eq!(dataset.schema.fields[0].name, "event");
    assert_eq!((report.sequences, config.evaluate.filter_seen), (200, FilterSeen::None));
}

#[test]
fn lists_of_as_many_numbers_are_vectors() {
    let mut log = String::from("visitor,item,image,place,paid,sizes,words\n");
    for row in 0..400 {
        let number = |by: usize| ((row * by) % 997) as f64 / 500.0 - 1.0;
        log += &format!(
            "v{},i{},{:.3} {:.3} {:.3},\"[{:.2}, {:.2}]\",\"{},{:02}\",{},a {} few {} words\n",
            row / 10,
            (row * 7) % 20,
            number(313),
            number(71),
            number(17),
            number(5),
            number(3),
            row % 90,
            row % 100,
            ["1 2", "1 2 3"][row % 2],
            row * 3,
            row * 5
        );
    }
    let logs = Logs::new().with("log.csv", log);
    let (text, _, dataset, report) = init_and_load(&logs.path("log.csv"));
    let sizes = dataset.schema.fields.iter().map(|field| match &field.kind {
        FieldKind::Vector(vector) => (field.name.as_str(), vector.mean.len()),
        FieldKind::Text { .. } => (field.name.as_str(), 0),
        kind => panic!("{kind:?}"),
    });
    assert_eq!(sizes.collect::<Vec<_>>(), [("image", 3), ("place", 2), ("words", 0)], "{text}");
    assert!(text.contains("A field because its values are lists of 3 numbers."), "{text}");
    assert!(report.notes.iter().all(|note| note.name != "broken vectors"), "{report}");
}

#[test]
fn what_cannot_be_guessed_is_an_error() {
    let logs = Logs::new().with("empty.csv", "user,item\n").with("prices.csv", "price\n1.5\n2.25\n");
    let error = |name: &str| format!("{:#}", data::guess(&logs.path(name), Path::new("")).unwrap_err());
    assert!(error("empty.csv").contains("the log is empty"));
    assert!(error("prices.csv").contains("no column can be the item; the columns: price"));
    assert!(error("nowhere.csv").contains("cannot read"));
}

#[test]
fn odd_names_of_columns_do_no_harm() {
    let mut log = String::from("user,item,\"odd \"\"\"\"\"\"\n[evil]\ncolor = 1\u{7f}\u{1b}\",\"event\n[worse]\"\n");
    for row in 0..400 {
        log += &format!("u{},i{},x,{}\n", row / 10, (row * 7) % 20, ["view", "cart"][row % 2]);
    }
    let logs = Logs::new().with("odd.csv", log);
    let (text, config, _, _) = init_and_load(&logs.path("odd.csv"));
    assert_eq!(config.fields[0].name, "event\n[worse]", "{text}");
    assert!(text.lines().all(|line| !line.starts_with("[evil]") && !line.starts_with("[worse]")), "{text}");
}
