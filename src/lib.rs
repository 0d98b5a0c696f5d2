//! foreclick predicts, inside the browser, what a visitor does next.

#[cfg(feature = "companion")]
pub mod companion;
pub mod error;
pub mod event;
pub mod schema;
pub mod vocab;
