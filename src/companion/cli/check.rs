//! `foreclick check`.

use super::{Source, print, print_json};
use crate::companion::data;
use anyhow::Result;
use clap::Args;
use std::process::ExitCode;

/// Read and clean the log; report what each rule dropped.
#[derive(Debug, Args)]
pub struct Check {
    #[command(flatten)]
    source: Source,
    /// Print the report as JSON [default: as text]
    #[arg(long)]
    json: bool,
}

impl Check {
    pub fn run(self) -> Result<ExitCode> {
        let (_, report) = data::load(&self.source.read()?)?;
        if self.json {
            print_json(&report)?
        } else {
            print(report.to_string().trim_end())?
        }
        Ok(ExitCode::SUCCESS)
    }
}
