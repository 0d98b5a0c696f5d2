//! A first foreclick.toml for a log: each guess with its reason, for people to correct.

mod choose;
mod sample;
mod write;

use super::column::{Column, Store};
use super::names::MISSING;
use super::read::{Cell, Format, Row, Source, events};
use super::time::TimeColumn;
use crate::companion::config::{Config, LogConfig, LogPath, Moment, TimeUnit};
use crate::event::NO_TIME;
use crate::schema::FilterSeen;
use anyhow::{Context, Result, bail, ensure};
use choose::{FieldGuess, Guess};
use sample::Sample;
use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;
use std::path::Path;

/// So many lines tell whether each begins with a key.
const TEXT_LINES: usize = 1000;
const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;
/// The pause that ends a visit, by custom.
const IDLE_GAP: i64 = 30 * MINUTE;

/// All guesses about a log.
struct Guesses {
    path: String,
    events: Option<String>,
    first_is_key: bool,
    key: Option<Guess<String>>,
    time: Option<Guess<(String, TimeUnit)>>,
    group: Option<Guess<String>>,
    idle_gap: Option<Guess<()>>,
    item: Guess<String>,
    min_count: Guess<usize>,
    fields: Vec<(String, FieldGuess)>,
    /// Where validation and the test begin; `None` leaves one out.
    split: Guess<Option<(Moment, Moment)>>,
    filter_seen: Guess<FilterSeen>,
}

/// Looks at the first 20,000 rows of a log, and at all its times, and writes a commented foreclick.toml, which names
/// the log by `path`.
///
/// # Errors
/// When the log cannot be read, is empty, or has no column that can be the item.
pub fn guess(log: &Path, path: &Path) -> Result<String> {
    let mut source = Source::of_log(&LogConfig::of(LogPath::One(log.to_owned())))?;
    if let Some(lost) = source.lost_event()? {
        bail!(lost);
    }
    refine(&mut source)?;
    let sample = Sample::read(&source)?;
    if let (0, Some(reason)) = (sample.rows, &sample.first_broken) {
        bail!("no line can be read as an event; the first: {reason}");
    }
    ensure!(sample.rows > 0, "the log is empty: {}", log.display());
    let text = guesses(path, &source, &sample)?.to_toml();
    Config::parse(&text, Path::new("")).context("the guesses contradict each other: write foreclick.toml by hand")?;
    Ok(text)
}

/// Finds what a format leaves open: the array of events, the key at a line's start.
fn refine(source: &mut Source) -> Result<()> {
    let Some(first) = source.files.first().cloned() else { return Ok(()) };
    match &mut source.format {
        Format::JsonLines { events: name } => *name = events(&first)?,
        Format::Text { .. } => {
            let is_key = lines_begin_with_a_key(source)?;
            source.format = Format::Text { delimiter: None, first_is_key: is_key };
        }
        Format::Csv { .. } | Format::Parquet => {}
    }
    Ok(())
}

