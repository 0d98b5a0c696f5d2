//! What items have in common: columns of side tables, turned into features that items share.
//!
//! A feature is a category's value, a word or part of a word, or a tenth of a column of numbers. What fewer than two items
//! with training events have teaches nothing about another item and is no feature: so a value that only new items have
//! says as little as none.

use super::dataset::ItemTable;
use super::report::Rule;
use crate::companion::config::{FeatureConfig, FeatureKind};
use crate::text;
use std::collections::{HashMap, HashSet};

/// A feature has at least so many items with training events.
const FEWEST_ITEMS: usize = 2;

/// Numbers with at most so many different values are read as categories, such as sizes or grades.
const FEW_NUMBERS: usize = 32;

/// Numbers are cut into so many parts with about as many items in each.
const PARTS: usize = 10;

/// Words and parts of words are hashed into so many features a column, so that no text makes a model large.
const TEXT_FEATURES: usize = 1 << 15;

/// The features of each item, in compressed sparse rows.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ItemFeatures {
    /// Where each item's features start, and the end: `[items + 1]`; empty where there are none.
    pub offsets: Vec<u32>,
    /// The features: `[offsets' last]`, rising within an item.
    pub ids: Vec<u32>,
    /// What each counts in its item's sum: `[offsets' last]`. Each column that says something of the item counts alike,
    /// and the squares' sum is 1.
    pub weights: Vec<f32>,
    /// How many different features there are.
    pub count: usize,
}

impl ItemFeatures {
    /// An item's features and what each counts.
    pub fn row(&self, item: usize) -> impl Iterator<Item = (usize, f32)> + Clone {
        let range = match self.offsets.get(item..item + 2) {
            Some(ends) => ends[0] as usize..ends[1] as usize,
            None => 0..0,
        };
        self.ids[range.clone()].iter().map(|&id| id as usize).zip(self.weights[range].iter().copied())
    }

    /// The features of the items of a table, `[items]` of which occur in training so often, and what was read.
    pub fn of(configs: &[FeatureConfig], table: &ItemTable, counts: &[u32]) -> (Self, Vec<Rule>) {
        if configs.is_empty() {
            return (Self::default(), Vec::new());
        }
        let mut features = 0;
        let mut notes = Vec::new();
        let mut columns = Vec::new();
        for config in configs {
            let name = config.column();
            let place = table.columns.iter().position(|column| column == name);
            let value = |item: usize| place.map_or("", |place| table.values[item * table.columns.len() + place].trim());
            let values: Vec<&str> = (0..counts.len()).map(value).collect();
            let (kind, tokens) = tokens(&values, counts, config.kind());
            let (column, count) = shared(&tokens, counts, features);
            let rows = column.iter().filter(|features| !features.is_empty()).count() as u64;
            let detail = format!("of items: {name:?}, read as {kind}, {count} values that items share");
            notes.push(Rule { name: "features".into(), rows, detail });
            features += count as u32;
            columns.push(column);
        }
        (Self::joined(&columns, counts.len(), features as usize), notes)
    }

    /// Joins columns, `[columns][items]`, of features.
    fn joined(columns: &[Vec<Vec<u32>>], items: usize, count: usize) -> Self {
        let mut all = Self { offsets: vec![0], count, ..Self::default() };
        for item in 0..items {
            let said = || columns.iter().map(|column| &column[item]).filter(|features| !features.is_empty());
            let columns = said().count();
            for features in said() {
                let weight = 1.0 / ((columns * features.len()) as f32).sqrt();
                all.ids.extend_from_slice(features);
                all.weights.extend(features.iter().map(|_| weight));
            }
            all.offsets.push(all.ids.len() as u32);
        }
        all
    }
}

