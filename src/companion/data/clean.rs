//! The cleaning rules. Each says how many rows it dropped, so that nothing disappears silently.

use super::order;
use super::report::Rule;
use super::table::{MISSING, Table};
use crate::companion::config::{Config, Duplicates, SequenceConfig};
use crate::event::NO_TIME;
use std::collections::{HashMap, HashSet};

const HOUR: i64 = 3_600_000;

/// One row that is still there.
#[derive(Debug, Clone, Copy)]
pub struct Event {
    /// Its row in the table.
    pub row: u32,
    /// When its group began (the event itself, without groups): a time or, without times, a row.
    pub begun: i64,
}

/// What is left, in order.
#[derive(Debug)]
pub struct Cleaned {
    /// The events, sequence after sequence.
    pub events: Vec<Event>,
    /// Where each sequence starts, and the end: `[sequences + 1]`.
    pub offsets: Vec<usize>,
    /// Each sequence's key: `[sequences]`.
    pub keys: Vec<String>,
    /// The rules in their order.
    pub rules: Vec<Rule>,
    /// What was mended.
    pub notes: Vec<Rule>,
}

struct Cleaner<'a> {
    table: &'a Table,
    events: Vec<Event>,
    rules: Vec<Rule>,
}

/// Applies all rules and puts the events in order. For a model that is there already, its own items count: none is
/// dropped for being rare in this log; nor is one whose features speak for it.
pub fn clean(config: &Config, table: &Table, for_a_model: bool, described: &HashSet<&str>) -> Cleaned {
    let rows = 0..table.rows as u32;
    let mut cleaner = Cleaner { table, events: rows.map(|row| Event { row, begun: 0 }).collect(), rules: vec![] };
    let found = table.first_broken.as_ref().map_or(String::new(), |first| format!("; the first: {first}"));
    cleaner.note("unreadable rows", table.broken, format!("no row of this log's format{found}"));
    cleaner.rows_without_keys(&config.sequence);
    cleaner.rows_outside_time(config);
    cleaner.duplicates(config.log.duplicates);
    let mut notes = order::put(&mut cleaner.events, table, config.split.seed);
    notes.extend(table.notes(&config.fields));
    cleaner.robots(config.sequence.robot_events_per_hour);
    if for_a_model {
        cleaner.note("rare items", 0, "off: the model's items count".into());
    } else {
        cleaner.rare_items(config.item.min_count, described);
    }
    let (offsets, keys) = cleaner.sequences(&config.sequence);
    Cleaned { events: cleaner.events, offsets, keys, rules: cleaner.rules, notes }
}

