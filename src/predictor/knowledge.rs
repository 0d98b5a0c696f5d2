//! What a site knows beside the model.

use super::Predictor;
use crate::engine::Ops;
use crate::error::Result;
use crate::knowledge::{Knowledge, Limits};
use std::sync::Arc;

impl<G: Ops> Predictor<G> {
    /// Goes by what is known beside this very model from the next prediction on, or, with `None`, by nothing.
    ///
    /// # Errors
    /// None in practice; the CPU's kernels share a signature with the GPU's.
    pub fn set_knowledge(&mut self, knowledge: Option<Arc<Knowledge>>) -> Result<()> {
        self.knowledge = knowledge;
        self.cpu.know(self.knowledge.as_ref())
    }

    /// What is known beside the model.
    pub fn knowledge(&self) -> Option<&Arc<Knowledge>> {
        self.knowledge.as_ref()
    }

    /// Sets the prices that candidates may have from the next question on; it needs knowledge that tells prices.
    pub fn limit(&mut self, limits: Limits) {
        self.limits = limits;
    }
}
