//! foreclick predicts, inside the browser, what a visitor does next.

pub mod error;
