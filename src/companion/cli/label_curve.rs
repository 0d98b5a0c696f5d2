//! `foreclick train --label-shares`: how few labels a task needs, from scratch and on from a model.

use super::begin::{Begin, RUNS, STOPPED, listen_for_stop};
use super::print;
use super::train::{Finished, finish};
use crate::companion::config::Config;
use crate::companion::data;
use crate::companion::evaluate::{LabelCurve, LabelPoint, percent};
use crate::companion::report;
use crate::companion::run::RunFolder;
use crate::companion::train::{FineTuneConfig, write_whole};
use anyhow::{Result, bail, ensure};
use std::path::Path;
use std::process::ExitCode;

/// The most epochs, over those of all labels.
const LONGEST: f32 = 10.0;

/// Trains every share in every way, then keeps, prints and draws the curve.
pub fn run(begin: &Begin, config: &Config, shares: &[f32]) -> Result<ExitCode> {
    check(config)?;
    let device = begin.device()?;
    let (runs, name) = (Path::new(RUNS), begin.name()?);
    let variants = variants(config, shares, &name)?;
    // All of them before a log is read for nothing.
    let folders = variants.iter().map(|variant| begin.claim_of_several(&variant.name)).collect::<Result<Vec<_>>>()?;
    ensure!(
        !begin.resume || folders.iter().any(|(goes_on, _)| *goes_on),
        "--resume: none of the curve's runs has saved anything; leave --resume out"
    );
    let stop = listen_for_stop()?;
    let (mut points, mut all_passed) = (Vec::new(), true);
    for (number, (Variant { config, share, way, .. }, (goes_on, folder))) in variants.iter().zip(&folders).enumerate() {
        // Which labels are known, and which items, is said of the data.
        let (dataset, cleaning) = data::load(config)?;
        if number == 0 {
            eprint!("{cleaning}");
        }
        eprintln!(
            "run {} of {}: labels of {}% of the sequences, {way}",
            number + 1,
            variants.len(),
            percent((*share).into())
        );
        let outcome = folder.learn(&begin.lesson(&dataset, &cleaning, device.clone(), stop), config, *goes_on);
        folder.settle()?;
        if outcome?.interrupted {
            eprintln!("stopped; {} is saved, go on with --resume", folder.path().display());
            return Ok(ExitCode::from(STOPPED));
        }
        let Finished { evaluation: _, tasks, passed } = finish(config, &dataset, &cleaning, folder)?;
        points.extend(tasks.map(|results| LabelPoint { label_share: *share, way: way.clone(), results }));
        all_passed &= passed;
    }
    let curve = LabelCurve { points };
    let path = |end: &str| runs.join(format!("{name}-labels.{end}"));
    write_whole(&path("json"), serde_json::to_string_pretty(&curve)?.as_bytes())?;
    write_whole(&path("html"), report::render_label_curve(&name, &curve)?.as_bytes())?;
    print(curve.to_string().trim_end())?;
    eprintln!("they are summed up in {} and {}", path("json").display(), path("html").display());
    Ok(if all_passed { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// Whether the labels are all that the runs differ in.
fn check(config: &Config) -> Result<()> {
    ensure!(!config.tasks.is_empty(), "--label-shares asks what tasks reach, and there is none; add a [[task]]");
    ensure!(
        config.distill.teachers.is_empty(),
        "--label-shares asks what the log's labels teach, and teachers have seen them all; leave the teachers out"
    );
    if let Some(from) = &config.fine_tune.from {
        check_base(config, from)?;
    }
    Ok(())
}

/// Whether the model at `from` has seen none of the labels, nor one that it went on from in turn. Labels that are made of a field
/// are no column's, and each run makes its own.
fn check_base(config: &Config, from: &Path) -> Result<()> {
    let labelled = || config.tasks.iter().filter(|task| task.column.is_some());
    let Ok(learned) = RunFolder::open(from).and_then(|run| run.config()) else {
        // A model file tells no columns.
        let heads = config.fine_tune.read()?.map_or(Vec::new(), |base| base.metadata.schema.heads.clone());
        let both = labelled().find(|task| heads.iter().any(|head| head.name == task.name));
        return match both {
            Some(task) => bail!(
                "--label-shares: the model to go on from has learned a task {:?} from labels already; name one without it",
                task.name
            ),
            None => Ok(()),
        };
    };
    for (task, other) in labelled().flat_map(|task| learned.tasks.iter().map(move |other| (task, other))) {
        ensure!(
            task.column != other.column,
            "--label-shares: {} has learned from the labels in {:?} already, as its task {:?}; name a model without it",
            from.display(),
            task.column.as_deref().unwrap_or_default(),
            other.name
        );
    }
    match &learned.fine_tune.from {
        Some(before) if before.is_dir() => check_base(config, before),
        _ => Ok(()),
    }
}

/// One run of the curve.
struct Variant {
    name: String,
    config: Config,
    share: f32,
    way: String,
}

fn variants(config: &Config, shares: &[f32], name: &str) -> Result<Vec<Variant>> {
    let mut variants: Vec<Variant> = Vec::new();
    // The smallest first: one that is too small is told before the others have trained.
    let mut shares = shares.to_vec();
    shares.sort_unstable_by(f32::total_cmp);
    for share in shares {
        ensure!(
            variants.iter().all(|other| percent(other.share.into()) != percent(share.into())),
            "--label-shares: {}% is there twice; name each share once",
            percent(share.into())
        );
        let mut config = config.clone();
        config.tasks.iter_mut().for_each(|task| task.label_share = share);
        config.train.epochs = (config.train.epochs as f32 * (1.0 / share).clamp(1.0, LONGEST)).ceil() as usize;
        config.validate()?;
        let from = config.fine_tune.from.clone();
        let mut scratch = config.clone();
        scratch.fine_tune = FineTuneConfig::default();
        let name = |way: &str| format!("{name}-labels-{}-{way}", percent(share.into()));
        variants.push(Variant { name: name("scratch"), config: scratch, share, way: "from scratch".into() });
        if let Some(from) = from {
            variants.push(Variant { name: name("from"), config, share, way: format!("on from {}", from.display()) });
        }
    }
    Ok(variants)
}
