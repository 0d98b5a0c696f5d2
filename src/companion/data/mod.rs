//! From a site's log to sequences of events: read, clean, put in order, split, encode.

mod buckets;
mod calendar;
mod clean;
mod column;
mod dataset;
mod encode;
mod features;
mod init;
mod interpolate;
mod label_places;
mod labels;
mod names;
mod order;
mod read;
mod report;
mod side;
mod split;
mod table;
#[cfg(test)]
mod tests;
mod time;
mod vectors;

pub use column::{Column, TextColumn};
pub use dataset::{Dataset, ItemTable, Part, Sequences};
pub use features::ItemFeatures;
pub use init::guess;
pub use read::{Cell, Row, Source};
pub use report::{CleaningReport, Rule, grouped};
pub use split::hash;

use crate::companion::config::{Config, Moment};
use crate::event::NO_TIME;
use crate::schema::{Head, Schema, Task};
use crate::vocab::{ItemId, UNKNOWN_ITEM, Vocab};
use anyhow::{Result, bail, ensure};
use buckets::Bucketed;
use clean::Cleaned;
use column::{Spool, Store};
use label_places::LabelPlaces;
use labels::Labelled;
use std::collections::HashSet;
use table::Table;

/// Every item met is a candidate at each later event: in a sequence of 60,000 events of 6,000 items training is slower by
/// a factor of 13 for it.
const LONG_SEQUENCE: u64 = 10_000;

/// Reads the log that a foreclick.toml describes.
///
/// # Errors
/// Names the file, the place in it or the key in foreclick.toml, what was expected, what was found and the fix.
pub fn load(config: &Config) -> Result<(Dataset, CleaningReport)> {
    read_log(config, None, &Store::default())
}

/// Reads another log of the same schema, to measure on it what was `learned` from the first: items, field values and
/// statistics are those of `learned`. No item is dropped for being rare; one that `learned` does not have is
/// [`UNKNOWN_ITEM`]. Any part may be empty.
///
/// # Errors
/// As [`load`], and when the log has none of the items.
pub fn load_like(config: &Config, learned: &Dataset) -> Result<(Dataset, CleaningReport)> {
    read_log(config, Some(learned), &Store::default())
}

fn read_log(config: &Config, learned: Option<&Dataset>, store: &Store) -> Result<(Dataset, CleaningReport)> {
    config.validate()?;
    let sides = side::read(&config.sides)?;
    let source = Source::of_log(&config.log)?;
    let table = table::read(config, &source, &sides, learned.is_some(), store)?;
    let log = Bucketed::of(table, config.split.seed, config.privacy.dp, store)?;
    let kept = config.fine_tune.kept()?;
    let mut new: HashSet<&str> = kept.items.iter().map(String::as_str).collect();
    if config.item.include_new {
        new.extend(side::described(&sides, &config.item.features));
    }
    let (cleaned, valid) = clean::clean(config, &log, learned.is_some(), &new, store)?;
    let table = log.table;

    let mut report = CleaningReport {
        files: source.files.iter().map(|path| path.display().to_string()).collect(),
        rows_read: table.rows as u64 + table.broken,
        rows_kept: cleaned.rows.len() as u64,
        rules: cleaned.rules.clone(),
        notes: cleaned.notes.clone(),
        sequences: cleaned.keys.len(),
        ..CleaningReport::default()
    };
    if report.rows_read == 0 {
        bail!("the log is empty: {}", report.files.join(", "));
    }
    if cleaned.rows.is_empty() {
        bail!("no event is left after cleaning; loosen the rule that dropped most:\n{report}");
    }

    let parts = split::parts(&config.split, &cleaned, store)?;
    let vocab = match learned {
        Some(learned) => learned.vocab.clone(),
        None => vocab(config, &table, &cleaned, &new, &report)?,
    };
    let items = match &config.item.column {
        Some(_) => items(&table, &cleaned, &vocab, store)?,
        None => Column::collect(store, cleaned.rows.iter().map(|_| 0))?,
    };
    let places = LabelPlaces {
        split: &config.split,
        table: &table,
        valid: &valid,
        cleaned: &cleaned,
        parts: &parts,
        items: &items,
    };
    let labelled = Labelled { config, places };
    let schema = match learned {
        Some(learned) => learned.schema.clone(),
        None => {
            split::check(&config.split, &parts)?;
            let mut schema = schema(config, &labelled)?;
            kept.fit(&mut schema.fields);
            schema
        }
    };
    let labels = labelled.labels(&schema.heads, store, &mut report.notes)?;
    drop(valid);
    report.notes.extend(table.notes_of_lacking(&config.tasks));
    if learned.is_none() {
        report.notes.extend(unmeasured(&schema.heads, &labels, &parts));
    }
    let codes = encode::codes(config, &schema, &table, &cleaned, &parts, &items, store)?;
    report.notes.extend(codes.notes);
    let (item_table, unknown) = side::item_table(&sides, &vocab);
    let times = Column::collect(store, cleaned.rows.iter().map(|&row| table.time(row as usize)))?;
    let (groups, group_count) = groups(&table, &cleaned, store)?;

    report.notes.extend(sides.iter().flat_map(|side| side.notes.clone()));
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
        report.notes.push(Rule { name: "long sequence".into(), rows: longest, detail: detail.into() });
    }
    let mut is_met = vec![false; vocab.len()];
    items.iter().filter(|&&item| item != UNKNOWN_ITEM).for_each(|&item| is_met[item as usize] = true);
    report.items = is_met.into_iter().filter(|&is_met| is_met).count();
    report.groups = table.groups.as_ref().map(|_| group_count);
    let moment = |time: Option<&i64>| {
        time.filter(|&&time| time != NO_TIME).map(|&milliseconds| Moment { milliseconds }.to_string())
    };
    report.first_time = moment(times.iter().min());
    report.last_time = moment(times.iter().max());
    let count = |part| parts.iter().filter(|&&other| other == part).count();
    (report.train_events, report.validation_events) = (count(Part::Train), count(Part::Validation));
    report.test_events = count(Part::Test);
    let held_out = count(Part::HeldOut);
    if held_out > 0 {
        let detail = "events that are history and nothing else, by [split] held_out_sequences and max_training_events"
            .to_owned();
        report.notes.push(Rule { name: "held out".into(), rows: held_out as u64, detail });
    }

    let Cleaned { rows: _, begun: _, offsets, keys, rules: _, notes: _ } = cleaned;
    let (fields, field_ends) = (codes.all, codes.ends);
    let sequences = Sequences { keys, offsets, items, times, groups, fields, field_ends, labels, parts };
    let item_features = learned.map(|learned| learned.item_features.clone()).unwrap_or_default();
    let mut dataset = Dataset { schema, vocab, sequences, split: config.split.kind(), item_table, item_features };
    if learned.is_none() {
        describe_items(config, &mut dataset, &mut report);
    }
    Ok((dataset, report))
}

