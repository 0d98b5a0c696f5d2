//! Columns of events that need not fit in memory: written as a stream, read as a slice.
//!
//! A short column stays in memory. A longer one goes to a temporary file, which is mapped: the system keeps in memory
//! what is read and drops it where memory is short. The file has no name, so that nobody else can change what is mapped,
//! and nothing is left of it however the process ends.

use anyhow::{Context, Result, ensure};
use bytemuck::NoUninit;
use memmap2::Mmap;
use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::marker::PhantomData;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Values of a bucket that are written at once.
const CHUNK: usize = 1 << 12;

/// Where columns lie, and how much of them may be in memory.
#[derive(Debug, Clone)]
pub struct Store {
    /// The folder of the temporary files.
    pub folder: PathBuf,
    /// Bytes of a column that are written at once; a column of fewer stays in memory.
    pub memory: usize,
    /// Rows that are cleaned and sorted at once, if no sequence has more.
    pub bucket: usize,
}

impl Default for Store {
    fn default() -> Self {
        // Where TMPDIR is not set: /tmp often is memory, /var/tmp is for what is large.
        let large = Path::new("/var/tmp");
        let is_named = !cfg!(unix) || std::env::var_os("TMPDIR").is_some();
        let folder = if is_named || !large.is_dir() { std::env::temp_dir() } else { large.to_owned() };
        Self { folder, memory: 4 << 20, bucket: 1 << 20 }
    }
}

impl Store {
    fn file(&self) -> Result<File> {
        tempfile::tempfile_in(&self.folder).with_context(|| {
            let folder = self.folder.display();
            format!("can't make a temporary file for events in {folder}; set TMPDIR to a folder that can be written")
        })
    }

    fn write(&self, file: &mut File, values: &[impl NoUninit]) -> Result<()> {
        file.write_all(bytemuck::cast_slice(values)).with_context(|| self.refusal())
    }

    fn refusal(&self) -> String {
        format!(
            "can't write events to a temporary file in {}; set TMPDIR to a folder with more room",
            self.folder.display()
        )
    }

    /// Maps a file of `len` values, which nothing writes to any more.
    fn map<T: NoUninit>(&self, file: File, len: usize) -> Result<Column<T>> {
        let (found, expected) = (file.metadata()?.len(), (len * size_of::<T>()) as u64);
        ensure!(found == expected, "{}: {found} bytes are in it, expected {expected}", self.refusal());
        // SAFETY: the file has no name and its one handle ends here, so that nobody changes or cuts it while it is mapped.
        let map =
            unsafe { Mmap::map(&file) }.with_context(|| format!("can't map {found} bytes of events into memory"))?;
        Ok(Column(Values::Mapped(Arc::new(map), PhantomData)))
    }
}

/// Values, as a slice.
#[derive(Debug, Clone)]
pub struct Column<T>(Values<T>);

#[derive(Debug, Clone)]
enum Values<T> {
    Memory(Vec<T>),
    /// Whole values of `T` as [`Store::map`] has them, at least one.
    Mapped(Arc<Mmap>, PhantomData<T>),
}

impl<T: NoUninit> Column<T> {
    /// Takes all values of an iterator.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn collect(store: &Store, values: impl IntoIterator<Item = T>) -> Result<Self> {
        let mut spool = Spool::new(store);
        spool.extend(values)?;
        spool.finish()
    }

    /// The values put together by bucket, in their order within one. `buckets` says which one each value belongs to,
    /// `starts` where each bucket begins.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn put_together(&self, store: &Store, buckets: &[u32], starts: &[usize]) -> Result<Self> {
        let mut file = store.file()?;
        let mut next = starts.to_vec();
        let mut chunks: Vec<Vec<T>> = starts.iter().map(|_| Vec::with_capacity(CHUNK)).collect();
        let mut write = |next: &mut usize, chunk: &mut Vec<T>| -> Result<()> {
            file.seek(SeekFrom::Start((*next * size_of::<T>()) as u64))?;
            store.write(&mut file, chunk)?;
            *next += chunk.len();
            chunk.clear();
            Ok(())
        };
        for (&value, &bucket) in self.iter().zip(buckets) {
            let chunk = &mut chunks[bucket as usize];
            chunk.push(value);
            if chunk.len() == CHUNK {
                write(&mut next[bucket as usize], chunk)?;
            }
        }
        next.iter_mut().zip(&mut chunks).try_for_each(|(next, chunk)| write(next, chunk))?;
        store.map(file, self.len())
    }

    /// The values, to be changed in memory.
    #[cfg(test)]
    pub fn to_mut(&mut self) -> &mut Vec<T> {
        if let Values::Mapped(..) = self.0 {
            self.0 = Values::Memory(self.to_vec());
        }
        match &mut self.0 {
            Values::Memory(values) => values,
            Values::Mapped(..) => unreachable!(),
        }
    }

    /// Whether it lies in a file.
    #[cfg(test)]
    pub fn is_mapped(&self) -> bool {
        matches!(self.0, Values::Mapped(..))
    }
}

impl<T: NoUninit> Deref for Column<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        match &self.0 {
            Values::Memory(values) => values,
            Values::Mapped(map, _) => {
                // SAFETY: the bytes are those of so many values of T (see `Values`), and a map begins at a page, which is
                // aligned for them.
                unsafe { std::slice::from_raw_parts(map.as_ptr().cast(), map.len() / size_of::<T>()) }
            }
        }
    }
}

impl<T> Default for Column<T> {
    fn default() -> Self {
        vec![].into()
    }
}

impl<T> From<Vec<T>> for Column<T> {
    fn from(values: Vec<T>) -> Self {
        Self(Values::Memory(values))
    }
}

