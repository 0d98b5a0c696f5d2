//! What a model is made of: its architecture and its weights, as plain numbers.

use super::blocks::{Block, EncoderKind};
use super::low_rank::LowRank;
use crate::error::{Error, Result};
use crate::json::{read_name, read_object};
use crate::quant::{Int4Rows, Int8Rows, MAX_COLUMNS};
use crate::schema::Encoding;
use serde::Serialize;

/// Rows of the table for the time since the previous event.
pub const GAP_BUCKETS: usize = 32;
/// Rows of the table for the hour of an event's time.
pub const HOURS: usize = 24;
/// Rows of the table for its weekday.
pub const WEEKDAYS: usize = 7;
/// Rows of the table for how often an event's item was met before.
pub const REPEAT_BUCKETS: usize = 7;
/// Rows of the gate table for the size of the open group: 0 to 14, and 15 for more.
pub const OPEN_BUCKETS: usize = 16;
/// Rows of the repeat table: how many groups ago the item was last met.
pub const REPEAT_LASTS: usize = 12;
/// Columns of the repeat table: how often the item was met.
pub const REPEAT_COUNTS: usize = 8;
/// What `engine/counting.rs` says of a candidate.
pub const FEATURES: usize = 5;
/// The gated terms: popularity, then the features.
pub const TERMS: usize = 1 + FEATURES;

/// The sizes of a model; one with the same sizes can hold its weights.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Architecture {
    /// What runs between the inputs and the query; files of a transformer may lack it.
    pub encoder: EncoderKind,
    /// Values in an item's row and in the encoder's state; 0 where it only counts.
    pub hidden: usize,
    /// Attention heads; they divide `hidden` into even parts. Of no effect without attention.
    pub heads: usize,
    /// Blocks, one after the other; 0 where the encoder only counts.
    pub blocks: usize,
    /// Values inside a transformer block's gated feed-forward layer. Of no effect in the others.
    pub feed_forward: usize,
    /// How many events back attention reaches, this one included. Of no effect without attention.
    pub max_len: usize,
    /// Whether an event's input tells how often its item was met before; files from before there was such a thing lack it.
    pub repeat_counts: bool,
    /// The counting terms beside the encoder.
    pub counting: Counting,
}

/// How repetition and co-occurrence are counted.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Counting {
    /// What one group's passing leaves of an item's recency, in (0, 1].
    pub decay: f32,
    /// Recency enters as `ln(1 + recency / recency_epsilon)`.
    pub recency_epsilon: f32,
    /// Neighbours enter as `ln(1 + sum / neighbour_epsilon)`.
    pub neighbour_epsilon: f32,
    /// Which events' neighbours count.
    pub context: Context,
}

/// Which events' neighbours are summed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Context {
    /// Those of the open group, each with weight 1.
    OpenGroup,
    /// Those of the last ten events, the k-th newest with weight 1/k.
    LastEvents,
}

read_object!(Architecture {
    hidden, heads, blocks, feed_forward, max_len, counting
} or { encoder: EncoderKind::Transformer, repeat_counts: false });
read_object!(Counting { decay, recency_epsilon, neighbour_epsilon, context });
read_name!(Context { "open_group" => OpenGroup, "last_events" => LastEvents });

/// A row-major matrix.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Matrix {
    /// Values a row.
    pub columns: usize,
    /// `[rows, columns]`.
    pub values: Vec<f32>,
}

impl Matrix {
    /// A matrix of zeros.
    pub fn zeros(rows: usize, columns: usize) -> Self {
        Self { columns, values: vec![0.0; rows * columns] }
    }

    /// A vector: a matrix of one row.
    pub fn vector(values: Vec<f32>) -> Self {
        Self { columns: values.len(), values }
    }

    /// Whether it is a vector.
    pub fn is_vector(&self) -> bool {
        self.values.len() == self.columns
    }

