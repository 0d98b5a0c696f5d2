//! What one model's file differs in from another's.

use super::blocks::Block;
use super::container::{Container, Dtype, TensorView, Writer};
use super::fingerprint::fingerprint_text;
use super::model::Model;
use super::weights::Matrix;
use crate::error::Result;
use crate::quant::half_from_f32;

/// A product leaves out what is this much smaller than the largest difference.
const NEGLIGIBLE: f32 = 1e-4;

/// The file of what an exported model differs in from a base file: whole tensors, and products where blocks as `trained` and as
/// `begun`, neither rounded, differ by some of low rank.
///
/// # Errors
/// [`crate::error::Error::Format`] when the base is no model file, or the description can't be written as JSON.
pub fn differences(base: &[u8], exported: &Model, trained: &[Block], begun: &[Block]) -> Result<Vec<u8>> {
    let mut metadata = exported.metadata.clone();
    metadata.base = Some(fingerprint_text(base));
    let exported = exported.to_bytes()?;
    let (ours, theirs) = (Container::open(&exported)?, Container::open(base)?);
    let products = products(trained, begun);
    let mut writer = Writer::default();
    for name in ours.names() {
        let Some(tensor) = ours.get(name) else { continue };
        let is_same = theirs.get(name).is_some_and(|other| {
            (tensor.dtype, tensor.rows, tensor.columns, tensor.bytes())
                == (other.dtype, other.rows, other.columns, other.bytes())
        });
        let is_product = products.iter().any(|(product, ..)| name.strip_suffix(".scale").unwrap_or(name) == product);
        if !is_same && !is_product {
            add(&mut writer, name, &tensor);
        }
    }
    for (name, up, down) in &products {
        for (part, matrix) in [("up", up), ("down", down)] {
            let halves: Vec<u16> = matrix.values.iter().map(|&value| half_from_f32(value)).collect();
            writer.add(&format!("{name}.{part}"), Dtype::F16, &[matrix.rows(), matrix.columns], &halves);
        }
    }
    writer.finish(super::model::described(&metadata)?)
}

fn add(writer: &mut Writer, name: &str, tensor: &TensorView<'_>) {
    let TensorView { dtype, rows, columns, .. } = *tensor;
    match dtype {
        Dtype::U8 | Dtype::I8 => writer.add(name, dtype, &[rows, columns], tensor.bytes()),
        Dtype::U16 | Dtype::F16 => writer.add(name, dtype, &[rows, columns], &tensor.to_vec::<u16>()),
        Dtype::U32 | Dtype::F32 => writer.add(name, dtype, &[rows, columns], &tensor.to_vec::<u32>()),
    }
}

/// The matrices of the blocks whose difference is a product that takes fewer bytes, with both of its sides.
fn products(trained: &[Block], begun: &[Block]) -> Vec<(String, Matrix, Matrix)> {
    let mut products = Vec::new();
    for (place, (trained, begun)) in trained.iter().zip(begun).enumerate() {
        for ((part, now), (_, before)) in trained.parts().into_iter().zip(begun.parts()) {
            let fits = !now.is_vector() && (now.columns, now.values.len()) == (before.columns, before.values.len());
            if !fits || now == before {
                continue;
            }
            let values = now.values.iter().zip(&before.values).map(|(now, before)| now - before).collect();
            let difference = Matrix { columns: now.columns, values };
            products.extend(product(difference).map(|(up, down)| (format!("blocks.{place}.{part}"), up, down)));
        }
    }
    products
}

/// A matrix as `up * down`, where both in halves are smaller than it in bytes: Gram and Schmidt's orthogonal rows, the largest
/// that is left each time.
fn product(mut rest: Matrix) -> Option<(Matrix, Matrix)> {
    let (rows, columns) = (rest.rows(), rest.columns);
    let most = rows * columns / (2 * (rows + columns));
    let length = |row: &[f32]| row.iter().map(|value| value * value).sum::<f32>().sqrt();
    let largest = |rest: &Matrix| (0..rows).max_by(|&a, &b| length(rest.row(a)).total_cmp(&length(rest.row(b))));
    let negligible = NEGLIGIBLE * length(rest.row(largest(&rest)?));
    let (mut ups, mut down) = (Vec::new(), Matrix { columns, values: Vec::new() });
    loop {
        let row = rest.row(largest(&rest)?);
        if length(row) <= negligible {
            break;
        }
        if ups.len() == most {
            return None;
        }
        let unit: Vec<f32> = row.iter().map(|value| value / length(row)).collect();
        let mut along = Vec::with_capacity(rows);
        for row in rest.values.chunks_exact_mut(columns) {
            let part: f32 = row.iter().zip(&unit).map(|(value, unit)| value * unit).sum();
            row.iter_mut().zip(&unit).for_each(|(value, unit)| *value -= part * unit);
            along.push(part);
        }
        down.values.extend(unit);
        ups.push(along);
    }
    let up = (0..rows).flat_map(|row| ups.iter().map(move |along| along[row])).collect();
    Some((Matrix { columns: ups.len(), values: up }, down))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scattered(rows: usize, columns: usize, seed: u32) -> Matrix {
        let number = |place: u32| (place.wrapping_add(seed).wrapping_mul(2_654_435_761) >> 8) as f32 / 8e6 - 1.0;
        Matrix { columns, values: (0..(rows * columns) as u32).map(number).collect() }
    }

    #[test]
    fn a_product_is_found_again_and_anything_else_is_none() {
        let (up, down) = (scattered(40, 3, 0), scattered(3, 24, 1000));
        let mut whole = Matrix::zeros(40, 24);
        super::super::add_product(&mut whole, &up, &down);
        let (up, down) = product(whole.clone()).unwrap();
        assert_eq!([up.columns, down.rows()], [3, 3]);
        let mut found = Matrix::zeros(40, 24);
        super::super::add_product(&mut found, &up, &down);
        assert!(found.values.iter().zip(&whole.values).all(|(a, b)| (a - b).abs() < 1e-4));
        assert!(product(scattered(40, 24, 0)).is_none());
    }
}
