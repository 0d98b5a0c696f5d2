//! Which files a log is made of, and how they are written.

use super::{Row, Sink, bytes, csv, json_lines, parquet, text};
use crate::companion::config::{LogConfig, LogFormat, LogPath};
use anyhow::{Context, Result, bail, ensure};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// A log or a side table: its files and how to read them.
#[derive(Debug, Clone, PartialEq)]
pub struct Source {
    /// The files, in the order in which they are read.
    pub files: Vec<PathBuf>,
    /// How they are written.
    pub format: Format,
}

/// How files are written, with all that their reader must know.
#[derive(Debug, Clone, PartialEq)]
pub enum Format {
    /// Cells between delimiters, names in the first line.
    Csv {
        /// The delimiter; `None` takes the likeliest of each file's first line.
        delimiter: Option<u8>,
    },
    /// One JSON object a line.
    JsonLines {
        /// The name of the array of events, when a line is a session.
        events: Option<String>,
    },
    /// Apache Parquet.
    Parquet,
    /// One sequence a line.
    Text {
        /// What stands between items; `None` is blanks.
        delimiter: Option<char>,
        /// Whether the first of a line is the sequence's key.
        first_is_key: bool,
    },
}

impl Source {
    /// Finds a log's files and how they are written.
    ///
    /// # Errors
    /// Names what is not there, and what to write in `[log]` where the format does not show.
    pub fn of_log(log: &LogConfig) -> Result<Self> {
        let LogConfig { path, format, events, delimiter, first_is_key, duplicates: _ } = log;
        let paths = match path {
            LogPath::One(path) => std::slice::from_ref(path),
            LogPath::Several(paths) => paths,
        };
        let mut files = vec![];
        for path in paths {
            if path.is_dir() { files.extend(folder(path)?) } else { files.push(path.clone()) }
        }
        ensure!(!files.is_empty(), "[log] path names no file");
        let format = match format {
            LogFormat::Auto => common_format(&files)?,
            given => *given,
        };
        let format = match format {
            LogFormat::Csv | LogFormat::Auto => Format::Csv { delimiter: delimiter.map(|delimiter| delimiter as u8) },
            LogFormat::Tsv => Format::Csv { delimiter: Some(b'\t') },
            LogFormat::Jsonl => Format::JsonLines { events: events.clone() },
            LogFormat::Parquet => Format::Parquet,
            LogFormat::Text => Format::Text { delimiter: *delimiter, first_is_key: *first_is_key },
        };
        Ok(Self { files, format })
    }

    /// A side table: one file, its format by its name or its content.
    ///
    /// # Errors
    /// See [`Self::of_log`].
    pub fn of_table(path: &Path) -> Result<Self> {
        let source = Self::of_log(&LogConfig::of(LogPath::One(path.to_owned())))?;
        ensure!(
            !matches!(source.format, Format::Text { .. }),
            "{}: no table with names in its first line, expected CSV, TSV, JSON Lines or Parquet",
            path.display()
        );
        Ok(source)
    }

    /// The columns' names, as the first file has them.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn columns(&self) -> Result<Vec<String>> {
        let Some(path) = self.files.first() else { return Ok(vec![]) };
        match &self.format {
            Format::Csv { delimiter } => csv::columns(path, *delimiter),
            Format::JsonLines { events } => json_lines::columns(path, events.as_deref()),
            Format::Parquet => parquet::columns(path),
            Format::Text { first_is_key, .. } => Ok(text::columns(*first_is_key)),
        }
    }

    /// Which of these columns the log lacks: the first file or, of JSON Lines, every line.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn lacking<'a>(&self, wanted: &[&'a str]) -> Result<Vec<&'a str>> {
        let columns = self.columns()?;
        let absent: Vec<&str> = wanted.iter().copied().filter(|name| columns.iter().all(|it| it != name)).collect();
        let Format::JsonLines { events } = &self.format else { return Ok(absent) };
        if absent.is_empty() {
            return Ok(absent);
        }
        // What the first lines do not have, or not as a simple value, a later one may.
        let (mut names, mut line) = (json_lines::Names::new(absent.len()), 0);
        for path in &self.files {
            let all = &mut |_: Row<'_>| ControlFlow::Continue(());
            let _end = json_lines::read(path, events.as_deref(), &absent, &mut line, &mut names, all)?;
        }
        Ok(names.unmet(&absent))
    }

    /// What shows that a CSV's first line is an event and no header, so that this event is lost: of the first such file.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn lost_event(&self) -> Result<Option<String>> {
        let Format::Csv { delimiter } = self.format else { return Ok(None) };
        for path in &self.files {
            if let Some(what) = csv::lost_event(path, delimiter)? {
                return Ok(Some(format!(
                    "{}: the first line holds {what}; expected the columns' names; put a line of names before it",
                    path.display()
                )));
            }
        }
        Ok(None)
    }

    /// Hands over the wanted columns of all rows until the sink has enough.
    ///
    /// # Errors
    /// Names the file, the place in it, what was expected and what was found.
    pub fn read(&self, wanted: &[&str], sink: &mut Sink<'_>) -> Result<()> {
        let mut line = 0;
        let mut names = json_lines::Names::new(wanted.len());
        for path in &self.files {
            let flow = match &self.format {
                Format::Csv { delimiter } => csv::read(path, *delimiter, wanted, sink),
                Format::JsonLines { events } => {
                    json_lines::read(path, events.as_deref(), wanted, &mut line, &mut names, sink)
                }
                Format::Parquet => parquet::read(path, wanted, sink),
                Format::Text { delimiter, first_is_key } => {
                    text::read(path, *delimiter, *first_is_key, wanted, &mut line, sink)
                }
            };
            if flow?.is_break() {
                return Ok(());
            }
        }
        match names.unmet(wanted).first() {
            Some(column) => bail!(missing_column(&self.files[0], column, &names.found())),
            None => Ok(()),
        }
    }
}

