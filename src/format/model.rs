//! A model to bytes and back.

use super::container::{Container, Dtype, Writer};
use super::weights::{
    Architecture, Block, FieldWeights, GAP_BUCKETS, ItemTable, Matrix, Neighbours, OPEN_BUCKETS, REPEAT_COUNTS,
    REPEAT_LASTS, TERMS, Weights,
};
use crate::error::{Error, Result};
use crate::json::{self, FromJson, Json};
use crate::quant::{GROUP, Int4Rows, Int8Rows};
use crate::schema::{FieldKind, Schema};
use crate::vocab::Vocab;
use serde::Serialize;
use std::collections::BTreeMap;

/// The version that this build writes, and the newest that it reads.
pub const FORMAT_VERSION: u32 = 1;

/// What the file says of itself, as JSON in the container's metadata.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Metadata {
    /// See [`FORMAT_VERSION`]. It stays the first, so that a file from the future is told from a damaged one.
    pub format_version: u32,
    /// What an event is.
    pub schema: Schema,
    /// The model's sizes.
    pub architecture: Architecture,
    /// Bits of the matrices: 32 (as trained), 8 (int8 per row, each with a `.scale` tensor) or 4 (the item rows int4 per
    /// group, all others int8).
    pub bits: u32,
    /// Where the model comes from: log, split, seed, epochs, version.
    pub provenance: BTreeMap<String, String>,
    /// What was measured of it, by name, such as `validation.ndcg@10`.
    pub metrics: BTreeMap<String, f64>,
}

impl FromJson for Metadata {
    fn from_json(json: &mut Json<'_>) -> Result<Self> {
        let (mut version, mut schema, mut architecture, mut bits) = (None, None, None, None);
        let (mut provenance, mut metrics) = (None, None);
        json.object(&mut |json, key| match key {
            "format_version" => {
                json.once(&mut version, key)?;
                match version {
                    Some(got) if got > FORMAT_VERSION => Err(Error::Version { got, expected: FORMAT_VERSION }),
                    _ => Ok(()),
                }
            }
            "schema" => json.once(&mut schema, key),
            "architecture" => json.once(&mut architecture, key),
            "bits" => json.once(&mut bits, key),
            "provenance" => json.once(&mut provenance, key),
            "metrics" => json.once(&mut metrics, key),
            _ => Err(json.unknown(key)),
        })?;
        Ok(Self {
            format_version: json.required(version, "format_version")?,
            schema: json.required(schema, "schema")?,
            architecture: json.required(architecture, "architecture")?,
            bits: json.required(bits, "bits")?,
            provenance: json.required(provenance, "provenance")?,
            metrics: json.required(metrics, "metrics")?,
        })
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
}

impl Model {
    /// Reads a file's bytes.
    ///
    /// # Errors
    /// [`Error::Version`] for a newer file, [`Error::Format`] for a damaged one, [`Error::Schema`] for one that
    /// contradicts itself.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let (file, metadata) =
            Container::open_with(bytes, |text| json::read::<Metadata>(text.as_bytes(), "description"))?;
        metadata.schema.validate()?;
        metadata.architecture.validate()?;
        let bits = metadata.bits;
        if ![4, 8, 32].contains(&bits) {
            return Err(Error::Format(format!("{bits} bits, expected 4, 8 or 32; update foreclick")));
        }
        let reader = Reader { file, bits };
        let vocab = reader.vocab()?;
        let weights = reader.weights(&metadata, vocab.len())?;
        Ok(Self { metadata, vocab, weights })
    }

