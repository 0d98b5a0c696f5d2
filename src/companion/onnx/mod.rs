//! A trained model as ONNX, to be run elsewhere: the encoder over a whole sequence, every item's score, the best.
//!
//! What counting knows of single candidates comes from outside, as the engine's own kernels get it: ONNX has no
//! operators for it that would be worth their time.

mod inputs;
mod proto;

use crate::engine::cpu::RMS_EPSILON;
use crate::format::{
    Architecture, Block, EncoderKind, FEATURES, ItemTable, Matrix, Model, OPEN_BUCKETS, TERMS, TransformerBlock,
    Weights,
};
use anyhow::{Result, ensure};
use proto::{Attribute, Graph, Type};

/// The version of ONNX's operators.
const OPSET: i64 = 17;

/// The largest protobuf message.
const MAX_BYTES: usize = i32::MAX as usize;

const ABOUT: &str = "One prediction of a foreclick model. The sequence's events come as ids, oldest first; what \
                     counting adds to single candidates comes as features of each.";

/// The graph's inputs and outputs. A test computes them by this text alone.
pub const INTERFACE: &str = "\
An ONNX file's inputs, where L events of known items, oldest first, precede the prediction:
  items       int64 [L]     item ids: the keys' ranks in byte order, from 0
  gaps        int64 [L]     0 for the first event; 1 in the same group as the one before; else
                            2 + floor(log2(1 + s)), at most 31, where s are the whole seconds since
                            the one before, 0 where a time is missing or they are negative
  hours       int64 [L]     only where the schema has hour: the UTC hour of the event's time, 24
                            where that is missing
  weekdays    int64 [L]     only where the schema has weekday: 0 for Monday in UTC, 7 where the time
                            is missing
  repeats     int64 [L]     only where the architecture has repeat_counts: how many of 1 2 3 4 6 9 are
                            at most the times that the event's item was met before it
  field_N     int64 [L]     the schema's field N, from 0, a category: 1 + the value's place in the
                            schema, 0 for others
              float [L]     or a number, NaN where missing: with bounds its place among them, k for
                            the k-th from 0, straight between two, the first's or last's beyond;
                            else (value - mean) / std within -5 and 5
  open_size   int64 [1]     events in the group that the next event will belong to, 0 without groups
  candidates  int64 [M, 1]  each once: the items met before, all that have a sum (see below), and
                            items to leave out; none (M = 0) will do
  features    float [M, 6]  of each candidate:
                            ln(1 + recency / recency_epsilon), 0 for an item not met before
                            ln(1 + sum / neighbour_epsilon)
                            ln(1 + nearest / neighbour_epsilon)
                            ln(1 + habit / 0.05)
                            ln(1 + (sum + 0.6 * recency) / neighbour_epsilon)
                            repeat[row, column] + items.repeat[item] for an item met before, else 0;
                            -1e30 to leave the item out
  k           int64 [1]     how many items are asked for: no more than the model has
Outputs: best_items int64 [k] and best_scores float [k], best first. Items that are left out come
last, at about -1e30, where k exceeds the others.

