//! The page, from made-up numbers.

use super::*;
use crate::companion::config::{SplitConfig, SplitKind};
use crate::companion::data::Rule;
use crate::companion::evaluate::baselines::MixWeights;
use crate::companion::evaluate::{
    AtTen, Curves as Areas, Difference, Explanations, Fidelity, Importance, Order, Protocol, Quantization, SHARES,
    Slice, Slices, change, share_lost,
};
use crate::metrics::{Calibration, RankingMetrics};
use crate::schema::FilterSeen;
use std::collections::BTreeMap;
use std::path::Path;

fn rule(name: &str, rows: u64, detail: &str) -> Rule {
    Rule { name: name.into(), rows, detail: detail.into() }
}

fn cleaning() -> CleaningReport {
    CleaningReport {
        files: vec!["shop/<orders> & more.parquet".into()],
        rows_read: 1_469_307,
        rows_kept: 1_256_663,
        rules: vec![
            rule("broken times", 8, "column \"time\" holds no time"),
            rule("rare items", 212_636, "55166 items with fewer than 20 events"),
        ],
        notes: vec![rule("ties", 1_313_543, "events at the time of the one before: order drawn by seed 1")],
        sequences: 2456,
        items: 13_343,
        groups: Some(147_764),
        first_time: Some("2017-01-01T11:53:26Z".into()),
        last_time: Some("2018-01-01T04:01:20Z".into()),
        train_events: 1_097_659,
        validation_events: 50_406,
        test_events: 108_598,
    }
}

/// Metrics of targets of which a share is ranked first and the rest nowhere.
fn metrics(percent_first: usize) -> RankingMetrics {
    RankingMetrics::of(&(0..100).map(|target| if target < percent_first { 1 } else { 900 }).collect::<Vec<_>>())
}

fn slices() -> Slices {
    let slice = |name, targets, ndcg| {
        let model = AtTen { ndcg, hr: 1.7 * ndcg };
        Slice { name, targets, model, baseline: AtTen { ndcg: 0.9 * ndcg, hr: 1.6 * ndcg } }
    };
    Slices {
        model: "exported",
        baseline: "mix",
        head_items: 1204,
        popularity: vec![slice("head", 70_001, 0.1372), slice("tail", 38_000, 0.0323), slice("cold", 597, 0.0)],
        history: vec![slice("0", 40, 0.02), slice("1-2", 91, 0.05), slice("51 and more", 108_467, 0.1)],
        target: vec![slice("met before", 61_111, 0.162), slice("new", 47_487, 0.0071)],
    }
}

fn evaluation() -> Evaluation {
    let baselines = [("cooccurrence", 4), ("last_item_markov", 3), ("mix", 9), ("own_frequency", 7), ("popularity", 2)];
    let predictions: Vec<(f32, bool)> = (0..1000).map(|n| (n as f32 / 4000.0, n % 9 == 0 && n > 200)).collect();
    Evaluation {
        protocol: Protocol {
            models: 1,
            leak: None,
            split: SplitConfig { kind: Some(SplitKind::Time), ..SplitConfig::default() },
            log: None,
            part: "test",
            candidates: "all 13343 items, but those already in the open group".into(),
            filter_seen: FilterSeen::Group,
            min_history: 0,
            ties: "equal times in an order drawn by the seed; equal scores count against the target",
            seed: 1,
            events: 108_598,
            misses: 12,
            sequences: 2310,
            items: 13_343,
            baselines: "counted on the training events",
        },
        metrics: BTreeMap::from([("f32", metrics(11)), ("exported", metrics(10))]),
        baselines: baselines.into_iter().map(|(name, percent)| (name, metrics(percent))).collect(),
        mix_weights: MixWeights {
            recency: 1.0,
            recency_epsilon: 1.0,
            cooccurrence: 1.0,
            cooccurrence_epsilon: 0.1,
            lift: 0.5,
            popularity: 0.05,
        },
        bootstrap: baselines
            .into_iter()
            .map(|(name, percent)| {
                let difference = 0.1 - percent as f64 / 100.0;
                (name, Difference { difference, low: difference - 0.004, high: difference + 0.005 })
            })
            .collect(),
        quantization: Some(Quantization { ndcg_loss: Some(0.0012), top10_overlap: 0.984 }),
        slices: slices(),
        coverage: 0.4567,
        log_loss: 6.12,
        calibration: Calibration::of(&predictions, 10),
    }
}

