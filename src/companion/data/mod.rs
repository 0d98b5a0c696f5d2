//! From a site's log to sequences of events: read, clean, put in order, split, encode.

mod clean;
mod dataset;
mod encode;
mod init;
mod order;
mod read;
mod report;
mod side;
mod split;
mod table;
mod time;

pub use dataset::{Dataset, ItemTable, Part, Sequences};
pub use init::guess;
pub use read::{Cell, Row, Source};
pub use report::{CleaningReport, Rule, grouped};

use crate::companion::config::{Config, Moment};
use crate::event::NO_TIME;
use crate::schema::{Schema, Task};
use crate::vocab::{ItemId, UNKNOWN_ITEM, Vocab};
use anyhow::{Result, bail, ensure};
use clean::Cleaned;
use std::collections::HashSet;
use table::Table;

/// Every item met is a candidate at each later event: in a sequence of 60,000 events of 6,000 items training is slower by
/// a factor of 13 for it.
const LONG_SEQUENCE: usize = 10_000;

/// Reads the log that a foreclick.toml describes.
///
/// # Errors
/// Names the file, the place in it or the key in foreclick.toml, what was expected, what was found and the fix.
pub fn load(config: &Config) -> Result<(Dataset, CleaningReport)> {
    read_log(config, None)
}

/// Reads another log of the same schema, to measure on it what was `learned` from the first: items, field values and
/// statistics are those of `learned`. No item is dropped for being rare; one that `learned` does not have is
/// [`UNKNOWN_ITEM`]. Any part may be empty.
///
/// # Errors
/// As [`load`], and when the log has none of the items.
pub fn load_like(config: &Config, learned: &Dataset) -> Result<(Dataset, CleaningReport)> {
    read_log(config, Some(learned))
}

fn read_log(config: &Config, learned: Option<&Dataset>) -> Result<(Dataset, CleaningReport)> {
    config.validate()?;
    let sides = side::read(&config.sides)?;
    let source = Source::of_log(&config.log)?;
    let table = table::read(config, &source, &sides)?;
    let cleaned = clean::clean(config, &table, learned.is_some());

    let mut report = CleaningReport {
        files: source.files.iter().map(|path| path.display().to_string()).collect(),
        rows_read: table.rows as u64 + table.broken,
        rows_kept: cleaned.events.len() as u64,
        rules: cleaned.rules.clone(),
        notes: cleaned.notes.clone(),
        sequences: cleaned.keys.len(),
        ..CleaningReport::default()
    };
    if report.rows_read == 0 {
        bail!("the log is empty: {}", report.files.join(", "));
    }
    if cleaned.events.is_empty() {
        bail!("no event is left after cleaning; loosen the rule that dropped most:\n{report}");
    }

    let parts = split::parts(&config.split, &cleaned.events, &cleaned.offsets);
    let (schema, vocab) = match learned {
        Some(learned) => (learned.schema.clone(), learned.vocab.clone()),
        None => {
            let vocab = vocab(&table, &cleaned, &report)?;
            split::check(&config.split, &parts)?;
            (schema(config, &table, &cleaned, &parts)?, vocab)
        }
    };
    let items = items(&table, &cleaned, &vocab);
    let codes = encode::codes(&schema.fields, &table.fields, &cleaned.events)?;
    let (item_table, unknown) = side::item_table(&sides, &vocab);
    let times: Vec<i64> = cleaned.events.iter().map(|event| table.time(event.row as usize)).collect();
    let (groups, group_count) = groups(&table, &cleaned);

    if config.sides.iter().any(|side| side.on.is_none()) {
        let detail = "items in no side table: shown by their key".to_owned();
        report.notes.push(Rule { name: "undescribed items".into(), rows: unknown as u64, detail });
    }
    if learned.is_some() {
        let unknown = items.iter().filter(|&&item| item == UNKNOWN_ITEM).count();
        ensure!(unknown < items.len(), "the log has none of the model's items; is [item] column the right one?");
        let detail = "events of items that the model does not know: no history, and missed as targets".to_owned();
        report.notes.push(Rule { name: "unknown items".into(), rows: unknown as u64, detail });
    }
    if let Some(lost) = source.lost_event()? {
        report.notes.push(Rule { name: "no header".into(), rows: 1, detail: lost });
    }
    let longest = cleaned.offsets.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(0);
    if longest > LONG_SEQUENCE {
        let detail = "events of the longest sequence; an epoch's time grows with their square: cut it with [sequence] \
                      idle_gap or another key";
        report.notes.push(Rule { name: "long sequence".into(), rows: longest as u64, detail: detail.into() });
    }
    report.items = items.iter().filter(|&&item| item != UNKNOWN_ITEM).collect::<HashSet<_>>().len();
    report.groups = table.groups.as_ref().map(|_| group_count);
    let moment = |time: Option<&i64>| {
        time.filter(|&&time| time != NO_TIME).map(|&milliseconds| Moment { milliseconds }.to_string())
    };
    report.first_time = moment(times.iter().min());
    report.last_time = moment(times.iter().max());
    let count = |part| parts.iter().filter(|&&other| other == part).count();
    (report.train_events, report.validation_events) = (count(Part::Train), count(Part::Validation));
    report.test_events = count(Part::Test);

    let Cleaned { events: _, offsets, keys, rules: _, notes: _ } = cleaned;
    let sequences = Sequences { keys, offsets, items, times, groups, fields: codes, parts };
    Ok((Dataset { schema, vocab, sequences, split: config.split.kind, item_table }, report))
}

