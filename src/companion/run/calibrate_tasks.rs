//! After training: each head's outputs are stretched and shifted so that its answers can be believed, fitted on the validation
//! part (Platt 1999; for classes one temperature, Guo et al. 2017, arXiv 1706.04599; for a number a straight line). What is
//! fitted becomes part of the head's own weights: the file and the engine know nothing of it.

use crate::companion::data::Dataset;
use crate::companion::evaluate::Answered;
use crate::format::HeadWeights;
use crate::schema::{Head, HeadKind};

/// With fewer labels than this in a half there is no telling.
const FEWEST_LABELS: usize = 100;

/// Newton's steps; a few are enough.
const STEPS: usize = 30;

/// Halvings of a step, at most.
const HALVINGS: i32 = 20;

/// What pulls a line towards no change, in labels: half the square of what it changes counts as one label's loss. Labels that are told
/// apart without an error would stretch outputs without end.
const PULL: f64 = 1.0;

/// `stretch * output + shift`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Line {
    pub stretch: f64,
    pub shift: f64,
}

const SAME: Line = Line { stretch: 1.0, shift: 0.0 };

/// The line for a head, if each half of the sequences finds what was fitted to the other half better than none.
pub fn fit(dataset: &Dataset, head: &Head, answered: &Answered) -> Option<Line> {
    let width = head.outputs();
    let mut halves = [Vec::new(), Vec::new()];
    for ((&place, &label), outputs) in
        answered.places.iter().zip(&answered.labels).zip(answered.outputs.chunks_exact(width))
    {
        let sequence = dataset.sequences.offsets.partition_point(|&start| start as usize <= place);
        halves[sequence % 2].push((target(head, label), outputs));
    }
    let [even, odd] = &halves;
    let better =
        |fitted: &[Told<'_>], judging: &[Told<'_>]| loss(head, judging, line(head, fitted)) < loss(head, judging, SAME);
    let enough = even.len().min(odd.len()) >= FEWEST_LABELS;
    (enough && better(even, odd) && better(odd, even)).then(|| line(head, &halves.concat()))
}

/// Makes a line part of a head.
pub fn apply(weights: &mut HeadWeights, Line { stretch, shift }: Line) {
    weights.weight.values.iter_mut().for_each(|value| *value *= stretch as f32);
    weights.bias.iter_mut().for_each(|bias| *bias = (f64::from(*bias) * stretch + shift) as f32);
}

/// A label as the outputs have it, and the outputs.
type Told<'a> = (f64, &'a [f32]);

fn target(head: &Head, label: f32) -> f64 {
    match head.kind {
        HeadKind::Number { mean, std } => f64::from((label - mean) / std),
        HeadKind::Binary { .. } | HeadKind::Classes { .. } => f64::from(label),
    }
}

