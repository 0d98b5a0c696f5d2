//! What is taken over of another model, and how a log is read for it.

use super::base;
use crate::companion::config::Config;
use crate::companion::data::{self, Dataset};
use crate::companion::train::config::TrainConfig;
use crate::companion::train::fine_tune::transfer;
use crate::companion::train::parameters::initial;
use crate::companion::train::tests::heads::with_tasks;
use crate::companion::train::tests::{config, dataset, weights};
use crate::engine::input::Table;
use crate::format::{EncoderKind, Neighbours, Weights};
use crate::schema::{FieldKind, FilterSeen, HeadKind, Vector};
use crate::vocab::Vocab;
use std::fmt::Write;

/// Fields' places in the schema.
const TEXT: usize = 1;
const VECTOR: usize = 2;

#[test]
fn items_fields_and_tables_are_taken_over_by_name() {
    let old = dataset(true, FilterSeen::Group);
    let config = config(0);
    let base = base(&old, &config);
    let mut new = dataset(true, FilterSeen::Group);
    // Items 00 to 39 there; here every second of them, and ten that are new.
    let keys = (0..20).map(|item| format!("{:02}", 2 * item)).chain((0..20).map(|item| format!("new{item:02}")));
    new.vocab = Vocab::from_keys(keys).unwrap();
    new.schema.fields[0].kind = FieldKind::Category { values: vec!["b".into(), "c".into()] };
    let mut to = weights(&new, &config);
    let before = to.clone();
    let taken = transfer(&base, &new.schema, &new.vocab, &mut to).unwrap();
    let known: Vec<usize> = (0..40).filter(|&item| taken.items[item]).collect();
    assert_eq!(known, (0..20).collect::<Vec<_>>());
    let row = |weights: &Weights, item: usize| {
        let mut row = vec![0.0; 8];
        weights.items.copy_row(item, &mut row);
        row
    };
    for item in known {
        let [ours, theirs] = [row(&to, item), row(&base.weights, 2 * item)];
        assert!(ours.iter().zip(&theirs).all(|(a, b)| (a - b).abs() < 1e-6));
        assert_eq!(to.item_bias[item], base.weights.item_bias[2 * item]);
    }
    // A new item lies where its known neighbours do.
    let with_neighbours = (20..40).find(|&item| to.neighbours.row(item).any(|(other, _)| other < 20)).unwrap();
    assert_ne!(row(&to, with_neighbours), row(&before, with_neighbours));
    let kinds = |weights: &Weights, place: usize| weights.fields[0].rows.row(place).to_vec();
    assert_eq!(kinds(&to, 1), kinds(&base.weights, 2), "\"b\" is the first here and the second there");
    assert_eq!(kinds(&to, 2), kinds(&before, 2), "\"c\" is new");
    assert_eq!((&to.blocks, &to.gates), (&base.weights.blocks, &base.weights.gates));
    assert_eq!(taken.to_string(), "the encoder, 20 of 40 items, 5 of 6 fields, 0 of 0 tasks");
}

/// The same n-grams fall into other rows where there are more of them.
#[test]
fn texts_and_vectors_are_taken_over_where_they_fit() {
    let old = dataset(true, FilterSeen::Group);
    let config = config(0);
    let base = base(&old, &config);
    let take = |text: FieldKind, picture: FieldKind| {
        let mut new = dataset(true, FilterSeen::Group);
        (new.schema.fields[TEXT].kind, new.schema.fields[VECTOR].kind) = (text, picture);
        let mut to = initial(&config.architecture(&new.schema), &new.schema, &[1; 40], Neighbours::default(), 3);
        let taken = transfer(&base, &new.schema, &new.vocab, &mut to).unwrap();
        [TEXT, VECTOR].map(|field| {
            let same = to.fields[field].rows == base.weights.fields[field].rows;
            assert_eq!(same, taken.has_input(Table::Field(field)), "field {field}");
            same
        })
    };
    let spread = |size, std| FieldKind::Vector(Vector { mean: vec![0.0; size], std: vec![std; size] });
    let vector = |size| spread(size, 1.0);
    assert_eq!(take(FieldKind::Text { buckets: 7 }, vector(3)), [true, true]);
    assert_eq!(take(FieldKind::Text { buckets: 8 }, vector(2)), [false, false]);
    assert_eq!(take(FieldKind::Text { buckets: 7 }, spread(3, 2.0)), [true, false], "rows of other numbers");
    assert_eq!(take(vector(7), FieldKind::Text { buckets: 3 }), [false, false]);
}

