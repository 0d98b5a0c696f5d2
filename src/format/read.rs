//! A file's tensors, as a model has them; every length and every reference is checked.

use super::blocks::Block;
use super::container::{Container, Dtype, TensorView};
use super::low_rank::add_product;
use super::model::{Metadata, short_ids};
use super::weights::{
    FieldWeights, GAP_BUCKETS, HOURS, HeadWeights, ItemTable, Matrix, Neighbours, OPEN_BUCKETS, REPEAT_BUCKETS,
    REPEAT_COUNTS, REPEAT_LASTS, TERMS, WEEKDAYS, Weights,
};
use crate::error::{Error, Result};
use crate::quant::{BLOCK, Codes, Int4Rows, Int8Rows, f32_from_half};
use crate::schema::{Encoding, FieldKind, Head, NumberEncoding, Schema};
use crate::vocab::{Packed, Stored, Texts, Vocab};
use std::sync::Arc;

/// An opened file.
pub struct Reader<'a> {
    pub file: Container<'a>,
    /// What its tensors lie in.
    pub files: [&'a Arc<Vec<u8>>; 2],
    /// Whether the second is a delta over the first.
    pub is_delta: bool,
    /// Bits of a weight.
    pub bits: u32,
}

impl Reader<'_> {
    pub fn vocab(&self, items: usize) -> Result<Vocab> {
        let file = &self.file;
        let length = |name| file.get(name).map_or(0, |tensor| tensor.columns);
        let bytes = |name| file.require(name, Dtype::U8, 1, length(name));
        let stored = if file.get("vocab.offsets").is_some() {
            let offsets = file.require("vocab.offsets", Dtype::U32, 1, items + 1)?;
            Stored::Texts(Texts { bytes: bytes("vocab.bytes")?, offsets })
        } else {
            Stored::Packed(Packed {
                sizes: file.require("vocab.sizes", Dtype::U16, 1, length("vocab.sizes"))?,
                letters: bytes("vocab.letters")?,
                low: bytes("vocab.low")?,
                high: bytes("vocab.high")?,
            })
        };
        Vocab::from_stored(stored, items)
    }

    pub fn weights(&self, metadata: &Metadata, items: usize) -> Result<Weights> {
        let Metadata { architecture, schema, .. } = metadata;
        let hidden = architecture.hidden;
        let table = |is_there, name, rows| match is_there {
            true => self.matrix(self.bits, name, rows, hidden),
            false => Ok(Matrix::default()),
        };
        let rows = "items.weight";
        Ok(Weights {
            items: match self.bits {
                _ if hidden == 0 => ItemTable::F32(Matrix::default()),
                4 if !hidden.is_multiple_of(BLOCK) => {
                    return Err(Error::Format(format!("{hidden} columns in int4, expected a multiple of {BLOCK}")));
                }
                4 => ItemTable::Int4(Int4Rows::new(hidden, self.codes(rows, Dtype::U8, items, hidden / 2)?)),
                8 => ItemTable::Int8(Int8Rows::of_unit_length(hidden, self.codes(rows, Dtype::I8, items, hidden)?)),
                _ => ItemTable::F32(self.matrix(self.bits, rows, items, hidden)?),
            },
            item_bias: self.matrix(self.bits, "items.bias", 1, items)?.values,
            item_repeat: self.matrix(self.bits, "items.repeat", 1, items)?.values,
            start: self.vector("start", hidden)?,
            gap: self.matrix(self.bits, "gap", GAP_BUCKETS, hidden)?,
            hour: table(schema.hour, "hour", HOURS)?,
            weekday: table(schema.weekday, "weekday", WEEKDAYS)?,
            repeat_counts: table(architecture.repeat_counts, "repeat_counts", REPEAT_BUCKETS)?,
            fields: self.fields(schema, hidden)?,
            blocks: match Block::shapes(architecture) {
                Some(shapes) => {
                    (0..architecture.blocks).map(|place| self.block(&shapes, place)).collect::<Result<_>>()?
                }
                None => Vec::new(),
            },
            final_norm: self.vector("final_norm", hidden)?,
            gates: self.f32("gates", TERMS, hidden)?,
            gate_bias: self.vector("gate_bias", TERMS)?,
            gate_open: self.f32("gate_open", OPEN_BUCKETS, TERMS)?,
            log_scale: self.vector("log_scale", 1)?[0],
            repeat: self.f32("repeat", REPEAT_LASTS, REPEAT_COUNTS)?,
            heads: schema
                .heads
                .iter()
                .enumerate()
                .map(|(place, head)| self.head(place, head, hidden))
                .collect::<Result<_>>()?,
            neighbours: self.neighbours(items)?,
            low_rank: Vec::new(),
        })
    }

    fn head(&self, place: usize, head: &Head, hidden: usize) -> Result<HeadWeights> {
        let (name, outputs) = (format!("heads.{place}"), head.outputs());
        let weight = self.f32(&name, outputs, hidden)?;
        Ok(HeadWeights { weight, bias: self.vector(&format!("{name}.bias"), outputs)?, log_variance: 0.0 })
    }

    fn block(&self, shapes: &Block<[usize; 2]>, place: usize) -> Result<Block> {
        shapes.try_map(|name, &[rows, columns]| {
            let name = format!("blocks.{place}.{name}");
            if rows == 1 {
                return self.vector(&name, columns).map(Matrix::vector);
            }
            let mut matrix = self.matrix(self.bits, &name, rows, columns)?;
            if self.is_delta {
                self.add_product(&name, &mut matrix)?;
            }
            Ok(matrix)
        })
    }

    /// Adds the product that a delta holds of a matrix, in halves.
    fn add_product(&self, name: &str, matrix: &mut Matrix) -> Result<()> {
        let [down, up] = ["down", "up"].map(|side| format!("{name}.{side}"));
        if let Some(TensorView { rows: rank, .. }) = self.file.get(&down) {
            let (down, up) =
                (self.matrix(16, &down, rank, matrix.columns)?, self.matrix(16, &up, matrix.rows(), rank)?);
            add_product(matrix, &up, &down);
        }
        Ok(())
    }

    fn fields(&self, schema: &Schema, hidden: usize) -> Result<Vec<FieldWeights>> {
        let read = |name: String, kind: &FieldKind| {
            let encoding = kind.encoding();
            let rows = if encoding == Encoding::Number(NumberEncoding::Linear) {
                let mut values = self.vector(&name, hidden)?;
                values.extend(self.vector(&format!("{name}.missing"), hidden)?);
                Matrix { columns: hidden, values }
            } else {
                self.matrix(self.bits, &name, kind.rows(), hidden)?
            };
            Ok(FieldWeights { encoding, rows })
        };
        schema.fields.iter().enumerate().map(|(place, field)| read(format!("fields.{place}"), &field.kind)).collect()
    }

    fn neighbours(&self, items: usize) -> Result<Neighbours> {
        if !self.file.names().any(|name| name.starts_with("neighbours.")) {
            return Ok(Neighbours { offsets: vec![0; items + 1], scales: vec![0.0; items], ..Neighbours::default() });
        }
        let pairs = self.file.get("neighbours.items").map_or(0, |ids| ids.columns);
        let counts: Vec<u16> = self.file.require("neighbours.counts", Dtype::U16, 1, items)?;
        let mut offsets = vec![0u32];
        for count in counts {
            offsets.push(offsets[offsets.len() - 1].wrapping_add(count.into()));
        }
        let neighbours = Neighbours {
            items: if short_ids(items) {
                let ids: Vec<u16> = self.file.require("neighbours.items", Dtype::U16, 1, pairs)?;
                ids.into_iter().map(u32::from).collect()
            } else {
                self.file.require("neighbours.items", Dtype::U32, 1, pairs)?
            },
            weights: self.file.require("neighbours.weights", Dtype::U8, 1, pairs)?,
            scales: self.matrix(self.bits.max(16), "neighbours.scales", 1, items)?.values,
            offsets,
        };
        let offsets = &neighbours.offsets;
        let covers = offsets[items] as usize == pairs && offsets.is_sorted();
        if !covers || neighbours.items.iter().any(|&item| item as usize >= items) {
            return Err(Error::Format(format!(
                "neighbours do not fit {items} items and {pairs} pairs; export the model again"
            )));
        }
        Ok(neighbours)
    }

    pub fn vector(&self, name: &str, length: usize) -> Result<Vec<f32>> {
        if length == 0 {
            return Ok(Vec::new());
        }
        let values = self.file.require(name, Dtype::F32, 1, length)?;
        finite(name, values)
    }

    fn matrix(&self, bits: u32, name: &str, rows: usize, columns: usize) -> Result<Matrix> {
        match bits {
            _ if columns == 0 => self.f32(name, rows, columns),
            ..=8 => {
                let codes = self.codes(name, Dtype::I8, rows, columns)?;
                let scales = self.file.require(&format!("{name}.scale"), Dtype::F32, 1, rows)?;
                Ok(Matrix { columns, values: finite(name, Int8Rows { columns, codes, scales }.dequantize())? })
            }
            16 => {
                let halves: Vec<u16> = self.file.require(name, Dtype::F16, rows, columns)?;
                let values = halves.into_iter().map(f32_from_half).collect();
                Ok(Matrix { columns, values: finite(name, values)? })
            }
            _ => self.f32(name, rows, columns),
        }
    }

    /// Codes are not copied.
    fn codes(&self, name: &str, dtype: Dtype, rows: usize, columns: usize) -> Result<Codes> {
        let part = self.file.require_bytes(name, dtype, rows, columns)?;
        Ok(self.files.iter().find_map(|file| Codes::of_file(file, part)).unwrap_or_default())
    }

    /// A tensor without values is not in the file.
    pub fn f32(&self, name: &str, rows: usize, columns: usize) -> Result<Matrix> {
        if columns == 0 {
            return Ok(Matrix::default());
        }
        let values = self.file.require(name, Dtype::F32, rows, columns)?;
        Ok(Matrix { columns, values: finite(name, values)? })
    }
}

fn finite(name: &str, values: Vec<f32>) -> Result<Vec<f32>> {
    if values.iter().all(|value| value.is_finite()) {
        return Ok(values);
    }
    Err(Error::Format(format!("tensor \"{name}\" holds NaN or infinity; train again or fetch the file again")))
}
