//! Imports point one way, burn is named in one room, and ARCHITECTURE.md names every room.
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Each room and the rooms that it may import; a room may always import itself.
const MAY_IMPORT: [(&str, &[&str]); 16] = [
    ("error", &[]),
    ("promise", &[]),
    ("json", &["error"]),
    ("text", &[]),
    ("schema", &["error", "json", "text"]),
    ("vocab", &["error"]),
    ("knowledge", &["error", "json", "vocab"]),
    ("event", &["error", "json", "schema", "text", "vocab"]),
    ("metrics", &["error"]),
    ("quant", &["error"]),
    ("format", &["error", "json", "schema", "vocab", "event", "quant"]),
    ("engine", &["error", "promise", "schema", "vocab", "event", "knowledge", "quant", "format"]),
    ("predictor", &["error", "json", "schema", "vocab", "event", "knowledge", "quant", "format", "engine"]),
    ("web", &["error", "promise", "json", "schema", "vocab", "event", "knowledge", "engine", "format", "predictor"]),
    (
        "companion",
        &[
            "error",
            "schema",
            "text",
            "vocab",
            "event",
            "knowledge",
            "metrics",
            "quant",
            "format",
            "engine",
            "predictor",
        ],
    ),
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

/// The rooms that a text names as `crate::room` or `foreclick::room`, or in a list, `crate::{room, other::Thing}`.
fn imported(text: &str) -> Vec<String> {
    let mut rooms = Vec::new();
    for start in ["crate::", "foreclick::"] {
        for (at, _) in text.match_indices(start) {
            let rest = &text[at + start.len()..];
            match rest.strip_prefix('{') {
                Some(list) => rooms.extend(list_members(list)),
                None => rooms.push(first_name(rest)),
            }
        }
    }
    rooms
}

/// The first names of a list's members, up to the brace that ends it.
fn list_members(list: &str) -> Vec<String> {
    let mut depth = 1;
    let mut members = vec![String::new()];
    for letter in list.chars() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => members.push(String::new()),
            _ if depth == 1 => members[..].last_mut().unwrap().push(letter),
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    members.iter().map(|member| first_name(member.trim())).collect()
}

fn first_name(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

fn names_burn(text: &str) -> bool {
    ["burn::", "use burn;", "use burn as ", "extern crate burn"].iter().any(|way| text.contains(way))
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
    for import in [
        "use crate::engine::Stream;",
        "use crate::{engine::Stream};",
        "use crate::{\n    error::{Error, Result},\n    engine::{Ops, Stream},\n};",
        "fn f() -> crate::engine::Stream {}",
    ] {
        let mut sources = sources();
        sources.insert("quant.rs".into(), import.into());
        assert_eq!(wrong_imports(&sources), ["quant.rs imports engine"], "{import}");
    }
    assert!(names_burn("use burn;") && names_burn("use burn::tensor::Tensor;") && !names_burn("// it burns"));
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
        let allowed = file.starts_with("companion/train/") || file == "companion/cli/begin.rs";
        assert!(allowed || !names_burn(&text), "{file} names burn");
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

/// Made by the build, so that a fresh checkout has none.
const GENERATED: &str = "pkg/wasm/";

/// The paths that a table of rooms names but that are not there. A row's first cell holds paths from the root; what
/// looks like a path in its second lies below one of them.
fn missing_paths(table: &str) -> Vec<String> {
    let mut missing = Vec::new();
    for row in table.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = row.trim_matches('|').split('|').collect();
        let code = |cell: &str| -> Vec<String> { cell.split('`').skip(1).step_by(2).map(str::to_owned).collect() };
        let rooms = code(cells[0]);
        missing.extend(rooms.iter().filter(|path| !root().join(path).exists()).cloned());
        for path in code(cells[1]).into_iter().filter(|name| name.ends_with('/') || name.ends_with(".rs")) {
            let below = rooms.iter().any(|room| root().join(room).join(&path).exists());
            if !below && !root().join(&path).exists() && path != GENERATED {
                missing.push(path);
            }
        }
    }
    missing
}

#[test]
fn every_path_in_the_table_of_rooms_exists() {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let table = text.split("\n## Rooms\n").nth(1).unwrap().split("\n## ").next().unwrap();
    assert!(table.matches("| `").count() > 10, "the table of rooms was not found");
    assert_eq!(missing_paths(table), Vec::<String>::new());

    let wrong =
        "| `src/error.rs` `src/eror.rs` | x |\n| `src/engine/` | `stream.rs`, `strem.rs`, `code()` and `gpus/` |";
    assert_eq!(missing_paths(wrong), ["src/eror.rs", "strem.rs", "gpus/"]);
}
