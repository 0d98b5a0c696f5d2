//! `[distill]`: a run that learns from what other runs answer.

use crate::error::{Error, Result};
use crate::format::Model;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::Arc;

/// Who teaches, and how much they count. The loss is written in `head/teachers.rs`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DistillConfig {
    /// Folders of runs of the same log, schema and `[split]`; the mean of their answers is learned from beside the log. Default:
    /// none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub teachers: Vec<PathBuf>,
    /// What scores are divided by before they become probabilities: the larger, the more the unlikely counts. Default 1.
    pub temperature: f32,
    /// The teachers' share of the loss, above 0 to 1; the rest is that of what came. Default 0.5.
    pub weight: f32,
}

/// What a run learns from beside the log.
#[derive(Debug, Clone)]
pub struct Distill<'a> {
    /// How much teachers count.
    pub config: &'a DistillConfig,
    /// Models as trained.
    pub teachers: Vec<Arc<Model>>,
}

impl Default for DistillConfig {
    fn default() -> Self {
        Self { teachers: Vec::new(), temperature: 1.0, weight: 0.5 }
    }
}

impl DistillConfig {
    /// Checks the section.
    ///
    /// # Errors
    /// [`Error::Argument`] names the key, its value and what was expected.
    pub fn validate(&self) -> Result<()> {
        let Self { teachers: _, temperature, weight } = self;
        if !(0.1..=100.0).contains(temperature) {
            return Err(Error::Argument(format!("[distill] temperature is {temperature}, expected 0.1 to 100")));
        }
        if !(*weight > 0.0 && *weight <= 1.0) {
            return Err(Error::Argument(format!("[distill] weight is {weight}, expected above 0, at most 1")));
        }
        Ok(())
    }
}
