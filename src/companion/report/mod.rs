//! `report.html`: a run on one page, in one file that fetches nothing and runs no script.

mod explanations;
mod html;
mod journal;
mod plots;
mod results;
mod run;
mod seeds;
mod slices;
#[cfg(test)]
mod tests;

use crate::companion::config::Config;
use crate::companion::data::CleaningReport;
use crate::companion::evaluate::{Evaluation, Explanations};
use crate::companion::run::Gate;
use anyhow::Result;
use html::escape;
use journal::Curves;

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
    /// What the model reaches, beside the baselines.
    pub evaluation: &'a Evaluation,
    /// Whether its explanations hold.
    pub explanations: &'a Explanations,
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
    let Inputs { name, config, cleaning, evaluation, explanations, gate, journal } = *inputs;
    let sections = [
        results::headline(evaluation),
        results::table(evaluation),
        slices::slices(evaluation),
        results::protocol(&evaluation.protocol),
        run::curves(&Curves::read(journal))?,
        results::calibration(evaluation)?,
        explanations::explanations(explanations)?,
        results::quantization(evaluation, gate),
        run::data(cleaning),
        run::configuration(config)?,
    ];
    Ok(page(name, &sections.concat()))
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
