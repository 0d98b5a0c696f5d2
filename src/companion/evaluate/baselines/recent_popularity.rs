//! Popularity over the last four weeks of training, for items that come and go.

use super::popularity::{count, tie_break, training_places};
use crate::companion::data::Dataset;
use crate::event::NO_TIME;

/// Four weeks, in milliseconds.
const RECENT: i64 = 28 * 24 * 3600 * 1000;

/// Without times: the last tenth of the training events, in the log's order.
const RECENT_PARTS: usize = 10;

/// How often each item is met in recent training events; ties by popularity: `[items]`.
pub fn recent_counts(dataset: &Dataset, popularity: &[f32]) -> Vec<f32> {
    let log = &dataset.sequences;
    let places = || training_places(dataset);
    let last = places().map(|place| log.times[place]).max().unwrap_or(NO_TIME);
    let items = dataset.vocab.len();
    let mut counts = if last == NO_TIME {
        let events = places().count();
        let recent = places().skip(events - events.div_ceil(RECENT_PARTS));
        count(recent.map(|place| log.items[place]), items)
    } else {
        let recent = places().filter(|&place| log.times[place] > last.saturating_sub(RECENT));
        count(recent.map(|place| log.items[place]), items)
    };
    counts.iter_mut().zip(tie_break(popularity)).for_each(|(count, tie)| *count += tie);
    counts
}
