//! `foreclick train`.

use super::begin::{Begin, RUNS, STOPPED};
use super::print;
use crate::companion::config::Config;
use crate::companion::data::{self, CleaningReport, Dataset, Part};
use crate::companion::evaluate::{Models, measure};
use crate::companion::report;
use crate::companion::run::{Gate, RunFolder};
use anyhow::{Context, Result};
use clap::Args;
use std::path::Path;
use std::process::ExitCode;

/// Train, evaluate, export and report: a whole run into runs/NAME.
#[derive(Debug, Args)]
pub struct Train {
    #[command(flatten)]
    begin: Begin,
    /// The most epochs [default: the schema file's train.epochs]
    #[arg(long)]
    epochs: Option<usize>,
    /// The seed of all that training draws; ties and samples follow split.seed, so that runs of several seeds are
    /// measured alike [default: the schema file's train.seed]
    #[arg(long)]
    seed: Option<u64>,
}

impl Train {
    pub fn run(self) -> Result<ExitCode> {
        let Self { begin, epochs, seed } = self;
        let device = begin.device()?;
        let mut config = begin.config()?;
        config.train.epochs = epochs.unwrap_or(config.train.epochs);
        config.train.seed = seed.unwrap_or(config.train.seed);
        config.validate()?;
        let folder = RunFolder::claim(Path::new(RUNS), &begin.name()?, begin.resume, begin.replace)?;
        let (dataset, report) = data::load(&config)?;
        eprint!("{report}");
        let lesson = begin.lesson(&dataset, &report, device)?;
        let outcome = folder.learn(&lesson, &config, begin.resume);
        folder.settle()?;
        if outcome?.interrupted {
            eprintln!("stopped; {} is saved, go on with --resume", folder.path().display());
            return Ok(ExitCode::from(STOPPED));
        }
        finish(&config, &dataset, &report, &folder)
    }
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
