//! The few calls of a compute API that the engine makes: wgpu's natively, the browser's own WebGPU in a page, where
//! wgpu would cost 14.6 KB more with gzip.
//!
//! Both sides have the same names, so that the kernels beside this folder know only one. Neither panics, and no
//! call fails: what a device refuses is a fault, which [`Device::fault`] tells from then on.

#[cfg(not(target_arch = "wasm32"))]
mod native;
#[cfg(target_arch = "wasm32")]
mod web;

#[cfg(not(target_arch = "wasm32"))]
pub use native::*;
#[cfg(target_arch = "wasm32")]
pub use web::*;

use std::time::Duration;

/// How long an answer may take: natively of every one, in the browser of the trial as a whole. A working GPU takes
/// milliseconds, but drivers compile kernels at their first use, which can take seconds.
pub const DEADLINE: Duration = Duration::from_secs(30);
