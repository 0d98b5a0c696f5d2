//! Saves and restores a run so that it goes on as if it had not stopped.

use super::average::Average;
use super::features::Features;
use super::fine_tune::RankBudget;
use super::optimizer::Optimizer;
use super::parameters::dense_mut;
use super::texts;
use crate::format::{Container, Dtype, ItemTable, Weights, Writer};
use anyhow::{Context, Result, bail, ensure};
use bytemuck::Pod;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Where a run stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Whether epochs, batches, steps and updates are those of pretraining, which comes first.
    pub pretrains: bool,
    /// The epoch that goes on, from 0.
    pub epoch: u64,
    /// Batches of it that are done.
    pub batch: u64,
    /// Steps taken in all.
    pub step: u64,
    /// Steps that changed the weights: all but those of batches without a training event.
    pub updates: u32,
    /// The validation NDCG@10 of what training began with, once it was measured.
    pub begun: Option<f64>,
    /// That of the best model: of an epoch, where one has ended.
    pub best: Option<f64>,
    /// The epochs after which it was reached; 0 as training began.
    pub best_epoch: u64,
    /// Epochs since then.
    pub waited: u64,
    /// Whether the best model is calibrated, or was found no better for it.
    pub calibrated: bool,
    /// What the run was begun with: a resumed run must be given the same.
    pub fingerprint: String,
}

/// All numbers that a run goes on from.
pub struct Numbers<'a> {
    pub weights: &'a mut Weights,
    pub optimizer: &'a mut Optimizer,
    pub average: &'a mut Average,
    pub features: Option<&'a mut Features>,
    pub budget: Option<&'a mut RankBudget>,
}

/// What the file says of itself.
#[derive(Serialize, Deserialize)]
struct Saved {
    progress: Progress,
    /// SHA-256 of the tensors in the order in which they are saved, as hexadecimal digits. A number that has changed on the disk
    /// would go on to be learned from without a word.
    checksum: String,
}

/// Gathers tensors, and what their numbers sum up to.
#[derive(Default)]
struct Tensors {
    writer: Writer,
    sum: Sha256,
}

impl Tensors {
    fn put<T: Pod>(&mut self, name: &str, dtype: Dtype, values: &[T]) {
        self.sum.update(bytemuck::cast_slice(values));
        self.writer.add(name, dtype, &[values.len()], values);
    }

    fn finish(self, progress: &Progress) -> Result<Vec<u8>> {
        let saved = Saved { progress: progress.clone(), checksum: hexadecimal(self.sum) };
        Ok(self.writer.finish(serde_json::to_string(&saved)?)?)
    }
}

/// Takes tensors out again in the same order.
struct Opened<'a> {
    file: Container<'a>,
    saved: Saved,
    sum: Sha256,
}

impl Opened<'_> {
    fn take<T: Pod>(&mut self, name: &str, dtype: Dtype, into: &mut [T]) -> Result<()> {
        into.copy_from_slice(&self.file.require(name, dtype, 1, into.len())?);
        self.sum.update(bytemuck::cast_slice(into));
        Ok(())
    }

    /// After the last tensor.
    fn finish(self, path: &Path) -> Result<Progress> {
        let Self { saved: Saved { progress, checksum }, sum, .. } = self;
        let found = hexadecimal(sum);
        ensure!(
            found == checksum,
            "checkpoint {} is damaged: its numbers have the checksum {found}, expected {checksum}; train anew with --replace",
            path.display()
        );
        Ok(progress)
    }
}

/// A hash as files name it: two hexadecimal digits a byte.
pub fn hexadecimal(sum: Sha256) -> String {
    sum.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Writes the state beside the old one, then puts it in its place: a crash, a power cut or a full disk loses nothing
/// saved.
///
/// # Errors
/// When the file can't be written; the old one is left as it was.
pub fn save(path: &Path, progress: &Progress, numbers: Numbers<'_>) -> Result<()> {
    let Numbers { weights, optimizer, average, features, budget } = numbers;
    let mut tensors = Tensors::default();
    let mut put = |name: &str, values: &[f32]| tensors.put(name, Dtype::F32, values);
    for (set, parameters) in [("first", &mut optimizer.first), ("second", &mut optimizer.second)] {
        for (place, part) in dense_mut(parameters).into_iter().enumerate() {
            put(&format!("{set}.{place}"), part.values);
        }
    }
    for (set, weights) in [("weight", weights), ("average", &mut average.weights)] {
        for (place, part) in dense_mut(weights).into_iter().enumerate() {
            put(&format!("{set}.{place}"), part.values);
        }
        if let ItemTable::F32(items) = &weights.items {
            put(&format!("{set}.items"), &items.values);
        }
        for (place, table) in texts::tables(weights).enumerate() {
            put(&format!("{set}.texts.{place}"), &table.rows.values);
        }
        put(&format!("{set}.item_bias"), &weights.item_bias);
        put(&format!("{set}.item_repeat"), &weights.item_repeat);
    }
    put("items.first", &optimizer.row_first);
    put("items.second", &optimizer.row_second);
    tensors.put("items.step", Dtype::U32, &optimizer.row_step);
    if let Some(features) = features {
        let (parts, steps) = features.parts_mut();
        parts.iter().for_each(|(name, values)| tensors.put(name, Dtype::F32, values));
        tensors.put("features.step", Dtype::U32, steps);
    }
    let (square, steps) = optimizer.texts.parts_mut();
    if !steps.is_empty() {
        tensors.put("texts.square", Dtype::F32, square);
        tensors.put("texts.step", Dtype::U32, steps);
    }
    if let Some(budget) = budget {
        budget.parts_mut().iter().for_each(|(name, values)| tensors.put(name, Dtype::F32, values));
    }
    write_whole(path, &tensors.finish(progress)?)
}

/// Where the state to go on from lies in a run's folder.
pub fn last(folder: &Path) -> PathBuf {
    folder.join("checkpoints/last.safetensors")
}

/// Where the best model lies, in f32.
pub fn best(folder: &Path) -> PathBuf {
    folder.join("checkpoints/best.safetensors")
}

/// Where the model lies that training began with, until its end.
pub fn begun(folder: &Path) -> PathBuf {
    folder.join("checkpoints/begun.safetensors")
}

/// Whether a run can go on from what it saved; changes nothing.
///
/// # Errors
/// When it has saved nothing yet, or the file is damaged or of another run.
pub fn check_resume(folder: &Path, fingerprint: &str) -> Result<()> {
    progress(&last(folder), fingerprint).map(drop)
}

/// Where a run stands that can go on from what it saved.
///
/// # Errors
/// Those of [`check_resume`].
pub fn progress(path: &Path, fingerprint: &str) -> Result<Progress> {
    Ok(open(path, &read(path)?, fingerprint)?.saved.progress)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).with_context(|| {
        format!("can't read {}; a run that has saved nothing begins anew with --replace", path.display())
    })
}

