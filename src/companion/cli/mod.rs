//! The command line. Data goes to stdout, everything else to stderr; exit 0 done, 1 a gate missed, 2 an error,
//! 130 stopped by Ctrl-C.

mod audit;
mod begin;
mod check;
mod evaluate;
mod export;
mod init;
mod inspect;
mod label_curve;
mod policy;
mod predict;
mod train;
mod tune;

use crate::companion::config::Config;
use crate::knowledge::{Knowledge, Summary};
use crate::vocab::Vocab;
use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand};
use serde::Serialize;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

/// Learns from a site's own event log what a visitor does next, and exports it for the browser.
#[derive(Debug, Parser)]
#[command(name = "foreclick", version, about, long_about = None)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

/// The commands; each type's own text is its help.
#[derive(Debug, Subcommand)]
enum Command {
    Init(init::Init),
    Check(check::Check),
    Train(train::Train),
    Tune(tune::Tune),
    Evaluate(evaluate::Evaluate),
    Export(export::Export),
    Inspect(inspect::Inspect),
    Predict(predict::Predict),
    Policy(policy::Policy),
    Audit(audit::Audit),
}

/// Which log to read: the schema file, and what may be put in its place.
#[derive(Debug, Args)]
struct Source {
    /// The schema file, as `foreclick init` writes it
    #[arg(default_value = "foreclick.toml")]
    config: PathBuf,
    /// Read this log instead of the schema file's [default: the schema file's]
    #[arg(long, value_name = "PATH")]
    log: Option<PathBuf>,
}

impl Source {
    fn read(&self) -> Result<Config> {
        Ok(Config::read(&self.config)?.with_log(self.log.as_deref()))
    }
}

/// Runs the command that the process was called with.
///
/// # Errors
/// Whatever kept the command from its end, to be shown with `{:#}`.
pub fn run() -> Result<ExitCode> {
    match Arguments::parse().command {
        Command::Init(command) => command.run(),
        Command::Check(command) => command.run(),
        Command::Train(command) => command.run(),
        Command::Tune(command) => command.run(),
        Command::Evaluate(command) => command.run(),
        Command::Export(command) => command.run(),
        Command::Inspect(command) => command.run(),
        Command::Predict(command) => command.run(),
        Command::Policy(command) => command.run(),
        Command::Audit(command) => command.run(),
    }
}

/// Reads a knowledge file for a model's items and tells, line by line, what it came to.
fn read_knowledge(path: &Path, vocab: &Vocab) -> Result<Arc<Knowledge>> {
    let name = path.display();
    let text = std::fs::read_to_string(path).with_context(|| format!("can't read {name}"))?;
    let (knowledge, summary) = Knowledge::read(&text, vocab).with_context(|| name.to_string())?;
    let Summary { items, unknown_items, first_unknown_item, rules, idle_rules, first_idle_rule, relations } = summary;
    eprintln!("{name}: {items} of the model's {} items, {rules} rules, {relations} pairs bought together", vocab.len());
    if let Some(first) = first_unknown_item {
        eprintln!(
            "{name}: {unknown_items} mentions of items that the model does not know, \"{first}\" first, are passed over"
        );
    }
    if let Some(first) = first_idle_rule {
        eprintln!(
            "{name}: {idle_rules} rules, \"{first}\" first, can never act: no item of the model has what they name"
        );
    }
    Ok(Arc::new(knowledge))
}

/// Writes a line to stdout; a reader that has gone away (`| head`) ends the program without noise.
fn print(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => std::process::exit(0),
        other => other.context("can't write to standard output"),
    }
}

fn print_json(value: &impl Serialize) -> Result<()> {
    print(&serde_json::to_string_pretty(value)?)
}
