//! Who may train in a run's folder, and what becomes of a run that another one replaces.

use super::RunFolder;
use crate::companion::train::last;
use crate::companion::tune::Trials;
use anyhow::{Context, Result, bail, ensure};
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

/// What is added to the name of a run that another one replaces, until that one has saved something.
const REPLACED: &str = ".replaced";

impl RunFolder {
    /// Claims a run's folder below `runs` for training, without changing what lies in it.
    ///
    /// # Errors
    /// When a new run would overwrite another one, there is none to go on with, or another process trains it.
    pub fn claim(runs: &Path, name: &str, resume: bool, replace: bool) -> Result<Self> {
        ensure!(
            !name.is_empty() && !name.contains(['/', '\\']) && !name.starts_with('.') && !name.ends_with(REPLACED),
            "the run's name is {name:?}, expected a plain folder name; give one with --name"
        );
        let path = runs.join(name);
        let there = [&path, &replaced(&path)].iter().any(|path| path.join("config.toml").exists());
        if resume {
            ensure!(there, "{} holds no run to go on with; leave out --resume", path.display());
        } else {
            let fix = "use --resume, --replace or another --name";
            ensure!(replace || !there, "{} holds a run already; {fix}", path.display());
        }
        // Beside the folder, since the folder itself may be put aside.
        let lock =
            lock(&runs.join(format!(".{name}.lock"))).with_context(|| format!("can't train in {}", path.display()))?;
        let folder = Self { path, _lock: Some(lock) };
        folder.settle()?;
        Ok(folder)
    }

    /// Makes the folder of a new run; one that is there already is put aside until [`RunFolder::settle`].
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn make(&self) -> Result<()> {
        if self.path.join("config.toml").exists() {
            std::fs::rename(&self.path, replaced(&self.path))
                .with_context(|| format!("can't put {} aside", self.path.display()))?;
        }
        std::fs::create_dir_all(&self.path).with_context(|| format!("can't make {}", self.path.display()))
    }

    /// Ends a replacement, however training ended: the run that was put aside goes when the new one has saved
    /// something, and comes back when it has not.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn settle(&self) -> Result<()> {
        let old = replaced(&self.path);
        if !old.exists() {
            return Ok(());
        }
        let end = || -> std::io::Result<()> {
            let is_private = self.best_file().exists();
            if is_private || last(&self.path).exists() || Trials::path(&self.path).exists() {
                return std::fs::remove_dir_all(&old);
            }
            if self.path.exists() {
                std::fs::remove_dir_all(&self.path)?;
            }
            std::fs::rename(&old, &self.path)
        };
        end().with_context(|| format!("can't settle which of {} and {} stays", self.path.display(), old.display()))
    }
}

/// Where a run lies while another one replaces it.
fn replaced(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(REPLACED);
    name.into()
}

/// Locks a file until the process ends or the handle is dropped.
fn lock(path: &Path) -> Result<File> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("can't make {}", folder.display()))?;
    }
    let file = File::create(path).with_context(|| format!("can't write {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            bail!("another process trains there; wait for it, stop it, or use another --name")
        }
        Err(TryLockError::Error(error)) => Err(error).with_context(|| format!("can't lock {}", path.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(runs: &Path, resume: bool, replace: bool) -> Result<RunFolder> {
        RunFolder::claim(runs, "shop", resume, replace)
    }

    fn refusal(runs: &Path, resume: bool, replace: bool) -> String {
        format!("{:#}", claim(runs, resume, replace).unwrap_err())
    }

    /// Begins a run; `saves` says whether it comes to a checkpoint.
    fn begin(folder: &RunFolder, text: &str, saves: bool) {
        folder.make().unwrap();
        folder.keep("config.toml", text).unwrap();
        if saves {
            std::fs::create_dir(folder.path().join("checkpoints")).unwrap();
            std::fs::write(last(folder.path()), text).unwrap();
        }
    }

    fn config(runs: &Path) -> String {
        std::fs::read_to_string(runs.join("shop/config.toml")).unwrap()
    }

    #[test]
    fn only_what_saved_something_replaces_a_run() {
        let runs = tempfile::tempdir().unwrap();
        let runs = runs.path();
        assert!(refusal(runs, true, false).contains("leave out --resume"));
        let folder = claim(runs, false, false).unwrap();
        begin(&folder, "first", true);
        drop(folder);
        assert!(refusal(runs, false, false).contains("--replace"));

        let folder = claim(runs, false, true).unwrap();
        assert_eq!(config(runs), "first", "to claim changes nothing");
        begin(&folder, "failed", false);
        folder.settle().unwrap();
        assert_eq!(config(runs), "first");

        // Killed before it saved, and before its folder was there: the next command finds the old run.
        begin(&folder, "killed", false);
        drop(folder);
        assert!(refusal(runs, false, false).contains("--replace"));
        drop(claim(runs, true, false).unwrap());
        assert_eq!(config(runs), "first");
        std::fs::rename(runs.join("shop"), runs.join("shop.replaced")).unwrap();
        drop(claim(runs, true, false).unwrap());
        assert_eq!(config(runs), "first");

        let folder = claim(runs, false, true).unwrap();
        begin(&folder, "second", true);
        folder.settle().unwrap();
        assert_eq!(config(runs), "second");
        assert!(!runs.join("shop.replaced").exists());
    }

    #[test]
    fn a_run_is_trained_by_one_process() {
        let runs = tempfile::tempdir().unwrap();
        let first = claim(runs.path(), false, false).unwrap();
        for replace in [false, true] {
            assert!(refusal(runs.path(), false, replace).contains("another process trains there; wait for it"));
        }
        RunFolder::claim(runs.path(), "other", false, false).unwrap();
        drop(first);
        claim(runs.path(), false, false).unwrap();
        for name in ["", ".", "..", "a/b", ".hidden", "shop.replaced"] {
            assert!(RunFolder::claim(runs.path(), name, false, false).is_err(), "{name:?}");
        }
    }
}
