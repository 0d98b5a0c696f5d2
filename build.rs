//! Makes the shaders short, which every page would load: no comments, no needless spaces, and names of a letter or two. Rust,
//! which writes the constants of a model's sizes before them, asks `short!` for their names.
#![expect(clippy::unwrap_used, reason = "a build without its inputs can only stop")]

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

const SHADERS: [&str; 2] = ["src/engine/gpu", "src/engine/gpu/encode"];

fn main() {
    let files: Vec<(PathBuf, String)> = SHADERS.iter().flat_map(|folder| shaders(folder)).collect();
    let all: Vec<&str> = files.iter().flat_map(|(_, code)| tokens(code)).collect();
    let short = short_names(&all);
    let out = PathBuf::from(std::env::var("OUT_DIR").unwrap());
    for (path, code) in &files {
        std::fs::write(out.join(path.file_name().unwrap()), renamed(&tokens(code), &short)).unwrap();
    }
    std::fs::write(out.join("short.rs"), short_macro(&short)).unwrap();
}

/// The shaders in a folder, without comments and needless spaces.
fn shaders(folder: &str) -> Vec<(PathBuf, String)> {
    println!("cargo::rerun-if-changed={folder}");
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let shaders = paths.filter(|path| path.extension().is_some_and(|extension| extension == "wgsl"));
    shaders.map(|path| (path.clone(), squeeze(&std::fs::read_to_string(&path).unwrap()))).collect()
}

/// Leaves out spaces beside what can't be mistaken for another operator without them.
fn squeeze(source: &str) -> String {
    let code: Vec<&str> = source.lines().map(|line| line.split("//").next().unwrap_or_default()).collect();
    let is_plain = |character: char| ",;:{}()*/|+=".contains(character);
    let mut short = String::new();
    for character in code.join(" ").chars() {
        if is_plain(character) && short.ends_with(' ') {
            short.pop();
        }
        if character != ' ' || !(short.is_empty() || short.ends_with(' ') || short.ends_with(is_plain)) {
            short.push(character);
        }
    }
    short
}

/// Words and what stands between them, in turns.
fn tokens(code: &str) -> Vec<&str> {
    let is_word = |character: &char| character.is_ascii_alphanumeric() || *character == '_';
    let mut tokens = Vec::new();
    let mut rest = code;
    while let Some(first) = rest.chars().next() {
        let kind = is_word(&first);
        let end = rest.find(|character| is_word(&character) != kind).unwrap_or(rest.len());
        tokens.push(&rest[..end]);
        rest = &rest[end..];
    }
    tokens
}

/// Short names for constants and what else the shaders declare themselves, the shortest for what comes most often. Structures
/// and entry points keep theirs, by which Rust asks for them.
fn short_names(all: &[&str]) -> BTreeMap<String, String> {
    let before = |place: usize, back: usize| place.checked_sub(back).map_or("", |place| all[place]);
    // Its attributes stand in front of it.
    let is_entry = |place: usize| before(place, 2) == "fn" && before(place, 3).ends_with(')');
    let is_declared = |place: usize| {
        let is_after_keyword = before(place, 1) == " " && matches!(before(place, 2), "let" | "var" | "fn");
        is_after_keyword || all.get(place + 1).is_some_and(|next| next.starts_with(':'))
    };
    let names = |is_wanted: &dyn Fn(usize) -> bool| -> BTreeSet<&str> {
        (0..all.len()).filter(|&place| is_wanted(place)).map(|place| all[place]).collect()
    };
    let entries = names(&is_entry);
    let mut declared: Vec<&str> = names(&is_declared).into_iter().filter(|name| !entries.contains(name)).collect();
    declared.retain(|name| name.starts_with(|first: char| first.is_ascii_lowercase()));
    declared.extend(names(&|place| is_constant(all[place])));
    declared.retain(|name| name.len() > 1);
    declared.sort_by_key(|name| Reverse(all.iter().filter(|other| *other == name).count()));
    let letters: Vec<char> = ('a'..='z').chain('A'..='Z').collect();
    // With a digit they are no words of the language.
    let ends = std::iter::once(String::new()).chain((0..10).map(|digit| digit.to_string()));
    let short = ends.flat_map(|end| letters.iter().map(move |letter| format!("{letter}{end}")));
    let free = short.filter(|name| !all.contains(&name.as_str()));
    declared.into_iter().map(String::from).zip(free).collect()
}

/// Whether a word is the name of a constant.
fn is_constant(word: &str) -> bool {
    let is_capital = |character: char| character.is_ascii_uppercase() || character == '_';
    word.chars().all(is_capital)
}

/// `short!(NAME)`, the text of a constant's short name.
fn short_macro(short: &BTreeMap<String, String>) -> String {
    let constants = short.iter().filter(|(name, _)| is_constant(name));
    let arms: String = constants.map(|(name, short)| format!("    ({name}) => {{ \"{short}\" }};\n")).collect();
    format!("macro_rules! short {{\n{arms}}}\n")
}

/// The code with short names; an attribute is no name.
fn renamed(tokens: &[&str], short: &BTreeMap<String, String>) -> String {
    let mut code = String::new();
    for &token in tokens {
        let name = short.get(token).filter(|_| !code.ends_with('@'));
        code.push_str(name.map_or(token, String::as_str));
    }
    code
}
