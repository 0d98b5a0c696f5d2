//! Texts, vectors, hidden values.

use super::{config, dataset, plan, weights, whole_sequences, worker};
use crate::companion::train::average::Average;
use crate::companion::train::config::TrainConfig;
use crate::companion::train::held_out::HeldOut;
use crate::companion::train::negatives::Popularity;
use crate::companion::train::optimizer::RowUpdate;
use crate::companion::train::texts::{TextGradients, Texts};
use crate::companion::train::worker::Worker;
use crate::format::Weights;
use crate::schema::FilterSeen;

/// The text field's place in the schema.
const TEXT: usize = 1;

#[test]
fn text_gradients_equal_finite_differences() {
    for field_dropout in [0.0, 0.4] {
        let config = TrainConfig { field_dropout, ..config(0) };
        let dataset = dataset(true, FilterSeen::Group);
        let mut weights = weights(&dataset, &config);
        let held_out = HeldOut::same(weights.neighbours.clone());
        let popularity = Popularity::of(&dataset, &config);
        let plan = plan(&dataset, &config, &popularity, &held_out);
        let windows = whole_sequences(&dataset);
        let mut worker = worker(&dataset, &config, &weights);
        let learn = |weights: &Weights, worker: &mut Worker| {
            worker.gather(&plan, &windows, 0, 0);
            worker.learn(&plan, weights, &windows);
            worker.loss
        };
        // Row 7 is that of missing texts.
        for (row, place) in [(0, 0), (3, 5), (6, 2), (7, 1), (7, 6)] {
            learn(&weights, &mut worker);
            let expected = f64::from(worker.texts.row_mut(TEXT, row).unwrap()[place]);
            let mut at = |change: f32| {
                weights.fields[TEXT].rows.row_mut(row)[place] += change;
                learn(&weights, &mut worker)
            };
            let (up, down) = (at(1e-2), at(-2e-2));
            at(1e-2);
            let measured = (up - down) / 2e-2;
            assert!(expected.abs() > 0.05, "no gradient worth checking: {expected}");
            assert!(
                (measured - expected).abs() < 0.03 * expected.abs() + 0.1,
                "row {row}: {measured} against {expected}"
            );
        }
    }
}

/// Rows that are touched now and then have the mean that a look at each step would give.
#[test]
fn rows_of_texts_are_averaged_as_if_every_step_had_been_looked_at() {
    let dataset = dataset(true, FilterSeen::Group);
    let mut weights = weights(&dataset, &config(0));
    let (mut average, mut texts) = (Average::new(&weights, 4), Texts::new(&weights));
    let mut plain = weights.fields[TEXT].rows.clone();
    let hidden = plain.columns;
    let fading = average.fading();
    for step in 1..=20_u32 {
        let mut gradients = TextGradients::new(&weights);
        // Row 5 is never touched.
        gradients.take(TEXT, (step * step) as usize % 5, &vec![1.0; hidden], 1.0);
        let update = RowUpdate { step, features: None, factor: 1.0, bias: [0.1, 0.001], rate: 0.1, fading };
        texts.update(&mut weights, &gradients, &mut average.weights, &update);
        let stays = (step as f32 / (step as f32 + 9.0)).min(0.8);
        plain
            .values
            .iter_mut()
            .zip(&weights.fields[TEXT].rows.values)
            .for_each(|(mean, now)| *mean = now + stays * (*mean - now));
    }
    let mut mean = average.weights.clone();
    texts.settle(&mut mean, &weights, fading, 20);
    let found = &mean.fields[TEXT].rows.values;
    assert!(found.iter().zip(&plain.values).all(|(a, b)| (a - b).abs() < 1e-3), "{found:?}, {plain:?}");
    let moved = found.iter().zip(&weights.fields[TEXT].rows.values).filter(|(mean, now)| (*mean - *now).abs() > 0.05);
    assert!(moved.count() > hidden, "the mean does not lag");
}

/// Of a table's rows, one that ten texts agree on moves ten times as far as one that was read once; of an element's own mean square
/// both would move alike. The common length of the gradients does not matter.
#[test]
fn rows_of_texts_move_as_far_as_their_gradients_are_long() {
    let dataset = dataset(true, FilterSeen::Group);
    let before = weights(&dataset, &config(0));
    let hidden = before.final_norm.len();
    let moved = |factor: f32| {
        let mut weights = before.clone();
        let (mut average, mut texts) = (Average::new(&weights, 4), Texts::new(&weights));
        let mut gradients = TextGradients::new(&weights);
        gradients.take(TEXT, 0, &vec![1.0; hidden], 10.0);
        gradients.take(TEXT, 1, &vec![-1.0; hidden], 1.0);
        let fading = average.fading();
        let update = RowUpdate { step: 1, features: None, factor, bias: [0.1, 0.001], rate: 0.001, fading };
        texts.update(&mut weights, &gradients, &mut average.weights, &update);
        [0, 1, 2].map(|row| weights.fields[TEXT].rows.row(row)[0] - before.fields[TEXT].rows.row(row)[0])
    };
    let [often, once, never] = moved(1.0);
    // Ten times the learning rate, over the root of (10² + 1²) / 2.
    assert!((often + 0.1 / 50.5f32.sqrt()).abs() < 1e-5, "{often}");
    assert!((once - 0.01 / 50.5f32.sqrt()).abs() < 1e-5, "{once}");
    assert_eq!(never, 0.0);
    assert!((moved(0.01)[0] - often).abs() < 1e-5);
}
