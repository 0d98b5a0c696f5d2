//! The items that stand for all others in the loss.
//!
//! Half of them are drawn evenly, half by how often items occur, unless `[train] negatives_drawn` says otherwise. Each
//! counts one over how often it was to be expected (importance sampling; Bengio and Senécal 2003), so that a sum over all
//! items comes out right on average, and the popular ones, which make up most of the softmax's, are seldom missed.

use super::config::{NegativesDrawn, TrainConfig};
use crate::companion::data::{Dataset, Part};
use crate::vocab::{ItemId, UNKNOWN_ITEM};
use rand::{Rng, RngExt};

/// How often each item occurs in training, and what that says of draws.
pub struct Popularity {
    counts: Vec<u32>,
    /// The items that may be drawn. With features, those that training never meets may not: they could not have been
    /// chosen, and others would learn from them that what looks like them never is.
    pub drawable: Vec<ItemId>,
    /// The count of the rarest item that occurs.
    least: f64,
    drawn: NegativesDrawn,
    /// An item drawn by popularity is as likely as its count to this power.
    power: f64,
    /// The sum of these powers.
    total: f64,
}

/// A shard's negatives.
#[derive(Debug, Default)]
pub struct Negatives {
    /// Distinct items.
    pub items: Vec<ItemId>,
    /// How many items each stands for.
    pub weights: Vec<f32>,
    /// The logarithms of the weights.
    pub log_weights: Vec<f32>,
    /// How often one was drawn, or all items where every one is taken.
    pub draws: usize,
    /// The number of items that there are.
    pub catalogue: usize,
    /// Each item's place among them plus 1, while they are drawn; else 0: `[items]`.
    places: Vec<u32>,
}

impl Popularity {
    pub fn of(dataset: &Dataset, config: &TrainConfig) -> Self {
        let counts = dataset.training_counts();
        let drawn = config.negatives_drawn;
        // Targets are training events, each as likely as any other.
        let power = if drawn == NegativesDrawn::Batch { 1.0 } else { config.popularity_power.into() };
        let occurring = || counts.iter().filter(|&&count| count > 0).copied().map(f64::from);
        let total = occurring().map(|count| count.powf(power)).sum();
        let least = occurring().fold(f64::INFINITY, f64::min);
        let may_be_new = dataset.item_features.count == 0;
        let drawable = (0..counts.len() as ItemId).filter(|&item| may_be_new || counts[item as usize] > 0).collect();
        Self { counts, drawable, least, drawn, power, total }
    }

    /// How likely a draw is this item.
    fn probability(&self, item: ItemId) -> f64 {
        let even = match self.drawn {
            NegativesDrawn::Mixed => 0.5,
            NegativesDrawn::Uniform => 1.0,
            NegativesDrawn::Popularity | NegativesDrawn::Batch => 0.0,
        };
        let count = f64::from(self.counts[item as usize]);
        even / self.drawable.len() as f64 + (1.0 - even) * count.powf(self.power) / self.total
    }

    fn draw(&self, dataset: &Dataset, rng: &mut impl Rng) -> ItemId {
        let is_even = match self.drawn {
            NegativesDrawn::Mixed => rng.random(),
            NegativesDrawn::Uniform => true,
            NegativesDrawn::Popularity | NegativesDrawn::Batch => false,
        };
        if is_even {
            return self.drawable[rng.random_range(0..self.drawable.len() as ItemId) as usize];
        }
        let sequences = &dataset.sequences;
        loop {
            let place = rng.random_range(0..sequences.items.len());
            let item = sequences.items[place];
            if sequences.parts[place] == Part::Train && item != UNKNOWN_ITEM && self.keeps(item, rng) {
                return item;
            }
        }
    }

    /// Whether a training event's item stays drawn: what makes the power of its count out of the count.
    fn keeps(&self, item: ItemId, rng: &mut impl Rng) -> bool {
        let count = f64::from(self.counts[item as usize]);
        self.power == 1.0 || rng.random::<f64>() < (self.least / count).powf(1.0 - self.power)
    }
}

impl Negatives {
    /// Each of these items once.
    pub fn take_all(&mut self, items: &[ItemId]) {
        self.items.clear();
        self.items.extend_from_slice(items);
        for (values, value) in [(&mut self.weights, 1.0), (&mut self.log_weights, 0.0)] {
            values.clear();
            values.resize(items.len(), value);
        }
        (self.draws, self.catalogue) = (items.len(), items.len());
    }

