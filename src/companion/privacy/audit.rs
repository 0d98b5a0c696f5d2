//! Attacks a model as one could who has its file: was this sequence in the log that it was learned from?
//!
//! A sequence's training events go through the engine, those of members and those of others alike. A model that has learned
//! its members by heart finds their events likelier than those of others (Yeom et al. 2018, arXiv 1709.01604). Some sequences
//! are easier than others, whoever learned from them: so what the model finds is also compared with what another one finds
//! that did not (Sablayrolles et al. 2019, arXiv 1908.11229; Carlini et al. 2022, arXiv 2112.03570).

use super::attack::{Scores, Success};
use super::exposure::Exposure;
use crate::companion::data::Dataset;
use crate::companion::evaluate::{Detail, EngineScorer, evaluate};
use crate::format::Model;
use crate::metrics::MISS;
use anyhow::{Result, ensure};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// The query's length of an encoder that has no say.
const SILENT: f32 = 1e-9;

/// A probability of nothing is taken for this.
const LEAST: f32 = 1e-12;

/// With fewer sequences on a side, an area under a curve tells nothing.
const FEWEST: usize = 20;

/// One of so many of a sequence's events are looked at alone where only the most telling count.
const TELLING: usize = 10;

/// A model to attack.
pub struct Target {
    /// As shipped.
    pub model: Arc<Model>,
    /// Whether each sequence was learned from: `[sequences]`.
    pub is_member: Vec<bool>,
    /// A model that learned from none of the members, and from all others.
    pub other: Option<Arc<Model>>,
}

/// What an audit finds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Audit {
    /// Sequences that were attacked, and how many of them each model was trained on, on average.
    pub sequences: usize,
    /// See there.
    pub members: usize,
    /// Models that were attacked.
    pub models: usize,
    /// Events of a sequence that an attack sees, at most.
    pub events: usize,
    /// What the model file promises, where it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub promised: Option<String>,
    /// How well each attack does, by its name.
    pub attacks: BTreeMap<&'static str, Success>,
    /// What stems from few sequences.
    pub exposure: Exposure,
}

/// Attacks models of the same sequences. `dataset` is the log as if none had been held out: its training events are looked at,
/// at most `events` of a sequence, drawn by the seed.
///
/// # Errors
/// When too few sequences are or are not members, and what the engine says.
pub fn audit(dataset: &Dataset, targets: &[Target], events: usize, exposure: Exposure, seed: u64) -> Result<Audit> {
    let places = looked_at(dataset, events, seed);
    let attacked: Vec<usize> = {
        let mut sequences: Vec<usize> = places.iter().map(|&(sequence, _)| sequence).collect();
        sequences.dedup();
        sequences
    };
    let mut scores: BTreeMap<&'static str, Vec<Scores>> = BTreeMap::new();
    let mut members = 0;
    for target in targets {
        let is_member: Vec<bool> = attacked.iter().map(|&sequence| target.is_member[sequence]).collect();
        let count = is_member.iter().filter(|&&is_member| is_member).count();
        let others = is_member.len() - count;
        ensure!(
            count >= FEWEST && others >= FEWEST,
            "{count} sequences that were learned from and {others} others, expected at least {FEWEST} of each: use a longer log, or \
             another [split] held_out_sequences"
        );
        members += count;
        for (name, values) in attacks(dataset, target, &places)? {
            let by_sequence =
                attacked.iter().map(|sequence| values.get(sequence).copied().unwrap_or(f64::NEG_INFINITY));
            let one = Scores { scores: by_sequence.collect(), is_member: is_member.clone() };
            scores.entry(name).or_default().push(one);
        }
    }
    let promised = targets.first().and_then(|target| target.model.metadata.provenance.get("privacy").cloned());
    Ok(Audit {
        sequences: attacked.len(),
        members: members / targets.len().max(1),
        models: targets.len(),
        events,
        promised,
        attacks: scores.into_iter().map(|(name, scores)| (name, Success::of(&scores, seed))).collect(),
        exposure,
    })
}

/// The training events that are looked at, each with its sequence, ascending.
fn looked_at(dataset: &Dataset, most: usize, seed: u64) -> Vec<(usize, usize)> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let of_sequence = |sequence| {
        let all: Vec<usize> = dataset.training_events(sequence).collect();
        let mut drawn = rand::seq::index::sample(&mut random, all.len(), most.min(all.len())).into_vec();
        drawn.sort_unstable();
        drawn.into_iter().map(move |place| (sequence, all[place])).collect::<Vec<_>>()
    };
    (0..dataset.sequences.len()).flat_map(of_sequence).collect()
}

type BySequence = BTreeMap<usize, f64>;

