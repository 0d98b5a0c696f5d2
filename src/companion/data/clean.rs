//! The cleaning rules. Each says how many rows it dropped, so that nothing disappears silently.

use super::buckets::{Bucket, Bucketed};
use super::column::{Column, Spool, Store, TextColumn, TextSpool};
use super::names::MISSING;
use super::order::Order;
use super::report::Rule;
use super::table::Table;
use crate::companion::config::{Config, Duplicates, SequenceConfig};
use crate::event::NO_TIME;
use anyhow::Result;
use std::collections::{HashMap, HashSet};

const HOUR: i64 = 3_600_000;

/// One row that is still there.
#[derive(Debug, Clone, Copy)]
pub struct Event {
    /// Its row in the table.
    pub row: u32,
    /// When its group began (the event itself, without groups): a time or, without times, a row.
    pub begun: i64,
    /// Whether it is no event, since one like it was there before.
    pub is_repeat: bool,
}

/// All rows that have what an event must have, in order, sequence after sequence: also repeats, rare items and sequences that
/// are too short. What a label says of a group or a sequence, it says of all its rows.
#[derive(Debug)]
pub struct Valid {
    /// Each row in the table: `[valid rows]`. Those of [`Cleaned::rows`] are among them, in the same order.
    pub rows: Column<u32>,
    /// See [`Event::begun`]: `[valid rows]`.
    pub begun: Column<i64>,
    /// See [`Event::is_repeat`]: `[valid rows]`.
    pub repeats: Column<bool>,
    /// Where each sequence ends, dropped ones too: `[sequences of valid rows]`.
    pub ends: Column<u64>,
}

/// What is left, in order, sequence after sequence.
#[derive(Debug)]
pub struct Cleaned {
    /// Each event's row in the table: `[events]`.
    pub rows: Column<u32>,
    /// When each event's group began, see [`Event`]: `[events]`.
    pub begun: Column<i64>,
    /// Where each sequence starts, and the end: `[sequences + 1]`.
    pub offsets: Column<u64>,
    /// Each sequence's key: `[sequences]`.
    pub keys: TextColumn,
    /// The rules in their order.
    pub rules: Vec<Rule>,
    /// What was mended.
    pub notes: Vec<Rule>,
}

/// How many rows each rule dropped, over all buckets, and some of what else it met.
#[derive(Debug, Default)]
struct Dropped {
    no_sequence: u64,
    no_item: u64,
    no_group: u64,
    broken_times: u64,
    too_early: u64,
    duplicates: u64,
    robots: u64,
    robot_keys: u64,
    rare: u64,
    short: u64,
    short_sequences: u64,
}

/// Events that are written one after the other.
struct Events {
    rows: Spool<u32>,
    begun: Spool<i64>,
}

struct Cleaner<'a> {
    config: &'a Config,
    table: &'a Table,
    dropped: Dropped,
}

/// Applies all rules and puts the events in order, bucket by bucket. For a model that is there already, its own items
/// count: none is dropped for being rare in this log; nor is one whose features speak for it. Beside what is left, all that
/// labels are made of.
///
/// # Errors
/// When the disk refuses.
pub fn clean(
    config: &Config,
    log: &Bucketed,
    for_a_model: bool,
    described: &HashSet<&str>,
    store: &Store,
) -> Result<(Cleaned, Valid)> {
    let table = &log.table;
    let mut cleaner = Cleaner { config, table, dropped: Dropped::default() };
    let mut order = Order::default();
    let (mut sorted, mut repeats, mut ends) = (Events::new(store), Spool::new(store), vec![0]);
    let mut counts = vec![0_usize; table.items.names.len()];
    let mut keys_with = vec![0_usize; table.items.names.len()];
    for bucket in &log.buckets {
        let mut events = cleaner.valid(bucket);
        order.put(&mut events, log, bucket);
        cleaner.robots(&mut events);
        let once = events.iter().filter(|event| !event.is_repeat);
        once.for_each(|event| counts[table.items.ids[event.row as usize] as usize] += 1);
        cleaner.items_by_key(&events, |item| keys_with[item as usize] += 1);
        sorted.extend(&events)?;
        repeats.extend(events.iter().map(|event| event.is_repeat))?;
        ends.push(sorted.rows.len());
    }

    // How rare an item is, is known only now.
    let (rows, begun, repeats) = (sorted.rows.finish()?, sorted.begun.finish()?, repeats.finish()?);
    let (min_count, min_sequences) =
        if for_a_model { (0, 0) } else { (config.item.min_count, config.item.min_sequences) };
    let few = counts.iter().zip(&keys_with).zip(table.items.names.iter());
    let is_rare: Vec<bool> = few
        .map(|((&count, &keys), name)| {
            let of_few_keys = min_sequences > 1 && keys < min_sequences;
            count > 0 && (count < min_count || of_few_keys) && !described.contains(name)
        })
        .collect();
    let (mut kept, mut offsets, mut keys) = (Events::new(store), Spool::new(store), TextSpool::new(store));
    let mut sequence_ends = Spool::new(store);
    offsets.push(0)?;
    for bucket in ends.windows(2) {
        let events = (bucket[0]..bucket[1]).map(|place| Event {
            row: rows[place],
            begun: begun[place],
            is_repeat: repeats[place],
        });
        let mut end = bucket[0];
        cleaner.sequences(&events.collect::<Vec<_>>(), &is_rare, |key, all, left| {
            end += all.len();
            sequence_ends.push(end as u64)?;
            if left.is_empty() {
                return Ok(());
            }
            keys.push(key)?;
            kept.extend(left)?;
            offsets.push(kept.rows.len() as u64)
        })?;
    }

    let rare = is_rare.iter().filter(|&&is_rare| is_rare).count();
    let of_few = if min_sequences > 1 { format!(", or of fewer than {min_sequences} keys") } else { String::new() };
    let rare = (!for_a_model).then(|| format!("{rare} items with fewer than {min_count} events{of_few}"));
    let mut notes = order.notes(table, config.split.seed);
    notes.extend(table.notes(&config.fields));
    let cleaned = Cleaned {
        rows: kept.rows.finish()?,
        begun: kept.begun.finish()?,
        offsets: offsets.finish()?,
        keys: keys.finish()?,
        rules: cleaner.dropped.rules(config, table, rare),
        notes,
    };
    Ok((cleaned, Valid { rows, begun, repeats, ends: sequence_ends.finish()? }))
}

