//! The model file: a safetensors container whose one metadata entry says what the tensors mean.

mod container;
mod model;
mod read;
mod weights;
mod write;

pub use container::{Container, Dtype, TensorView, Writer};
pub use model::{FORMAT_VERSION, Metadata, Model};
pub use weights::{
    Architecture, Block, Context, Counting, FEATURES, FieldWeights, GAP_BUCKETS, ItemTable, Matrix, Neighbours,
    OPEN_BUCKETS, REPEAT_COUNTS, REPEAT_LASTS, TERMS, Weights,
};
