//! `foreclick audit`.

use super::begin::listen_for_stop;
use super::{print, print_json};
use crate::companion::config::Config;
use crate::companion::data::{self, CleaningReport, Dataset, Part};
use crate::companion::evaluate::check_fit;
use crate::companion::privacy::{Audit as Findings, Exposure, Target, audit};
use crate::companion::run::{Lesson, RunFolder};
use crate::companion::train::Device;
use crate::format::Model;
use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

/// The names of the halves' runs.
const HALVES: [&str; 2] = ["first-half", "second-half"];

/// Attack a run's model file: does it tell who was in its log?
///
/// Needs sequences that the run did not learn from: those of [split] held_out_sequences. Without any, --retrain trains the
/// run's settings on either half of the sequences and attacks both files; what makes some sequences easier than others then
/// cancels out, and each is compared with a model of the others. Also counts what in the file stems from few sequences.
#[derive(Debug, Args)]
pub struct Audit {
    /// The run's folder, such as runs/NAME
    run: PathBuf,
    /// Train the run's settings anew on each half of the sequences, in a temporary folder, and attack these [default: attack
    /// the run's own file]
    #[arg(long)]
    retrain: bool,
    /// The most training events of a sequence that an attack sees
    #[arg(long, default_value_t = 40, value_parser = clap::value_parser!(u32).range(1..))]
    events: u32,
    /// How many sequences are few: fewer than this
    #[arg(long, default_value_t = 5, value_name = "SEQUENCES")]
    few: usize,
    /// Print one JSON object [default: as text]
    #[arg(long)]
    json: bool,
}

impl Audit {
    pub fn run(self) -> Result<ExitCode> {
        let folder = RunFolder::open(&self.run)?;
        let config = folder.config()?;
        ensure!(
            !self.retrain || config.distill.teachers.is_empty(),
            "teachers of the run know both halves of what --retrain would train on; audit a run without [distill], or keep sequences out \
             of all of them with [split] held_out_sequences"
        );
        ensure!(
            self.retrain || config.split.held_out_sequences > 0.0,
            "{} learned from every sequence, so that there is nobody to compare them with: audit its settings with --retrain, or \
             train with [split] held_out_sequences = 0.5",
            folder.path().display()
        );
        let shipped = shipped(&folder)?;
        let (learned, cleaning) = data::load(&config)?;
        check_fit(&learned, &shipped)?;
        let exposure = Exposure::of(&learned, &shipped, self.few);
        let found = if self.retrain {
            let targets = retrained(&config, &learned, &cleaning)?;
            self.attack(&config, &learned, &targets, exposure)?
        } else {
            let mut whole = config.clone();
            whole.split.held_out_sequences = 0.0;
            let (all, _) = data::load_like(&whole, &learned)?;
            let is_member = all.sequences.keys.iter().map(|key| !config.split.holds_out(key)).collect();
            self.attack(&config, &all, &[Target { model: shipped, is_member, other: None }], exposure)?
        };
        if self.json {
            print_json(&found)?
        } else {
            print(&found.to_string())?
        }
        Ok(ExitCode::SUCCESS)
    }

    fn attack(&self, config: &Config, dataset: &Dataset, targets: &[Target], exposure: Exposure) -> Result<Findings> {
        audit(dataset, targets, self.events as usize, exposure, config.split.seed)
    }
}

/// The model file; where there is none, since its export was refused, the trained model.
fn shipped(folder: &RunFolder) -> Result<Arc<Model>> {
    folder.exported()?.map_or_else(|| folder.best(), Ok)
}

/// A model of either half of the sequences.
fn retrained(config: &Config, dataset: &Dataset, cleaning: &CleaningReport) -> Result<Vec<Target>> {
    let place = tempfile::tempdir().context("can't make a temporary folder to train in")?;
    let stop = listen_for_stop()?;
    let mut halves = Vec::new();
    for (number, name) in HALVES.into_iter().enumerate() {
        eprintln!("training on the {}", name.replace('-', " "));
        let is_member = half(config, dataset, number);
        let dataset = of_members(dataset, &is_member);
        let folder = RunFolder::claim(place.path(), name, false, false)?;
        let (device, device_name) = (Device::flex(), "Cpu".to_owned());
        let lesson = Lesson { dataset: &dataset, cleaning, device, device_name, stop };
        if folder.learn(&lesson, config, false)?.interrupted {
            bail!("stopped; nothing is kept of an audit");
        }
        folder.export(config, &dataset)?;
        halves.push((shipped(&folder)?, is_member));
    }
    let models: Vec<Arc<Model>> = halves.iter().map(|(model, _)| model.clone()).collect();
    let others = models.into_iter().rev();
    let targets = halves.into_iter().zip(others);
    Ok(targets.map(|((model, is_member), other)| Target { model, is_member, other: Some(other) }).collect())
}

/// Which sequences are in one of the halves, drawn by their keys.
fn half(config: &Config, dataset: &Dataset, number: usize) -> Vec<bool> {
    let mut split = config.split.clone();
    split.held_out_sequences = 0.5;
    // Those that the run itself holds out are a share of one half: other draws are needed.
    split.seed = !split.seed;
    dataset.sequences.keys.iter().map(|key| split.holds_out(key) == (number == 0)).collect()
}

/// The data set with all others held out.
fn of_members(dataset: &Dataset, is_member: &[bool]) -> Dataset {
    let mut half = dataset.clone();
    let mut parts = dataset.sequences.parts.to_vec();
    for (sequence, _) in is_member.iter().enumerate().filter(|(_, is_member)| !**is_member) {
        parts[dataset.sequences.range(sequence)].fill(Part::HeldOut);
    }
    half.sequences.parts = parts.into();
    half
}
