//! Trains a private run in its folder.

use super::{Lesson, RunFolder};
use crate::companion::config::{Calendar, Config};
use crate::companion::data::Part;
use crate::companion::evaluate::{Detail, EngineScorer, evaluate, places, sample};
use crate::companion::privacy::Noise;
use crate::companion::train::{Augment, Journal, Outcome, PrivateRun, train_privately, write_whole};
use crate::format::EncoderKind;
use anyhow::{Result, ensure};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;

impl Config {
    /// The same configuration for a private run: its model counts, since the weights of an encoder would drown in noise, and
    /// its schema does not depend on the log's times.
    pub fn made_private(mut self) -> Self {
        self.privacy.dp = true;
        self.train.encoder = EncoderKind::Counting;
        self.train.repeat_counts = false;
        self.train.augment = Augment::default();
        self.sequence.calendar = Calendar::None;
        self
    }
}

impl RunFolder {
    /// Trains by noised sums. The folder's other files (journal, report, cleaning) tell of the log: only `model.safetensors` is
    /// private.
    pub(super) fn learn_privately(&self, lesson: &Lesson<'_>, config: &Config, resume: bool) -> Result<Outcome> {
        let Lesson { dataset, cleaning, device, device_name: _, stop } = lesson;
        ensure!(
            !resume,
            "a private run can't be resumed, since its noise is not kept; train anew with --replace, at its cost"
        );
        self.make()?;
        self.describe(config, cleaning)?;
        let run = PrivateRun {
            dataset,
            config: &config.train,
            privacy: &config.privacy,
            device: device.clone(),
            provenance: BTreeMap::from([("foreclick".into(), env!("CARGO_PKG_VERSION").into())]),
            stop: *stop,
        };
        let mut outcome = Outcome { best: None, best_epoch: 0, interrupted: true };
        let Some(model) = train_privately(&run, &mut Noise::from_system()?)? else { return Ok(outcome) };
        let promised = model.metadata.provenance.get("privacy").cloned().unwrap_or_default();
        eprintln!("private: {promised}; each run on these sequences spends as much again");
        std::fs::create_dir_all(self.path().join("checkpoints"))?;
        write_whole(&self.best_file(), &model.to_bytes()?)?;
        let model = Arc::new(model);
        let all = places(dataset, Part::Validation, config.evaluate.min_history);
        let some = sample(&all, config.evaluate.max_validation_events, config.split.seed);
        let ndcg = evaluate(dataset, &some, Detail::Ranks, || EngineScorer::new(&model))?.metrics().ndcg_at_10();
        let fields = json!({"epoch": 1, "validation": {"ndcg@10": ndcg, "best": ndcg}});
        Journal::open(self.path())?.write(config.privacy.steps as u64, fields)?;
        (outcome.best, outcome.interrupted) = (Some(ndcg), false);
        Ok(outcome)
    }
}
