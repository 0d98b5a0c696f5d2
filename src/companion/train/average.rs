//! The mean of the weights over about the last epoch, which is what a run validates and keeps.
//!
//! Polyak and Juditsky 1992; an exponential mean whose first steps fade sooner, since they know least. An item row
//! stays as it is between the steps that touch it, so its mean is brought up to date only then: a step costs what its
//! batch costs.

use super::features::Features;
use super::optimizer::RowGradients;
use super::parameters::{dense_mut, normalise};
use crate::format::{ItemTable, Weights};
use crate::vocab::ItemId;

/// The running mean of all weights.
pub struct Average {
    /// Of the dense parameters now; of each item's row as of when it was last brought up to date.
    pub weights: Weights,
    /// The logarithm of what all steps so far have left of the first weights.
    pub faded: f32,
    /// The same as of when each row was last brought up to date: `[items]`.
    pub row_faded: Vec<f32>,
    /// Steps that the mean reaches back.
    horizon: f32,
}

impl Average {
    pub fn new(weights: &Weights, horizon: u64) -> Self {
        let row_faded = vec![0.0; weights.item_bias.len()];
        Self { weights: weights.clone(), faded: 0.0, row_faded, horizon: horizon.max(1) as f32 }
    }

    /// Before an update: takes in the rows that it will change, as they were since their last one.
    pub fn settle(&mut self, weights: &Weights, rows: &RowGradients, features: Option<&mut Features>) {
        rows.touched().iter().for_each(|&item| self.mix_row(weights, item));
        if let Some(features) = features {
            features.take_in(self.faded);
        }
    }

    /// After the update that is the `step`th, from 1: takes in what it changed.
    pub fn take(&mut self, weights: &mut Weights, rows: &RowGradients, features: Option<&mut Features>, step: u32) {
        let step = step as f32;
        let stays = (step / (step + 9.0)).min(1.0 - 1.0 / (self.horizon + 1.0));
        self.faded += stays.ln();
        for (mean, now) in dense_mut(&mut self.weights).into_iter().zip(dense_mut(weights)) {
            mix(mean.values, now.values, stays);
        }
        self.settle(weights, rows, features);
    }

    /// The mean as of now, with rows in the place of own parts where there are features.
    pub fn weights(&mut self, weights: &Weights, features: Option<&mut Features>) -> Weights {
        (0..self.row_faded.len() as ItemId).for_each(|item| self.mix_row(weights, item));
        let mut mean = self.weights.clone();
        if let ItemTable::F32(rows) = &mut mean.items {
            match features {
                Some(features) => features.fold_mean(rows, self.faded),
                None => rows.values.chunks_exact_mut(rows.columns.max(1)).for_each(normalise),
            }
        }
        mean
    }

    fn mix_row(&mut self, weights: &Weights, item: ItemId) {
        let place = item as usize;
        let stays = (self.faded - std::mem::replace(&mut self.row_faded[place], self.faded)).exp();
        if let (ItemTable::F32(mean), ItemTable::F32(now)) = (&mut self.weights.items, &weights.items) {
            mix(mean.row_mut(place), now.row(place), stays);
        }
        let one = place..=place;
        mix(&mut self.weights.item_bias[one.clone()], &weights.item_bias[one.clone()], stays);
        mix(&mut self.weights.item_repeat[one.clone()], &weights.item_repeat[one], stays);
    }
}

/// Moves means towards what is now, as far as `stays` leaves of them.
pub fn mix(mean: &mut [f32], now: &[f32], stays: f32) {
    mean.iter_mut().zip(now).for_each(|(mean, now)| *mean = now + stays * (*mean - now));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::companion::train::TrainConfig;
    use crate::companion::train::parameters::initial;
    use crate::format::Neighbours;
    use crate::schema::{FilterSeen, Schema, Task};

    /// Rows that are touched now and then have the mean that a look at each step would give.
    #[test]
    fn rows_are_averaged_as_if_every_step_had_been_looked_at() {
        let filter_seen = FilterSeen::None;
        let schema = Schema {
            has_time: false,
            has_group: false,
            hour: false,
            weekday: false,
            filter_seen,
            fields: vec![],
            tasks: vec![Task::NextItem],
            heads: vec![],
        };
        let architecture = TrainConfig::default().architecture(&schema);
        let mut weights = initial(&architecture, &schema, &[1; 6], Neighbours::default(), 1);
        let mut average = Average::new(&weights, 4);
        let (mut plain, mut plain_dense) = (weights.item_bias.clone(), weights.start[0]);
        for step in 1..=20u32 {
            let mut rows = RowGradients::new(6, architecture.hidden);
            // Item 5 is never touched.
            rows.row_mut((step * step + 1) % 5);
            average.settle(&weights, &rows, None);
            for &item in rows.touched() {
                weights.item_bias[item as usize] += step as f32;
            }
            weights.start[0] -= 1.0;
            average.take(&mut weights, &rows, None, step);
            let stays = (step as f32 / (step as f32 + 9.0)).min(0.8);
            plain.iter_mut().zip(&weights.item_bias).for_each(|(mean, now)| *mean = now + stays * (*mean - now));
            plain_dense = weights.start[0] + stays * (plain_dense - weights.start[0]);
        }
        let mean = average.weights(&weights, None);
        assert!(
            mean.item_bias.iter().zip(&plain).all(|(a, b)| (a - b).abs() < 1e-3),
            "{:?}, {plain:?}",
            mean.item_bias
        );
        assert!((mean.start[0] - plain_dense).abs() < 1e-4);
        assert!(mean.item_bias.iter().zip(&weights.item_bias).any(|(mean, now)| (mean - now).abs() > 1.0));
        let ItemTable::F32(items) = &mean.items else { panic!("trained rows are f32") };
        let length = items.row(2).iter().map(|value| value * value).sum::<f32>();
        assert!((length - 1.0).abs() < 1e-5);
    }
}
