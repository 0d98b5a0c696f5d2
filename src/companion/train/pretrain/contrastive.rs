//! Two views of each window, and a loss that is small where their last states point the same way and those of other windows
//! another (NT-Xent: SimCLR, Chen et al. 2020, arXiv 2002.05709; of sequences: CL4SRec, Xie et al. 2022, arXiv 2010.14395).

use crate::companion::train::augment::chance;
use crate::companion::train::examples::Window;
use crate::companion::train::vector::{add_scaled, dot, exponentials, largest, multiply};
use rand::{Rng, RngExt};

/// Of a shorter window there is nothing to leave out, and nothing to tell a hidden event from: its start and two events.
pub const FEWEST_INPUTS: usize = 3;

/// A shorter state points nowhere.
const SHORTEST: f32 = 1e-12;

/// Each window that is long enough twice, one after the other; a share of `crop` of them are a stretch of half the window or more.
pub fn views(windows: &[Window], crop: f32, rng: &mut impl Rng) -> Vec<Window> {
    let mut view = |window: &Window| {
        let inputs = window.inputs.len();
        let (mut begin, mut len) = (0, inputs);
        if chance(crop, rng) {
            len = rng.random_range(inputs.div_ceil(2)..=inputs);
            begin = rng.random_range(0..=inputs - len);
        }
        let begin = window.inputs.start + begin;
        Window { sequence: window.sequence, inputs: begin..begin + len }
    };
    let mut views = Vec::new();
    for window in windows.iter().filter(|window| window.inputs.len() >= FEWEST_INPUTS) {
        views.extend([view(window), view(window)]);
    }
    views
}

/// The sum over views i of `-ln(exp(c_ip / t) / sum over j of exp(c_ij / t))`, with c the cosines of the states, t the temperature,
/// p the view's pair and j all others but views of the same sequence's other windows. `rows` are the states' rows,
/// in pairs, of `states`, `[rows, hidden]`, whose gradient is added to.
pub fn tell_apart(
    views: &[Window],
    rows: &[usize],
    temperature: f32,
    (states, hidden): (&[f32], usize),
    states_gradient: &mut [f32],
) -> f64 {
    let count = views.len();
    let state = |row: usize| row * hidden..(row + 1) * hidden;
    let lengths: Vec<f32> =
        rows.iter().map(|&row| dot(&states[state(row)], &states[state(row)]).sqrt().max(SHORTEST)).collect();
    let unit = |(&row, &length): (&usize, &f32)| states[state(row)].iter().map(move |value| value / length);
    let units: Vec<f32> = rows.iter().zip(&lengths).flat_map(unit).collect();
    let mut scores = vec![0.0; count * count];
    multiply([count, count, hidden], &mut scores, &units, [hidden, 1], &units, [1, hidden], false);
    let mut loss = 0.0;
    for (view, scores) in scores.chunks_exact_mut(count.max(1)).enumerate() {
        let pair = view ^ 1;
        for (other, score) in scores.iter_mut().enumerate() {
            let is_asked = other == pair || views[other].sequence != views[view].sequence;
            *score = if is_asked { *score / temperature } else { f32::NEG_INFINITY };
        }
        let (shift, own) = (largest(scores), scores[pair]);
        let sum = exponentials(scores, shift);
        loss += f64::from(sum.ln() + shift - own);
        scores.iter_mut().for_each(|share| *share /= sum);
        scores[pair] -= 1.0;
    }
    // Each cosine is that of two units, and moves both.
    let mut back = vec![0.0; units.len()];
    multiply([count, hidden, count], &mut back, &scores, [count, 1], &units, [hidden, 1], false);
    multiply([count, hidden, count], &mut back, &scores, [1, count], &units, [hidden, 1], true);
    let parts = back.chunks_exact(hidden).zip(units.chunks_exact(hidden)).zip(rows.iter().zip(&lengths));
    for ((back, unit), (&row, &length)) in parts.filter(|(_, (_, length))| **length > SHORTEST) {
        let factor = 1.0 / (temperature * length);
        add_scaled(&mut states_gradient[state(row)], back, factor);
        add_scaled(&mut states_gradient[state(row)], unit, -factor * dot(back, unit));
    }
    loss
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::companion::train::random::{Purpose, stream};

    const HIDDEN: usize = 6;

    /// Views of sequences 0, 0, 1, 1 and so on; the states of some other rows lie between theirs.
    fn loss(sequences: &[usize], states: &[f32], gradient: &mut [f32]) -> f64 {
        let views: Vec<Window> = sequences.iter().map(|&sequence| Window { sequence, inputs: 0..3 }).collect();
        let rows: Vec<usize> = (0..views.len()).map(|view| 2 * view + 1).collect();
        tell_apart(&views, &rows, 0.5, (states, HIDDEN), gradient)
    }

    #[test]
    fn the_gradient_equals_finite_differences() {
        let sequences = [0, 0, 1, 1, 2, 2, 1, 1, 4, 4];
        let mut rng = stream(1, Purpose::Views, 5, 5);
        let mut states: Vec<f32> = (0..2 * sequences.len() * HIDDEN).map(|_| rng.random::<f32>() - 0.5).collect();
        let mut gradient = vec![0.0; states.len()];
        loss(&sequences, &states, &mut gradient);
        for (place, &expected) in gradient.iter().enumerate() {
            // Rows without a view have none.
            assert_eq!(expected != 0.0, place / HIDDEN % 2 == 1, "{place}");
            let before = states[place];
            let mut at = |value: f32| {
                states[place] = value;
                loss(&sequences, &states, &mut [0.0; 20 * HIDDEN])
            };
            let measured = (at(before + 1e-2) - at(before - 1e-2)) / 2e-2;
            at(before);
            assert!(
                (measured - f64::from(expected)).abs() < 0.01 * measured.abs() + 0.02,
                "{place}: {measured}, {expected}"
            );
        }
    }

    #[test]
    fn the_same_sequences_other_windows_are_not_told_apart() {
        // Windows 0 and 1 are of one sequence: all four views alike, so that one of the two is as near as the other.
        let alike = [1.0; 8 * HIDDEN];
        let together = loss(&[0, 0, 0, 0], &alike, &mut [0.0; 8 * HIDDEN]);
        assert!(together.abs() < 1e-5, "{together}");
        let apart = loss(&[0, 0, 1, 1], &alike, &mut [0.0; 8 * HIDDEN]);
        assert!((apart - 4.0 * 3f64.ln()).abs() < 1e-4, "{apart}");
    }
}
