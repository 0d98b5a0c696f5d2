//! The encoder in training: forward for a batch of windows, backward from the gradient of its states.
//!
//! The same networks as `engine::cpu::encode`, whole windows at once instead of an event at a time. Attention runs on
//! burn, but for the transformer on the CPU, where ours is faster; recurrent layers, of which burn would keep a graph of
//! every step, are written out by hand.

mod graph;
mod hstu;
mod recurrent;
mod rows;
mod transformer;
mod transformer_graph;

use super::buffer::Buffer;
use crate::format::{Architecture, EncoderKind, Weights};
use burn::tensor::Device;
use rand::{Rng, RngExt};
use std::borrow::Cow;

/// An encoder; burn's part of it runs on one of burn's devices.
#[derive(Debug, Clone)]
pub struct Encoder {
    device: Device,
    architecture: Architecture,
    on_cpu: bool,
}

/// Windows of equal length.
pub struct Inputs<'a> {
    /// `[windows, len, hidden]`
    pub values: Buffer,
    /// `[windows, len]`
    pub times: &'a [i64],
    pub windows: usize,
    pub len: usize,
    /// Where attention looks both ways: how many inputs each window has, `[windows]`, since what pads them would be seen too.
    /// Only a transformer can; `None` for back alone.
    pub both_ways: Option<&'a [usize]>,
}

/// A forward pass that waits for its backward pass.
pub enum Pass {
    Graph(Box<graph::Pass>),
    Transformer(transformer::Pass),
    Recurrent(recurrent::Pass),
    /// There is no state.
    Counting,
}

impl Encoder {
    /// An encoder on a device that keeps track of gradients.
    pub fn new(device: Device, architecture: Architecture) -> Self {
        let on_cpu = device == Device::flex();
        Self { device: device.autodiff(), architecture, on_cpu }
    }

    /// Runs windows; `dropout` draws the masks while training.
    pub fn forward<R: Rng>(&self, weights: &Weights, inputs: Inputs<'_>, dropout: Option<(f32, &mut R)>) -> Pass {
        let mut dropout = Dropout(dropout);
        match self.architecture.encoder {
            EncoderKind::Transformer if self.on_cpu => {
                Pass::Transformer(transformer::forward(&self.architecture, weights, inputs, &mut dropout))
            }
            EncoderKind::Transformer | EncoderKind::Hstu => {
                Pass::Graph(Box::new(graph::forward(self, weights, inputs, &mut dropout)))
            }
            EncoderKind::Gru | EncoderKind::Lstm => Pass::Recurrent(recurrent::forward(weights, inputs, &mut dropout)),
            EncoderKind::Counting => Pass::Counting,
        }
    }
}

impl Pass {
    /// The states after the last norm, `[windows * len, hidden]`.
    pub fn states(&self) -> Cow<'_, [f32]> {
        match self {
            Self::Graph(pass) => pass.states().into(),
            Self::Transformer(pass) => pass.states().into(),
            Self::Recurrent(pass) => pass.states().into(),
            Self::Counting => Vec::new().into(),
        }
    }

    /// Takes the gradient of the states, adds those of blocks and norms to `gradient`, gives that of the input,
    /// `[windows, len, hidden]`.
    pub fn backward(self, weights: &Weights, states_gradient: &[f32], gradient: &mut Weights) -> Buffer {
        match self {
            Self::Graph(pass) => pass.backward(states_gradient, gradient),
            Self::Transformer(pass) => pass.backward(weights, states_gradient, gradient),
            Self::Recurrent(pass) => pass.backward(weights, states_gradient, gradient),
            Self::Counting => Buffer::default(),
        }
    }
}

/// Inverted dropout with masks from our own stream: burn's is slow on the CPU and global.
struct Dropout<'a, R>(Option<(f32, &'a mut R)>);