    /// The file's bytes, as `from_bytes` reads them.
    ///
    /// # Errors
    /// [`Error::Format`] when the description can't be written as JSON.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut writer = Writer::default();
        write_vocab(&mut writer, &self.vocab);
        write_weights(&mut writer, self);
        let metadata = serde_json::to_string(&self.metadata)
            .map_err(|error| Error::Format(format!("the description can't be written as JSON: {error}")))?;
        writer.finish(metadata)
    }

    /// The same model with its item rows in 4 or 8 bits: its matrices hold just what the file will give back. Rows that
    /// int4's groups do not divide are int8 all the same.
    pub fn quantized(&self, bits: u32) -> Self {
        let mut model = self.clone();
        let bits = if model.metadata.architecture.hidden.is_multiple_of(GROUP) { bits } else { 8 };
        model.metadata.bits = bits;
        let Weights { items, gap, fields, blocks, gates: _, gate_open: _, repeat: _, .. } = &mut model.weights;
        if let ItemTable::F32(Matrix { columns, values }) = items {
            *items = match bits {
                4 => ItemTable::Int4(Int4Rows::quantize(values, *columns)),
                _ => ItemTable::Int8(Int8Rows::quantize(values, *columns)),
            };
        }
        let mut matrices = vec![gap];
        for field in fields {
            if let FieldWeights::Category(matrix) = field {
                matrices.push(matrix);
            }
        }
        for Block { attention_norm: _, qkv, attention_out, feed_forward_norm: _, up, down } in blocks {
            matrices.extend([qkv, attention_out, up, down]);
        }
        for matrix in matrices {
            matrix.values = Int8Rows::quantize(&matrix.values, matrix.columns).dequantize();
        }
        model
    }
}

fn write_vocab(writer: &mut Writer, vocab: &Vocab) {
    writer.add("vocab.bytes", Dtype::U8, &[vocab.bytes().len()], vocab.bytes());
    writer.add("vocab.offsets", Dtype::U32, &[vocab.offsets().len()], vocab.offsets());
}

fn write_weights(writer: &mut Writer, model: &Model) {
    let bits = model.metadata.bits;
    let Weights {
        items,
        item_bias,
        item_repeat,
        start,
        gap,
        fields,
        blocks,
        final_norm,
        gates,
        gate_bias,
        gate_open,
        log_scale,
        repeat,
        neighbours,
    } = &model.weights;
    let vector = |writer: &mut Writer, name: &str, values: &[f32]| {
        writer.add(name, Dtype::F32, &[values.len()], values);
    };
    match items {
        ItemTable::F32(rows) => write_f32(writer, "items.weight", rows),
        ItemTable::Int8(rows) => write_int8(writer, "items.weight", rows),
        ItemTable::Int4(rows) => write_int4(writer, "items.weight", rows),
    }
    vector(writer, "items.bias", item_bias);
    vector(writer, "items.repeat", item_repeat);
    vector(writer, "start", start);
    write_matrix(writer, "gap", gap, bits);
    for (place, weights) in fields.iter().enumerate() {
        let name = format!("fields.{place}");
        match weights {
            FieldWeights::Category(matrix) => write_matrix(writer, &name, matrix, bits),
            FieldWeights::Number { weight, missing } => {
                vector(writer, &name, weight);
                vector(writer, &format!("{name}.missing"), missing);
            }
        }
    }
    for (place, block) in blocks.iter().enumerate() {
        let Block { attention_norm, qkv, attention_out, feed_forward_norm, up, down } = block;
        vector(writer, &format!("blocks.{place}.attention_norm"), attention_norm);
        write_matrix(writer, &format!("blocks.{place}.qkv"), qkv, bits);
        write_matrix(writer, &format!("blocks.{place}.attention_out"), attention_out, bits);
        vector(writer, &format!("blocks.{place}.feed_forward_norm"), feed_forward_norm);
        write_matrix(writer, &format!("blocks.{place}.up"), up, bits);
        write_matrix(writer, &format!("blocks.{place}.down"), down, bits);
    }
    vector(writer, "final_norm", final_norm);
    // The gates, the repeat table and the norms are a few hundred numbers that scale everything: they stay f32.
    write_f32(writer, "gates", gates);
    vector(writer, "gate_bias", gate_bias);
    write_f32(writer, "gate_open", gate_open);
    vector(writer, "log_scale", &[*log_scale]);
    write_f32(writer, "repeat", repeat);
    let Neighbours { offsets, items, weights, scales } = neighbours;
    writer.add("neighbours.offsets", Dtype::U32, &[offsets.len()], offsets);
    if short_ids(scales.len()) {
        let ids: Vec<u16> = items.iter().map(|&item| item as u16).collect();
        writer.add("neighbours.items", Dtype::U16, &[ids.len()], &ids);
    } else {
        writer.add("neighbours.items", Dtype::U32, &[items.len()], items);
    }
    writer.add("neighbours.weights", Dtype::U8, &[weights.len()], weights);
    vector(writer, "neighbours.scales", scales);
}

