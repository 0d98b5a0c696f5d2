//! Looks for better values of `[train]`: random search (Bergstra and Bengio 2012) with successive halving (Jamieson and
//! Talwalkar 2016, arXiv 1502.07943), which is one bracket of Hyperband (Li et al. 2018, arXiv 1603.06560).
//!
//! All trials train for a few epochs; of them the best few train for more, and so on, judged by NDCG@10 on the validation
//! part alone. **Each rung trains anew, with the whole schedule of its own epochs.** The learning rate falls to a twentieth
//! over a run's epochs. Trials that went on from a checkpoint would have to follow the last rung's schedule from the
//! beginning, and the first rungs would compare models in the middle of it, at nearly the highest rate: whoever asks
//! for little of it would win. It would save about one in `factor` of each later rung. And so every result is
//! that of an ordinary run, which `foreclick train` gives again to the bit.

mod halving;
mod search;
mod space;
mod trials;

pub use halving::{Rung, rungs};
pub use search::{Next, search};
pub use trials::{Best, Score, Trial, Trials};
