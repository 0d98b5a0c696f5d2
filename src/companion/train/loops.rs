//! The training loop: steps, validation after each epoch, early stopping, checkpoints.

use super::average::Average;
use super::batches::Batches;
use super::calibrate::Calibration;
use super::checkpoint::{self, Progress};
use super::config::TrainConfig;
use super::encoder::Encoder;
use super::examples::Window;
use super::features::Features;
use super::held_out::HeldOut;
use super::journal::Journal;
use super::meter::Meter;
use super::negatives::Popularity;
use super::neighbours::{self, Counted, FOLDS};
use super::optimizer::{Optimizer, Update, learning_rate};
use super::parameters::initial;
use super::pick::{Effort, Start, pick_start};
use super::texts::Texts;
use super::worker::{Plan, Worker};
use crate::companion::data::{Dataset, Part};
use crate::engine::counting::Rules;
use crate::format::{Architecture, FORMAT_VERSION, ItemTable, Metadata, Model, Weights};
use anyhow::{Context, Result, bail};
use burn::tensor::Device;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// Steps between two lines in the journal.
const JOURNAL_STEPS: u64 = 20;

/// The mean loss of the validation part's halves, each as calibrated on the other; says that a model is calibrated.
const CALIBRATED: &str = "validation.loss.calibrated";

/// What a run is told.
pub struct Run<'a> {
    /// The training events, and the validation's.
    pub dataset: &'a Dataset,
    /// Sizes and rates.
    pub config: &'a TrainConfig,
    /// Where burn computes.
    pub device: Device,
    /// `runs/<name>`; `checkpoints/` lies in it.
    pub folder: &'a Path,
    /// Whether to go on from `checkpoints/last.safetensors`.
    pub resume: bool,
    /// True after Ctrl-C: the run saves after its current step and returns.
    pub stop: &'a (dyn Fn() -> bool + Sync),
    /// Goes into the model file: log, split, seed.
    pub provenance: BTreeMap<String, String>,
    /// What names the log and the configuration, so that no other run is resumed.
    pub fingerprint: String,
}

/// What a run came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The best validation NDCG@10; `None` when it was stopped before its first validation.
    pub best: Option<f64>,
    /// The epoch that gave it, from 0.
    pub best_epoch: u64,
    /// Whether it was stopped before its end; `--resume` goes on.
    pub interrupted: bool,
}

/// Training left what numbers can hold.
#[derive(Debug, thiserror::Error)]
#[error(
    "the loss is {loss} and the gradients' norm {norm} in step {step}, expected finite numbers; lower train.learning_rate or \
     train.dropout"
)]
pub struct Diverged {
    loss: f64,
    norm: f32,
    step: u64,
}

/// Trains until early stopping, the last epoch or Ctrl-C. `validate` gives a model's NDCG@10 on the validation part.
/// The best model lies in `checkpoints/best.safetensors` (f32), the state to go on from in `checkpoints/last.safetensors`.
///
/// # Errors
/// When there is nothing to learn from, a loss is not finite, or a file can't be written.
pub fn train(run: &Run<'_>, mut validate: impl FnMut(&Arc<Model>, Effort) -> Result<f64>) -> Result<Outcome> {
    run.config.validate()?;
    let mut journal = Journal::open(run.folder)?;
    let start = pick_start(run, &mut journal, &mut validate)?;
    let mut state = State::new(run, start)?;
    let mut meter = Meter::new(run.config.epochs as u64 * state.steps_per_epoch, state.progress.step);
    if neighbours::most(run.dataset, run.config) < run.config.neighbours {
        meter.say(&format!("fewer than {FOLDS} sequences: the model trains and ships without neighbours"));
    }
    while state.progress.epoch < run.config.epochs as u64 && state.progress.waited < run.config.patience as u64 {
        if !state.epoch(run, &mut journal, &mut meter)? {
            state.save(run)?;
            meter.finish("stopped and saved; go on with --resume");
            return Ok(state.outcome(true));
        }
        let mean = state.mean();
        let model = Arc::new(assemble(run, &state.architecture, mean));
        let ndcg = validate(&model, Effort::Full)?;
        state.judge(run, ndcg, &model)?;
        let Progress { step, epoch, best, best_epoch, .. } = state.progress;
        let best = best.unwrap_or(ndcg);
        let fields = json!({"epoch": epoch, "validation": {"ndcg@10": ndcg, "best": best}});
        journal.write(step, fields)?;
        let best_epoch = best_epoch + 1;
        meter.say(&format!("epoch {epoch}: validation ndcg@10 {ndcg:.5} (best {best:.5} in epoch {best_epoch})"));
        state.save(run)?;
    }
    state.calibrate(run, &mut journal, &mut meter, &mut validate)?;
    meter.finish("done");
    Ok(state.outcome(false))
}

