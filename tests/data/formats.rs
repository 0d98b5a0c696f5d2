//! One log in every format gives one dataset.

use crate::{Logs, assert_sums, sequences};
use foreclick::companion::data::Dataset;
use foreclick::schema::{FieldKind, Number};
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int32Type, Int64Type, Int96, Int96Type};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

/// user, time, item, price, kind; ann's rows are out of order.
const ROWS: [(&str, i64, &str, Option<f64>, &str); 7] = [
    ("bo", 1_500_000_000_000, "tea", Some(2.5), "click"),
    ("ann", 1_500_000_003_000, "milk", None, "cart"),
    ("ann", 1_500_000_001_000, "tea", Some(2.5), "click"),
    ("ann", 1_500_000_002_000, "café, noir", Some(4.0), "click"),
    ("bo", 1_500_000_009_000, "milk", Some(1.0), "click"),
    ("bo", 1_500_000_010_000, "milk", Some(1.0), "cart"),
    ("bo", 1_500_000_011_000, "tea", Some(2.5), "cart"),
];

const REST: &str = r#"
[sequence]
key = "user"
time = "time"
[item]
column = "item"
min_count = 1
[[field]]
name = "price"
kind = "number"
[[field]]
name = "kind"
kind = "category"
min_count = 1
"#;

fn cells(delimiter: char) -> String {
    let mut text = ["user", "time", "item", "price", "kind"].join(&delimiter.to_string());
    for (user, time, item, price, kind) in ROWS {
        let price = price.map(|price| price.to_string()).unwrap_or_default();
        let item = format!("\"{item}\"");
        text += &format!("\n{}", [user, &time.to_string(), &item, &price, kind].join(&delimiter.to_string()));
    }
    text + "\n"
}

fn json_lines() -> String {
    ROWS.iter()
        .map(|(user, time, item, price, kind)| {
            serde_json::json!({"user": user, "time": time, "item": item, "price": price, "kind": kind}).to_string()
                + "\n"
        })
        .collect()
}

fn sessions() -> String {
    ["bo", "ann"]
        .map(|name| {
            let own = ROWS.iter().filter(|row| row.0 == name);
            let events: Vec<_> = own
                .map(|(_, time, item, price, kind)| {
                    serde_json::json!({"time": time, "item": item, "price": price, "kind": kind})
                })
                .collect();
            serde_json::json!({"user": name, "clicks": events}).to_string()
        })
        .join("\n")
}

/// Writes a Parquet file column by column.
fn write_parquet(path: &Path, schema: &str, columns: impl FnOnce(&mut SerializedRowGroupWriter<'_, std::fs::File>)) {
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let mut writer = SerializedFileWriter::new(std::fs::File::create(path).unwrap(), schema, Arc::default()).unwrap();
    let mut group = writer.next_row_group().unwrap();
    columns(&mut group);
    group.close().unwrap();
    writer.close().unwrap();
}

fn column<T: parquet::data_type::DataType>(
    group: &mut SerializedRowGroupWriter<'_, std::fs::File>,
    values: &[T::T],
    levels: Option<&[i16]>,
) {
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<T>().write_batch(values, levels, None).unwrap();
    column.close().unwrap();
}

fn texts<'a>(values: impl Iterator<Item = &'a str>) -> Vec<ByteArray> {
    values.map(ByteArray::from).collect()
}

fn load(logs: &Logs, log: &str) -> Dataset {
    let (dataset, report) = logs.load(&format!("[log]\n{log}\n{REST}")).unwrap();
    assert_sums(&report);
    dataset
}

/// Equal but for the NaN of a missing price.
fn assert_equal(a: &Dataset, b: &Dataset, what: &str) {
    let bits = |dataset: &Dataset| dataset.sequences.fields.iter().map(|code| code.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(a), bits(b), "{what}");
    let rest = |dataset: &Dataset| {
        let mut dataset = dataset.clone();
        dataset.sequences.fields = Default::default();
        dataset
    };
    assert_eq!(rest(a), rest(b), "{what}");
}

