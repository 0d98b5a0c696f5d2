//! The weights while they are learned: first values, and one order for all that is not an item row.

use super::first_rows::spread;
use super::optimizer::SCALE_RATE;
use super::random::{Purpose, stream};
use super::texts;
use super::vector::dot;
use crate::companion::data::Dataset;
use crate::engine::input::Table;
use crate::format::{
    Architecture, Block, EncoderKind, FORMAT_VERSION, FieldWeights, GAP_BUCKETS, HOURS, HeadWeights, ItemTable,
    LowRank, Matrix, Metadata, Model, Neighbours, OPEN_BUCKETS, PersonalStart, REPEAT_BUCKETS, REPEAT_COUNTS,
    REPEAT_LASTS, TERMS, WEEKDAYS, Weights,
};
use crate::schema::{Encoding, FieldKind, NumberEncoding, Schema};
use rand::{Rng, RngExt};
use std::collections::BTreeMap;
use std::convert::Infallible;

/// The gates at first: popularity, recency, neighbours, the nearest's, habit, recency and neighbours together. This and the
/// two below are about what a log-linear model without an encoder learned on the sample.
const FIRST_GATES: [f32; TERMS] = [FIRST_POPULARITY_GATE, 1.2, 0.5, 0.0, 0.0, 0.0];
/// The same where recency and neighbours are added up before the logarithm, which leaves nothing to the others.
pub const GATES_OF_A_SUM: [f32; TERMS] = [FIRST_POPULARITY_GATE, 0.0, 0.0, 0.0, 0.0, 1.0];
/// Of these, the first.
pub const FIRST_POPULARITY_GATE: f32 = 0.7;
/// What is added for an item met before, at first.
const FIRST_REPEAT: f32 = 1.0;
/// How much of its popularity an item met before loses at first: whoever buys it anyway needs no crowd to say so.
pub const FIRST_OWN_POPULARITY: f32 = -0.5;
/// The query's length at first, where no other ranks better (`pick.rs`): small, so that untrained rows add little noise to
/// what counting knows already.
pub const FIRST_SCALE: f32 = 1.0;

/// The standard deviation of the heads' weights at first where texts alone tell events apart, whose rows begin at zero. States
/// begin alike then, so that heads without weights would all be turned the same way, and let the rows learn in one direction
/// alone. Where states differ, such weights would answer at random, and long training would not undo it.
const FIRST_HEAD: f32 = 0.5;

/// First weights. `counts` is how often each item occurs in training, `[items]`.
pub fn initial(
    architecture: &Architecture,
    schema: &Schema,
    counts: &[u32],
    neighbours: Neighbours,
    seed: u64,
) -> Weights {
    let hidden = architecture.hidden;
    let mut rng = stream(seed, Purpose::Weights, 0, 0);
    let mut items = normal_matrix(&mut rng, counts.len(), hidden, 1.0);
    items.values.chunks_exact_mut(hidden.max(1)).for_each(normalise);
    spread(&mut items, &neighbours);
    let (item_bias, item_repeat) = popularity(counts, counts.iter());
    // What else the encoder is told of an event says nothing at first.
    let table = |is_there, rows| if is_there { Matrix::zeros(rows, hidden) } else { Matrix::default() };
    let first_head = if texts_alone(schema, counts.len()) { FIRST_HEAD } else { 0.0 };
    Weights {
        items: ItemTable::F32(items),
        item_bias,
        item_repeat,
        start: normal_matrix(&mut rng, 1, hidden, 1.0).values,
        gap: normal_matrix(&mut rng, GAP_BUCKETS, hidden, 0.1),
        hour: table(schema.hour, HOURS),
        weekday: table(schema.weekday, WEEKDAYS),
        repeat_counts: table(architecture.repeat_counts, REPEAT_BUCKETS),
        fields: schema.fields.iter().map(|field| initial_field(&mut rng, &field.kind, hidden)).collect(),
        blocks: initial_blocks(&mut rng, architecture),
        final_norm: vec![1.0; hidden],
        gates: Matrix::zeros(TERMS, hidden),
        gate_bias: FIRST_GATES.to_vec(),
        gate_open: Matrix::zeros(OPEN_BUCKETS, TERMS),
        log_scale: FIRST_SCALE.ln(),
        repeat: Matrix { columns: REPEAT_COUNTS, values: vec![FIRST_REPEAT; REPEAT_LASTS * REPEAT_COUNTS] },
        heads: schema.heads.iter().map(|head| initial_head(&mut rng, head.outputs(), hidden, first_head)).collect(),
        neighbours,
        low_rank: Vec::new(),
    }
}

