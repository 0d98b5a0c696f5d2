//! `report.html`: a run on one page, in one file that fetches nothing and runs no script.

mod explanations;
mod html;
mod journal;
mod label_curve;
mod plots;
mod results;
mod run;
mod seeds;
mod slices;
mod tasks;
#[cfg(test)]
mod tests;

use crate::companion::config::Config;
use crate::companion::data::CleaningReport;
use crate::companion::evaluate::{Evaluation, Explanations, TaskResults};
use crate::companion::run::Gate;
use anyhow::Result;
use html::escape;
use journal::Curves;

pub use label_curve::render_label_curve;
pub use seeds::render_seeds;

const STYLE: &str = include_str!("style.css");

/// What the page tells.
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'a> {
    /// The run's name.
    pub name: &'a str,
    /// What it was told.
    pub config: &'a Config,
    /// What became of the log's rows.
    pub cleaning: &'a CleaningReport,
    /// How well the model ranks, beside the baselines; `None` where the next item is not predicted.
    pub evaluation: Option<&'a Evaluation>,
    /// Whether its explanations hold; `None` where the next item is not predicted.
    pub explanations: Option<&'a Explanations>,
    /// How well it answers tasks; `None` without tasks.
    pub tasks: Option<&'a TaskResults>,
    /// What the exported file lost on validation.
    pub gate: &'a Gate,
    /// The text of the run's metrics.jsonl.
    pub journal: &'a str,
}

/// The whole page.
///
/// # Errors
/// When a plot can't be drawn or the configuration can't be written as TOML.
pub fn render(inputs: &Inputs<'_>) -> Result<String> {
    let Inputs { name, config, cleaning, evaluation, explanations, tasks, gate, journal } = *inputs;
    let mut sections = String::new();
    if let Some(evaluation) = evaluation {
        sections += &results::headline(evaluation);
        sections += &results::table(evaluation);
        sections += &slices::slices(evaluation);
        sections += &results::protocol(&evaluation.protocol);
    }
    if let Some(tasks) = tasks {
        sections += &tasks::tasks(tasks);
    }
    sections += &run::curves(&Curves::read(journal))?;
    if let Some(evaluation) = evaluation {
        sections += &results::calibration(evaluation)?;
    }
    if let Some(explanations) = explanations {
        sections += &explanations::explanations(explanations)?;
    }
    sections += &results::quantization(evaluation, gate);
    sections += &run::data(cleaning);
    sections += &run::configuration(config)?;
    Ok(page(name, &sections))
}

/// The page around the sections; `name` is text.
fn page(name: &str, sections: &str) -> String {
    let (name, version) = (escape(name), env!("CARGO_PKG_VERSION"));
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{name} · foreclick</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         <header><p class=\"brand\">foreclick {version}</p><h1>{name}</h1></header>\n\
         <main>\n{sections}</main>\n</body>\n</html>\n"
    )
}