impl Cleaner<'_> {
    fn note(&mut self, name: &str, rows: u64, detail: String) {
        self.rules.push(Rule { name: name.to_owned(), rows, detail });
    }

    /// Keeps what a rule keeps, and counts the rest.
    fn keep(&mut self, name: &str, detail: String, mut keeps: impl FnMut(&Table, usize) -> bool) {
        let before = self.events.len();
        self.events.retain(|event| keeps(self.table, event.row as usize));
        self.note(name, (before - self.events.len()) as u64, detail);
    }

    fn rows_without_keys(&mut self, config: &SequenceConfig) {
        if let Some(key) = &config.key {
            let detail = format!("column {key:?} is empty");
            self.keep("no sequence key", detail, |table, row| table.sequences.ids[row] != MISSING);
        }
        self.keep("no item", "the item's column is empty".into(), |table, row| table.items.ids[row] != MISSING);
        if let Some(group) = &config.group {
            let detail = format!("column {group:?} is empty");
            self.keep("no group", detail, |table, row| {
                table.groups.as_ref().is_none_or(|groups| groups.ids[row] != MISSING)
            });
        }
    }

    fn rows_outside_time(&mut self, config: &Config) {
        if let Some(time) = &config.sequence.time {
            let detail = format!("column {time:?} holds no time (time_unit = \"{}\")", config.sequence.time_unit);
            self.keep("broken times", detail, |table, row| table.time(row) != NO_TIME);
        }
        if let Some(from) = config.split.train_from {
            let detail = format!("before train_from, {from}");
            self.keep("too early", detail, |table, row| table.time(row) >= from.milliseconds);
        }
    }

    /// The first of equal rows stays. Without groups and times a repeat is behaviour, not a slip.
    fn duplicates(&mut self, choice: Duplicates) {
        let name = "duplicates";
        match (choice, &self.table.groups, &self.table.times) {
            (Duplicates::Keep, ..) => self.note(name, 0, "off: duplicates = \"keep\"".into()),
            (Duplicates::Drop, Some(groups), _) => {
                let mut seen = HashSet::new();
                self.keep(name, "the item comes again in its group".into(), |table, row| {
                    seen.insert((table.sequences.ids[row], groups.ids[row], table.items.ids[row]))
                });
            }
            (Duplicates::Drop, None, Some(times)) => {
                let mut seen = HashSet::new();
                self.keep(name, "equal in sequence, item, time and fields".into(), |table, row| {
                    let fields: Box<[u32]> = table.fields.iter().map(|field| field.bits(row)).collect();
                    seen.insert((table.sequences.ids[row], table.items.ids[row], times[row], fields))
                });
            }
            (Duplicates::Drop, None, None) => self.note(name, 0, "off: a log without times and groups".into()),
        }
    }

    /// Drops keys with more events within any hour than a person makes.
    fn robots(&mut self, limit: Option<usize>) {
        let Some(limit) = limit else {
            return self.note("robots", 0, "off: set [sequence] robot_events_per_hour".into());
        };
        let mut times: HashMap<u32, Vec<i64>> = HashMap::new();
        for event in &self.events {
            let row = event.row as usize;
            times.entry(self.table.sequences.ids[row]).or_default().push(self.table.time(row));
        }
        let is_robot = |times: &mut Vec<i64>| {
            times.sort_unstable();
            times.windows(limit + 1).any(|window| window[limit] - window[0] < HOUR)
        };
        let robots: HashSet<u32> =
            times.iter_mut().filter_map(|(&key, times)| is_robot(times).then_some(key)).collect();
        let detail = format!("{} keys with more than {limit} events within an hour", robots.len());
        self.keep("robots", detail, |table, row| !robots.contains(&table.sequences.ids[row]));
    }

    fn rare_items(&mut self, min_count: usize, described: &HashSet<&str>) {
        let mut counts = vec![0_usize; self.table.items.names.len()];
        self.events.iter().for_each(|event| counts[self.table.items.ids[event.row as usize] as usize] += 1);
        let names = &self.table.items.names;
        let is_rare: Vec<bool> = counts
            .iter()
            .zip(names)
            .map(|(&count, name)| count > 0 && count < min_count && !described.contains(name.as_str()))
            .collect();
        let rare = is_rare.iter().filter(|&&is_rare| is_rare).count();
        let detail = format!("{rare} items with fewer than {min_count} events");
        self.keep("rare items", detail, |table, row| !is_rare[table.items.ids[row] as usize]);
    }

    /// Cuts the ordered events into sequences and drops the short ones; returns offsets and keys.
    fn sequences(&mut self, config: &SequenceConfig) -> (Vec<usize>, Vec<String>) {
        let table = self.table;
        let key = |event: &Event| table.sequences.ids[event.row as usize];
        let (mut offsets, mut keys) = (vec![0], vec![]);
        let (mut kept, mut dropped, mut short) = (Vec::with_capacity(self.events.len()), 0, 0);
        let (mut last_key, mut piece) = (MISSING, 0);
        for events in self.events.chunk_by(|before, after| {
            key(before) == key(after)
                && !config.idle_gap.is_some_and(|gap| table.pauses(before, after, gap.milliseconds))
        }) {
            piece = if key(&events[0]) == last_key { piece + 1 } else { 1 };
            last_key = key(&events[0]);
            if events.len() < config.min_length {
                dropped += events.len() as u64;
                short += 1;
                continue;
            }
            let name = &table.sequences.names[last_key as usize];
            keys.push(if config.idle_gap.is_some() { format!("{name}#{piece}") } else { name.clone() });
            kept.extend_from_slice(events);
            offsets.push(kept.len());
        }
        self.events = kept;
        self.note("short sequences", dropped, format!("{short} with fewer than {} events", config.min_length));
        (offsets, keys)
    }
}

impl Table {
    /// Whether there is a long pause between two events; never within a group.
    fn pauses(&self, before: &Event, after: &Event, gap: i64) -> bool {
        let (before, after) = (before.row as usize, after.row as usize);
        let same_group = self.groups.as_ref().is_some_and(|groups| groups.ids[before] == groups.ids[after]);
        !same_group && self.time(after) - self.time(before) > gap
    }
}
