//! `foreclick train`.

use super::begin::{Begin, RUNS, STOPPED, listen_for_stop};
use super::{label_curve, print};
use crate::companion::config::Config;
use crate::companion::data::{self, CleaningReport, Dataset, Part};
use crate::companion::evaluate::{
    EXPLAINED, Evaluation, Models, Seeds, TaskResults, change, measure, measure_explanations, measure_tasks, share_lost,
};
use crate::companion::report;
use crate::companion::run::{Gate, RunFolder};
use crate::companion::train::write_whole;
use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
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
    /// Train so many seeds, from that one on, as runs NAME-seed-SEED, and tell mean and spread of what they reach, also in
    /// runs/NAME-seeds.json and .html
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1000))]
    seeds: u64,
    /// Learn the tasks from so many shares of the sequences' labels, as runs NAME-labels-PERCENT-scratch and, with --from or
    /// fine_tune.from, NAME-labels-PERCENT-from, and draw what they reach in NAME-labels.json and .html. Labels of the validation part
    /// are all known, and pick the epoch. With fewer labels there are
    /// more epochs at most: train.epochs over the share, but no more than ten times as many [default: none]
    #[arg(long, value_name = "SHARE,SHARE,...", value_delimiter = ',', conflicts_with_all = ["seeds", "dp", "meta", "compare"])]
    label_shares: Vec<f32>,
    /// Train so that the file tells nothing of any one sequence: noised sums alone, within the budget of [privacy], by a model
    /// that counts. Noise is not kept, so that a run can't be resumed or repeated [default: the schema file's privacy.dp]
    #[arg(long, conflicts_with_all = ["resume", "seed", "seeds", "epochs"])]
    dp: bool,
    /// Afterwards learn where the models of visitors begin, which learn in the page, how fast they do and in which directions their
    /// queries move, from the validation events of three sequences in four; what ranks those of the fourth best is picked
    /// [default: off, they begin as the model does, with default steps and no directions]
    #[arg(long, conflicts_with = "dp")]
    meta: bool,
    /// Also tell what it costs, in NDCG@10, against another run on the same targets [default: none]
    #[arg(long, value_name = "RUN")]
    compare: Option<PathBuf>,
}

impl Train {
    pub fn run(self) -> Result<ExitCode> {
        let Self { begin, epochs, seed, seeds, label_shares, dp, meta, compare } = self;
        let device = begin.device()?;
        let mut config = begin.config()?;
        config.train.epochs = epochs.unwrap_or(config.train.epochs);
        config.train.seed = seed.unwrap_or(config.train.seed);
        if dp || config.privacy.dp {
            config = config.made_private();
            ensure!(!meta, "--meta would tell of the log what a private run promises not to; leave it out");
            ensure!(
                seeds == 1,
                "{seeds} private models of one log would spend its budget {seeds} times; train one, without --seeds"
            );
        }
        config.validate()?;
        if !label_shares.is_empty() {
            return label_curve::run(&begin, &config, &label_shares);
        }
        let other = compare.as_deref().map(Other::read).transpose()?;
        let (runs, name) = (Path::new(RUNS), begin.name()?);
        let several = seeds > 1;
        let claim = |seed: u64| {
            let (goes_on, folder) = if several {
                begin.claim_of_several(&format!("{name}-seed-{seed}"))?
            } else {
                (begin.resume, RunFolder::claim(runs, &name, begin.resume, begin.replace)?)
            };
            Ok((seed, goes_on, folder))
        };
        // All of them before a log is read for nothing.
        let first = config.train.seed;
        let folders = (0..seeds).map(|place| claim(first.saturating_add(place))).collect::<Result<Vec<_>>>()?;
        let (dataset, report) = data::load(&config)?;
        eprint!("{report}");
        let stop = listen_for_stop()?;
        let lesson = begin.lesson(&dataset, &report, device, stop);
        let (mut measured, mut all_passed) = (Vec::new(), true);
        for (seed, goes_on, folder) in &folders {
            config.train.seed = *seed;
            let outcome = folder.learn(&lesson, &config, *goes_on);
            folder.settle()?;
            if outcome?.interrupted || (meta && !folder.learn_meta(&lesson)?) {
                match config.privacy.dp {
                    true => eprintln!("stopped; a private run keeps nothing, and what it saw is spent: train anew"),
                    false => eprintln!("stopped; {} is saved, go on with --resume", folder.path().display()),
                }
                return Ok(ExitCode::from(STOPPED));
            }
            let Finished { evaluation, tasks: _, passed } = finish(&config, &dataset, &report, folder)?;
            if let (Some(other), Some(evaluation)) = (&other, &evaluation) {
                print(&other.compare(evaluation))?;
            }
            measured.extend(evaluation.map(|evaluation| (*seed, evaluation)));
            all_passed &= passed;
        }
        if several && !measured.is_empty() {
            sum_up(runs, &name, &Seeds::of(&measured))?;
        }
        Ok(if all_passed { ExitCode::SUCCESS } else { ExitCode::from(1) })
    }
}