    /// One row, `[columns]`.
    pub fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.columns..(row + 1) * self.columns]
    }

    /// One row to write to, `[columns]`.
    pub fn row_mut(&mut self, row: usize) -> &mut [f32] {
        &mut self.values[row * self.columns..(row + 1) * self.columns]
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.values.len() / self.columns.max(1)
    }
}

/// The item rows, of unit length.
#[derive(Debug, Clone, PartialEq)]
pub enum ItemTable {
    /// As trained.
    F32(Matrix),
    /// As shipped: int8 per row.
    Int8(Int8Rows),
    /// As shipped where bytes count most: int4 per row.
    Int4(Int4Rows),
}

impl ItemTable {
    /// Writes one item's row to `out`, `[hidden]`.
    pub fn copy_row(&self, row: usize, out: &mut [f32]) {
        match self {
            Self::F32(matrix) => out.copy_from_slice(matrix.row(row)),
            Self::Int8(rows) => rows.dequantize_row(row, out),
            Self::Int4(rows) => rows.dequantize_row(row, out),
        }
    }
}

/// What one further field adds to an event's input.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldWeights {
    /// How its codes take its rows.
    pub encoding: Encoding,
    /// `[FieldKind::rows, hidden]`
    pub rows: Matrix,
}

impl FieldWeights {
    /// The row that stands for a missing value: of a category the first, else the last.
    pub fn missing_row(&self) -> usize {
        if self.encoding == Encoding::Category { 0 } else { self.rows.rows().saturating_sub(1) }
    }
}

/// What answers one of the schema's heads: `weight * state + bias`.
#[derive(Debug, Clone, PartialEq)]
pub struct HeadWeights {
    /// `[outputs, hidden]`
    pub weight: Matrix,
    /// `[outputs]`
    pub bias: Vec<f32>,
    /// The logarithm of the task's own noise, by which training weighs its loss (Kendall et al. 2018); not in files, where it
    /// is 0.
    pub log_variance: f32,
}

/// For each item the items met beside it: compressed sparse rows.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Neighbours {
    /// Where each item's neighbours start, and the end: `[items + 1]`.
    pub offsets: Vec<u32>,
    /// `[pairs]`.
    pub items: Vec<u32>,
    /// The share of the item's groups that hold the neighbour too, as a 255th of the row's scale: `[pairs]`.
    pub weights: Vec<u8>,
    /// The largest share of each row: `[items]`.
    pub scales: Vec<f32>,
}

impl Neighbours {
    /// One item's neighbours and their weights.
    pub fn row(&self, item: usize) -> impl Iterator<Item = (u32, f32)> + '_ {
        let range = self.offsets[item] as usize..self.offsets[item + 1] as usize;
        let step = self.scales[item] / 255.0;
        self.items[range.clone()]
            .iter()
            .zip(&self.weights[range])
            .map(move |(&neighbour, &weight)| (neighbour, f32::from(weight) * step))
    }
}

/// All weights of a model.
#[derive(Debug, Clone, PartialEq)]
pub struct Weights {
    /// `[items, hidden]`; empty, as floats, where `hidden` is 0.
    pub items: ItemTable,
    /// The popularity term: log popularity at first, then learned. `[items]`
    pub item_bias: Vec<f32>,
    /// Added where the item was met before: how readily it is met again. `[items]`
    pub item_repeat: Vec<f32>,
    /// The input that opens a sequence. `[hidden]`
    pub start: Vec<f32>,
    /// For each time gap, `[GAP_BUCKETS, hidden]`.
    pub gap: Matrix,
    /// For each hour of the day, `[HOURS, hidden]`; empty where the schema has no hours.
    pub hour: Matrix,
    /// For each day of the week from Monday on, `[WEEKDAYS, hidden]`; empty where the schema has no weekdays.
    pub weekday: Matrix,
    /// By how often the event's item was met before, `[REPEAT_BUCKETS, hidden]`; empty where the architecture has none.
    pub repeat_counts: Matrix,
    /// In the schema's order.
    pub fields: Vec<FieldWeights>,
    /// First to last.
    pub blocks: Vec<Block>,
    /// `[hidden]`
    pub final_norm: Vec<f32>,
    /// From the encoder's state to the terms' gates, `[TERMS, hidden]`.
    pub gates: Matrix,
    /// `[TERMS]`
    pub gate_bias: Vec<f32>,
    /// Added to the gates by the open group's size, `[OPEN_BUCKETS, TERMS]`.
    pub gate_open: Matrix,
    /// The logarithm of what the unit query is multiplied with (one over the temperature).
    pub log_scale: f32,
    /// Added where the item was met before, by when and how often: `[REPEAT_LASTS, REPEAT_COUNTS]`.
    pub repeat: Matrix,
    /// In the schema's order.
    pub heads: Vec<HeadWeights>,
    /// Co-occurrence.
    pub neighbours: Neighbours,
    /// What training learns to add to the blocks; in files it has been added.
    pub low_rank: Vec<LowRank>,
}

