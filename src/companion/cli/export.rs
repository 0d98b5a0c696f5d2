//! `foreclick export`.

use crate::companion::config::Config;
use crate::companion::data::{self, Dataset};
use crate::companion::evaluate::check_fit;
use crate::companion::onnx;
use crate::companion::run::{Delta, RunFolder};
use crate::companion::train::{Method, write_whole};
use crate::event::NO_TIME;
use crate::format::Model;
use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// How many popular items an item list names.
const POPULAR: usize = 200;
/// How many events of a sequence are shown.
const SHOWN_EVENTS: usize = 400;

/// Write a run's quantized model file, if it loses little enough.
///
/// A file that loses too much is refused, with exit status 1, and the one that was there stays. The files of --onnx and
/// --items do not depend on that and are written first. With them, a model.safetensors that the run has already stays
/// as it is unless --out, --bits or --max-loss asks for a new one.
#[derive(Debug, Args)]
#[command(after_long_help = onnx::INTERFACE)]
pub struct Export {
    /// The run's folder, such as runs/NAME
    run: PathBuf,
    /// Where to write the model file, beside the run's model.safetensors [default: only there]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Also write the trained model, not quantized, as ONNX, for other runtimes; `--help` says what its inputs are
    /// [default: nothing]
    #[arg(long, value_name = "FILE")]
    onnx: Option<PathBuf>,
    /// Also write what the file differs in from that of the model that the run went on from ([fine_tune] from), measured over
    /// that file; pages load it by `Predictor.load(MODEL, { delta })` [default: nothing]
    #[arg(long, value_name = "FILE")]
    delta: Option<PathBuf>,
    /// Also write what the side tables say of each item, as JSON [default: nothing]
    #[arg(long, value_name = "FILE")]
    items: Option<PathBuf>,
    /// Put this many whole sequences of the log into the item list, for a demo. They are real histories: do not
    /// publish those of your own visitors
    #[arg(long, default_value_t = 0, requires = "items", value_name = "N")]
    sequences: usize,
    /// Bits of a weight: 4 (item rows; all else 8), 8, or 16, which only the CPU runs [default: those of the run's
    /// model.safetensors; without one, export.bits of the run's config.toml]
    #[arg(long, value_parser = read_bits)]
    bits: Option<u8>,
    /// The largest share of NDCG@10 that quantization may cost [default: export.max_loss of the run's config.toml]
    #[arg(long, value_name = "SHARE", value_parser = read_share)]
    max_loss: Option<f64>,
}

impl Export {
    pub fn run(self) -> Result<ExitCode> {
        [&self.out, &self.onnx, &self.items, &self.delta]
            .into_iter()
            .flatten()
            .try_for_each(|path| check_place(path))?;
        let folder = RunFolder::open(&self.run)?;
        // One that can't be read is made anew.
        let present = folder.exported().ok().flatten();
        if let Some(path) = &self.onnx {
            write(path, &onnx::write(&*folder.best()?)?)?;
        }
        let only_others = self.onnx.is_some() || self.items.is_some() || self.delta.is_some();
        let asks_for_model = self.out.is_some() || self.bits.is_some() || self.max_loss.is_some();
        let leaves_model = present.is_some() && only_others && !asks_for_model;
        if leaves_model && self.items.is_none() && self.delta.is_none() {
            return Ok(ExitCode::SUCCESS);
        }
        let config = self.config(&folder, present.as_deref())?;
        let (dataset, _) = data::load(&config)?;
        if let Some(path) = &self.items {
            check_fit(&dataset, &*folder.best()?)?;
            write(path, item_list(&dataset, self.sequences).to_string().as_bytes())?;
        }
        if leaves_model {
            return self.write_delta(&folder, &config, &dataset);
        }
        let gate = folder.export(&config, &dataset)?;
        eprintln!("{gate}");
        if !gate.passed() {
            eprintln!("{}", gate.fix(folder.path()));
            return Ok(ExitCode::from(1));
        }
        if let Some(path) = &self.out {
            let model = folder.path().join("model.safetensors");
            write(path, &std::fs::read(&model).with_context(|| format!("can't read {}", model.display()))?)?;
        }
        self.write_delta(&folder, &config, &dataset)
    }