/// Each attack's score of each sequence.
fn attacks(dataset: &Dataset, target: &Target, places: &[(usize, usize)]) -> Result<Vec<(&'static str, BySequence)>> {
    let own = likelihoods(dataset, &target.model, places)?;
    let alone = likelihoods(dataset, &Arc::new(silenced(&target.model)), places)?;
    let mut all = vec![
        ("loss", by_sequence(&own, mean)),
        ("loss, beside what the visitor's own history says", by_sequence(&minus(&own, &alone), mean)),
    ];
    let beside = match &target.other {
        Some(other) => {
            let gains = minus(&own, &likelihoods(dataset, other, places)?);
            all.push(("loss, beside a model of the others", by_sequence(&gains, mean)));
            gains
        }
        None => minus(&own, &alone),
    };
    all.push(("the most telling events alone", by_sequence(&beside, most_telling)));
    Ok(all)
}

/// A model without what it knows of what goes with what: what is left tells only of the visitor's own events and of what is
/// popular.
fn silenced(model: &Model) -> Model {
    let mut silenced = model.clone();
    silenced.weights.log_scale = SILENT.ln();
    let neighbours = &mut silenced.weights.neighbours;
    neighbours.offsets.fill(0);
    neighbours.items.clear();
    neighbours.weights.clear();
    silenced
}

/// The logarithm of each event's probability, with its sequence.
fn likelihoods(dataset: &Dataset, model: &Arc<Model>, places: &[(usize, usize)]) -> Result<Vec<(usize, f64)>> {
    let targets: Vec<usize> = places.iter().map(|&(_, place)| place).collect();
    let outcome = evaluate(dataset, &targets, Detail::Full, || EngineScorer::new(model))?;
    let events = outcome.sequences.iter().zip(&outcome.ranks).zip(&outcome.target_probabilities);
    // What is no candidate says nothing: it is the same ones in every model of these items.
    let likelihood = |((&sequence, &rank), &probability): ((&usize, &u32), &f32)| {
        (sequence, if rank == MISS { f64::NAN } else { f64::from(probability.max(LEAST)).ln() })
    };
    Ok(events.map(likelihood).collect())
}

fn minus(ours: &[(usize, f64)], theirs: &[(usize, f64)]) -> Vec<(usize, f64)> {
    ours.iter().zip(theirs).map(|(&(sequence, ours), &(_, theirs))| (sequence, ours - theirs)).collect()
}

fn by_sequence(events: &[(usize, f64)], sum_up: impl Fn(&mut [f64]) -> f64) -> BySequence {
    let one = |events: &[(usize, f64)]| {
        let mut values: Vec<f64> = events.iter().map(|&(_, value)| value).filter(|value| !value.is_nan()).collect();
        (!values.is_empty()).then(|| (events[0].0, sum_up(&mut values)))
    };
    events.chunk_by(|a, b| a.0 == b.0).filter_map(one).collect()
}

fn mean(values: &mut [f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The mean of the highest ones.
fn most_telling(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(|a, b| b.total_cmp(a));
    let few = values.len().div_ceil(TELLING);
    mean(&mut values[..few])
}

impl fmt::Display for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sequences, members, models, events, promised, attacks, exposure } = self;
        writeln!(
            f,
            "membership: {models} model{} of {members} of {sequences} sequences; an attack sees at most {events} training events of \
             each; 0.5 is a guess",
            if *models == 1 { "" } else { "s" }
        )?;
        if let Some(promised) = promised {
            writeln!(f, "the file promises {promised}")?;
        }
        writeln!(f, "\n{:<50} {:>7}  {:<18} found at 1% false alarms", "attack", "auroc", "[95% interval]")?;
        for (name, Success { auroc, low, high, found_at_1_percent }) in attacks {
            let interval = format!("[{low:.4}, {high:.4}]");
            writeln!(f, "{name:<50} {auroc:>7.4}  {interval:<18} {:.1}%", 100.0 * found_at_1_percent)?;
        }
        let Exposure { few, items, rare_items, rarest, neighbours, rare_neighbours, single_neighbours } = exposure;
        writeln!(f, "\n{rare_items} of {items} items in the file are of fewer than {few} sequences")?;
        if !rarest.is_empty() {
            let named: Vec<String> = rarest.iter().map(|(key, count)| format!("{key} ({count})")).collect();
            writeln!(f, "  the rarest: {}", named.join(", "))?;
        }
        writeln!(
            f,
            "{rare_neighbours} of {neighbours} neighbours in the file are met by fewer than {few} sequences, {single_neighbours} by a \
             single one"
        )?;
        write!(f, "[item] min_sequences and [train] neighbours_min_sequences leave both out")
    }
}
