//! The kinds of encoders and their blocks. What goes through a block's parameters (the file, training, the GPU) does so
//! by one list, so that a kind is declared here and computed in `engine/cpu/encode/`, `engine/gpu/encode/` and
//! `companion/train/encoder/`.

use super::weights::{Architecture, Matrix};
use crate::json::read_name;
use serde::{Deserialize, Serialize};

/// Rows of the table for the time between two events.
pub const TIME_BUCKETS: usize = 32;

/// What turns a sequence's inputs into its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EncoderKind {
    /// Pre-norm blocks of softmax attention and a gated feed-forward layer (SASRec, arXiv 1808.09781, in today's form).
    Transformer,
    /// Gated recurrent units (Cho et al. 2014, arXiv 1406.1078).
    Gru,
    /// Long short-term memory (Hochreiter and Schmidhuber 1997, with forget gates).
    Lstm,
    /// Pointwise attention with biases of distance and time, gated (HSTU, Zhai et al. 2024, arXiv 2402.17152).
    Hstu,
    /// None: counting alone, whose gates are learned. The model has no item rows.
    Counting,
}

read_name!(EncoderKind {
    "transformer" => Transformer,
    "gru" => Gru,
    "lstm" => Lstm,
    "hstu" => Hstu,
    "counting" => Counting,
});

impl EncoderKind {
    /// Every kind.
    pub const ALL: [Self; 5] = [Self::Transformer, Self::Gru, Self::Lstm, Self::Hstu, Self::Counting];

    /// As files and `foreclick.toml` name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Transformer => "transformer",
            Self::Gru => "gru",
            Self::Lstm => "lstm",
            Self::Hstu => "hstu",
            Self::Counting => "counting",
        }
    }

    /// Whether its state is handed from step to step, so that no event is ever too far back.
    pub fn is_recurrent(self) -> bool {
        matches!(self, Self::Gru | Self::Lstm)
    }
}

