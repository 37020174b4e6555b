//! `pg_dump` in its formats.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::stage::Shown;
use crate::support::{scratch, text};

/// Name and arguments; an archive, which holds the time of its making, is compared as the script that it restores to.
const DUMPS: &[(&str, &str, &[&str])] = &[
    ("table", "pg_dump", &["-t", "visits"]),
    ("data only", "pg_dump", &["-t", "visits", "--data-only"]),
    ("inserts", "pg_dump", &["-t", "visits", "--inserts"]),
    ("column inserts", "pg_dump", &["-t", "visits", "--column-inserts"]),
    (
        "rows per insert",
        "pg_dump",
        &["-t", "visits", "--rows-per-insert=50"],
    ),
    ("custom", "pg_dump", &["-t", "visits", "-Fc", "-f"]),
    ("tar", "pg_dump", &["-t", "visits", "-Ft", "-f"]),
    (
        "directory, two jobs",
        "pg_dump",
        &["-t", "visits", "-t", "clinics", "-Fd", "-j2", "-f"],
    ),
    ("partitions", "pg_dump", &["-t", "readings*"]),
    (
        "clean, serializable",
        "pg_dump",
        &[
            "-t",
            "clinics",
            "--clean",
            "--if-exists",
            "--serializable-deferrable",
        ],
    ),
    ("schema of all", "pg_dump", &["--schema-only"]),
    (
        "all but the patients' rows",
        "pg_dump",
        &["--exclude-table-data=patients"],
    ),
    (
        "schema of patients",
        "pg_dump",
        &["--schema-only", "-t", "patients"],
    ),
    ("patients", "pg_dump", &["-t", "patients", "--data-only"]),
    (
        "patients by inserts",
        "pg_dump",
        &["-t", "patients", "--data-only", "--inserts"],
    ),
    ("all", "pg_dump", &["--data-only"]),
    (
        "roles without passwords",
        "pg_dumpall",
        &["--roles-only", "--no-role-passwords"],
    ),
];

/// Makes every dump.
pub(crate) fn run(port: u16) -> Shown {
    let directory = scratch();
    DUMPS
        .iter()
        .map(|(name, program, arguments)| {
            let archive = directory.path().join(name);
            ((*name).to_owned(), dump(port, program, arguments, &archive))
        })
        .collect()
}

fn dump(port: u16, program: &str, arguments: &[&str], archive: &Path) -> Value {
    let archived = arguments.last() == Some(&"-f");
    let mut command = Command::new(program);
    command
        .args(["-h", "127.0.0.1", "-U", "postgres", "-p", &port.to_string()])
        .args(arguments);
    if archived {
        command.arg(archive);
    }
    if program == "pg_dump" {
        command.arg("clinic");
    }
    let result = script(&mut command);
    if !archived || result.get("failed").is_some() {
        return result;
    }
    script(Command::new("pg_restore").args(["-f", "-"]).arg(archive))
}

/// What a program writes, without the key that newer ones guard a script with, drawn at random.
fn script(command: &mut Command) -> Value {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    if !output.status.success() {
        return serde_json::json!({ "failed": output.status.code(), "text": text(&output.stderr) });
    }
    let lines: Vec<String> = text(&output.stdout)
        .lines()
        .map(|line| match line.split_once(' ') {
            Some((word @ ("\\restrict" | "\\unrestrict"), _)) => word.to_owned(),
            _ => line.to_owned(),
        })
        .collect();
    Value::String(lines.join("\n") + &text(&output.stderr))
}
