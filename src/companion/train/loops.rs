//! The training loop: steps, validation after each epoch, early stopping, checkpoints.

mod finish;
mod pretrain;

use super::average::Average;
use super::batches::{Batches, shards};
use super::checkpoint::{self, Numbers, Progress};
use super::config::TrainConfig;
use super::encoder::Encoder;
use super::examples::Window;
use super::features::Features;
use super::fine_tune::{Base, FineTuning, transfer};
use super::head::Teachers;
use super::heads;
use super::held_out::HeldOut;
use super::journal::Journal;
use super::meter::Meter;
use super::negatives::Popularity;
use super::neighbours::{self, Counted, FOLDS};
use super::optimizer::{Gradients, Optimizer, Update, learning_rate};
use super::parameters::{assemble, dense_mut, initial};
use super::pick::{Effort, Start, pick_start};
use super::pretrain::{Pretext, Pretraining};
use super::run::{Diverged, Outcome, Run};
use super::worker::{Plan, Worker, in_parallel};
use crate::companion::data::Part;
use crate::engine::counting::Rules;
use crate::format::{Architecture, ItemTable, Model, Weights};
use anyhow::{Result, bail};
use serde_json::json;
use std::sync::Arc;
use std::time::Instant;

/// A model with a larger weight gives no finite scores.
const LARGEST: f32 = 1e12;

/// Steps between two lines in the journal.
const JOURNAL_STEPS: u64 = 20;

const STOPPED: &str = "stopped and saved; go on with --resume";

/// Trains until early stopping, the last epoch or Ctrl-C. `validate` gives a model's NDCG@10 on the validation part.
/// The best model lies in `checkpoints/best.safetensors` (f32), the state to go on from in `checkpoints/last.safetensors`.
///
/// # Errors
/// When there is nothing to learn from, a loss is not finite, or a file can't be written.
pub fn train(run: &Run<'_>, mut validate: impl FnMut(&Arc<Model>, Effort) -> Result<f64>) -> Result<Outcome> {
    run.config.validate()?;
    pretrain::check(run)?;
    let mut journal = Journal::open(run.folder)?;
    let start = pick_start(run, &mut journal, &mut validate)?;
    let mut state = State::new(run, start)?;
    let mut meter = state.meter(run);
    let schema = &run.dataset.schema;
    if let Some(fine_tuning) = &state.fine_tuning {
        let learned = fine_tuning.frozen.count(&mut state.weights);
        meter.say(&format!("taken over: {}; {learned}", fine_tuning.taken));
        journal.write(state.progress.step, json!({"fine_tune": learned}))?;
    }
    if schema.predicts_items() && neighbours::kept(run.dataset, run.config).most < run.config.neighbours {
        meter.say(&format!("fewer than {FOLDS} sequences: the model trains and ships without neighbours"));
    }
    if state.progress.begun.is_none() {
        // From little there may be nothing to learn that ranks better than what it begins with.
        state.measure(run, &mut journal, &mut meter, &mut validate)?;
    }
    if state.progress.pretrains {
        if !state.pretrain(run, &mut journal, &mut meter)? {
            meter.finish(STOPPED);
            return Ok(state.outcome(true));
        }
        meter = state.meter(run);
    }
    while state.progress.epoch < run.config.epochs as u64 && state.progress.waited < run.config.patience as u64 {
        if !state.epoch(run, &mut journal, &mut meter)? {
            state.save(run)?;
            meter.finish(STOPPED);
            return Ok(state.outcome(true));
        }
        state.measure(run, &mut journal, &mut meter, &mut validate)?;
        state.save(run)?;
    }
    state.finish(run, &mut journal, &mut meter, &mut validate)?;
    meter.finish("done");
    Ok(state.outcome(false))
}

struct State {
    architecture: Architecture,
    weights: Weights,
    optimizer: Optimizer,
    average: Average,
    features: Option<Features>,
    fine_tuning: Option<FineTuning>,
    pretraining: Option<Pretraining>,
    workers: Vec<Worker>,
    held_out: HeldOut,
    popularity: Popularity,
    dropout: f32,
    /// What each task's summed loss is multiplied with.
    tasks: Vec<f32>,
    progress: Progress,
    steps_per_epoch: u64,
}

