//! The sizes that shaders are compiled for, and how their data lie in memory.

use crate::format::{Architecture, EncoderKind, FEATURES, TERMS, TIME_BUCKETS};
use std::fmt::Write;

include!(concat!(env!("OUT_DIR"), "/short.rs"));

/// Threads a workgroup: what every WebGPU device allows.
pub const WORKGROUP: usize = 256;
/// The least threads of an encoder's step on a device that is software, which takes its threads in turns: at each barrier it
/// leaves and enters them all. As many as the shader's LANES.
const FEW_THREADS: usize = 16;
/// Threads that pick the best: no fewer than there may be best ones.
const PICKERS: usize = 128;
/// The same in software.
const FEW_PICKERS: usize = 32;
/// The longest chunks from which so few pick: with longer ones they would sooner take more rounds than Mesa's loops last (see
/// `steps_in_a_row`), and scoring takes most of the time.
const SHORT_CHUNK: usize = 16;
/// Candidates of a thread at a time.
const CANDIDATES: usize = 8;
/// Chunks of scores, at most: what is picked from first.
const MAX_CHUNKS: usize = 2048;
/// The most candidates that can be asked for.
pub const MAX_K: usize = 100;
/// Bytes of the shaders' `Call`.
pub const CALL_BYTES: usize = 4 * (OPEN_ROOM + 4);
/// Gates that `Call` has room for.
pub const OPEN_ROOM: usize = TERMS.next_multiple_of(4);
/// Bytes of the shaders' `Adjustment`.
pub const ADJUSTMENT_BYTES: usize = 4 * (3 + FEATURES);
/// Bytes of the shaders' `Pair`.
pub const PAIR_BYTES: usize = 8;
/// What stands for an excluded item: shaders need not know infinities. The prelude says the same.
pub const EXCLUDED: f32 = -3.0e38;

/// Bytes of a word, as the item table is read.
pub const WORD: usize = 4;
/// Items whose words are interleaved in the table.
pub const GROUP: usize = 32;

/// Of what a row's bytes are a multiple: the values of an int4 block.
const ROW_UNIT: usize = 16;

/// Values of the feed-forward layer that are worked on at once: the largest model's still fit the 16 KB of workgroup
/// memory that every device has.
const CHUNK: usize = 512;

/// What a model's shaders depend on: two models of the same shape share their source to the letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    encoder: EncoderKind,
    hidden: usize,
    heads: usize,
    blocks: usize,
    feed_forward: usize,
    max_len: usize,
    /// Floats that a block remembers.
    memory: usize,
    items: usize,
    /// Of an item row's value: 4 or 8.
    bits: u32,
    is_software: bool,
}

/// Rounds of all loops that a workgroup's threads may take, as they are estimated.
const ROUNDS: usize = 30_000;

/// What every shader begins with, after the constants.
const PRELUDE: &str = include_str!(concat!(env!("OUT_DIR"), "/prelude.wgsl"));

impl Shape {
    /// The shape of a model with so many items in 4 or 8 bits, for a device that is hardware or software.
    pub fn new(architecture: &Architecture, items: usize, bits: u32, is_software: bool) -> Self {
        let Architecture { encoder, hidden, heads, blocks, feed_forward, max_len, repeat_counts: _, counting: _ } =
            *architecture;
        Self {
            encoder,
            hidden,
            heads,
            blocks,
            feed_forward,
            max_len,
            memory: architecture.memory(),
            items,
            bits,
            is_software,
        }
    }

