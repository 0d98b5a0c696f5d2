//! `foreclick predict`.

use super::print;
use crate::engine::gpu::{Gpu, GpuContext, GpuModel};
use crate::event::Event;
use crate::predictor::{Backend, PredictOptions, Prediction, Predictor, Preference, trial};
use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use pollster::block_on;
use serde::Deserialize;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::OnceLock;
use std::time::Instant;

/// Rank the next items for sessions read as JSON Lines.
///
/// Each line is `{"events": [{"item": "...", "time": ms, "group": "...", "fields": {...}}, ...]}`, with `"group"`
/// beside `"events"` where the next event's group is known to be another. Each line of output is
/// `{"items": [{"item", "score", "probability"}, ...], "backend": "cpu"}`.
#[derive(Debug, Args)]
pub struct Predict {
    /// The model file
    model: PathBuf,
    /// The sessions; `-` is standard input
    #[arg(default_value = "-")]
    sessions: PathBuf,
    /// How many items to rank
    #[arg(long, default_value_t = 10)]
    k: usize,
    /// What computes; the GPU ranks up to 100 items and must give the CPU's answers to made-up sessions first
    #[arg(long, value_enum, default_value_t = Device::Cpu)]
    backend: Device,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Device {
    Cpu,
    Gpu,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Session {
    events: Vec<Event>,
    #[serde(default)]
    group: Option<String>,
}

impl Predict {
    pub fn run(self) -> Result<ExitCode> {
        if self.model.is_dir() {
            bail!("{} is a folder; name the model file in it, model.safetensors", self.model.display());
        }
        let bytes = std::fs::read(&self.model).with_context(|| format!("can't read {}", self.model.display()))?;
        let mut predictor = Predictor::<Gpu>::from_bytes(&bytes, "the CPU was asked for")
            .with_context(|| self.model.display().to_string())?;
        if let Device::Gpu = self.backend {
            use_gpu(&mut predictor)?;
        }
        let from_input = self.sessions.as_os_str() == "-";
        let name = if from_input { "standard input".into() } else { self.sessions.display().to_string() };
        let input: Box<dyn BufRead> = if from_input {
            Box::new(std::io::stdin().lock())
        } else {
            let file = File::open(&self.sessions).with_context(|| format!("can't read {}", self.sessions.display()))?;
            Box::new(BufReader::new(file))
        };
        for (number, line) in input.lines().enumerate() {
            let place = || format!("{name}, line {}", number + 1);
            let line = line.with_context(place)?;
            if line.trim().is_empty() {
                continue;
            }
            let session: Session = serde_json::from_str(&line)
                .with_context(|| format!("{}: expected {{\"events\": [...]}} as `predict --help` shows", place()))?;
            let prediction = rank(&mut predictor, session, self.k).with_context(place)?;
            print(&serde_json::to_string(&prediction)?)?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn use_gpu(predictor: &mut Predictor<Gpu>) -> Result<()> {
    let context = block_on(GpuContext::new())?;
    predictor.note_trial(context.describe());
    let model = predictor.model().clone();
    let gpu = Gpu::new(GpuModel::new(context, model.clone())?)?;
    predictor.adopt(block_on(trial::run(model, gpu, milliseconds)), Preference::Gpu);
    let diagnostics = predictor.diagnostics();
    if diagnostics.backend == Backend::Cpu {
        bail!("--backend gpu: {}", diagnostics.reason);
    }
    Ok(())
}

fn milliseconds() -> f64 {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed().as_secs_f64() * 1e3
}

fn rank(predictor: &mut Predictor<Gpu>, session: Session, k: usize) -> Result<Prediction> {
    let Session { events, group } = session;
    predictor.reset()?;
    for event in events {
        predictor.observe(event)?;
    }
    Ok(block_on(predictor.predict(&PredictOptions { k, exclude: Vec::new(), group }))?)
}