impl<T: NoUninit + PartialEq> PartialEq for Column<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<'a, T: NoUninit> IntoIterator for &'a Column<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// A column that grows.
#[derive(Debug)]
pub struct Spool<T> {
    store: Store,
    /// What is not in the file yet, fewer than `most`.
    values: Vec<T>,
    most: usize,
    file: Option<File>,
    /// The number of values in the file.
    written: usize,
}

impl<T: NoUninit> Spool<T> {
    /// An empty one.
    pub fn new(store: &Store) -> Self {
        let most = (store.memory / size_of::<T>()).max(1);
        Self { store: store.clone(), values: vec![], most, file: None, written: 0 }
    }

    /// The number of values.
    pub fn len(&self) -> usize {
        self.written + self.values.len()
    }

    /// Adds a value.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn push(&mut self, value: T) -> Result<()> {
        self.values.push(value);
        if self.values.len() == self.most { self.spill() } else { Ok(()) }
    }

    /// Adds values.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn extend(&mut self, values: impl IntoIterator<Item = T>) -> Result<()> {
        let mut values = values.into_iter();
        loop {
            let room = self.most - self.values.len();
            self.values.extend(values.by_ref().take(room));
            if self.values.len() < self.most {
                return Ok(());
            }
            self.spill()?;
        }
    }

    fn spill(&mut self) -> Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(self.store.file()?),
        };
        self.store.write(file, &self.values)?;
        self.written += self.values.len();
        self.values.clear();
        Ok(())
    }

    /// The column.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn finish(mut self) -> Result<Column<T>> {
        if self.file.is_some() {
            self.spill()?;
        }
        match self.file {
            Some(file) => self.store.map(file, self.written),
            None => Ok(self.values.into()),
        }
    }
}

/// A column of texts.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TextColumn {
    /// All texts, one after the other.
    bytes: Column<u8>,
    /// Where each ends in `bytes`.
    ends: Column<u64>,
}

/// A column of texts that grows.
#[derive(Debug)]
pub struct TextSpool {
    bytes: Spool<u8>,
    ends: Spool<u64>,
}

impl TextColumn {
    /// The number of texts.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no text.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The text at a place.
    pub fn get(&self, place: usize) -> &str {
        let start = if place == 0 { 0 } else { self.ends[place - 1] as usize };
        std::str::from_utf8(&self.bytes[start..self.ends[place] as usize]).unwrap_or_default()
    }

    /// All texts.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|place| self.get(place))
    }
}

#[cfg(test)]
impl FromIterator<String> for TextColumn {
    fn from_iter<I: IntoIterator<Item = String>>(texts: I) -> Self {
        let mut spool = TextSpool::new(&Store::default());
        texts.into_iter().for_each(|text| spool.push(&text).unwrap());
        spool.finish().unwrap()
    }
}

impl TextSpool {
    /// An empty one.
    pub fn new(store: &Store) -> Self {
        Self { bytes: Spool::new(store), ends: Spool::new(store) }
    }

    /// Adds a text.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn push(&mut self, text: &str) -> Result<()> {
        self.bytes.extend(text.bytes())?;
        self.ends.push(self.bytes.len() as u64)
    }

    /// The column.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn finish(self) -> Result<TextColumn> {
        Ok(TextColumn { bytes: self.bytes.finish()?, ends: self.ends.finish()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tiny(folder: &Path) -> Store {
        Store { folder: folder.to_owned(), memory: 40, bucket: 10 }
    }

    #[test]
    fn a_long_column_is_mapped_and_leaves_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let store = tiny(folder.path());
        for len in [0, 4, 5, 6, 1000] {
            let values: Vec<i64> = (0..len).map(|value| value * value - 7).collect();
            let column = Column::collect(&store, values.iter().copied()).unwrap();
            assert_eq!((&*column, column.is_mapped()), (&values[..], len >= 5));
            assert_eq!(column.clone(), Column::from(values));
        }
        let texts = ["", "tea", "a cup of café au lait, with more bytes than stay in memory", "x"];
        let mut spool = TextSpool::new(&store);
        texts.iter().for_each(|text| spool.push(text).unwrap());
        assert!(spool.finish().unwrap().iter().eq(texts));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn buckets_are_put_together_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let values: Vec<u32> = (0..30_000).collect();
        let bucket = |value: u32| (value / 10) % 3;
        let places: Vec<u32> = values.iter().map(|&value| bucket(value)).collect();
        let column = Column::from(values.clone());
        let found = column.put_together(&tiny(folder.path()), &places, &[0, 10_000, 20_000]).unwrap();
        let mut expected = values;
        expected.sort_by_key(|&value| bucket(value));
        assert_eq!(*found, expected);
    }

    #[test]
    fn what_the_disk_refuses_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let store = tiny(&folder.path().join("missing"));
        let refused = |store: &Store| format!("{:#}", Column::collect(store, 0..100_u64).unwrap_err());
        assert!(refused(&store).contains("missing; set TMPDIR to a folder that can be written"), "{}", refused(&store));

        // Something else shortens the file before it is mapped.
        let mut spool = Spool::new(&tiny(folder.path()));
        spool.extend(0..100_u64).unwrap();
        let file = spool.file.as_ref().unwrap().try_clone().unwrap();
        spool.spill().unwrap();
        file.set_len(799).unwrap();
        let message = format!("{:#}", spool.finish().unwrap_err());
        assert!(message.contains("799 bytes are in it, expected 800"), "{message}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_told() {
        let mut spool = Spool::new(&tiny(Path::new("/dev")));
        spool.file = Some(std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap());
        let message = format!("{:#}", spool.extend(0..100_u64).unwrap_err());
        assert!(message.contains("in /dev; set TMPDIR to a folder with more room: No space left"), "{message}");
    }
}