impl Events {
    fn new(store: &Store) -> Self {
        Self { rows: Spool::new(store), begun: Spool::new(store) }
    }

    fn extend(&mut self, events: &[Event]) -> Result<()> {
        self.rows.extend(events.iter().map(|event| event.row))?;
        self.begun.extend(events.iter().map(|event| event.begun))
    }
}

/// Keeps the rows that pass, and counts the others; repeats were counted before.
fn keep(events: &mut Vec<Event>, mut passes: impl FnMut(usize) -> bool) -> u64 {
    let mut dropped = 0;
    events.retain(|event| {
        let passes = passes(event.row as usize);
        dropped += u64::from(!passes && !event.is_repeat);
        passes
    });
    dropped
}

impl Cleaner<'_> {
    /// A bucket's rows that have all that an event must have.
    fn valid(&mut self, bucket: &Bucket) -> Vec<Event> {
        let Self { config, table, dropped } = self;
        let rows = bucket.rows.start as u32..bucket.rows.end as u32;
        let mut events: Vec<Event> = rows.map(|row| Event { row, begun: 0, is_repeat: false }).collect();
        dropped.no_sequence += keep(&mut events, |row| table.sequences.ids[row] != MISSING);
        dropped.no_item += keep(&mut events, |row| table.items.ids[row] != MISSING);
        if let Some(groups) = &table.groups {
            dropped.no_group += keep(&mut events, |row| groups.ids[row] != MISSING);
        }
        if table.times.is_some() {
            dropped.broken_times += keep(&mut events, |row| table.time(row) != NO_TIME);
        }
        if let Some(from) = config.split.train_from {
            dropped.too_early += keep(&mut events, |row| table.time(row) >= from.milliseconds);
        }
        if config.log.duplicates == Duplicates::Drop {
            dropped.duplicates += duplicates(&mut events, table);
        }
        events
    }

    /// Hands over each key's items, each once, where it matters how many keys have one.
    fn items_by_key(&self, events: &[Event], mut take: impl FnMut(u32)) {
        if self.config.item.min_sequences < 2 {
            return;
        }
        let Self { table, .. } = self;
        let key = |event: &Event| table.sequences.ids[event.row as usize];
        for events in events.chunk_by(|a, b| key(a) == key(b)) {
            let mut items: Vec<u32> = events.iter().map(|event| table.items.ids[event.row as usize]).collect();
            items.sort_unstable();
            items.dedup();
            items.into_iter().for_each(&mut take);
        }
    }

    /// Drops keys with more events within any hour than a person makes.
    fn robots(&mut self, events: &mut Vec<Event>) {
        let Some(limit) = self.config.sequence.robot_events_per_hour else { return };
        let mut times: HashMap<u32, Vec<i64>> = HashMap::new();
        for event in events.iter().filter(|event| !event.is_repeat) {
            let row = event.row as usize;
            times.entry(self.table.sequences.ids[row]).or_default().push(self.table.time(row));
        }
        let is_robot = |times: &mut Vec<i64>| {
            times.sort_unstable();
            times.windows(limit + 1).any(|window| window[limit] - window[0] < HOUR)
        };
        let robots: HashSet<u32> =
            times.iter_mut().filter_map(|(&key, times)| is_robot(times).then_some(key)).collect();
        self.dropped.robot_keys += robots.len() as u64;
        self.dropped.robots += keep(events, |row| !robots.contains(&self.table.sequences.ids[row]));
    }

    /// Cuts a bucket's ordered rows into sequences and hands each over, with its key and the events that are left of it: none,
    /// where they are all rare or too few.
    fn sequences(
        &mut self,
        rows: &[Event],
        is_rare: &[bool],
        mut take: impl FnMut(&str, &[Event], &[Event]) -> Result<()>,
    ) -> Result<()> {
        let Self { config: Config { sequence: config, .. }, table, dropped } = self;
        let key = |event: &Event| table.sequences.ids[event.row as usize];
        let (mut last_key, mut piece) = (MISSING, 0);
        for rows in rows.chunk_by(|before, after| {
            key(before) == key(after)
                && !config.idle_gap.is_some_and(|gap| table.pauses(before, after, gap.milliseconds))
        }) {
            piece = if key(&rows[0]) == last_key { piece + 1 } else { 1 };
            last_key = key(&rows[0]);
            let mut events: Vec<Event> = rows.iter().copied().filter(|event| !event.is_repeat).collect();
            dropped.rare += keep(&mut events, |row| !is_rare[table.items.ids[row] as usize]);
            if !events.is_empty() && events.len() < config.min_length && !config.each_row {
                dropped.short += events.len() as u64;
                dropped.short_sequences += 1;
                events.clear();
            }
            let name = table.sequences.names.get(last_key);
            match config.idle_gap {
                Some(_) => take(&format!("{name}#{piece}"), rows, &events)?,
                None => take(name, rows, &events)?,
            }
        }
        Ok(())
    }
}

