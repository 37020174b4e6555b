//! psql: its commands about the schema, one session for all.

use std::fmt::Write as _;
use std::process::Command;

use serde_json::Value;

use crate::stage::Shown;
use crate::support::{run, scratch, text};

const COMMANDS: &str = include_str!("programs/psql.txt");
const MARK: &str = "== ";

/// Runs each command; its output and its errors, as they came, are the result.
pub(crate) fn run_all(port: u16) -> Shown {
    let directory = scratch();
    let script = directory.path().join("commands");
    let mut lines = String::new();
    for command in COMMANDS.lines() {
        let quoted = command.replace('\\', "\\\\").replace('\'', "\\'");
        let _ = writeln!(lines, "\\echo '{MARK}{quoted}'\n{command}");
    }
    std::fs::write(&script, lines).unwrap();
    let output = run(Command::new("sh")
        .args(["-c", "exec \"$@\" 2>&1", "sh"])
        .args([
            "psql",
            "-X",
            "-h",
            "127.0.0.1",
            "-U",
            "postgres",
            "-d",
            "clinic",
            "-p",
        ])
        .arg(port.to_string())
        .arg("-f")
        .arg(&script));
    let place = format!("psql:{}:", script.display());
    let mut shown: Shown = Vec::new();
    for line in text(&output.stdout).lines() {
        match (line.strip_prefix(MARK), shown.last_mut()) {
            (Some(command), _) => shown.push((command.to_owned(), Value::String(String::new()))),
            (None, Some((_, Value::String(shown)))) => {
                shown.push_str(line.strip_prefix(&place).unwrap_or(line));
                shown.push('\n');
            }
            _ => panic!("psql said something before the first command: {line}"),
        }
    }
    shown
}
