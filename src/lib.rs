//! foreclick predicts, inside the browser, what a visitor does next.

#[cfg(feature = "companion")]
pub mod companion;
pub mod engine;
pub mod error;
pub mod event;
pub mod format;
pub mod json;
pub mod knowledge;
pub mod metrics;
pub mod predictor;
#[cfg(target_arch = "wasm32")]
mod promise;
pub mod quant;
pub mod schema;
pub mod text;
pub mod vocab;
#[cfg(target_arch = "wasm32")]
pub mod web;
