//! Hand-counted examples.

use super::*;
use crate::companion::data::Part;
use crate::companion::evaluate::Scorer;
use crate::companion::evaluate::places;
use crate::companion::evaluate::testing::{Event, dataset};
use crate::event::{EventView, NO_TIME, Upcoming};
use crate::schema::FilterSeen;
use crate::vocab::{ItemId, UNKNOWN_ITEM};

fn event(item: ItemId, group: u32) -> EventView<'static> {
    EventView { item, time: NO_TIME, group, fields: &[] }
}

fn scores(scorer: &mut impl Scorer, history: &[(ItemId, u32)], group: u32, items: usize) -> Vec<f32> {
    scorer.reset().unwrap();
    history.iter().for_each(|&(item, group)| scorer.observe(event(item, group)).unwrap());
    let mut out = vec![f32::NAN; items];
    scorer.scores(Upcoming { group }, &mut out).unwrap();
    out
}

fn assert_close(got: &[f32], expected: &[f32]) {
    let close = got.len() == expected.len() && got.iter().zip(expected).all(|(a, b)| (a - b).abs() < 2e-5);
    assert!(close, "{got:?}, expected {expected:?}");
}

fn train(items: &[ItemId]) -> Vec<Event> {
    items.iter().map(|&item| Event::train(item, 0)).collect()
}

#[test]
fn popularity_counts_training_events_only_and_orders_ties() {
    let log = dataset(
        4,
        FilterSeen::None,
        false,
        &[&[
            Event::train(2, 0),
            Event::train(2, 0),
            Event::train(1, 0),
            Event::train(UNKNOWN_ITEM, 0),
            Event::validation(3, 0),
            Event::test(3, 0),
        ]],
    );
    let items = popularity::training_places(&log).map(|place| log.sequences.items[place]);
    let counts = popularity::count(items, 4);
    assert_eq!(counts, [0.0, 1.0, 2.0, 0.0]);
    let ties = popularity::tie_break(&counts);
    assert!(ties[2] > ties[1] && ties[1] > ties[0] && ties[2] <= 1e-5);
}

#[test]
fn recent_popularity_looks_at_four_weeks_or_a_tenth() {
    const DAY: i64 = 24 * 3600 * 1000;
    let log = dataset(
        3,
        FilterSeen::None,
        false,
        &[&[
            Event::train(0, 0).at(0),
            Event::train(0, 0).at(DAY),
            Event::train(1, 0).at(60 * DAY),
            Event::train(2, 0).at(70 * DAY),
            Event::test(0, 0).at(99 * DAY),
        ]],
    );
    assert_close(&recent_popularity::recent_counts(&log, &[2.0, 1.0, 1.0]), &[0.0, 1.0, 1.0]);

    let mut items = vec![0; 18];
    items.extend([1, 2]);
    let log = dataset(3, FilterSeen::None, false, &[&train(&items)]);
    let recent = recent_popularity::recent_counts(&log, &[18.0, 1.0, 1.0]);
    assert_close(&recent, &[0.0, 1.0, 1.0]);
    assert!(recent[0] > 0.0, "popularity fills up");
}

#[test]
fn own_items_fade_by_group() {
    let ties = [0.0; 3];
    // Baskets: {0, 1}, {0}; then a third one opens.
    let history = [(0, 0), (1, 0), (0, 1)];
    let mut recency = OwnItems::new(DECAY, true, &ties);
    assert_close(&scores(&mut recency, &history, 2, 3), &[0.97 * 0.97 + 0.97, 0.97 * 0.97, 0.0]);
    assert_close(&scores(&mut recency, &history, 1, 3), &[0.97 + 1.0, 0.97, 0.0]);
    assert_close(&scores(&mut OwnItems::new(NO_DECAY, true, &ties), &history, 2, 3), &[2.0, 1.0, 0.0]);
    // Without groups each event is one.
    let history = [(0, 0), (1, 0), (UNKNOWN_ITEM, 0)];
    assert_close(
        &scores(&mut OwnItems::new(DECAY, false, &ties), &history, 0, 3),
        &[0.97f32.powi(3), 0.97 * 0.97, 0.0],
    );
}

#[test]
fn markov_counts_what_follows_the_last_item() {
    let log = dataset(3, FilterSeen::None, false, &[&train(&[0, 1, 0, 1, 0, 2]), &train(&[1])]);
    let followers = Neighbours::count(&log, Rule::Following { reach: 1 });
    let mut last = LastItem::new(&followers, &[0.0; 3]);
    assert_close(&scores(&mut last, &[(1, 0), (0, 0)], 0, 3), &[0.0, 2.0, 1.0]);
    assert_close(&scores(&mut last, &[(0, 0), (UNKNOWN_ITEM, 0)], 0, 3), &[0.0; 3]);
    assert_close(&scores(&mut last, &[], 0, 3), &[0.0; 3]);
}

#[test]
fn cooccurrence_weighs_by_distance_and_by_age() {
    let log = dataset(4, FilterSeen::None, false, &[&train(&[0, 1, 2, 0, 3])]);
    let neighbours = cooccurrence::count(&log);
    let mut scorer = Cooccurrence::new(&neighbours, false, &[0.0; 4]);
    // 0 -> 1: 1/1; 0 -> 2: 1/2; 0 -> 0: 1/3; 0 -> 3: 1/4 + 1/1.
    assert_close(&scores(&mut scorer, &[(0, 0)], 0, 4), &[1.0 / 3.0, 1.0, 0.5, 1.25]);
    // Then 2 is newest (2 -> 0: 1, 2 -> 3: 1/2) and 0 counts half.
    assert_close(&scores(&mut scorer, &[(0, 0), (2, 0)], 0, 4), &[1.0 + 1.0 / 6.0, 0.5, 0.25, 0.5 + 0.625]);
}

