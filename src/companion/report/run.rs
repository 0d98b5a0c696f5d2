//! How the run went: the data and the training.

use super::html::{definitions, escape, figure, percent, section, tile};
use super::journal::Curves;
use super::plots::{self, Mark};
use crate::companion::config::Config;
use crate::companion::data::{CleaningReport, grouped};
use anyhow::Result;
use std::fmt::Write;

/// The training curves; nothing without a point.
pub fn curves(curves: &Curves) -> Result<String> {
    let Curves { loss, masked, contrastive, learning_rate, gradient_norm, validation, unreadable } = curves;
    let plots = [
        (validation, "epoch", "validation NDCG@10", Mark::Dots, "After each epoch, on the validation part."),
        (loss, "step", "training loss", Mark::Line, "The mean over the steps since the point before."),
        (masked, "step of pretraining", "loss of hidden events", Mark::Line, "Before the ordinary epochs."),
        (contrastive, "step of pretraining", "loss of views", Mark::Line, "Before the ordinary epochs."),
        (learning_rate, "step", "learning rate", Mark::Line, "Warm-up, then a cosine."),
        (gradient_norm, "step", "gradient norm", Mark::Line, "Before clipping."),
    ];
    let mut html = String::new();
    for (points, x_name, y_name, mark, caption) in plots {
        if !points.is_empty() {
            html += &figure(&plots::curve(points, x_name, y_name, mark)?, caption);
        }
    }
    if html.is_empty() {
        return Ok(String::new());
    }
    html = format!("<div class=\"plots\">\n{html}</div>\n");
    if *unreadable > 0 {
        let _ = writeln!(html, "<p class=\"note\">{unreadable} unreadable lines of metrics.jsonl are left out.</p>");
    }
    Ok(section("Training", &html))
}

/// The log, and what became of its rows.
pub fn data(cleaning: &CleaningReport) -> String {
    let CleaningReport {
        files,
        rows_read,
        rows_kept,
        rules,
        notes,
        sequences,
        items,
        groups,
        first_time,
        last_time,
        train_events,
        validation_events,
        test_events,
    } = cleaning;
    let mut tiles = tile("events", &grouped(*rows_kept), &format!("of {} rows", grouped(*rows_read)));
    tiles += &tile("sequences", &grouped(*sequences as u64), "");
    tiles += &tile("items", &grouped(*items as u64), "");
    if let Some(groups) = groups {
        tiles += &tile("groups", &grouped(*groups as u64), "");
    }

    let mut rows = vec![("log", files.join(", "))];
    if let (Some(first), Some(last)) = (first_time, last_time) {
        rows.push(("time", format!("{first} to {last}")));
    }
    let parts = [("training", train_events), ("validation", validation_events), ("test", test_events)];
    let parts = parts.map(|(name, events)| format!("{} {name}", grouped(*events as u64)));
    rows.push(("events", parts.join(" · ")));

    let mut body = String::new();
    for rule in rules {
        let _ = writeln!(
            body,
            "<tr><th scope=\"row\">{}</th><td class=\"bar\"><div><b>{}</b><i style=\"width:{}\"></i></div></td><td>{}</td></tr>",
            escape(&rule.name),
            grouped(rule.rows),
            percent(rule.rows as f64 / (*rows_read).max(1) as f64),
            escape(&rule.detail)
        );
    }
    for note in notes {
        let _ = writeln!(
            body,
            "<tr><th scope=\"row\">note: {}</th><td class=\"bar\"><div><b>{}</b></div></td><td>{}</td></tr>",
            escape(&note.name),
            grouped(note.rows),
            escape(&note.detail)
        );
    }
    let html = format!(
        "<div class=\"tiles\">\n{tiles}</div>\n{}<h3>Cleaning</h3>\n<table class=\"cleaning\">\n\
         <thead><tr><th scope=\"col\">rule</th><th scope=\"col\">rows dropped</th><th scope=\"col\">why</th></tr></thead>\n\
         <tbody>\n{body}</tbody>\n</table>\n<p class=\"note\">Notes drop nothing.</p>\n",
        definitions(&rows)
    );
    section("Data", &html)
}

/// The schema file that the run was told, and above all the encoder.
///
/// # Errors
/// When it can't be written as TOML.
pub fn configuration(config: &Config) -> Result<String> {
    let toml = escape(&toml::to_string(config)?);
    let encoder = definitions(&[("encoder", config.train.encoder.name().into())]);
    Ok(section(
        "Configuration",
        &format!(
            "{encoder}<details><summary>foreclick.toml, with every default</summary><pre>{toml}</pre></details>\n"
        ),
    ))
}
