//! `foreclick evaluate`.

use super::{print, print_json, read_knowledge};
use crate::companion::config::Config;
use crate::companion::data::{self, Dataset, Part};
use crate::companion::evaluate::{
    Explanations, Models, Origin, check_fit, measure, measure_explanations, measure_knowledge, measure_tasks,
};
use crate::companion::run::{RunFolder, read_model};
use crate::format::Model;
use anyhow::{Context, Result, bail, ensure};
use clap::{Args, ValueEnum};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

/// Measure a run or a model file beside counting baselines, and its tasks beside base rates.
///
/// Several of one log, schema and split are measured as one model, an ensemble: an item's probability, and an answer to a task,
/// is the mean of theirs.
///
/// Every sequence goes through the engine that the browser runs, event by event; every target is ranked among all
/// candidates; equal scores count against the target.
#[derive(Debug, Args)]
pub struct Evaluate {
    /// A run's folder (measures its f32 weights and, where there is one, its model file), or a model file; several are an ensemble
    #[arg(required = true)]
    targets: Vec<PathBuf>,
    /// The schema file for a model file [default: the first run's own]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Measure on this log of the same schema, such as the next month's, which may lack columns of fields and labels; the
    /// baselines still count the schema file's [default: the schema file's]
    #[arg(long, value_name = "PATH")]
    log: Option<PathBuf>,
    /// Measure the model with and without these rules and relations too, as `predict --knowledge` takes them: accuracy, and how
    /// often a rule takes out one of the ten best [default: none]
    #[arg(long, value_name = "FILE")]
    knowledge: Option<PathBuf>,
    /// Which events to predict
    #[arg(long, value_enum, default_value_t = PartChoice::Test)]
    part: PartChoice,
    /// Measure explanations instead, of the best item before so many events: whether its probability falls as fast as they say
    /// where events are taken away (beside random events, and the latest first), and what is lost without each field
    /// [default: off; 300 where no number is given]
    #[arg(long, value_name = "COUNT", num_args = 0..=1, require_equals = true, default_missing_value = "300")]
    explain: Option<usize>,
    /// Print one JSON object [default: a table]
    #[arg(long)]
    json: bool,
}

/// What is to be measured.
struct Opened<'a> {
    config: Config,
    models: Models,
    /// What each model is called on the command line.
    named: Vec<(&'a Path, Arc<Model>)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum PartChoice {
    Test,
    Validation,
}

impl Evaluate {
    pub fn run(self) -> Result<ExitCode> {
        let Opened { config, models, named } = self.open()?;
        let (learned, _) = data::load(&config)?;
        let origin = Origin::of(&config, &learned);
        for (target, model) in &named {
            let fit = check_fit(&learned, model).and_then(|()| match origin.other_split(model) {
                Some(leak) => bail!("{leak}; train it with that [split], or evaluate it alone, by its own schema file"),
                None => Ok(()),
            });
            fit.with_context(|| self.misfit(target))?;
        }
        let part = if self.part == PartChoice::Test { Part::Test } else { Part::Validation };
        let other = match &self.log {
            None => None,
            Some(log) => {
                let (other, report) = data::load_like(&config.clone().with_log(Some(log)), &learned)?;
                eprint!("{report}");
                Some(other)
            }
        };
        let dataset = other.as_ref().unwrap_or(&learned);
        if let Some(count) = self.explain {
            let explanations = explain(&config, dataset, part, &models, count)?;
            if self.json {
                print_json(&explanations)?
            } else {
                print(explanations.to_string().trim_end())?
            }
            return Ok(ExitCode::SUCCESS);
        }
        let has_tasks = !learned.schema.heads.is_empty();
        let tasks = has_tasks.then(|| measure_tasks(&config, &learned, dataset, part, &models)).transpose()?;
        let predicts_items = learned.schema.predicts_items();
        let mut items = predicts_items.then(|| measure(&config, &learned, dataset, part, &models)).transpose()?;
        if let (Some(items), Some(log)) = (&mut items, &self.log) {
            items.protocol.log = Some(log.display().to_string());
        }
        let known = self.knowledge.as_ref().map(|path| -> Result<_> {
            let [model] = models.shipped() else {
                bail!("--knowledge measures one model, expected one run or model file; name each alone");
            };
            ensure!(predicts_items, "--knowledge is of items, which this model does not predict; leave it out");
            measure_knowledge(&config, dataset, part, model, &read_knowledge(path, &model.vocab)?)
        });
        let known = known.transpose()?;
        match (self.json, items, tasks) {
            (true, Some(items), None) if known.is_none() => print_json(&items)?,
            (true, items, tasks) if known.is_none() => print_json(&json!({"next_item": items, "tasks": tasks}))?,
            (true, items, tasks) => print_json(&json!({"next_item": items, "tasks": tasks, "knowledge": known}))?,
            (false, items, tasks) => {
                let known = known.map(|known| format!("\n{known}"));
                let texts = [tasks.map(|tasks| tasks.to_string()), items.map(|items| items.to_string()), known];
                print(texts.into_iter().flatten().collect::<String>().trim_end())?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }

    /// What can't be measured, and with which schema file.
    fn misfit(&self, target: &Path) -> String {
        let first = self.targets.iter().find(|target| target.is_dir());
        match (&self.config, first) {
            (Some(config), _) => format!("{} does not fit {}", target.display(), config.display()),
            (None, Some(first)) if first != target => format!(
                "{} does not fit the schema file of {}, and an ensemble is of one log, schema and split",
                target.display(),
                first.display()
            ),
            _ => target.display().to_string(),
        }
    }

    fn open(&self) -> Result<Opened<'_>> {
        let mut models = Models::default();
        let mut named: Vec<(&Path, Arc<Model>)> = Vec::new();
        let mut config = self.config.as_deref().map(Config::read).transpose()?;
        for target in &self.targets {
            ensure!(target.exists(), "{} does not exist; name a run's folder or a model file", target.display());
            if !target.is_dir() {
                let model = read_model(target)?;
                named.push((target, model.clone()));
                models.exported.push(model);
                continue;
            }
            let folder = RunFolder::open(target)?;
            if config.is_none() {
                config = Some(folder.config()?);
            }
            let best = folder.best()?;
            named.push((target, best.clone()));
            models.f32.push(best);
            match folder.exported()? {
                Some(exported) => models.exported.push(exported),
                None => eprintln!(
                    "only the trained weights are measured: {} holds no model file: its export was refused or has not run; \
                     `foreclick export` says more",
                    target.display()
                ),
            }
        }
        // An ensemble of some of them is another one.
        [&mut models.f32, &mut models.exported]
            .into_iter()
            .filter(|of| of.len() < self.targets.len())
            .for_each(Vec::clear);
        let config = config.context("a model file names no log: give its schema file with --config")?;
        ensure!(
            !models.f32.is_empty() || !models.exported.is_empty(),
            "runs without a model file and model files have no ensemble in common; name runs' folders alone, or export them first"
        );
        Ok(Opened { config, models, named })
    }
}

fn explain(config: &Config, dataset: &Dataset, part: Part, models: &Models, count: usize) -> Result<Explanations> {
    let model = models.shipped().first().context("no model to explain")?;
    ensure!(
        models.exported.len().max(models.f32.len()) == 1,
        "an ensemble has no explanations; name one run or model file"
    );
    measure_explanations(config, dataset, part, model, count)
}
