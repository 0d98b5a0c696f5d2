//! Strips the shaders' comments and indentation, which every page would load.
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
    let lines: Vec<&str> = code.filter(|line| !line.is_empty()).collect();
    let out = Path::new(&std::env::var("OUT_DIR").unwrap()).join(path.file_name().unwrap());
    std::fs::write(out, lines.join("\n") + "\n").unwrap();
}
