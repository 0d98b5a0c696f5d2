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
    let places: Vec<usize> = training_places(dataset).collect();
    let last = places.iter().map(|&place| log.times[place]).max().unwrap_or(NO_TIME);
    let recent: Vec<usize> = if last == NO_TIME {
        places[places.len() - places.len().div_ceil(RECENT_PARTS)..].to_vec()
    } else {
        places.into_iter().filter(|&place| log.times[place] > last.saturating_sub(RECENT)).collect()
    };
    let mut counts = count(recent.iter().map(|&place| log.items[place]), dataset.vocab.len());
    counts.iter_mut().zip(tie_break(popularity)).for_each(|(count, tie)| *count += tie);
    counts
}
