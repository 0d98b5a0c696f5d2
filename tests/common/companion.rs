//! The companion's program, run in a folder, and a log for it.

use assert_cmd::Command;
use std::fmt::Write;
use std::path::Path;

pub fn foreclick(folder: &Path) -> Command {
    let mut command = Command::cargo_bin("foreclick").unwrap();
    command.current_dir(folder);
    command
}

/// What a command that must not fail prints.
pub fn output(command: &mut Command) -> String {
    String::from_utf8(command.assert().success().get_output().stdout.clone()).unwrap()
}

/// What a command that must end in an error says.
pub fn failure(command: &mut Command) -> String {
    let assert = command.assert().code(2);
    String::from_utf8(assert.get_output().stderr.clone()).unwrap()
}

/// Forty visitors who walk round a ring of thirty pages, each from another one.
pub fn write_log(folder: &Path) {
    let mut log = String::from("visitor,page,time,price\n");
    for visitor in 0..40u64 {
        for step in 0..12u64 {
            let page = (visitor + step) % 30;
            let price = if step == 3 { "NaN".to_owned() } else { format!("{}.5", page) };
            writeln!(log, "v{visitor},page{page},{},{price}", 1_700_000_000 + visitor * 100_000 + step * 60).unwrap();
        }
    }
    std::fs::write(folder.join("clicks.csv"), log).unwrap();
}
