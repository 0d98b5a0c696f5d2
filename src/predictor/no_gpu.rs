//! What stands for a GPU where there is none.

use crate::engine::{Adjustment, Ops, Step, TopK};
use crate::error::Result;

/// No device beside the CPU.
#[derive(Debug)]
pub enum NoGpu {}

impl Ops for NoGpu {
    fn encode(&mut self, _: &Step<'_>) -> Result<()> {
        match *self {}
    }

    fn score(&mut self, _: usize) -> Result<()> {
        match *self {}
    }

    fn priors(&mut self, _: &mut dyn FnMut(&mut Vec<f32>)) -> Result<()> {
        match *self {}
    }

    fn adjust(&mut self, _: &[Adjustment]) -> Result<()> {
        match *self {}
    }

    async fn top_k(&mut self, _: usize) -> Result<TopK> {
        match *self {}
    }
}