fn journal() -> String {
    let steps = (1..=60).map(|step: i32| {
        let (loss, lr) = (6.0 + 2.0 / f64::from(step), 1e-3 * f64::from(60 - step) / 60.0);
        format!(
            "{{\"step\":{},\"epoch\":{},\"loss\":{loss},\"lr\":{lr},\"grad_norm\":1.0}}\n",
            step * 20,
            1 + step / 15
        )
    });
    let epochs = (1..=4).map(|epoch| {
        let ndcg = 0.1 - 0.02 / f64::from(epoch);
        format!(
            "{{\"step\":{},\"epoch\":{epoch},\"validation\":{{\"ndcg@10\":{ndcg},\"best\":{ndcg}}}}}\n",
            epoch * 300
        )
    });
    steps.chain(epochs).collect()
}

/// Explanations whose order is better by so much, give or take a hundredth.
fn explanations(gain: f64) -> Explanations {
    let better = Some(Difference { difference: gain, low: gain - 0.01, high: gain + 0.01 });
    let areas = |scale: f64, better| {
        let curve: Vec<f64> = (0..SHARES).map(|place| scale / (1 + place) as f64).collect();
        Areas { area: curve.iter().sum::<f64>() / SHARES as f64, curve, better }
    };
    let order = |order, scale, better| {
        let (deletion, insertion) = (areas(1.0 - scale, better), areas(scale, better));
        Order { order, deletion, insertion }
    };
    let orders =
        vec![order("explanation", 0.9, None), order("latest first", 0.5, better), order("random", 0.4, better)];
    let lost = Difference { difference: 0.0123, low: 0.01, high: 0.02 };
    let (field, measure) = ("<kind>".to_owned(), "ndcg@10".to_owned());
    Explanations {
        part: "test",
        seed: 1,
        fidelity: Some(Fidelity { predictions: 300, sequences: 280, least: 2, events: 21.5, orders }),
        fields: vec![Importance { field, measure, events: 2000, with: 0.1, without: 0.0877, lost }],
    }
}

#[test]
fn explanations_are_judged_by_their_intervals() {
    let verdict = |gain| explanations(gain).fidelity.unwrap().verdict();
    assert!(verdict(0.02).contains("name what the model goes by"));
    assert!(verdict(0.005).contains("can't be told apart from deletion of latest first, insertion of latest first"));
    assert!(verdict(-0.02).contains("worse than deletion of latest first"));
    let few = Fidelity { sequences: 29, ..explanations(0.02).fidelity.unwrap() };
    assert!(few.verdict().contains("29 sequences are too few to conclude from, expected at least 30"));
    let text = explanations(0.02).to_string();
    assert!(text.contains("+0.02000 [+0.01000, +0.03000]") && text.contains("<kind>"), "{text}");
}

fn page(evaluation: &Evaluation, journal: &str) -> String {
    let config = Config::parse("log = { path = \"<log>.csv\" }\nitem = { column = \"sku\" }", Path::new("")).unwrap();
    let gate = Gate {
        measure: "ndcg@10",
        bits: 8,
        trained: 0.11,
        exported: 0.1,
        loss: Some(0.002),
        max_loss: 0.01,
        overlap: 0.99,
        bytes: 987_654,
        is_private: false,
    };
    let cleaning = &cleaning();
    let (name, explanations) = ("shop <1>", Some(&explanations(0.02)));
    let evaluation = Some(evaluation);
    render(&Inputs { name, config: &config, cleaning, evaluation, explanations, tasks: None, gate: &gate, journal })
        .unwrap()
}

#[test]
fn the_page_tells_everything_and_fetches_nothing() {
    let page = page(&evaluation(), &journal());
    if let Some(path) = std::env::var_os("FORECLICK_REPORT") {
        std::fs::write(path, &page).unwrap();
    }
    for wanted in [
        "shop &lt;1&gt;",
        "&lt;orders&gt; &amp; more",
        "1,469,307",
        "rare items",
        "&lt;log&gt;.csv",
        "987654 bytes",
        "212,636",
        "note: ties",
        "108,598",
        "all 13343 items",
        "own frequency",
        "last-item Markov",
        "model file",
        "+0.0600",
        "98.40%",
        "expected calibration error",
        "6.120 nats",
        "NDCG@20",
        "HR@10 of the model file",
        "1,204 most popular",
        "51 and more",
        "47,487",
        "0.1458",
        "45.67% of the catalogue",
        "<dt>encoder</dt><dd>transformer</dd>",
        "by time",
        "explanations name what the model goes by",
        "&lt;kind&gt;",
        "+0.0123",
    ] {
        assert!(page.contains(wanted), "{wanted:?} is missing");
    }
    assert_eq!(page.matches("<svg").count(), 7, "four curves, the calibration, deletion and insertion");
    for forbidden in ["http:", "https:", "<script", "<link", "url(", "@import", "src=", "#010101", "#020202", "#030303"]
    {
        assert!(!page.contains(forbidden), "{forbidden:?} is in the page");
    }
}