/// Marks all but the first of equal rows and says how many. Without groups and times a repeat is behaviour, not a slip.
fn duplicates(events: &mut [Event], table: &Table) -> u64 {
    match (&table.groups, &table.times) {
        (Some(groups), _) => {
            let mut seen = HashSet::new();
            mark(events, |row| seen.insert((table.sequences.ids[row], groups.ids[row], table.items.ids[row])))
        }
        (None, Some(times)) => {
            let mut seen = HashSet::new();
            mark(events, |row| {
                let fields: Box<[u32]> = table.fields.iter().map(|field| field.bits(row)).collect();
                seen.insert((table.sequences.ids[row], table.items.ids[row], times[row], fields))
            })
        }
        (None, None) => 0,
    }
}

/// Marks the rows that are not new, and counts them.
fn mark(events: &mut [Event], mut is_new: impl FnMut(usize) -> bool) -> u64 {
    events.iter_mut().for_each(|event| event.is_repeat = !is_new(event.row as usize));
    events.iter().filter(|event| event.is_repeat).count() as u64
}

impl Dropped {
    /// The rules in the order in which they are applied; `rare` says what rare items are, if they are dropped.
    fn rules(&self, config: &Config, table: &Table, rare: Option<String>) -> Vec<Rule> {
        let SequenceConfig {
            key,
            each_row: _,
            time,
            time_unit,
            calendar: _,
            group,
            idle_gap: _,
            min_length,
            robot_events_per_hour,
        } = &config.sequence;
        let found = table.first_broken.as_ref().map_or(String::new(), |first| format!("; the first: {first}"));
        let empty = |column: &String| format!("column {column:?} is empty");
        let duplicates = match (config.log.duplicates, &table.groups, &table.times) {
            (Duplicates::Keep, ..) => "off: duplicates = \"keep\"",
            (Duplicates::Drop, Some(_), _) => "the item comes again in its group",
            (Duplicates::Drop, None, Some(_)) => "equal in sequence, item, time and fields",
            (Duplicates::Drop, None, None) => "off: a log without times and groups",
        };
        let robots = robot_events_per_hour.map_or("off: set [sequence] robot_events_per_hour".into(), |limit| {
            format!("{} keys with more than {limit} events within an hour", self.robot_keys)
        });
        let short = format!("{} with fewer than {min_length} events", self.short_sequences);
        let rules = [
            ("unreadable rows", table.broken, Some(format!("no row of this log's format{found}"))),
            ("no sequence key", self.no_sequence, key.as_ref().map(empty)),
            ("no item", self.no_item, Some("the item's column is empty".into())),
            ("no group", self.no_group, group.as_ref().map(empty)),
            (
                "broken times",
                self.broken_times,
                time.as_ref().map(|time| format!("column {time:?} holds no time (time_unit = \"{time_unit}\")")),
            ),
            ("too early", self.too_early, config.split.train_from.map(|from| format!("before train_from, {from}"))),
            ("duplicates", self.duplicates, Some(duplicates.into())),
            ("robots", self.robots, Some(robots)),
            ("rare items", self.rare, Some(rare.unwrap_or("off: the model's items count".into()))),
            ("short sequences", self.short, Some(short)),
        ];
        let rule =
            |(name, rows, detail): (&str, u64, Option<String>)| Some(Rule { name: name.into(), rows, detail: detail? });
        rules.into_iter().filter_map(rule).collect()
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