/// Whether the first words of lines are all different and either rise as numbers or occur nowhere else.
fn lines_begin_with_a_key(source: &Source) -> Result<bool> {
    let (mut firsts, mut others) = (vec![], HashSet::new());
    let mut last = None;
    source.read(&["item", "line"], &mut |row| {
        if let Row::Cells(&[Cell::Text(word), line]) = row {
            if last == Some(format!("{line:?}")) {
                others.insert(word.to_owned());
            } else {
                last = Some(format!("{line:?}"));
                firsts.push(word.to_owned());
            }
        }
        if firsts.len() < TEXT_LINES { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    let numbers: Option<Vec<u64>> = firsts.iter().map(|word| word.parse().ok()).collect();
    let rise = numbers.is_some_and(|numbers| numbers.windows(2).all(|pair| pair[0] < pair[1]));
    let different = firsts.iter().collect::<HashSet<_>>().len() == firsts.len();
    Ok(different && (rise || firsts.iter().all(|word| !others.contains(word))))
}

fn guesses(path: &Path, source: &Source, sample: &Sample) -> Result<Guesses> {
    let (events, first_is_key) = match &source.format {
        Format::JsonLines { events } => (events.clone(), false),
        Format::Text { first_is_key, .. } => (None, *first_is_key),
        Format::Csv { .. } | Format::Parquet => (None, false),
    };
    let is_text = matches!(source.format, Format::Text { .. });
    let time = if is_text { None } else { choose::time(sample) };
    let mut taken: Vec<&str> = time.iter().map(|time| time.value.0.as_str()).collect();
    let line = |because: &str| Some(Guess { value: "line".to_owned(), because: because.to_owned() });
    let key = match choose::key(sample, &taken) {
        _ if first_is_key => {
            let because = "the first words of the lines are all different: each line begins with its key".into();
            Some(Guess { value: "key".into(), because })
        }
        _ if is_text => line("each line is a sequence"),
        None if events.is_some() => line("each line is a session and has no key of its own"),
        found => found,
    };
    taken.extend(key.iter().map(|key| key.value.as_str()));
    let key_name = key.as_ref().map(|key| key.value.as_str());
    let group = choose::group(sample, key_name, &taken);
    taken.extend(group.iter().map(|group| group.value.as_str()));
    let item = if is_text {
        Guess { value: "item".into(), because: "a line holds items".into() }
    } else {
        choose::item(sample, &taken).with_context(|| {
            let names: Vec<&str> = sample.columns.iter().map(|column| column.name.as_str()).collect();
            format!("no column can be the item; the columns: {}: write foreclick.toml by hand", names.join(", "))
        })?
    };
    taken.push(&item.value);

    let repeats = choose::repeats(sample, key_name, &item.value);
    let times = match &time {
        Some(Guess { value: (column, unit), .. }) => all_times(source, column, unit)?,
        None => Column::default(),
    };
    let idle_gap = idle_gap(sample, &times, key_name, group.is_some(), repeats);
    let fields = sample.columns.iter().filter(|column| !is_text && !taken.contains(&column.name.as_str()));
    let fields = fields.map(|column| (column.name.clone(), choose::field(column))).collect();
    Ok(Guesses {
        path: path.display().to_string(),
        events,
        first_is_key,
        idle_gap,
        min_count: min_count(sample, &item.value),
        fields,
        split: split(sample, key_name, times.to_vec()),
        filter_seen: filter_seen(group.is_some(), repeats),
        key,
        time,
        group,
        item,
    })
}

/// The times of the whole log: a split by time must know where the log ends.
fn all_times(source: &Source, column: &str, unit: &TimeUnit) -> Result<Column<i64>> {
    let store = Store::default();
    let mut times = TimeColumn::new(unit.clone(), &store);
    let mut pushed = Ok(());
    source.read(&[column], &mut |row| {
        if let Row::Cells([cell]) = row {
            pushed = times.push(cell);
        }
        if pushed.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    pushed?;
    times.finish(&store)
}

/// A log of clicks: events of one key follow each other within minutes, items come again, no column is a session.
fn idle_gap(sample: &Sample, times: &[i64], key: Option<&str>, has_group: bool, repeats: f64) -> Option<Guess<()>> {
    let keys = key.and_then(|key| sample.column(key));
    if times.is_empty() || has_group || keys.is_some_and(|keys| keys.is_called(choose::SESSION)) || key == Some("line")
    {
        return None;
    }
    let mut by_key: HashMap<u32, Vec<i64>> = HashMap::new();
    for (row, &time) in times.iter().take(sample.rows).enumerate().filter(|(_, time)| **time != NO_TIME) {
        by_key.entry(keys.map_or(MISSING, |keys| keys.keys.ids[row])).or_default().push(time);
    }
    let mut gaps = vec![];
    for times in by_key.values_mut() {
        times.sort_unstable();
        gaps.extend(times.windows(2).map(|pair| pair[1] - pair[0]));
    }
    gaps.sort_unstable();
    let median = gaps.get(gaps.len() / 2).copied()?;
    let pauses = gaps.last().is_some_and(|&longest| longest > IDLE_GAP);
    match keys {
        None => Some(Guess { value: (), because: "no column tells visitors apart".into() }),
        Some(_) if median < 5 * MINUTE && pauses && repeats > 0.05 => {
            let because = format!(
                "half of a visitor's events follow within {} s: clicks, and no column is a session",
                median / 1000
            );
            Some(Guess { value: (), because })
        }
        Some(_) => None,
    }
}

/// Rare items teach nothing; but a small log must keep half of its events.
fn min_count(sample: &Sample, item: &str) -> Guess<usize> {
    let Some(items) = sample.column(item).filter(|_| sample.complete) else {
        return Guess { value: 5, because: "of items with fewer events little can be learned".into() };
    };
    let mut counts = vec![0_usize; items.distinct()];
    items.keys.ids.iter().filter(|&&id| id != MISSING).for_each(|&id| counts[id as usize] += 1);
    let kept = |least: usize| {
        counts.iter().filter(|&&count| count >= least).sum::<usize>() as f64 / items.present().max(1) as f64
    };
    let value = [5, 2].into_iter().find(|&least| kept(least) >= 0.5).unwrap_or(1);
    Guess { value, because: format!("{:.0}% of the events stay", 100.0 * kept(value)) }
}

/// A long log with times is split by time, any other by leaving each sequence's last events out.
fn split(sample: &Sample, key: Option<&str>, mut times: Vec<i64>) -> Guess<Option<(Moment, Moment)>> {
    let long_enough = key.and_then(|key| sample.column(key)).is_some_and(|keys| {
        let mut counts = vec![0; keys.distinct()];
        keys.keys.ids.iter().filter(|&&id| id != MISSING).for_each(|&id| counts[id as usize] += 1);
        counts.iter().filter(|&&count| count >= 3).count() > 1
    });
    times.retain(|&time| time != NO_TIME);
    times.sort_unstable();
    let at = |share: f64| times.get((times.len() as f64 * share) as usize).copied().unwrap_or(NO_TIME);
    let (first, validation, test, last) = (at(0.0), at(0.9), at(0.95), times.last().copied().unwrap_or(NO_TIME));
    let whole = |time: i64| if last - first > 30 * DAY { time.div_euclid(DAY) * DAY } else { time };
    let (validation, test) = (whole(validation), whole(test));
    let can_split = !times.is_empty() && first < validation && validation < test;
    let wide = !sample.complete && last.saturating_sub(first) > 14 * DAY;
    if can_split && (wide || !long_enough) {
        let moment = |milliseconds| Moment { milliseconds };
        let because = format!(
            "it is how a model is used, and the log goes from {} to {}: a tenth of its events come after validation_from",
            moment(first),
            moment(last)
        );
        return Guess { value: Some((moment(validation), moment(test))), because };
    }
    let reason = match (times.is_empty(), sample.complete) {
        (true, _) => "the log has no times",
        (false, true) => "the log is small: a split by time would leave too little",
        (false, false) => "the log covers a short time",
    };
    Guess { value: None, because: reason.into() }
}

fn filter_seen(has_group: bool, repeats: f64) -> Guess<FilterSeen> {
    let (value, because) = if has_group {
        (FilterSeen::Group, "a group holds an item once, and another group may hold it again".to_owned())
    } else if repeats < 0.01 {
        (FilterSeen::All, "items hardly ever come again in a sequence".to_owned())
    } else {
        (FilterSeen::None, format!("items come again: {:.0}% of the events", 100.0 * repeats))
    };
    Guess { value, because }
}
