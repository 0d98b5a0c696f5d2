//! `foreclick evaluate`.

use super::{print, print_json};
use crate::companion::config::Config;
use crate::companion::data::{self, Part};
use crate::companion::evaluate::{Models, measure};
use crate::companion::run::{RunFolder, read_model};
use anyhow::{Context, Result, ensure};
use clap::{Args, ValueEnum};
use std::path::PathBuf;
use std::process::ExitCode;

/// Measure a run or a model file beside counting baselines.
///
/// Every sequence goes through the engine that the browser runs, event by event; every target is ranked among all
/// candidates; equal scores count against the target.
#[derive(Debug, Args)]
pub struct Evaluate {
    /// A run's folder (measures its f32 weights and, where there is one, its model file), or a model file
    target: PathBuf,
    /// The schema file for a model file [default: the run's own]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Measure on this log of the same schema, such as the next month's; the baselines still count the schema file's
    /// [default: the schema file's]
    #[arg(long, value_name = "PATH")]
    log: Option<PathBuf>,
    /// Which events to predict
    #[arg(long, value_enum, default_value_t = PartChoice::Test)]
    part: PartChoice,
    /// Print one JSON object [default: a table]
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum PartChoice {
    Test,
    Validation,
}

impl Evaluate {
    pub fn run(self) -> Result<ExitCode> {
        let (config, models) = self.open()?;
        let (learned, _) = data::load(&config)?;
        let part = if self.part == PartChoice::Test { Part::Test } else { Part::Validation };
        let evaluation = match &self.log {
            None => measure(&config, &learned, &learned, part, &models)?,
            Some(log) => {
                let (other, report) = data::load_like(&config.clone().with_log(Some(log)), &learned)?;
                eprint!("{report}");
                let mut evaluation = measure(&config, &learned, &other, part, &models)?;
                evaluation.protocol.log = Some(log.display().to_string());
                evaluation
            }
        };
        if self.json {
            print_json(&evaluation)?
        } else {
            print(evaluation.to_string().trim_end())?
        }
        Ok(ExitCode::SUCCESS)
    }

    fn open(&self) -> Result<(Config, Models)> {
        ensure!(self.target.exists(), "{} does not exist; name a run's folder or a model file", self.target.display());
        if self.target.is_dir() {
            let folder = RunFolder::open(&self.target)?;
            let config = self.config.as_deref().map_or_else(|| folder.config(), Config::read)?;
            let exported = folder.exported()?;
            if exported.is_none() {
                let why = "its export was refused or has not run; `foreclick export` says more";
                eprintln!(
                    "only the trained weights are measured: {} holds no model file: {why}",
                    self.target.display()
                );
            }
            return Ok((config, Models { f32: Some(folder.best()?), exported }));
        }
        let config = self.config.as_deref().context("a model file names no log: give its schema file with --config")?;
        let model = Some(read_model(&self.target)?);
        Ok((Config::read(config)?, Models { f32: None, exported: model }))
    }
}
