//! safetensors: eight bytes of header length, a JSON header, then the tensors' bytes.
//!
//! Format: <https://github.com/huggingface/safetensors>. We read it ourselves, because the reader ships to
//! every page: this one is small, checks every length before it allocates, and gives no panic to a hostile file.

use crate::error::{Error, Result};
use bytemuck::Pod;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The longest header that is read, in bytes: enough for thousands of tensors and 100,000 category names.
const MAX_HEADER: usize = 16 << 20;

/// The key of the metadata entry that holds foreclick's own description.
const METADATA_KEY: &str = "foreclick";

/// A tensor's number type, by its name in safetensors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Dtype {
    /// 8-bit unsigned.
    U8,
    /// 8-bit signed.
    I8,
    /// 32-bit unsigned.
    U32,
    /// 32-bit float.
    F32,
}

impl Dtype {
    fn size(self) -> usize {
        match self {
            Self::U8 | Self::I8 => 1,
            Self::U32 | Self::F32 => 4,
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TensorInfo {
    dtype: Dtype,
    shape: Vec<usize>,
    data_offsets: [usize; 2],
}

#[derive(Serialize, Deserialize)]
struct Header {
    #[serde(rename = "__metadata__", default)]
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
    bytes: &'a [u8],
}

/// An opened file: names to bytes, everything checked against the file's length.
pub struct Container<'a> {
    metadata: String,
    tensors: BTreeMap<String, TensorView<'a>>,
}

impl<'a> Container<'a> {
    /// Opens a file's bytes without copying a tensor.
    ///
    /// # Errors
    /// [`Error::Format`] when the header is too long, no JSON, has no foreclick entry, or the tensors do not
    /// cover the rest of the file exactly.
    pub fn open(bytes: &'a [u8]) -> Result<Self> {
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
        let header: Header = serde_json::from_slice(header)
            .map_err(|error| Error::Format(format!("the header is no safetensors JSON ({error}); export it again")))?;
        let Header { mut metadata, tensors } = header;
        let metadata = metadata.remove(METADATA_KEY).ok_or_else(|| {
            Error::Format(format!("no metadata entry {METADATA_KEY:?}; expected a file written by `foreclick export`"))
        })?;
        Ok(Self { metadata, tensors: place_tensors(tensors, data)? })
    }

    /// foreclick's own description of the model, as JSON.
    pub fn metadata(&self) -> &str {
        &self.metadata
    }

    /// The tensors' names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// The tensor of a name.
    pub fn get(&self, name: &str) -> Option<TensorView<'a>> {
        self.tensors.get(name).copied()
    }

    /// The tensor of a name, whose number type and shape must be these.
    ///
    /// # Errors
    /// [`Error::Format`] with what was expected and what the file has.
    pub fn require<T: Pod>(&self, name: &str, dtype: Dtype, rows: usize, columns: usize) -> Result<Vec<T>> {
        let tensor = self
            .get(name)
            .ok_or_else(|| Error::Format(format!("tensor {name:?} is missing; export the model again")))?;
        if (tensor.dtype, tensor.rows, tensor.columns) != (dtype, rows, columns) {
            return Err(Error::Format(format!(
                "tensor {name:?} is {:?} [{}, {}], expected {dtype:?} [{rows}, {columns}]; export the model again",
                tensor.dtype, tensor.rows, tensor.columns
            )));
        }
        Ok(tensor.to_vec())
    }
}

impl TensorView<'_> {
    /// Copies the values out; `T` must be as wide as the number type.
    pub fn to_vec<T: Pod>(&self) -> Vec<T> {
        debug_assert_eq!(size_of::<T>(), self.dtype.size());
        bytemuck::pod_collect_to_vec(self.bytes)
    }

    /// The tensor's size in the file.
    pub fn byte_len(&self) -> usize {
        self.bytes.len()
    }
}

fn place_tensors(infos: BTreeMap<String, TensorInfo>, data: &[u8]) -> Result<BTreeMap<String, TensorView<'_>>> {
    let mut ranges: Vec<[usize; 2]> = Vec::with_capacity(infos.len());
    let mut tensors = BTreeMap::new();
    for (name, info) in infos {
        let TensorInfo { dtype, shape, data_offsets: [start, end] } = info;
        let (rows, columns) = match shape[..] {
            [columns] => (1, columns),
            [rows, columns] => (rows, columns),
            _ => return Err(Error::Format(format!("tensor {name:?} has shape {shape:?}, expected one or two axes"))),
        };
        let size = rows.checked_mul(columns).and_then(|count| count.checked_mul(dtype.size()));
        let bytes = if start <= end { data.get(start..end) } else { None };
        match bytes {
            Some(bytes) if Some(bytes.len()) == size => {
                ranges.push([start, end]);
                tensors.insert(name, TensorView { dtype, rows, columns, bytes });
            }
            _ => {
                return Err(Error::Format(format!(
                    "tensor {name:?} {dtype:?} {shape:?} is said to lie at bytes {start}..{end} of {}; the file is cut or damaged, fetch it again",
                    data.len()
                )));
            }
        }
    }
    ranges.sort_unstable();
    let mut covered = 0;
    for [start, end] in ranges {
        if start != covered {
            return Err(Error::Format(format!(
                "tensors leave a gap or overlap at byte {covered} (next starts at {start}); export the model again"
            )));
        }
        covered = end;
    }
    if covered != data.len() {
        return Err(Error::Format(format!(
            "the tensors end at byte {covered} of {}; the file is cut or has a foreign tail, fetch it again",
            data.len()
        )));
    }
    Ok(tensors)
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
            let info = TensorInfo { dtype: *dtype, shape: shape.clone(), data_offsets: [end, end + bytes.len()] };
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
