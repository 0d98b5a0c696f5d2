//! The best scores and the logarithm of the sum of their exponentials: see `top_k.wgsl`.

use super::super::ops::TopK;
use super::context::{GpuBuffer, GpuContext};
use super::device::{BindGroup, BufferUsages, ComputePass, ComputePipeline, dispatch};
use super::model::GpuModel;
use super::session::Buffers;
use super::shape::{EXCLUDED, MAX_K, PAIR_BYTES, Shape, WORKGROUP};
use crate::error::Result;

/// The kernel.
pub const SOURCE: &str = include_str!(concat!(env!("OUT_DIR"), "/top_k.wgsl"));

/// What all sessions of a model share.
pub struct Kernel {
    rank_chunk: ComputePipeline,
    pick: ComputePipeline,
    chunks: usize,
}

impl Kernel {
    pub fn new(context: &GpuContext, shape: &Shape) -> Self {
        let source = shape.source(SOURCE);
        Self {
            rank_chunk: context.pipeline(&source, "rank_chunk"),
            pick: context.pipeline(&source, "pick"),
            chunks: shape.chunks(),
        }
    }
}

/// One session's share.
pub struct Session {
    rank_chunk: BindGroup,
    pick: BindGroup,
    /// The logarithm of the whole sum in place 0, then the best: `[1 + k]` pairs.
    pub result: GpuBuffer,
    /// What the chunks' threads found: only the bind groups use them, but they must live as long.
    _kept: [GpuBuffer; 2],
}

impl Session {
    pub fn new(model: &GpuModel, shared: &Buffers) -> Result<Self> {
        let (context, kernel) = (&model.context, &model.top_k);
        let Buffers { call, scores, .. } = shared;
        let bests = context.buffer("chunks' bests", kernel.chunks * PAIR_BYTES, BufferUsages::STORAGE)?;
        let sums = context.buffer("chunks' sums", 4 * kernel.chunks, BufferUsages::STORAGE)?;
        let usage = BufferUsages::STORAGE | BufferUsages::COPY_SRC;
        let result = context.buffer("ranked", result_bytes(MAX_K), usage)?;
        Ok(Self {
            rank_chunk: context.bind_some(&kernel.rank_chunk, &[(1, &**scores), (2, &*bests), (3, &*sums)]),
            pick: context.bind(&kernel.pick, &[call, scores, &bests, &sums, &result]),
            result,
            _kept: [bests, sums],
        })
    }

    pub fn record(&self, kernel: &Kernel, pass: &mut ComputePass<'_>) {
        dispatch(pass, &kernel.rank_chunk, &self.rank_chunk, kernel.chunks.div_ceil(WORKGROUP));
        dispatch(pass, &kernel.pick, &self.pick, 1);
    }
}

/// Bytes of a result of `k` candidates.
pub fn result_bytes(k: usize) -> usize {
    (1 + k) * PAIR_BYTES
}

/// Reads the result's words; places that nobody took are at [`EXCLUDED`].
pub fn parse(words: &[u32]) -> TopK {
    let (pairs, _) = words.as_chunks::<2>();
    let pairs = pairs.iter().map(|&[item, score]| (item, f32::from_bits(score)));
    let log_sum_exp = pairs.clone().next().map_or(f32::NEG_INFINITY, |(_, sum)| sum);
    let ranked: Vec<_> = pairs.skip(1).take_while(|&(_, score)| score > EXCLUDED).collect();
    let log_sum_exp = if ranked.is_empty() { f32::NEG_INFINITY } else { log_sum_exp };
    TopK { ranked, log_sum_exp }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_that_nobody_took_are_left_out() {
        let words = |pairs: &[(u32, f32)]| pairs.iter().flat_map(|pair| [pair.0, pair.1.to_bits()]).collect::<Vec<_>>();
        let found = parse(&words(&[(0, 2.5), (7, 2.0), (3, 1.0), (u32::MAX, EXCLUDED)]));
        assert_eq!(found, TopK { ranked: vec![(7, 2.0), (3, 1.0)], log_sum_exp: 2.5 });
        let nobody = parse(&words(&[(0, EXCLUDED), (u32::MAX, EXCLUDED)]));
        assert_eq!(nobody, TopK { ranked: vec![], log_sum_exp: f32::NEG_INFINITY });
    }
}
