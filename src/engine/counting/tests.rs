//! Histories by hand.

use super::*;
use crate::event::NO_TIME;
use crate::vocab::UNKNOWN_ITEM;

fn rules(has_group: bool, filter_seen: FilterSeen, context: Context) -> Rules {
    let counting = Counting { decay: 0.5, recency_epsilon: 1.0, neighbour_epsilon: 1.0, context };
    Rules { counting, has_group, filter_seen, items: 4 }
}

/// Item 0 has neighbour 1 (share 1.0) and 3 (share 0.2); the others have none.
fn neighbours() -> Neighbours {
    Neighbours { offsets: vec![0, 2, 2, 2, 2], items: vec![1, 3], weights: vec![255, 51], scales: vec![1.0; 4] }
}

fn observe(history: &mut History, events: &[(ItemId, u32)]) {
    for &(item, group) in events {
        history.observe(EventView { item, time: NO_TIME, group, fields: &[] });
    }
}

fn find(candidates: &[Candidate], item: ItemId) -> Candidate {
    *candidates.iter().find(|candidate| candidate.item == item).unwrap()
}

#[test]
fn recency_halves_with_each_group() {
    let mut history = History::new(rules(true, FilterSeen::Group, Context::OpenGroup));
    observe(&mut history, &[(2, 0), (0, 1), (2, 2)]);
    // Item 2 was met in the open group (1) and two groups before it (0.25).
    assert!((find(history.candidates(2, &neighbours()), 2).features[RECENCY] - 1.25f32.ln_1p()).abs() < 1e-6);
    // Another group later both have halved.
    assert!((find(history.candidates(3, &neighbours()), 2).features[RECENCY] - 0.625f32.ln_1p()).abs() < 1e-6);
}

#[test]
fn only_the_open_group_is_excluded_and_only_its_neighbours_count() {
    let mut history = History::new(rules(true, FilterSeen::Group, Context::OpenGroup));
    observe(&mut history, &[(2, 0), (0, 1)]);
    let open = history.candidates(1, &neighbours()).to_vec();
    assert!(find(&open, 0).excluded && !find(&open, 2).excluded);
    assert!((find(&open, 3).features[NEIGHBOURS] - 0.2f32.ln_1p()).abs() < 1e-6);
    let next = history.candidates(2, &neighbours()).to_vec();
    assert!(next.iter().all(|candidate| !candidate.excluded && candidate.features[NEIGHBOURS] == 0.0));
    assert_eq!((history.open_size(1), history.open_size(2)), (1, 0));
}

#[test]
fn without_groups_the_latest_events_are_the_context() {
    let mut history = History::new(rules(false, FilterSeen::All, Context::LastEvents));
    observe(&mut history, &[(0, 0), (2, 0)]);
    let found = history.candidates(0, &neighbours()).to_vec();
    assert!((find(&found, 1).features[NEIGHBOURS] - 0.5f32.ln_1p()).abs() < 1e-6);
    assert!(find(&found, 0).excluded && find(&found, 2).excluded && !find(&found, 1).excluded);
    // Each event is a group: item 0 lies two groups back.
    assert!((find(&found, 0).features[RECENCY] - 0.25f32.ln_1p()).abs() < 1e-6);
}

#[test]
fn an_unknown_item_changes_nothing() {
    for has_group in [true, false] {
        let context = if has_group { Context::OpenGroup } else { Context::LastEvents };
        let mut history = History::new(rules(has_group, FilterSeen::None, context));
        observe(&mut history, &[(0, 0), (2, 0)]);
        let before = (history.candidates(0, &neighbours()).to_vec(), history.open_size(0));
        observe(&mut history, &[(UNKNOWN_ITEM, 0), (UNKNOWN_ITEM, 1)]);
        assert_eq!((history.candidates(0, &neighbours()).to_vec(), history.open_size(0)), before);
    }
}

#[test]
fn an_item_is_once_in_its_groups_context() {
    let mut history = History::new(rules(true, FilterSeen::None, Context::OpenGroup));
    observe(&mut history, &[(0, 0), (2, 0), (0, 0)]);
    let found = history.candidates(0, &neighbours()).to_vec();
    assert!((find(&found, 3).features[NEIGHBOURS] - 0.2f32.ln_1p()).abs() < 1e-6);
    assert_eq!(history.open_size(0), 3);
}

#[test]
fn reset_forgets_all() {
    let mut history = History::new(rules(true, FilterSeen::Group, Context::OpenGroup));
    observe(&mut history, &[(0, 0), (2, 0)]);
    history.candidates(0, &neighbours());
    history.reset();
    assert!(history.candidates(0, &neighbours()).is_empty());
    assert_eq!(history.open_size(0), 0);
}

#[test]
fn buckets_cover_the_table() {
    assert_eq!(bucket(&LAST_STARTS, 0), 0);
    assert_eq!(bucket(&LAST_STARTS, u32::MAX), REPEAT_LASTS - 1);
    assert_eq!(bucket(&COUNT_STARTS, 1), 0);
    assert_eq!(bucket(&COUNT_STARTS, u32::MAX), REPEAT_COUNTS - 1);
}