    fn write_delta(&self, folder: &RunFolder, config: &Config, dataset: &Dataset) -> Result<ExitCode> {
        let Some(path) = &self.delta else { return Ok(ExitCode::SUCCESS) };
        let Delta { base, bytes, gate } = folder.delta(config, dataset)?;
        eprintln!("over {}: {gate}", base.display());
        if !gate.passed() {
            eprintln!(
                "no delta is written: over that file's rounded weights it loses too much; ship model.safetensors"
            );
            return Ok(ExitCode::from(1));
        }
        write(path, &bytes)?;
        let model = folder.path().join("model.safetensors");
        let whole = std::fs::metadata(&model).with_context(|| format!("can't read {}", model.display()))?.len();
        if bytes.len() as u64 > whole / 2 {
            let all_learns = config.fine_tune.method == Method::Full;
            let advice = if all_learns { ", or train with [fine_tune] method = \"lora\" or \"heads\"" } else { "" };
            eprintln!(
                "the delta has {} of the {whole} bytes of {}, which saves a page little: ship that file{advice}",
                bytes.len(),
                model.display()
            );
        }
        Ok(ExitCode::SUCCESS)
    }

    /// The run's, with what the options and the present model file say.
    fn config(&self, folder: &RunFolder, present: Option<&Model>) -> Result<Config> {
        let mut config = folder.config()?;
        let export = &mut config.export;
        export.max_loss = self.max_loss.unwrap_or(export.max_loss);
        // Bits chosen once, or fallen back to in training, stay chosen.
        let present = present.and_then(|model| u8::try_from(model.metadata.bits).ok());
        export.bits = self.bits.or(present).unwrap_or(export.bits);
        config.validate()?;
        Ok(config)
    }
}

fn read_bits(text: &str) -> Result<u8, &'static str> {
    text.parse().ok().filter(|bits| [4, 8, 16].contains(bits)).ok_or("expected 4, 8 or 16")
}

fn read_share(text: &str) -> Result<f64, &'static str> {
    text.parse().ok().filter(|share| (0.0..1.0).contains(share)).ok_or("expected at least 0 and below 1, such as 0.02")
}

/// Checks before anything is written or measured whether a file can lie there.
fn check_place(path: &Path) -> Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    ensure!(folder.is_dir(), "can't write {}: {} is no folder; make it first", path.display(), folder.display());
    ensure!(!path.exists() || path.is_file(), "can't write {}: it is no plain file; name another", path.display());
    Ok(())
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    write_whole(path, bytes)?;
    eprintln!("{} written: {} bytes", path.display(), bytes.len());
    Ok(())
}

fn item_list(dataset: &Dataset, sequences: usize) -> Value {
    let table = &dataset.item_table;
    let width = table.columns.len();
    let key = |item: u32| dataset.vocab.key(item).unwrap_or_default();
    let items: Map<String, Value> = (0..dataset.vocab.len())
        .map(|item| (key(item as u32), json!(table.values[item * width..(item + 1) * width])))
        .collect();
    let popular: Vec<String> = popular(dataset).into_iter().map(key).collect();
    json!({"columns": table.columns, "items": items, "popular": popular, "sequences": shown(dataset, sequences)})
}

/// The items that occur most often in training, most often first.
fn popular(dataset: &Dataset) -> Vec<u32> {
    let counts = dataset.training_counts();
    let mut items: Vec<u32> = (0..counts.len() as u32).collect();
    items.sort_by_key(|&item| std::cmp::Reverse(counts[item as usize]));
    items.truncate(POPULAR);
    items
}

/// The latest events of sequences of middle length, evenly picked, so that neither the rarest nor the busiest stand
/// for all.
fn shown(dataset: &Dataset, count: usize) -> Vec<Value> {
    let log = &dataset.sequences;
    let mut order: Vec<usize> = (0..log.len()).collect();
    order.sort_by_key(|&sequence| log.range(sequence).len());
    let middle = &order[order.len() / 2..order.len() - order.len() / 10];
    let step = (middle.len() / count.max(1)).max(1);
    let describe = |&sequence: &usize| {
        let range = log.range(sequence);
        let events = range.clone().skip(range.len().saturating_sub(SHOWN_EVENTS)).map(|place| {
            let mut event = Map::new();
            event.insert("item".into(), dataset.vocab.key(log.items[place]).into());
            if log.times[place] != NO_TIME {
                event.insert("time".into(), log.times[place].into());
            }
            if dataset.schema.has_group {
                event.insert("group".into(), log.groups[place].to_string().into());
            }
            Value::Object(event)
        });
        json!({"events": events.collect::<Vec<_>>()})
    };
    middle.iter().step_by(step).take(count).map(describe).collect()
}
