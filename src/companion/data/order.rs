//! The order of events: by sequence, then by time; what happened at one time is shuffled by the seed.

use super::buckets::{Bucket, Bucketed};
use super::clean::Event;
use super::report::Rule;
use super::table::Table;
use rayon::slice::ParallelSliceMut;
use std::collections::HashMap;

/// What the order came to, over all buckets.
#[derive(Debug, Default)]
pub struct Order {
    out_of_order: u64,
    ties: u64,
}

impl Order {
    /// Sorts a bucket's events by sequence key, then by time. A group stays together, where its first event is; groups that
    /// begin at one time follow their keys. Within one time the order is unknown and drawn. Without times the log's order
    /// counts.
    pub fn put(&mut self, events: &mut [Event], log: &Bucketed, bucket: &Bucket) {
        let Bucketed { table, ties, sequence_ranks, group_ranks, buckets: _ } = log;
        let when = |row: u32| if table.times.is_some() { table.time(row as usize) } else { i64::from(row) };
        let sequence = |row: u32| sequence_ranks[table.sequences.ids[row as usize] as usize];
        let group = |row: u32| table.groups.as_ref().map_or(0, |groups| group_ranks[groups.ids[row as usize] as usize]);
        if table.times.is_some() {
            self.out_of_order += out_of_order(events, bucket, sequence, when);
        }
        begin(events, table, when);
        events.par_sort_unstable_by_key(|&Event { row, begun, is_repeat: _ }| {
            (sequence(row), begun, group(row), when(row), ties[row as usize], row)
        });

        if table.times.is_some() {
            let once = || events.iter().filter(|event| !event.is_repeat);
            let moment = |event: &Event| (sequence(event.row), event.begun, when(event.row));
            self.ties += once().zip(once().skip(1)).filter(|(a, b)| moment(a) == moment(b)).count() as u64;
        }
    }

    /// What the report says of it; nothing where there are no times.
    pub fn notes(&self, table: &Table, seed: u64) -> Vec<Rule> {
        let Self { out_of_order, ties } = *self;
        if table.times.is_none() {
            return vec![];
        }
        let sorted = "earlier than a row before them in the log: sorted".into();
        let drawn = format!("events at the time of the one before: order drawn by seed {seed}");
        vec![
            Rule { name: "out of order".into(), rows: out_of_order, detail: sorted },
            Rule { name: "ties".into(), rows: ties, detail: drawn },
        ]
    }
}

/// Sets when each event's group began.
fn begin(events: &mut [Event], table: &Table, when: impl Fn(u32) -> i64) {
    let Some(groups) = &table.groups else {
        return events.iter_mut().for_each(|event| event.begun = when(event.row));
    };
    let group = |event: &Event| (table.sequences.ids[event.row as usize], groups.ids[event.row as usize]);
    let mut first: HashMap<(u32, u32), i64> = HashMap::new();
    for event in events.iter().filter(|event| !event.is_repeat) {
        let time = when(event.row);
        first.entry(group(event)).and_modify(|begun| *begun = time.min(*begun)).or_insert(time);
    }
    events.iter_mut().for_each(|event| event.begun = first[&group(event)]);
}

/// How many events are earlier than one of their sequence before them in the log.
fn out_of_order(events: &[Event], bucket: &Bucket, sequence: impl Fn(u32) -> u32, when: impl Fn(u32) -> i64) -> u64 {
    let mut last = vec![i64::MIN; bucket.ranks.len()];
    let mut rows = 0;
    for &Event { row, .. } in events.iter().filter(|event| !event.is_repeat) {
        let last = &mut last[(sequence(row) - bucket.ranks.start) as usize];
        rows += u64::from(when(row) < *last);
        *last = (*last).max(when(row));
    }
    rows
}
