//! What can be said of the shaders without a GPU: they are valid, complete, and lie in memory as the engine thinks.
#![cfg(feature = "gpu")]

use foreclick::engine::gpu::{ADJUSTMENT_BYTES, CALL_BYTES, PAIR_BYTES, Shape, shaders};
use foreclick::format::{Architecture, Context, Counting, EncoderKind};
use foreclick::quant::BLOCK;
use naga::valid::{Capabilities, ValidationFlags, Validator};
use std::collections::BTreeSet;
use std::path::Path;

const KERNELS: [&str; 4] = ["adjust", "encode", "score", "top_k"];

/// Hidden sizes below, at and above a workgroup's threads; rows that fill whole words and rows that do not.
fn shapes_of(encoder: EncoderKind) -> Vec<Shape> {
    [(16, 1, 1, 16, 5, 1), (18, 3, 2, 40, 50, 5), (64, 4, 2, 128, 200, 20_000), (256, 4, 1, 512, 50, 1_000_000)]
        .into_iter()
        .chain([(320, 5, 1, 640, 2048, 100), (2, 1, 16, 1, 1, 0), (512, 8, 1, 4096, 50, 100)])
        .flat_map(|shape| {
            [(4, false), (4, true), (8, false), (8, true)].map(|(bits, is_software)| (shape, bits, is_software))
        })
        .filter(|((hidden, ..), bits, _)| *bits == 8 || hidden % BLOCK == 0)
        .map(|((hidden, heads, blocks, feed_forward, max_len, items), bits, is_software)| {
            let context = Context::LastEvents;
            let counting = Counting { decay: 1.0, recency_epsilon: 1.0, neighbour_epsilon: 1.0, context };
            let repeat_counts = true;
            let sizes = Architecture { encoder, hidden, heads, blocks, feed_forward, max_len, repeat_counts, counting };
            Shape::new(&sizes, items, bits, is_software)
        })
        .collect()
}

fn shapes() -> Vec<Shape> {
    let encoders = EncoderKind::ALL.into_iter().filter(|&encoder| encoder != EncoderKind::Counting);
    encoders.flat_map(shapes_of).collect()
}

fn parse(name: &str, source: &str) -> naga::Module {
    naga::front::wgsl::parse_str(source).unwrap_or_else(|error| panic!("{name}: {}", error.emit_to_string(source)))
}

#[test]
fn every_variant_is_valid() {
    let mut entry_points = 0;
    for shape in shapes() {
        for (name, source) in shaders(&shape) {
            let module = parse(name, &source);
            // No capability beyond WebGPU's core.
            Validator::new(ValidationFlags::all(), Capabilities::empty())
                .validate(&module)
                .unwrap_or_else(|error| panic!("{name}: {}", error.emit_to_string(&source)));
            entry_points += module.entry_points.len();
        }
    }
    // Four kernels, of which encode has three parts for many steps, top_k a second part and score a second way; a recurrent
    // encoder has two parts for a step in pieces.
    assert_eq!(entry_points, (9 + 8 + 8 + 9) * shapes_of(EncoderKind::Transformer).len());
}

#[test]
fn an_invalid_shader_is_noticed() {
    let (name, source) = shaders(&shapes()[0])[1].clone();
    assert_eq!(name, "adjust");
    let wrong = source.replace("return;", "return 1u;");
    assert_ne!(wrong, source);
    let valid = naga::front::wgsl::parse_str(&wrong)
        .is_ok_and(|module| Validator::new(ValidationFlags::all(), Capabilities::empty()).validate(&module).is_ok());
    assert!(!valid);
}

#[test]
fn structures_lie_in_memory_as_the_engine_thinks() {
    for shape in shapes() {
        let mut met = BTreeSet::new();
        for (name, source) in shaders(&shape) {
            let module = parse(name, &source);
            for (_, kind) in module.types.iter() {
                let (Some(name), naga::TypeInner::Struct { span, .. }) = (&kind.name, &kind.inner) else { continue };
                let expected = match name.as_str() {
                    "Call" => CALL_BYTES,
                    "State" => shape.state_bytes(),
                    "Step" => shape.step_bytes(),
                    "Adjustment" => ADJUSTMENT_BYTES,
                    "Pair" => PAIR_BYTES,
                    other => panic!("nothing in the engine knows the size of {other}"),
                };
                assert_eq!(*span as usize, expected, "{name} of {shape:?}");
                met.insert(name.clone());
            }
        }
        assert_eq!(met.len(), 5, "{met:?}");
    }
}

#[test]
fn limits_of_every_webgpu_device_are_kept() {
    for shape in shapes() {
        for (name, source) in shaders(&shape) {
            let module = parse(name, &source);
            let storage =
                |variable: &naga::GlobalVariable| matches!(variable.space, naga::AddressSpace::Storage { .. });
            let buffers = module.global_variables.iter().filter(|(_, variable)| storage(variable)).count();
            assert!(buffers <= 8, "{name} has {buffers} storage buffers");
            let mut layouter = naga::proc::Layouter::default();
            layouter.update(module.to_ctx()).unwrap();
            let workgroup: u32 = module
                .global_variables
                .iter()
                .filter(|(_, variable)| variable.space == naga::AddressSpace::WorkGroup)
                .map(|(_, variable)| layouter[variable.ty].size)
                .sum();
            if name == "encode" {
                assert_eq!(workgroup as usize, shape.encoder_workgroup_bytes());
            }
            assert!(workgroup <= 16384, "{name} of {shape:?} takes {workgroup} bytes of workgroup memory");
        }
    }
}

#[test]
fn every_kernel_has_a_twin() {
    let stems = |folder: &str, extension: &str| -> BTreeSet<String> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/engine").join(folder);
        let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        paths
            .filter(|path| path.extension().is_some_and(|found| found == extension))
            .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
            .collect()
    };
    let without = |names: BTreeSet<String>, others: &[&str]| -> BTreeSet<String> {
        names.into_iter().filter(|name| !others.contains(&name.as_str())).collect()
    };
    let kernels: BTreeSet<String> = KERNELS.map(String::from).into();
    assert_eq!(without(stems("gpu", "wgsl"), &["prelude", "product_packed", "product_unpacked"]), kernels);
    assert_eq!(without(stems("cpu", "rs"), &["mod", "lanes"]), kernels);
    assert_eq!(without(stems("gpu", "rs"), &["mod", "context", "model", "readback", "session", "shape"]), kernels);
    let shape = shapes()[0];
    assert_eq!(shaders(&shape).into_iter().map(|(name, _)| name.to_owned()).collect::<BTreeSet<_>>(), kernels);
    let ops = include_str!("../src/engine/ops.rs");
    let methods = ops.lines().filter_map(|line| line.trim().strip_prefix("fn ")?.split('(').next());
    assert_eq!(without(methods.map(String::from).collect(), &["variants", "choose", "kernel", "priors"]), kernels);
}
