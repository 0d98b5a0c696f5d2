//! Learns where the models of visitors begin, how fast they learn and in which directions their queries move.
//!
//! Each episode is a young visitor: a few of one of the log's sequences' events, and then those of the validation part, which alone
//! are judged. The base model knows the events it was trained on too well to tell what it lacks (on the sample its NDCG@10 of their
//! visitors' first hundred events is .089, of other visitors' .072). Its own model learns as it does in the page, by the same code.
//! After each batch of episodes the beginning and the steps move by the first order of the gradient through all updates (MAML, Finn
//! et al. 2017, arXiv 1703.03400; with steps that are learned, Meta-SGD, Li et al. 2017, arXiv 1707.09835): that of a beginning is
//! the gradient where the visitor's model has come to, that of a step's logarithm is the sum of gradient times the way come since
//! the beginning. The directions are the leading ones of where visitors' queries had moved when each was free to.

mod directions;
mod episodes;

use crate::companion::data::Dataset;
use crate::format::{MAX_RANK, Matrix, Model, OWN_GATES, PersonalStart};
use anyhow::Result;
use directions::leading;
use episodes::{Episode, Sums, of_visitors, run};
use std::sync::Arc;

/// Passes over the visitors that are learned from.
const PASSES: usize = 2;
/// Episodes of a batch.
const BATCH: usize = 48;
/// How far one batch moves the logarithm of a step; it falls to 0 with the last batch.
const STEP_RATE: f32 = 0.1;
/// The same of what is begun with.
const FIRST_RATE: f32 = 0.02;
/// How far a learned beginning is trusted before any event of the visitor's speaks for it, in nats.
const CREDIT: f32 = 3.0;
/// The step along the longest direction, at first.
const QUERY_STEP: f32 = 0.1;
/// The step of a query that is free to move.
const FREE_STEP: f32 = 0.1;
/// Directions, at most.
const RANK: usize = 16;
/// Fewer judged events than this in either part tell nothing.
const FEWEST_EVENTS: usize = 200;
/// What a running mean of squares keeps.
const KEPT: f32 = 0.9;

/// What came of it.
pub enum Outcome {
    /// Ctrl-C.
    Interrupted,
    /// Too few events to judge by; the number.
    TooFew(usize),
    /// Where visitors' models begin.
    Learned(Box<PersonalStart>),
}

/// Learns from three visitors in four, and picks what ranks the events of the fourth best: the default, the default with
/// directions, both with a learned beginning, or that with learned steps too.
///
/// # Errors
/// None in practice: the engine runs on the CPU.
pub fn learn(dataset: &Dataset, model: &Arc<Model>, stop: &(dyn Fn() -> bool + Sync)) -> Result<Outcome> {
    let (learning, picking) = of_visitors(dataset);
    let events = |episodes: &[Episode]| episodes.iter().map(Episode::judged).sum::<usize>();
    let fewest = events(&learning).min(events(&picking));
    if fewest < FEWEST_EVENTS {
        return Ok(Outcome::TooFew(fewest));
    }
    let directed = with_directions(dataset, model, &learning)?;
    let again = vec![0.0; model.metadata.architecture.hidden];
    let mut learned = PersonalStart { credit: CREDIT, again, ..directed.clone() };
    let mut squares = [Vec::new(), Vec::new()];
    let batches = learning.len().div_ceil(BATCH);
    for pass in 0..PASSES {
        eprintln!("meta: pass {} of {PASSES} over {} young visitors", pass + 1, learning.len());
        for (number, batch) in learning.chunks(BATCH).enumerate() {
            if stop() {
                return Ok(Outcome::Interrupted);
            }
            let sums = run(dataset, &with(model, &learned), batch, false)?;
            let left = 1.0 - (pass * batches + number) as f32 / (PASSES * batches) as f32;
            step(&mut learned, &sums, &mut squares, left);
        }
    }
    let begun = PersonalStart { steps: directed.steps, subspace: directed.subspace.clone(), ..learned.clone() };
    let named =
        [("default", PersonalStart::default()), ("directions", directed), ("beginning", begun), ("all", learned)];
    let mut best: Option<(f64, PersonalStart)> = None;
    for (name, start) in named {
        if stop() {
            return Ok(Outcome::Interrupted);
        }
        let ndcg = run(dataset, &with(model, &start), &picking, true)?.ndcg();
        eprintln!("meta: NDCG@10 {ndcg:.5} on {} apart ({name})", picking.len());
        if best.as_ref().is_none_or(|(other, _)| ndcg > *other) {
            best = Some((ndcg, start));
        }
    }
    Ok(Outcome::Learned(Box::new(best.map(|(_, start)| start).unwrap_or_default())))
}

fn with(model: &Model, start: &PersonalStart) -> Arc<Model> {
    Arc::new(Model { personal: start.clone(), ..model.clone() })
}

/// The default, and the directions in which visitors' queries move.
fn with_directions(dataset: &Dataset, model: &Arc<Model>, learning: &[Episode]) -> Result<PersonalStart> {
    let hidden = model.metadata.architecture.hidden;
    let mut start = PersonalStart::default();
    if hidden == 0 {
        return Ok(start);
    }
    let mut all = Matrix::zeros(hidden, hidden);
    (0..hidden).for_each(|place| all.row_mut(place)[place] = FREE_STEP.sqrt());
    start.subspace = all;
    let moves = run(dataset, &with(model, &start), learning, false)?.moves;
    start.subspace = leading(&moves, hidden, RANK.min(MAX_RANK).min(hidden), QUERY_STEP.sqrt());
    Ok(start)
}

/// One step uphill, of the steps' logarithms and of what is begun with.
fn step(start: &mut PersonalStart, sums: &Sums, squares: &mut [Vec<f32>; 2], left: f32) {
    let [speeds, beginnings] = squares;
    let mut moved = uphill(&sums.speeds(), speeds, STEP_RATE * left);
    for (step, moved) in start.steps.iter_mut().zip(&mut moved) {
        *step *= moved.exp();
    }
    // Twice in the product, once in the logarithm's half.
    let stretch = moved.next().map_or(1.0, |moved| (0.5 * moved).exp());
    start.subspace.values.iter_mut().for_each(|value| *value *= stretch);
    let moved = uphill(&sums.beginnings(), beginnings, FIRST_RATE * left);
    let values = start.first[..OWN_GATES].iter_mut().chain(&mut start.again);
    values.zip(moved).for_each(|(value, moved)| *value += moved);
}

/// Each by its slope over the root of its mean square (RMSprop).
fn uphill(slopes: &[f32], squares: &mut Vec<f32>, rate: f32) -> std::vec::IntoIter<f32> {
    squares.resize(slopes.len(), 0.0);
    let moved = slopes.iter().zip(squares).map(|(slope, square)| {
        *square = KEPT * *square + (1.0 - KEPT) * slope * slope;
        if *square > 0.0 { rate * slope / square.sqrt() } else { 0.0 }
    });
    moved.collect::<Vec<_>>().into_iter()
}
