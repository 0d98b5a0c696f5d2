//! `foreclick tune`.

use super::begin::{Begin, RUNS, STOPPED, listen_for_stop};
use super::{print, print_json};
use crate::companion::config::{Config, TuneConfig, Values, with_values};
use crate::companion::data;
use crate::companion::run::{Lesson, RunFolder};
use crate::companion::train::{Diverged, Outcome, TrainConfig, duration};
use crate::companion::tune::{Next, Rung, Score, Trials, rungs, search};
use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::json;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

/// Look for better values of [train], by the validation part alone.
///
/// Trials with values drawn from [tune.space] train for a few epochs each, the best of them for more, and so on; the
/// first trial has the schema file's own values. Each rung trains anew, so that every result is one that `foreclick train`
/// gives again. Trials lie in runs/NAME-tune/NUMBER, all results in runs/NAME-tune/trials.json, and the best as a schema
/// file in runs/NAME-tune/best.toml. The test part is not looked at.
#[derive(Debug, Args)]
pub struct Tune {
    #[command(flatten)]
    begin: Begin,
    /// Print trials and the best as JSON [default: as a table]
    #[arg(long)]
    json: bool,
}

impl Tune {
    pub fn run(self) -> Result<ExitCode> {
        let Self { begin, json } = self;
        let device = begin.device()?;
        let mut config = begin.config()?;
        config.validate()?;
        ensure!(
            !config.privacy.dp,
            "each trial of a private model would spend its whole budget; tune without [privacy] dp"
        );
        leave_out_given(&mut config)?;
        let folder =
            RunFolder::claim(Path::new(RUNS), &format!("{}-tune", begin.name()?), begin.resume, begin.replace)?;
        let (dataset, report) = data::load(&config)?;
        eprint!("{report}");
        let stop = listen_for_stop()?;
        let lesson = begin.lesson(&dataset, &report, device, stop);
        let fingerprint = lesson.fingerprint(&config)?;
        let mut trials = if begin.resume {
            Trials::read(folder.path(), &config.tune, &fingerprint)?
        } else {
            Trials::draw(&config.tune, fingerprint)?
        };
        for trial in &trials.trials {
            of_trial(&config, &trial.values, config.train.epochs).with_context(|| {
                format!("trial {} ({}), drawn from [tune.space]", trial.number, listed(&trial.values))
            })?;
        }
        if !begin.resume {
            folder.make()?;
        }
        folder.describe(&config, &report)?;
        let rungs = rungs(config.tune.trials, config.tune.first_epochs, config.tune.factor, config.train.epochs);
        let learn = |next: Next<'_>| {
            announce(&next, &rungs);
            learn(&lesson, &config, &folder, &next)
        };
        let done = search(&mut trials, &rungs, learn, |trials| trials.save(folder.path()));
        folder.settle()?;
        if !done? {
            eprintln!("stopped; {} is saved, go on with --resume", folder.path().display());
            return Ok(ExitCode::from(STOPPED));
        }
        finish(&config, &folder, &trials, json)
    }
}

/// Leaves out of the default space what a model that is gone on from gives, such as sizes; other spaces may not name it.
fn leave_out_given(config: &mut Config) -> Result<()> {
    let Some(base) = config.fine_tune.read()? else { return Ok(()) };
    let mut given = BTreeSet::new();
    for trial in Trials::draw(&config.tune, String::new())?.trials {
        // A value of another type is told of with its trial.
        let Ok(drawn) = with_values(&config.train, &trial.values) else { continue };
        let kept = drawn.going_on_from(&base.metadata.architecture, &config.fine_tune);
        let [drawn, kept] = [&drawn, &kept].map(toml::Table::try_from);
        let (drawn, kept) = (drawn?, kept?);
        given.extend(trial.values.into_keys().filter(|key| drawn.get(key) != kept.get(key)));
    }
    if given.is_empty() {
        return Ok(());
    }
    let names = given.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    ensure!(
        config.tune.space == TuneConfig::default().space,
        "[tune.space] {names}: the model that [fine_tune] from goes on from gives what it has, and a trial can't draw another; \
         remove it from the space, or tune without from"
    );
    config.tune.space.retain(|key, _| !given.contains(key));
    eprintln!("not drawn, since the model to go on from gives it: {names}");
    Ok(())
}

/// The whole configuration of a trial.
fn of_trial(config: &Config, values: &Values, epochs: usize) -> Result<Config> {
    let train = TrainConfig { epochs, ..with_values(&config.train, values)? };
    let config = Config { train, ..config.clone() };
    config.validate()?;
    Ok(config)
}

fn listed(values: &Values) -> String {
    let values: Vec<String> = values.iter().map(|(key, value)| format!("{key} = {value}")).collect();
    if values.is_empty() { "[train] as it is".into() } else { values.join(", ") }
}

fn announce(next: &Next<'_>, rungs: &[Rung]) {
    let Next { trial, epochs, place: (rung, place), seconds_left } = next;
    let left = seconds_left.map_or(String::new(), |seconds| format!("; about {} left", duration(seconds)));
    let (rung_count, trials) = (rungs.len(), rungs[*rung].trials);
    eprintln!(
        "rung {} of {rung_count}, {} of {trials}: trial {} for {epochs} epochs, {}{left}",
        rung + 1,
        place + 1,
        trial.number,
        listed(&trial.values)
    );
}

/// Trains a trial in a folder of its own, from its last checkpoint where that is of this rung.
fn learn(lesson: &Lesson<'_>, config: &Config, folder: &RunFolder, next: &Next<'_>) -> Result<Option<Score>> {
    let config = of_trial(config, &next.trial.values, next.epochs)?;
    let run = RunFolder::claim(folder.path(), &next.trial.number.to_string(), false, true)?;
    let resume = run.can_resume(lesson, &config)?;
    let start = Instant::now();
    let outcome = run.learn(lesson, &config, resume);
    run.settle()?;
    let seconds = start.elapsed().as_secs_f64();
    let score = |ndcg, best_epoch| Some(Score { epochs: next.epochs, ndcg, best_epoch, seconds });
    match outcome {
        Ok(Outcome { interrupted: true, .. }) => Ok(None),
        Ok(Outcome { best, best_epoch, interrupted: false }) => Ok(score(best, best_epoch)),
        Err(error) if error.is::<Diverged>() => {
            eprintln!("trial {}: {error:#}", next.trial.number);
            Ok(score(None, 0))
        }
        Err(error) => Err(error.context(format!("trial {}", next.trial.number))),
    }
}

/// Writes the best as a schema file and tells of all.
fn finish(config: &Config, folder: &RunFolder, trials: &Trials, as_json: bool) -> Result<ExitCode> {
    let best = trials.best().context("every trial diverged; let [tune.space] learning_rate begin lower")?;
    let train = best.train(&config.train)?;
    let found = Config { train: train.clone(), ..config.absolute()? };
    folder.keep("best.toml", &toml::to_string(&found)?)?;
    let path = folder.path().join("best.toml");
    if as_json {
        let best = json!({"trial": best.trial.number, "result": best.score, "train": train});
        print_json(&json!({"trials": trials.trials, "best": best, "schema": path}))?;
    } else {
        print(&format!("{}\n\n{}", trials.table(&config.train)?, best.keys()))?;
    }
    eprintln!("the best of them as a schema file: `foreclick train {} --name NAME`", path.display());
    Ok(ExitCode::SUCCESS)
}
