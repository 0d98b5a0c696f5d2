//! `foreclick predict`.

use super::{print, read_knowledge};
use crate::engine::gpu::{Gpu, GpuContext, GpuModel};
use crate::event::Event;
use crate::knowledge::Limits;
use crate::predictor::{Backend, PredictOptions, Predictor, Preference, trial};
use anyhow::{Context, Result, anyhow, bail};
use clap::{Args, ValueEnum};
use pollster::block_on;
use rayon::prelude::*;
use serde::Deserialize;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::OnceLock;
use std::time::Instant;

/// Rank the next items for sessions read as JSON Lines.
///
/// Each line is `{"events": [{"item": "...", "time": ms, "group": "...", "fields": {...}}, ...]}`, with `"group"`
/// beside `"events"` where the next event's group is known to be another, `"exclude": [items]` for items that are no
/// candidates, `"candidates": [items]` to rank a given list alone, and with `--knowledge` `"minPrice"` and `"maxPrice"` for other
/// limits than the file's. Each line of output is
/// `{"items": [{"item", "score", "probability"}, ...], "backend": "cpu"}`, with `"tasks": {NAME: answer}` where the model has
/// tasks, in the order of the input, as soon as it is
/// there; all cores work.
#[derive(Debug, Args)]
pub struct Predict {
    /// The model file
    model: PathBuf,
    /// The sessions; `-` is standard input
    #[arg(default_value = "-")]
    sessions: PathBuf,
    /// Rules and relations beside the model, as pkg/knowledge.d.ts describes them: stock, prices, what is never predicted or
    /// predicted more [default: none]
    #[arg(long, value_name = "FILE")]
    knowledge: Option<PathBuf>,
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
    #[serde(default)]
    exclude: Vec<String>,
    #[serde(default)]
    candidates: Option<Vec<String>>,
    #[serde(default, rename = "minPrice")]
    min_price: Option<f32>,
    #[serde(default, rename = "maxPrice")]
    max_price: Option<f32>,
}

/// How much input is read at once.
const BATCH_BYTES: usize = 1 << 20;

impl Predict {
    pub fn run(self) -> Result<ExitCode> {
        if self.model.is_dir() {
            bail!("{} is a folder; name the model file in it, model.safetensors", self.model.display());
        }
        let bytes = std::fs::read(&self.model).with_context(|| format!("can't read {}", self.model.display()))?;
        let mut predictor = Predictor::<Gpu>::from_bytes(&bytes, "the CPU was asked for")
            .with_context(|| self.model.display().to_string())?;
        if let Some(path) = &self.knowledge {
            predictor.set_knowledge(Some(read_knowledge(path, &predictor.model().vocab)?))?;
        }
        let mut predictors = Vec::new();
        match self.backend {
            Device::Gpu => use_gpu(&mut predictor)?,
            Device::Cpu => {
                for _ in 1..rayon::current_num_threads() {
                    predictors.push(predictor.fork()?);
                }
            }
        }
        predictors.push(predictor);

        let from_input = self.sessions.as_os_str() == "-";
        let name = if from_input { "standard input".into() } else { self.sessions.display().to_string() };
        let source: Box<dyn Read> = if from_input {
            Box::new(std::io::stdin().lock())
        } else {
            Box::new(File::open(&self.sessions).with_context(|| format!("can't read {}", self.sessions.display()))?)
        };
        let mut input = BufReader::with_capacity(BATCH_BYTES, source);
        let mut read = 0;
        loop {
            let batch = read_batch(&mut input, &mut read);
            if batch.is_empty() {
                return Ok(ExitCode::SUCCESS);
            }
            self.answer(&mut predictors, &batch, &name)?;
        }
    }

    /// Prints the answers in the lines' order, up to the first line that has none.
    fn answer(&self, predictors: &mut [Predictor<Gpu>], batch: &[Line], name: &str) -> Result<()> {
        let share = batch.len().div_ceil(predictors.len());
        let answers: Vec<Vec<Result<String>>> = predictors
            .par_iter_mut()
            .zip(batch.par_chunks(share))
            .map(|(predictor, lines)| {
                let answer = |line: &Line| {
                    rank(predictor, line, self.k).with_context(|| format!("{name}, line {}", line.number))
                };
                lines.iter().map(answer).collect()
            })
            .collect();
        let mut lines = Vec::with_capacity(batch.len());
        let complete = answers.into_iter().flatten().try_for_each(|answer| answer.map(|line| lines.push(line)));
        if !lines.is_empty() {
            print(&lines.join("\n"))?;
        }
        complete
    }
}

/// A line that is not blank, or why it could not be read.
struct Line {
    /// The first is 1.
    number: usize,
    text: std::io::Result<String>,
}

/// The lines that are there already, but at least one unless the input is at its end: a pipe that is written slowly is
/// answered line by line, a file in batches.
fn read_batch(input: &mut BufReader<Box<dyn Read>>, read: &mut usize) -> Vec<Line> {
    let mut batch = Vec::new();
    while batch.is_empty() || input.buffer().contains(&b'\n') {
        let mut text = String::new();
        let (bytes, text) = match input.read_line(&mut text) {
            Ok(bytes) => (bytes, Ok(text)),
            Err(error) => (0, Err(error)),
        };
        *read += 1;
        if text.as_ref().map_or(true, |text| !text.trim().is_empty()) {
            batch.push(Line { number: *read, text });
        }
        if bytes == 0 {
            break;
        }
    }
    batch
}

fn use_gpu(predictor: &mut Predictor<Gpu>) -> Result<()> {
    let context = block_on(GpuContext::new())?;
    predictor.note_trial(context.describe());
    let model = predictor.model().clone();
    let gpu = Gpu::new(block_on(GpuModel::new(context, model.clone()))?)?;
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

fn rank(predictor: &mut Predictor<Gpu>, line: &Line, k: usize) -> Result<String> {
    let Line { text, number: _ } = line;
    let text = text.as_ref().map_err(|error| anyhow!("{error}"))?;
    let session: Session =
        serde_json::from_str(text).context("expected {\"events\": [...]} as `predict --help` shows")?;
    let Session { events, group, exclude, candidates, min_price, max_price } = session;
    let has_prices = predictor.knowledge().is_some_and(|knowledge| knowledge.has_prices());
    if (min_price.is_some() || max_price.is_some()) && !has_prices {
        bail!("minPrice and maxPrice need prices to hold them against; give a file that tells some with --knowledge");
    }
    predictor.limit(Limits { min: min_price.unwrap_or(f32::NAN), max: max_price.unwrap_or(f32::NAN) });
    predictor.restore(events)?;
    let prediction = block_on(predictor.predict(&PredictOptions { k, exclude, candidates, group }))?;
    Ok(serde_json::to_string(&prediction)?)
}
