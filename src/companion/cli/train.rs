//! `foreclick train`.

use super::{Source, print};
use crate::companion::config::Config;
use crate::companion::data::{self, CleaningReport, Dataset, Part};
use crate::companion::evaluate::{Detail, EngineScorer, Models, evaluate, measure, places, sample};
use crate::companion::report;
use crate::companion::run::RunFolder;
use crate::companion::train::{Outcome, Run, train};
use anyhow::{Context, Result, bail};
use burn::tensor::Device;
use clap::{Args, ValueEnum};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Train, evaluate, export and report: a whole run into runs/NAME.
#[derive(Debug, Args)]
pub struct Train {
    #[command(flatten)]
    source: Source,
    /// The run's name: its folder below runs/ [default: the schema file's name]
    #[arg(long)]
    name: Option<String>,
    /// Go on with a run that was stopped, to the same result as if it had not been [default: begin anew]
    #[arg(long, conflicts_with = "replace")]
    resume: bool,
    /// Replace a run of this name [default: refuse]
    #[arg(long)]
    replace: bool,
    /// The most epochs [default: the schema file's train.epochs]
    #[arg(long)]
    epochs: Option<usize>,
    /// Training threads, 0 for one a core [default: the schema file's train.threads]
    #[arg(long)]
    threads: Option<usize>,
    /// The seed of all that training draws; ties and samples follow split.seed, so that runs of several seeds are
    /// measured alike [default: the schema file's train.seed]
    #[arg(long)]
    seed: Option<u64>,
    /// Where burn computes; wgpu and cuda need a build with that feature
    #[arg(long, value_enum, default_value_t = DeviceChoice::Cpu)]
    device: DeviceChoice,
}

/// burn's devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum DeviceChoice {
    Cpu,
    Wgpu,
    Cuda,
}

impl DeviceChoice {
    fn open(self) -> Result<Device> {
        match self {
            Self::Cpu => Ok(Device::flex()),
            #[cfg(feature = "wgpu")]
            Self::Wgpu => Ok(Device::wgpu(burn::tensor::DeviceKind::DefaultDevice)),
            #[cfg(feature = "cuda")]
            Self::Cuda => Ok(Device::cuda(0usize)),
            #[cfg(not(all(feature = "wgpu", feature = "cuda")))]
            other => {
                let feature = if other == Self::Wgpu { "wgpu" } else { "cuda" };
                bail!("this build has no {feature} device; build with `cargo build --release --features {feature}`")
            }
        }
    }
}

impl Train {
    pub fn run(self) -> Result<ExitCode> {
        let device = self.device.open()?;
        let mut config = self.source.read()?;
        config.train.epochs = self.epochs.unwrap_or(config.train.epochs);
        config.train.threads = self.threads.unwrap_or(config.train.threads);
        config.train.seed = self.seed.unwrap_or(config.train.seed);
        config.validate()?;
        let folder = RunFolder::begin(&self.run_name()?, self.resume, self.replace)?;
        let (dataset, report) = data::load(&config)?;
        eprint!("{report}");
        folder.describe(&config, &report)?;
        let outcome = learn(&config, &dataset, &folder, device, self.resume)?;
        if outcome.interrupted {
            bail!("stopped; {} is saved, go on with --resume", folder.path().display());
        }
        finish(&config, &dataset, &report, &folder)
    }

    fn run_name(&self) -> Result<String> {
        if let Some(name) = &self.name {
            return Ok(name.clone());
        }
        let stem =
            self.source.config.file_stem().context("the schema file has no name; give the run one with --name")?;
        Ok(stem.to_string_lossy().into_owned())
    }
}

fn learn(config: &Config, dataset: &Dataset, folder: &RunFolder, device: Device, resume: bool) -> Result<Outcome> {
    static STOP: AtomicBool = AtomicBool::new(false);
    ctrlc::set_handler(|| {
        // The first Ctrl-C lets the step end and saves; the second ends at once.
        if STOP.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
        eprintln!("stopping after this step; Ctrl-C again ends at once, without saving");
    })
    .context("can't listen for Ctrl-C")?;
    let validation = places(dataset, Part::Validation);
    let validation = sample(&validation, config.evaluate.max_validation_events, config.split.seed);
    let run = Run {
        dataset,
        config: &config.train,
        device,
        folder: folder.path(),
        resume,
        stop: &|| STOP.load(Ordering::Relaxed),
        provenance: folder.provenance(config, dataset)?,
        fingerprint: folder.fingerprint(config, dataset)?,
    };
    train(&run, |model| {
        let model = Arc::new(model.clone());
        let outcome = evaluate(dataset, &validation, Detail::Ranks, || EngineScorer::new(&model))?;
        Ok(outcome.metrics().ndcg_at_10())
    })
}

/// Exports, measures once on the test part and writes the report.
fn finish(config: &Config, dataset: &Dataset, cleaning: &CleaningReport, folder: &RunFolder) -> Result<ExitCode> {
    let gate = folder.export(config, dataset)?;
    eprintln!("{gate}");
    let models = Models { f32: Some(folder.best()?), exported: if gate.passed { folder.exported()? } else { None } };
    let evaluation = measure(config, dataset, dataset, Part::Test, &models)?;
    folder.keep("result.json", &serde_json::to_string_pretty(&evaluation)?)?;
    let journal = std::fs::read_to_string(folder.path().join("metrics.jsonl")).context("can't read metrics.jsonl")?;
    let name = folder.path().file_name().unwrap_or_default().to_string_lossy();
    let inputs =
        report::Inputs { name: &name, config, cleaning, evaluation: &evaluation, gate: &gate, journal: &journal };
    folder.keep("report.html", &report::render(&inputs)?)?;
    print(evaluation.to_string().trim_end())?;
    eprintln!("the run is in {}: model.safetensors, report.html, metrics.jsonl", folder.path().display());
    Ok(if gate.passed { ExitCode::SUCCESS } else { ExitCode::from(1) })
}
