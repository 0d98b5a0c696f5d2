//! How well tasks are answered.

use super::html::{escape, section};
use super::results::title;
use crate::companion::evaluate::{TaskResult, TaskResults};
use std::fmt::Write;

/// A table of figures for each task.
pub fn tasks(results: &TaskResults) -> String {
    let mut html = String::new();
    for TaskResult { task, labels, rows } in &results.tasks {
        if *labels == 0 {
            let _ = writeln!(
                html,
                "<h3>{}</h3>\n<p class=\"note\">no labels to measure; {}</p>",
                escape(task),
                escape(&results.protocol)
            );
            continue;
        }
        let names: Vec<&str> = rows.first().map_or(Vec::new(), |(_, figures)| figures.keys().copied().collect());
        let head: String = names.iter().map(|name| format!("<th scope=\"col\">{}</th>", escape(name))).collect();
        let mut body = String::new();
        for (row, figures) in rows {
            let class = if ["f32", "exported"].contains(&row.as_str()) { " class=\"model\"" } else { "" };
            let cells: String = names
                .iter()
                .map(|name| figures.get(name).map_or("<td></td>".into(), |value| format!("<td>{value:.4}</td>")))
                .collect();
            let _ = writeln!(body, "<tr{class}><th scope=\"row\">{}</th>{cells}</tr>", escape(&title(row)));
        }
        let _ = write!(
            html,
            "<h3>{}</h3>\n<div class=\"scroll\"><table class=\"plain\">\n<thead><tr><th scope=\"col\">answered by</th>{head}</tr></thead>\n\
             <tbody>\n{body}</tbody>\n</table></div>\n<p class=\"note\">{labels} labels; {}</p>\n",
            escape(task),
            escape(&results.protocol)
        );
    }
    section("How well it answers", &html)
}