/// Declares the parameters of a block, in the file's order, and their shapes; one row is a vector.
macro_rules! block {
    ($(#[$doc:meta])* $name:ident |$architecture:ident| {
        $($(#[$field_doc:meta])* $field:ident: $shape:expr,)+
    }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq)]
        pub struct $name<T = Matrix> {
            $($(#[$field_doc])* pub $field: T,)+
        }

        impl $name<[usize; 2]> {
            fn shapes($architecture: &Architecture) -> Self {
                Self { $($field: $shape,)+ }
            }
        }

        impl<T> $name<T> {
            fn try_map<U, E>(
                &self,
                change: &mut dyn FnMut(&'static str, &T) -> Result<U, E>,
            ) -> Result<$name<U>, E> {
                Ok($name { $($field: change(stringify!($field), &self.$field)?,)+ })
            }

            fn parts(&self) -> Vec<(&'static str, &T)> {
                vec![$((stringify!($field), &self.$field)),+]
            }

            fn parts_mut(&mut self) -> Vec<(&'static str, &mut T)> {
                vec![$((stringify!($field), &mut self.$field)),+]
            }
        }
    };
}

block! {
    /// One transformer block; matrices are `[out, in]`.
    TransformerBlock |a| {
        /// RMS norm before attention, `[hidden]`.
        attention_norm: [1, a.hidden],
        /// Queries, keys and values, `[3 * hidden, hidden]`.
        qkv: [3 * a.hidden, a.hidden],
        /// After attention, `[hidden, hidden]`.
        attention_out: [a.hidden, a.hidden],
        /// RMS norm before the feed-forward layer, `[hidden]`.
        feed_forward_norm: [1, a.hidden],
        /// Gate, then value: `[2 * feed_forward, hidden]`.
        up: [2 * a.feed_forward, a.hidden],
        /// `[hidden, feed_forward]`.
        down: [a.hidden, a.feed_forward],
    }
}

block! {
    /// One recurrent layer; matrices are `[out, in]`. Its gates lie one after the other: update, reset and candidate of a
    /// GRU; input, forget, candidate and output of an LSTM.
    RecurrentBlock |a| {
        /// RMS norm of the layer's input, `[hidden]`.
        norm: [1, a.hidden],
        /// From the input, `[gates * hidden, hidden]`.
        input: [a.gates() * a.hidden, a.hidden],
        /// From the layer's own state, `[gates * hidden, hidden]`.
        recurrent: [a.gates() * a.hidden, a.hidden],
        /// `[gates * hidden]`
        bias: [1, a.gates() * a.hidden],
    }
}

block! {
    /// One HSTU block; matrices are `[out, in]`.
    HstuBlock |a| {
        /// RMS norm of the block's input, `[hidden]`.
        norm: [1, a.hidden],
        /// Queries, gates (the paper's U), keys and values, `[4 * hidden, hidden]`.
        projection: [4 * a.hidden, a.hidden],
        /// Added to the attention of an event so many events back, `[max_len]`.
        distance: [1, a.max_len],
        /// Added to the attention of an event so long ago, `[TIME_BUCKETS]`.
        time: [1, TIME_BUCKETS],
        /// RMS norm of what attention gives, `[hidden]`.
        context_norm: [1, a.hidden],
        /// `[hidden, hidden]`.
        output: [a.hidden, a.hidden],
    }
}

/// One block of an encoder: its parameters, or what stands for each (its shape, a tensor).
#[derive(Debug, Clone, PartialEq)]
pub enum Block<T = Matrix> {
    /// Of [`EncoderKind::Transformer`].
    Transformer(TransformerBlock<T>),
    /// Of [`EncoderKind::Gru`].
    Gru(RecurrentBlock<T>),
    /// Of [`EncoderKind::Lstm`].
    Lstm(RecurrentBlock<T>),
    /// Of [`EncoderKind::Hstu`].
    Hstu(HstuBlock<T>),
}

impl Block<[usize; 2]> {
    /// The shapes of a block's parameters, `[rows, columns]`; nothing where an encoder has no blocks.
    pub fn shapes(architecture: &Architecture) -> Option<Self> {
        Some(match architecture.encoder {
            EncoderKind::Transformer => Self::Transformer(TransformerBlock::shapes(architecture)),
            EncoderKind::Gru => Self::Gru(RecurrentBlock::shapes(architecture)),
            EncoderKind::Lstm => Self::Lstm(RecurrentBlock::shapes(architecture)),
            EncoderKind::Hstu => Self::Hstu(HstuBlock::shapes(architecture)),
            EncoderKind::Counting => return None,
        })
    }
}

impl<T> Block<T> {
    /// The same block of something else for each parameter, which is told by its name.
    ///
    /// # Errors
    /// The first that `change` gives.
    pub fn try_map<U, E>(&self, mut change: impl FnMut(&'static str, &T) -> Result<U, E>) -> Result<Block<U>, E> {
        Ok(match self {
            Self::Transformer(block) => Block::Transformer(block.try_map(&mut change)?),
            Self::Gru(block) => Block::Gru(block.try_map(&mut change)?),
            Self::Lstm(block) => Block::Lstm(block.try_map(&mut change)?),
            Self::Hstu(block) => Block::Hstu(block.try_map(&mut change)?),
        })
    }

    /// All parameters with their names, in the file's order.
    pub fn parts(&self) -> Vec<(&'static str, &T)> {
        match self {
            Self::Transformer(block) => block.parts(),
            Self::Gru(block) | Self::Lstm(block) => block.parts(),
            Self::Hstu(block) => block.parts(),
        }
    }

    /// All parameters, to write to.
    pub fn parts_mut(&mut self) -> Vec<(&'static str, &mut T)> {
        match self {
            Self::Transformer(block) => block.parts_mut(),
            Self::Gru(block) | Self::Lstm(block) => block.parts_mut(),
            Self::Hstu(block) => block.parts_mut(),
        }
    }
}
