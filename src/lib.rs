//! foreclick predicts, inside the browser, what a visitor does next.

#[cfg(feature = "companion")]
pub mod companion;
pub mod engine;
pub mod error;
pub mod event;
pub mod format;
pub mod metrics;
pub mod quant;
pub mod schema;
pub mod vocab;
