//! A run's folder: `runs/NAME` with its configuration, checkpoints, results and the exported model.

mod calibrate_tasks;
mod claim;
mod delta;
mod gate;
mod learn;
mod private;

pub use delta::Delta;
pub use gate::Gate;
pub use learn::Lesson;

use crate::companion::config::{Config, ExportConfig};
use crate::companion::data::{CleaningReport, Dataset, ItemFeatures, Part, Sequences};
use crate::companion::evaluate::{
    Detail, EngineScorer, Origin, Outcome, check_fit, evaluate, labelled, places, sample, score, share_lost,
    top_overlap,
};
use crate::companion::train::{best, hexadecimal, judged_by, write_whole};
use crate::format::Model;
use anyhow::{Context, Result, bail, ensure};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// `runs/NAME`.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    /// Held while training, so that no second process trains here.
    _lock: Option<File>,
}

impl RunFolder {
    /// Opens the folder of a finished or stopped run.
    ///
    /// # Errors
    /// When it holds no run.
    pub fn open(path: &Path) -> Result<Self> {
        if !path.join("config.toml").exists() {
            bail!("{} is no run's folder; expected config.toml in it, as `foreclick train` writes it", path.display());
        }
        Ok(Self { path: path.to_owned(), _lock: None })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The configuration that the run was trained with, its paths absolute.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn config(&self) -> Result<Config> {
        Config::read(&self.path.join("config.toml"))
    }

    /// Keeps configuration and cleaning report.
    ///
    /// # Errors
    /// When they can't be written.
    pub fn describe(&self, config: &Config, report: &CleaningReport) -> Result<()> {
        self.keep("config.toml", &toml::to_string(&config.absolute()?)?)?;
        self.keep("cleaning.json", &serde_json::to_string_pretty(report)?)
    }

    /// Keeps a text file.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn keep(&self, name: &str, text: &str) -> Result<()> {
        write_whole(&self.path.join(name), text.as_bytes())
    }

    /// What a model file says of where it comes from.
    ///
    /// # Errors
    /// When the configuration can't be written as JSON.
    pub fn provenance(&self, config: &Config, dataset: &Dataset, origin: &Origin) -> Result<BTreeMap<String, String>> {
        let mut provenance = BTreeMap::from([
            ("foreclick".into(), env!("CARGO_PKG_VERSION").into()),
            ("run".into(), self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()),
            ("sequences".into(), dataset.sequences.len().to_string()),
            ("events".into(), dataset.sequences.items.len().to_string()),
            ("train".into(), serde_json::to_string(&config.train)?),
        ]);
        provenance.extend(origin.provenance()?);
        if !config.item.features.is_empty() {
            provenance.insert("item".into(), serde_json::to_string(&config.item)?);
        }
        Ok(provenance)
    }

    /// The best model, as trained.
    ///
    /// # Errors
    /// When there is none yet, it is damaged, or another version of foreclick wrote it.
    pub fn best(&self) -> Result<Arc<Model>> {
        let path = self.best_file();
        ensure!(
            path.exists(),
            "{} is not there: the run has finished no epoch yet; go on with `foreclick train --resume`",
            path.display()
        );
        read_model(&path).context("the trained model can't be used; where it is damaged, train again")
    }

    fn best_file(&self) -> PathBuf {
        best(&self.path)
    }

    /// The exported model; `None` when there is no file, as the gate may refuse to write it.
    ///
    /// # Errors
    /// When it is damaged.
    pub fn exported(&self) -> Result<Option<Arc<Model>>> {
        let path = self.path.join("model.safetensors");
        path.exists().then(|| read_model(&path)).transpose()
    }

    /// Quantizes the best model, measures what that loses on the validation part and writes `model.safetensors` if
    /// it is little enough.
    ///
    /// # Errors
    /// When there is no model, the log has changed since, its rows do not fit int4, or the file can't be written; a
    /// missed gate is no error.
    pub fn export(&self, config: &Config, dataset: &Dataset) -> Result<Gate> {
        let trained = self.best()?;
        check_fit(dataset, &trained)?;
        config.export.validate(trained.metadata.architecture.hidden)?;
        let mut exported = trained.quantized(config.export.bits.into());
        let shipped = Arc::new(Model::from_bytes(&exported.to_bytes()?)?);
        let mut gate = self.gate(config, dataset, &trained, &shipped, 0)?;
        if !gate.is_private {
            exported.metadata.metrics.insert(&format!("validation.{}.exported", gate.measure), gate.exported);
        }
        let bytes = exported.to_bytes()?;
        gate.bytes = bytes.len();
        if gate.passed() {
            write_whole(&self.path.join("model.safetensors"), &bytes)?;
        }
        Ok(gate)
    }

