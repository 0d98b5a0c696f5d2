//! `report.html`: one file that shows a run, without a script and without a request.

mod plots;

use crate::companion::config::Config;
use crate::companion::data::{CleaningReport, Rule};
use crate::companion::evaluate::{Difference, Evaluation};
use crate::companion::run::Gate;
use crate::metrics::RankingMetrics;
use anyhow::Result;
use plots::{Axes, Curve};
use serde_json::Value;
use std::fmt::Write;

const STYLE: &str = include_str!("style.css");

/// What a report shows.
pub struct Inputs<'a> {
    /// The run's name.
    pub name: &'a str,
    /// What it was told.
    pub config: &'a Config,
    /// What became of the log's rows.
    pub cleaning: &'a CleaningReport,
    /// Metrics, baselines, calibration.
    pub evaluation: &'a Evaluation,
    /// What the exported file lost on validation.
    pub gate: &'a Gate,
    /// metrics.jsonl, line by line.
    pub journal: &'a str,
}

/// The whole page.
///
/// # Errors
/// When a plot can't be drawn or the configuration can't be written as TOML.
pub fn render(inputs: &Inputs<'_>) -> Result<String> {
    let Inputs { name, config, cleaning, evaluation, gate, journal } = *inputs;
    let mut page = String::new();
    write!(
        page,
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{0} · foreclick</title>\n<style>\n{STYLE}</style>\n<main>\n<h1>{0}</h1>\n",
        escape(name)
    )?;
    write_headline(&mut page, evaluation)?;
    write_metrics(&mut page, evaluation)?;
    write_curves(&mut page, journal)?;
    write_quantization(&mut page, evaluation, gate)?;
    write_calibration(&mut page, evaluation)?;
    write_cleaning(&mut page, cleaning)?;
    let toml = escape(&toml::to_string(config)?);
    write!(page, "<section>\n<h2>Configuration</h2>\n<pre>{toml}</pre>\n</section>\n</main>\n</html>\n")?;
    Ok(page)
}

fn write_headline(page: &mut String, evaluation: &Evaluation) -> Result<()> {
    let protocol = &evaluation.protocol;
    let shown = evaluation.metrics.get("exported").or(evaluation.metrics.get("f32"));
    let ndcg = shown.map_or(0.0, RankingMetrics::ndcg_at_10);
    let hr = shown.map_or(0.0, RankingMetrics::hr_at_10);
    write!(
        page,
        "<p class=\"lead\"><strong>{ndcg:.4}</strong> NDCG@10 and <strong>{hr:.4}</strong> HR@10 on the {} part.</p>\n\
         <p>{} targets of {} sequences, each ranked among {}; {} cannot be reached and count as misses. Ties: {} (seed {}). \
         Baselines: {}.</p>\n",
        protocol.part,
        protocol.events,
        protocol.sequences,
        escape(&protocol.candidates),
        protocol.misses,
        protocol.ties,
        protocol.seed,
        protocol.baselines,
    )?;
    Ok(())
}

fn write_metrics(page: &mut String, evaluation: &Evaluation) -> Result<()> {
    let all = evaluation.metrics.values().chain(evaluation.baselines.values());
    let best = all.map(RankingMetrics::ndcg_at_10).fold(f64::MIN_POSITIVE, f64::max);
    page.push_str(
        "<section>\n<h2>Beside counting</h2>\n<div class=\"scroll\"><table>\n<tr><th>ranking</th><th>NDCG@10</th><th></th>\
         <th>HR@10</th><th>MRR@10</th><th>ours minus it [95%]</th></tr>\n",
    );
    for (name, metrics) in &evaluation.metrics {
        write_row(page, name, metrics, best, None)?;
    }
    let mut baselines: Vec<_> = evaluation.baselines.iter().collect();
    baselines.sort_by(|a, b| b.1.ndcg_at_10().total_cmp(&a.1.ndcg_at_10()));
    for (name, metrics) in baselines {
        write_row(page, name, metrics, best, evaluation.bootstrap.get(name))?;
    }
    page.push_str(
        "</table></div>\n<p class=\"note\">Differences are of NDCG@10, with the 95% interval of a paired bootstrap \
         over sequences.</p>\n</section>\n",
    );
    Ok(())
}

