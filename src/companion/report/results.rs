//! What the model reaches: headline, table, protocol, calibration, quantization.

use super::html::{definitions, escape, figure, percent, section, tile};
use super::plots;
use crate::companion::config::{SplitConfig, SplitKind};
use crate::companion::data::grouped;
use crate::companion::evaluate::{Difference, Evaluation, Protocol, Quantization, change, share_lost};
use crate::companion::run::Gate;
use crate::metrics::{DEPTHS, RankingMetrics};
use anyhow::Result;
use std::fmt::Write;

/// The metrics that the page speaks of: the file's where there is one, else the trained weights'.
fn ours(evaluation: &Evaluation) -> RankingMetrics {
    let metrics = &evaluation.metrics;
    metrics.get("exported").or(metrics.get("f32")).copied().unwrap_or_default()
}

/// The strongest baseline.
fn strongest(evaluation: &Evaluation) -> Option<(&'static str, &RankingMetrics)> {
    let (name, metrics) = evaluation.baselines.get_key_value(evaluation.slices.baseline)?;
    Some((name, metrics))
}

/// One sentence and the numbers that matter.
pub fn headline(evaluation: &Evaluation) -> String {
    let metrics = ours(evaluation);
    let mut tiles = tile("NDCG@10", &format!("{:.4}", metrics.ndcg_at_10()), "higher is better");
    tiles += &tile("hit rate @10", &percent(metrics.hr_at_10()), "the target is among the first ten");
    let mut verdict = String::new();
    if let Some((name, baseline)) = strongest(evaluation) {
        let gain = change(share_lost(baseline.ndcg_at_10(), metrics.ndcg_at_10()));
        tiles += &tile("against counting", &gain, &format!("NDCG@10, strongest: {}", title(name)));
        verdict = format!("<p class=\"verdict\">{}</p>\n", escape(&sentence(name, evaluation)));
    }
    if let Some(Quantization { ndcg_loss, top10_overlap }) = evaluation.quantization {
        let below = format!("{} of the top 10 in common", percent(top10_overlap));
        tiles += &tile("model file", &change(ndcg_loss), &format!("NDCG@10; {below}"));
    }
    format!("{verdict}<div class=\"tiles\">\n{tiles}</div>\n")
}

fn sentence(strongest: &str, evaluation: &Evaluation) -> String {
    let name = title(strongest);
    if evaluation.bootstrap.values().all(|difference| difference.low > 0.0) {
        format!("The model ranks better than every counting baseline; the strongest is {name}.")
    } else if evaluation.bootstrap.get(strongest).is_some_and(|difference| difference.high < 0.0) {
        format!("Counting ranks better than the model: {name} is ahead. Train longer, or use more data.")
    } else {
        format!("The model and the strongest counting baseline, {name}, can't be told apart on these targets.")
    }
}

/// Models and baselines side by side, best first.
pub fn table(evaluation: &Evaluation) -> String {
    let mut rows: Vec<(&str, &RankingMetrics, bool)> = Vec::new();
    rows.extend(evaluation.metrics.iter().map(|(name, metrics)| (*name, metrics, true)));
    rows.extend(evaluation.baselines.iter().map(|(name, metrics)| (*name, metrics, false)));
    // Stable, so that the model stands above a baseline that equals it.
    rows.sort_by(|a, b| b.1.ndcg_at_10().total_cmp(&a.1.ndcg_at_10()));
    let largest = rows.first().map_or(0.0, |row| row.1.ndcg_at_10()).max(f64::MIN_POSITIVE);

    let mut body = String::new();
    for (name, metrics, is_model) in &rows {
        let [_, _, mrr, _] = metrics.mrr;
        let (ndcg, class) = (metrics.ndcg_at_10(), if *is_model { " class=\"model\"" } else { "" });
        let width = percent(ndcg / largest);
        let difference = evaluation.bootstrap.get(name).filter(|_| !is_model).map_or(String::new(), interval);
        let _ = writeln!(
            body,
            "<tr{class}><th scope=\"row\">{}</th><td class=\"bar\"><div><b>{ndcg:.4}</b><i style=\"width:{width}\"></i></div></td>\
             <td>{:.4}</td><td class=\"wide\">{mrr:.4}</td><td class=\"lead\">{difference}</td></tr>",
            title(name),
            metrics.hr_at_10()
        );
    }
    let head = "<tr><th scope=\"col\">ranking by</th><th scope=\"col\">NDCG@10</th><th scope=\"col\">HR@10</th>\
                <th scope=\"col\" class=\"wide\">MRR@10</th>\
                <th scope=\"col\" class=\"lead\">the model's lead in NDCG@10, 95% interval</th></tr>";
    let note = "<p class=\"note\">Intervals: paired bootstrap over whole sequences, 1,000 draws. The mix adds own \
                recency, co-occurrence and popularity; its weights are picked on validation events.</p>\n";
    let html = format!(
        "<table class=\"metrics\">\n<thead>{head}</thead>\n<tbody>\n{body}</tbody>\n</table>\n{note}{}",
        all_depths(&rows)
    );
    section("How well it ranks", &html)
}

fn interval(difference: &Difference) -> String {
    let Difference { difference, low, high } = difference;
    let class = if *low > 0.0 {
        "ahead"
    } else if *high < 0.0 {
        "behind"
    } else {
        "even"
    };
    format!("<span class=\"{class}\">{difference:+.4}</span> <small>{low:+.4} to {high:+.4}</small>")
}