/// A model of the run.
pub fn assemble(run: &Run<'_>, architecture: &Architecture, weights: Weights) -> Model {
    let metadata = Metadata {
        format_version: FORMAT_VERSION,
        schema: run.dataset.schema.clone(),
        architecture: architecture.clone(),
        bits: 32,
        provenance: run.provenance.clone().into_iter().collect(),
        metrics: Default::default(),
    };
    Model { metadata, vocab: run.dataset.vocab.clone(), weights }
}

struct State {
    architecture: Architecture,
    weights: Weights,
    optimizer: Optimizer,
    average: Average,
    features: Option<Features>,
    texts: Texts,
    workers: Vec<Worker>,
    held_out: HeldOut,
    popularity: Popularity,
    dropout: f32,
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
        let most = neighbours::most(dataset, config);
        let held_out = HeldOut::count(dataset, context, start.rule, most);
        let shipped = neighbours::count(dataset, context, start.rule, most, Counted::All);
        let mut weights = initial(&architecture, &dataset.schema, &counts, shipped, config.seed);
        let mut features = Features::begin(&mut weights, &dataset.item_features, &counts);
        start.apply(&mut weights);
        let mut optimizer = Optimizer::new(&weights);
        let mut texts = Texts::new(&weights);
        let batches = Batches::of_epoch(dataset, config.max_len, config.batch_events, config.seed, 0);
        let steps_per_epoch = batches.len() as u64;
        drop(batches);
        let mut average = Average::new(&weights, steps_per_epoch);
        let mut progress = Progress {
            epoch: 0,
            batch: 0,
            step: 0,
            updates: 0,
            best: None,
            best_epoch: 0,
            waited: 0,
            calibrated: false,
            fingerprint: run.fingerprint.clone(),
        };
        if run.resume {
            let path = checkpoint::last(run.folder);
            let beside = (features.as_mut(), &mut texts);
            progress = checkpoint::load(&path, &run.fingerprint, &mut weights, &mut optimizer, &mut average, beside)?;
        }
        std::fs::create_dir_all(run.folder.join("checkpoints"))?;
        let rules = Rules::new(&architecture, &dataset.schema, dataset.vocab.len());
        let encoder = Encoder::new(run.device.clone(), architecture.clone());
        let worker = |_| Worker::new(encoder.clone(), rules.clone(), &weights);
        let workers = (0..config.thread_count()).map(worker).collect();
        let trained: f64 = counts.iter().copied().map(f64::from).sum();
        let dropout = config.dropout_for(trained / dataset.sequences.len() as f64);
        Ok(Self {
            architecture,
            weights,
            optimizer,
            average,
            features,
            texts,
            workers,
            held_out,
            popularity: Popularity::of(dataset, config),
            dropout,
            progress,
            steps_per_epoch,
        })
    }

    /// Goes through the rest of an epoch; false when it was stopped before its end.
    fn epoch(&mut self, run: &Run<'_>, journal: &mut Journal, meter: &mut Meter) -> Result<bool> {
        let Run { dataset, config, .. } = *run;
        let epoch = self.progress.epoch;
        let batches = Batches::of_epoch(dataset, config.max_len, config.batch_events, config.seed, epoch);
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
        let plan = Plan {
            dataset: run.dataset,
            config: run.config,
            dropout: self.dropout,
            popularity: &self.popularity,
            held_out: &self.held_out,
            part: Part::Train,
        };
        let step = self.progress.step;
        let size = batch.len().div_ceil(self.workers.len());
        let workers = &mut self.workers[..batch.len().div_ceil(size)];
        in_parallel(workers, batch.chunks(size), |worker, windows, part| worker.gather(&plan, windows, step, part));
        if let (Some(features), ItemTable::F32(own)) = (&mut self.features, &self.weights.items) {
            features.fold(own, workers.iter().flat_map(Worker::reads), run.config.seed, step);
            features.lend(&mut self.weights);
        }
        let weights = &self.weights;
        in_parallel(workers, batch.chunks(size), |worker, windows, _| worker.learn(&plan, weights, windows));
        let (total, others) = workers.split_at_mut(1);
        let total = &mut total[0];
        others.iter_mut().for_each(|other| total.add(other));
        if let Some(features) = &mut self.features {
            features.backward(&mut self.weights, &mut total.rows);
        }
        let rate = learning_rate(
            run.config.learning_rate,
            run.config.warmup,
            step,
            run.config.epochs as u64 * self.steps_per_epoch,
        );
        let mut norm = 0.0;
        if total.examples > 0 {
            let update = Update {
                learning_rate: rate,
                weight_decay: run.config.weight_decay,
                clip_norm: run.config.clip_norm,
                examples: total.examples as f32,
            };
            let (rows, mut features) = (&total.rows, self.features.as_mut());
            self.average.settle(&self.weights, rows, features.as_deref_mut());
            self.texts.take_in(&mut self.average.weights, &self.weights, &total.texts, self.average.faded);
            let (shared, texts) = (features.as_deref_mut(), (&mut self.texts, &total.texts));
            norm = self.optimizer.update(&mut self.weights, &mut total.gradient, rows, shared, texts, update);
            self.average.take(&mut self.weights, rows, features, self.optimizer.step);
            self.texts.take_in(&mut self.average.weights, &self.weights, &total.texts, self.average.faded);
        }
        self.progress.step += 1;
        self.progress.updates = self.optimizer.step;
        self.progress.batch += 1;
        if !total.loss.is_finite() || !norm.is_finite() {
            return Err(Diverged { loss: total.loss, norm, step }.into());
        }
        Ok(Step { loss: total.loss, examples: total.examples, learning_rate: rate, norm })
    }

    /// The weights to validate and keep.
    fn mean(&mut self) -> Weights {
        self.texts.take_in_all(&mut self.average.weights, &self.weights, self.average.faded);
        self.average.weights(&self.weights, self.features.as_mut())
    }

    fn judge(&mut self, run: &Run<'_>, ndcg: f64, model: &Model) -> Result<()> {
        if self.progress.best.is_none_or(|best| ndcg > best) {
            self.progress.best = Some(ndcg);
            self.progress.best_epoch = self.progress.epoch - 1;
            self.progress.waited = 0;
            let mut best = model.clone();
            best.metadata.metrics.insert("validation.ndcg@10", ndcg);
            checkpoint::write_whole(&run.folder.join("checkpoints/best.safetensors"), &best.to_bytes()?)
        } else {
            self.progress.waited += 1;
            Ok(())
        }
    }

    /// Weighs what the best model knows anew, where that is better: see `calibrate.rs`. Done once, however often the run is
    /// resumed.
    fn calibrate(
        &mut self,
        run: &Run<'_>,
        journal: &mut Journal,
        meter: &mut Meter,
        validate: &mut impl FnMut(&Arc<Model>, Effort) -> Result<f64>,
    ) -> Result<()> {
        let path = run.folder.join("checkpoints/best.safetensors");
        if self.progress.calibrated {
            return Ok(());
        }
        let read = || anyhow::Ok(Model::from_bytes(&std::fs::read(&path)?)?);
        let mut best = read().with_context(|| {
            format!("can't read {}, the run's best model; train it anew with --replace", path.display())
        })?;
        self.progress.calibrated = true;
        if best.metadata.metrics.get(CALIBRATED).is_some() {
            // The run ended between writing the model and saving its state.
            self.progress.best = best.metadata.metrics.get("validation.ndcg@10").copied();
            return self.save(run);
        }
        let shipped = HeldOut::same(best.weights.neighbours.clone());
        let mut calibration =
            Calibration::new(run.dataset, run.config, &self.popularity, &shipped, &mut self.workers[0]);
        let Some((weights, gain)) = calibration.run(&best.weights) else { return self.save(run) };
        let trained = self.progress.best.unwrap_or_default();
        best.weights = weights;
        let mut best = Arc::new(best);
        let ndcg = gain.is_real().then(|| validate(&best, Effort::Full)).transpose()?;
        let better = ndcg.filter(|&ndcg| ndcg >= trained);
        let losses = json!({"before": gain.before, "as_fitted_on_the_other_half": gain.after});
        let fields = json!({"calibration": {"loss": losses, "ndcg@10": ndcg, "kept": better.is_some()}});
        journal.write(self.progress.step, fields)?;
        if let Some(ndcg) = better {
            meter.say(&format!("calibrated on the validation part: ndcg@10 {trained:.5} -> {ndcg:.5}"));
            let best = Arc::make_mut(&mut best);
            best.metadata.metrics.insert("validation.ndcg@10", ndcg);
            best.metadata.metrics.insert(CALIBRATED, gain.after.iter().sum::<f64>() / 2.0);
            checkpoint::write_whole(&path, &best.to_bytes()?)?;
            self.progress.best = Some(ndcg);
        }
        self.save(run)
    }

    fn save(&mut self, run: &Run<'_>) -> Result<()> {
        let Self { progress, weights, optimizer, average, features, texts, .. } = self;
        let path = checkpoint::last(run.folder);
        checkpoint::save(&path, progress, weights, optimizer, average, (features.as_mut(), texts))
    }

    fn outcome(&self, interrupted: bool) -> Outcome {
        Outcome { best: self.progress.best, best_epoch: self.progress.best_epoch, interrupted }
    }
}

/// Runs each worker on its shard, in a thread of its own.
fn in_parallel<'a>(
    workers: &mut [Worker],
    shards: std::slice::Chunks<'a, Window>,
    work: impl Fn(&mut Worker, &'a [Window], u64) + Sync,
) {
    let work = &work;
    // Threads of their own would end with each step, and with them the memory that they keep for the next.
    rayon::scope(|scope| {
        for (part, (worker, windows)) in (0..).zip(workers.iter_mut().zip(shards)) {
            scope.spawn(move |_| work(worker, windows, part));
        }
    });
}

struct Step {
    loss: f64,
    examples: usize,
    learning_rate: f32,
    norm: f32,
}