fn write_row(
    page: &mut String,
    name: &str,
    metrics: &RankingMetrics,
    best: f64,
    against: Option<&Difference>,
) -> Result<()> {
    let ndcg = metrics.ndcg_at_10();
    let class = if against.is_none() { " class=\"ours\"" } else { "" };
    let difference = against.map_or(String::new(), |Difference { difference, low, high }| {
        format!("{difference:+.4} [{low:+.4}, {high:+.4}]")
    });
    let [_, _, mrr, _] = metrics.mrr;
    writeln!(
        page,
        "<tr{class}><th>{}</th><td>{ndcg:.4}</td><td><svg class=\"bar\" viewBox=\"0 0 100 8\" preserveAspectRatio=\"none\">\
         <rect width=\"{:.1}\" height=\"8\"/></svg></td><td>{:.4}</td><td>{mrr:.4}</td><td>{difference}</td></tr>",
        name.replace('_', " "),
        100.0 * ndcg / best,
        metrics.hr_at_10(),
    )?;
    Ok(())
}

fn write_curves(page: &mut String, journal: &str) -> Result<()> {
    let lines: Vec<Value> = journal.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let points = |value: &dyn Fn(&Value) -> Option<f64>| -> Vec<(f64, f64)> {
        lines.iter().filter_map(|line| Some((line["step"].as_f64()?, value(line)?))).collect()
    };
    let loss = points(&|line| line["loss"].as_f64());
    let ndcg = points(&|line| line["validation"]["ndcg@10"].as_f64());
    let rate = points(&|line| line["lr"].as_f64());
    page.push_str("<section>\n<h2>Training</h2>\n<div class=\"plots\">\n");
    for (title, points) in [("loss, nats", loss), ("validation NDCG@10", ndcg), ("learning rate", rate)] {
        let axes = Axes { title, x: "step", y: "" };
        page.push_str(&plots::draw(&axes, &[Curve { points, dots: false }])?);
    }
    page.push_str("</div>\n</section>\n");
    Ok(())
}

fn write_quantization(page: &mut String, evaluation: &Evaluation, gate: &Gate) -> Result<()> {
    write!(page, "<section>\n<h2>Quantization</h2>\n<p>{}.</p>\n", escape(&gate.to_string()))?;
    if let Some(quantization) = evaluation.quantization {
        writeln!(
            page,
            "<p>On the {} part: {:+.2}% NDCG@10, {:.1}% of the top 10 in common.</p>",
            evaluation.protocol.part,
            -100.0 * quantization.ndcg_loss,
            100.0 * quantization.top10_overlap
        )?;
    }
    page.push_str("</section>\n");
    Ok(())
}

fn write_calibration(page: &mut String, evaluation: &Evaluation) -> Result<()> {
    let bins = &evaluation.calibration.bins;
    let points: Vec<(f64, f64)> = bins.iter().map(|bin| (bin.mean_probability, bin.hit_rate)).collect();
    let end = points.iter().fold(f64::MIN_POSITIVE, |end, &(x, y)| end.max(x).max(y));
    let axes = Axes { title: "calibration of the best item", x: "probability said", y: "share that was right" };
    let ideal = Curve { points: vec![(0.0, 0.0), (end, end)], dots: false };
    write!(
        page,
        "<section>\n<h2>Calibration</h2>\n<div class=\"plots\">\n{}</div>\n<p class=\"note\">Ten groups of equal size; the line \
         is perfect calibration. Expected calibration error {:.4}; log loss of the target {:.4} nats.</p>\n</section>\n",
        plots::draw(&axes, &[ideal, Curve { points, dots: true }])?,
        evaluation.calibration.expected_error,
        evaluation.log_loss
    )?;
    Ok(())
}

fn write_cleaning(page: &mut String, cleaning: &CleaningReport) -> Result<()> {
    page.push_str("<section>\n<h2>The log</h2>\n<div class=\"scroll\"><table>\n");
    let mut row = |name: &str, rows: u64, detail: &str| {
        writeln!(page, "<tr><th>{}</th><td>{rows}</td><td class=\"text\">{}</td></tr>", escape(name), escape(detail))
    };
    row("rows read", cleaning.rows_read, &cleaning.files.join(", "))?;
    for Rule { name, rows, detail } in &cleaning.rules {
        row(&format!("− {name}"), *rows, detail)?;
    }
    row("rows kept", cleaning.rows_kept, "")?;
    for Rule { name, rows, detail } in &cleaning.notes {
        row(&format!("note: {name}"), *rows, detail)?;
    }
    row("sequences", cleaning.sequences as u64, "")?;
    row("items", cleaning.items as u64, "")?;
    row("training events", cleaning.train_events as u64, "")?;
    row("validation events", cleaning.validation_events as u64, "")?;
    row("test events", cleaning.test_events as u64, "")?;
    page.push_str("</table></div>\n</section>\n");
    Ok(())
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn what_a_log_says_is_text_and_no_markup() {
        assert_eq!(escape("<b a=\"1\">&</b>"), "&lt;b a=&quot;1&quot;&gt;&amp;&lt;/b&gt;");
    }
}