fn write_matrix(writer: &mut Writer, name: &str, matrix: &Matrix, bits: u32) {
    if bits <= 8 {
        write_int8(writer, name, &Int8Rows::quantize(&matrix.values, matrix.columns));
    } else {
        write_f32(writer, name, matrix);
    }
}

fn write_f32(writer: &mut Writer, name: &str, matrix: &Matrix) {
    writer.add(name, Dtype::F32, &[matrix.rows(), matrix.columns], &matrix.values);
}

fn write_int4(writer: &mut Writer, name: &str, rows: &Int4Rows) {
    let groups = rows.columns / GROUP;
    writer.add(name, Dtype::U8, &[rows.rows(), rows.columns / 2], &rows.codes);
    writer.add(&format!("{name}.scale"), Dtype::F32, &[rows.rows(), groups], &rows.scales);
}

fn write_int8(writer: &mut Writer, name: &str, rows: &Int8Rows) {
    writer.add(name, Dtype::I8, &[rows.scales.len(), rows.columns], &rows.codes);
    writer.add(&format!("{name}.scale"), Dtype::F32, &[rows.scales.len()], &rows.scales);
}

/// Whether the ids of so many items are written in 16 bits.
fn short_ids(items: usize) -> bool {
    items <= 1 << 16
}

struct Reader<'a> {
    file: Container<'a>,
    bits: u32,
}

