//! How few labels a task needs, on one page.

use super::html::{escape, figure, section};
use super::{page, plots};
use crate::companion::evaluate::{LabelCurve, Measure, percent};
use anyhow::Result;
use std::fmt::Write;

/// The page; `name` is what the runs have in common.
///
/// # Errors
/// When a plot can't be drawn.
pub fn render_label_curve(name: &str, curve: &LabelCurve) -> Result<String> {
    let (mut figures, mut tables) = (String::new(), String::new());
    for measure in curve.measures() {
        let Measure { task, name, ways } = &measure;
        let [(base, guide), others @ .., (last, _)] = ways.as_slice() else { continue };
        let curves: Vec<&[(f64, f64)]> = ways[1..].iter().map(|(_, points)| points.as_slice()).collect();
        let faint: String = others.iter().map(|(way, _)| format!("; the faint line: {way}")).collect();
        let caption = format!("{task}. The coloured line: {last}{faint}; the thin one: {base}.");
        let svg = plots::by_share(&curves, "sequences whose labels are known", &format!("{name} of {task}"), guide)?;
        figures += &figure(&svg, &caption);
        tables += &table(&measure);
    }
    let protocol = curve.points.first().map_or("", |point| point.results.protocol.as_str());
    let html = format!(
        "<div class=\"plots\">\n{figures}</div>\n{tables}<p class=\"note\">Labels of the training part; those of the validation part, \
         which pick the epoch, are all known. Of the model file where there is one; {}. Each run's own report says more.</p>\n",
        escape(protocol)
    );
    Ok(page(name, &section("How many labels it takes", &html)))
}

fn table(Measure { task, name, ways }: &Measure<'_>) -> String {
    let head: String = ways.iter().map(|(way, _)| format!("<th scope=\"col\">{}</th>", escape(way))).collect();
    let mut body = String::new();
    for (place, (share, _)) in ways.first().map_or(&[][..], |(_, points)| points).iter().enumerate() {
        let cells: String = ways.iter().map(|(_, points)| format!("<td>{:.4}</td>", points[place].1)).collect();
        let _ = writeln!(body, "<tr><th scope=\"row\">{}%</th>{cells}</tr>", percent(*share));
    }
    format!(
        "<h3>{}, {name}</h3>\n<div class=\"scroll\"><table class=\"plain\">\n<thead><tr><th scope=\"col\">labels of</th>{head}</tr></thead>\n<tbody>\n{body}</tbody>\n</table></div>\n",
        escape(task)
    )
}