fn open<'a>(path: &Path, bytes: &'a [u8], fingerprint: &str) -> Result<Opened<'a>> {
    let file = Container::open(bytes).with_context(|| format!("checkpoint {}", path.display()))?;
    let saved: Saved = serde_json::from_str(file.metadata()).context(
        "the checkpoint's progress can't be read; another version wrote it, or it is damaged: use --replace",
    )?;
    if saved.progress.fingerprint != fingerprint {
        bail!(
            "the checkpoint was begun with another log, schema, configuration, device or number of threads; \
             resume with the same ones, or train under a new --name"
        );
    }
    Ok(Opened { file, saved, sum: Sha256::new() })
}

/// Puts a saved state into weights, optimiser and mean of the same shape.
///
/// # Errors
/// When the file is missing, damaged or of another run.
pub fn load(path: &Path, fingerprint: &str, numbers: Numbers<'_>) -> Result<Progress> {
    let Numbers { weights, optimizer, average, features, budget } = numbers;
    let bytes = read(path)?;
    let mut opened = open(path, &bytes, fingerprint)?;
    let mut take = |name: &str, into: &mut [f32]| opened.take(name, Dtype::F32, into);
    for (set, parameters) in [("first", &mut optimizer.first), ("second", &mut optimizer.second)] {
        for (place, part) in dense_mut(parameters).into_iter().enumerate() {
            take(&format!("{set}.{place}"), part.values)?;
        }
    }
    for (set, weights) in [("weight", weights), ("average", &mut average.weights)] {
        for (place, part) in dense_mut(weights).into_iter().enumerate() {
            take(&format!("{set}.{place}"), part.values)?;
        }
        if let ItemTable::F32(items) = &mut weights.items {
            take(&format!("{set}.items"), &mut items.values)?;
        }
        for (place, table) in texts::tables_mut(weights).enumerate() {
            take(&format!("{set}.texts.{place}"), &mut table.rows.values)?;
        }
        take(&format!("{set}.item_bias"), &mut weights.item_bias)?;
        take(&format!("{set}.item_repeat"), &mut weights.item_repeat)?;
    }
    take("items.first", &mut optimizer.row_first)?;
    take("items.second", &mut optimizer.row_second)?;
    opened.take("items.step", Dtype::U32, &mut optimizer.row_step)?;
    if let Some(features) = features {
        let (parts, steps) = features.parts_mut();
        parts.into_iter().try_for_each(|(name, values)| opened.take(name, Dtype::F32, values))?;
        opened.take("features.step", Dtype::U32, steps)?;
    }
    let (square, steps) = optimizer.texts.parts_mut();
    if !steps.is_empty() {
        opened.take("texts.square", Dtype::F32, square)?;
        opened.take("texts.step", Dtype::U32, steps)?;
    }
    if let Some(budget) = budget {
        budget.parts_mut().into_iter().try_for_each(|(name, values)| opened.take(name, Dtype::F32, values))?;
    }
    let progress = opened.finish(path)?;
    optimizer.step = progress.updates;
    Ok(progress)
}

/// Writes a file whole or not at all, and leaves nothing behind that would keep a full disk full.
///
/// # Errors
/// When the disk is full or the folder can't be written.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let beside = path.with_extension("part");
    let write = || {
        let mut file = File::create(&beside)?;
        file.write_all(bytes)?;
        // On the disk before it takes the old one's place: a power cut must not leave an empty file.
        file.sync_all()?;
        std::fs::rename(&beside, path)
    };
    let written = write();
    if written.is_err() {
        // What it says would hide why the file could not be written.
        let _gone = std::fs::remove_file(&beside);
    }
    written.with_context(|| format!("can't write {} ({} bytes); is the disk full?", path.display(), bytes.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_cannot_be_written_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("taken");
        std::fs::create_dir(&path).unwrap();
        assert!(write_whole(&path, b"text").is_err());
        assert_eq!(folder.path().read_dir().unwrap().count(), 1);
    }
}