/// Whether nothing but texts tells events apart.
fn texts_alone(schema: &Schema, items: usize) -> bool {
    let mut fields = schema.fields.iter().map(|field| field.kind.encoding());
    items == 1 && !schema.fields.is_empty() && fields.all(|encoding| encoding == Encoding::Text)
}

/// A head that says little, or nothing.
fn initial_head(rng: &mut impl Rng, outputs: usize, hidden: usize, std: f32) -> HeadWeights {
    let weight = normal_matrix(rng, outputs, hidden, std);
    HeadWeights { weight, bias: vec![0.0; outputs], log_variance: 0.0 }
}

/// The logarithm of each item's popularity over the mean of `others`, and what an item met before loses by it.
pub fn popularity<'a>(counts: &[u32], others: impl Iterator<Item = &'a u32> + Clone) -> (Vec<f32>, Vec<f32>) {
    let total: f32 = others.clone().map(|&count| count as f32 + 1.0).sum();
    let mean = total / others.count() as f32;
    let popularity: Vec<f32> = counts.iter().map(|&count| ((count as f32 + 1.0) / mean).ln()).collect();
    let loss = popularity.iter().map(|value| FIRST_OWN_POPULARITY * value).collect();
    (popularity, loss)
}

fn initial_blocks(rng: &mut impl Rng, architecture: &Architecture) -> Vec<Block> {
    let Architecture { encoder, hidden, blocks, .. } = *architecture;
    let Some(shapes) = Block::shapes(architecture) else { return Vec::new() };
    let mut parameter = |name: &'static str, [rows, columns]: [usize; 2]| match name {
        // An LSTM remembers at first (Jozefowicz et al. 2015).
        "bias" if encoder == EncoderKind::Lstm => {
            let mut bias = vec![0.0; columns];
            bias[hidden..2 * hidden].fill(1.0);
            Matrix::vector(bias)
        }
        "bias" | "distance" | "time" => Matrix::zeros(rows, columns),
        _ if rows == 1 => Matrix::vector(vec![1.0; columns]),
        // What ends in the residual stream starts small, so that depth does not raise its variance.
        "attention_out" | "down" | "output" => {
            normal_matrix(rng, rows, columns, 1.0 / (2.0 * (blocks * columns) as f32).sqrt())
        }
        _ => normal_matrix(rng, rows, columns, 1.0 / (columns as f32).sqrt()),
    };
    let mut block = || {
        let Ok(block) = shapes.try_map(|name, shape| Ok::<_, Infallible>(parameter(name, *shape)));
        block
    };
    (0..blocks).map(|_| block()).collect()
}

fn initial_field(rng: &mut impl Rng, kind: &FieldKind, hidden: usize) -> FieldWeights {
    let (encoding, rows) = (kind.encoding(), kind.rows());
    let rows = match encoding {
        Encoding::Category | Encoding::Number(NumberEncoding::Linear) => normal_matrix(rng, rows, hidden, 0.1),
        Encoding::Number(NumberEncoding::Buckets | NumberEncoding::Periodic) | Encoding::Text | Encoding::Vector(_) => {
            Matrix::zeros(rows, hidden)
        }
    };
    FieldWeights { encoding, rows }
}

/// A model of a data set.
pub fn assemble(
    dataset: &Dataset,
    provenance: &BTreeMap<String, String>,
    architecture: &Architecture,
    mut weights: Weights,
) -> Model {
    // Only training needs them.
    weights.heads.iter_mut().for_each(|head| head.log_variance = 0.0);
    let metadata = Metadata {
        format_version: FORMAT_VERSION,
        schema: dataset.schema.clone(),
        architecture: architecture.clone(),
        bits: 32,
        base: None,
        provenance: provenance.clone().into_iter().collect(),
        metrics: Default::default(),
    };
    Model { metadata, vocab: dataset.vocab.clone(), weights, personal: PersonalStart::default() }
}

/// Weights of the same shape, all zero and without items, texts or neighbours: for gradients and moments.
pub fn zeros_like(weights: &Weights) -> Weights {
    let mut zeros = Weights {
        items: ItemTable::F32(Matrix::default()),
        item_bias: Vec::new(),
        item_repeat: Vec::new(),
        neighbours: Neighbours::default(),
        ..weights.clone()
    };
    texts::tables_mut(&mut zeros).for_each(|field| field.rows = Matrix::default());
    for slice in dense_mut(&mut zeros) {
        slice.values.fill(0.0);
    }
    zeros
}

