//! safetensors: eight bytes of header length, a JSON header, then the tensors' bytes.
//!
//! Format: <https://github.com/huggingface/safetensors>. We read it ourselves, because the reader ships to
//! every page: this one is small, checks every length before it allocates, and gives no panic to a hostile file.

use crate::error::{Error, Result};
use crate::json::{self, FromJson, Json, Place, read_name, read_object};
use bytemuck::Pod;
use serde::Serialize;
use std::collections::BTreeMap;

/// The longest header that is read, in bytes: enough for thousands of tensors and 100,000 category names.
const MAX_HEADER: usize = 16 << 20;

/// The most tensors that are read: names are compared one by one.
const MAX_TENSORS: usize = 4096;

/// The key of the header entry that is no tensor.
const METADATA: &str = "__metadata__";

/// The key of the metadata entry that holds foreclick's own description.
const METADATA_KEY: &str = "foreclick";

/// A tensor's number type, by its name in safetensors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Dtype {
    /// 8-bit unsigned.
    U8,
    /// 8-bit signed.
    I8,
    /// 16-bit unsigned.
    U16,
    /// 16-bit float.
    F16,
    /// 32-bit unsigned.
    U32,
    /// 32-bit float.
    F32,
}

impl Dtype {
    fn size(self) -> usize {
        match self {
            Self::U8 | Self::I8 => 1,
            Self::U16 | Self::F16 => 2,
            Self::U32 | Self::F32 => 4,
        }
    }
}

read_name!(Dtype { "U8" => U8, "I8" => I8, "U16" => U16, "F16" => F16, "U32" => U32, "F32" => F32 });

#[derive(Serialize)]
struct TensorInfo {
    dtype: Dtype,
    shape: Vec<usize>,
    data_offsets: Vec<usize>,
}

read_object!(TensorInfo { dtype, shape, data_offsets });

/// What is written before the tensors; reading goes without it.
#[derive(Serialize)]
struct Header {
    #[serde(rename = "__metadata__")]
    metadata: BTreeMap<String, String>,
    #[serde(flatten)]
    tensors: BTreeMap<String, TensorInfo>,
}

/// One tensor of an opened file.
#[derive(Debug, Clone, Copy)]
pub struct TensorView<'a> {
    /// The number type.
    pub dtype: Dtype,
    /// The rows; 1 for a vector.
    pub rows: usize,
    /// The values a row.
    pub columns: usize,
    /// Where it begins in the data.
    start: usize,
    bytes: &'a [u8],
}

/// An opened file: names to bytes, everything checked against the file's length.
pub struct Container<'a> {
    metadata: String,
    /// In the order of their places in the file.
    tensors: Vec<(String, TensorView<'a>)>,
}

impl<'a> Container<'a> {
    /// Opens a file's bytes without copying a tensor.
    ///
    /// # Errors
    /// [`Error::Format`] when the header is too long, no JSON, has no foreclick entry, or the tensors do not
    /// cover the rest of the file exactly.
    pub fn open(bytes: &'a [u8]) -> Result<Self> {
        Self::open_with(bytes, |_| Ok(())).map(|(container, ())| container)
    }

    /// Opens a file's bytes, and reads foreclick's own description as soon as it is met: our files have it before the
    /// tensors, which may be of types that only a newer version knows.
    ///
    /// # Errors
    /// Those of [`Container::open`], and what `describe` says.
    pub fn open_with<T>(bytes: &'a [u8], describe: impl Fn(&str) -> Result<T>) -> Result<(Self, T)> {
        let Some((length, rest)) = bytes.split_first_chunk::<8>() else {
            return Err(Error::Format(format!(
                "{} bytes, expected a header of 8 bytes first; the file is cut or empty, fetch it again",
                bytes.len()
            )));
        };
        let length = u64::from_le_bytes(*length);
        let limit = rest.len().min(MAX_HEADER);
        if length > limit as u64 {
            return Err(Error::Format(format!(
                "the header claims {length} bytes, expected at most {limit}; this is no safetensors file, or it is cut"
            )));
        }
        let (header, data) = rest.split_at(length as usize);
        let (mut metadata, mut tensors) = (None, Vec::new());
        json::read_with(header, "header", |json| {
            json.object(&mut |json, key| {
                if key == METADATA {
                    if let Some(text) = own_metadata(json)? {
                        let described = describe(&text)?;
                        metadata = Some((text, described));
                    }
                    return Ok(());
                }
                let view = view_tensor(key, TensorInfo::from_json(json)?, data)?;
                insert_tensor(&mut tensors, key, view)
            })
        })?;
        check_cover(&tensors, data.len())?;
        let (metadata, described) = metadata.ok_or_else(|| {
            Error::Format(format!(
                "no metadata entry \"{METADATA_KEY}\"; expected a file written by `foreclick export`"
            ))
        })?;
        Ok((Self { metadata, tensors }, described))
    }