impl Architecture {
    /// Values in a head.
    pub fn head_size(&self) -> usize {
        self.hidden / self.heads
    }

    /// Gates of a recurrent layer, the candidate included.
    pub fn gates(&self) -> usize {
        if self.encoder == EncoderKind::Gru { 3 } else { 4 }
    }

    /// Floats that a block remembers from step to step: the keys of the last `max_len` events, then their values; or the
    /// layer's state, then an LSTM's cells.
    pub fn memory(&self) -> usize {
        match self.encoder {
            EncoderKind::Transformer | EncoderKind::Hstu => 2 * self.max_len * self.hidden,
            EncoderKind::Gru => self.hidden,
            EncoderKind::Lstm => 2 * self.hidden,
            EncoderKind::Counting => 0,
        }
    }

    /// How many of the latest events the state depends on: with attention, each block sees `max_len` inputs of the one
    /// below; what is recurrent depends on all.
    pub fn reach(&self) -> usize {
        if self.encoder.is_recurrent() { usize::MAX } else { self.blocks * (self.max_len - 1) + 1 }
    }

    /// Checks that the sizes fit each other and stay within what the engine runs.
    ///
    /// # Errors
    /// [`Error::Schema`] names the value and its limits.
    pub fn validate(&self) -> Result<()> {
        let Self { encoder, hidden, heads, blocks, feed_forward, max_len, repeat_counts: _, counting } = self;
        let within = |name: &str, value: usize, limit: usize| {
            if (1..=limit).contains(&value) {
                Ok(())
            } else {
                Err(Error::Schema(format!("{name} is {value}, expected 1 to {limit}")))
            }
        };
        if *encoder == EncoderKind::Counting {
            if (*hidden, *blocks) != (0, 0) {
                return Err(Error::Schema(format!("{hidden} hidden values in {blocks} blocks count, expected 0 in 0")));
            }
            within("heads", *heads, MAX_COLUMNS)?;
        } else {
            within("hidden", *hidden, MAX_COLUMNS)?;
            within("heads", *heads, *hidden)?;
            within("blocks", *blocks, 16)?;
        }
        within("feed_forward", *feed_forward, 4096)?;
        within("max_len", *max_len, 2048)?;
        if !encoder.is_recurrent() && hidden % (2 * heads) != 0 {
            return Err(Error::Schema(format!("hidden {hidden} must be a multiple of twice the heads ({heads})")));
        }
        let Counting { decay, recency_epsilon, neighbour_epsilon, context: _ } = counting;
        if !(*decay > 0.0 && *decay <= 1.0) {
            return Err(Error::Schema("counting.decay must be above 0 and at most 1".into()));
        }
        for (name, epsilon) in [("recency_epsilon", recency_epsilon), ("neighbour_epsilon", neighbour_epsilon)] {
            if !(epsilon.is_finite() && *epsilon > 0.0) {
                return Err(Error::Schema(format!("counting.{name} must be above 0")));
            }
        }
        Ok(())
    }
}
