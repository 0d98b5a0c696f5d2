//! Items described by side tables, new ones among them.

use crate::{Logs, dropped, sequences};
use foreclick::companion::data::Dataset;

const LOG: &str = "user,item\nann,tea\nann,milk\nann,tea\nann,rye\nbo,milk\nbo,tea\nbo,milk\n";

/// Milk's second row does not count, "salt" has no value, "wine" only one that no item of the log has.
const ITEMS: &str = "sku,aisle,name,price\ntea,drinks,Green tea,3.5\nmilk,drinks,Whole milk,NaN\nmilk,dairy,,1\nmate,drinks,\
                     Green mate,4\nsalt, ,,\nwine,bar,,1e999\nrye,bread,绿 rye,2\n";

fn toml(item: &str) -> String {
    format!(
        "[log]\npath = \"log.csv\"\n[sequence]\nkey = \"user\"\n[item]\ncolumn = \"item\"\nmin_count = 2\n{item}
        [[side]]\npath = \"items.csv\"\nkey = \"sku\"\ncolumns = [\"aisle\", \"name\", \"price\"]"
    )
}

fn features(dataset: &Dataset, item: &str) -> Vec<usize> {
    dataset.item_features.row(dataset.vocab.id(item).unwrap() as usize).map(|(feature, _)| feature).collect()
}

#[test]
fn described_items_are_known_where_that_is_asked_for() {
    let logs = Logs::new().with("log.csv", LOG).with("items.csv", ITEMS);
    let (plain, report) = logs.load(&toml("")).unwrap();
    assert_eq!((plain.vocab.len(), plain.item_features.count, dropped(&report, "rare items")), (2, 0, 1));

    let (described, report) = logs.load(&toml("features = [\"aisle\", \"price\"]")).unwrap();
    assert_eq!(
        (described.vocab.len(), described.item_features.count),
        (2, 1),
        "what both share is that they are drinks"
    );
    assert_eq!((features(&described, "tea"), features(&described, "milk")), (vec![0], vec![0]));
    let note = report.notes.iter().find(|note| note.detail.contains("\"aisle\"")).unwrap();
    assert!(note.rows == 2 && note.detail.contains("category, 1 values"), "{note:?}");

    let (new, report) = logs.load(&toml("features = [\"aisle\", \"price\"]\ninclude_new = true")).unwrap();
    let keys: Vec<String> = (0..new.vocab.len() as u32).filter_map(|item| new.vocab.key(item)).collect();
    assert_eq!(keys, ["mate", "milk", "rye", "tea", "wine"], "all but the one that nothing is said of");
    assert_eq!(
        sequences(&new),
        ["ann: tea milk tea rye", "bo: milk tea milk"],
        "rye is no longer dropped for being rare"
    );
    assert_eq!(dropped(&report, "rare items"), 0);
    assert_eq!((features(&new, "mate"), features(&new, "wine"), features(&new, "rye")), (vec![0], vec![], vec![]));
    assert_eq!(report.notes.iter().find(|note| note.name == "new items").unwrap().rows, 2);
}

#[test]
fn a_table_that_says_nothing_changes_nothing() {
    let empty = "sku,aisle,name,price\nother,,,\n";
    let logs = Logs::new().with("log.csv", LOG).with("items.csv", empty);
    let (dataset, _) = logs.load(&toml("features = [\"aisle\", \"name\", \"price\"]\ninclude_new = true")).unwrap();
    assert_eq!((dataset.vocab.len(), dataset.item_features.count), (2, 0));
}