    /// A shader's whole source: constants, shared structures, then the kernel.
    pub(super) fn source(&self, kernel: &str) -> String {
        let Self { encoder: _, hidden, heads, blocks, feed_forward, max_len, memory, items, bits, is_software: _ } =
            *self;
        let mut source = String::new();
        let sizes = [
            (short!(WORKGROUP), WORKGROUP),
            (short!(THREADS), self.threads()),
            (short!(PICKERS), self.pickers()),
            (short!(CHUNK), self.chunk_scores()),
            (short!(CHUNKS), self.chunks()),
            (short!(TERMS), TERMS),
            (short!(FEATURES), FEATURES),
            (short!(HIDDEN), hidden),
            (short!(HEADS), heads),
            (short!(HEAD_SIZE), self.head_size()),
            (short!(BLOCKS), blocks),
            (short!(FEED_FORWARD), feed_forward),
            (short!(MAX_LEN), max_len),
            (short!(MEMORY), memory),
            (short!(ITEMS), items),
            (short!(BITS), bits as usize),
            (short!(FEED_FORWARD_CHUNK), self.chunk()),
            (short!(WORDS), self.row_bytes() / WORD),
            (short!(GROUP), GROUP),
            (short!(MAX_K), MAX_K),
            (short!(CANDIDATES), CANDIDATES),
            (short!(ROOM), MAX_K * (1 + CANDIDATES)),
            (short!(QUADS), self.quads()),
            (short!(INPUTS), self.inputs()),
            (short!(OUTPUTS), self.outputs()),
        ];
        for (name, value) in sizes.into_iter().chain(self.weight_offsets()) {
            // Writing to a string does not fail.
            let _ = writeln!(source, "const {name}: u32 = {value}u;");
        }
        source.push_str(PRELUDE);
        source.push_str(kernel);
        source
    }

    /// Where each part of the encoder's packed weights begins, in floats; `BLOCK` is the size of one block.
    fn weight_offsets(&self) -> Vec<(&'static str, usize)> {
        let Self { hidden, feed_forward, blocks, max_len, .. } = *self;
        let mut offsets = Vec::new();
        let mut end = 0;
        let mut add = |name, size| {
            offsets.push((name, end));
            end += size;
        };
        match self.encoder {
            EncoderKind::Transformer => {
                add(short!(ATTENTION_NORM), hidden);
                add(short!(QKV), 3 * hidden * hidden);
                add(short!(ATTENTION_OUT), hidden * hidden);
                add(short!(FEED_FORWARD_NORM), hidden);
                add(short!(UP), 2 * feed_forward * hidden);
                add(short!(DOWN), hidden * feed_forward);
            }
            EncoderKind::Gru | EncoderKind::Lstm => {
                add(short!(NORM), hidden);
                add(short!(PRODUCT), 4 * hidden * 2 * hidden);
                add(short!(BIAS), if self.encoder == EncoderKind::Gru { 3 * hidden } else { 4 * hidden });
            }
            EncoderKind::Hstu => {
                add(short!(NORM), hidden);
                add(short!(PROJECTION), 4 * hidden * hidden);
                add(short!(DISTANCE), max_len);
                add(short!(TIME), TIME_BUCKETS);
                add(short!(CONTEXT_NORM), hidden);
                add(short!(OUTPUT), hidden * hidden);
            }
            EncoderKind::Counting => {}
        }
        let block = end;
        offsets.push((short!(BLOCK), block));
        end *= blocks;
        for (name, size) in [
            (short!(FINAL_NORM), hidden),
            (short!(GATES), TERMS * hidden),
            (short!(GATE_BIAS), TERMS),
            (short!(SCALE), 1),
        ] {
            offsets.push((name, end));
            end += size;
        }
        offsets
    }

    /// Bytes of an item's row on the GPU.
    pub(super) fn row_bytes(&self) -> usize {
        (self.hidden * self.bits as usize / 8).next_multiple_of(ROW_UNIT)
    }

    /// Groups of four of the query's codes, as many as a row in int8 would have.
    fn quads(&self) -> usize {
        self.hidden.next_multiple_of(ROW_UNIT) / 4
    }

    /// Values of the feed-forward layer that are worked on at once.
    pub(super) fn chunk(&self) -> usize {
        self.feed_forward.min(CHUNK)
    }

    /// Scores of which a thread finds the best.
    fn chunk_scores(&self) -> usize {
        self.items.div_ceil(MAX_CHUNKS).next_power_of_two()
    }

    /// Threads that do.
    pub(super) fn chunks(&self) -> usize {
        self.items.div_ceil(GROUP * self.chunk_scores()) * GROUP
    }

