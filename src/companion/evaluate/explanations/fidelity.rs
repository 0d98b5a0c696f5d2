//! Deletion and insertion (Petsiuk et al. 2018, arXiv 1806.07421): if an explanation is true to the model, the item's probability
//! falls fast where the events that speak for it are taken away first, and rises fast where they come first.

use super::interval;
use crate::companion::config::Config;
use crate::companion::data::{Dataset, Part};
use crate::companion::evaluate::bootstrap::{Difference, by_sequence, resampled};
use crate::companion::evaluate::stream::{places, sample, sequence_at};
use crate::engine::Stream;
use crate::engine::cpu::{Cpu, Simd};
use crate::event::{EventView, Upcoming};
use crate::format::Model;
use crate::predictor::{MAX_EVENTS, effects, fields_of};
use crate::vocab::ItemId;
use anyhow::Result;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::Serialize;
use std::fmt;
use std::sync::Arc;

/// The points of a curve: no event, a tenth of them, and so on to all.
pub const SHARES: usize = 11;

/// Fewer events than this are in one order only.
const LEAST_EVENTS: usize = 2;

/// A bootstrap over fewer sequences says little: over one its interval has no width.
const LEAST_SEQUENCES: usize = 30;

/// The orders, ours first.
const ORDERS: [&str; 3] = ["explanation", "latest first", "random"];

type Curve = [f64; SHARES];
type CpuStream = Stream<Cpu<Simd>>;

/// How the best item's probability follows the events that its explanation names.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Fidelity {
    /// Predictions that were explained.
    pub predictions: usize,
    /// Sequences that they are of.
    pub sequences: usize,
    /// How many events each has before it, at least.
    pub least: usize,
    /// The mean number of events that an explanation names.
    pub events: f64,
    /// By effect, then what needs no explanation.
    pub orders: Vec<Order>,
}

/// What events in an order do.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Order {
    /// `explanation` (the largest effect first), `latest first` or `random`.
    pub order: &'static str,
    /// Events are taken away, those at the front of the order first: less is better.
    pub deletion: Curves,
    /// Events are added to none, each at its place in time: more is better.
    pub insertion: Curves,
}

/// The item's probability over the share of events that were taken away, or added.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Curves {
    /// The mean probability after 0, 10, .. 100% of the events: `[SHARES]`.
    pub curve: Vec<f64>,
    /// The area under it.
    pub area: f64,
    /// By how much the explanation's order is better; left out for itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub better: Option<Difference>,
}

/// One explained prediction.
struct Case {
    sequence: usize,
    events: usize,
    /// `[ORDERS]`
    deletion: [Curve; ORDERS.len()],
    insertion: [Curve; ORDERS.len()],
}

/// Explains the best item before so many events of a part, drawn by the seed; `None` where there is nothing to explain.
///
/// # Errors
/// What the engine says.
pub fn measure(
    config: &Config,
    dataset: &Dataset,
    part: Part,
    model: &Arc<Model>,
    count: usize,
) -> Result<Option<Fidelity>> {
    let (seed, least) = (config.split.seed, config.evaluate.min_history.max(LEAST_EVENTS));
    if !dataset.schema.predicts_items() {
        return Ok(None);
    }
    let targets = sample(&places(dataset, part, least), count, seed);
    let explained = targets.par_iter().map(|&target| Session::before(dataset, model, target)?.explained(seed));
    let cases: Vec<Case> = explained.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect();
    if cases.is_empty() {
        return Ok(None);
    }
    let curves = |of: &dyn Fn(&Case) -> &[Curve; ORDERS.len()], order: usize, sign: f64| {
        let mut curve = vec![0.0; SHARES];
        for case in &cases {
            curve.iter_mut().zip(of(case)[order]).for_each(|(mean, p)| *mean += p / cases.len() as f64);
        }
        let gain = |case: &Case| (case.sequence, sign * (area(&of(case)[0]) - area(&of(case)[order])));
        let better = (order > 0).then(|| resampled(&by_sequence(cases.iter().map(gain)), seed));
        Curves { area: area(&curve), curve, better }
    };
    let order = |(place, &order): (usize, &&'static str)| Order {
        order,
        deletion: curves(&|case| &case.deletion, place, -1.0),
        insertion: curves(&|case| &case.insertion, place, 1.0),
    };
    Ok(Some(Fidelity {
        predictions: cases.len(),
        sequences: cases.chunk_by(|a, b| a.sequence == b.sequence).count(),
        least,
        events: cases.iter().map(|case| case.events as f64).sum::<f64>() / cases.len() as f64,
        orders: ORDERS.iter().enumerate().map(order).collect(),
    }))
}

/// The trapezoids under a curve whose points lie a tenth apart.
fn area(curve: &[f64]) -> f64 {
    curve.windows(2).map(|pair| (pair[0] + pair[1]) / 2.0).sum::<f64>() / (SHARES - 1) as f64
}

/// What came before an event that is to be predicted.
struct Session<'a> {
    target: usize,
    sequence: usize,
    upcoming: Upcoming,
    model: &'a Arc<Model>,
    /// Has taken what came before `events`.
    before: CpuStream,
    /// The latest known events, as many as an explanation names.
    events: Vec<EventView<'a>>,
}

