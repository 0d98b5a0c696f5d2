//! The mean of the weights over about the last epoch, which is what a run validates and keeps.
//!
//! Polyak and Juditsky 1992; an exponential mean whose first steps fade sooner, since they know least. An item row
//! stays as it is between the steps that touch it, so its mean is brought up to date only then: a step costs what its
//! batch costs.

use super::features::Features;
use super::parameters::{dense_mut, normalise};
use super::row_gradients::sections;
use crate::format::{ItemTable, Weights};

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

    /// What the update that is the `step`th, from 1, leaves of the means before it.
    pub fn fade(&mut self, step: u32) -> Fade {
        let step = step as f32;
        let stays = (step / (step + 9.0)).min(1.0 - 1.0 / (self.horizon + 1.0));
        let before = self.faded;
        self.faded += stays.ln();
        Fade { before, after: self.faded, stays }
    }

    /// After an update: takes in all but the item rows.
    pub fn take_dense(&mut self, weights: &mut Weights, fade: &Fade) {
        for (mean, now) in dense_mut(&mut self.weights).into_iter().zip(dense_mut(weights)) {
            mix(mean.values, now.values, fade.stays);
        }
    }

    /// The means of item rows, so many to a section.
    pub fn sections(&mut self, size: usize) -> impl Iterator<Item = MeanRows<'_>> {
        let Weights { items, item_bias, item_repeat, .. } = &mut self.weights;
        let (hidden, vectors) = match items {
            ItemTable::F32(items) => (items.columns, &mut items.values[..]),
            _ => (0, &mut [][..]),
        };
        let rows = item_bias.chunks_mut(size).zip(item_repeat.chunks_mut(size)).zip(self.row_faded.chunks_mut(size));
        let rows = rows.zip(sections(vectors, hidden, size));
        rows.map(move |(((biases, repeats), faded), vectors)| MeanRows { hidden, vectors, biases, repeats, faded })
    }

    /// The mean as of now, with rows in the place of own parts where there are features.
    pub fn weights(&mut self, weights: &Weights, features: Option<&mut Features>) -> Weights {
        let (count, faded) = (self.row_faded.len(), self.faded);
        if let ItemTable::F32(now) = &weights.items {
            for mut rows in self.sections(count.max(1)) {
                for item in 0..count {
                    rows.take(item, now.row(item), weights.item_bias[item], weights.item_repeat[item], faded);
                }
            }
        }
        let mut mean = self.weights.clone();
        if let ItemTable::F32(rows) = &mut mean.items {
            match features {
                Some(features) => features.fold_mean(rows, self.faded),
                None => rows.values.chunks_exact_mut(rows.columns.max(1)).for_each(normalise),
            }
        }
        mean
    }
}

/// What an update leaves of the means before it, as logarithms of what is left of the first weights, and itself.
#[derive(Debug, Clone, Copy)]
pub struct Fade {
    pub before: f32,
    pub after: f32,
    stays: f32,
}

/// Some items' means.
pub struct MeanRows<'a> {
    hidden: usize,
    vectors: &'a mut [f32],
    biases: &'a mut [f32],
    repeats: &'a mut [f32],
    faded: &'a mut [f32],
}

impl MeanRows<'_> {
    /// Takes in what a row has been since it was last taken in.
    #[inline(always)]
    pub fn take(&mut self, place: usize, vector: &[f32], bias: f32, repeat: f32, faded: f32) {
        let stays = (faded - std::mem::replace(&mut self.faded[place], faded)).exp();
        mix(&mut self.vectors[place * self.hidden..(place + 1) * self.hidden], vector, stays);
        mix(std::slice::from_mut(&mut self.biases[place]), &[bias], stays);
        mix(std::slice::from_mut(&mut self.repeats[place]), &[repeat], stays);
    }
}

/// Moves means towards what is now, as far as `stays` leaves of them.
#[inline(always)]
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
            let touched = (step * step + 1) as usize % 5;
            let fade = average.fade(step);
            let take = |average: &mut Average, weights: &Weights, faded: f32| {
                let ItemTable::F32(items) = &weights.items else { panic!("trained rows are f32") };
                let (row, bias, repeat) =
                    (items.row(touched), weights.item_bias[touched], weights.item_repeat[touched]);
                average.sections(6).for_each(|mut rows| rows.take(touched, row, bias, repeat, faded));
            };
            take(&mut average, &weights, fade.before);
            weights.item_bias[touched] += step as f32;
            weights.start[0] -= 1.0;
            take(&mut average, &weights, fade.after);
            average.take_dense(&mut weights, &fade);
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