/// Newton's method on the mean loss, from no change on; a step that goes too far is halved.
fn line(head: &Head, told: &[Told<'_>]) -> Line {
    let pulled = |line: Line| {
        let pull = PULL / 2.0 * ((line.stretch - 1.0).powi(2) + line.shift.powi(2));
        loss(head, told, line) + pull / told.len().max(1) as f64
    };
    let (mut line, mut least) = (SAME, pulled(SAME));
    for _ in 0..STEPS {
        // The gradient by stretch and shift, and the second derivatives.
        let [mut by_stretch, mut by_shift] = [PULL * (line.stretch - 1.0), PULL * line.shift];
        let [mut aa, mut ab, mut bb] = [PULL, 0.0, PULL];
        for (label, outputs) in told {
            if let HeadKind::Classes { .. } = head.kind {
                let shares = shares(outputs, line.stretch);
                let mean =
                    |power| -> f64 { outputs.iter().zip(&shares).map(|(&z, p)| p * f64::from(z).powi(power)).sum() };
                by_stretch += mean(1) - f64::from(outputs[*label as usize]);
                aa += mean(2) - mean(1).powi(2);
                bb = 1.0;
                continue;
            }
            let z = f64::from(outputs[0]);
            let output = line.stretch * z + line.shift;
            let (error, curve) = match head.kind {
                HeadKind::Number { .. } => (output - label, 1.0),
                _ => {
                    let p = 1.0 / (1.0 + (-output).exp());
                    (p - label, p * (1.0 - p))
                }
            };
            by_stretch += error * z;
            by_shift += error;
            aa += curve * z * z;
            ab += curve * z;
            bb += curve;
        }
        let determinant = aa * bb - ab * ab;
        let step = [(bb * by_stretch - ab * by_shift) / determinant, (aa * by_shift - ab * by_stretch) / determinant];
        let shorter = (0..HALVINGS).map(|halvings| 0.5f64.powi(halvings)).find_map(|part| {
            let next = Line { stretch: line.stretch - part * step[0], shift: line.shift - part * step[1] };
            let loss = pulled(next);
            (loss < least).then_some((next, loss))
        });
        let Some(next) = shorter else { break };
        (line, least) = next;
    }
    // A line that falls, or none, is no calibration.
    if line.stretch > 0.0 && line.stretch.is_finite() && line.shift.is_finite() { line } else { SAME }
}

fn shares(outputs: &[f32], stretch: f64) -> Vec<f64> {
    let largest = outputs.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let shares: Vec<f64> = outputs.iter().map(|&z| (stretch * f64::from(z - largest)).exp()).collect();
    let sum: f64 = shares.iter().sum();
    shares.into_iter().map(|share| share / sum).collect()
}

fn loss(head: &Head, told: &[Told<'_>], Line { stretch, shift }: Line) -> f64 {
    let one = |(label, outputs): &Told<'_>| {
        let output = stretch * f64::from(outputs[0]) + shift;
        match head.kind {
            HeadKind::Number { .. } => (output - label).powi(2) / 2.0,
            HeadKind::Binary { .. } => output.max(0.0) + (-output.abs()).exp().ln_1p() - label * output,
            HeadKind::Classes { .. } => -shares(outputs, stretch)[*label as usize].max(f64::MIN_POSITIVE).ln(),
        }
    };
    told.iter().map(one).sum::<f64>() / told.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::companion::evaluate::testing::{Event, dataset};
    use crate::format::Matrix;
    use crate::schema::FilterSeen;

    /// Outputs that are `stretch` times too far out, and `shift` off, of labels drawn as the true ones say.
    fn told(kind: HeadKind, stretch: f32, shift: f32) -> (Option<Line>, Head) {
        let events: Vec<Vec<Event>> = (0..2000).map(|_| vec![Event::validation(0, 0)]).collect();
        let log = dataset(1, FilterSeen::None, false, &events.iter().map(Vec::as_slice).collect::<Vec<_>>());
        let head = Head { name: "a".into(), kind };
        let mut answered = Answered { places: (0..2000).collect(), ..Answered::default() };
        for place in 0..2000_u32 {
            let truth = (place % 41) as f32 / 10.0 - 2.0;
            let drawn = (place.wrapping_mul(2_654_435_761) >> 8) as f32 / (1 << 24) as f32;
            let yes = drawn < 1.0 / (1.0 + (-truth).exp());
            let output = stretch * truth + shift;
            match head.kind {
                HeadKind::Classes { .. } => answered.outputs.extend([0.0, output]),
                _ => answered.outputs.push(output),
            }
            let label = if matches!(head.kind, HeadKind::Number { .. }) {
                10.0 + 3.0 * truth
            } else {
                f32::from(u8::from(yes))
            };
            answered.labels.push(label);
        }
        (fit(&log, &head, &answered), head)
    }

    #[test]
    fn what_was_stretched_and_shifted_is_set_right() {
        let names = vec!["no".into(), "yes".into()];
        for (kind, shift, near) in [
            (HeadKind::Binary { threshold: 0.5 }, 1.0, 0.15),
            (HeadKind::Classes { names, shares: Vec::new() }, 0.0, 0.15),
            (HeadKind::Number { mean: 10.0, std: 3.0 }, 1.0, 1e-3),
        ] {
            let Line { stretch, shift: found } = told(kind.clone(), 4.0, shift).0.unwrap();
            assert!((stretch - 0.25).abs() < 0.25 * near, "{kind:?}: {stretch}");
            assert!((found + f64::from(shift) / 4.0).abs() < near, "{kind:?}: {found}");
        }
    }

    #[test]
    fn what_is_right_is_left_alone_and_a_line_becomes_part_of_the_head() {
        let line = told(HeadKind::Number { mean: 10.0, std: 3.0 }, 1.0, 0.0).0;
        assert!(line.is_none_or(|line| (line.stretch - 1.0).abs() < 1e-3), "{line:?}");
        let mut weights =
            HeadWeights { weight: Matrix { columns: 2, values: vec![1.0, -2.0] }, bias: vec![3.0], log_variance: 0.0 };
        apply(&mut weights, Line { stretch: 0.5, shift: 1.0 });
        assert_eq!((weights.weight.values, weights.bias), (vec![0.5, -1.0], vec![2.5]));
    }
}
