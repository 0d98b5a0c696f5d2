//! What explanations are worth.

use super::html::{escape, figure, section};
use super::plots;
use crate::companion::evaluate::{Curves, Explanations, Fidelity, Importance, Order, SHARES};
use anyhow::Result;
use std::fmt::Write;

/// Deletion and insertion as plots, and what is lost without each field; nothing where nothing was measured.
///
/// # Errors
/// When a plot can't be drawn.
pub fn explanations(explanations: &Explanations) -> Result<String> {
    let Explanations { part, seed, fidelity, fields } = explanations;
    let mut html = String::new();
    if let Some(fidelity) = fidelity {
        let Fidelity { predictions, sequences, least: _, events, orders } = fidelity;
        let _ = writeln!(html, "<p class=\"verdict\">{}.</p>", escape(&fidelity.verdict()));
        let deletion = plot(orders, |order| &order.deletion, "share of events taken away")?;
        let insertion = plot(orders, |order| &order.insertion, "share of events added")?;
        let _ = writeln!(
            html,
            "<div class=\"plots\">\n{}{}</div>\n<p class=\"note\">The best item's mean probability before {predictions} {part} events \
             of {sequences} sequences (seed {seed}), over the events that its explanation names, {events:.1} on average: by \
             their effect, the largest first (accent), the latest first (grey) and in random order (light grey).</p>",
            figure(&deletion, "Deletion: the faster it falls, the better."),
            figure(&insertion, "Insertion: the faster it rises, the better.")
        );
    }
    if !fields.is_empty() {
        html += &table(fields);
    }
    Ok(if html.is_empty() { html } else { section("Whether its explanations hold", &html) })
}

fn plot(orders: &[Order], of: fn(&Order) -> &Curves, x_name: &str) -> Result<String> {
    let points = |order: &Order| -> Vec<(f64, f64)> {
        let curve = of(order).curve.iter().enumerate();
        curve.map(|(place, &p)| (place as f64 / (SHARES - 1) as f64, p)).collect()
    };
    let mut all: Vec<_> = orders.iter().map(points).collect();
    let others = all.split_off(1);
    plots::beside(&all[0], &others, x_name, "probability")
}

fn table(fields: &[Importance]) -> String {
    let mut body = String::new();
    for Importance { field, measure, events, with, without, lost } in fields {
        let _ = writeln!(
            body,
            "<tr><th scope=\"row\">{}</th><td>{}</td><td>{with:.4}</td><td>{without:.4}</td>\
             <td>{:+.4} <small>{:+.4} to {:+.4}</small></td><td>{events}</td></tr>",
            escape(field),
            escape(measure),
            lost.difference,
            lost.low,
            lost.high
        );
    }
    format!(
        "<h3>Fields</h3>\n<div class=\"scroll\"><table>\n<thead><tr><th scope=\"col\">without</th><th scope=\"col\">of</th>\
         <th scope=\"col\">with it</th><th scope=\"col\">without it</th><th scope=\"col\">lost, 95% interval</th>\
         <th scope=\"col\">events</th></tr></thead>\n<tbody>\n{body}</tbody>\n</table></div>\n"
    )
}
