//! What a knowledge file does to accuracy, and how often it is needed.

use super::outcome::{Detail, TOP};
use super::scorer::Scorer;
use super::stream::{evaluate, measured, places};
use crate::companion::config::Config;
use crate::companion::data::{Dataset, Part};
use crate::engine::Stream;
use crate::engine::cpu::{Cpu, Simd};
use crate::event::{EventView, Upcoming};
use crate::format::Model;
use crate::knowledge::Knowledge;
use crate::metrics::RankingMetrics;
use crate::vocab::ItemId;
use anyhow::Result;
use serde::Serialize;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A model with and without knowledge on the same targets.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct KnowledgeResult {
    /// Targets.
    pub events: usize,
    /// Of these, those that a rule takes out of the candidates: misses, since they were bought all the same.
    pub ruled_out: usize,
    /// By the model alone.
    pub without: RankingMetrics,
    /// By the model and the file.
    pub with: RankingMetrics,
    /// The share of targets with an item among the ten best that a rule takes out, by the model alone.
    pub broken_without: f64,
    /// The same by the model and the file.
    pub broken_with: f64,
}

/// Measures a model with and without a knowledge file, each item ranked among all candidates.
///
/// # Errors
/// When there is no target.
pub fn measure_knowledge(
    config: &Config,
    dataset: &Dataset,
    part: Part,
    model: &Arc<Model>,
    knowledge: &Arc<Knowledge>,
) -> Result<KnowledgeResult> {
    let all = places(dataset, part, config.evaluate.min_history);
    let targets = measured(all, part, &config.evaluate, config.split.seed);
    let run = |is_known: bool| -> Result<(RankingMetrics, f64, usize)> {
        let broken = AtomicUsize::new(0);
        let scorer = || KnowingScorer::new(model, knowledge, is_known, &broken);
        let outcome = evaluate(dataset, &targets, Detail::Ranks, scorer)?;
        Ok((outcome.metrics(), broken.into_inner() as f64 / targets.len() as f64, outcome.misses()))
    };
    let (without, broken_without, unreachable) = run(false)?;
    let (with, broken_with, misses) = run(true)?;
    let ruled_out = misses - unreachable;
    Ok(KnowledgeResult { events: targets.len(), ruled_out, without, with, broken_without, broken_with })
}

/// A model that may go by knowledge, watched for what rules take out.
struct KnowingScorer<'a> {
    /// What is asked for scores.
    stream: Stream<Cpu<Simd>>,
    /// What tells the reasons, by the rules one by one and not by the priors.
    watcher: Stream<Cpu<Simd>>,
    broken: &'a AtomicUsize,
}

impl<'a> KnowingScorer<'a> {
    fn new(model: &Arc<Model>, knowledge: &Arc<Knowledge>, is_known: bool, broken: &'a AtomicUsize) -> Result<Self> {
        let stream = || Stream::new(model.clone(), Cpu::new(model.clone()));
        let (mut stream, mut watcher) = (stream()?, stream()?);
        watcher.know(Some(knowledge))?;
        stream.know(Some(knowledge).filter(|_| is_known))?;
        Ok(Self { stream, watcher, broken })
    }
}

impl Scorer for KnowingScorer<'_> {
    fn reset(&mut self) -> Result<()> {
        self.stream.reset()?;
        Ok(self.watcher.reset()?)
    }

    fn observe(&mut self, event: EventView<'_>) -> Result<()> {
        self.stream.observe(event)?;
        // It need not encode.
        Ok(self.watcher.catch_up(event, usize::MAX)?)
    }

    fn scores(&mut self, upcoming: Upcoming, out: &mut [f32]) -> Result<()> {
        self.stream.score(upcoming, &[])?;
        self.stream.ops().write_scores(out);
        self.watcher.score(upcoming, &[])?;
        let is_out = |&(item, _): &(ItemId, f32)| {
            let (reasons, _) = self.watcher.reasons(item, upcoming.group);
            reasons.iter().any(|reason| reason.effect == f32::NEG_INFINITY)
        };
        let best = self.stream.ops_mut().rank(TOP, None).ranked;
        self.broken.fetch_add(usize::from(best.iter().any(is_out)), Ordering::Relaxed);
        Ok(())
    }
}

impl fmt::Display for KnowledgeResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { events, ruled_out, without, with, broken_without, broken_with } = self;
        writeln!(f, "knowledge: {events} targets, {ruled_out} of them ruled out (misses)")?;
        writeln!(f, "{:<20} {:>9} {:>9}  ten best with an item that a rule takes out", "", "ndcg@10", "hr@10")?;
        for (name, metrics, broken) in [("without", without, broken_without), ("with", with, broken_with)] {
            let (ndcg, hr) = (metrics.ndcg_at_10(), metrics.hr_at_10());
            writeln!(f, "{name:<20} {ndcg:>9.5} {hr:>9.5}  {:.2}%", 100.0 * broken)?;
        }
        Ok(())
    }
}
