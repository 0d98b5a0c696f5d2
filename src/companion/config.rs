//! foreclick.toml: which log, what its columns mean, how it is split, trained, evaluated and exported.

mod check;
mod features;
mod field;
mod idle_gap;
mod moment;
mod split;
mod task;
mod tune;

pub use features::{FeatureColumn, FeatureConfig, FeatureKind};
pub use field::{FieldChoice, FieldConfig, Filling};
pub use idle_gap::IdleGap;
pub use moment::{Moment, TimeUnit};
pub use split::{SplitConfig, SplitKind};
pub use task::{LabelsAt, NextGroup, TaskConfig, TaskKind};
pub use tune::{Span, TuneConfig, Values, with_values};

use crate::companion::privacy::PrivacyConfig;
use crate::companion::train::{DistillConfig, FineTuneConfig, TrainConfig};
use crate::schema::FilterSeen;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The whole file. Unknown keys are refused; paths are relative to the file's folder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where the events are.
    pub log: LogConfig,
    /// What makes a sequence.
    #[serde(default)]
    pub sequence: SequenceConfig,
    /// What an event is about.
    #[serde(default)]
    pub item: ItemConfig,
    /// Further fields of an event, in the model's order. Default: none.
    #[serde(default, rename = "field")]
    pub fields: Vec<FieldConfig>,
    /// What else is answered, beside the next item. Default: nothing.
    #[serde(default, rename = "task")]
    pub tasks: Vec<TaskConfig>,
    /// Tables that describe items or other keys. Default: none.
    #[serde(default, rename = "side")]
    pub sides: Vec<SideConfig>,
    /// Which events are learned from and which are kept for measuring.
    #[serde(default)]
    pub split: SplitConfig,
    /// How a model is measured.
    #[serde(default)]
    pub evaluate: EvaluateConfig,
    /// How a model is built and trained.
    #[serde(default)]
    pub train: TrainConfig,
    /// What training goes on from.
    #[serde(default)]
    pub fine_tune: FineTuneConfig,
    /// Which runs teach this one.
    #[serde(default)]
    pub distill: DistillConfig,
    /// How a model is trained that tells nothing of a single sequence.
    #[serde(default)]
    pub privacy: PrivacyConfig,
    /// What `foreclick tune` tries.
    #[serde(default)]
    pub tune: TuneConfig,
    /// How a model becomes a file.
    #[serde(default)]
    pub export: ExportConfig,
}

/// `[log]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogConfig {
    /// A file, an array of files, or a folder. `.gz` and `.zst` are unpacked on the way.
    pub path: LogPath,
    /// How the log is written. Default "auto": by the files' names, else by their content.
    #[serde(default)]
    pub format: LogFormat,
    /// JSON Lines with a session in each line: the name of its array of events. Default: each line is an event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events: Option<String>,
    /// What stands between cells. Default: found in the first line; blanks for "text".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<char>,
    /// "text" only: each line begins with the sequence's key (column "key"). Default false.
    #[serde(default)]
    pub first_is_key: bool,
    /// Whether repeated rows are dropped. Default "drop". In a log with groups, an item that comes again in its
    /// group is a repeat; otherwise a row that equals an earlier one in sequence, item, time and fields is; a log
    /// with neither groups nor times has no repeats.
    #[serde(default)]
    pub duplicates: Duplicates,
}

impl LogConfig {
    /// A log at a path, everything else by default.
    pub fn of(path: LogPath) -> Self {
        let duplicates = Duplicates::default();
        Self { path, format: LogFormat::Auto, events: None, delimiter: None, first_is_key: false, duplicates }
    }
}

/// One path or several.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a path or an array of paths")]
pub enum LogPath {
    /// A file or a folder.
    One(PathBuf),
    /// Several files or folders, read one after the other.
    Several(Vec<PathBuf>),
}

/// How a log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// By the files' names, else by their content.
    #[default]
    Auto,
    /// Cells between commas (or another delimiter), names in the first line.
    Csv,
    /// Cells between tabs, names in the first line.
    Tsv,
    /// One JSON object a line.
    Jsonl,
    /// Apache Parquet.
    Parquet,
    /// One sequence a line, items between blanks (columns "item", "line" and, with `first_is_key`, "key").
    Text,
}

/// What is done with repeated rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Duplicates {
    /// The first one stays.
    #[default]
    Drop,
    /// All stay.
    Keep,
}

/// `[sequence]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SequenceConfig {
    /// The column that tells sequences apart (a user, a session). Default: the whole log is one sequence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Whether each row is a sequence of its own, named by its number from 1. Default false.
    pub each_row: bool,
    /// The column of times. Default: none, the log's order counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// How times are written: "auto", "s", "ms", "us" (since 1970), "iso", or a pattern such as
    /// "%d/%m/%Y %H:%M". Times without a zone are UTC. Default "auto".
    pub time_unit: TimeUnit,
    /// Which parts of an event's time the encoder is told, in UTC: "auto", "none", "hour", "weekday" or "both".
    pub calendar: Calendar,
    /// The column of groups (a basket, an order). Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// A pause that starts a new sequence, such as "90s", "30m", "12h", "7d". Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle_gap: Option<IdleGap>,
    /// Sequences with fewer events are dropped; not with `each_row`. Default 2.
    pub min_length: usize,
    /// Keys with more events than this within any hour are robots and dropped. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub robot_events_per_hour: Option<usize>,
}