/// The places of the wanted columns.
pub fn places(path: &Path, columns: &[String], wanted: &[&str]) -> Result<Vec<usize>> {
    let place = |name: &&str| {
        columns.iter().position(|column| column == name).with_context(|| missing_column(path, name, columns))
    };
    wanted.iter().map(place).collect()
}

fn missing_column(path: &Path, name: &str, columns: &[String]) -> String {
    let fix = if csv::value_in_header(columns).is_some() {
        "the first line must hold names: put one before it"
    } else {
        "name one of them in foreclick.toml"
    };
    format!("{}: no column {name:?}; its columns: {}: {fix}", path.display(), columns.join(", "))
}

/// A folder's logs, by name: files of a known kind, not hidden.
fn folder(path: &Path) -> Result<Vec<PathBuf>> {
    let whose = || format!("cannot read the folder {}", path.display());
    let mut files = vec![];
    for entry in path.read_dir().with_context(whose)? {
        let file = entry.with_context(whose)?.path();
        let hidden = file.file_name().is_some_and(|name| name.to_string_lossy().starts_with(['.', '_']));
        if file.is_file() && !hidden && (by_name(&file).is_some() || extension(&file).as_deref() == Some("txt")) {
            files.push(file);
        }
    }
    ensure!(
        !files.is_empty(),
        "{}: no log in this folder, expected .csv, .tsv, .jsonl, .parquet or .txt",
        path.display()
    );
    files.sort();
    Ok(files)
}

/// The format of all files.
fn common_format(files: &[PathBuf]) -> Result<LogFormat> {
    let mut common: Option<(LogFormat, &Path)> = None;
    for path in files {
        let format = match by_name(path) {
            Some(format) => format,
            None => by_content(path)?,
        };
        match common {
            None => common = Some((format, path)),
            Some((before, other)) => ensure!(
                before == format,
                "{} is {format:?} and {} is {before:?}, expected one format: list the files in [log] path",
                path.display(),
                other.display()
            ),
        }
    }
    Ok(common.map_or(LogFormat::Csv, |(format, _)| format))
}

/// A file's extension in small letters, without .gz and .zst.
fn extension(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_string_lossy().to_lowercase();
    let name = name.strip_suffix(".gz").or_else(|| name.strip_suffix(".zst")).unwrap_or(&name);
    name.rsplit_once('.').map(|(_, extension)| extension.to_owned())
}

fn by_name(path: &Path) -> Option<LogFormat> {
    match extension(path)?.as_str() {
        "csv" => Some(LogFormat::Csv),
        "tsv" | "tab" => Some(LogFormat::Tsv),
        "jsonl" | "ndjson" | "json" => Some(LogFormat::Jsonl),
        "parquet" | "pq" => Some(LogFormat::Parquet),
        _ => None,
    }
}

fn by_content(path: &Path) -> Result<LogFormat> {
    if bytes::open(path)?.fill_buf()?.starts_with(b"PAR1") {
        return Ok(LogFormat::Parquet);
    }
    let mut lines = bytes::Lines::open(path)?;
    let first = loop {
        match lines.next()? {
            Some(line) if line.trim().is_empty() => {}
            Some(line) => break line,
            None => return Ok(LogFormat::Text),
        }
    };
    if first.trim_start().starts_with('{') || json_lines::is_array(first) {
        return Ok(LogFormat::Jsonl);
    }
    // A line of names is a header; a line of numbers is a sequence.
    let delimiter = csv::likeliest_delimiter(first.as_bytes());
    let mut cells = first.split(char::from(delimiter));
    let is_header = first.contains(char::from(delimiter)) && cells.all(|cell| cell.trim().parse::<f64>().is_err());
    Ok(if is_header { LogFormat::Csv } else { LogFormat::Text })
}