    /// The same with what it lacks taken from another file.
    pub fn over(mut self, base: Self) -> Self {
        let lacks = |name: &String| find(&self.tensors, name).is_none();
        let taken: Vec<_> = base.tensors.into_iter().filter(|(name, _)| lacks(name)).collect();
        self.tensors.extend(taken);
        self
    }

    /// foreclick's own description of the model, as JSON.
    pub fn metadata(&self) -> &str {
        &self.metadata
    }

    /// The tensors' names, in the order of their places in the file.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.iter().map(|(name, _)| name.as_str())
    }

    /// The tensor of a name.
    pub fn get(&self, name: &str) -> Option<TensorView<'a>> {
        find(&self.tensors, name)
    }

    /// The tensor of a name, whose number type and shape must be these.
    ///
    /// # Errors
    /// [`Error::Format`] with what was expected and what the file has.
    pub fn require<T: Pod>(&self, name: &str, dtype: Dtype, rows: usize, columns: usize) -> Result<Vec<T>> {
        Ok(self.view(name, dtype, rows, columns)?.to_vec())
    }

    /// The tensor of a name, as its bytes.
    ///
    /// # Errors
    /// As for [`Container::require`].
    pub fn require_bytes(&self, name: &str, dtype: Dtype, rows: usize, columns: usize) -> Result<&'a [u8]> {
        Ok(self.view(name, dtype, rows, columns)?.bytes)
    }

    /// Apart from [`Container::require`], so that it is compiled once and not for each type of numbers.
    fn view(&self, name: &str, dtype: Dtype, rows: usize, columns: usize) -> Result<TensorView<'a>> {
        let tensor = self
            .get(name)
            .ok_or_else(|| Error::Format(format!("tensor \"{name}\" is missing; export the model again")))?;
        if (tensor.dtype, tensor.rows, tensor.columns) != (dtype, rows, columns) {
            return Err(Error::Format(format!(
                "tensor \"{name}\" is {:?} [{}, {}], expected {dtype:?} [{rows}, {columns}]; export the model again",
                tensor.dtype, tensor.rows, tensor.columns
            )));
        }
        Ok(tensor)
    }
}

impl TensorView<'_> {
    /// Copies the values out; `T` must be as wide as the number type.
    pub fn to_vec<T: Pod>(&self) -> Vec<T> {
        debug_assert_eq!(size_of::<T>(), self.dtype.size());
        // Our files are aligned; a foreign one, or a buffer that is not, is copied byte by byte.
        match bytemuck::try_cast_slice(self.bytes) {
            Ok(values) => values.to_vec(),
            Err(_) => bytemuck::pod_collect_to_vec(self.bytes),
        }
    }

    /// The tensor as it lies in the file.
    pub fn bytes(&self) -> &[u8] {
        self.bytes
    }

    /// The tensor's size in the file.
    pub fn byte_len(&self) -> usize {
        self.bytes.len()
    }
}

/// The entry of the header's metadata that is ours.
fn own_metadata(json: &mut Json<'_>) -> Result<Option<String>> {
    let mut metadata = None;
    json.object(&mut |json, key| {
        if key == METADATA_KEY {
            return metadata.read(json, key);
        }
        String::from_json(json).map(|_| ())
    })?;
    Ok(metadata)
}

