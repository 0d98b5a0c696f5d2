//! A model on the GPU: weights and pipelines, shared by its sessions.

use super::super::ops::Ops;
use super::context::GpuContext;
use super::session::Gpu;
use super::shape::Shape;
use super::{adjust, encode, score, top_k};
use crate::error::{Error, Result};
use crate::format::{Matrix, Metadata, Model};
use std::sync::Arc;

/// One model's weights and compiled kernels on one device.
pub struct GpuModel {
    pub(super) context: Arc<GpuContext>,
    pub(super) shape: Shape,
    /// What the open group's size adds to the gates, `[OPEN_BUCKETS, TERMS]`.
    pub(super) gate_open: Matrix,
    pub(super) encode: encode::Kernel,
    pub(super) score: score::Kernel,
    pub(super) adjust: adjust::Kernel,
    pub(super) top_k: top_k::Kernel,
}

impl GpuModel {
    /// Whether a GPU runs the model at all.
    ///
    /// # Errors
    /// [`Error::Gpu`] for a model whose item table is f32, and for one that only counts.
    pub fn check(model: &Model) -> Result<()> {
        if model.metadata.architecture.hidden == 0 {
            return Err(Error::Gpu("the model only counts, which leaves a GPU nothing to compute".into()));
        }
        score::codes(&model.weights).map(|_| ())
    }

    /// Uploads a model, compiles its kernels and has the device run each of them once, so that the first
    /// prediction does not pay for what drivers leave to the first use.
    ///
    /// In the browser a refusal of the device shows only at the first `top_k`, since it answers later.
    ///
    /// # Errors
    /// Those of [`GpuModel::check`]; [`Error::Gpu`] for a model which is too large for the device, and when the device refuses
    /// something.
    pub async fn new(context: Arc<GpuContext>, model: Arc<Model>) -> Result<Arc<Self>> {
        context.check()?;
        Self::check(&model)?;
        let Metadata { architecture, bits, .. } = &model.metadata;
        let shape = Shape::new(architecture, model.vocab.len(), *bits, context.is_software());
        let model = Arc::new(Self {
            score: score::Kernel::new(&context, &shape, &model.weights)?,
            encode: encode::Kernel::new(&context, &shape, &model.weights)?,
            adjust: adjust::Kernel::new(&context, &shape),
            top_k: top_k::Kernel::new(&context, &shape),
            gate_open: model.weights.gate_open.clone(),
            shape,
            context,
        });
        model.context.compiled().await?;
        let mut session = Gpu::new(model.clone())?;
        for variant in 0..session.variants() {
            session.choose(variant);
            session.warm_up()?;
        }
        model.context.check()?;
        Ok(model)
    }
}
