//! A model to bytes and back.

use super::container::{Container, Writer};
use super::fingerprint::fingerprint_text;
use super::personal::PersonalStart;
use super::read::Reader;
use super::weights::{Architecture, ItemTable, Matrix, Weights};
use super::write::{write_vocab, write_weights};
use crate::error::{Error, Result};
use crate::json::{self, FromJson, Json, Members, Place};
use crate::quant::{Int4Rows, Int8Rows, f32_from_half, half_from_f32};
use crate::schema::{Encoding, NumberEncoding, Schema};
use crate::vocab::Vocab;
use serde::Serialize;
use std::sync::Arc;

/// The version that this build writes and reads.
pub const FORMAT_VERSION: u32 = 5;

/// What the file says of itself, as JSON in the container's metadata.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Metadata {
    /// See [`FORMAT_VERSION`]. It stays the first, so that a file from the future is told from a damaged one.
    pub format_version: u32,
    /// What an event is.
    pub schema: Schema,
    /// The model's sizes.
    pub architecture: Architecture,
    /// Bits of a weight: 32 (as trained), 16 (halves), 8 (int8 per row) or 4 (the item rows int4 per row, all others
    /// int8). A tensor of int8 rows has its scales in another of its name and `.scale`; item rows have unit length, so
    /// their scales follow from the codes.
    pub bits: u32,
    /// Of a file that holds only what differs from another: that one's fingerprint, 16 hexadecimal digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
    /// Where the model comes from: log, split, seed, epochs, version.
    pub provenance: Members<String>,
    /// What was measured of it, by name, such as `validation.ndcg@10`.
    pub metrics: Members<f64>,
}

/// The file's version, which is looked at before anything else of the file.
struct Version(Option<u32>);

impl Place for Version {
    fn read(&mut self, json: &mut Json<'_>, key: &str) -> Result<()> {
        self.0.read(json, key)?;
        match self.0 {
            Some(got) if got != FORMAT_VERSION => Err(Error::Version { got, expected: FORMAT_VERSION }),
            _ => Ok(()),
        }
    }
}

impl FromJson for Metadata {
    fn from_json(json: &mut Json<'_>) -> Result<Self> {
        let (mut version, mut schema, mut architecture, mut bits) = (Version(None), None, None, None);
        let (mut base, mut provenance, mut metrics) = (None, None, None);
        json.members(&mut [
            ("format_version", &mut version),
            ("schema", &mut schema),
            ("architecture", &mut architecture),
            ("bits", &mut bits),
            ("base", &mut base),
            ("provenance", &mut provenance),
            ("metrics", &mut metrics),
        ])?;
        let Version(Some(format_version)) = version else { return Err(json.missing("format_version")) };
        let Some(schema) = schema else { return Err(json.missing("schema")) };
        let Some(architecture) = architecture else { return Err(json.missing("architecture")) };
        let Some(bits) = bits else { return Err(json.missing("bits")) };
        let Some(provenance) = provenance else { return Err(json.missing("provenance")) };
        let Some(metrics) = metrics else { return Err(json.missing("metrics")) };
        Ok(Self { format_version, schema, architecture, bits, base, provenance, metrics })
    }
}

/// A whole model: what a file holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// What the file says of itself.
    pub metadata: Metadata,
    /// The items' keys.
    pub vocab: Vocab,
    /// The weights.
    pub weights: Weights,
    /// Where a visitor's own model begins.
    pub personal: PersonalStart,
}

