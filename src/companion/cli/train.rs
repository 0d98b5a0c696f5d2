//! `foreclick train`.

use super::{Source, print};
use crate::companion::config::Config;
use crate::companion::data::{self, CleaningReport, Dataset, Part};
use crate::companion::evaluate::{Detail, EngineScorer, Models, evaluate, measure, places, sample};
use crate::companion::report;
use crate::companion::run::{Gate, RunFolder, fingerprint};
use crate::companion::train::{Outcome, Run, check_resume, train};
use anyhow::{Context, Result, bail};
use burn::tensor::Device;
use clap::{Args, ValueEnum};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Where runs lie.
const RUNS: &str = "runs";
/// The exit status after Ctrl-C, as shells have it.
const STOPPED: u8 = 130;

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
    /// Replace a run of this name; the old one stays until the new one has saved something [default: refuse]
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
            Self::Wgpu => {
                let wanted = "a GPU with a Vulkan, Metal or DirectX 12 driver";
                expect_some(Device::enumerate(burn::tensor::DeviceType::Wgpu), wanted)?;
                Ok(Device::wgpu(burn::tensor::DeviceKind::DefaultDevice))
            }
            #[cfg(feature = "cuda")]
            Self::Cuda => {
                expect_some(Device::enumerate(burn::tensor::DeviceType::Cuda), "an NVIDIA GPU with its driver")?;
                Ok(Device::cuda(0usize))
            }
            #[cfg(not(all(feature = "wgpu", feature = "cuda")))]
            other => {
                let feature = if other == Self::Wgpu { "wgpu" } else { "cuda" };
                bail!("this build has no {feature} device; build with `cargo build --release --features {feature}`")
            }
        }
    }
}

/// burn panics over a device that the machine lacks, so it is asked before.
#[cfg(any(feature = "wgpu", feature = "cuda"))]
fn expect_some(found: burn::tensor::Devices, wanted: &str) -> Result<()> {
    if found.into_vec().is_empty() {
        bail!("burn finds no such device here, expected {wanted}; install the driver, or train with --device cpu");
    }
    Ok(())
}

impl Train {
    pub fn run(self) -> Result<ExitCode> {
        let device = self.device.open()?;
        let mut config = self.source.read()?;
        config.train.epochs = self.epochs.unwrap_or(config.train.epochs);
        config.train.threads = self.threads.unwrap_or(config.train.threads);
        config.train.seed = self.seed.unwrap_or(config.train.seed);
        config.validate()?;
        let folder = RunFolder::claim(Path::new(RUNS), &self.run_name()?, self.resume, self.replace)?;
        let (dataset, report) = data::load(&config)?;
        eprint!("{report}");
        let outcome = self.learn(&config, &dataset, &report, &folder, device);
        folder.settle()?;
        let outcome = outcome?;
        if outcome.interrupted {
            eprintln!("stopped; {} is saved, go on with --resume", folder.path().display());
            return Ok(ExitCode::from(STOPPED));
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

    /// Writes nothing into the folder before it is sure that training can begin or go on.
    fn learn(
        &self,
        config: &Config,
        dataset: &Dataset,
        cleaning: &CleaningReport,
        folder: &RunFolder,
        device: Device,
    ) -> Result<Outcome> {
        let fingerprint = fingerprint(config, dataset, &format!("{:?}", self.device))?;
        if self.resume {
            check_resume(folder.path(), &fingerprint)?;
        } else {
            folder.make()?;
        }
        folder.describe(config, cleaning)?;
        let validation = places(dataset, Part::Validation, config.evaluate.min_history);
        let validation = sample(&validation, config.evaluate.max_validation_events, config.split.seed);
        let run = Run {
            dataset,
            config: &config.train,
            device,
            folder: folder.path(),
            resume: self.resume,
            stop: listen_for_stop()?,
            provenance: folder.provenance(config, dataset)?,
            fingerprint,
        };
        train(&run, |model| {
            let model = Arc::new(model.clone());
            let outcome = evaluate(dataset, &validation, Detail::Ranks, || EngineScorer::new(&model))?;
            Ok(outcome.metrics().ndcg_at_10())
        })
    }
}

/// What says whether Ctrl-C was pressed.
fn listen_for_stop() -> Result<&'static (dyn Fn() -> bool + Sync)> {
    static STOP: AtomicBool = AtomicBool::new(false);
    ctrlc::set_handler(|| {
        // The first Ctrl-C lets the step end and saves; the second ends at once.
        if STOP.swap(true, Ordering::Relaxed) {
            std::process::exit(STOPPED.into());
        }
        eprintln!("stopping after this step; Ctrl-C again ends at once, without saving");
    })
    .context("can't listen for Ctrl-C")?;
    Ok(&|| STOP.load(Ordering::Relaxed))
}

/// Exports, measures once on the test part and writes the report.
fn finish(config: &Config, dataset: &Dataset, cleaning: &CleaningReport, folder: &RunFolder) -> Result<ExitCode> {
    let gate = export(config, dataset, folder)?;
    let models = Models { f32: Some(folder.best()?), exported: if gate.passed() { folder.exported()? } else { None } };
    let evaluation = measure(config, dataset, dataset, Part::Test, &models)?;
    folder.keep("result.json", &serde_json::to_string_pretty(&evaluation)?)?;
    let journal = std::fs::read_to_string(folder.path().join("metrics.jsonl")).context("can't read metrics.jsonl")?;
    let name = folder.path().file_name().unwrap_or_default().to_string_lossy();
    let inputs =
        report::Inputs { name: &name, config, cleaning, evaluation: &evaluation, gate: &gate, journal: &journal };
    folder.keep("report.html", &report::render(&inputs)?)?;
    print(evaluation.to_string().trim_end())?;
    let model = if gate.passed() { "model.safetensors, " } else { "" };
    eprintln!("the run is in {}: {model}report.html, metrics.jsonl", folder.path().display());
    Ok(if gate.passed() { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// Exports in the bits that are asked for, or in the next larger number of them that loses little enough.
fn export(config: &Config, dataset: &Dataset, folder: &RunFolder) -> Result<Gate> {
    let mut config = config.clone();
    loop {
        let gate = folder.export(&config, dataset)?;
        eprintln!("{gate}");
        if gate.passed() {
            return Ok(gate);
        }
        let Some(bits) = gate.more_bits() else {
            eprintln!("no model file is written; {}", gate.fix(folder.path()));
            return Ok(gate);
        };
        eprintln!("{bits} bits are tried instead");
        config.export.bits = bits;
    }
}
