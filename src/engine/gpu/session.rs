//! One session on the GPU: kernels wait in a list and go to the device in one submit, with what reads them.

use super::super::ops::{Adjustment, Ops, Step, TopK};
use super::context::GpuBuffer;
use super::device::{BufferUsages, begin_compute_pass};
use super::encode::MANY_STEPS;
use super::model::GpuModel;
use super::readback::Readback;
use super::shape::{CALL_BYTES, EXCLUDED, MAX_K, OPEN_ROOM};
use super::{adjust, encode, score, top_k};
use crate::error::{Error, Result};
use crate::format::{FEATURES, OPEN_BUCKETS, TERMS};
use std::sync::Arc;

/// What several kernels of a session use.
pub struct Buffers {
    /// The shaders' `Call`.
    pub call: GpuBuffer,
    /// The shaders' `State`.
    pub state: GpuBuffer,
    /// The gates of the last `score`, `[TERMS]`.
    pub gates: GpuBuffer,
    /// `[items]`; an excluded item is at [`EXCLUDED`].
    pub scores: GpuBuffer,
    /// What is added to each score, `[items]`; only looked at where there is something.
    pub priors: GpuBuffer,
}

/// One session on the GPU.
///
/// Kernels are not run one by one: `encode`, `score` and `adjust` only wait, `top_k` sends everything that waits
/// in one submit and reads back k pairs. Steps alone are sent when many wait.
pub struct Gpu {
    model: Arc<GpuModel>,
    shared: Buffers,
    encode: encode::Session,
    score: score::Session,
    adjust: adjust::Session,
    top_k: top_k::Session,
    readback: Readback,
    /// Whether `score` waits.
    scores_wait: bool,
    /// What the open group's size adds to the gates, as of the last `score`.
    open: [f32; TERMS],
    /// What is added to each score, `[items]`, or nothing.
    priors: Vec<f32>,
}

impl Gpu {
    /// Buffers for one session of a model.
    ///
    /// # Errors
    /// [`Error::Gpu`] when the device is gone or the session's buffers exceed its limits.
    pub fn new(model: Arc<GpuModel>) -> Result<Self> {
        let (context, shape) = (&model.context, &model.shape);
        context.check()?;
        let storage = BufferUsages::STORAGE | BufferUsages::COPY_SRC;
        let shared = Buffers {
            call: context.buffer("call", CALL_BYTES, BufferUsages::UNIFORM | BufferUsages::COPY_DST)?,
            state: context.buffer("state", shape.state_bytes(), storage)?,
            gates: context.buffer("gates", 4 * TERMS, storage)?,
            scores: context.buffer("scores", 4 * shape.items(), storage)?,
            priors: context.buffer("priors", 4 * shape.items(), BufferUsages::STORAGE | BufferUsages::COPY_DST)?,
        };
        Ok(Self {
            encode: encode::Session::new(&model, &shared)?,
            score: score::Session::new(0, &model, &shared),
            adjust: adjust::Session::new(&model, &shared)?,
            top_k: top_k::Session::new(&model, &shared)?,
            readback: Readback::new(context, top_k::result_bytes(MAX_K))?,
            shared,
            model,
            scores_wait: false,
            open: [0.0; TERMS],
            priors: Vec::new(),
        })
    }
}

impl Gpu {
    /// All scores as the last `top_k` ranked them, `[items]`; an excluded item is at minus infinity.
    ///
    /// # Errors
    /// [`Error::Gpu`], as for `top_k`.
    pub async fn scores(&self) -> Result<Vec<f32>> {
        let words = self.read(&self.shared.scores, 4 * self.model.shape.items()).await?;
        let score = |word| Some(f32::from_bits(word)).filter(|&score| score > EXCLUDED).unwrap_or(f32::NEG_INFINITY);
        Ok(words.into_iter().map(score).collect())
    }

    /// The query, `[hidden]`, and the gates, `[TERMS]`, that the last `top_k` ranked by.
    ///
    /// # Errors
    /// [`Error::Gpu`], as for `top_k`.
    pub async fn state(&self) -> Result<(Vec<f32>, [f32; TERMS])> {
        let shape = self.model.shape;
        let words = self.read(&self.shared.state, shape.state_bytes()).await?;
        let query = &words[shape.scale_at() / 4 + 1..][..shape.hidden()];
        let gates = self.read(&self.shared.gates, 4 * TERMS).await?;
        let floats = |words: &[u32]| words.iter().map(|&word| f32::from_bits(word)).collect::<Vec<_>>();
        let gates = floats(&gates);
        Ok((floats(query), std::array::from_fn(|term| gates[term])))
    }

    async fn read(&self, source: &GpuBuffer, bytes: usize) -> Result<Vec<u32>> {
        let context = &self.model.context;
        let mut readback = Readback::new(context, bytes)?;
        let mut commands = context.device.create_command_encoder();
        readback.record(&mut commands, source, bytes);
        context.device.submit(commands);
        readback.read(context, bytes).await
    }