impl<R: Rng> Dropout<'_, R> {
    /// What so many values are multiplied with; nothing where all stay.
    fn mask(&mut self, count: usize) -> Option<Buffer> {
        let (share, rng) = self.0.as_mut()?;
        if *share == 0.0 {
            return None;
        }
        let threshold = (f64::from(*share) * 65536.0) as u16;
        let keep = 1.0 / (1.0 - *share);
        let mut mask = Buffer::stale(count);
        for four in mask.chunks_mut(4) {
            let bits: u64 = rng.random();
            for (lane, value) in four.iter_mut().enumerate() {
                *value = if (bits >> (16 * lane)) as u16 >= threshold { keep } else { 0.0 };
            }
        }
        Some(mask)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::companion::train::TrainConfig;
    use crate::companion::train::parameters::{dense_mut, initial, zeros_like};
    use crate::companion::train::random::{Purpose, stream};
    use crate::format::Neighbours;
    use crate::schema::{FilterSeen, Schema, Task};

    /// States and all gradients, of the same windows with the same dropout, by hand and by burn.
    #[test]
    fn the_transformer_by_hand_is_the_one_on_burn() {
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
        let config =
            TrainConfig { hidden: 24, heads: 3, feed_forward: 20, blocks: 3, max_len: 9, ..Default::default() };
        let architecture = config.architecture(&schema);
        let mut weights = initial(&architecture, &schema, &[1; 5], Neighbours::default(), 1);
        let mut rng = stream(2, Purpose::Weights, 0, 0);
        for part in dense_mut(&mut weights) {
            part.values.iter_mut().for_each(|value| *value += 0.2 * (rng.random::<f32>() - 0.5));
        }
        let lengths = [13, 4, 1, 12];
        for (windows, len, both_ways) in
            [(4, 13, None), (1, 1, None), (3, 9, None), (4, 13, Some(&lengths[..])), (1, 13, Some(&lengths[..1]))]
        {
            let mut numbers = |count| (0..count).map(|_| rng.random::<f32>() - 0.5).collect::<Vec<f32>>();
            let (values, outer) = (numbers(windows * len * 24), numbers(windows * len * 24));
            let times = vec![0; windows * len];
            // Nothing is asked of what pads a window.
            let is_padding = |row: usize| both_ways.is_some_and(|lengths| row % len >= lengths[row / len]);
            let asked = |values: &[f32]| -> Vec<f32> {
                let rows = values.chunks_exact(24).enumerate().filter(|(row, _)| !is_padding(*row));
                rows.flat_map(|(_, values)| values).copied().collect()
            };
            let outer: Vec<f32> = outer
                .iter()
                .enumerate()
                .map(|(place, value)| if is_padding(place / 24) { 0.0 } else { *value })
                .collect();
            let run = |on_cpu: bool| {
                let encoder = Encoder { on_cpu, ..Encoder::new(Device::flex(), architecture.clone()) };
                let mut masks = stream(3, Purpose::Step, 0, 0);
                let inputs = Inputs { values: Buffer::copy_of(&values), times: &times, windows, len, both_ways };
                let pass = encoder.forward(&weights, inputs, Some((0.3, &mut masks)));
                assert_eq!(matches!(pass, Pass::Transformer(_)), on_cpu);
                let states = pass.states().into_owned();
                let mut gradient = zeros_like(&weights);
                let input = pass.backward(&weights, &outer, &mut gradient).to_vec();
                let mut all = vec![asked(&states), asked(&input)];
                all.extend(dense_mut(&mut gradient).iter().map(|part| part.values.to_vec()));
                all
            };
            let (by_hand, by_burn) = (run(true), run(false));
            assert_eq!(by_hand.len(), by_burn.len());
            for (part, (ours, theirs)) in by_hand.iter().zip(&by_burn).enumerate() {
                assert_eq!(ours.len(), theirs.len());
                for (a, b) in ours.iter().zip(theirs) {
                    assert!((a - b).abs() < 2e-4 * (1.0 + b.abs()), "{windows} x {len}, part {part}: {a} and {b}");
                }
            }
        }
    }
}