impl<'a> Session<'a> {
    fn before(dataset: &'a Dataset, model: &'a Arc<Model>, target: usize) -> Result<Self> {
        let sequences = &dataset.sequences;
        let sequence = sequence_at(sequences, target);
        let range = sequences.range(sequence).start..target;
        let mut earlier: Vec<_> = range.map(|place| sequences.event(place)).filter(|event| event.is_known()).collect();
        let events = earlier.split_off(earlier.len().saturating_sub(MAX_EVENTS));
        let mut before = Stream::new(model.clone(), Cpu::new(model.clone()))?;
        for (place, &event) in earlier.iter().enumerate() {
            before.catch_up(event, earlier.len() - 1 - place)?;
        }
        let upcoming = Upcoming { group: sequences.event(target).group };
        Ok(Self { target, sequence, upcoming, model, before, events })
    }

    /// `None` where too little is known, or there is no candidate.
    fn explained(&self, seed: u64) -> Result<Option<Case>> {
        let Self { target, sequence, upcoming, model, before, events } = self;
        if events.len() < LEAST_EVENTS {
            return Ok(None);
        }
        let mut all = self.replay(|_| true)?;
        all.score(*upcoming, &[])?;
        let Some(&(best, _)) = all.ops_mut().rank(1, None).ranked.first() else { return Ok(None) };

        let schema = &model.metadata.schema;
        let measure = |stream: &mut CpuStream| log_probability(stream, *upcoming, best);
        let effects = effects(before.clone(), schema, events, &measure)?.effects.split_off(fields_of(schema).count());
        let latest: Vec<usize> = (0..events.len()).rev().collect();
        let mut by_effect = latest.clone();
        by_effect.sort_by(|&a, &b| effects[b].total_cmp(&effects[a]));
        let mut random = latest.clone();
        random.shuffle(&mut ChaCha8Rng::seed_from_u64(seed.wrapping_add(*target as u64)));

        let mut case = Case {
            sequence: *sequence,
            events: events.len(),
            deletion: [[0.0; SHARES]; ORDERS.len()],
            insertion: [[0.0; SHARES]; ORDERS.len()],
        };
        for (place, order) in [by_effect, latest, random].iter().enumerate() {
            case.deletion[place] = self.curve(order, best, false)?;
            case.insertion[place] = self.curve(order, best, true)?;
        }
        Ok(Some(case))
    }

    /// The item's probability with none of the first events of the order, or with these alone, for each share of them.
    fn curve(&self, order: &[usize], item: ItemId, inserts: bool) -> Result<Curve> {
        let mut curve = [0.0; SHARES];
        for (share, probability) in curve.iter_mut().enumerate() {
            let count = (share * order.len()).div_ceil(SHARES - 1);
            let mut stream = self.replay(|place| order[..count].contains(&place) == inserts)?;
            *probability = f64::from(log_probability(&mut stream, self.upcoming, item)?.exp());
        }
        Ok(curve)
    }

    /// A stream that has taken these of the events.
    fn replay(&self, kept: impl Fn(usize) -> bool) -> Result<CpuStream> {
        let mut stream = self.before.clone();
        for (_, &event) in self.events.iter().enumerate().filter(|&(place, _)| kept(place)) {
            stream.observe(event)?;
        }
        Ok(stream)
    }
}

fn log_probability(stream: &mut CpuStream, upcoming: Upcoming, item: ItemId) -> crate::error::Result<f32> {
    stream.score(upcoming, &[])?;
    let ops = stream.ops_mut();
    Ok(ops.score_of(item) - ops.rank(0, None).log_sum_exp)
}

impl Fidelity {
    /// What the figures say, in a sentence.
    pub fn verdict(&self) -> String {
        let against = |order: &Order| [("deletion", order.deletion.better), ("insertion", order.insertion.better)];
        let lacking = |fails: fn(&Difference) -> bool| -> Vec<String> {
            let of_order = |order: &Order| {
                let fails = |(name, better): (&str, Option<Difference>)| {
                    better.filter(fails).map(|_| format!("{name} of {}", order.order))
                };
                against(order).into_iter().filter_map(fails).collect::<Vec<_>>()
            };
            self.orders.iter().flat_map(of_order).collect()
        };
        if self.sequences < LEAST_SEQUENCES {
            return format!(
                "{} sequences are too few to conclude from, expected at least {LEAST_SEQUENCES}: explain more predictions",
                self.sequences
            );
        }
        let (worse, unproven) = (lacking(|gain| gain.high < 0.0), lacking(|gain| gain.low <= 0.0));
        if !worse.is_empty() {
            format!("explanations are worse than {}: do not show them as reasons", worse.join(", "))
        } else if !unproven.is_empty() {
            format!(
                "explanations can't be told apart from {}: explain more predictions, or show no reasons",
                unproven.join(", ")
            )
        } else {
            "explanations name what the model goes by: better than the latest events and than random ones".into()
        }
    }
}

impl fmt::Display for Fidelity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { predictions, sequences, least, events, orders } = self;
        writeln!(
            f,
            "the best item explained before {predictions} events of {sequences} sequences, of those with {least} events before \
             them; an explanation names the latest {MAX_EVENTS} at most, {events:.1} on average. The area under the item's \
             probability over the share of these that is taken away (deletion) or added to none (insertion), earlier events \
             staying; intervals by a paired bootstrap over sequences\n"
        )?;
        writeln!(
            f,
            "{:<14} {:>9}  {:<32} {:>9}  better by [95% interval]",
            "order", "deletion", "better by [95% interval]", "insertion"
        )?;
        for Order { order, deletion, insertion } in orders {
            let better = |curves: &Curves| curves.better.as_ref().map(interval).unwrap_or_default();
            writeln!(
                f,
                "{order:<14} {:>9.5}  {:<32} {:>9.5}  {}",
                deletion.area,
                better(deletion),
                insertion.area,
                better(insertion)
            )?;
        }
        writeln!(f, "{}", self.verdict())
    }
}