Groups are counted as they begin, that of the next event too; without groups each event is one.
  recency     the sum of decay^(groups since) over the item's events
  row         how many of 1 2 3 4 5 7 10 15 22 36 61 are at most the groups since the item was last met
  column      how many of 2 3 4 6 9 14 22 are at most the times that the item was met
  sum         with the context open_group: the shares that the items of the next event's group, each
              once, have for the candidate; with last_events: the same of the last ten events, the
              k-th newest divided by k
  nearest     the share that the last event's item has for the candidate; 0 with open_group where the
              next event begins a group
  habit       with open_group, where the next event's group has items and the candidate, met before, is
              none of them: the sum of common / sqrt(its items * the next group's items) over the
              earlier groups that hold the candidate, each item once; with last_events: of each earlier
              event of the last event's item 1/d for a candidate d events after it, d at most 9; of the
              last 2,048 events alone
  share       neighbours.weights / 255 * neighbours.scales[item]; an item's neighbours are
              neighbours.counts[item] of neighbours.items and neighbours.weights, after those of the
              items before it
To answer as foreclick does, leave out what filter_seen names: the items of the next event's group
(\"group\") or all that were met (\"all\").

None of these numbers are in the ONNX file. The run's checkpoints/best.safetensors has them, which
`foreclick inspect FILE --json` describes: schema and architecture.counting (decay, the epsilons, the
context) in its description; the tensors repeat, items.repeat and neighbours.* (left out where there
are none) for any reader of safetensors. The keys are those of --items.

Attention takes memory by the square of L. Only the last blocks * (max_len - 1) + 1 events count for
the encoder: give no more of items, gaps and repeats (each as in the whole sequence), hours, weekdays
and fields.";

/// Writes a model as trained as ONNX, with the inputs and outputs of [`INTERFACE`].
///
/// # Errors
/// When the encoder is no transformer, the model is quantized, or it exceeds the 2 GiB of a protobuf message.
pub fn write(model: &Model) -> Result<Vec<u8>> {
    let encoder = model.metadata.architecture.encoder;
    ensure!(
        encoder == EncoderKind::Transformer,
        "the model's encoder is \"{}\", expected \"transformer\", the only one that is written as ONNX; train with \
         [train] encoder = \"transformer\"",
        encoder.name()
    );
    let Weights { items, item_bias, .. } = &model.weights;
    let ItemTable::F32(items) = items else {
        anyhow::bail!("the item rows are quantized, expected a model as trained; give the run's folder");
    };
    let graph = &mut Graph::default();
    let inputs = inputs::write(graph, &model.weights, items);
    let state = write_encoder(graph, model, &inputs);
    let (query, gates) = write_query(graph, &model.weights, &state);
    write_ranking(graph, item_bias, &query, &gates);
    let file = std::mem::take(graph).finish("foreclick", ABOUT, OPSET);
    check_size(file.len())?;
    Ok(file)
}

fn check_size(bytes: usize) -> Result<()> {
    ensure!(
        bytes <= MAX_BYTES,
        "the ONNX file has {bytes} bytes, expected at most {MAX_BYTES}, as protobuf allows; train with a smaller \
         [train] hidden, or fewer items"
    );
    Ok(())
}

/// The last event's state before the final norm, `[1, hidden]`.
fn write_encoder(graph: &mut Graph, model: &Model, inputs: &str) -> String {
    let architecture = &model.metadata.architecture;
    graph.floats("two", &[], &[2.0]);
    graph.floats("epsilon", &[], &[RMS_EPSILON]);
    graph.ints("last", &[-1]);
    graph.ints("heads", &[0, architecture.heads as i64, architecture.head_size() as i64]);
    graph.ints("joined", &[0, architecture.hidden as i64]);
    graph.ints("halves", &[architecture.head_size() as i64 / 2; 2]);
    graph.floats("attention_factor", &[], &[1.0 / (architecture.head_size() as f32).sqrt()]);
    let positions = write_positions(graph, architecture, inputs);
    let mut state = inputs.to_owned();
    for (place, block) in model.weights.blocks.iter().enumerate() {
        let Block::Transformer(block) = block else { continue };
        // Nobody asks for the last block's other states.
        let is_last = place + 1 == model.weights.blocks.len();
        state = write_block(graph, place, block, &positions, &state, is_last);
    }
    state
}

#[derive(Clone)]
struct Positions {
    /// `[1 + L, 1, head_size / 2]`
    cosines: String,
    sines: String,
    /// `[1 + L, 1 + L]`: 0 where a row's event sees a column's, else minus infinity.
    mask: String,
}

fn write_positions(graph: &mut Graph, architecture: &Architecture, inputs: &str) -> Positions {
    let pairs = architecture.head_size() / 2;
    let frequencies: Vec<f32> = (0..pairs).map(|pair| 10_000f32.powf(-(pair as f32) / pairs as f32)).collect();
    graph.floats("frequencies", &[1, 1, pairs], &frequencies);
    graph.ints("zero", &[0]);
    graph.ints("one", &[1]);
    graph.ints("column", &[-1, 1]);
    graph.ints("cube", &[-1, 1, 1]);
    graph.floats("reach", &[], &[architecture.max_len as f32]);
    graph.floats("nothing", &[], &[0.0]);
    graph.floats("never", &[], &[f32::NEG_INFINITY]);
    let shape = graph.node("Shape", &[inputs], &[]);
    let length = graph.node("Gather", &[&shape, "zero"], &[]);
    let length = graph.node("Squeeze", &[&length, "zero"], &[]);
    let (first, step) = (graph.node("Squeeze", &["zero", "zero"], &[]), graph.node("Squeeze", &["one", "zero"], &[]));
    let places = graph.node("Range", &[&first, &length, &step], &[]);
    let places = graph.node("Cast", &[&places], &[Attribute::Int("to", Type::Float as i64)]);
    let cube = graph.node("Reshape", &[&places, "cube"], &[]);
    let angles = graph.node("Mul", &[&cube, "frequencies"], &[]);
    let column = graph.node("Reshape", &[&places, "column"], &[]);
    let distance = graph.node("Sub", &[&column, &places], &[]);
    let later = graph.node("Less", &[&distance, "nothing"], &[]);
    let near = graph.node("Less", &[&distance, "reach"], &[]);
    let far = graph.node("Not", &[&near], &[]);
    let unseen = graph.node("Or", &[&later, &far], &[]);
    Positions {
        cosines: graph.node("Cos", &[&angles], &[]),
        sines: graph.node("Sin", &[&angles], &[]),
        mask: graph.node("Where", &[&unseen, "never", "nothing"], &[]),
    }
}

/// One transformer block; with `is_last`, only for the last event, `[1, hidden]`.
fn write_block(
    graph: &mut Graph,
    place: usize,
    block: &TransformerBlock,
    positions: &Positions,
    state: &str,
    is_last: bool,
) -> String {
    let TransformerBlock { attention_norm, qkv, attention_out, feed_forward_norm, up, down } = block;
    let hidden = attention_norm.columns;
    let normed = write_norm(graph, &format!("attention_norm_{place}"), &attention_norm.values, state);
    let mut residual = state.to_owned();
    let mut asking = normed.clone();
    let Positions { mut cosines, mut sines, mut mask } = positions.clone();
    if is_last {
        for value in [&mut residual, &mut asking, &mut cosines, &mut sines, &mut mask] {
            *value = graph.node("Gather", &[value, "last"], &[]);
        }
    }
    let project = |graph: &mut Graph, name: &str, part: usize, from: &str| {
        let rows = &qkv.values[part * hidden * hidden..(part + 1) * hidden * hidden];
        let product = write_product(graph, &format!("{name}_{place}"), rows, hidden, from);
        graph.node("Reshape", &[&product, "heads"], &[])
    };
    let query = project(graph, "query", 0, &asking);
    let key = project(graph, "key", 1, &normed);
    let value = project(graph, "value", 2, &normed);
    let query = write_rotation(graph, &query, &cosines, &sines);
    let key = write_rotation(graph, &key, &positions.cosines, &positions.sines);
    let query = graph.node("Transpose", &[&query], &[Attribute::Ints("perm", &[1, 0, 2])]);
    let key = graph.node("Transpose", &[&key], &[Attribute::Ints("perm", &[1, 2, 0])]);
    let value = graph.node("Transpose", &[&value], &[Attribute::Ints("perm", &[1, 0, 2])]);
    let logits = graph.node("MatMul", &[&query, &key], &[]);
    let logits = graph.node("Mul", &[&logits, "attention_factor"], &[]);
    let logits = graph.node("Add", &[&logits, &mask], &[]);
    let attention = graph.node("Softmax", &[&logits], &[Attribute::Int("axis", -1)]);
    let context = graph.node("MatMul", &[&attention, &value], &[]);
    let context = graph.node("Transpose", &[&context], &[Attribute::Ints("perm", &[1, 0, 2])]);
    let context = graph.node("Reshape", &[&context, "joined"], &[]);
    let delta = write_product(graph, &format!("attention_out_{place}"), &attention_out.values, hidden, &context);
    let state = graph.node("Add", &[&residual, &delta], &[]);

    let normed = write_norm(graph, &format!("feed_forward_norm_{place}"), &feed_forward_norm.values, &state);
    let (gates, ups) = up.values.split_at(up.values.len() / 2);
    let gate = write_product(graph, &format!("gate_{place}"), gates, hidden, &normed);
    let up = write_product(graph, &format!("up_{place}"), ups, hidden, &normed);
    let open = graph.node("Sigmoid", &[&gate], &[]);
    let gate = graph.node("Mul", &[&gate, &open], &[]);
    let inner = graph.node("Mul", &[&gate, &up], &[]);
    let delta = write_product(graph, &format!("down_{place}"), &down.values, down.columns, &inner);
    graph.node("Add", &[&state, &delta], &[])
}

/// Turns each pair of a head's values: `[n, heads, head_size]`.
fn write_rotation(graph: &mut Graph, heads: &str, cosines: &str, sines: &str) -> String {
    let [a, b] = graph.nodes("Split", &[heads, "halves"], &[Attribute::Int("axis", 2)]);
    let mut product = |x: &str, y: &str| graph.node("Mul", &[x, y], &[]);
    let (a_cosine, b_sine) = (product(&a, cosines), product(&b, sines));
    let (a_sine, b_cosine) = (product(&a, sines), product(&b, cosines));
    let first = graph.node("Sub", &[&a_cosine, &b_sine], &[]);
    let second = graph.node("Add", &[&a_sine, &b_cosine], &[]);
    graph.node("Concat", &[&first, &second], &[Attribute::Int("axis", 2)])
}

/// In the form that ONNX Runtime makes one kernel of.
fn write_norm(graph: &mut Graph, name: &str, weight: &[f32], x: &str) -> String {
    graph.floats(name, &[weight.len()], weight);
    let squares = graph.node("Pow", &[x, "two"], &[]);
    let mean = graph.node("ReduceMean", &[&squares], &[Attribute::Ints("axes", &[-1]), Attribute::Int("keepdims", 1)]);
    let mean = graph.node("Add", &[&mean, "epsilon"], &[]);
    let root = graph.node("Sqrt", &[&mean], &[]);
    let normed = graph.node("Div", &[x, &root], &[]);
    graph.node("Mul", &[&normed, name], &[])
}

/// `x` times the transposed rows.
fn write_product(graph: &mut Graph, name: &str, rows: &[f32], columns: usize, x: &str) -> String {
    graph.floats(name, &[columns, rows.len() / columns], &transposed(rows, columns));
    graph.node("MatMul", &[x, name], &[])
}

/// The query, `[1, hidden]`, and the gates, `[1, TERMS]`.
fn write_query(graph: &mut Graph, weights: &Weights, state: &str) -> (String, String) {
    let Weights { final_norm, gates, gate_bias, gate_open, log_scale, .. } = weights;
    graph.input("open_size", Type::Int64, &["1"], "events in the group that the next event will belong to");
    graph.ints("most_open", &[OPEN_BUCKETS as i64 - 1]);
    write_matrix(graph, "gate_open", gate_open);
    graph.floats("gate_bias", &[1, gate_bias.len()], gate_bias);
    graph.floats("scale", &[], &[log_scale.exp()]);
    let normed = write_norm(graph, "final_norm", final_norm, state);
    let open = graph.node("Min", &["open_size", "most_open"], &[]);
    let open = graph.node("Gather", &["gate_open", &open], &[]);
    let gates = write_product(graph, "gate_rows", &gates.values, gates.columns, &normed);
    let gates = graph.node("Add", &[&gates, "gate_bias"], &[]);
    let gates = graph.node("Add", &[&gates, &open], &[]);
    let length = graph.node("ReduceL2", &[&normed], &[Attribute::Ints("axes", &[-1]), Attribute::Int("keepdims", 1)]);
    let unit = graph.node("Div", &[&normed, &length], &[]);
    (graph.node("Mul", &[&unit, "scale"], &[]), gates)
}

fn write_ranking(graph: &mut Graph, item_bias: &[f32], query: &str, gates: &str) {
    graph.input("candidates", Type::Int64, &["M", "1"], "items that counting knows something of, each once");
    let columns = TERMS.to_string();
    graph.input("features", Type::Float, &["M", &columns], "what is gated, in its order, and what is added as it is");
    graph.input("k", Type::Int64, &["1"], "how many items are asked for");
    graph.floats("item_bias", &[item_bias.len()], item_bias);
    graph.floats("as_it_is", &[1, 1], &[1.0]);
    graph.ints("flat", &[-1]);
    graph.ints("parts", &[1, FEATURES as i64]);
    let [popularity, others] = graph.nodes("Split", &[gates, "parts"], &[Attribute::Int("axis", 1)]);
    // ONNX Runtime is as fast with the rows as they are as with a transposed copy.
    let scores = graph.node("Gemm", &[query, "item_rows"], &[Attribute::Int("transB", 1)]);
    let scores = graph.node("Reshape", &[&scores, "flat"], &[]);
    let popularity = graph.node("Reshape", &[&popularity, "flat"], &[]);
    let bias = graph.node("Mul", &["item_bias", &popularity], &[]);
    let scores = graph.node("Add", &[&scores, &bias], &[]);
    let factors = graph.node("Concat", &[&others, "as_it_is"], &[Attribute::Int("axis", 1)]);
    let factors = graph.node("Transpose", &[&factors], &[Attribute::Ints("perm", &[1, 0])]);
    let added = graph.node("MatMul", &["features", &factors], &[]);
    let added = graph.node("Reshape", &[&added, "flat"], &[]);
    let scores = graph.node("ScatterND", &[&scores, "candidates", &added], &[Attribute::Text("reduction", "add")]);
    let (best, found) = ("best_scores", "best_items");
    graph.named_nodes("TopK", &[&scores, "k"], &[best, found], &[Attribute::Int("axis", 0)]);
    graph.output(found, Type::Int64, &["k"], "item ids, best first");
    graph.output(best, Type::Float, &["k"], "their scores");
}

fn write_matrix(graph: &mut Graph, name: &str, matrix: &Matrix) {
    graph.floats(name, &[matrix.rows(), matrix.columns], &matrix.values);
}

fn transposed(rows: &[f32], columns: usize) -> Vec<f32> {
    (0..columns).flat_map(|column| rows.chunks_exact(columns).map(move |row| row[column])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_protobuf_cannot_hold_is_refused() {
        assert!(check_size(2_147_483_647).is_ok());
        assert!(check_size(2_147_483_648).unwrap_err().to_string().contains("at most 2147483647"));
    }
}
