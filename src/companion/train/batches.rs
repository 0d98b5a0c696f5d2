//! Cuts training sequences into an epoch's windows and batches.

use super::examples::Window;
use super::random::{Purpose, stream};
use crate::companion::data::{Dataset, Part};
use rand::RngExt;
use rand::seq::SliceRandom;
use std::ops::Range;

/// Windows that are sorted by length together: padding stays small and the order random.
const STRETCH: usize = 2048;

/// An epoch's windows in batches. Of a large log there are tens of millions, so that they are kept small.
pub struct Batches {
    windows: Vec<Small>,
    /// Each batch's windows.
    batches: Vec<Range<u32>>,
}

/// A [`Window`] in twelve bytes: a log has fewer than 4 billion events.
#[derive(Clone, Copy)]
struct Small {
    sequence: u32,
    start: u32,
    end: u32,
}

impl Batches {
    /// Batches of about `batch_events` events, of windows of about equal length, in random order.
    ///
    /// Each sequence is cut at a random offset, so that an event stands at another place in each epoch. Where only tasks are
    /// learned, windows without a label are left out; `pretrains` takes all.
    pub fn of_epoch(
        dataset: &Dataset,
        len: usize,
        batch_events: usize,
        seed: u64,
        (epoch, pretrains): (u64, bool),
    ) -> Self {
        let mut rng = stream(seed, Purpose::Windows, epoch, pretrains.into());
        let mut windows = Vec::new();
        // Tasks are answered after the last event too, and pretraining learns from every event itself.
        let after = usize::from(pretrains || !dataset.schema.heads.is_empty());
        let takes_all = pretrains || dataset.schema.predicts_items();
        for sequence in 0..dataset.sequences.len() {
            let range = dataset.sequences.range(sequence);
            let trained = dataset.sequences.parts[range].iter().rposition(|&part| part == Part::Train);
            let inputs = trained.map_or(0, |last| last + 1 + after);
            let offset = if inputs > len { rng.random_range(0..len) } else { len };
            let mut start = 0;
            while start < inputs {
                let end = if start == 0 && offset > 0 { offset } else { start + len }.min(inputs);
                if takes_all || has_label(dataset, sequence, start..end) {
                    windows.push(Small { sequence: sequence as u32, start: start as u32, end: end as u32 });
                }
                start = end;
            }
        }
        windows.shuffle(&mut rng);
        for stretch in windows.chunks_mut(STRETCH) {
            stretch.sort_by_key(|window| window.end - window.start);
        }
        let mut batches = Vec::new();
        let (mut first, mut events) = (0, 0);
        for (next, window) in (1..).zip(&windows) {
            events += (window.end - window.start) as usize;
            if events >= batch_events {
                batches.push(first..next);
                (first, events) = (next, 0);
            }
        }
        if (first as usize) < windows.len() {
            batches.push(first..windows.len() as u32);
        }
        batches.shuffle(&mut rng);
        Self { windows, batches }
    }

    /// The number of batches.
    pub fn len(&self) -> usize {
        self.batches.len()
    }

    /// The windows of each batch.
    pub fn iter(&self) -> impl Iterator<Item = Vec<Window>> {
        let window = |small: &Small| Window {
            sequence: small.sequence as usize,
            inputs: small.start as usize..small.end as usize,
        };
        self.batches
            .iter()
            .map(move |batch| self.windows[batch.start as usize..batch.end as usize].iter().map(window).collect())
    }
}

/// Whether a training event that a window's inputs begin with has a label.
fn has_label(dataset: &Dataset, sequence: usize, inputs: Range<usize>) -> bool {
    let sequences = &dataset.sequences;
    let first = sequences.range(sequence).start;
    let mut places = inputs.start.max(1)..inputs.end;
    places.any(|input| {
        let place = first + input - 1;
        sequences.parts[place] == Part::Train && sequences.labels(place).iter().any(|label| !label.is_nan())
    })
}

/// A batch's windows, which come sorted by length, in parts of about equally many events.
pub fn shards(batch: &[Window], count: usize) -> Vec<&[Window]> {
    let events: usize = batch.iter().map(|window| window.inputs.len()).sum();
    let (mut shards, mut start, mut passed) = (Vec::with_capacity(count), 0, 0);
    for (end, window) in (1..).zip(batch) {
        passed += window.inputs.len();
        if passed * count >= events * (shards.len() + 1) {
            shards.push(&batch[start..end]);
            start = end;
        }
    }
    shards
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_hold_every_window_and_about_equally_many_events() {
        let windows = |lengths: &[usize]| -> Vec<Window> {
            lengths.iter().map(|&len| Window { sequence: 0, inputs: 0..len }).collect()
        };
        let found = |lengths: &[usize], count: usize| -> Vec<Vec<usize>> {
            let batch = windows(lengths);
            shards(&batch, count).iter().map(|shard| shard.iter().map(|window| window.inputs.len()).collect()).collect()
        };
        assert_eq!(found(&[1, 1, 1, 1, 2, 2, 4], 2), [vec![1, 1, 1, 1, 2], vec![2, 4]]);
        assert_eq!(found(&[3], 4), [vec![3]]);
        assert_eq!(found(&[1, 9], 2), [vec![1, 9]]);
        assert_eq!(found(&[5, 5, 5], 3), [[5], [5], [5]]);
        assert!(shards(&[], 2).is_empty());
    }
}
