//! What the encoder is told of events, as ONNX: `engine/input.rs` in tables and products.

use super::proto::{Attribute, Graph, Type};
use super::write_matrix;
use crate::format::{FieldWeights, Matrix, Weights};
use crate::schema::{Encoding, FREQUENCIES, NumberEncoding};
use std::f32::consts::TAU;

/// The encoder's inputs, `[1 + L, hidden]`.
pub fn write(graph: &mut Graph, weights: &Weights, items: &Matrix) -> String {
    let Weights { start, gap, hour, weekday, repeat_counts, fields, .. } = weights;
    let hidden = items.columns;
    graph.input("items", Type::Int64, &["L"], "item ids, oldest first");
    graph.floats("item_rows", &[items.rows(), hidden], &items.values);
    graph.floats("root", &[], &[(hidden as f32).sqrt()]);
    let rows = graph.node("Gather", &["item_rows", "items"], &[]);
    let mut sum = graph.node("Mul", &[&rows, "root"], &[]);
    for (name, table, about) in [
        ("gaps", gap, "buckets of the time since the event before"),
        ("hours", &with_none(hour), "hours of the day, 24 where there is no time"),
        ("weekdays", &with_none(weekday), "days from Monday, 7 where there is no time"),
        ("repeats", repeat_counts, "buckets of how often the item was met before"),
    ] {
        if !table.values.is_empty() {
            let part = write_table(graph, name, table, about);
            sum = graph.node("Add", &[&sum, &part], &[]);
        }
    }
    for (place, FieldWeights { encoding, rows }) in fields.iter().enumerate() {
        let name = format!("field_{place}");
        let part = match encoding {
            Encoding::Category => write_table(graph, &name, rows, "rows of the field's values, 0 for none of them"),
            Encoding::Number(encoding) => write_number(graph, &name, *encoding, rows),
            Encoding::Text => write_text(graph, &name, rows),
            Encoding::Vector(size) => write_vector(graph, &name, *size, rows),
        };
        sum = graph.node("Add", &[&sum, &part], &[]);
    }
    graph.floats("start", &[1, hidden], start);
    graph.node("Concat", &["start", &sum], &[Attribute::Int("axis", 0)])
}

/// The table and a row that says nothing.
fn with_none(table: &Matrix) -> Matrix {
    let mut table = table.clone();
    if !table.values.is_empty() {
        table.values.resize(table.values.len() + table.columns, 0.0);
    }
    table
}

/// An input of places in a table, and the rows there.
fn write_table(graph: &mut Graph, name: &str, table: &Matrix, about: &str) -> String {
    graph.input(name, Type::Int64, &["L"], about);
    let rows = format!("{name}_rows");
    write_matrix(graph, &rows, table);
    graph.node("Gather", &[&rows, name], &[])
}

/// The code times its rows, `[L, hidden]`, or the last row where it is missing.
fn write_number(graph: &mut Graph, name: &str, encoding: NumberEncoding, rows: &Matrix) -> String {
    let [table, none, axis] = ["rows", "missing", "axis"].map(|part| format!("{name}_{part}"));
    let (values, missing) = rows.values.split_at(rows.values.len() - rows.columns);
    graph.input(name, Type::Float, &["L"], "the number's code, NaN where missing");
    graph.floats(&table, &[rows.rows() - 1, rows.columns], values);
    graph.floats(&none, &[1, rows.columns], missing);
    graph.ints(&axis, &[1]);
    let value = graph.node("Unsqueeze", &[name, &axis], &[]);
    let shares = match encoding {
        NumberEncoding::Linear => value.clone(),
        NumberEncoding::Buckets => write_hats(graph, name, rows.rows() - 1, &value),
        NumberEncoding::Periodic => write_waves(graph, name, &value),
    };
    let product = graph.node("MatMul", &[&shares, &table], &[]);
    let is_missing = graph.node("IsNaN", &[&value], &[]);
    graph.node("Where", &[&is_missing, &none, &product], &[])
}