fn all_depths(rows: &[(&str, &RankingMetrics, bool)]) -> String {
    let mut head = String::from("<th scope=\"col\">ranking by</th>");
    for measure in ["HR", "NDCG", "MRR"] {
        head.extend(DEPTHS.map(|k| format!("<th scope=\"col\">{measure}@{k}</th>")));
    }
    let mut body = String::new();
    for (name, RankingMetrics { hr, ndcg, mrr }, is_model) in rows {
        let class = if *is_model { " class=\"model\"" } else { "" };
        let cells = [hr, ndcg, mrr].into_iter().flatten().map(|value| format!("<td>{value:.4}</td>"));
        let _ = writeln!(body, "<tr{class}><th scope=\"row\">{}</th>{}</tr>", title(name), cells.collect::<String>());
    }
    format!(
        "<details><summary>All depths</summary><div class=\"scroll\"><table>\n<thead><tr>{head}</tr></thead>\n\
         <tbody>\n{body}</tbody>\n</table></div></details>\n"
    )
}

/// What people call a row.
pub fn title(name: &str) -> String {
    match name {
        "f32" => "the model as trained (f32)".into(),
        "exported" => "the model file".into(),
        "mix" => "the mix".into(),
        "cooccurrence" => "co-occurrence".into(),
        "last_item_markov" => "last-item Markov".into(),
        other => other.replace('_', " "),
    }
}

/// How the numbers came about.
pub fn protocol(protocol: &Protocol) -> String {
    let Protocol {
        split,
        models: _,
        leak,
        log: _,
        part,
        candidates,
        filter_seen: _,
        min_history,
        ties,
        seed,
        events,
        misses,
        sequences,
        items: _,
        baselines,
    } = protocol;
    let mut rows = vec![
        ("split", split_text(split)),
        (
            "targets",
            format!(
                "{} {part} events of {} sequences; {} of them are no candidates and count as misses",
                grouped(*events as u64),
                grouped(*sequences as u64),
                grouped(*misses as u64)
            ),
        ),
        ("candidates", candidates.clone()),
        ("history", format!("every earlier event of the sequence, whatever its part; at least {min_history} of them")),
        ("ties", format!("{ties}; the seed is {seed}")),
        ("baselines", (*baselines).into()),
        ("engine", "the one that runs in the browser, event by event".into()),
    ];
    rows.extend(leak.iter().map(|leak| ("these figures are too good", leak.clone())));
    section("Protocol", &definitions(&rows))
}

fn split_text(split: &SplitConfig) -> String {
    let SplitConfig {
        kind: _,
        validation_from,
        test_from,
        train_from,
        validation_share: _,
        test_share: _,
        held_out_sequences,
        max_training_events,
        seed,
    } = split;
    let mut text = match split.kind() {
        SplitKind::LeaveOneOut => "leave one out: the last event is for the test, the one before for validation".into(),
        SplitKind::Time => String::from("by time"),
        SplitKind::Sequence => {
            let [validation, test] = split.shares();
            format!(
                "whole sequences, drawn by key and seed {seed}: {validation} of them for validation, {test} for the test"
            )
        }
    };
    for (name, moment) in [("training", train_from), ("validation", validation_from), ("test", test_from)] {
        if let Some(moment) = moment {
            let _ = write!(text, "; {name} from {moment}");
        }
    }
    if *held_out_sequences > 0.0 {
        let _ = write!(text, "; {} of the sequences are in none of them", percent(*held_out_sequences));
    }
    if let Some(most) = max_training_events {
        let _ = write!(text, "; at most the latest {most} training events of a sequence");
    }
    text
}

/// Whether probabilities can be believed.
pub fn calibration(evaluation: &Evaluation) -> Result<String> {
    let calibration = &evaluation.calibration;
    let points: Vec<(f64, f64)> = calibration.bins.iter().map(|bin| (bin.mean_probability, bin.hit_rate)).collect();
    if points.is_empty() {
        return Ok(String::new());
    }
    let caption = "The best item's probability against how often it was right, in ten bins of equally many targets. \
                   On the thin line a promise is kept; below it the model promises too much.";
    let numbers = definitions(&[
        ("expected calibration error", format!("{:.4}", calibration.expected_error)),
        ("log loss of the target", format!("{:.3} nats", evaluation.log_loss)),
    ]);
    let html = format!("<div class=\"plots\">\n{}{numbers}</div>\n", figure(&plots::reliability(&points)?, caption));
    Ok(section("Can its probabilities be believed?", &html))
}

/// What the small file costs: by the exporter's gate on validation, and on the targets of this page.
pub fn quantization(evaluation: Option<&Evaluation>, gate: &Gate) -> String {
    let mut rows = vec![("the gate", gate.to_string())];
    if let Some(evaluation) = evaluation
        && let Some(Quantization { ndcg_loss, top10_overlap }) = evaluation.quantization
    {
        let (change, overlap) = (change(ndcg_loss), percent(top10_overlap));
        let text = format!("{change} NDCG@10; {overlap} of the top 10 in common, on average");
        rows.push((evaluation.protocol.part, text));
    }
    section("What quantization costs", &definitions(&rows))
}