/// What an event of this log is.
fn schema(config: &Config, table: &Table, cleaned: &Cleaned, parts: &[Part]) -> Result<Schema> {
    let schema = Schema {
        has_time: table.times.is_some(),
        has_group: table.groups.is_some(),
        filter_seen: config.evaluate.filter_seen,
        fields: encode::fields(&config.fields, &table.fields, &cleaned.events, parts),
        tasks: vec![Task::NextItem],
    };
    schema.validate()?;
    Ok(schema)
}

/// The items that are left.
fn vocab(table: &Table, cleaned: &Cleaned, report: &CleaningReport) -> Result<Vocab> {
    let mut used = vec![false; table.items.names.len()];
    cleaned.events.iter().for_each(|event| used[table.items.ids[event.row as usize] as usize] = true);
    let vocab = Vocab::from_keys(table.items.names.iter().zip(used).filter(|(_, used)| *used).map(|(name, _)| name))?;
    ensure!(
        vocab.len() > 1,
        "one item only, {:?}: there is nothing to rank; is [item] column the right one, min_count too high?\n{report}",
        vocab.key(0).unwrap_or_default()
    );
    Ok(vocab)
}

/// Each event's item, or [`UNKNOWN_ITEM`].
fn items(table: &Table, cleaned: &Cleaned, vocab: &Vocab) -> Vec<ItemId> {
    let ids: Vec<ItemId> = table.items.names.iter().map(|name| vocab.id(name).unwrap_or(UNKNOWN_ITEM)).collect();
    cleaned.events.iter().map(|event| ids[table.items.ids[event.row as usize] as usize]).collect()
}

/// Each event's group, numbered from 0 in its sequence, and how many groups there are.
fn groups(table: &Table, cleaned: &Cleaned) -> (Vec<u32>, usize) {
    let Some(groups) = &table.groups else { return (vec![0; cleaned.events.len()], 0) };
    let (mut numbers, mut count) = (Vec::with_capacity(cleaned.events.len()), 0);
    for sequence in cleaned.offsets.windows(2) {
        let ids = cleaned.events[sequence[0]..sequence[1]].iter().map(|event| groups.ids[event.row as usize]);
        let (mut number, mut last) = (0, None);
        for id in ids {
            number += u32::from(last.is_some_and(|last| last != id));
            last = Some(id);
            numbers.push(number);
        }
        count += number as usize + 1;
    }
    (numbers, count)
}
