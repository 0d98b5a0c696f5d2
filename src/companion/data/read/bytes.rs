//! A file's bytes: unpacked on the way, cut into lines of bounded length.

use anyhow::{Context, Result, bail};
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// No line and no record may be longer: a log without line ends must not fill the memory.
pub const MAX_LINE: usize = 16 << 20;

const GZIP: &[u8] = &[0x1f, 0x8b];
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
const BYTE_ORDER_MARK: &[u8] = &[0xef, 0xbb, 0xbf];

/// Opens a file; gzip and zstd are known by their first bytes and unpacked. A byte order mark is skipped.
pub fn open(path: &Path) -> Result<Box<dyn BufRead>> {
    let whose = || format!("cannot read {}", path.display());
    let mut packed = BufReader::with_capacity(1 << 16, File::open(path).with_context(whose)?);
    let head = packed.fill_buf().with_context(whose)?;
    let mut plain: Box<dyn BufRead> = if head.starts_with(GZIP) {
        Box::new(BufReader::with_capacity(1 << 16, flate2::bufread::MultiGzDecoder::new(packed)))
    } else if head.starts_with(ZSTD) {
        Box::new(BufReader::with_capacity(
            1 << 16,
            zstd::stream::read::Decoder::with_buffer(packed).with_context(whose)?,
        ))
    } else {
        Box::new(packed)
    };
    if plain.fill_buf().with_context(whose)?.starts_with(BYTE_ORDER_MARK) {
        plain.consume(BYTE_ORDER_MARK.len());
    }
    Ok(plain)
}

/// The lines of a text file.
pub struct Lines {
    path: PathBuf,
    bytes: Box<dyn BufRead>,
    line: Vec<u8>,
    number: u64,
}

impl Lines {
    /// Opens a file, see [`open`].
    pub fn open(path: &Path) -> Result<Self> {
        Ok(Self { path: path.to_owned(), bytes: open(path)?, line: vec![], number: 0 })
    }

    /// The next line without its end; `None` after the last.
    ///
    /// # Errors
    /// Names the file and the line when it cannot be read, is too long, or is not UTF-8.
    pub fn next(&mut self) -> Result<Option<&str>> {
        self.line.clear();
        let limit = MAX_LINE as u64 + 2;
        let read = (&mut self.bytes).take(limit).read_until(b'\n', &mut self.line);
        if read.with_context(|| format!("cannot read {} after line {}", self.path.display(), self.number))? == 0 {
            return Ok(None);
        }
        self.number += 1;
        while self.line.last().is_some_and(|byte| matches!(byte, b'\n' | b'\r')) {
            self.line.pop();
        }
        if self.line.len() > MAX_LINE {
            bail!(too_long(&self.place()));
        }
        match std::str::from_utf8(&self.line) {
            Ok(line) => Ok(Some(line)),
            Err(_) => bail!(not_utf8(&place(&self.path, self.number))),
        }
    }

    /// Where the line is that was read last.
    pub fn place(&self) -> String {
        place(&self.path, self.number)
    }
}

/// A place in a file, as compilers write it.
pub fn place(path: &Path, line: u64) -> String {
    format!("{}:{line}", path.display())
}

/// The message for a line above the limit.
pub fn too_long(place: &str) -> String {
    format!(
        "{place}: longer than {} MiB, expected one event or one session a line: is a line end or a closing quote missing?",
        MAX_LINE >> 20
    )
}

/// The message for text in another encoding.
pub fn not_utf8(place: &str) -> String {
    format!("{place}: not UTF-8: convert the file first, for example `iconv -f WINDOWS-1252 -t UTF-8 OLD > NEW`")
}
