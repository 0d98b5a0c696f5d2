//! What holds for every log.

use crate::{Logs, assert_sums};
use foreclick::companion::data::{CleaningReport, Dataset, Part};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// user, time, basket, item as they stand in the file; some are broken.
type LogRow = (u8, Option<u16>, u8, Option<u8>, bool);

fn rows() -> impl Strategy<Value = Vec<LogRow>> {
    let time = prop::option::weighted(0.95, 0..500_u16);
    let item = prop::option::weighted(0.95, 0..9_u8);
    prop::collection::vec((0..5_u8, time, 0..4_u8, item, prop::bool::weighted(0.05)), 80..150)
}

fn csv(rows: &[LogRow]) -> String {
    let mut text = String::from("user,time,basket,item\n");
    for &(user, time, basket, item, broken) in rows {
        let time = time.map_or("?".to_owned(), |time| (1_500_000_000 + u64::from(time)).to_string());
        let item = item.map_or(String::new(), |item| format!("i{item}"));
        text += &format!("u{user},{time},b{user}-{basket},{item}{}\n", if broken { ",more" } else { "" });
    }
    text
}

fn load(rows: &[LogRow], more: &str) -> (Dataset, CleaningReport) {
    let toml = format!("[log]\npath = \"log.csv\"\n[sequence]\nkey = \"user\"\ntime = \"time\"\n{more}");
    Logs::new().with("log.csv", csv(rows)).load(&toml).unwrap_or_else(|error| panic!("{error:#}"))
}

const PLAIN: &str = "[item]\ncolumn = \"item\"\nmin_count = 2\n";
const GROUPED: &str = "group = \"basket\"\n[item]\ncolumn = \"item\"\nmin_count = 1\n";

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_row_is_kept_or_counted(rows in rows(), seed in 0..3_u64) {
        for more in [PLAIN, GROUPED] {
            let (dataset, report) = load(&rows, &format!("{more}[split]\nseed = {seed}"));
            assert_sums(&report);
            prop_assert_eq!(report.rows_read, rows.len() as u64);
            prop_assert_eq!(dataset.sequences.items.len() as u64, report.rows_kept);
            prop_assert_eq!(dataset.sequences.offsets.last().copied(), Some(report.rows_kept));
        }
    }

    #[test]
    fn the_kept_events_are_the_logs_own(rows in rows()) {
        let (dataset, _) = load(&rows, &format!("idle_gap = \"60s\"\nmin_length = 1\n{}", PLAIN.replace('2', "1")));
        let expected: BTreeSet<(String, i64, String)> = rows
            .iter()
            .filter(|row| !row.4)
            .filter_map(|&(user, time, _, item, _)| {
                Some((format!("u{user}"), 1000 * (1_500_000_000 + i64::from(time?)), format!("i{}", item?)))
            })
            .collect();
        let events = &dataset.sequences;
        let mut found = BTreeSet::new();
        for sequence in 0..events.len() {
            let user = events.keys.get(sequence).split('#').next().unwrap().to_owned();
            for place in events.range(sequence) {
                found.insert((user.clone(), events.times[place], dataset.vocab.key(events.items[place]).unwrap()));
            }
            let times = &events.times[events.range(sequence)];
            prop_assert!(times.windows(2).all(|pair| (0..=60_000).contains(&(pair[1] - pair[0]))), "a pause within");
        }
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn sequences_are_in_order_and_baskets_stay_together(rows in rows()) {
        let (dataset, _) = load(&rows, PLAIN);
        let events = &dataset.sequences;
        prop_assert!(events.keys.iter().is_sorted_by(|a, b| a < b));
        for sequence in 0..events.len() {
            prop_assert!(events.times[events.range(sequence)].is_sorted());
        }

        let (dataset, _) = load(&rows, GROUPED);
        let events = &dataset.sequences;
        for sequence in 0..events.len() {
            let range = events.range(sequence);
            let groups = &events.groups[range.clone()];
            prop_assert_eq!(groups[0], 0);
            prop_assert!(groups.windows(2).all(|pair| pair[1] == pair[0] || pair[1] == pair[0] + 1));
            let mut begins: BTreeMap<u32, i64> = BTreeMap::new();
            let mut items = BTreeSet::new();
            for place in range.clone() {
                begins.entry(events.groups[place]).or_insert(events.times[place]);
                prop_assert!(items.insert((events.groups[place], events.items[place])), "an item twice in a basket");
            }
            prop_assert!(begins.values().is_sorted(), "baskets by their first event");
            let in_basket = range.clone().zip(range.skip(1)).filter(|&(a, b)| events.groups[a] == events.groups[b]);
            prop_assert!(in_basket.into_iter().all(|(a, b)| events.times[a] <= events.times[b]));
        }
    }

    #[test]
    fn parts_are_as_the_split_says(rows in rows()) {
        let (dataset, _) = load(&rows, PLAIN);
        let events = &dataset.sequences;
        for sequence in 0..events.len() {
            let parts = &events.parts[events.range(sequence)];
            let (train, last) = parts.split_at(if parts.len() < 3 { parts.len() } else { parts.len() - 2 });
            prop_assert!(train.iter().all(|&part| part == Part::Train));
            prop_assert!(last.is_empty() || last == [Part::Validation, Part::Test]);
        }

        let split = "[split]\nkind = \"time\"\nvalidation_from = \"2017-07-14T02:43:20Z\"\ntest_from = \"2017-07-14T02:45:00Z\"";
        let (dataset, _) = load(&rows, &format!("{PLAIN}{split}"));
        for (&time, &part) in dataset.sequences.times.iter().zip(&dataset.sequences.parts) {
            let expected = match time - 1_500_000_000_000 {
                ..200_000 => Part::Train,
                200_000..300_000 => Part::Validation,
                _ => Part::Test,
            };
            prop_assert_eq!(part, expected);
        }
    }

    #[test]
    fn the_seed_orders_ties_and_nothing_else(rows in rows()) {
        let load = |seed: u64| load(&rows, &format!("{PLAIN}[split]\nseed = {seed}")).0.sequences;
        let (one, again, other) = (load(1), load(1), load(2));
        prop_assert_eq!(&one, &again);
        prop_assert_eq!(&one.times, &other.times);
        let events = |sequences: &foreclick::companion::data::Sequences| {
            let mut events: Vec<_> = sequences.times.iter().copied().zip(sequences.items.iter().copied()).collect();
            events.sort_unstable();
            events
        };
        prop_assert_eq!(events(&one), events(&other));
    }
}

#[test]
fn ties_are_shuffled() {
    let rows: Vec<LogRow> = (0..8).map(|item| (0, Some(1), 0, Some(item), false)).collect();
    let order = |seed: u64| load(&rows, &format!("{GROUPED}[split]\nseed = {seed}")).0.sequences.items.to_vec();
    assert_eq!(order(1), order(1));
    assert_ne!(order(1), (0..8).collect::<Vec<_>>(), "not by item");
    assert_ne!(order(1), order(2));
}
