//! `foreclick init`.

use crate::companion::data;
use crate::companion::train::write_whole;
use anyhow::{Result, bail};
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;

/// Look at a log and write a commented schema file.
///
/// It names the log, says what its columns mean, and gives the reason for each guess. What else a schema file may say
/// stands below.
#[derive(Debug, Args)]
#[command(after_long_help = include_str!("../../../examples/reference.toml"))]
pub struct Init {
    /// The log: a file or a folder; CSV, TSV, JSON Lines, Parquet or text, also .gz and .zst
    log: PathBuf,
    /// Where to write the schema file
    #[arg(long, default_value = "foreclick.toml", value_name = "FILE")]
    out: PathBuf,
    /// Replace a schema file that is already there [default: refuse]
    #[arg(long)]
    replace: bool,
}

impl Init {
    pub fn run(self) -> Result<ExitCode> {
        if self.out.exists() && !self.replace {
            bail!("{} is already there; name another with --out, or use --replace", self.out.display());
        }
        let text = data::guess(&self.log, &self.path_in_file()?)?;
        write_whole(&self.out, text.as_bytes())?;
        eprintln!("wrote {}; read its guesses, then run `foreclick check {0}`", self.out.display());
        Ok(ExitCode::SUCCESS)
    }

    /// The log as the schema file must name it: its paths are relative to its own folder.
    fn path_in_file(&self) -> Result<PathBuf> {
        let here = self.out.parent().is_none_or(|folder| folder.as_os_str().is_empty());
        Ok(if here { self.log.clone() } else { std::path::absolute(&self.log)? })
    }
}
