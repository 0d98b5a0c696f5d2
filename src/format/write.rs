//! A model's tensors, as the file has them.

use super::container::{Dtype, Writer};
use super::model::{Model, short_ids};
use super::weights::{HeadWeights, ItemTable, Matrix, Neighbours, Weights};
use crate::quant::{Int4Rows, Int8Rows, half_from_f32};
use crate::schema::{Encoding, NumberEncoding};
use crate::vocab::{Packed, Stored, Texts, Vocab};

pub fn write_vocab(writer: &mut Writer, vocab: &Vocab) {
    match vocab.to_stored() {
        Stored::Packed(Packed { sizes, letters, low, high }) => {
            writer.add("vocab.sizes", Dtype::U16, &[sizes.len()], &sizes);
            writer.add("vocab.letters", Dtype::U8, &[letters.len()], &letters);
            writer.add("vocab.low", Dtype::U8, &[low.len()], &low);
            writer.add("vocab.high", Dtype::U8, &[high.len()], &high);
        }
        Stored::Texts(Texts { bytes, offsets }) => {
            writer.add("vocab.bytes", Dtype::U8, &[bytes.len()], &bytes);
            writer.add("vocab.offsets", Dtype::U32, &[offsets.len()], &offsets);
        }
    }
}

pub fn write_weights(writer: &mut Writer, model: &Model) {
    let bits = model.metadata.bits;
    let Weights {
        items,
        item_bias,
        item_repeat,
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
        neighbours,
        low_rank: _,
    } = &model.weights;
    let vector = |writer: &mut Writer, name: &str, values: &[f32]| {
        if !values.is_empty() {
            writer.add(name, Dtype::F32, &[values.len()], values);
        }
    };
    match items {
        ItemTable::F32(rows) => write_matrix(writer, "items.weight", rows, bits),
        ItemTable::Int8(Int8Rows { columns, codes, scales }) => {
            writer.add::<u8>("items.weight", Dtype::I8, &[scales.len(), *columns], codes);
        }
        ItemTable::Int4(Int4Rows { columns, codes, scales }) => {
            writer.add::<u8>("items.weight", Dtype::U8, &[scales.len(), columns / 2], codes);
        }
    }
    for (name, values) in [("items.bias", item_bias), ("items.repeat", item_repeat)] {
        write_matrix(writer, name, &Matrix { columns: values.len(), values: values.clone() }, bits);
    }
    vector(writer, "start", start);
    for (name, table) in [("gap", gap), ("hour", hour), ("weekday", weekday), ("repeat_counts", repeat_counts)] {
        write_matrix(writer, name, table, bits);
    }
    for (place, field) in fields.iter().enumerate() {
        let name = format!("fields.{place}");
        if field.encoding == Encoding::Number(NumberEncoding::Linear) {
            let (weight, missing) = field.rows.values.split_at(field.rows.columns);
            vector(writer, &name, weight);
            vector(writer, &format!("{name}.missing"), missing);
        } else {
            write_matrix(writer, &name, &field.rows, bits);
        }
    }
    for (place, block) in blocks.iter().enumerate() {
        for (name, matrix) in block.parts() {
            let name = format!("blocks.{place}.{name}");
            if matrix.is_vector() {
                vector(writer, &name, &matrix.values);
            } else {
                write_matrix(writer, &name, matrix, bits);
            }
        }
    }
    vector(writer, "final_norm", final_norm);
    // The gates, the repeat table and the norms are a few hundred numbers that scale everything: they stay f32.
    write_f32(writer, "gates", gates);
    vector(writer, "gate_bias", gate_bias);
    write_f32(writer, "gate_open", gate_open);
    vector(writer, "log_scale", &[*log_scale]);
    write_f32(writer, "repeat", repeat);
    for (place, HeadWeights { weight, bias, log_variance: _ }) in heads.iter().enumerate() {
        write_f32(writer, &format!("heads.{place}"), weight);
        vector(writer, &format!("heads.{place}.bias"), bias);
    }
    write_neighbours(writer, neighbours, bits);
}

/// Nothing where there are none.
fn write_neighbours(writer: &mut Writer, neighbours: &Neighbours, bits: u32) {
    let Neighbours { offsets, items, weights, scales } = neighbours;
    if items.is_empty() {
        return;
    }
    let counts: Vec<u16> = offsets.windows(2).map(|pair| (pair[1] - pair[0]) as u16).collect();
    writer.add("neighbours.counts", Dtype::U16, &[counts.len()], &counts);
    if short_ids(scales.len()) {
        let ids: Vec<u16> = items.iter().map(|&item| item as u16).collect();
        writer.add("neighbours.items", Dtype::U16, &[ids.len()], &ids);
    } else {
        writer.add("neighbours.items", Dtype::U32, &[items.len()], items);
    }
    writer.add("neighbours.weights", Dtype::U8, &[weights.len()], weights);
    let scales = Matrix { columns: scales.len(), values: scales.clone() };
    write_matrix(writer, "neighbours.scales", &scales, bits.max(16));
}

fn write_matrix(writer: &mut Writer, name: &str, matrix: &Matrix, bits: u32) {
    let shape = [matrix.rows(), matrix.columns];
    match bits {
        _ if matrix.values.is_empty() => {}
        ..=8 => {
            let rows = Int8Rows::quantize(&matrix.values, matrix.columns);
            writer.add::<u8>(name, Dtype::I8, &shape, &rows.codes);
            writer.add(&format!("{name}.scale"), Dtype::F32, &[rows.scales.len()], &rows.scales);
        }
        16 => {
            let halves: Vec<u16> = matrix.values.iter().map(|&value| half_from_f32(value)).collect();
            writer.add(name, Dtype::F16, &shape, &halves);
        }
        _ => write_f32(writer, name, matrix),
    }
}

fn write_f32(writer: &mut Writer, name: &str, matrix: &Matrix) {
    if !matrix.values.is_empty() {
        writer.add(name, Dtype::F32, &[matrix.rows(), matrix.columns], &matrix.values);
    }
}