/// A column's tokens, item by item; an item without a value has none.
fn tokens(values: &[&str], counts: &[u32], kind: Option<FeatureKind>) -> (&'static str, Vec<Vec<u64>>) {
    let learned: Vec<&str> =
        values.iter().zip(counts).filter(|(value, count)| **count > 0 && !value.is_empty()).map(|(v, _)| *v).collect();
    match kind.unwrap_or_else(|| guess(&learned)) {
        FeatureKind::Category => {
            let token = |value: &&str| if value.is_empty() { Vec::new() } else { vec![hash(value)] };
            ("category", values.iter().map(token).collect())
        }
        FeatureKind::Number => {
            let ends = ends(learned.iter().filter_map(|value| number(value)).collect());
            let part = |number: f64| ends.partition_point(|&end| end <= number) as u64;
            ("number", values.iter().map(|value| number(value).map(part).into_iter().collect()).collect())
        }
        FeatureKind::Text => ("text", values.iter().map(|value| words(value)).collect()),
    }
}

/// How a column seems to be written: numbers of many sizes, values that items share, or texts.
fn guess(values: &[&str]) -> FeatureKind {
    let distinct: HashSet<&&str> = values.iter().collect();
    let numbers = values.iter().filter(|value| number(value).is_some()).count();
    if distinct.len() > FEW_NUMBERS && 20 * numbers >= 19 * values.len() {
        FeatureKind::Number
    } else if 2 * distinct.len() <= values.len() || distinct.len() <= FEW_NUMBERS {
        FeatureKind::Category
    } else {
        FeatureKind::Text
    }
}

fn number(value: &str) -> Option<f64> {
    value.parse().ok().filter(|number: &f64| number.is_finite())
}

/// Where the parts of numbers end, each of which has about as many of them.
fn ends(mut numbers: Vec<f64>) -> Vec<f64> {
    numbers.sort_unstable_by(f64::total_cmp);
    let mut ends: Vec<f64> = (1..PARTS).filter_map(|part| numbers.get(part * numbers.len() / PARTS).copied()).collect();
    ends.dedup();
    ends
}

/// The rows of a text's words and their parts, each once.
fn words(text: &str) -> Vec<u64> {
    let mut tokens = Vec::new();
    text::rows(text, TEXT_FEATURES, &mut |row| tokens.push(row as u64));
    tokens.sort_unstable();
    tokens.dedup();
    tokens
}

