//! Imports point one way, burn is named in one room, and ARCHITECTURE.md names every room.
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Each room and the rooms that it may import; a room may always import itself.
const MAY_IMPORT: [(&str, &[&str]); 13] = [
    ("error", &[]),
    ("json", &["error"]),
    ("schema", &["error", "json"]),
    ("vocab", &["error"]),
    ("event", &["error", "json", "schema", "vocab"]),
    ("metrics", &["error"]),
    ("quant", &["error"]),
    ("format", &["error", "json", "schema", "vocab", "event", "quant"]),
    ("engine", &["error", "schema", "vocab", "event", "quant", "format"]),
    ("predictor", &["error", "json", "schema", "vocab", "event", "quant", "format", "engine"]),
    ("web", &["error", "json", "schema", "vocab", "event", "engine", "format", "predictor"]),
    ("companion", &["error", "schema", "vocab", "event", "metrics", "quant", "format", "engine", "predictor"]),
    ("main", &["companion"]),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Every source file below src/ by its path from there, without its unit tests.
fn sources() -> BTreeMap<String, String> {
    let mut files = Vec::new();
    rust_files(&root().join("src"), &mut files);
    let read = |path: PathBuf| {
        let name = path.strip_prefix(root().join("src")).unwrap().to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap().to_owned();
        (name, code)
    };
    files
        .into_iter()
        .map(read)
        .filter(|(name, _)| !name.ends_with("tests.rs") && !name.ends_with("testing.rs"))
        .collect()
}

fn room(file: &str) -> &str {
    file.split('/').next().unwrap().trim_end_matches(".rs")
}

/// The rooms that a text names as `crate::room` or `foreclick::room`.
fn imported(text: &str) -> Vec<String> {
    let mut rooms = Vec::new();
    for start in ["crate::", "foreclick::"] {
        for (at, _) in text.match_indices(start) {
            let rest = &text[at + start.len()..];
            rooms.push(rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
        }
    }
    rooms
}

fn wrong_imports(sources: &BTreeMap<String, String>) -> Vec<String> {
    let mut wrong = Vec::new();
    for (file, text) in sources.iter().filter(|(file, _)| *file != "lib.rs") {
        let own = room(file);
        let Some((_, allowed)) = MAY_IMPORT.iter().find(|(name, _)| *name == own) else {
            wrong.push(format!("{file}: room {own} is not in the list"));
            continue;
        };
        let is_room = |name: &String| MAY_IMPORT.iter().any(|(room, _)| room == name);
        for name in imported(text).into_iter().filter(is_room) {
            if name != own && !allowed.contains(&name.as_str()) {
                wrong.push(format!("{file} imports {name}"));
            }
        }
    }
    wrong
}

#[test]
fn imports_point_one_way() {
    let sources = sources();
    assert!(sources.len() > 40, "only {} source files found", sources.len());
    assert_eq!(wrong_imports(&sources), Vec::<String>::new());
}

#[test]
fn a_wrong_import_would_be_noticed() {
    let mut sources = sources();
    sources.insert("quant.rs".into(), "use crate::engine::Stream;".into());
    assert_eq!(wrong_imports(&sources), ["quant.rs imports engine"]);
}

#[test]
fn cpu_and_gpu_do_not_know_each_other() {
    for (file, text) in sources() {
        let other = match file.as_str() {
            name if name.starts_with("engine/cpu/") => "gpu::",
            name if name.starts_with("engine/gpu/") => "cpu::",
            _ => continue,
        };
        assert!(
            !text.contains(&format!("engine::{other}")) && !text.contains(&format!("super::{other}")),
            "{file} names {other}"
        );
    }
}

#[test]
fn only_training_names_burn_and_only_the_command_line_its_devices() {
    for (file, text) in sources() {
        let allowed = file.starts_with("companion/train/") || file == "companion/cli/train.rs";
        assert!(allowed || !text.contains("burn::"), "{file} names burn");
    }
}

#[test]
fn every_room_is_described() {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    for entry in fs::read_dir(root().join("src")).unwrap() {
        let name = entry.unwrap().file_name().to_string_lossy().into_owned();
        assert!(name == "lib.rs" || text.contains(&format!("src/{name}")), "ARCHITECTURE.md does not name src/{name}");
    }
    for (name, _) in MAY_IMPORT {
        let there = ["", ".rs"].iter().any(|end| root().join("src").join(format!("{name}{end}")).exists());
        assert!(there, "the list names {name}, which is not below src/");
    }
}

/// The script that runs ignored tests finds them by what their names begin with.
#[test]
fn ignored_tests_are_named_by_what_they_need() {
    let mut files = Vec::new();
    rust_files(&root().join("src"), &mut files);
    rust_files(&root().join("tests"), &mut files);
    let script = fs::read_to_string(root().join("tools/test.sh")).unwrap();
    let mut ignored = 0;
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        for pair in lines.windows(2).filter(|pair| pair[0].starts_with("#[ignore")) {
            let name = pair[1].trim_start_matches("fn ");
            let need = name.split_once('_').map_or("", |(need, _)| need);
            assert!(
                pair[0].starts_with("#[ignore = \"needs ") && script.contains(&format!("-- --ignored {need}_\n")),
                "{}: {name} is ignored and no step of tools/test.sh runs it",
                file.display()
            );
            ignored += 1;
        }
    }
    assert!(ignored > 10, "only {ignored} ignored tests found");
}
