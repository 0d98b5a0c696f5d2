//! The four kernels as compute shaders, in the browser and natively.
//!
//! Whatever goes wrong here is an [`crate::error::Error::Gpu`], and the CPU goes on: nothing panics, nothing waits
//! without end.

mod adjust;
mod context;
mod device;
mod encode;
mod model;
mod readback;
mod score;
mod session;
mod shape;
mod top_k;

pub use context::GpuContext;
pub use device::DEADLINE;
pub use model::GpuModel;
pub use session::Gpu;
pub use shape::{ADJUSTMENT_BYTES, CALL_BYTES, EXCLUDED, MAX_K, PAIR_BYTES, Shape};

/// Each kernel's name and whole source, as compiled for a shape; `score` in each of its ways.
pub fn shaders(shape: &Shape) -> Vec<(&'static str, String)> {
    let encode = encode::source(shape.encoder());
    let kernels = [("encode", encode), ("adjust", adjust::SOURCE.to_owned()), ("top_k", top_k::SOURCE.to_owned())];
    let ways = score::variants().map(|(_, kernel)| ("score", kernel));
    kernels.into_iter().chain(ways).map(|(name, kernel)| (name, shape.source(&kernel))).collect()
}
