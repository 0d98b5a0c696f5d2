//! The items that stand for all others in the softmax.
//!
//! Half of them are drawn evenly, half by how often items occur. Each counts one over how often it was to be expected
//! (importance sampling; Bengio and Senécal 2003), so that the sum over all items comes out right on average, and the
//! popular ones, which make up most of that sum, are seldom missed.

use crate::companion::data::{Dataset, Part};
use crate::vocab::{ItemId, UNKNOWN_ITEM};
use rand::{Rng, RngExt};

/// How often each item occurs in training.
pub struct Popularity {
    counts: Vec<u32>,
    total: f64,
}

/// A shard's negatives.
#[derive(Default)]
pub struct Negatives {
    /// Distinct items.
    pub items: Vec<ItemId>,
    /// The logarithm of how many items each stands for.
    pub log_weights: Vec<f32>,
    /// Each item's place among them plus 1, while they are drawn; else 0: `[items]`.
    places: Vec<u32>,
}

impl Popularity {
    pub fn of(dataset: &Dataset) -> Self {
        let counts = dataset.training_counts();
        let total = counts.iter().copied().map(f64::from).sum();
        Self { counts, total }
    }

    /// How likely a draw is this item.
    fn probability(&self, item: ItemId) -> f64 {
        0.5 / self.counts.len() as f64 + 0.5 * f64::from(self.counts[item as usize]) / self.total
    }

    fn draw(&self, dataset: &Dataset, rng: &mut impl Rng) -> ItemId {
        if rng.random() {
            return rng.random_range(0..self.counts.len() as ItemId);
        }
        let sequences = &dataset.sequences;
        loop {
            let place = rng.random_range(0..sequences.items.len());
            let item = sequences.items[place];
            if sequences.parts[place] == Part::Train && item != UNKNOWN_ITEM {
                return item;
            }
        }
    }
}

impl Negatives {
    /// Every item once.
    pub fn take_all(&mut self, items: usize) {
        self.items.clear();
        self.items.extend(0..items as ItemId);
        self.log_weights.clear();
        self.log_weights.resize(items, 0.0);
    }

    /// So many draws; there must be a training event.
    pub fn draw(&mut self, popularity: &Popularity, dataset: &Dataset, draws: usize, rng: &mut impl Rng) {
        self.places.resize(popularity.counts.len(), 0);
        self.items.clear();
        self.log_weights.clear();
        for _ in 0..draws {
            let item = popularity.draw(dataset, rng);
            let place = &mut self.places[item as usize];
            if *place == 0 {
                self.items.push(item);
                self.log_weights.push(0.0);
                *place = self.items.len() as u32;
            }
            // How often it was drawn, for now.
            self.log_weights[*place as usize - 1] += 1.0;
        }
        for (&item, weight) in self.items.iter().zip(&mut self.log_weights) {
            self.places[item as usize] = 0;
            *weight = (f64::from(*weight) / (draws as f64 * popularity.probability(item))).ln() as f32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::companion::evaluate::testing::{Event, dataset};
    use crate::companion::train::random::{Purpose, stream};
    use crate::schema::FilterSeen;

    /// What all stand for together is the catalogue, and each item for itself.
    #[test]
    fn weights_make_up_for_who_is_drawn_more_often() {
        let events: Vec<Event> = (0..40).map(|place| Event::train(if place < 30 { 0 } else { place % 5 }, 0)).collect();
        let log = dataset(20, FilterSeen::None, false, &[&events, &[Event::test(19, 0)]]);
        let popularity = Popularity::of(&log);
        let mut rng = stream(1, Purpose::Step, 0, 0);
        let mut negatives = Negatives::default();
        let (mut sums, mut times) = ([0.0; 20], [0; 20]);
        for _ in 0..4000 {
            negatives.draw(&popularity, &log, 6, &mut rng);
            for (&item, weight) in negatives.items.iter().zip(&negatives.log_weights) {
                sums[item as usize] += f64::from(weight.exp()) / 4000.0;
                times[item as usize] += 1;
            }
        }
        assert!(sums.iter().all(|sum| (sum - 1.0).abs() < 0.15), "{sums:?}");
        assert!(times[0] > 4 * times[19], "{times:?}");
        negatives.take_all(20);
        assert_eq!((negatives.items.len(), negatives.log_weights.iter().sum::<f32>()), (20, 0.0));
    }
}
