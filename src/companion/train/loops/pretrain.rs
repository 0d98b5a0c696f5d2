//! The epochs of pretraining, and what follows them.

use super::{JOURNAL_STEPS, State, Step, batches, steps_per_epoch, workers};
use crate::companion::train::average::Average;
use crate::companion::train::checkpoint::Progress;
use crate::companion::train::config::TrainConfig;
use crate::companion::train::examples::Window;
use crate::companion::train::journal::Journal;
use crate::companion::train::meter::Meter;
use crate::companion::train::optimizer::Optimizer;
use crate::companion::train::pretrain::FEWEST_INPUTS;
use crate::companion::train::run::Run;
use anyhow::{Result, ensure};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Makes sure that there is something to pretrain on.
///
/// # Errors
/// When no window holds two events.
pub(super) fn check(run: &Run<'_>) -> Result<()> {
    let TrainConfig { pretrain, max_len, .. } = run.config;
    let is_long_enough = |window: &Window| window.inputs.len() >= FEWEST_INPUTS;
    ensure!(
        pretrain.epochs == 0 || batches(run, (0, true)).iter().flatten().any(|window| is_long_enough(&window)),
        "train.pretrain.epochs is {}, and no window of train.max_len = {max_len} inputs holds two events of a sequence, so that there \
         is nothing to tell an event or a view from: expected sequences of several events (a [sequence] key that rows share), or \
         remove [train.pretrain]",
        pretrain.epochs
    );
    Ok(())
}

impl State {
    /// Goes through the rest of pretraining, and begins the ordinary epochs with what it learned; false when it was stopped before
    /// its end.
    pub(super) fn pretrain(&mut self, run: &Run<'_>, journal: &mut Journal, meter: &mut Meter) -> Result<bool> {
        while self.progress.epoch < run.config.pretrain.epochs as u64 {
            let is_whole = self.pretraining_epoch(run, journal, meter)?;
            self.save(run)?;
            if !is_whole {
                return Ok(false);
            }
        }
        if let Some(pretraining) = self.pretraining.take() {
            pretraining.end(&mut self.weights);
        }
        self.steps_per_epoch = steps_per_epoch(run, false);
        self.optimizer = Optimizer::new(&self.weights);
        self.average = Average::new(&self.weights, self.steps_per_epoch);
        if let Some(features) = &mut self.features {
            features.begin_anew();
        }
        self.workers = workers(run, &self.architecture, &self.weights, false);
        self.progress = Progress { pretrains: false, epoch: 0, batch: 0, step: 0, updates: 0, ..self.progress.clone() };
        self.save(run)?;
        Ok(true)
    }

    fn pretraining_epoch(&mut self, run: &Run<'_>, journal: &mut Journal, meter: &mut Meter) -> Result<bool> {
        let epoch = self.progress.epoch;
        let (mut whole, mut since) = (Losses::default(), Losses::default());
        for batch in batches(run, (epoch, true)).iter().skip(self.progress.batch as usize) {
            if (run.stop)() {
                return Ok(false);
            }
            let done = self.step(run, &batch)?;
            whole.add(&done);
            since.add(&done);
            meter.step(epoch + 1, self.progress.step, done.loss, done.examples);
            if self.progress.step.is_multiple_of(JOURNAL_STEPS) {
                let mut line: Map<String, Value> =
                    since.means().map(|(name, loss)| (name.to_owned(), json!(loss))).collect();
                line.insert("epoch".into(), json!(epoch + 1));
                line.insert("lr".into(), json!(done.learning_rate));
                line.insert("grad_norm".into(), json!(done.norm));
                journal.write(self.progress.step, json!({"pretraining": line}))?;
                since = Losses::default();
            }
        }
        let losses: Vec<String> = whole.means().map(|(name, loss)| format!("{name} loss {loss:.4}")).collect();
        meter.say(&format!("pretraining epoch {}: {}", epoch + 1, losses.join(", ")));
        self.progress.epoch += 1;
        self.progress.batch = 0;
        Ok(true)
    }
}

/// Each objective's loss and examples, summed.
#[derive(Default)]
struct Losses(BTreeMap<&'static str, (f64, usize)>);

impl Losses {
    fn add(&mut self, done: &Step) {
        if let Some(pretext) = done.pretext {
            let (loss, examples) = self.0.entry(pretext.name()).or_default();
            *loss += done.loss;
            *examples += done.examples;
        }
    }

    fn means(&self) -> impl Iterator<Item = (&'static str, f64)> {
        self.0.iter().map(|(name, (loss, examples))| (*name, loss / (*examples).max(1) as f64))
    }
}
