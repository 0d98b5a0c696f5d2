//! Runs of several seeds on one page.

use super::html::{escape, section};
use super::page;
use super::results::title;
use crate::companion::evaluate::Seeds;
use std::fmt::Write;

/// The page; `name` is what the runs have in common.
pub fn render_seeds(name: &str, seeds: &Seeds) -> String {
    let mut html = String::new();
    for (model, metrics) in &seeds.metrics {
        let columns = seeds.seeds.iter().map(|seed| format!("<th scope=\"col\">seed {seed}</th>"));
        let mut body = String::new();
        for (metric, spread) in metrics {
            let values = spread.values.iter().map(|value| format!("<td>{value:.4}</td>"));
            let _ = writeln!(
                body,
                "<tr><th scope=\"row\">{metric}</th><td>{:.4} ± {:.4}</td>{}</tr>",
                spread.mean,
                spread.spread,
                values.collect::<String>()
            );
        }
        let _ = write!(
            html,
            "<h3>{}</h3>\n<div class=\"scroll\"><table>\n<thead><tr><th scope=\"col\">metric</th>\
             <th scope=\"col\">mean ± spread</th>{}</tr></thead>\n<tbody>\n{body}</tbody>\n</table></div>\n",
            escape(&title(model)),
            columns.collect::<String>()
        );
    }
    html += "<p class=\"note\">The spread is the sample standard deviation over the seeds; each run's own report says more.</p>\n";
    page(name, &section("How far seeds differ", &html))
}