/// The sum of a text's rows, each times what it counts.
fn write_text(graph: &mut Graph, name: &str, rows: &Matrix) -> String {
    let [table, shares, axis, row] = ["rows", "shares", "axis", "row"].map(|part| format!("{name}_{part}"));
    let about = format!("rows of a text's words and their parts, {} alone where there is none", rows.rows() - 1);
    graph.input(name, Type::Int64, &["L", "R"], &about);
    graph.input(&shares, Type::Float, &["L", "R"], "1 / the square root of the text's rows; 0 behind the last");
    write_matrix(graph, &table, rows);
    graph.ints(&axis, &[1]);
    graph.ints(&row, &[0, rows.columns as i64]);
    let taken = graph.node("Gather", &[&table, name], &[]);
    let shares = graph.node("Unsqueeze", &[&shares, &axis], &[]);
    let sums = graph.node("MatMul", &[&shares, &taken], &[]);
    graph.node("Reshape", &[&sums, &row], &[])
}

/// The vector times its rows, `[L, hidden]`, or the last row where it is missing.
fn write_vector(graph: &mut Graph, name: &str, size: usize, rows: &Matrix) -> String {
    let [table, none, first, axis] = ["rows", "missing", "first", "axis"].map(|part| format!("{name}_{part}"));
    let (values, missing) = rows.values.split_at(rows.values.len() - rows.columns);
    let share = 1.0 / (size as f32).sqrt();
    graph.input(name, Type::Float, &["L", "N"], "the vector's codes, NaN where missing");
    graph.floats(&table, &[size, rows.columns], &values.iter().map(|value| share * value).collect::<Vec<_>>());
    graph.floats(&none, &[1, rows.columns], missing);
    graph.ints(&first, &[0]);
    graph.ints(&axis, &[1]);
    let product = graph.node("MatMul", &[name, &table], &[]);
    let first = graph.node("Gather", &[name, &first], &[Attribute::Int("axis", 1)]);
    let is_missing = graph.node("IsNaN", &[&first], &[]);
    graph.node("Where", &[&is_missing, &none, &product], &[])
}

/// How much of each row a place takes: 1 at the row's own, falling to 0 at those beside it, `[L, bounds]`.
fn write_hats(graph: &mut Graph, name: &str, bounds: usize, place: &str) -> String {
    let (places, one) = (format!("{name}_places"), format!("{name}_one"));
    let numbers: Vec<f32> = (0..bounds).map(|bound| bound as f32).collect();
    graph.floats(&places, &[1, bounds], &numbers);
    graph.floats(&one, &[], &[1.0]);
    let apart = graph.node("Sub", &[place, &places], &[]);
    let apart = graph.node("Abs", &[&apart], &[]);
    let share = graph.node("Sub", &[&one, &apart], &[]);
    graph.node("Relu", &[&share], &[])
}

/// The number, then a sine and a cosine of each frequency: `[L, 1 + 2 * FREQUENCIES]`.
fn write_waves(graph: &mut Graph, name: &str, value: &str) -> String {
    let (turns, flat) = (format!("{name}_turns"), format!("{name}_flat"));
    let frequencies: Vec<f32> = (0..FREQUENCIES).map(|turn| TAU / 8.0 * (1 << turn) as f32).collect();
    graph.floats(&turns, &[1, FREQUENCIES], &frequencies);
    let angles = graph.node("Mul", &[value, &turns], &[]);
    let axis = format!("{name}_pairs");
    graph.ints(&axis, &[2]);
    let waves = ["Sin", "Cos"].map(|wave| {
        let wave = graph.node(wave, &[&angles], &[]);
        graph.node("Unsqueeze", &[&wave, &axis], &[])
    });
    let pairs = graph.node("Concat", &[&waves[0], &waves[1]], &[Attribute::Int("axis", 2)]);
    graph.ints(&flat, &[0, 2 * FREQUENCIES as i64]);
    let pairs = graph.node("Reshape", &[&pairs, &flat], &[]);
    graph.node("Concat", &[value, &pairs], &[Attribute::Int("axis", 1)])
}