impl Default for SequenceConfig {
    fn default() -> Self {
        Self {
            key: None,
            each_row: false,
            time: None,
            time_unit: TimeUnit::Auto,
            calendar: Calendar::Auto,
            group: None,
            idle_gap: None,
            min_length: 2,
            robot_events_per_hour: None,
        }
    }
}

/// Which parts of an event's time the encoder is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Calendar {
    /// What the log's times tell apart: see `data/calendar.rs`.
    Auto,
    /// None.
    None,
    /// The hour.
    Hour,
    /// The weekday.
    Weekday,
    /// The hour and the weekday.
    Both,
}

/// `[item]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ItemConfig {
    /// The column of items. Left out, an event has none, and only tasks are answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// Whether the next item is predicted. Without, there must be tasks, and neither neighbours nor anything else that only
    /// ranks items is learned. Default true.
    pub predict: bool,
    /// Items with fewer events in the cleaned log are dropped. Default 5.
    pub min_count: usize,
    /// Items of fewer sequence keys are dropped too: what few visitors have, tells of them. Default 1.
    pub min_sequences: usize,
    /// Columns of side tables from which an item's row is learned, beside a part of its own: categories, texts or numbers,
    /// by name, or `{ column, kind }` where what the values seem to be is wrong. Default: none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub features: Vec<FeatureConfig>,
    /// Whether every item that a side table describes by a feature is known to the model, however rare, also one that the
    /// log does not have: it is ranked by its features. Default false.
    #[serde(skip_serializing_if = "is_false")]
    pub include_new: bool,
}

impl Default for ItemConfig {
    fn default() -> Self {
        Self { column: None, predict: true, min_count: 5, min_sequences: 1, features: Vec::new(), include_new: false }
    }
}

/// `[[side]]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SideConfig {
    /// The file: any of the log's formats but "text".
    pub path: PathBuf,
    /// Its column of keys.
    pub key: String,
    /// The columns to take. With the item as key they are shown with the model's answers.
    pub columns: Vec<String>,
    /// The log's column that holds the keys. Default: the item column.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<String>,
}

/// `[evaluate]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EvaluateConfig {
    /// Which items are no candidates: "none", "group" (those of the open group), "all" (every seen one).
    /// Default "none".
    pub filter_seen: FilterSeen,
    /// Events with fewer than this many before them in their sequence are not ranked: published figures of sessions leave
    /// out each one's first. Default 0.
    pub min_history: usize,
    /// At most so many validation events are ranked, drawn by the seed. Default 20000.
    pub max_validation_events: usize,
    /// At most so many test events are ranked, drawn by the seed. Default: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_test_events: Option<usize>,
}

impl Default for EvaluateConfig {
    fn default() -> Self {
        Self { filter_seen: FilterSeen::None, min_history: 0, max_validation_events: 20_000, max_test_events: None }
    }
}

/// `[export]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ExportConfig {
    /// Bits of a weight in the file: 4 (item rows; the rest 8), 8 or 16. Default 8.
    pub bits: u8,
    /// The largest share of NDCG@10 that quantization may cost. Default 0.01.
    pub max_loss: f64,
}

impl Default for ExportConfig {
    fn default() -> Self {
        Self { bits: 8, max_loss: 0.01 }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over references")]
fn is_false(value: &bool) -> bool {
    !value
}

impl Config {
    /// Reads a foreclick.toml.
    ///
    /// # Errors
    /// Names the file and the key, what was expected and what was found.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| {
            format!("cannot read {}; `foreclick init LOG` writes a first one for your log", path.display())
        })?;
        Self::parse(&text, path.parent().unwrap_or(Path::new(""))).with_context(|| path.display().to_string())
    }

    /// Parses the text of a foreclick.toml that lies in `folder`.
    ///
    /// # Errors
    /// Names the key, what was expected and what was found.
    pub fn parse(text: &str, folder: &Path) -> Result<Self> {
        let mut config: Self = toml::from_str(text)?;
        match &mut config.log.path {
            LogPath::One(path) => *path = folder.join(&*path),
            LogPath::Several(paths) => paths.iter_mut().for_each(|path| *path = folder.join(&*path)),
        }
        let sides = config.sides.iter_mut().map(|side| &mut side.path);
        let runs = config.fine_tune.from.iter_mut().chain(&mut config.distill.teachers);
        sides.chain(runs).for_each(|path| *path = folder.join(&*path));
        if !config.predicts_items() {
            config.split.kind.get_or_insert(SplitKind::Sequence);
        }
        config.validate()?;
        Ok(config)
    }

    /// Whether the next item is predicted.
    pub fn predicts_items(&self) -> bool {
        self.item.predict && self.item.column.is_some()
    }

    /// The same configuration, reading another log where one is given.
    pub fn with_log(mut self, log: Option<&Path>) -> Self {
        if let Some(log) = log {
            self.log.path = LogPath::One(log.to_owned());
        }
        self
    }

    /// The same configuration with paths that hold from any folder.
    ///
    /// # Errors
    /// When the current folder is gone.
    pub fn absolute(&self) -> Result<Self> {
        let mut config = self.clone();
        let make = |path: &mut PathBuf| -> Result<()> {
            *path = std::path::absolute(&*path)?;
            Ok(())
        };
        match &mut config.log.path {
            LogPath::One(path) => make(path)?,
            LogPath::Several(paths) => paths.iter_mut().try_for_each(make)?,
        }
        let sides = config.sides.iter_mut().map(|side| &mut side.path);
        let runs = config.fine_tune.from.iter_mut().chain(&mut config.distill.teachers);
        sides.chain(runs).try_for_each(make)?;
        Ok(config)
    }
}