fn view_tensor<'a>(name: &str, info: TensorInfo, data: &'a [u8]) -> Result<TensorView<'a>> {
    let TensorInfo { dtype, shape, data_offsets } = info;
    let (rows, columns) = match shape[..] {
        [columns] => (1, columns),
        [rows, columns] => (rows, columns),
        _ => return Err(Error::Format(format!("tensor \"{name}\" has {} axes, expected one or two", shape.len()))),
    };
    let &[start, end] = data_offsets.as_slice() else {
        return Err(Error::Format(format!("tensor \"{name}\" has {} offsets, expected two", data_offsets.len())));
    };
    // Rows of nothing would be any number of rows, without a byte to show for them.
    let rows_are_there = rows <= 1 || columns > 0;
    let size = rows.checked_mul(columns).and_then(|count| count.checked_mul(dtype.size()));
    let bytes = if start <= end { data.get(start..end) } else { None };
    match bytes {
        Some(bytes) if Some(bytes.len()) == size && rows_are_there => {
            Ok(TensorView { dtype, rows, columns, start, bytes })
        }
        _ => Err(Error::Format(format!(
            "tensor \"{name}\" [{rows}, {columns}] is said to lie at bytes {start}..{end} of {}; the file is cut or damaged, fetch it again",
            data.len()
        ))),
    }
}

fn insert_tensor<'a>(tensors: &mut Vec<(String, TensorView<'a>)>, name: &str, view: TensorView<'a>) -> Result<()> {
    if tensors.len() == MAX_TENSORS {
        return Err(Error::Format(format!("more than {MAX_TENSORS} tensors; this is no file of foreclick's")));
    }
    if find(tensors, name).is_some() {
        return Err(Error::Format(format!("two tensors are called \"{name}\"; export the model again")));
    }
    // An empty tensor goes before the one that begins at the same byte.
    let order = |view: &TensorView<'_>| (view.start, view.bytes.len());
    let place = tensors.partition_point(|(_, other)| order(other) < order(&view));
    tensors.insert(place, (name.to_owned(), view));
    Ok(())
}

fn find<'a>(tensors: &[(String, TensorView<'a>)], name: &str) -> Option<TensorView<'a>> {
    tensors.iter().find(|(other, _)| other == name).map(|(_, view)| *view)
}

/// The tensors must follow each other without a gap, from the first byte to the last.
fn check_cover(tensors: &[(String, TensorView<'_>)], length: usize) -> Result<()> {
    let mut covered = 0;
    for (name, view) in tensors {
        if view.start != covered {
            return Err(Error::Format(format!(
                "tensor \"{name}\" begins at byte {}, expected {covered}; export the model again",
                view.start
            )));
        }
        covered += view.bytes.len();
    }
    if covered != length {
        return Err(Error::Format(format!(
            "the tensors end at byte {covered} of {length}; the file is cut or has a foreign tail, fetch it again"
        )));
    }
    Ok(())
}

/// Gathers tensors and writes the file.
#[derive(Default)]
pub struct Writer {
    tensors: Vec<(String, Dtype, Vec<usize>, Vec<u8>)>,
}

impl Writer {
    /// Adds a tensor; `shape` has one or two axes.
    pub fn add<T: Pod>(&mut self, name: &str, dtype: Dtype, shape: &[usize], values: &[T]) {
        debug_assert_eq!(shape.iter().product::<usize>(), values.len());
        self.tensors.push((name.into(), dtype, shape.into(), bytemuck::cast_slice(values).into()));
    }

    /// The file's bytes. Wider types come first and the header is padded, so that every tensor is aligned.
    ///
    /// # Errors
    /// [`Error::Format`] when the header can't be written as JSON.
    pub fn finish(mut self, metadata: String) -> Result<Vec<u8>> {
        self.tensors.sort_by(|a, b| b.1.size().cmp(&a.1.size()).then_with(|| a.0.cmp(&b.0)));
        let mut header =
            Header { metadata: BTreeMap::from([(METADATA_KEY.to_owned(), metadata)]), tensors: BTreeMap::new() };
        let mut end = 0;
        for (name, dtype, shape, bytes) in &self.tensors {
            let info = TensorInfo { dtype: *dtype, shape: shape.clone(), data_offsets: vec![end, end + bytes.len()] };
            header.tensors.insert(name.clone(), info);
            end += bytes.len();
        }
        let mut json = serde_json::to_vec(&header)
            .map_err(|error| Error::Format(format!("the header can't be written as JSON: {error}")))?;
        json.resize(json.len().next_multiple_of(8), b' ');
        let mut file = Vec::with_capacity(8 + json.len() + end);
        file.extend_from_slice(&(json.len() as u64).to_le_bytes());
        file.append(&mut json);
        for (_, _, _, bytes) in &self.tensors {
            file.extend_from_slice(bytes);
        }
        Ok(file)
    }
}
