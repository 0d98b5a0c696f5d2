//! Strips the shaders' comments, indentation and needless spaces, which every page would load.
#![expect(clippy::unwrap_used, reason = "a build without its inputs can only stop")]

use std::path::Path;

const SHADERS: [&str; 2] = ["src/engine/gpu", "src/engine/gpu/encode"];

fn main() {
    for folder in SHADERS {
        println!("cargo::rerun-if-changed={folder}");
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "wgsl") {
                strip(&path);
            }
        }
    }
}

fn strip(path: &Path) {
    let source = std::fs::read_to_string(path).unwrap();
    let code = source.lines().map(|line| line.split("//").next().unwrap_or_default().trim());
    let lines: Vec<String> = code.filter(|line| !line.is_empty()).map(squeeze).collect();
    let out = Path::new(&std::env::var("OUT_DIR").unwrap()).join(path.file_name().unwrap());
    std::fs::write(out, lines.join("\n") + "\n").unwrap();
}

/// Leaves out spaces beside what can't be mistaken for another operator without them.
fn squeeze(line: &str) -> String {
    let is_plain = |character: char| ",;:{}()*/|".contains(character);
    let mut short = String::new();
    for character in line.chars() {
        if is_plain(character) && short.ends_with(' ') {
            short.pop();
        }
        if character != ' ' || !short.ends_with(is_plain) {
            short.push(character);
        }
    }
    short
}
