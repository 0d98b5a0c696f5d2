//! Saves and restores a run so that it goes on as if it had not stopped.

use super::average::Average;
use super::features::Features;
use super::optimizer::Optimizer;
use super::parameters::dense_mut;
use super::texts::{self, Texts};
use crate::format::{Container, Dtype, ItemTable, Weights, Writer};
use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Where a run stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// The epoch that goes on, from 0.
    pub epoch: u64,
    /// Batches of it that are done.
    pub batch: u64,
    /// Steps taken in all.
    pub step: u64,
    /// Steps that changed the weights: all but those of batches without a training event.
    pub updates: u32,
    /// The best validation NDCG@10, once there was a validation.
    pub best: Option<f64>,
    /// The epoch that gave it.
    pub best_epoch: u64,
    /// Epochs since then.
    pub waited: u64,
    /// Whether the best model is calibrated, or was found no better for it.
    pub calibrated: bool,
    /// What the run was begun with: a resumed run must be given the same.
    pub fingerprint: String,
}

/// Writes the state beside the old one, then puts it in its place: a crash, a power cut or a full disk loses nothing
/// saved.
///
/// # Errors
/// When the file can't be written; the old one is left as it was.
pub fn save(
    path: &Path,
    progress: &Progress,
    weights: &mut Weights,
    optimizer: &mut Optimizer,
    average: &mut Average,
    (features, texts): (Option<&mut Features>, &mut Texts),
) -> Result<()> {
    let mut writer = Writer::default();
    let mut put = |name: &str, values: &[f32]| writer.add(name, Dtype::F32, &[values.len()], values);
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
    put("average.faded", &[average.faded]);
    put("average.row_faded", &average.row_faded);
    put("items.first", &optimizer.row_first);
    put("items.second", &optimizer.row_second);
    writer.add("items.step", Dtype::U32, &[optimizer.row_step.len()], &optimizer.row_step);
    if let Some(features) = features {
        let (parts, steps) = features.parts_mut();
        parts.iter().for_each(|(name, values)| writer.add(name, Dtype::F32, &[values.len()], values));
        writer.add("features.step", Dtype::U32, &[steps.len()], steps);
    }
    let (parts, steps) = texts.parts_mut();
    if !steps.is_empty() {
        parts.iter().for_each(|(name, values)| writer.add(name, Dtype::F32, &[values.len()], values));
        writer.add("texts.step", Dtype::U32, &[steps.len()], steps);
    }
    let bytes = writer.finish(serde_json::to_string(progress)?)?;
    write_whole(path, &bytes)
}

/// Where the state to go on from lies in a run's folder.
pub fn last(folder: &Path) -> PathBuf {
    folder.join("checkpoints/last.safetensors")
}

/// Whether a run can go on from what it saved; changes nothing.
///
/// # Errors
/// When it has saved nothing yet, or the file is damaged or of another run.
pub fn check_resume(folder: &Path, fingerprint: &str) -> Result<()> {
    let path = last(folder);
    let bytes = read(&path)?;
    open(&path, &bytes, fingerprint).map(drop)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).with_context(|| {
        format!("can't read {}; a run that has saved nothing begins anew with --replace", path.display())
    })
}

fn open<'a>(path: &Path, bytes: &'a [u8], fingerprint: &str) -> Result<(Container<'a>, Progress)> {
    let file = Container::open(bytes).with_context(|| format!("checkpoint {}", path.display()))?;
    let progress: Progress =
        serde_json::from_str(file.metadata()).context("the checkpoint's progress can't be read")?;
    if progress.fingerprint != fingerprint {
        bail!(
            "the checkpoint was begun with another log, schema, configuration, device or number of threads; \
             resume with the same ones, or train under a new --name"
        );
    }
    Ok((file, progress))
}

/// Puts a saved state into weights, optimiser and mean of the same shape.
///
/// # Errors
/// When the file is missing, damaged or of another run.
pub fn load(
    path: &Path,
    fingerprint: &str,
    weights: &mut Weights,
    optimizer: &mut Optimizer,
    average: &mut Average,
    (features, texts): (Option<&mut Features>, &mut Texts),
) -> Result<Progress> {
    let bytes = read(path)?;
    let (file, progress) = open(path, &bytes, fingerprint)?;
    let take = |name: &str, into: &mut [f32]| -> Result<()> {
        into.copy_from_slice(&file.require::<f32>(name, Dtype::F32, 1, into.len())?);
        Ok(())
    };
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
    take("average.faded", std::slice::from_mut(&mut average.faded))?;
    take("average.row_faded", &mut average.row_faded)?;
    take("items.first", &mut optimizer.row_first)?;
    take("items.second", &mut optimizer.row_second)?;
    if let Some(features) = features {
        let (parts, steps) = features.parts_mut();
        parts.into_iter().try_for_each(|(name, values)| take(name, values))?;
        *steps = file.require("features.step", Dtype::U32, 1, steps.len())?;
    }
    let (parts, steps) = texts.parts_mut();
    if !steps.is_empty() {
        parts.into_iter().try_for_each(|(name, values)| take(name, values))?;
        *steps = file.require("texts.step", Dtype::U32, 1, steps.len())?;
    }
    optimizer.row_step = file.require("items.step", Dtype::U32, 1, optimizer.row_step.len())?;
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
