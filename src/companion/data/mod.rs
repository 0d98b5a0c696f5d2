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
pub use report::{CleaningReport, Rule, grouped};

use crate::companion::config::{Config, Moment};
use crate::event::NO_TIME;
use crate::schema::{Schema, Task};
use crate::vocab::Vocab;
use anyhow::{Result, bail, ensure};
use clean::Cleaned;
use read::Source;
use table::Table;

/// Reads the log that a foreclick.toml describes.
///
/// # Errors
/// Names the file, the place in it or the key in foreclick.toml, what was expected, what was found and the fix.
pub fn load(config: &Config) -> Result<(Dataset, CleaningReport)> {
    config.validate()?;
    let sides = side::read(&config.sides)?;
    let source = Source::of_log(&config.log)?;
    let table = table::read(config, &source, &sides)?;
    let cleaned = clean::clean(config, &table);

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

    let (vocab, items) = items(&table, &cleaned)?;
    ensure!(
        vocab.len() > 1,
        "one item only, {:?}: there is nothing to rank; is [item] column the right one, min_count too high?\n{report}",
        vocab.key(0).unwrap_or_default()
    );
    let parts = split::parts(&config.split, &cleaned.events, &cleaned.offsets)?;
    let (fields, codes) = encode::fields(&config.fields, &table.fields, &cleaned.events, &parts);
    let schema = Schema {
        has_time: table.times.is_some(),
        has_group: table.groups.is_some(),
        filter_seen: config.evaluate.filter_seen,
        fields,
        tasks: vec![Task::NextItem],
    };
    schema.validate()?;
    let (item_table, unknown) = side::item_table(&sides, &vocab);
    let times: Vec<i64> = cleaned.events.iter().map(|event| table.time(event.row as usize)).collect();
    let (groups, group_count) = groups(&table, &cleaned);

    if config.sides.iter().any(|side| side.on.is_none()) {
        let detail = "items in no side table: shown by their key".to_owned();
        report.notes.push(Rule { name: "undescribed items".into(), rows: unknown as u64, detail });
    }
    report.items = vocab.len();
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
    Ok((Dataset { schema, vocab, sequences, item_table }, report))
}

/// The items that are left, and each event's.
fn items(table: &Table, cleaned: &Cleaned) -> Result<(Vocab, Vec<u32>)> {
    let old = |event: &clean::Event| table.items.ids[event.row as usize];
    let mut used = vec![false; table.items.names.len()];
    cleaned.events.iter().for_each(|event| used[old(event) as usize] = true);
    let mut order: Vec<usize> = (0..used.len()).filter(|&id| used[id]).collect();
    order.sort_unstable_by_key(|&id| &table.items.names[id]);
    let vocab = Vocab::from_keys(order.iter().map(|&id| &table.items.names[id]))?;
    let mut new = vec![0; used.len()];
    order.iter().enumerate().for_each(|(rank, &id)| new[id] = rank as u32);
    Ok((vocab, cleaned.events.iter().map(|event| new[old(event) as usize]).collect()))
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
