//! The mean of the weights over about the last epoch, which is what a run validates and keeps.
//!
//! Polyak and Juditsky 1992; an exponential mean whose first steps fade sooner, since they know least. An item row
//! stays as it is between the steps that touch it, so its mean is brought up to date only then: a step costs what its
//! batch costs.

use super::features::Features;
use super::parameters::{dense_mut, normalise};
use super::row_gradients::sections;
use crate::format::{ItemTable, Weights};

/// Nine times this is still a number of steps.
const MOST_HORIZON: u64 = 1 << 28;

/// The running mean of all weights.
pub struct Average {
    /// Of the dense parameters now; of each item's row as of the step that touched it last.
    pub weights: Weights,
    fading: Fading,
}

impl Average {
    pub fn new(weights: &Weights, horizon: u64) -> Self {
        Self { weights: weights.clone(), fading: Fading { horizon: horizon.clamp(1, MOST_HORIZON) as u32 } }
    }

    pub fn fading(&self) -> Fading {
        self.fading
    }

    /// After the update that is the `step`th, from 1: takes in all but the item rows.
    pub fn take_dense(&mut self, weights: &mut Weights, step: u32) {
        let stays = self.fading.left(step - 1, step);
        for (mean, now) in dense_mut(&mut self.weights).into_iter().zip(dense_mut(weights)) {
            mix(mean.values, now.values, stays);
        }
    }

    /// The means of item rows, so many to a section.
    pub fn sections(&mut self, size: usize) -> impl Iterator<Item = MeanRows<'_>> {
        let Weights { items, item_bias, item_repeat, .. } = &mut self.weights;
        let (hidden, vectors) = match items {
            ItemTable::F32(items) => (items.columns, &mut items.values[..]),
            _ => (0, &mut [][..]),
        };
        let rows = item_bias.chunks_mut(size).zip(item_repeat.chunks_mut(size));
        let rows = rows.zip(sections(vectors, hidden, size));
        rows.map(move |((biases, repeats), vectors)| MeanRows { hidden, vectors, biases, repeats })
    }

    /// The mean after `step` updates, of which `touched` last touched each row (`[items]`), with rows in the place of own parts
    /// where there are features.
    pub fn weights(&self, weights: &Weights, touched: &[u32], step: u32, features: Option<&Features>) -> Weights {
        let mut mean = Self { weights: self.weights.clone(), fading: self.fading };
        if let ItemTable::F32(now) = &weights.items {
            for mut rows in mean.sections(touched.len().max(1)) {
                for (item, &touched) in touched.iter().enumerate() {
                    let stays = self.fading.left(touched, step);
                    rows.take(item, now.row(item), weights.item_bias[item], weights.item_repeat[item], stays);
                }
            }
        }
        let mut mean = mean.weights;
        if let ItemTable::F32(rows) = &mut mean.items {
            match features {
                Some(features) => features.fold_mean(rows, self.fading, step),
                // A row that no step has touched is as it was, to the bit.
                None => {
                    let rows = rows.values.chunks_exact_mut(rows.columns.max(1)).zip(touched);
                    rows.filter(|(_, touched)| **touched > 0).for_each(|(row, _)| normalise(row));
                }
            }
        }
        mean
    }
}

/// How fast a mean forgets: after the `step`th update `min(step / (step + 9), horizon / (horizon + 1))` of it is left.
#[derive(Debug, Clone, Copy)]
pub struct Fading {
    /// Steps that the mean reaches back.
    horizon: u32,
}

impl Fading {
    /// What the updates after the one numbered `from`, up to `to`, leave of a mean. The product over them telescopes as long as
    /// the mean is young; a running sum of logarithms would stop growing where an epoch has many steps.
    pub fn left(self, from: u32, to: u32) -> f32 {
        // From here on the horizon is shorter than the mean is old.
        let grown = 9 * self.horizon;
        let (young, old) = (from.min(grown), to.min(grown));
        let (above, below) = (1..=9).fold((1.0, 1.0), |(above, below), place| {
            (above * (f64::from(young) + f64::from(place)), below * (f64::from(old) + f64::from(place)))
        });
        let passed = to.max(grown) - from.max(grown);
        let horizon = f64::from(self.horizon);
        (above / below * (horizon / (horizon + 1.0)).powi(passed as i32)) as f32
    }
}

/// Some items' means.
pub struct MeanRows<'a> {
    hidden: usize,
    vectors: &'a mut [f32],
    biases: &'a mut [f32],
    repeats: &'a mut [f32],
}

impl MeanRows<'_> {
    /// Takes in what a row has been, by what of its mean is left since it was last taken in.
    #[inline(always)]
    pub fn take(&mut self, place: usize, vector: &[f32], bias: f32, repeat: f32, stays: f32) {
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
        let mut touched_in = [0; 6];
        for step in 1..=60u32 {
            let touched = (step * step + 1) as usize % 5;
            let fading = average.fading();
            let take = |average: &mut Average, weights: &Weights, stays: f32| {
                let ItemTable::F32(items) = &weights.items else { panic!("trained rows are f32") };
                let (row, bias, repeat) =
                    (items.row(touched), weights.item_bias[touched], weights.item_repeat[touched]);
                average.sections(6).for_each(|mut rows| rows.take(touched, row, bias, repeat, stays));
            };
            take(&mut average, &weights, fading.left(touched_in[touched], step - 1));
            weights.item_bias[touched] += step as f32;
            weights.start[0] -= 1.0;
            take(&mut average, &weights, fading.left(step - 1, step));
            touched_in[touched] = step;
            average.take_dense(&mut weights, step);
            let stays = (step as f32 / (step as f32 + 9.0)).min(0.8);
            plain.iter_mut().zip(&weights.item_bias).for_each(|(mean, now)| *mean = now + stays * (*mean - now));
            plain_dense = weights.start[0] + stays * (plain_dense - weights.start[0]);
        }
        let mean = average.weights(&weights, &touched_in, 60, None);
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

    #[test]
    fn an_epoch_of_a_million_steps_fades_to_the_same_share_as_a_short_one() {
        for horizon in [10, 1_000, 100_000, 1_000_000] {
            let average = Fading { horizon };
            // One epoch at the horizon's pace leaves 1 / e, for any number of steps in it.
            let old = average.left(20 * horizon, 21 * horizon);
            assert!((old - (-1.0f32).exp()).abs() < 0.02, "{horizon}: {old}");
            // The ninth power of what the age grew by: the second epoch begins where the first ended.
            let young = average.left(horizon, 2 * horizon);
            assert!((young - 0.5f32.powi(9)).abs() < 0.02, "{horizon}: {young}");
            assert_eq!(average.left(horizon, horizon), 1.0);
        }
    }
}
