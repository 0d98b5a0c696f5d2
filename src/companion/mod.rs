//! The native companion: reads a log, trains, evaluates, exports.

pub mod data;
pub mod train;