#[test]
fn every_format_gives_the_same_dataset() {
    let gz = |text: String| {
        let mut encoder = flate2::write::GzEncoder::new(vec![], flate2::Compression::default());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    let (head, tail) = (cells(','), cells(','));
    let (head, tail): (Vec<_>, Vec<_>) = (head.lines().take(4).collect(), tail.lines().skip(4).collect());
    let tail = format!("user,time,item,price,kind\n{}", tail.join("\n"));
    let logs = Logs::new()
        .with("log.csv", cells(','))
        .with("bom.csv", format!("\u{feff}{}", cells(',').replace('\n', "\r\n")))
        .with("log.tsv", cells('\t'))
        .with("semicolons.csv", cells(';'))
        .with("no_name", cells('|'))
        .with("log.csv.gz", gz(cells(',')))
        .with("log.jsonl.zst", zstd::encode_all(json_lines().as_bytes(), 3).unwrap())
        .with("log.jsonl", json_lines())
        .with("sessions.jsonl", sessions())
        .with("parts/b.csv", tail)
        .with("parts/a.csv", head.join("\n"))
        .with("parts/README.md", "not a log")
        .with("parts/_SUCCESS", "");
    write_parquet(
        &logs.path("log.parquet"),
        "message log {
            optional binary user (utf8); required int64 time (timestamp_millis); optional binary item (utf8);
            optional double price; required binary kind (utf8); }",
        |group| {
            let all = Some([1; ROWS.len()]);
            column::<ByteArrayType>(group, &texts(ROWS.iter().map(|row| row.0)), all.as_ref().map(|all| &all[..]));
            column::<Int64Type>(group, &ROWS.map(|row| row.1), None);
            column::<ByteArrayType>(group, &texts(ROWS.iter().map(|row| row.2)), all.as_ref().map(|all| &all[..]));
            let prices: Vec<f64> = ROWS.iter().filter_map(|row| row.3).collect();
            column::<DoubleType>(group, &prices, Some(&ROWS.map(|row| i16::from(row.3.is_some()))));
            column::<ByteArrayType>(group, &texts(ROWS.iter().map(|row| row.4)), None);
        },
    );

    let csv = load(&logs, r#"path = "log.csv""#);
    assert_eq!(sequences(&csv), ["ann: tea café, noir milk", "bo: tea milk milk tea"]);
    assert!(csv.sequences.fields[4].is_nan(), "milk has no price");
    let FieldKind::Category { values } = &csv.schema.fields[1].kind else { panic!("no category") };
    assert_eq!(values, &["click"], "carts are in no training event");

    for log in [
        r#"path = "bom.csv""#,
        r#"path = "log.tsv""#,
        r#"path = "semicolons.csv""#,
        r#"path = "no_name""#,
        "path = \"no_name\"\nformat = \"csv\"\ndelimiter = \"|\"",
        r#"path = "log.csv.gz""#,
        r#"path = "log.jsonl.zst""#,
        r#"path = "log.jsonl""#,
        "path = \"sessions.jsonl\"\nevents = \"clicks\"",
        r#"path = "parts""#,
        r#"path = ["parts/a.csv", "parts/b.csv"]"#,
        r#"path = "log.parquet""#,
    ] {
        assert_equal(&csv, &load(&logs, log), log);
    }
}

#[test]
fn parquet_types_become_keys_times_and_numbers() {
    let logs = Logs::new();
    let schema = "message log {
        required int32 user (uint_32); required int96 time; required int64 item; required int32 price (decimal(9,2));
        required int32 day (date); required int64 micros (timestamp(micros,true)); }";
    write_parquet(&logs.path("log.parquet"), schema, |group| {
        column::<Int32Type>(group, &[-1, -1, -1, -1], None);
        let noon = |day: u32| {
            let mut time = Int96::new();
            let nanos: u64 = 12 * 3_600_000_000_000;
            time.set_data(nanos as u32, (nanos >> 32) as u32, day);
            time
        };
        column::<Int96Type>(group, &[2_440_589, 2_440_588, 2_440_590, 2_440_591].map(noon), None);
        column::<Int64Type>(group, &[i64::MIN, 7, 7, 8], None);
        column::<Int32Type>(group, &[100, -250, 100, 100], None);
        column::<Int32Type>(group, &[1, 0, 2, 3], None);
        column::<Int64Type>(group, &[86_400_000_001, -1, 172_800_000_000, 259_200_000_000], None);
    });
    let load = |time: &str| {
        let toml = format!(
            "[log]\npath = \"log.parquet\"\n[sequence]\nkey = \"user\"\ntime = {time:?}
            [item]\ncolumn = \"item\"\nmin_count = 1\n[[field]]\nname = \"price\"\nkind = \"number\""
        );
        logs.load(&toml).unwrap().0
    };
    let dataset = load("time");
    assert_eq!(sequences(&dataset), ["4294967295: 7 -9223372036854775808 7 8"]);
    let noon = 43_200_000;
    assert_eq!(*dataset.sequences.times, [noon, noon + 86_400_000, noon + 2 * 86_400_000, noon + 3 * 86_400_000]);
    let FieldKind::Number(Number { mean, std, .. }) = dataset.schema.fields[0].kind else { panic!("no number") };
    assert_eq!((mean, std), (-0.75, 1.75), "prices -2.5 and 1 are learned from");
    assert_eq!(*load("day").sequences.times, [0, 86_400_000, 2 * 86_400_000, 3 * 86_400_000]);
    assert_eq!(*load("micros").sequences.times, [-1, 86_400_000, 2 * 86_400_000, 3 * 86_400_000]);
}

