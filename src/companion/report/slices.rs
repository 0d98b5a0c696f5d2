//! Which targets the model is good at.

use super::html::{escape, percent, section};
use super::results::title;
use crate::companion::data::grouped;
use crate::companion::evaluate::{Evaluation, Slice};
use std::fmt::Write;

/// The model and the strongest baseline by slices of the targets.
pub fn slices(evaluation: &Evaluation) -> String {
    let slices = &evaluation.slices;
    let rows = || slices.cuts().into_iter().flat_map(|(_, slices)| slices);
    let largest = rows().map(|slice| slice.model.ndcg).fold(f64::MIN_POSITIVE, f64::max);

    let mut body = String::new();
    for (cut, slices) in slices.cuts() {
        let _ = writeln!(body, "<tr class=\"cut\"><th scope=\"rowgroup\" colspan=\"6\">{}</th></tr>", heading(cut));
        for Slice { name, targets, model, baseline } in slices {
            let _ = writeln!(
                body,
                "<tr><th scope=\"row\">{name}</th><td class=\"bar\"><div><b>{:.4}</b><i style=\"width:{}\"></i></div></td>\
                 <td>{:.4}</td><td>{:.4}</td><td>{:.4}</td><td>{}</td></tr>",
                model.ndcg,
                percent(model.ndcg / largest),
                baseline.ndcg,
                model.hr,
                baseline.hr,
                grouped(*targets as u64)
            );
        }
    }
    let (model, baseline) = (escape(&title(slices.model)), escape(&title(slices.baseline)));
    let html = format!(
        "<div class=\"scroll\"><table class=\"slices\">\n\
         <thead><tr><th scope=\"col\">targets</th><th scope=\"col\">NDCG@10 of {model}</th><th scope=\"col\">of {baseline}</th>\
         <th scope=\"col\">HR@10 of {model}</th><th scope=\"col\">of {baseline}</th><th scope=\"col\">how many</th></tr></thead>\n\
         <tbody>\n{body}</tbody>\n</table></div>\n\
         <p class=\"note\">Head: the {} most popular items, which have half of the training events; tail: the rest; cold: \
         known items without a training event; unknown: items that the model can't rank. Few targets tell little. {} of the catalogue is in at least one top 10.</p>\n",
        grouped(slices.head_items as u64),
        percent(evaluation.coverage)
    );
    section("Which targets it is good at", &html)
}

fn heading(cut: &str) -> &str {
    match cut {
        "popularity" => "by the item's popularity",
        "history" => "by the number of events before",
        "target" => "by whether the sequence has met the item",
        other => other,
    }
}