    /// Steps of the encoder that one workgroup takes one after the other. Mesa's software driver ends all loops of a
    /// shader after 65,535 rounds, and what they were to compute is wrong then; no driver likes to be held up for long. 0
    /// where even one is too long: it must go block by block.
    pub(super) fn steps_in_a_row(&self) -> usize {
        let Self { hidden, blocks, feed_forward, max_len, .. } = *self;
        let threads = self.threads();
        let attention = max_len * (threads.max(hidden) + 2 * hidden) / threads;
        let (products, others) = match self.encoder {
            EncoderKind::Transformer => ((4 * hidden + 3 * feed_forward) * hidden, attention),
            EncoderKind::Gru | EncoderKind::Lstm => (8 * hidden * hidden, 0),
            EncoderKind::Hstu => (5 * hidden * hidden, attention + hidden),
            EncoderKind::Counting => (0, 0),
        };
        ROUNDS / (blocks * (products / (4 * threads) + others + 100))
    }

    /// Threads that take a step of the encoder.
    fn threads(&self) -> usize {
        if self.is_software { (self.hidden / 4).next_power_of_two().clamp(FEW_THREADS, WORKGROUP) } else { WORKGROUP }
    }

    /// Threads that pick the best.
    fn pickers(&self) -> usize {
        if self.is_software && self.chunk_scores() <= SHORT_CHUNK { FEW_PICKERS } else { PICKERS }
    }

    /// What the state is computed by.
    pub(super) fn encoder(&self) -> EncoderKind {
        self.encoder
    }

    /// The number of items.
    pub(super) fn items(&self) -> usize {
        self.items
    }

    /// Values in the encoder's state.
    pub(super) fn hidden(&self) -> usize {
        self.hidden
    }

    /// Places in the ring of keys and values.
    pub(super) fn max_len(&self) -> usize {
        self.max_len
    }

    /// Values in a head.
    fn head_size(&self) -> usize {
        self.hidden / self.heads
    }

    /// Values of a step's rotation.
    pub(super) fn rotation(&self) -> usize {
        if self.encoder == EncoderKind::Transformer { self.head_size() } else { 0 }
    }

    /// Buckets of a step.
    pub(super) fn buckets(&self) -> usize {
        if self.encoder == EncoderKind::Hstu { self.max_len } else { 0 }
    }

    /// Floats that all blocks remember.
    pub(super) fn ring_floats(&self) -> usize {
        self.blocks * self.memory
    }

    /// Floats of one step's attention.
    pub(super) fn logit_floats(&self) -> usize {
        if self.encoder.is_recurrent() { 0 } else { self.heads * self.max_len }
    }

    /// Bytes of the shaders' `Step`.
    pub fn step_bytes(&self) -> usize {
        4 * (2 + self.hidden + self.rotation() + self.buckets())
    }

    /// Bytes of the shaders' `State`.
    pub fn state_bytes(&self) -> usize {
        (self.scale_at() + 4 * (1 + self.hidden)).next_multiple_of(16)
    }

    /// Where the query's scale and the query begin in `State`, in bytes.
    pub(super) fn scale_at(&self) -> usize {
        4 * (6 * self.quads() + TERMS)
    }

    /// Workgroup memory of the encoder, in bytes.
    pub fn encoder_workgroup_bytes(&self) -> usize {
        4 * (self.hidden + self.inputs() + self.outputs())
    }

    /// The normed state and what else a matrix is multiplied with, and room for one value a thread.
    fn inputs(&self) -> usize {
        let beside = match self.encoder {
            EncoderKind::Transformer => self.chunk(),
            EncoderKind::Gru | EncoderKind::Lstm => self.hidden,
            EncoderKind::Hstu | EncoderKind::Counting => 0,
        };
        (self.hidden + beside).max(self.threads())
    }

    /// The longest product, and room for four rows a thread; an HSTU keeps two values beside one a thread.
    fn outputs(&self) -> usize {
        let longest = match self.encoder {
            EncoderKind::Transformer => (3 * self.hidden).max(2 * self.chunk()),
            EncoderKind::Gru | EncoderKind::Lstm => 4 * self.hidden,
            EncoderKind::Hstu => (4 * self.hidden).max(2 * self.hidden + self.threads()),
            EncoderKind::Counting => 0,
        };
        longest.max(4 * self.threads())
    }
}