/// What another run came to on its test part.
struct Other {
    path: PathBuf,
    result: Value,
}

impl Other {
    fn read(path: &Path) -> Result<Self> {
        let file = path.join("result.json");
        let text = std::fs::read_to_string(&file)
            .with_context(|| format!("can't read {}; --compare takes the folder of a finished run", file.display()))?;
        let result = serde_json::from_str(&text).with_context(|| file.display().to_string())?;
        Ok(Self { path: path.to_owned(), result })
    }

    /// A line for people.
    fn compare(&self, ours: &Evaluation) -> String {
        let Self { path, result } = self;
        let of = |evaluation: &Value| {
            let protocol = &evaluation["protocol"];
            let metrics = &evaluation["metrics"];
            let ndcg = metrics.get("exported").or_else(|| metrics.get("f32")).and_then(|it| it["ndcg@10"].as_f64());
            (["events", "sequences", "candidates", "filter_seen"].map(|key| protocol[key].clone()), ndcg)
        };
        let ((ours, our_ndcg), (theirs, their_ndcg)) = (of(&json!(ours)), of(result));
        match our_ndcg.zip(their_ndcg) {
            Some((our, their)) if ours == theirs => format!(
                "ndcg@10 {our:.5}, and {their:.5} of {}: {} on the same targets",
                path.display(),
                change(share_lost(their, our))
            ),
            _ => format!("not compared with {}: it was measured on other targets", path.display()),
        }
    }
}

/// Keeps and prints what several seeds came to.
fn sum_up(runs: &Path, name: &str, seeds: &Seeds) -> Result<()> {
    let path = |end: &str| runs.join(format!("{name}-seeds.{end}"));
    write_whole(&path("json"), serde_json::to_string_pretty(seeds)?.as_bytes())?;
    write_whole(&path("html"), report::render_seeds(name, seeds).as_bytes())?;
    print(&format!("\n{seeds}"))?;
    eprintln!("they are summed up in {} and {}", path("json").display(), path("html").display());
    Ok(())
}

/// What a run came to.
pub struct Finished {
    /// Where the next item is predicted.
    pub evaluation: Option<Evaluation>,
    /// Where there are tasks.
    pub tasks: Option<TaskResults>,
    /// Whether there is a model file.
    pub passed: bool,
}

/// Exports, measures once on the test part and writes the report.
pub fn finish(config: &Config, dataset: &Dataset, cleaning: &CleaningReport, folder: &RunFolder) -> Result<Finished> {
    let gate = export(config, dataset, folder)?;
    let passed = gate.passed();
    let exported = if passed { folder.exported()? } else { None };
    let models = Models { f32: vec![folder.best()?], exported: exported.into_iter().collect() };
    let (mut evaluation, mut explanations, mut tasks) = (None, None, None);
    if !dataset.schema.heads.is_empty() {
        let measured = measure_tasks(config, dataset, dataset, Part::Test, &models)?;
        folder.keep("tasks.json", &serde_json::to_string_pretty(&measured)?)?;
        print(measured.to_string().trim_end())?;
        tasks = Some(measured);
    }
    if dataset.schema.predicts_items() {
        let measured = measure(config, dataset, dataset, Part::Test, &models)?;
        folder.keep("result.json", &serde_json::to_string_pretty(&measured)?)?;
        print(measured.to_string().trim_end())?;
        evaluation = Some(measured);
        let model = models.shipped().first().context("no model to explain")?;
        let measured = measure_explanations(config, dataset, Part::Test, model, EXPLAINED)?;
        folder.keep("explanations.json", &serde_json::to_string_pretty(&measured)?)?;
        explanations = Some(measured);
    }
    let journal = std::fs::read_to_string(folder.path().join("metrics.jsonl")).context("can't read metrics.jsonl")?;
    let name = folder.path().file_name().unwrap_or_default().to_string_lossy();
    let inputs = report::Inputs {
        name: &name,
        config,
        cleaning,
        evaluation: evaluation.as_ref(),
        explanations: explanations.as_ref(),
        tasks: tasks.as_ref(),
        gate: &gate,
        journal: &journal,
    };
    folder.keep("report.html", &report::render(&inputs)?)?;
    let model = if passed { "model.safetensors, " } else { "" };
    eprintln!("the run is in {}: {model}report.html, metrics.jsonl", folder.path().display());
    Ok(Finished { evaluation, tasks, passed })
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
