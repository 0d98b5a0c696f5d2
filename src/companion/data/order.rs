//! The order of events: by sequence, then by time; what happened at one time is shuffled by the seed.

use super::clean::Event;
use super::report::Rule;
use super::table::Table;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use rayon::slice::ParallelSliceMut;
use std::collections::HashMap;

/// Sorts events by sequence key, then by time. A group stays together, where its first event is; groups that begin
/// at one time follow their keys. Within one time the order is unknown and drawn. Without times the log's order counts.
pub fn put(events: &mut [Event], table: &Table, seed: u64) -> Vec<Rule> {
    let mut notes = vec![];
    if table.times.is_some() {
        notes.push(out_of_order(events, table));
    }
    let when = |row: u32| if table.times.is_some() { table.time(row as usize) } else { i64::from(row) };
    begin(events, table, when);

    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let ties: Vec<u32> = (0..table.rows).map(|_| random.next_u32()).collect();
    let sequence_ranks = table.sequences.ranks();
    let group_ranks = table.groups.as_ref().map(|groups| (groups.ranks(), &groups.ids));
    let sequence = |row: u32| sequence_ranks[table.sequences.ids[row as usize] as usize];
    let group = |row: u32| group_ranks.as_ref().map_or(0, |(ranks, ids)| ranks[ids[row as usize] as usize]);
    events.par_sort_unstable_by_key(|&Event { row, begun }| {
        (sequence(row), begun, group(row), when(row), ties[row as usize], row)
    });

    let tied = |pair: &&[Event]| {
        let (before, after) = (pair[0], pair[1]);
        (sequence(before.row), before.begun, when(before.row)) == (sequence(after.row), after.begun, when(after.row))
    };
    if table.times.is_some() {
        let ties = events.windows(2).filter(tied).count() as u64;
        let detail = format!("events at the time of the one before: order drawn by seed {seed}");
        notes.push(Rule { name: "ties".into(), rows: ties, detail });
    }
    notes
}

/// Sets when each event's group began.
fn begin(events: &mut [Event], table: &Table, when: impl Fn(u32) -> i64) {
    let Some(groups) = &table.groups else {
        return events.iter_mut().for_each(|event| event.begun = when(event.row));
    };
    let group = |event: &Event| (table.sequences.ids[event.row as usize], groups.ids[event.row as usize]);
    let mut first: HashMap<(u32, u32), i64> = HashMap::new();
    for event in &*events {
        let time = when(event.row);
        first.entry(group(event)).and_modify(|begun| *begun = time.min(*begun)).or_insert(time);
    }
    events.iter_mut().for_each(|event| event.begun = first[&group(event)]);
}

fn out_of_order(events: &[Event], table: &Table) -> Rule {
    let mut last: Vec<i64> = vec![i64::MIN; table.sequences.names.len()];
    let mut rows = 0;
    for event in events {
        let (row, key) = (event.row as usize, table.sequences.ids[event.row as usize]);
        let last = &mut last[key as usize];
        rows += u64::from(table.time(row) < *last);
        *last = (*last).max(table.time(row));
    }
    Rule { name: "out of order".into(), rows, detail: "earlier than a row before them in the log: sorted".into() }
}
