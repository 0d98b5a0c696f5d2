//! The four kernels, one method each; the CPU and the GPU implement them.

use crate::error::Result;
use crate::format::FEATURES;
use crate::vocab::ItemId;
use std::future::Future;

/// What one encoder step is told of the event, computed once for whichever kernel runs it.
#[derive(Debug)]
pub struct Step<'a> {
    /// The event's input, `[hidden]`.
    pub input: &'a [f32],
    /// The rotation of this position: a cosine and a sine for each pair of values, `[head_size]`; only a transformer
    /// looks at it.
    pub rotation: &'a [f32],
    /// For each place of the ring the bucket of the time since its event, `[max_len]`; empty but for HSTU.
    pub buckets: &'a [u32],
    /// Where in the ring this event's keys and values go.
    pub slot: usize,
    /// How many places of the ring hold keys and values, this one included; of a recurrent encoder, which has no ring,
    /// how many steps it has taken with this one. 1 begins a session.
    pub filled: usize,
}

/// A candidate's score beside what its row and popularity give.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Adjustment {
    /// The item; each one at most once in a list.
    pub item: ItemId,
    /// Whether it leaves the candidates.
    pub excluded: bool,
    /// Each times its gate.
    pub features: [f32; FEATURES],
    /// Added as it is.
    pub constant: f32,
}

/// The best candidates.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TopK {
    /// Item and score, best first; equal scores by item id.
    pub ranked: Vec<(ItemId, f32)>,
    /// The logarithm of the sum of exp(score) over all candidates: a score minus this is a log probability.
    pub log_sum_exp: f32,
}

/// One session's buffers on one device.
pub trait Ops {
    /// The most that `top_k` can be asked for.
    const MAX_K: usize = usize::MAX;

    /// How many ways it has to score, of which the fastest is to be found by trying.
    fn variants(&self) -> usize {
        1
    }

    /// Scores in that way from now on, one below `variants`.
    fn choose(&mut self, _variant: usize) {}

    /// The name of the way in use.
    fn kernel(&self) -> &'static str {
        "the only one"
    }

    /// One encoder step: from the event's input to the query and the gates, which stay on the device.
    ///
    /// # Errors
    /// Only on a GPU: [`crate::error::Error::Gpu`].
    fn encode(&mut self, step: &Step<'_>) -> Result<()>;

    /// All items' scores: query times row, plus the popularity gate times bias. `open_size` is the number of
    /// events in the open group, which shifts the gates.
    ///
    /// # Errors
    /// Only on a GPU.
    fn score(&mut self, open_size: usize) -> Result<()>;

    /// What `score` adds to every item's score from now on: `write` writes it, `[items]`, minus infinity for an item that is out,
    /// or nothing where there is nothing to add.
    ///
    /// # Errors
    /// Only on a GPU.
    fn priors(&mut self, write: &mut dyn FnMut(&mut Vec<f32>)) -> Result<()>;

    /// What counting adds to single scores, and which items are out.
    ///
    /// # Errors
    /// Only on a GPU.
    fn adjust(&mut self, adjustments: &[Adjustment]) -> Result<()>;

    /// The `k` best scores, read back.
    ///
    /// # Errors
    /// Only on a GPU: lost, or no answer within the deadline.
    fn top_k(&mut self, k: usize) -> impl Future<Output = Result<TopK>>;
}
