//! `foreclick export`.

use crate::companion::data::{self, Dataset};
use crate::companion::onnx;
use crate::companion::run::RunFolder;
use crate::companion::train::write_whole;
use crate::event::NO_TIME;
use anyhow::{Context, Result};
use clap::Args;
use serde_json::{Map, Value, json};
use std::path::PathBuf;
use std::process::ExitCode;

/// How many popular items an item list names.
const POPULAR: usize = 200;
/// How many events of a sequence are shown.
const SHOWN_EVENTS: usize = 400;

/// Write a run's quantized model file, if it loses little enough.
#[derive(Debug, Args)]
#[command(after_long_help = onnx::INTERFACE)]
pub struct Export {
    /// The run's folder, such as runs/NAME
    run: PathBuf,
    /// Where to write the model file [default: the run's model.safetensors only]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Also write the trained model, not quantized, as ONNX, for other runtimes; `--help` says what its inputs are
    /// [default: nothing]
    #[arg(long, value_name = "FILE")]
    onnx: Option<PathBuf>,
    /// Also write what the side tables say of each item, as JSON [default: nothing]
    #[arg(long, value_name = "FILE")]
    items: Option<PathBuf>,
    /// Put this many whole sequences of the log into the item list, for a demo. They are real histories: do not
    /// publish those of your own visitors
    #[arg(long, default_value_t = 0, requires = "items", value_name = "N")]
    sequences: usize,
    /// Bits of a weight: 4 (item rows; all else 8), 8 or 16 [default: the schema file's export.bits]
    #[arg(long)]
    bits: Option<u8>,
    /// The largest share of NDCG@10 that quantization may cost [default: the schema file's export.max_loss]
    #[arg(long, value_name = "SHARE")]
    max_loss: Option<f64>,
}

impl Export {
    pub fn run(self) -> Result<ExitCode> {
        let folder = RunFolder::open(&self.run)?;
        let mut config = folder.config()?;
        config.export.max_loss = self.max_loss.unwrap_or(config.export.max_loss);
        config.export.bits = self.bits.unwrap_or(config.export.bits);
        config.validate()?;
        let (dataset, _) = data::load(&config)?;
        let gate = folder.export(&config, &dataset)?;
        eprintln!("{gate}");
        if !gate.passed {
            return Ok(ExitCode::from(1));
        }
        if let Some(out) = &self.out {
            let model = folder.path().join("model.safetensors");
            std::fs::copy(&model, out).with_context(|| format!("can't write {}", out.display()))?;
        }
        if let Some(path) = &self.onnx {
            write_whole(path, &onnx::write(&*folder.best()?)?)?;
        }
        if let Some(path) = &self.items {
            write_whole(path, item_list(&dataset, self.sequences).to_string().as_bytes())?;
        }
        Ok(ExitCode::SUCCESS)
    }
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
