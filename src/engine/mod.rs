//! Runs a model; knows nothing of training.
//!
//! One event costs one step of the encoder: keys and values of earlier events stay in a ring. Four kernels do all
//! the work, on the CPU (scalar and SIMD) and on the GPU alike: `encode`, `score`, `adjust`, `top_k`.

pub mod counting;
pub mod cpu;
#[cfg(any(feature = "gpu", target_arch = "wasm32"))]
pub mod gpu;
pub mod input;
mod knowing;
mod ops;
pub mod personal;
mod stream;

pub use ops::{Adjustment, Ops, Step, TopK};
pub use stream::Stream;
