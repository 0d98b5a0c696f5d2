//! The model file: round trips, other readers, hostile bytes.
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

#[expect(dead_code, reason = "other tests use the rest")]
mod common;
#[path = "common/further.rs"]
mod further;

use common::{ModelShape, Random, random_model, unquantized_model, unquantized_model_of};
use foreclick::format::{Container, EncoderKind, FORMAT_VERSION, Model, Neighbours, differences};
use foreclick::schema::{FilterSeen, Head, HeadKind};
use foreclick::vocab::Vocab;
use further::learned_further;
use proptest::prelude::*;
use std::sync::Arc;

const LETTERS: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";

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
    let sizes = [2, 50, 700].into_iter().flat_map(|items| [4, 8, 16, 32].map(|bits| (items, bits)));
    for ((items, bits), encoder) in sizes.flat_map(|size| EncoderKind::ALL.map(|encoder| (size, encoder))) {
        let shape = ModelShape { hidden: 32, ..shape(items) };
        let model = unquantized_model_of(encoder, shape, items as u64).quantized(bits);
        let bytes = model.to_bytes().unwrap();
        let read = Model::from_bytes(&bytes).unwrap();
        assert_eq!(read, model, "{encoder:?}, {items} items in {bits} bits");
        assert_eq!(read.to_bytes().unwrap(), bytes, "the file must come back to the byte");
    }
}

/// Transformers were written before there was anything else, and before calendar and repeat counts.
#[test]
fn a_file_from_before_there_was_a_choice_is_read() {
    let mut model = random_model(ModelShape { has_fields: false, ..shape(5) }, 1);
    let linear = random_model(shape(5), 1);
    model.metadata.schema.fields.push(linear.metadata.schema.fields[2].clone());
    model.weights.fields.push(linear.weights.fields[2].clone());
    let file = model.to_bytes().unwrap();
    let end = header_end(&file);
    let mut header = std::str::from_utf8(&file[8..end]).unwrap().to_owned();
    for named in [
        r#"\"encoder\":\"transformer\","#,
        r#"\"hour\":false,"#,
        r#"\"weekday\":false,"#,
        r#"\"repeat_counts\":false,"#,
        r#",\"encoding\":\"linear\""#,
        r#",\"missing\":\"row\""#,
    ] {
        assert!(header.contains(named), "{named}");
        header = header.replacen(named, &" ".repeat(named.len()), 1);
    }
    let read = Model::from_bytes(&[&file[..8], header.as_bytes(), &file[end..]].concat()).unwrap();
    assert_eq!(read, model);
}

/// The name of one encoder over the tensors of another.
#[test]
fn an_encoder_needs_its_own_tensors() {
    for (written, told) in EncoderKind::ALL.into_iter().flat_map(|written| EncoderKind::ALL.map(|told| (written, told)))
    {
        let mut model = unquantized_model_of(written, shape(20), 1).quantized(8);
        model.metadata.architecture.encoder = told;
        let read = Model::from_bytes(&model.to_bytes().unwrap());
        match written == told {
            true => assert!(read.is_ok()),
            false => assert!(["format", "schema"].contains(&read.unwrap_err().code()), "{written:?} as {told:?}"),
        }
    }
}

#[test]
fn what_only_counts_has_no_rows() {
    let bytes = |encoder| unquantized_model_of(encoder, shape(700), 1).quantized(8).to_bytes().unwrap().len();
    let file = unquantized_model_of(EncoderKind::Counting, shape(700), 1).quantized(8).to_bytes().unwrap();
    let names: Vec<_> = Container::open(&file).unwrap().names().map(str::to_owned).collect();
    assert!(!names.iter().any(|name| name == "items.weight" || name.starts_with("blocks")), "{names:?}");
    assert!(bytes(EncoderKind::Counting) + 700 * 16 < bytes(EncoderKind::Transformer));
}

#[test]
fn keys_of_any_kind_are_read_back() {
    for key in [|item: usize| format!("café {item:03}"), |item| format!("sku-{item}"), |item| format!("{item:0200}")] {
        let mut model = random_model(shape(120), 1);
        model.vocab = Vocab::from_keys((0..120).map(key)).unwrap();
        let read = Model::from_bytes(&model.to_bytes().unwrap()).unwrap();
        assert_eq!(read.vocab, model.vocab);
        assert!((0..120).all(|item| read.vocab.id(&key(item)).and_then(|id| read.vocab.key(id)) == Some(key(item))));
    }
}