impl State {
    fn new(run: &Run<'_>, start: Start) -> Result<Self> {
        let Run { dataset, config, .. } = *run;
        let architecture = config.architecture(&dataset.schema);
        let counts = dataset.training_counts();
        if counts.iter().all(|&count| count == 0) {
            bail!("no training event: all fall into validation and test; move [split] or use a longer log");
        }
        let context = architecture.counting.context;
        let kept = neighbours::kept(dataset, config);
        let (held_out, shipped) = match run.base.and_then(|base| base.neighbours(&dataset.vocab)) {
            Some(table) => (HeldOut::same(table.clone()), table),
            None => (
                HeldOut::count(dataset, context, start.rule, kept),
                neighbours::count(dataset, context, start.rule, kept, Counted::All),
            ),
        };
        let mut weights = initial(&architecture, &dataset.schema, &counts, shipped, config.seed);
        heads::begin(&mut weights, dataset);
        let take = |Base { model, .. }| transfer(model, &dataset.schema, &dataset.vocab, &mut weights);
        let taken = run.base.map(take).transpose()?;
        let known = taken.as_ref().map(|taken| &taken.items[..]);
        let mut features = Features::begin(&mut weights, &dataset.item_features, &counts, known);
        if taken.as_ref().is_none_or(|taken| !taken.gates) {
            start.apply(&mut weights);
        }
        let path = checkpoint::last(run.folder);
        let pretrains = match run.resume {
            true => checkpoint::progress(&path, &run.fingerprint)?.pretrains,
            false => config.pretrain.epochs > 0,
        };
        let steps_per_epoch = steps_per_epoch(run, pretrains);
        let steps = config.epochs as u64 * steps_per_epoch;
        let mut fine_tuning = run
            .base
            .zip(taken)
            .map(|(base, taken)| FineTuning::new(base.config, taken, &mut weights, config.seed, steps));
        let pretraining = pretrains.then(|| Pretraining::begin(&mut weights, config.seed));
        let mut optimizer = Optimizer::new(&weights);
        let mut average = Average::new(&weights, steps_per_epoch);
        let mut progress = Progress {
            pretrains,
            epoch: 0,
            batch: 0,
            step: 0,
            updates: 0,
            best: None,
            best_epoch: 0,
            begun: None,
            waited: 0,
            calibrated: false,
            fingerprint: run.fingerprint.clone(),
        };
        if run.resume {
            let numbers = Numbers {
                weights: &mut weights,
                optimizer: &mut optimizer,
                average: &mut average,
                features: features.as_mut(),
                budget: fine_tuning.as_mut().and_then(|fine_tuning| fine_tuning.budget.as_mut()),
            };
            progress = checkpoint::load(&path, &run.fingerprint, numbers)?;
        }
        std::fs::create_dir_all(run.folder.join("checkpoints"))?;
        let workers = workers(run, &architecture, &weights, pretrains);
        let trained: f64 = counts.iter().copied().map(f64::from).sum();
        let dropout = config.dropout_for(trained / dataset.sequences.len() as f64);
        Ok(Self {
            architecture,
            weights,
            optimizer,
            average,
            features,
            fine_tuning,
            pretraining,
            workers,
            held_out,
            popularity: Popularity::of(dataset, config),
            dropout,
            tasks: heads::factors(dataset, &run.task_weights),
            progress,
            steps_per_epoch,
        })
    }

    /// Goes through the rest of an epoch; false when it was stopped before its end.
    fn epoch(&mut self, run: &Run<'_>, journal: &mut Journal, meter: &mut Meter) -> Result<bool> {
        let epoch = self.progress.epoch;
        if let Some(fine_tuning) = &mut self.fine_tuning {
            fine_tuning.begin_epoch(&mut self.weights, epoch);
        }
        let batches = batches(run, (epoch, false));
        let (mut loss, mut examples, mut steps, mut since) = (0.0, 0, 0, Instant::now());
        for batch in batches.iter().skip(self.progress.batch as usize) {
            if (run.stop)() {
                return Ok(false);
            }
            let done = self.step(run, &batch)?;
            loss += done.loss;
            examples += done.examples;
            steps += 1;
            meter.step(epoch + 1, self.progress.step, done.loss, done.examples);
            if self.progress.step.is_multiple_of(JOURNAL_STEPS) {
                let mean = loss / examples as f64;
                let fields = json!({
                    "epoch": epoch + 1, "loss": mean, "lr": done.learning_rate, "grad_norm": done.norm,
                    "examples_per_step": examples as f64 / steps as f64,
                    "examples_per_second": examples as f64 / since.elapsed().as_secs_f64(),
                });
                journal.write(self.progress.step, fields)?;
                (loss, examples, steps, since) = (0.0, 0, 0, Instant::now());
            }
        }
        self.progress.epoch += 1;
        self.progress.batch = 0;
        Ok(true)
    }

