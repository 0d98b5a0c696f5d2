//! What a fine-tuned model's file differs in from the file that a page already has.

use super::{Gate, RunFolder};
use crate::companion::config::Config;
use crate::companion::data::Dataset;
use crate::format::{Model, differences};
use anyhow::{Context, Result, bail, ensure};
use std::path::PathBuf;
use std::sync::Arc;

/// A delta, and what it is over.
pub struct Delta {
    /// The model file that pages have.
    pub base: PathBuf,
    /// The file that holds only what differs.
    pub bytes: Arc<Vec<u8>>,
    /// How the two together rank beside the trained model.
    pub gate: Gate,
}

impl RunFolder {
    /// Writes down what the run's exported model differs in from the one that it went on from: tensors that are not the same, and
    /// of a matrix whose difference is of low rank two narrow ones.
    ///
    /// # Errors
    /// When the run began anew, either has no exported file, or they have different bits.
    pub fn delta(&self, config: &Config, dataset: &Dataset) -> Result<Delta> {
        let (Some(begun), Some(base)) = (config.fine_tune.read()?, config.fine_tune.shipped_file()) else {
            bail!(
                "the run began anew, so that its file differs in everything; a delta is of a run with [fine_tune] from"
            );
        };
        let base_bytes = std::fs::read(&base)
            .map(Arc::new)
            .with_context(|| format!("can't read {}; export that run's model first", base.display()))?;
        let exported = self.exported()?.context("the run has no model.safetensors; export it first")?;
        let shipped = Model::from_file(&base_bytes, None).with_context(|| base.display().to_string())?;
        let (ours, theirs) = (exported.metadata.bits, shipped.metadata.bits);
        ensure!(
            ours == theirs,
            "the run's file has {ours} bits and {} {theirs}; export it with --bits {theirs}, where that passes",
            base.display()
        );
        let trained = self.best()?;
        let bytes = Arc::new(differences(&base_bytes, &exported, &trained.weights.blocks, &begun.weights.blocks)?);
        let composed = Model::from_file(&base_bytes, Some(&bytes))?;
        ensure!(
            is_same_but_for_blocks(&composed, &exported),
            "{} has parts that the run's file lacks, as what --meta learned, and a delta takes nothing away; ship the whole file",
            base.display()
        );
        let composed = Arc::new(composed);
        let gate = self.gate(config, dataset, &trained, &composed, bytes.len())?;
        Ok(Delta { base, bytes, gate })
    }
}

/// What is a product in a delta is rounded in another way.
fn is_same_but_for_blocks(composed: &Model, exported: &Model) -> bool {
    let mut composed = composed.clone();
    composed.metadata.base = None;
    composed.weights.blocks.clone_from(&exported.weights.blocks);
    composed == *exported
}