#[test]
fn cooccurrence_reaches_nine_events_far() {
    let log = dataset(11, FilterSeen::None, false, &[&train(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10])]);
    let row = scores(&mut Cooccurrence::new(&cooccurrence::count(&log), false, &[0.0; 11]), &[(0, 0)], 0, 11);
    assert_eq!((row[9], row[10]), (1.0 / 9.0, 0.0));
}

#[test]
fn with_groups_the_open_basket_is_the_context() {
    // Baskets {0 1 2}, {0 1}, {0 3}, {3 2}; what is not for training does not count.
    let baskets =
        [(0, 0), (1, 0), (2, 0), (0, 1), (1, 1), (0, 2), (3, 2)].map(|(item, group)| Event::train(item, group));
    let other = [Event::train(3, 0), Event::train(2, 0), Event::test(1, 1), Event::test(3, 1)];
    let log = dataset(4, FilterSeen::Group, true, &[&baskets, &other]);
    let neighbours = cooccurrence::count(&log);
    let mut scorer = Cooccurrence::new(&neighbours, true, &[0.0; 4]);
    let from_0 = [0.0, 2.0 / 3.0, 1.0 / 3.0, 1.0 / 3.0];
    let from_3 = [0.5, 0.0, 0.5, 0.0];
    assert_close(&scores(&mut scorer, &[(0, 7)], 7, 4), &from_0);
    assert_close(&scores(&mut scorer, &[(2, 6), (0, 7), (3, 7)], 7, 4), &[0.5, 2.0 / 3.0, 5.0 / 6.0, 1.0 / 3.0]);
    // A new basket: the last events, the newest whole, the one before by half.
    let expected: Vec<f32> = from_0.iter().zip(from_3).map(|(a, b)| a / 2.0 + b).collect();
    assert_close(&scores(&mut scorer, &[(0, 7), (3, 7)], 8, 4), &expected);
}

#[test]
fn asking_in_between_changes_nothing() {
    let baskets = [(0, 0), (1, 0), (2, 0), (0, 1), (3, 1)].map(|(item, group)| Event::train(item, group));
    let log = dataset(4, FilterSeen::Group, true, &[&baskets]);
    let neighbours = cooccurrence::count(&log);
    let mut asked = Cooccurrence::new(&neighbours, true, &[0.0; 4]);
    let mut out = [0.0; 4];
    asked.reset().unwrap();
    for (item, group) in [(0, 0), (1, 0), (3, 1), (2, 1)] {
        asked.scores(Upcoming { group }, &mut out).unwrap();
        asked.observe(event(item, group)).unwrap();
        asked.scores(Upcoming { group: group + 1 }, &mut out).unwrap();
        asked.scores(Upcoming { group }, &mut out).unwrap();
    }
    let mut fresh = Cooccurrence::new(&neighbours, true, &[0.0; 4]);
    assert_eq!(scores(&mut fresh, &[(0, 0), (1, 0), (3, 1), (2, 1)], 1, 4), out);
}

#[test]
fn the_mix_is_a_sum_of_logarithms() {
    let log = dataset(3, FilterSeen::None, false, &[&train(&[0, 1, 2])]);
    let neighbours = Neighbours::count(&log, Rule::Following { reach: 1 });
    let weights = MixWeights {
        recency: 2.0,
        recency_epsilon: 0.5,
        cooccurrence: 3.0,
        cooccurrence_epsilon: 0.25,
        lift: 0.5,
        popularity: 0.25,
    };
    let parts = Parts { has_group: false, neighbours: &neighbours, popularity: &[3.0, 8.0, 1.0] };
    let got = scores(&mut Mix::new(parts, weights), &[(0, 0)], 0, 3);
    // The mean popularity is 4: the sum of item 1 (one follower) is multiplied by sqrt(4 / 8).
    let expected = [
        0.25 * 4f32.ln() + 2.0 * (1.0f32 + 0.97 / 0.5).ln(),
        0.25 * 9f32.ln() + 3.0 * (1.0 + 0.5f32.sqrt() / 0.25).ln(),
        0.25 * 2f32.ln(),
    ];
    assert_close(&got, &expected);
}

/// Visitors that repeat one item each, among noise: only own items help.
#[test]
fn the_fit_finds_what_helps_and_all_baselines_are_measured() {
    let sequences: Vec<Vec<Event>> = (0..12u32)
        .map(|visitor| {
            let noise = |step: u32| (visitor * 5 + step * 7) % 30;
            let mut events: Vec<Event> = (0..8).map(|step| Event::train(noise(step), 0)).collect();
            events.extend([Event::train(30 + visitor, 0), Event::train(30 + visitor, 0)]);
            events.extend([Event::validation(30 + visitor, 0), Event::test(30 + visitor, 0)]);
            events
        })
        .collect();
    let log = dataset(42, FilterSeen::None, false, &sequences.iter().map(Vec::as_slice).collect::<Vec<_>>());
    let (targets, validation) = (places(&log, Part::Test, 0), places(&log, Part::Validation, 0));
    let Baselines { outcomes, mix_weights } = evaluate_baselines(&log, &log, &targets, &validation).unwrap();
    let ndcg = |name| outcomes.iter().find(|&&(own, _)| own == name).unwrap().1.metrics().ndcg_at_10();
    assert_eq!(outcomes.len(), 7);
    assert_eq!(ndcg("own_recency"), 1.0);
    assert_eq!(ndcg("mix"), 1.0);
    assert!(ndcg("popularity") < 0.5);
    assert!(mix_weights.recency > 0.0);
    let again = evaluate_baselines(&log, &log, &targets, &validation).unwrap();
    assert_eq!(again.outcomes, outcomes);
}