/// FNV-1a (Fowler, Noll, Vo), the same on every machine and in every version.
fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Numbers the tokens that enough items with training events have, from `first` on, and gives each item's.
fn shared(tokens: &[Vec<u64>], counts: &[u32], first: u32) -> (Vec<Vec<u32>>, usize) {
    let mut items: HashMap<u64, usize> = HashMap::new();
    for (tokens, _) in tokens.iter().zip(counts).filter(|(_, count)| **count > 0) {
        tokens.iter().for_each(|&token| *items.entry(token).or_default() += 1);
    }
    let mut kept: Vec<u64> =
        items.into_iter().filter(|(_, items)| *items >= FEWEST_ITEMS).map(|(token, _)| token).collect();
    kept.sort_unstable();
    let ids: HashMap<u64, u32> = kept.iter().copied().zip(first..).collect();
    let of_item = |tokens: &Vec<u64>| tokens.iter().filter_map(|token| ids.get(token).copied()).collect();
    (tokens.iter().map(of_item).collect(), kept.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::companion::config::FeatureColumn;

    fn table(columns: &[&str], rows: &[&[&str]]) -> ItemTable {
        ItemTable {
            columns: columns.iter().map(|&name| name.into()).collect(),
            values: rows.iter().flat_map(|row| row.iter().map(|&value| value.into())).collect(),
        }
    }

    fn features(kind: FeatureKind, values: &[&str], counts: &[u32]) -> ItemFeatures {
        let rows: Vec<Vec<&str>> = values.iter().map(|&value| vec![value]).collect();
        let rows: Vec<&[&str]> = rows.iter().map(Vec::as_slice).collect();
        let config = FeatureConfig::Kind(FeatureColumn { column: "a".into(), kind });
        ItemFeatures::of(&[config], &table(&["a"], &rows), counts).0
    }

    fn ids(features: &ItemFeatures) -> Vec<Vec<usize>> {
        (0..features.offsets.len() - 1).map(|item| features.row(item).map(|(id, _)| id).collect()).collect()
    }

    #[test]
    fn what_two_learned_items_share_is_a_feature() {
        // "tea" is shared with a new item only, "milk" is one item's, and one has no value.
        let values = ["tea", "tea", "jam", " jam ", "milk", "", "jam"];
        let found = features(FeatureKind::Category, &values, &[3, 0, 1, 1, 1, 1, 0]);
        assert_eq!((found.count, ids(&found)), (1, vec![vec![], vec![], vec![0], vec![0], vec![], vec![], vec![0]]));
        assert!(found.row(99).next().is_none() && ItemFeatures::default().row(0).next().is_none());
    }

    #[test]
    fn columns_count_alike_and_squares_sum_to_one() {
        let rows: [&[&str]; 3] = [&["red", "big warm coat"], &["red", "big warm coat"], &["", "coat"]];
        let mut configs = ["colour", "name", "gone"].map(|name| FeatureConfig::Column(name.into()));
        configs[1] = FeatureConfig::Kind(FeatureColumn { column: "name".into(), kind: FeatureKind::Text });
        let (found, notes) = ItemFeatures::of(&configs, &table(&["colour", "name"], &rows), &[1, 1, 1]);
        for item in 0..3 {
            let squares: f32 = found.row(item).map(|(_, weight)| weight * weight).sum();
            assert!((squares - 1.0).abs() < 1e-5, "item {item}: {squares}");
        }
        let colour = found.row(0).next().unwrap();
        assert_eq!(colour, (0, 0.5_f32.sqrt()));
        assert_eq!(notes.iter().map(|note| note.rows).collect::<Vec<_>>(), [2, 3, 0]);
        assert!(notes[0].detail.contains("read as category, 1 values"), "{}", notes[0].detail);
    }

    #[test]
    fn kinds_are_found_in_the_values() {
        let many = |value: fn(usize) -> String| (0..100).map(value).collect::<Vec<_>>();
        let kind = |values: &[String]| guess(&values.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(kind(&many(|n| format!("{}.5", n))), FeatureKind::Number);
        assert_eq!(kind(&many(|n| (n % 30).to_string())), FeatureKind::Category, "grades");
        assert_eq!(kind(&many(|n| format!("brand {}", n % 50))), FeatureKind::Category);
        assert_eq!(kind(&many(|n| format!("name {n}"))), FeatureKind::Text);
        assert_eq!(kind(&[]), FeatureKind::Category);
        let mut broken = many(|n| n.to_string());
        broken[..4].fill("NaN".into());
        assert_eq!(kind(&broken), FeatureKind::Number);
        broken[..8].fill("none".into());
        assert_eq!(kind(&broken), FeatureKind::Text);
    }

    #[test]
    fn numbers_fall_into_tenths_and_what_is_none_has_no_feature() {
        let values: Vec<String> = (0..40).map(|n| n.to_string()).collect();
        let mut values: Vec<&str> = values.iter().map(String::as_str).collect();
        values.extend(["NaN", "inf", "1e999", "cheap", "", "-5", "1000"]);
        let found = features(FeatureKind::Number, &values, &[1; 47]);
        let ids = ids(&found);
        assert_eq!((ids[0].clone(), ids[39].clone(), found.count), (vec![0], vec![9], 10));
        assert!(ids[40..45].iter().all(Vec::is_empty), "{ids:?}");
        assert_eq!((&ids[45], &ids[46]), (&vec![0], &vec![9]), "beyond what was seen: the outermost parts");
        let constant = features(FeatureKind::Number, &["7"; 5], &[1; 5]);
        assert_eq!((constant.count, constant.ids), (1, vec![0; 5]));
    }

    #[test]
    fn texts_share_words_in_any_case_and_script() {
        let share = |a: &str, b: &str| words(a).iter().filter(|token| words(b).contains(token)).count();
        assert_eq!(words("Äpfel"), words("äpfel"));
        assert!(share("Apfelsaft", "apfelmus") >= 4 && share("tea", "jam") == 0);
        // 绿茶 (green tea) and 红茶 (black tea) share the character of tea.
        assert_eq!(share("绿茶", "红茶"), 1);
        for empty in ["", "  ", "\u{0}"] {
            assert!(words(empty).is_empty(), "{empty:?}");
        }
        assert!(words("a b a b").windows(2).all(|pair| pair[0] < pair[1]));
    }
}
