//! The native companion: reads a log, trains, evaluates, exports.

pub mod cli;
pub mod config;
pub mod data;
pub mod evaluate;
pub mod meta;
pub mod onnx;
pub mod policy;
pub mod privacy;
pub mod report;
pub mod run;
pub mod train;
pub mod tune;