    fn step(&mut self, run: &Run<'_>, batch: &[Window]) -> Result<Step> {
        let step = self.progress.step;
        let steps = self.steps(run);
        let pretext = self.pretraining.as_ref().map(|_| run.config.pretrain.pretext(step));
        let plan = Plan {
            dataset: run.dataset,
            config: run.config,
            dropout: self.dropout,
            popularity: &self.popularity,
            held_out: &self.held_out,
            part: Part::Train,
            tasks: &self.tasks,
            pretext,
        };
        if let Some(fine_tuning) = &mut self.fine_tuning {
            fine_tuning.lend(&mut self.weights);
        }
        let shards = shards(batch, self.workers.len());
        let workers = &mut self.workers[..shards.len()];
        let (weights, needs_folding) = (&self.weights, self.features.is_some());
        in_parallel(workers, &shards, |worker, windows, part| {
            worker.gather(&plan, windows, step, part);
            if !needs_folding {
                worker.learn(&plan, weights, windows);
            }
        });
        if let (Some(features), ItemTable::F32(own)) = (&mut self.features, &self.weights.items) {
            features.fold(own, workers.iter().flat_map(Worker::reads), run.config.seed, step);
            features.lend(&mut self.weights);
            let weights = &self.weights;
            in_parallel(workers, &shards, |worker, windows, _| worker.learn(&plan, weights, windows));
        }
        let (total, others) = workers.split_at_mut(1);
        let total = &mut total[0];
        total.add(others);
        if let Some(features) = &mut self.features {
            features.backward(&mut self.weights, &mut total.rows);
        }
        let rate = learning_rate(run.config.learning_rate, run.config.warmup, step, steps);
        let (mut norm, examples) = (0.0, total.examples());
        if let Some(fine_tuning) = &mut self.fine_tuning {
            let Worker { gradient, rows, texts, .. } = total;
            fine_tuning.backward(&mut self.weights, gradient, (rows, texts), examples);
        }
        if examples > 0 {
            let update = Update {
                learning_rate: rate,
                weight_decay: run.config.weight_decay,
                clip_norm: run.config.clip_norm,
                examples: examples as f32,
                frozen: self.fine_tuning.as_ref().map(|fine_tuning| &fine_tuning.frozen),
            };
            let gradients = Gradients { dense: &mut total.gradient, rows: &total.rows, texts: &total.texts };
            let Self { optimizer, weights, features, average, .. } = self;
            norm = optimizer.update(weights, gradients, features.as_mut(), average, update);
            if let Some(fine_tuning) = &mut self.fine_tuning {
                fine_tuning.settle(&mut self.weights, self.optimizer.step);
            }
        }
        self.progress.step += 1;
        self.progress.updates = self.optimizer.step;
        self.progress.batch += 1;
        if !total.loss.is_finite() || !norm.is_finite() {
            let what = format!("the loss is {} and the gradients' norm {norm}", total.loss);
            return Err(Diverged { what, step }.into());
        }
        Ok(Step { loss: total.loss, examples, learning_rate: rate, norm, pretext })
    }

    /// The weights to validate and keep.
    fn mean(&self) -> Weights {
        let Optimizer { row_step, texts, step, .. } = &self.optimizer;
        let mut mean = self.average.weights(&self.weights, row_step, *step, self.features.as_ref());
        texts.settle(&mut mean, &self.weights, self.average.fading(), *step);
        if let Some(pretraining) = &self.pretraining {
            pretraining.end(&mut mean);
        }
        FineTuning::merged(mean)
    }