    /// Has the device run every kernel once, on zeros.
    pub(super) fn warm_up(&mut self) -> Result<()> {
        let shape = self.model.shape;
        let zeros = vec![0.0; shape.hidden()];
        let rotation = &zeros[..shape.rotation()];
        let buckets = &vec![0; shape.buckets()];
        // Many steps run side by side, one alone does not.
        for filled in 1..=MANY_STEPS.min(shape.max_len()) {
            self.encode(&Step { input: &zeros, rotation, buckets, slot: filled - 1, filled })?;
        }
        self.submit(None)?;
        self.encode(&Step { input: &zeros, rotation, buckets, slot: 0, filled: 1 })?;
        self.score(0)?;
        self.adjust(&[Adjustment { item: 0, excluded: false, features: [0.0; FEATURES], constant: 0.0 }])?;
        self.submit(Some(1))
    }

    /// Sends what waits, in the order encode, score, adjust; then, with a `k`, ranks and copies the result out.
    fn submit(&mut self, k: Option<usize>) -> Result<()> {
        let Self { model, shared, encode, score, adjust, top_k, readback, scores_wait, open, priors } = self;
        let GpuModel { context, .. } = &**model;
        context.check()?;
        let (steps, adjustments) = (encode.waiting(), adjust.waiting());
        let mut call = [0; CALL_BYTES / 4];
        let (gates, numbers) = call.split_at_mut(OPEN_ROOM);
        gates.iter_mut().zip(&*open).for_each(|(word, gate)| *word = gate.to_bits());
        let has_priors = usize::from(!priors.is_empty());
        numbers.copy_from_slice(&[steps, adjustments, k.unwrap_or(0), has_priors].map(|number| number as u32));
        context.device.write_buffer(&shared.call, 0, bytemuck::cast_slice(&call));
        let mut commands = context.device.create_command_encoder();
        let mut pass = begin_compute_pass(&mut commands);
        if steps > 0 {
            encode.record(&model.encode, &context.device, &mut pass);
        }
        if std::mem::take(scores_wait) {
            score.record(&model.score, &mut pass);
        }
        if adjustments > 0 {
            adjust.write(&context.device);
            adjust.record(&model.adjust, &mut pass);
        }
        if k.is_some() {
            top_k.record(&model.top_k, &mut pass);
        }
        drop(pass);
        if let Some(k) = k {
            readback.record(&mut commands, &top_k.result, top_k::result_bytes(k));
        }
        context.device.submit(commands);
        adjust.clear();
        Ok(())
    }
}

impl Ops for Gpu {
    const MAX_K: usize = MAX_K;

    fn variants(&self) -> usize {
        self.model.score.pipelines.len()
    }

    fn choose(&mut self, variant: usize) {
        self.score = score::Session::new(variant, &self.model, &self.shared);
    }

    fn kernel(&self) -> &'static str {
        self.model.score.pipelines[self.score.variant].0
    }

    fn encode(&mut self, step: &Step<'_>) -> Result<()> {
        // What waits of an earlier prediction must see the state before this step.
        if self.scores_wait || self.adjust.waiting() > 0 || self.encode.is_full_for(step) {
            self.submit(None)?;
        }
        self.encode.push(step);
        Ok(())
    }

    fn score(&mut self, open_size: usize) -> Result<()> {
        self.open.copy_from_slice(self.model.gate_open.row(open_size.min(OPEN_BUCKETS - 1)));
        // New scores replace all that was or would have been there.
        self.adjust.clear();
        self.scores_wait = true;
        Ok(())
    }

    fn priors(&mut self, write: &mut dyn FnMut(&mut Vec<f32>)) -> Result<()> {
        let Self { model, shared, priors, .. } = self;
        write(priors);
        // Shaders need not know infinities.
        priors.iter_mut().for_each(|prior| *prior = prior.max(EXCLUDED));
        model.context.device.write_buffer(&shared.priors, 0, bytemuck::cast_slice(priors));
        Ok(())
    }

    fn adjust(&mut self, adjustments: &[Adjustment]) -> Result<()> {
        if self.adjust.waiting() > 0 {
            self.submit(None)?;
        }
        self.adjust.set(adjustments, &self.model, &self.shared)
    }

    async fn top_k(&mut self, k: usize) -> Result<TopK> {
        if k > MAX_K {
            return Err(Error::Gpu(format!("{k} candidates were asked for, expected at most {MAX_K}")));
        }
        // The sum comes beside the best: without any there is no telling whether it is of anything.
        let count = k.max(1);
        self.submit(Some(count))?;
        let words = self.readback.read(&self.model.context, top_k::result_bytes(count)).await?;
        let mut found = top_k::parse(&words);
        found.ranked.truncate(k);
        Ok(found)
    }
}
