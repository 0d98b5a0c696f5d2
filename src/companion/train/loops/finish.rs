//! The end of training: calibration, and the choice between what was trained and what training began with.

use super::State;
use crate::companion::train::calibrate::Calibration;
use crate::companion::train::checkpoint::{self, Progress};
use crate::companion::train::held_out::HeldOut;
use crate::companion::train::journal::Journal;
use crate::companion::train::meter::Meter;
use crate::companion::train::pick::Effort;
use crate::companion::train::run::Run;
use crate::format::Model;
use anyhow::{Context, Result};
use serde_json::json;
use std::io::ErrorKind;
use std::sync::Arc;

/// The mean loss of the validation part's halves, each as calibrated on the other; says that a model is calibrated.
const CALIBRATED: &str = "validation.loss.calibrated";

impl State {
    /// Calibrates the best model of an epoch, and takes what training began with where that ranks better all the same.
    pub(super) fn finish(
        &mut self,
        run: &Run<'_>,
        journal: &mut Journal,
        meter: &mut Meter,
        validate: &mut impl FnMut(&Arc<Model>, Effort) -> Result<f64>,
    ) -> Result<()> {
        self.calibrate(run, journal, meter, validate)?;
        let Progress { begun, best, best_epoch, .. } = self.progress;
        if best_epoch > 0 && begun > best {
            let [begun, best] = [begun, best].map(Option::unwrap_or_default);
            meter.say(&format!("training began with what ranks better, {begun:.5} and not {best:.5}: that is kept"));
            let model = std::fs::read(checkpoint::begun(run.folder))?;
            checkpoint::write_whole(&checkpoint::best(run.folder), &model)?;
            (self.progress.best, self.progress.best_epoch, self.progress.calibrated) = (Some(begun), 0, false);
            // Before its file goes: a resumed run must not ask for it again.
            self.save(run)?;
            self.calibrate(run, journal, meter, validate)?;
        }
        match std::fs::remove_file(checkpoint::begun(run.folder)) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
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
        if self.progress.calibrated || !run.dataset.schema.predicts_items() {
            return Ok(());
        }
        let path = checkpoint::best(run.folder);
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
}