/// Whatever the log has, its events are read as the base reads them, and what is new comes after.
#[test]
fn a_log_is_encoded_as_the_base_reads_it() {
    let old = dataset(true, FilterSeen::Group);
    let base = base(&old, &config(0));
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("base.safetensors"), base.to_bytes().unwrap()).unwrap();
    let mut log = String::from("visitor,item,kind,price,size\n");
    for row in 0..60 {
        writeln!(log, "v{},{:02},{},{},2", row / 6, row % 7, ["b", "c"][row % 2], 4.0 + (row % 2) as f32).unwrap();
    }
    std::fs::write(folder.path().join("log.csv"), log).unwrap();
    let toml = r#"
        log = { path = "log.csv" }
        sequence = { key = "visitor" }
        item = { column = "item", min_count = 1 }
        field = [
            { name = "kind", kind = "category" },
            { name = "price", kind = "number", encoding = "linear" },
            { name = "size", kind = "number" },
        ]
        fine_tune = { from = "base.safetensors" }
    "#;
    let (new, _) = data::load(&Config::parse(toml, folder.path()).unwrap()).unwrap();
    let kinds = |values: [&str; 3]| FieldKind::Category { values: values.map(str::to_owned).to_vec() };
    let expected = [kinds(["a", "b", "c"]), old.schema.fields[3].kind.clone(), old.schema.fields[4].kind.clone()];
    assert_eq!(new.schema.fields.iter().map(|field| field.kind.clone()).collect::<Vec<_>>(), expected);
    let codes =
        |place: usize| new.sequences.event(place).fields.iter().map(|code| (3.0 * code).round()).collect::<Vec<_>>();
    let mut codes = [codes(0), codes(1)];
    codes.sort_by(|a, b| a[0].total_cmp(&b[0]));
    assert_eq!(codes, [[6.0, 12.0, 5.0], [9.0, 15.0, 5.0]], "thirds");

    let architecture = config(0).architecture(&new.schema);
    let mut to = initial(&architecture, &new.schema, &[1; 40], Neighbours::default(), 3);
    let taken = transfer(&base, &new.schema, &new.vocab, &mut to).unwrap();
    for (field, old, rows) in [(0, 0, 0..3), (1, 3, 0..2), (2, 4, 0..3)] {
        for row in rows {
            assert_eq!(to.fields[field].rows.row(row), base.weights.fields[old].rows.row(row), "field {field}, {row}");
        }
    }
    assert_eq!(taken.to_string(), "the encoder, 40 of 40 items, 2 of 3 fields, 0 of 0 tasks");
}

#[test]
fn a_number_is_answered_as_before_by_another_mean_and_spread() {
    let old = with_tasks(true);
    let base = base(&old, &config(0));
    let mut new = old.clone();
    new.schema.heads[2].kind = HeadKind::Number { mean: -1.0, std: 0.5 };
    let mut to = weights(&new, &config(0));
    transfer(&base, &new.schema, &new.vocab, &mut to).unwrap();
    let state = [0.3, -0.8, 0.1, 0.9, -0.2, 0.4, 0.7, -0.5];
    let answer = |dataset: &Dataset, weights: &Weights| {
        let HeadKind::Number { mean, std } = dataset.schema.heads[2].kind else { panic!("the third is a number") };
        let head = &weights.heads[2];
        let output: f32 = head.weight.row(0).iter().zip(state).map(|(weight, value)| weight * value).sum();
        mean + std * (output + head.bias[0])
    };
    let [expected, found] = [answer(&old, &base.weights), answer(&new, &to)];
    assert!((expected - found).abs() < 1e-5, "{expected}, {found}");
}

#[test]
fn another_encoder_is_refused() {
    let data = dataset(true, FilterSeen::Group);
    let base = base(&data, &config(0));
    for other in [TrainConfig { blocks: 1, ..config(0) }, TrainConfig { encoder: EncoderKind::Gru, ..config(0) }] {
        let error = transfer(&base, &data.schema, &data.vocab, &mut weights(&data, &other)).unwrap_err();
        assert!(error.to_string().contains("another encoder"), "{error}");
    }
}