/// What a parameter is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The input that opens a sequence.
    Start,
    /// A table that inputs are summed from.
    Input(Table),
    /// A part of a block, by the block's number and the part's place.
    Block(usize, usize),
    /// The norm after the last block.
    FinalNorm,
    /// What makes scores of the state.
    Gates,
    /// A task's head, by its place in the schema.
    Head(usize),
    /// What is added to a block.
    LowRank,
    /// How much of each of its directions.
    LowRankScale,
}

/// One parameter that is updated whole.
pub struct Dense<'a> {
    /// What it is for.
    pub role: Role,
    /// Its numbers.
    pub values: &'a mut [f32],
    /// Whether weight decay pulls it to zero.
    pub decays: bool,
    /// How many times the learning rate it moves at.
    pub rate: f32,
}

/// Every parameter but the rows of items and texts, always in the same order.
pub fn dense_mut(weights: &mut Weights) -> Vec<Dense<'_>> {
    let Weights {
        items: _,
        item_bias: _,
        item_repeat: _,
        neighbours: _,
        start,
        gap,
        hour,
        weekday,
        repeat_counts,
        fields,
        blocks,
        final_norm,
        gates,
        gate_bias,
        gate_open,
        log_scale,
        repeat,
        heads,
        low_rank,
    } = weights;
    let mut all = vec![
        keep(Role::Start, start),
        keep(Role::Input(Table::Gap), &mut gap.values),
        keep(Role::Input(Table::Hour), &mut hour.values),
        keep(Role::Input(Table::Weekday), &mut weekday.values),
        keep(Role::Input(Table::RepeatCounts), &mut repeat_counts.values),
        keep(Role::FinalNorm, final_norm),
        keep(Role::Gates, &mut gates.values),
        keep(Role::Gates, gate_bias),
        keep(Role::Gates, &mut gate_open.values),
        Dense { rate: SCALE_RATE, ..keep(Role::Gates, std::slice::from_mut(log_scale)) },
        keep(Role::Gates, &mut repeat.values),
    ];
    for (place, HeadWeights { weight, bias, log_variance }) in heads.iter_mut().enumerate() {
        let role = Role::Head(place);
        all.push(Dense { decays: true, ..keep(role, &mut weight.values) });
        all.push(keep(role, bias));
        all.push(Dense { rate: SCALE_RATE, ..keep(role, std::slice::from_mut(log_variance)) });
    }
    let fields = fields.iter_mut().enumerate().filter(|(_, field)| !texts::is_sparse(field));
    all.extend(fields.map(|(place, field)| keep(Role::Input(Table::Field(place)), &mut field.rows.values)));
    for (block, parts) in blocks.iter_mut().map(Block::parts_mut).enumerate() {
        let parts = parts.into_iter().enumerate().map(|(part, (_, matrix))| (Role::Block(block, part), matrix));
        let (vectors, matrices): (Vec<_>, Vec<_>) = parts.partition(|(_, matrix)| matrix.is_vector());
        all.extend(vectors.into_iter().map(|(role, vector)| keep(role, &mut vector.values)));
        all.extend(matrices.into_iter().map(|(role, matrix)| Dense { decays: true, ..keep(role, &mut matrix.values) }));
    }
    for LowRank { block: _, part: _, down, up, scale } in low_rank {
        all.push(keep(Role::LowRank, &mut down.values));
        all.push(keep(Role::LowRank, &mut up.values));
        all.push(Dense { rate: SCALE_RATE, ..keep(Role::LowRankScale, scale) });
    }
    all
}

fn keep(role: Role, values: &mut [f32]) -> Dense<'_> {
    Dense { role, values, decays: false, rate: 1.0 }
}

/// Scales a row to unit length.
#[inline(always)]
pub fn normalise(row: &mut [f32]) {
    let length = dot(row, row).sqrt().max(f32::MIN_POSITIVE);
    row.iter_mut().for_each(|value| *value /= length);
}

/// Normal numbers by Box and Muller 1958.
pub fn normal_matrix(rng: &mut impl Rng, rows: usize, columns: usize, spread: f32) -> Matrix {
    let normal = |_| {
        let (radius, angle): (f32, f32) = (1.0 - rng.random::<f32>(), rng.random());
        spread * (-2.0 * radius.ln()).sqrt() * (std::f32::consts::TAU * angle).cos()
    };
    Matrix { columns, values: (0..rows * columns).map(normal).collect() }
}
