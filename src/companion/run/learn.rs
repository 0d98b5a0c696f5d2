//! Trains a run in its folder.

use super::{RunFolder, calibrate_tasks, fingerprint};
use crate::companion::config::Config;
use crate::companion::data::{CleaningReport, Dataset, Part};
use crate::companion::evaluate::{
    Detail, EngineScorer, LEAK, Origin, answer, check_fit, evaluate, labelled, places, sample, score,
};
use crate::companion::meta;
use crate::companion::train::{Base, Device, Distill, Effort, Outcome, Run, check_resume, train, write_whole};
use anyhow::{Context, Result, bail, ensure};
use std::path::PathBuf;
use std::sync::Arc;

/// Says in a model that its tasks are calibrated.
const TASKS_CALIBRATED: &str = "validation.tasks.calibrated";

/// Validation events by which starts are told apart.
const QUICK_EVENTS: usize = 5000;

/// What runs learn from, and where.
pub struct Lesson<'a> {
    /// The cleaned log.
    pub dataset: &'a Dataset,
    /// What became of its rows.
    pub cleaning: &'a CleaningReport,
    /// Where burn computes.
    pub device: Device,
    /// Its name, in fingerprints.
    pub device_name: String,
    /// True after Ctrl-C.
    pub stop: &'a (dyn Fn() -> bool + Sync),
}

impl Lesson<'_> {
    /// Names all that the result of training with a configuration depends on.
    ///
    /// # Errors
    /// When the configuration can't be written as JSON.
    pub fn fingerprint(&self, config: &Config) -> Result<String> {
        fingerprint(config, self.dataset, &self.device_name)
    }
}

impl RunFolder {
    /// Whether the folder holds a checkpoint of training with this configuration.
    ///
    /// # Errors
    /// When the configuration can't be written as JSON.
    pub fn can_resume(&self, lesson: &Lesson<'_>, config: &Config) -> Result<bool> {
        Ok(check_resume(self.path(), &lesson.fingerprint(config)?).is_ok())
    }

    /// Trains to the end or Ctrl-C, validated by the engine after each epoch. Writes nothing into the folder before it is
    /// sure that training can begin or go on.
    ///
    /// # Errors
    /// When there is nothing to go on with or to learn from, the loss is no number, or the disk refuses.
    pub fn learn(&self, lesson: &Lesson<'_>, config: &Config, resume: bool) -> Result<Outcome> {
        if config.privacy.dp {
            return self.learn_privately(lesson, config, resume);
        }
        let Lesson { dataset, cleaning, device, device_name: _, stop } = lesson;
        let base = config.fine_tune.read()?;
        let origin = Origin::of(config, dataset);
        let distill = self.distill(config, dataset, &origin)?;
        let fingerprint = lesson.fingerprint(config)?;
        if resume {
            check_resume(self.path(), &fingerprint)?;
        } else {
            self.make()?;
        }
        self.describe(config, cleaning)?;
        let mut provenance = self.provenance(config, dataset, &origin)?;
        if let Some(base) = &base
            && let Some(leak) = origin.leak(base)
        {
            // The file may be shipped: a name, and no path.
            let run = base.metadata.provenance.get("run").map_or("", String::as_str);
            let leak = format!("the run {run:?}, which this one goes on from: {leak}");
            eprintln!("figures will be too good: {leak}; train that one with this [split]");
            provenance.insert(LEAK.into(), leak);
        }
        let all = places(dataset, Part::Validation, config.evaluate.min_history);
        let most = config.evaluate.max_validation_events;
        let [few, validation] = [most.min(QUICK_EVENTS), most].map(|most| sample(&all, most, config.split.seed));
        let run = Run {
            dataset,
            config: &config.train,
            device: device.clone(),
            folder: self.path(),
            resume,
            base: base.as_deref().map(|model| Base { model, config: &config.fine_tune }),
            distill,
            stop: *stop,
            provenance,
            task_weights: config.tasks.iter().map(|task| task.weight).collect(),
            fingerprint,
        };
        let labels = labelled(dataset, Part::Validation, &config.evaluate, config.split.seed);
        let outcome = train(&run, |model, effort| {
            let places = if effort == Effort::Quick { &few } else { &validation };
            let rank = || evaluate(dataset, places, Detail::Ranks, || EngineScorer::new(model));
            let ndcg =
                dataset.schema.predicts_items().then(rank).transpose()?.map(|ranked| ranked.metrics().ndcg_at_10());
            // Starts differ in what ranks items alone.
            if effort == Effort::Quick { Ok(ndcg.unwrap_or_default()) } else { score(dataset, &labels, model, ndcg) }
        })?;
        if !outcome.interrupted && !dataset.schema.heads.is_empty() {
            self.calibrate_tasks(dataset, &labels)?;
        }
        Ok(outcome)
    }

    /// The runs that teach this one, where there are any.
    fn distill<'a>(&self, config: &'a Config, dataset: &Dataset, origin: &Origin) -> Result<Option<Distill<'a>>> {
        let counting = config.train.architecture(&dataset.schema).counting;
        let read = |path: &PathBuf| {
            let model = Self::open(path)?.best()?;
            check_fit(dataset, &model)?;
            if let Some(leak) = origin.leak(&model) {
                bail!("{leak}; train it with this run's [split]");
            }
            ensure!(
                model.metadata.architecture.counting == counting,
                "it counts by other [train] decay, recency_epsilon or neighbour_epsilon, expected those of this run: teacher and \
                 student are told the same"
            );
            Ok(model)
        };
        let named = |path| read(path).with_context(|| format!("[distill] teachers: {} can't teach", path.display()));
        let teachers = config.distill.teachers.iter().map(named).collect::<Result<Vec<_>>>()?;
        Ok((!teachers.is_empty()).then_some(Distill { config: &config.distill, teachers }))
    }

    /// Learns where the models of visitors begin and makes that part of the best model: see `companion/meta.rs`.
    ///
    /// # Errors
    /// When there is no model, or it can't be written.
    pub fn learn_meta(&self, lesson: &Lesson<'_>) -> Result<bool> {
        let mut best = self.best()?;
        match meta::learn(lesson.dataset, &best, lesson.stop)? {
            meta::Outcome::Interrupted => return Ok(false),
            meta::Outcome::TooFew(events) => {
                eprintln!("meta: {events} events are too few to learn from; models of visitors begin as by default");
            }
            meta::Outcome::Learned(start) => {
                Arc::make_mut(&mut best).personal = *start;
                write_whole(&self.best_file(), &best.to_bytes()?)?;
            }
        }
        Ok(true)
    }

    /// Fits the best model's heads to the validation part: see `calibrate_tasks.rs`. Done once, however often the run is resumed.
    fn calibrate_tasks(&self, dataset: &Dataset, labels: &[usize]) -> Result<()> {
        let mut best = self.best()?;
        if best.metadata.metrics.get(TASKS_CALIBRATED).is_some() {
            return Ok(());
        }
        let answered = answer(dataset, labels, &best)?;
        let model = Arc::make_mut(&mut best);
        for ((head, weights), answered) in dataset.schema.heads.iter().zip(&mut model.weights.heads).zip(&answered) {
            if let Some(line) = calibrate_tasks::fit(dataset, head, answered) {
                eprintln!("task {}: outputs calibrated by {:.3} x {:+.3}", head.name, line.stretch, line.shift);
                calibrate_tasks::apply(weights, line);
            }
        }
        model.metadata.metrics.insert(TASKS_CALIBRATED, 1.0);
        write_whole(&self.best_file(), &best.to_bytes()?)
    }
}