#[test]
fn side_tables_describe_items_and_become_fields() {
    let logs = Logs::new()
        .with("log.csv", cells(','))
        .with("items.csv", "sku,colour,weight\ntea,green,10\nmilk,white,1000\nmilk,black,1\nrice,white,500\n")
        .with("users.jsonl", "{\"id\":\"ann\",\"town\":\"Bonn\"}\n{\"id\":\"bo\",\"town\":\"Ulm\"}\n");
    let toml = format!(
        "[log]\npath = \"log.csv\"\n{REST}
        [[field]]\nname = \"town\"\nkind = \"category\"\nmin_count = 1
        [[field]]\nname = \"weight\"\nkind = \"number\"
        [[side]]\npath = \"items.csv\"\nkey = \"sku\"\ncolumns = [\"colour\", \"weight\"]
        [[side]]\npath = \"users.jsonl\"\nkey = \"id\"\ncolumns = [\"town\"]\non = \"user\""
    );
    let (dataset, report) = logs.load(&toml).unwrap();
    assert_eq!(dataset.item_table.columns, ["colour", "weight"]);
    assert_eq!(dataset.item_table.values, ["", "", "white", "1000", "green", "10"], "café, milk, tea; the first milk");
    let note = report.notes.iter().find(|note| note.name == "undescribed items").unwrap();
    assert_eq!(note.rows, 1);
    let names: Vec<_> = dataset.schema.fields.iter().map(|field| field.name.as_str()).collect();
    assert_eq!(names, ["price", "kind", "town", "weight"]);
    let towns: Vec<f32> = dataset.sequences.fields.chunks(4).map(|fields| fields[2]).collect();
    assert_eq!(towns, [1.0, 1.0, 1.0, 2.0, 2.0, 2.0, 2.0]);
    assert!(dataset.sequences.fields[4 + 3].is_nan(), "nobody knows what a café weighs");
}

#[test]
fn text_lines_are_sequences() {
    let logs =
        Logs::new().with("a.txt", "u2 milk tea\n\nu1 tea tea bread\nu3\n").with("b.txt", "tea,milk\nmilk,tea,tea\n");
    let rest = "[item]\ncolumn = \"item\"\nmin_count = 1\n";
    let (dataset, report) =
        logs.load(&format!("[log]\npath = \"a.txt\"\nfirst_is_key = true\n[sequence]\nkey = \"key\"\n{rest}")).unwrap();
    assert_eq!(sequences(&dataset), ["u1: tea tea bread", "u2: milk tea"]);
    assert_eq!((report.rows_read, crate::dropped(&report, "unreadable rows")), (6, 1), "u3 has no items");
    assert_sums(&report);

    let log = "[log]\npath = \"b.txt\"\nformat = \"text\"\ndelimiter = \",\"\n[sequence]\nkey = \"line\"\n";
    let (dataset, _) = logs.load(&format!("{log}{rest}")).unwrap();
    assert_eq!(sequences(&dataset), ["1: tea milk", "2: milk tea tea"]);
}
