//! Another log, read for what was learned from the first.

use crate::{Logs, assert_sums, dropped};
use foreclick::companion::config::{Config, LogPath};
use foreclick::companion::data::{self, CleaningReport, Dataset, Part};
use foreclick::vocab::UNKNOWN_ITEM;

const SCHEMA: &str = r#"
log = { path = "first.csv" }
sequence = { key = "user", time = "day" }
item = { column = "item", min_count = 2 }
field = [{ name = "kind", kind = "category", min_count = 1 }, { name = "price", kind = "number" }]
split = { kind = "time", validation_from = "2024-01-03", test_from = "2024-01-04" }
"#;

const LABELLED: &str = r#"
log = { path = "first.csv" }
sequence = { key = "user", time = "day", group = "day" }
item = { column = "item", min_count = 2 }
field = [{ name = "kind", kind = "category", min_count = 1 }, { name = "price", kind = "number" }]
task = [
    { name = "spend", kind = "number", column = "price", next = "sum" },
    { name = "cart", kind = "classes", column = "kind2" },
    { name = "up", kind = "direction", of = "price" },
]
split = { kind = "time", validation_from = "2024-01-05", test_from = "2024-01-08" }
"#;

const FIRST: &str = "user,day,item,kind,price
a,2024-01-01,x,view,10
a,2024-01-02,y,cart,20
a,2024-01-03,x,view,99
a,2024-01-04,y,cart,99
";

fn read_another(log: &str) -> anyhow::Result<(Dataset, Dataset, CleaningReport)> {
    read_beside(SCHEMA, FIRST, "next.csv", log)
}

fn read_beside(schema: &str, first: &str, name: &str, log: &str) -> anyhow::Result<(Dataset, Dataset, CleaningReport)> {
    let logs = Logs::new().with("first.csv", first).with(name, log);
    let mut config = Config::parse(schema, logs.folder.path())?;
    let (learned, _) = data::load(&config)?;
    config.log.path = LogPath::One(logs.path(name));
    let (another, report) = data::load_like(&config, &learned)?;
    Ok((learned, another, report))
}

#[test]
fn the_models_own_items_values_and_statistics_count() {
    let log = "user,day,item,kind,price
b,2024-02-01,y,view,25
b,2024-02-02,new,hover,
b,2024-02-03,x,cart,15
";
    let (learned, another, report) = read_another(log).unwrap();
    assert_eq!((&another.schema, &another.vocab), (&learned.schema, &learned.vocab));
    // All items are rarer here than min_count, which is for learning.
    assert_eq!(*another.sequences.items, [1, UNKNOWN_ITEM, 0]);
    assert_eq!(dropped(&report, "rare items"), 0);
    // Training saw cart (1) and view (2), and prices of 10 (0) and 20 (1), beyond which there is nothing.
    let codes = &another.sequences.fields;
    assert_eq!((codes[..3].to_vec(), codes[4..].to_vec()), (vec![2.0, 1.0, 0.0], vec![1.0, 0.5]));
    assert!(codes[3].is_nan());
    // A month later all is for the test.
    assert_eq!(*another.sequences.parts, [Part::Test; 3]);
    assert_sums(&report);
    let unknown = report.notes.iter().find(|note| note.name == "unknown items").unwrap();
    assert_eq!((unknown.rows, report.items), (1, 2));
}

#[test]
fn a_log_of_other_items_is_refused() {
    let log = "user,day,item,kind,price\nb,2024-02-01,p,view,1\nb,2024-02-02,q,view,1\n";
    let error = format!("{:#}", read_another(log).unwrap_err());
    assert!(error.contains("none of the model's items"), "{error}");
}

#[test]
fn cells_that_are_no_vectors_are_told() {
    let toml = "log = { path = \"first.csv\" }\nsequence = { key = \"user\", time = \"day\" }\n\
                item = { column = \"item\", min_count = 2 }\nfield = [{ name = \"image\", kind = \"vector\" }]\n\
                split = { kind = \"time\", validation_from = \"2024-01-03\", test_from = \"2024-01-04\" }\n";
    let first =
        "user,day,item,image\na,2024-01-01,x,1 2\na,2024-01-02,y,[3; 4]\na,2024-01-03,x,abc\na,2024-01-04,y,nan 1\n";
    let next = "user,day,item,image\nb,2024-02-01,x,1 2 3\nb,2024-02-02,y,\nb,2024-02-03,x,5 6\n";
    let logs = Logs::new().with("first.csv", first).with("next.csv", next);
    let mut config = Config::parse(toml, logs.folder.path()).unwrap();
    let (learned, report) = data::load(&config).unwrap();
    config.log.path = LogPath::One(logs.path("next.csv"));
    let (_, other) = data::load_like(&config, &learned).unwrap();
    for (report, rows, cell) in [(report, 2, "\"abc\""), (other, 1, "\"1 2 3\"")] {
        let note = report.notes.iter().find(|note| note.name == "broken vectors").unwrap();
        assert_eq!(note.rows, rows, "{report}");
        assert!(note.detail.contains("no 2 finite numbers") && note.detail.ends_with(cell), "{report}");
    }
}

#[test]
fn columns_of_fields_and_labels_may_be_lacking_and_are_told() {
    let mut first = String::from("user,day,item,kind,price,kind2\n");
    for user in ["a", "b"] {
        for day in 1..=9 {
            let (item, kind) = [("x", "view"), ("y", "cart")][day % 2];
            first += &format!("{user},2024-01-0{day},{item},{kind},{}0,{kind}\n", day * day % 7);
        }
    }
    let csv = "user,day,item,kind\nc,2024-02-01,x,view\nc,2024-02-02,y,cart\nc,2024-02-03,x,view\n";
    let lines = "{\"user\":\"c\",\"day\":\"2024-02-01\",\"item\":\"x\",\"kind\":\"view\"}\n\
                 {\"user\":\"c\",\"day\":\"2024-02-02\",\"item\":\"y\",\"kind\":\"cart\"}\n\
                 {\"user\":\"c\",\"day\":\"2024-02-03\",\"item\":\"x\",\"kind\":\"view\"}\n";
    for (name, log) in [("next.csv", csv), ("next.jsonl", lines)] {
        let (learned, another, report) = read_beside(LABELLED, &first, name, log).unwrap();
        assert!(learned.sequences.labels.iter().any(|label| !label.is_nan()));
        // The category's code is there, the price's is missing in every event, and a sum of no column is no sum of blanks.
        let codes: Vec<(f32, bool)> =
            another.sequences.fields.chunks_exact(2).map(|codes| (codes[0], codes[1].is_nan())).collect();
        assert_eq!(codes, [(2.0, true), (1.0, true), (2.0, true)], "{name}");
        assert!(another.sequences.labels.iter().all(|label| label.is_nan()), "{name}");
        let notes: Vec<&str> = report.notes.iter().map(|note| note.detail.as_str()).collect();
        let has = |text: &str| notes.iter().any(|note| note.contains(text));
        assert!(has("no column \"price\": [[task]] \"spend\" is not measured"), "{notes:?}");
        assert!(has("no column \"kind2\": [[task]] \"cart\" is not measured"), "{notes:?}");
    }
    // What is learned from needs them all, and any log the item and the key.
    let error = |schema: &str, first: &str, log: &str| {
        format!("{:#}", read_beside(schema, first, "next.csv", log).map(|_| ()).unwrap_err())
    };
    assert!(error(LABELLED, FIRST, csv).contains("no column \"kind2\""));
    assert!(error(LABELLED, &first, &csv.replace("item", "sku")).contains("no column \"item\""));
}
