//! The model file: a safetensors container whose one metadata entry says what the tensors mean.

mod blocks;
mod container;
mod delta;
mod fingerprint;
mod low_rank;
mod model;
mod personal;
mod read;
mod weights;
mod write;

pub use blocks::{Block, EncoderKind, HstuBlock, RecurrentBlock, TIME_BUCKETS, TransformerBlock};
pub use container::{Container, Dtype, TensorView, Writer};
pub use delta::differences;
pub use fingerprint::fingerprint_text;
pub use low_rank::{LowRank, add_product};
pub use model::{FORMAT_VERSION, Metadata, Model};
pub use personal::{MAX_RANK, OWN_GATES, PersonalStart};
pub use weights::{
    Architecture, Context, Counting, FEATURES, FieldWeights, GAP_BUCKETS, HOURS, HeadWeights, ItemTable, Matrix,
    Neighbours, OPEN_BUCKETS, REPEAT_BUCKETS, REPEAT_COUNTS, REPEAT_LASTS, TERMS, WEEKDAYS, Weights,
};
