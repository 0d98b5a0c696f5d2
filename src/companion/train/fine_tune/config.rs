//! `[fine_tune]`

use super::kept::Kept;
use crate::error::{Error, Result};
use crate::format::{EncoderKind, Model};
use anyhow::Context;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::Arc;

/// What training begins with, and what of it learns further.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FineTuneConfig {
    /// A run's folder or a model file to go on from: items, fields and tasks are matched by name, and the sizes in `[train]` are
    /// that model's. So is what a field of that name and kind counts by: its mean, spread and boundaries, and its values, after which
    /// come new ones. Default: none, training begins anew.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<PathBuf>,
    /// What learns, beside what is new: "full" (everything), "heads" (what answers: gates and tasks), "adapters" (and `rank`
    /// further units in each feed-forward layer), "lora" (and a product of rank `rank` that is added to each matrix of the encoder,
    /// its vectors, and the inputs' tables other than items' and texts') or "adalora" (the same, the ranks moved to where they
    /// matter, `rank` a matrix on average). Default "full".
    pub method: Method,
    /// See `method`. Default 4.
    pub rank: usize,
    /// Which items there are and which are met beside which: "base" (all that the model has, and its neighbours; what is new in
    /// the log has none) or "own" (those of the log, counted anew). With events that the model has learned from, "own" is right:
    /// a table promises too much of what it was counted on. Default "base".
    pub catalogue: Catalogue,
    /// "full" only: the top block learns from the first epoch on, each one below so many epochs later, then the inputs (Howard
    /// and Ruder 2018, arXiv 1801.06146); 0 for all at once. Default 0.
    pub unfreeze_epochs: usize,
}

/// What learns of a model that is gone on from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// Everything.
    Full,
    /// What answers: gates and tasks' heads.
    Heads,
    /// And further units in each feed-forward layer, beside the others (He et al. 2022, arXiv 2110.04366).
    Adapters,
    /// And products of low rank (Hu et al. 2021, arXiv 2106.09685).
    Lora,
    /// And products whose ranks follow what they matter (AdaLoRA, Zhang et al. 2023, arXiv 2303.10512).
    Adalora,
}

/// Where items and their neighbours come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Catalogue {
    /// From the model that is gone on from.
    Base,
    /// From the log.
    Own,
}

impl Default for FineTuneConfig {
    fn default() -> Self {
        Self { from: None, method: Method::Full, rank: 4, catalogue: Catalogue::Base, unfreeze_epochs: 0 }
    }
}

impl FineTuneConfig {
    /// The model to go on from, where there is one: a run's best as trained, or a file's.
    ///
    /// # Errors
    /// When it is not there, or damaged.
    pub fn read(&self) -> anyhow::Result<Option<Arc<Model>>> {
        let read = |path: PathBuf| anyhow::Ok(Arc::new(Model::from_bytes(&std::fs::read(path)?)?));
        let model = self.file().map(|path| {
            let name = path.display().to_string();
            read(path).with_context(|| format!("[fine_tune] from: {name} is no model that can be gone on from"))
        });
        model.transpose()
    }

    /// Its file.
    pub fn file(&self) -> Option<PathBuf> {
        self.file_of_run("checkpoints/best.safetensors")
    }

    /// The file that pages have of it: what a run exported.
    pub fn shipped_file(&self) -> Option<PathBuf> {
        self.file_of_run("model.safetensors")
    }

    fn file_of_run(&self, name: &str) -> Option<PathBuf> {
        let from = self.from.as_ref()?;
        Some(if from.is_dir() { from.join(name) } else { from.clone() })
    }

    /// What the model keeps, whatever the log has.
    ///
    /// # Errors
    /// Those of [`FineTuneConfig::read`].
    pub fn kept(&self) -> anyhow::Result<Kept> {
        let model = self.read()?;
        Ok(model.map(|model| Kept::of(&model, self.catalogue)).unwrap_or_default())
    }

    /// Checks the section for an encoder.
    ///
    /// # Errors
    /// [`Error::Argument`] names the key, its value and what was expected.
    pub fn validate(&self, encoder: EncoderKind) -> Result<()> {
        let Self { from: _, method, rank, catalogue: _, unfreeze_epochs } = self;
        let refuse = |text: String| Err(Error::Argument(text));
        if !(1..=64).contains(rank) {
            return refuse(format!("[fine_tune] rank is {rank}, expected 1 to 64"));
        }
        if *unfreeze_epochs > 0 && *method != Method::Full {
            return refuse(format!(
                "[fine_tune] unfreeze_epochs is {unfreeze_epochs}, and only method = \"full\" unfreezes; remove one of them"
            ));
        }
        let fits = match method {
            Method::Full | Method::Heads => true,
            Method::Adapters => encoder == EncoderKind::Transformer,
            Method::Lora | Method::Adalora => encoder != EncoderKind::Counting,
        };
        if !fits {
            let (method, encoder) = (format!("{method:?}").to_lowercase(), encoder.name());
            return refuse(format!(
                "[fine_tune] method = \"{method}\" has nothing to change in an encoder of kind \"{encoder}\"; use \"full\" or \"heads\""
            ));
        }
        Ok(())
    }
}