    /// So many draws; there must be a training event.
    pub fn draw(&mut self, popularity: &Popularity, dataset: &Dataset, draws: usize, rng: &mut impl Rng) {
        self.take(popularity, (0..draws).map(|_| popularity.draw(dataset, rng)));
    }

    /// These draws, each of them by what `popularity` says.
    pub fn take(&mut self, popularity: &Popularity, draws: impl Iterator<Item = ItemId>) {
        self.catalogue = popularity.drawable.len();
        self.places.resize(popularity.counts.len(), 0);
        self.items.clear();
        self.weights.clear();
        self.draws = 0;
        for item in draws {
            let place = &mut self.places[item as usize];
            if *place == 0 {
                self.items.push(item);
                self.weights.push(0.0);
                *place = self.items.len() as u32;
            }
            // How often it was drawn, for now.
            self.weights[*place as usize - 1] += 1.0;
            self.draws += 1;
        }
        self.log_weights.clear();
        for (&item, weight) in self.items.iter().zip(&mut self.weights) {
            self.places[item as usize] = 0;
            let exact = f64::from(*weight) / (self.draws as f64 * popularity.probability(item));
            *weight = exact as f32;
            self.log_weights.push(exact.ln() as f32);
        }
    }

    /// How many of the items are drawn for each that is not the target, at most 1.
    pub fn sampled_share(&self) -> f32 {
        (self.draws as f32 / self.catalogue.saturating_sub(1).max(1) as f32).min(1.0)
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
        let events: Vec<Event> =
            (0..60).map(|place| Event::train(if place < 30 { 0 } else { place % 20 }, 0)).collect();
        let log = dataset(20, FilterSeen::None, false, &[&events, &[Event::test(19, 0)]]);
        let targets = || (0..60).map(|place| log.sequences.items[place]);
        for (negatives_drawn, popularity_power, least_ratio, most_ratio) in [
            (NegativesDrawn::Mixed, 1.0, 4.0, 12.0),
            (NegativesDrawn::Mixed, 0.5, 1.7, 3.0),
            (NegativesDrawn::Uniform, 1.0, 0.9, 1.1),
            (NegativesDrawn::Popularity, 1.0, 12.0, 20.0),
            (NegativesDrawn::Popularity, 0.5, 3.3, 4.7),
            (NegativesDrawn::Batch, 1.0, 12.0, 20.0),
        ] {
            let config = TrainConfig { negatives_drawn, popularity_power, ..TrainConfig::default() };
            let popularity = Popularity::of(&log, &config);
            let mut rng = stream(1, Purpose::Step, 0, 0);
            let mut negatives = Negatives::default();
            let (mut sums, mut times) = ([0.0; 20], [0.0; 20]);
            for _ in 0..20_000 {
                if negatives_drawn == NegativesDrawn::Batch {
                    let places: Vec<usize> = (0..6).map(|_| rng.random_range(0..60)).collect();
                    negatives.take(&popularity, places.into_iter().filter_map(|place| targets().nth(place)));
                } else {
                    negatives.draw(&popularity, &log, 6, &mut rng);
                }
                assert_eq!(negatives.draws, 6);
                for (place, &item) in negatives.items.iter().enumerate() {
                    let weight = f64::from(negatives.log_weights[place].exp());
                    assert!((weight / f64::from(negatives.weights[place]) - 1.0).abs() < 1e-5);
                    sums[item as usize] += weight / 20_000.0;
                    // Of six draws.
                    times[item as usize] += 6.0 * weight * popularity.probability(item);
                }
            }
            assert!(sums.iter().all(|sum| (sum - 1.0).abs() < 0.15), "{negatives_drawn:?}: {sums:?}");
            let ratio = times[0] / times[19];
            assert!((least_ratio..most_ratio).contains(&ratio), "{negatives_drawn:?} {popularity_power}: {ratio}");
        }
        let mut negatives = Negatives::default();
        negatives.take_all(&(0..20).collect::<Vec<_>>());
        assert_eq!((negatives.items.len(), negatives.log_weights.iter().sum::<f32>()), (20, 0.0));
        assert_eq!((negatives.weights.iter().sum::<f32>(), negatives.sampled_share()), (20.0, 1.0));
    }
}