    /// Measures a model that ships in so many bytes beside the trained one, on the validation part.
    fn gate(
        &self,
        config: &Config,
        dataset: &Dataset,
        trained: &Arc<Model>,
        shipped: &Arc<Model>,
        bytes: usize,
    ) -> Result<Gate> {
        let ExportConfig { bits, max_loss } = config.export;
        let targets = places(dataset, Part::Validation, config.evaluate.min_history);
        let targets = sample(&targets, config.evaluate.max_validation_events, config.split.seed);
        let labels = labelled(dataset, Part::Validation, &config.evaluate, config.split.seed);
        let predicts_items = dataset.schema.predicts_items();
        let rank =
            |model| predicts_items.then(|| evaluate(dataset, &targets, Detail::Full, || EngineScorer::new(model)));
        let (before, after) = (rank(trained).transpose()?, rank(shipped).transpose()?);
        let judge = |model, ranked: &Option<Outcome>| {
            score(dataset, &labels, model, ranked.as_ref().map(|ranked| ranked.metrics().ndcg_at_10()))
        };
        let measure = judged_by(&dataset.schema);
        let (trained, exported) = (judge(trained, &before)?, judge(shipped, &after)?);
        let loss = share_lost(trained, exported);
        let overlap = before.zip(after).map_or(1.0, |(before, after)| top_overlap(&before, &after));
        let is_private = config.privacy.dp;
        Ok(Gate { bits, measure, trained, exported, loss, max_loss, overlap, bytes, is_private })
    }
}

/// Names everything that a training run's result depends on; `device` is burn's.
///
/// # Errors
/// When the configuration can't be written as JSON.
fn fingerprint(config: &Config, dataset: &Dataset, device: &str) -> Result<String> {
    let Dataset { schema, vocab, sequences, split: _, item_table: _, item_features } = dataset;
    // Where an event's codes end they tell themselves.
    let Sequences { keys: _, offsets, items, times, groups, fields, field_ends: _, labels, parts } = sequences;
    let Config { split, evaluate, train, fine_tune, distill, .. } = config;
    let choices = (split, evaluate, train, fine_tune, train.thread_count(), device, schema);
    let mut hash = Sha256::new();
    // With their lengths, so that no column's end passes for the next one's beginning.
    let mut add = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    add(&serde_json::to_vec(&choices)?);
    if let Some(file) = fine_tune.file() {
        add(&std::fs::read(file)?);
    }
    if !distill.teachers.is_empty() {
        add(&serde_json::to_vec(&(distill.temperature, distill.weight))?);
        for teacher in &distill.teachers {
            add(&std::fs::read(RunFolder::open(teacher)?.best_file())?);
        }
    }
    (0..vocab.len()).filter_map(|item| vocab.key(item as u32)).for_each(|key| add(key.as_bytes()));
    add(bytemuck::cast_slice(offsets));
    add(bytemuck::cast_slice(items));
    add(bytemuck::cast_slice(times));
    add(bytemuck::cast_slice(groups));
    add(bytemuck::cast_slice(fields));
    if !labels.is_empty() {
        add(&serde_json::to_vec(&config.tasks)?);
        add(bytemuck::cast_slice(labels));
    }
    add(bytemuck::cast_slice(parts));
    let ItemFeatures { offsets, ids, weights, count: _ } = item_features;
    if !offsets.is_empty() {
        add(bytemuck::cast_slice(offsets));
        add(bytemuck::cast_slice(ids));
        add(bytemuck::cast_slice(weights));
    }
    Ok(hexadecimal(hash))
}

/// Reads a model file.
///
/// # Errors
/// When it can't be read or is damaged.
pub fn read_model(path: &Path) -> Result<Arc<Model>> {
    let bytes = std::fs::read(path).with_context(|| format!("can't read {}", path.display()))?;
    Ok(Arc::new(Model::from_bytes(&bytes).with_context(|| path.display().to_string())?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::companion::evaluate::testing::{Event, dataset};
    use crate::schema::FilterSeen;

    #[test]
    fn the_fingerprint_names_all_that_counts() {
        let events = [Event::train(0, 0).at(1), Event::train(1, 1).at(2), Event::test(0, 1).at(3)];
        let mut log = dataset(2, FilterSeen::None, true, &[&events]);
        log.sequences.fields = vec![0.5; 3].into();
        let toml = "log = { path = \"a\" }\nitem = { column = \"sku\" }";
        let config = Config::parse(toml, Path::new("")).unwrap();
        let expected = fingerprint(&config, &log, "Cpu").unwrap();
        assert_eq!(fingerprint(&config.clone().with_log(Some(Path::new("b"))), &log, "Cpu").unwrap(), expected);
        assert_ne!(fingerprint(&config, &log, "Cuda").unwrap(), expected);

        let changes: [fn(&mut Config, &mut Sequences); 8] = [
            |config, _| config.train.epochs += 1,
            |config, _| config.split.seed += 1,
            |config, _| config.evaluate.max_validation_events += 1,
            |_, log| log.offsets.to_mut().insert(1, 1),
            |_, log| log.times.to_mut()[1] += 1,
            |_, log| log.groups.to_mut()[1] = 0,
            |_, log| log.fields.to_mut()[2] = 0.25,
            |_, log| log.parts.to_mut()[1] = Part::Validation,
        ];
        let mut described = log.clone();
        described.item_features = ItemFeatures { offsets: vec![0, 1, 1], ids: vec![0], weights: vec![1.0], count: 1 };
        assert_ne!(fingerprint(&config, &described, "Cpu").unwrap(), expected);
        for (number, change) in changes.iter().enumerate() {
            let (mut config, mut log) = (config.clone(), log.clone());
            change(&mut config, &mut log.sequences);
            assert_ne!(fingerprint(&config, &log, "Cpu").unwrap(), expected, "change {number}");
        }
    }
}
