//! `foreclick inspect`.

use super::{print, print_json};
use crate::format::{Container, Model};
use anyhow::{Context, Result};
use clap::Args;
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::PathBuf;
use std::process::ExitCode;

/// Show what a model file holds.
#[derive(Debug, Args)]
pub struct Inspect {
    /// The model file
    model: PathBuf,
    /// Print as JSON [default: as text]
    #[arg(long)]
    json: bool,
}

impl Inspect {
    pub fn run(self) -> Result<ExitCode> {
        let bytes = std::fs::read(&self.model).with_context(|| format!("can't read {}", self.model.display()))?;
        let model = Model::from_bytes(&bytes).with_context(|| self.model.display().to_string())?;
        let file = Container::open(&bytes)?;
        let tensors = file.names().filter_map(|name| Some((name, file.get(name)?))).map(|(name, tensor)| {
            let shape = [tensor.rows, tensor.columns];
            json!({"name": name, "dtype": format!("{:?}", tensor.dtype), "shape": shape, "bytes": tensor.byte_len()})
        });
        let all = json!({
            "bytes": bytes.len(),
            "items": model.vocab.len(),
            "description": model.metadata,
            "tensors": tensors.collect::<Vec<_>>(),
        });
        if self.json {
            print_json(&all)?
        } else {
            print(&describe(&all)?)?
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn describe(all: &Value) -> Result<String> {
    let description = &all["description"];
    let mut text = String::new();
    writeln!(text, "{} bytes, {} items, {} bits", all["bytes"], all["items"], description["bits"])?;
    writeln!(text, "encoder       {}", description["architecture"]["encoder"].as_str().unwrap_or_default())?;
    writeln!(text, "architecture  {}", description["architecture"])?;
    writeln!(text, "schema        {}", description["schema"])?;
    for part in ["provenance", "metrics"] {
        for (name, value) in description[part].as_object().into_iter().flatten() {
            writeln!(text, "{part:<13} {name} = {value}")?;
        }
    }
    for tensor in all["tensors"].as_array().into_iter().flatten() {
        let shape = tensor["shape"].to_string();
        let name = tensor["name"].as_str().unwrap_or_default();
        let dtype = tensor["dtype"].as_str().unwrap_or_default();
        writeln!(text, "{name:<28} {dtype:<4} {shape:<14} {:>10} bytes", tensor["bytes"].to_string())?;
    }
    text.truncate(text.trim_end().len());
    Ok(text)
}
