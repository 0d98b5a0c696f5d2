//! The companion's entry point: `foreclick --help`.

use std::process::ExitCode;

// The system's allocator gives large blocks back after each training step and faults them in again.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match foreclick::companion::cli::run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}