impl Reader<'_> {
    fn vocab(&self) -> Result<Vocab> {
        let length = |name| self.file.get(name).map_or(0, |tensor| tensor.columns);
        Vocab::from_parts(
            self.file.require("vocab.bytes", Dtype::U8, 1, length("vocab.bytes"))?,
            self.file.require("vocab.offsets", Dtype::U32, 1, length("vocab.offsets"))?,
        )
    }

    fn weights(&self, metadata: &Metadata, items: usize) -> Result<Weights> {
        let Architecture { hidden, heads: _, blocks, feed_forward, max_len: _, counting: _ } = metadata.architecture;
        let block = |place: usize| -> Result<Block> {
            Ok(Block {
                attention_norm: self.vector(&format!("blocks.{place}.attention_norm"), hidden)?,
                qkv: self.matrix(&format!("blocks.{place}.qkv"), 3 * hidden, hidden)?,
                attention_out: self.matrix(&format!("blocks.{place}.attention_out"), hidden, hidden)?,
                feed_forward_norm: self.vector(&format!("blocks.{place}.feed_forward_norm"), hidden)?,
                up: self.matrix(&format!("blocks.{place}.up"), 2 * feed_forward, hidden)?,
                down: self.matrix(&format!("blocks.{place}.down"), hidden, feed_forward)?,
            })
        };
        Ok(Weights {
            items: match self.bits {
                4 => ItemTable::Int4(self.int4("items.weight", items, hidden)?),
                8 => ItemTable::Int8(self.int8("items.weight", items, hidden)?),
                _ => ItemTable::F32(self.f32("items.weight", items, hidden)?),
            },
            item_bias: self.vector("items.bias", items)?,
            item_repeat: self.vector("items.repeat", items)?,
            start: self.vector("start", hidden)?,
            gap: self.matrix("gap", GAP_BUCKETS, hidden)?,
            fields: self.fields(&metadata.schema, hidden)?,
            blocks: (0..blocks).map(block).collect::<Result<_>>()?,
            final_norm: self.vector("final_norm", hidden)?,
            gates: self.f32("gates", TERMS, hidden)?,
            gate_bias: self.vector("gate_bias", TERMS)?,
            gate_open: self.f32("gate_open", OPEN_BUCKETS, TERMS)?,
            log_scale: self.vector("log_scale", 1)?[0],
            repeat: self.f32("repeat", REPEAT_LASTS, REPEAT_COUNTS)?,
            neighbours: self.neighbours(items)?,
        })
    }

    fn fields(&self, schema: &Schema, hidden: usize) -> Result<Vec<FieldWeights>> {
        let read = |name: String, kind: &FieldKind| match kind {
            FieldKind::Category { values } => self.matrix(&name, 1 + values.len(), hidden).map(FieldWeights::Category),
            FieldKind::Number { .. } => Ok(FieldWeights::Number {
                weight: self.vector(&name, hidden)?,
                missing: self.vector(&format!("{name}.missing"), hidden)?,
            }),
        };
        schema.fields.iter().enumerate().map(|(place, field)| read(format!("fields.{place}"), &field.kind)).collect()
    }

    fn neighbours(&self, items: usize) -> Result<Neighbours> {
        let pairs = self.file.get("neighbours.items").map_or(0, |tensor| tensor.columns);
        let neighbours = Neighbours {
            offsets: self.file.require("neighbours.offsets", Dtype::U32, 1, items + 1)?,
            items: if short_ids(items) {
                let ids: Vec<u16> = self.file.require("neighbours.items", Dtype::U16, 1, pairs)?;
                ids.into_iter().map(u32::from).collect()
            } else {
                self.file.require("neighbours.items", Dtype::U32, 1, pairs)?
            },
            weights: self.file.require("neighbours.weights", Dtype::U8, 1, pairs)?,
            scales: self.vector("neighbours.scales", items)?,
        };
        let offsets = &neighbours.offsets;
        let covers = offsets[0] == 0 && offsets[items] as usize == pairs && offsets.is_sorted();
        if !covers || neighbours.items.iter().any(|&item| item as usize >= items) {
            return Err(Error::Format(format!(
                "neighbours do not fit {items} items and {pairs} pairs; export the model again"
            )));
        }
        Ok(neighbours)
    }

    fn vector(&self, name: &str, length: usize) -> Result<Vec<f32>> {
        let values = self.file.require(name, Dtype::F32, 1, length)?;
        finite(name, values)
    }

    fn matrix(&self, name: &str, rows: usize, columns: usize) -> Result<Matrix> {
        if self.bits <= 8 {
            Ok(Matrix { columns, values: self.int8(name, rows, columns)?.dequantize() })
        } else {
            self.f32(name, rows, columns)
        }
    }

    fn f32(&self, name: &str, rows: usize, columns: usize) -> Result<Matrix> {
        let values = self.file.require(name, Dtype::F32, rows, columns)?;
        Ok(Matrix { columns, values: finite(name, values)? })
    }

    fn int4(&self, name: &str, rows: usize, columns: usize) -> Result<Int4Rows> {
        if !columns.is_multiple_of(GROUP) {
            return Err(Error::Format(format!("{columns} columns in int4, expected a multiple of {GROUP}")));
        }
        Ok(Int4Rows {
            columns,
            codes: self.file.require(name, Dtype::U8, rows, columns / 2)?,
            scales: self.f32(&format!("{name}.scale"), rows, columns / GROUP)?.values,
        })
    }

    fn int8(&self, name: &str, rows: usize, columns: usize) -> Result<Int8Rows> {
        Ok(Int8Rows {
            columns,
            codes: self.file.require(name, Dtype::I8, rows, columns)?,
            scales: self.vector(&format!("{name}.scale"), rows)?,
        })
    }
}

fn finite(name: &str, values: Vec<f32>) -> Result<Vec<f32>> {
    if values.iter().all(|value| value.is_finite()) {
        return Ok(values);
    }
    Err(Error::Format(format!("tensor {name:?} holds NaN or infinity; train again or fetch the file again")))
}