#[test]
fn what_cannot_be_compared_is_no_percentage() {
    let nothing = BTreeMap::from([("f32", metrics(0)), ("exported", metrics(10))]);
    let baselines = BTreeMap::from([("popularity", metrics(0))]);
    let quantization = Some(Quantization { ndcg_loss: share_lost(0.0, 0.1), top10_overlap: 1.0 });
    let slices = Slices { baseline: "popularity", ..slices() };
    let page = page(&Evaluation { metrics: nothing, baselines, quantization, slices, ..evaluation() }, "");
    let tile = |caption: &str, value: &str| page.contains(&format!("<span>{caption}</span><strong>{value}</strong>"));
    assert!(tile("against counting", "n/a") && tile("model file", "n/a"), "{page}");
    assert_eq!([None, Some(0.0), Some(0.0012), Some(-0.5)].map(change), ["n/a", "+0.00%", "-0.12%", "+50.00%"]);
}

#[test]
fn rows_stand_best_first() {
    let page = page(&evaluation(), &journal());
    let places = ["as trained", "model file", "the mix", "own frequency", "co-occurrence", "popularity"]
        .map(|name| page.find(&format!("{name}</th>")).or(page.find(&format!("{name} (f32)</th>"))).unwrap());
    assert!(places.is_sorted(), "{places:?}");
}

#[test]
fn the_sentence_follows_the_interval() {
    let mut evaluation = evaluation();
    assert!(page(&evaluation, "").contains("better than every counting baseline"));
    evaluation.bootstrap.insert("mix", Difference { difference: 0.0, low: -0.1, high: 0.1 });
    assert!(page(&evaluation, "").contains("told apart"));
    evaluation.bootstrap.insert("mix", Difference { difference: -0.2, low: -0.3, high: -0.1 });
    assert!(page(&evaluation, "").contains("Counting ranks better"));
}

#[test]
fn what_is_not_there_is_left_out() {
    let page = page(&Evaluation { quantization: None, ..evaluation() }, "");
    assert!(!page.contains("in common") && !page.contains("<h2>Training"));
    assert_eq!(page.matches("<svg").count(), 3);
}

#[test]
fn a_resumed_run_overwrites_and_half_lines_are_counted() {
    let text = "{\"step\":1,\"loss\":3.0,\"lr\":0.1}\n{\"step\":2,\"loss\":2.0,\"lr\":0.1}\n{\"step\":3,\"lo\n\
                {\"step\":2,\"loss\":2.5,\"lr\":0.1}\n{\"step\":2,\"epoch\":1,\"validation\":{\"ndcg@10\":0.5}}\n";
    let curves = Curves::read(text);
    assert_eq!(curves.loss, [(1.0, 3.0), (2.0, 2.5)]);
    assert_eq!(curves.validation, [(1.0, 0.5)]);
    assert_eq!(curves.unreadable, 1);
    assert!(page(&evaluation(), text).contains("1 unreadable lines"));
}

#[test]
fn flat_and_single_points_can_be_drawn() {
    let text = "{\"step\":1,\"epoch\":1,\"loss\":3.0,\"lr\":0.0,\"grad_norm\":1.0,\"validation\":{\"ndcg@10\":0.0}}";
    assert_eq!(page(&evaluation(), text).matches("<svg").count(), 7);
}

#[test]
fn pretraining_has_curves_of_its_own() {
    let text = "{\"step\":20,\"pretraining\":{\"masked\":4.0,\"lr\":0.1}}\n{\"step\":40,\"pretraining\":{\"contrastive\":3.0}}\n\
                {\"step\":20,\"loss\":2.0,\"lr\":0.2}\n";
    let curves = Curves::read(text);
    assert_eq!((curves.masked, curves.contrastive), (vec![(20.0, 4.0)], vec![(40.0, 3.0)]));
    assert_eq!((curves.loss, curves.learning_rate), (vec![(20.0, 2.0)], vec![(20.0, 0.2)]));
    assert!(page(&evaluation(), text).contains("loss of hidden events"));
}
