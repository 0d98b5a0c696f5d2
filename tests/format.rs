//! The model file: round trips, other readers, hostile bytes.
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

#[expect(dead_code, reason = "other tests use the rest")]
mod common;

use common::{ModelShape, random_model};
use foreclick::format::{Container, FORMAT_VERSION, Model};
use foreclick::schema::FilterSeen;
use proptest::prelude::*;

fn shape(items: usize) -> ModelShape {
    ModelShape {
        hidden: 16,
        heads: 2,
        blocks: 2,
        feed_forward: 24,
        max_len: 8,
        items,
        has_group: true,
        has_fields: true,
        filter_seen: FilterSeen::Group,
    }
}

fn file() -> Vec<u8> {
    random_model(shape(50), 1).to_bytes().unwrap()
}

fn header_end(file: &[u8]) -> usize {
    8 + u64::from_le_bytes(file[..8].try_into().unwrap()) as usize
}

#[test]
fn what_is_written_is_read_back() {
    for items in [2, 50, 700] {
        let model = random_model(shape(items), items as u64);
        let bytes = model.to_bytes().unwrap();
        let read = Model::from_bytes(&bytes).unwrap();
        assert_eq!(read.metadata, model.metadata);
        assert_eq!(read.vocab, model.vocab);
        assert_eq!(read.weights.items, model.weights.items);
        assert_eq!(read.to_bytes().unwrap(), bytes, "an int8 file must come back to the byte");
    }
}

#[test]
fn the_safetensors_crate_reads_it_too() {
    let file = file();
    let theirs = safetensors::SafeTensors::deserialize(&file).unwrap();
    let ours = Container::open(&file).unwrap();
    assert!(theirs.len() > 20);
    for (name, tensor) in theirs.tensors() {
        let view = ours.get(&name).unwrap();
        assert_eq!(tensor.data().len(), view.byte_len());
        assert_eq!(tensor.shape().iter().product::<usize>(), view.rows * view.columns);
    }
}

#[test]
fn a_file_cut_anywhere_is_an_error() {
    let file = file();
    let header = header_end(&file);
    for end in (0..header).step_by(97).chain([7, 8, 9, header - 1, header]).chain((header..file.len()).step_by(61)) {
        let error = Model::from_bytes(&file[..end]).unwrap_err();
        assert_eq!(error.code(), "format", "cut at {end}: {error}");
    }
    let mut longer = file.clone();
    longer.push(0);
    assert_eq!(Model::from_bytes(&longer).unwrap_err().code(), "format");
}

#[test]
fn a_header_that_claims_too_much_is_refused_before_anything_is_allocated() {
    for length in [1u64 << 60, u64::MAX, 1 << 32] {
        let mut file = file();
        file[..8].copy_from_slice(&length.to_le_bytes());
        assert!(Model::from_bytes(&file).unwrap_err().to_string().contains("header"));
    }
    assert_eq!(Model::from_bytes(b"PK\x03\x04 this is a zip file, not a model").unwrap_err().code(), "format");
}

#[test]
fn a_file_from_the_future_says_what_to_do() {
    let mut model = random_model(shape(5), 1);
    model.metadata.format_version = FORMAT_VERSION + 1;
    let error = Model::from_bytes(&model.to_bytes().unwrap()).unwrap_err();
    assert_eq!(error.code(), "version");
    assert!(error.to_string().contains("update foreclick"), "{error}");
}

#[test]
fn a_file_from_the_future_may_hold_other_types() {
    let with_header = |version: u32, dtype: &str| {
        let mut model = random_model(shape(5), 1);
        model.metadata.format_version = version;
        let file = model.to_bytes().unwrap();
        let end = header_end(&file);
        let header = std::str::from_utf8(&file[8..end]).unwrap().replacen("\"F32\"", dtype, 1);
        let length = (header.len() as u64).to_le_bytes();
        [&length, header.as_bytes(), &file[end..]].concat()
    };
    assert!(Model::from_bytes(&with_header(FORMAT_VERSION, "\"F32\"")).is_ok());
    assert_eq!(Model::from_bytes(&with_header(FORMAT_VERSION, "\"F16\"")).unwrap_err().code(), "format");
    assert_eq!(Model::from_bytes(&with_header(FORMAT_VERSION + 1, "\"F16\"")).unwrap_err().code(), "version");
}

#[test]
fn nan_in_a_tensor_is_refused() {
    let mut model = random_model(shape(5), 1);
    model.weights.item_bias[3] = f32::NAN;
    assert!(Model::from_bytes(&model.to_bytes().unwrap()).unwrap_err().to_string().contains("items.bias"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn no_flipped_byte_panics(place: prop::sample::Index, value: u8) {
        let mut file = file();
        let place = place.index(file.len());
        file[place] = value;
        let _ = Model::from_bytes(&file);
    }

    #[test]
    fn no_flipped_header_byte_panics(place: prop::sample::Index, value: u8) {
        let mut file = file();
        let place = place.index(header_end(&file));
        file[place] = value;
        let _ = Model::from_bytes(&file);
    }
}