#[test]
fn a_large_catalogue_stays_small() {
    let large = ModelShape { hidden: 64, feed_forward: 128, max_len: 64, items: 100_000, ..shape(0) };
    let mut model = unquantized_model(large, 1);
    let random = &mut Random(2);
    let mut code = || -> String { (0..10).map(|_| char::from(LETTERS[random.below(LETTERS.len())])).collect() };
    model.vocab = Vocab::from_keys((0..large.items).map(|_| code())).unwrap();
    assert_eq!(model.vocab.len(), large.items, "keys that repeat");
    model.weights.neighbours =
        Neighbours { offsets: vec![0; large.items + 1], scales: vec![0.0; large.items], ..Neighbours::default() };
    for (bits, most) in [(8, 7_300_000), (4, 4_100_000)] {
        let bytes = model.quantized(bits).to_bytes().unwrap();
        assert!(bytes.len() <= most, "{bits} bits: {} bytes", bytes.len());
        Model::from_bytes(&bytes).unwrap();
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
fn a_file_of_another_version_says_what_to_do() {
    let mut model = random_model(shape(5), 1);
    model.metadata.format_version = FORMAT_VERSION + 1;
    let error = Model::from_bytes(&model.to_bytes().unwrap()).unwrap_err();
    assert_eq!(error.code(), "version");
    assert!(error.to_string().contains("update foreclick"), "{error}");
    model.metadata.format_version = FORMAT_VERSION - 1;
    let error = Model::from_bytes(&model.to_bytes().unwrap()).unwrap_err();
    assert!(error.to_string().contains("train again"), "{error}");
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
    assert_eq!(Model::from_bytes(&with_header(FORMAT_VERSION, "\"F64\"")).unwrap_err().code(), "format");
    assert_eq!(Model::from_bytes(&with_header(FORMAT_VERSION + 1, "\"F64\"")).unwrap_err().code(), "version");
}

#[test]
fn nan_in_a_tensor_is_refused() {
    let mut model = random_model(shape(5), 1);
    model.weights.start[3] = f32::NAN;
    assert!(Model::from_bytes(&model.to_bytes().unwrap()).unwrap_err().to_string().contains("\"start\""));
}

#[test]
fn heads_that_their_tensors_contradict_are_refused() {
    let refused = |expected: &str, change: &dyn Fn(&mut Model)| {
        let mut model = random_model(shape(5), 1);
        change(&mut model);
        let error = Model::from_bytes(&model.to_bytes().unwrap()).unwrap_err();
        assert!(error.to_string().contains(expected), "expected {expected}: {error}");
    };
    let kind =
        |place: usize, kind: HeadKind| move |model: &mut Model| model.metadata.schema.heads[place].kind = kind.clone();
    let names = |count: usize| HeadKind::Classes {
        names: (0..count).map(|name| name.to_string()).collect(),
        shares: Vec::new(),
    };
    refused("\"heads.0\" holds NaN", &|model| model.weights.heads[0].weight.values[1] = f32::NAN);
    refused("\"heads.2.bias\" holds NaN", &|model| model.weights.heads[2].bias[0] = f32::INFINITY);
    refused("\"heads.1", &kind(1, names(1000)));
    refused("\"heads.1", &kind(1, HeadKind::Binary { threshold: 0.5 }));
    refused("\"heads.0", &|model| model.weights.heads[0].weight.columns = 8);
    refused("two classes or more", &kind(1, names(1)));
    let shares = |shares: &[f32]| {
        let count = random_model(shape(5), 1).metadata.schema.heads[1].outputs();
        let names = (0..count).map(|name| name.to_string()).collect();
        HeadKind::Classes { names, shares: shares.to_vec() }
    };
    refused("a share each", &kind(1, shares(&[0.5])));
    refused("a share each", &kind(1, shares(&[0.0; 3])));
    refused("threshold between 0 and 1", &kind(0, HeadKind::Binary { threshold: 1.0 }));
    refused("std above 0", &kind(2, HeadKind::Number { mean: 1.0, std: 0.0 }));
    refused("two tasks are called \"buys\"", &|model| model.metadata.schema.heads[1].name = "buys".into());
    refused("\"heads.3", &|model| {
        let other = Head { name: "other".into(), ..model.metadata.schema.heads[0].clone() };
        model.metadata.schema.heads.push(other);
    });
    refused("no task", &|model| {
        model.metadata.schema.tasks.clear();
        model.metadata.schema.heads.clear();
    });
}

/// Millions of rows of nothing take no byte in a file, but room in memory.
#[test]
fn rows_of_nothing_are_refused() {
    for rows in ["1e30", "4000000000", "2"] {
        let tensors = format!("\"items.weight\":{{\"dtype\":\"I8\",\"shape\":[{rows},0],\"data_offsets\":[0,0]}}");
        let metadata = random_model(shape(5), 1).metadata;
        let text = serde_json::to_string(&serde_json::to_string(&metadata).unwrap()).unwrap();
        let header = format!("{{\"__metadata__\":{{\"foreclick\":{text}}},{tensors}}}");
        let file = [&(header.len() as u64).to_le_bytes(), header.as_bytes()].concat();
        let error = Model::from_bytes(&file).unwrap_err();
        assert!(error.to_string().contains("\"items.weight\""), "{error}");
    }
}

#[test]
fn neighbours_are_there_whole_or_not_at_all() {
    let file = file();
    let end = header_end(&file);
    let header = std::str::from_utf8(&file[8..end]).unwrap();
    for name in ["items", "counts", "weights", "scales"] {
        let header = header.replacen(
            &format!("\"neighbours.{name}\""),
            &format!("\"neighbours.{}\"", "x".repeat(name.len())),
            1,
        );
        let error = Model::from_bytes(&[&file[..8], header.as_bytes(), &file[end..]].concat()).unwrap_err();
        assert!(error.to_string().contains("neighbours"), "{name}: {error}");
    }
}

#[test]
fn a_scale_that_makes_infinities_is_refused() {
    let whole = file();
    let start = header_end(&whole);
    for name in ["items.bias", "gap", "blocks.0.qkv"] {
        let scale = Container::open(&whole).unwrap().get(&format!("{name}.scale")).unwrap().to_vec::<f32>();
        let mut file = whole.clone();
        let place = (start..file.len()).find(|&at| file[at..].starts_with(bytemuck::cast_slice(&scale))).unwrap();
        file[place..place + 4].copy_from_slice(&3e38f32.to_le_bytes());
        let error = Model::from_bytes(&file).unwrap_err();
        assert!(error.to_string().contains(&format!("\"{name}\" holds NaN or infinity")), "{error}");
    }
}

/// A model's file, a delta over it, and the model that the two together are nearly.
fn with_delta() -> (Arc<Vec<u8>>, Vec<u8>, Model) {
    let base = unquantized_model(shape(50), 1);
    let further = learned_further(&base, 2);
    let exported = further.quantized(8);
    let file = base.quantized(8).to_bytes().unwrap();
    let delta = differences(&file, &exported, &further.weights.blocks, &base.weights.blocks).unwrap();
    (Arc::new(file), delta, exported)
}

#[test]
fn a_delta_over_its_base_is_the_model_that_learned_further() {
    let (base, delta, exported) = with_delta();
    let whole = exported.to_bytes().unwrap();
    let saved: Vec<String> = Container::open(&delta).unwrap().names().map(str::to_owned).collect();
    assert_eq!(saved, ["start", "blocks.0.qkv.down", "blocks.0.qkv.up"]);
    let delta = Arc::new(delta);
    let read = Model::from_file(&base, Some(&delta)).unwrap();
    let [read_qkv, wanted_qkv] = [&read, &exported].map(|model| model.weights.blocks[0].parts()[1].1.values.clone());
    // Two roundings of the whole matrix, to 8 bits of its largest row.
    assert!(read_qkv.iter().zip(&wanted_qkv).all(|(read, wanted)| (read - wanted).abs() < 0.05));
    let mut read = read;
    assert_eq!(read.metadata.base.take().map(|name| name.len()), Some(16));
    read.weights.blocks.clone_from(&exported.weights.blocks);
    assert_eq!(read, exported);
    for (file, over) in [(&delta, None), (&Arc::new(whole), Some(&delta)), (&base, Some(&base))] {
        let error = Model::from_file(file, over).unwrap_err().to_string();
        assert!(error.contains("a delta of the model"), "{error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn no_flipped_byte_of_a_delta_panics(place: prop::sample::Index, value: u8) {
        let (base, mut delta, _) = with_delta();
        let place = place.index(delta.len());
        delta[place] = value;
        let _ = Model::from_file(&base, Some(&Arc::new(delta)));
    }

    #[test]
    fn no_flipped_byte_panics(place: prop::sample::Index, value: u8) {
        for encoder in EncoderKind::ALL {
            let mut file = unquantized_model_of(encoder, shape(50), 1).quantized(8).to_bytes().unwrap();
            let place = place.index(file.len());
            file[place] = value;
            let _ = Model::from_bytes(&file);
        }
    }

    #[test]
    fn no_flipped_header_byte_panics(place: prop::sample::Index, value: u8) {
        let mut file = file();
        let place = place.index(header_end(&file));
        file[place] = value;
        let _ = Model::from_bytes(&file);
    }
}