/// Tasks without a label in the test part, told before they train.
fn unmeasured(heads: &[Head], labels: &[f32], parts: &[Part]) -> Vec<Rule> {
    let test = labels.chunks_exact(heads.len().max(1)).zip(parts).filter(|(_, part)| **part == Part::Test);
    let has_label = |place: usize| test.clone().any(|(labels, _)| !labels[place].is_nan());
    let unmeasured = heads.iter().enumerate().filter(|(place, _)| !has_label(*place));
    let note = |(_, head): (usize, &Head)| {
        let detail =
            format!("labels of [[task]] {:?} in the test part: it is learned, and not measured there", head.name);
        Rule { name: "no test labels".into(), rows: 0, detail }
    };
    unmeasured.map(note).collect()
}

/// Turns what side tables say of the items into features that training reads; only training events decide on them.
fn describe_items(config: &Config, dataset: &mut Dataset, report: &mut CleaningReport) {
    let counts = dataset.training_counts();
    let (features, notes) = ItemFeatures::of(&config.item.features, &dataset.item_table, &counts);
    dataset.item_features = features;
    report.notes.extend(notes);
    if config.item.include_new {
        let detail = "items without an event, known by their features alone".to_owned();
        let new = (dataset.vocab.len() - report.items) as u64;
        report.notes.push(Rule { name: "new items".into(), rows: new, detail });
    }
}

/// What an event of this log is.
fn schema(config: &Config, labelled: &Labelled<'_>) -> Result<Schema> {
    let LabelPlaces { table, cleaned, parts, .. } = labelled.places;
    let training = cleaned.rows.iter().zip(parts).filter(|(_, part)| **part == Part::Train);
    let times = training.map(|(&row, _)| table.time(row as usize));
    let (hour, weekday) = calendar::parts(config.sequence.calendar, times);
    let schema = Schema {
        has_time: table.times.is_some(),
        has_group: table.groups.is_some(),
        hour,
        weekday,
        filter_seen: config.evaluate.filter_seen,
        fields: encode::fields(&config.fields, &table.fields, &cleaned.rows, parts)?,
        tasks: if config.predicts_items() { vec![Task::NextItem] } else { vec![] },
        heads: labelled.heads()?,
    };
    schema.validate()?;
    Ok(schema)
}

/// The items that are left, and the new ones.
fn vocab(
    config: &Config,
    table: &Table,
    cleaned: &Cleaned,
    new: &HashSet<&str>,
    report: &CleaningReport,
) -> Result<Vocab> {
    // What an event without an item is told by, in the page as well.
    if config.item.column.is_none() {
        return Ok(Vocab::from_keys([""])?);
    }
    let mut used = vec![false; table.items.names.len()];
    cleaned.rows.iter().for_each(|&row| used[table.items.ids[row as usize] as usize] = true);
    let used = table.items.names.iter().zip(used).filter(|(_, used)| *used).map(|(name, _)| name);
    let vocab = Vocab::from_keys(used.chain(new.iter().copied()))?;
    ensure!(
        vocab.len() > 1 || !config.predicts_items(),
        "one item only, {:?}: there is nothing to rank; is [item] column the right one, min_count too high?\n{report}",
        vocab.key(0).unwrap_or_default()
    );
    Ok(vocab)
}

/// Each event's item, or [`UNKNOWN_ITEM`].
fn items(table: &Table, cleaned: &Cleaned, vocab: &Vocab, store: &Store) -> Result<Column<ItemId>> {
    let ids: Vec<ItemId> = table.items.names.iter().map(|name| vocab.id(name).unwrap_or(UNKNOWN_ITEM)).collect();
    Column::collect(store, cleaned.rows.iter().map(|&row| ids[table.items.ids[row as usize] as usize]))
}

/// Each event's group, numbered from 0 in its sequence, and how many groups there are.
fn groups(table: &Table, cleaned: &Cleaned, store: &Store) -> Result<(Column<u32>, usize)> {
    let Some(groups) = &table.groups else {
        return Ok((Column::collect(store, cleaned.rows.iter().map(|_| 0))?, 0));
    };
    let (mut numbers, mut count) = (Spool::new(store), 0);
    for sequence in cleaned.offsets.windows(2) {
        let rows = &cleaned.rows[sequence[0] as usize..sequence[1] as usize];
        let (mut number, mut last) = (0, None);
        for id in rows.iter().map(|&row| groups.ids[row as usize]) {
            number += u32::from(last.is_some_and(|last| last != id));
            last = Some(id);
            numbers.push(number)?;
        }
        count += number as usize + 1;
    }
    Ok((numbers.finish()?, count))
}