    /// Validates, keeps the model if it is the best so far, and says so.
    fn measure(
        &mut self,
        run: &Run<'_>,
        journal: &mut Journal,
        meter: &mut Meter,
        validate: &mut impl FnMut(&Arc<Model>, Effort) -> Result<f64>,
    ) -> Result<()> {
        let mut mean = self.mean();
        if let Some(weight) = dense_mut(&mut mean)
            .iter()
            .flat_map(|part| &*part.values)
            .find(|value| value.is_nan() || value.abs() > LARGEST)
        {
            // The last step's own loss was of the weights before it.
            return Err(Diverged { what: format!("a weight is {weight}"), step: self.progress.step }.into());
        }
        let mut model = Arc::new(assemble(run.dataset, &run.provenance, &self.architecture, mean));
        let (ndcg, name) = (validate(&model, Effort::Full)?, heads::judged_by(&run.dataset.schema));
        let best = Arc::make_mut(&mut model);
        best.metadata.metrics.insert(&format!("validation.{name}"), ndcg);
        let progress = &mut self.progress;
        // The encoder may need some epochs to catch up with what counting knew: see `finish`.
        if progress.best_epoch == 0 || progress.best.is_none_or(|best| ndcg > best) {
            (progress.best, progress.best_epoch, progress.waited) = (Some(ndcg), progress.epoch, 0);
            let bytes = best.to_bytes()?;
            checkpoint::write_whole(&checkpoint::best(run.folder), &bytes)?;
            if progress.epoch == 0 {
                progress.begun = Some(ndcg);
                checkpoint::write_whole(&checkpoint::begun(run.folder), &bytes)?;
            }
        } else {
            progress.waited += 1;
        }
        let Progress { step, epoch, best, best_epoch, .. } = self.progress;
        let best = best.unwrap_or(ndcg);
        journal.write(step, json!({"epoch": epoch, "validation": {name: ndcg, "best": best}}))?;
        meter.say(&format!("epoch {epoch}: validation {name} {ndcg:.5} (best {best:.5} in epoch {best_epoch})"));
        Ok(())
    }

    fn save(&mut self, run: &Run<'_>) -> Result<()> {
        let Self { progress, weights, optimizer, average, features, fine_tuning, .. } = self;
        let budget = fine_tuning.as_mut().and_then(|fine_tuning| fine_tuning.budget.as_mut());
        let numbers = Numbers { weights, optimizer, average, features: features.as_mut(), budget };
        checkpoint::save(&checkpoint::last(run.folder), progress, numbers)
    }

    /// The most steps of what goes on: pretraining or what follows.
    fn steps(&self, run: &Run<'_>) -> u64 {
        let epochs = if self.progress.pretrains { run.config.pretrain.epochs } else { run.config.epochs };
        epochs as u64 * self.steps_per_epoch
    }

    fn meter(&self, run: &Run<'_>) -> Meter {
        let epoch = if self.progress.pretrains { "pretraining epoch" } else { "epoch" };
        Meter::new(epoch, self.steps(run), self.progress.step)
    }

    fn outcome(&self, interrupted: bool) -> Outcome {
        Outcome { best: self.progress.best, best_epoch: self.progress.best_epoch, interrupted }
    }
}

struct Step {
    loss: f64,
    examples: usize,
    learning_rate: f32,
    norm: f32,
    /// What was learned, in pretraining.
    pretext: Option<Pretext>,
}

/// An epoch's batches; of pretraining or of what follows.
fn batches(run: &Run<'_>, epoch: (u64, bool)) -> Batches {
    let TrainConfig { max_len, batch_events, seed, .. } = *run.config;
    Batches::of_epoch(run.dataset, max_len, batch_events, seed, epoch)
}

fn steps_per_epoch(run: &Run<'_>, pretrains: bool) -> u64 {
    batches(run, (0, pretrains)).len() as u64
}

/// One a thread. Teachers answer what pretraining does not ask.
fn workers(run: &Run<'_>, architecture: &Architecture, weights: &Weights, pretrains: bool) -> Vec<Worker> {
    let Run { dataset, config, distill, device, .. } = run;
    let rules = Rules::new(architecture, &dataset.schema, dataset.vocab.len());
    let encoder = Encoder::new(device.clone(), architecture.clone());
    let teachers = || distill.as_ref().filter(|_| !pretrains).map(|distill| Teachers::new(distill, device));
    let worker = |_| Worker::new(encoder.clone(), rules.clone(), weights).taught_by(teachers());
    (0..config.thread_count()).map(worker).collect()
}