impl Model {
    /// Reads a file's bytes, which are copied.
    ///
    /// # Errors
    /// [`Error::Version`] for an older or newer format, [`Error::Format`] for a damaged file, [`Error::Schema`] for one
    /// that contradicts itself.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        Self::from_file(&Arc::new(bytes.to_vec()), None)
    }

    /// Reads a file's bytes, which are kept: the item rows stay where they lie. With a delta, a file that holds only what differs
    /// from this one.
    ///
    /// # Errors
    /// Those of [`Model::from_bytes`], and [`Error::Format`] when the delta differs from another file than this one.
    pub fn from_file(bytes: &Arc<Vec<u8>>, delta: Option<&Arc<Vec<u8>>>) -> Result<Self> {
        let upper = delta.unwrap_or(bytes);
        let (mut file, metadata) = open(upper)?;
        let found = delta.map(|_| fingerprint_text(bytes));
        if metadata.base != found {
            let [of, over] = [&metadata.base, &found].map(|name| name.as_deref().unwrap_or("none"));
            return Err(Error::Format(format!(
                "the file is a delta of the model {of} and was loaded over {over}; load the file that it was made from, and it as delta"
            )));
        }
        if delta.is_some() {
            file = file.over(open(bytes)?.0);
        }
        let reader = Reader { file, files: [bytes, upper], is_delta: delta.is_some(), bits: metadata.bits };
        metadata.schema.validate()?;
        metadata.architecture.validate()?;
        if metadata.architecture.hidden == 0 && !metadata.schema.heads.is_empty() {
            return Err(Error::Schema(
                "tasks are answered from a state, and this encoder has none; take another".into(),
            ));
        }
        let bits = reader.bits;
        if ![4, 8, 16, 32].contains(&bits) {
            return Err(Error::Format(format!("{bits} bits, expected 4, 8, 16 or 32; export the model again")));
        }
        let items = reader.file.get("items.bias").map_or(0, |biases| biases.columns);
        let vocab = reader.vocab(items)?;
        let weights = reader.weights(&metadata, items)?;
        let personal = PersonalStart::read(&reader, metadata.architecture.hidden)?;
        Ok(Self { metadata, vocab, weights, personal })
    }

    /// The file's bytes, as `from_bytes` reads them.
    ///
    /// # Errors
    /// [`Error::Format`] when the description can't be written as JSON.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut writer = Writer::default();
        write_vocab(&mut writer, &self.vocab);
        write_weights(&mut writer, self);
        self.personal.write(&mut writer);
        writer.finish(described(&self.metadata)?)
    }

    /// The same model in fewer bits: its numbers are just what the file will give back. For 4 bits `hidden` must be a
    /// multiple of [`crate::quant::BLOCK`].
    pub fn quantized(&self, bits: u32) -> Self {
        let mut model = self.clone();
        model.metadata.bits = bits;
        let Weights {
            items,
            item_bias,
            item_repeat,
            gap,
            hour,
            weekday,
            repeat_counts,
            fields,
            blocks,
            neighbours,
            ..
        } = &mut model.weights;
        if let ItemTable::F32(matrix) = items
            && matrix.columns > 0
        {
            *items = match bits {
                4 => ItemTable::Int4(Int4Rows::quantize(&matrix.values, matrix.columns)),
                8 => {
                    let codes = Int8Rows::quantize(&matrix.values, matrix.columns).codes;
                    ItemTable::Int8(Int8Rows::of_unit_length(matrix.columns, codes))
                }
                _ => ItemTable::F32(rounded(matrix, bits)),
            };
        }
        // A number added to every bias changes no probability; int8 has the smallest steps about zero.
        let middle = match bits {
            ..=8 => f32::midpoint(
                item_bias.iter().copied().fold(f32::INFINITY, f32::min),
                item_bias.iter().copied().fold(f32::NEG_INFINITY, f32::max),
            ),
            _ => 0.0,
        };
        item_bias.iter_mut().for_each(|bias| *bias -= middle);
        for (vector, bits) in [(item_bias, bits), (item_repeat, bits), (&mut neighbours.scales, bits.max(16))] {
            let row = Matrix { columns: vector.len(), values: std::mem::take(vector) };
            *vector = rounded(&row, bits).values;
        }
        let mut matrices = vec![gap, hour, weekday, repeat_counts];
        // A linear number's two rows stay as they are.
        let fields = fields.iter_mut().filter(|field| field.encoding != Encoding::Number(NumberEncoding::Linear));
        matrices.extend(fields.map(|field| &mut field.rows));
        let parts = blocks.iter_mut().flat_map(|block| block.parts_mut());
        matrices.extend(parts.map(|(_, matrix)| matrix).filter(|matrix| !matrix.is_vector()));
        for matrix in matrices {
            *matrix = rounded(matrix, bits);
        }
        model
    }
}

/// A description as a file has it.
pub(super) fn described(metadata: &Metadata) -> Result<String> {
    serde_json::to_string(metadata)
        .map_err(|error| Error::Format(format!("the description can't be written as JSON: {error}")))
}

fn open(bytes: &[u8]) -> Result<(Container<'_>, Metadata)> {
    Container::open_with(bytes, |text| json::read::<Metadata>(text.as_bytes(), "description"))
}

/// What a file of so many bits gives back of a matrix.
fn rounded(matrix: &Matrix, bits: u32) -> Matrix {
    let Matrix { columns, values } = matrix;
    let values = match bits {
        ..=8 => Int8Rows::quantize(values, *columns).dequantize(),
        16 => values.iter().map(|&value| f32_from_half(half_from_f32(value))).collect(),
        _ => values.clone(),
    };
    Matrix { columns: *columns, values }
}

/// Whether the ids of so many items are written in 16 bits.
pub fn short_ids(items: usize) -> bool {
    items <= 1 << 16
}
