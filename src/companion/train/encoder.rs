//! The encoder in training: forward for a batch of windows, backward from the gradient of its states.
//!
//! The same networks as `engine::cpu::encode`, whole windows at once instead of an event at a time. Attention runs on
//! burn; recurrent layers, of which burn would keep a graph of every step, are written out by hand.

mod graph;
mod hstu;
mod recurrent;
mod transformer;

use crate::format::{Architecture, EncoderKind, Weights};
use burn::tensor::Device;
use rand::{Rng, RngExt};

/// An encoder; burn's part of it runs on one of burn's devices.
#[derive(Debug, Clone)]
pub struct Encoder {
    device: Device,
    architecture: Architecture,
}

/// Windows of equal length.
pub struct Inputs<'a> {
    /// `[windows, len, hidden]`
    pub values: Vec<f32>,
    /// `[windows, len]`
    pub times: &'a [i64],
    pub windows: usize,
    pub len: usize,
}

/// A forward pass that waits for its backward pass.
pub enum Pass {
    Attention(Box<graph::Pass>),
    Recurrent(recurrent::Pass),
    /// There is no state.
    Counting,
}

impl Encoder {
    /// An encoder on a device that keeps track of gradients.
    pub fn new(device: Device, architecture: Architecture) -> Self {
        Self { device: device.autodiff(), architecture }
    }

    /// Runs windows; `dropout` draws the masks while training.
    pub fn forward<R: Rng>(&self, weights: &Weights, inputs: Inputs<'_>, dropout: Option<(f32, &mut R)>) -> Pass {
        let mut dropout = Dropout(dropout);
        match self.architecture.encoder {
            EncoderKind::Transformer | EncoderKind::Hstu => {
                Pass::Attention(Box::new(graph::forward(self, weights, inputs, &mut dropout)))
            }
            EncoderKind::Gru | EncoderKind::Lstm => Pass::Recurrent(recurrent::forward(weights, inputs, &mut dropout)),
            EncoderKind::Counting => Pass::Counting,
        }
    }
}

impl Pass {
    /// The states after the last norm, `[windows * len, hidden]`.
    pub fn states(&self) -> Vec<f32> {
        match self {
            Self::Attention(pass) => pass.states(),
            Self::Recurrent(pass) => pass.states(),
            Self::Counting => Vec::new(),
        }
    }

    /// Takes the gradient of the states, adds those of blocks and norms to `gradient`, gives that of the input,
    /// `[windows, len, hidden]`.
    pub fn backward(self, weights: &Weights, states_gradient: Vec<f32>, gradient: &mut Weights) -> Vec<f32> {
        match self {
            Self::Attention(pass) => pass.backward(states_gradient, gradient),
            Self::Recurrent(pass) => pass.backward(weights, &states_gradient, gradient),
            Self::Counting => Vec::new(),
        }
    }
}

/// Inverted dropout with masks from our own stream: burn's is slow on the CPU and global.
struct Dropout<'a, R>(Option<(f32, &'a mut R)>);

impl<R: Rng> Dropout<'_, R> {
    /// What so many values are multiplied with; nothing where all stay.
    fn mask(&mut self, count: usize) -> Option<Vec<f32>> {
        let (share, rng) = self.0.as_mut()?;
        if *share == 0.0 {
            return None;
        }
        let threshold = (f64::from(*share) * 65536.0) as u16;
        let keep = 1.0 / (1.0 - *share);
        let mut mask = Vec::with_capacity(count + 3);
        while mask.len() < count {
            let bits: u64 = rng.random();
            mask.extend((0..4).map(|lane| if (bits >> (16 * lane)) as u16 >= threshold { keep } else { 0.0 }));
        }
        mask.truncate(count);
        Some(mask)
    }
}
