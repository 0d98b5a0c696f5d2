//! The native companion: reads a log, trains, evaluates, exports.

pub mod config;
pub mod data;
pub mod evaluate;
pub mod train;
pub mod evaluate;
