//! The auditor's package: made of a record that real clients made, and every figure of it computed again by DuckDB.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/mod.rs"]
mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use support::{Daemon, Postgres, explicit_settings, interdict, psql, scratch, skipped, text};

const POLICY: &str = "\
name: clinic
mask:
  - columns: ['patients.ssn']
    with: { partial: { keep_last: 4 } }
  - columns: ['patients.mrn']
    with: redact
rules:
  - name: no-drops
    when: '\"drop\" in effects'
    then: deny
    message: tables stay
  - name: trial
    when: '\"insert\" in effects'
    then: { hold: { approvers: ['user:nobody'], timeout: 1s } }
";

/// Runs the queries of a package in DuckDB, and prints their rows as text.
const RUN: &str = r#"
import json, sys, duckdb
script = open("queries.sql").read()
db = duckdb.connect()
head, *rest = script.split("\n-- ")
# What stands before the figures: settings and views.
for part in script.split(";\n"):
    if "CREATE OR REPLACE" in part or part.strip().endswith("'UTC'"):
        db.execute(part)
out = {}
for figure in json.load(open("figures.json")):
    rows = db.execute(figure["sql"]).fetchall()
    out[figure["id"]] = [["" if cell is None else str(cell) for cell in row] for row in rows]
json.dump(out, sys.stdout)
"#;

fn record() -> (tempfile::TempDir, PathBuf) {
    let server = Postgres::start();
    let directory = scratch();
    let (settings, port) = explicit_settings(directory.path(), server.port, Some(POLICY));
    let mut daemon = Daemon::start(&settings, &directory.path().join("audit"));
    let socket = directory.path().join("admin.sock");
    for sql in [
        "select id, name, ssn, mrn from patients order by id",
        "select name, '<b>&' as markup from patients",
        "drop table visits",
        "drop table visits",
        "insert into visits values (9001, 1, now(), 'x')",
        "select id, specimen from visits",
        "select 1/0",
    ] {
        let _ = psql(port, sql);
    }
    let made = Command::new(interdict())
        .args([
            "grants",
            "create",
            "--service",
            "clinic",
            "--reason",
            "ticket 9",
            "--identity",
            "*",
        ])
        .args(["--column", "patients.ssn", "--for", "5m", "--socket"])
        .arg(&socket)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", text(&made.stderr));
    assert_eq!(
        text(&psql(port, "select ssn from patients where id = 1").stdout),
        "123-45-6789\n"
    );
    // Another policy comes into force.
    let policy = directory.path().join("policy.yaml");
    fs::write(&policy, POLICY.replace("tables stay", "tables are to stay")).unwrap();
    daemon.signal(nix::sys::signal::Signal::SIGHUP);
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while !text(&psql(port, "drop table visits").stderr).contains("are to stay") {
        assert!(
            std::time::Instant::now() < deadline,
            "the new policy does not come into force"
        );
    }
    daemon.stop();
    let audit = directory.path().join("audit");
    (directory, audit)
}

fn evidence(audit: &Path, out: &Path, more: &[&str]) -> Output {
    Command::new(interdict())
        .args(["evidence", "--from", "1d", "--directory"])
        .arg(audit)
        .arg("--out")
        .arg(out)
        .args(more)
        .output()
        .unwrap()
}

#[test]
fn every_figure_is_what_its_query_gives() {
    let (directory, audit) = record();
    let out = directory.path().join("package");
    let key = directory.path().join("seal.key");
    let made = evidence(&audit, &out, &["--key", key.to_str().unwrap()]);
    assert!(
        made.status.success(),
        "{}{}",
        text(&made.stdout),
        text(&made.stderr)
    );
    assert!(out.join("manifest.json.sig").is_file());
    let verified = |more: &[&str]| {
        let output = Command::new(interdict())
            .args(["audit", "verify"])
            .arg(out.join("data"))
            .arg("--public-key")
            .arg(out.join("public-key.pem"))
            .args(more)
            .output()
            .unwrap();
        (output.status.code(), text(&output.stdout))
    };
    let (code, told) = verified(&["--extract"]);
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("are not here"), "{told}");
    // As a whole record it would lack what clients saw.
    assert_eq!(verified(&[]).0, Some(1));
    let figures: Vec<Value> = serde_json::from_slice(&fs::read(out.join("figures.json")).unwrap()).unwrap();
    let of = |id: &str| figures.iter().find(|figure| figure["id"] == id).unwrap()["rows"].to_string();
    // The record has what was done.
    assert!(of("refused").contains("no-drops") && of("refused").contains("trial"));
    assert!(of("masked").contains("public.patients.ssn"));
    assert!(of("unmasked_by_grant").contains("clinic"));
    assert!(of("bulk").contains("2000"));
    assert!(of("grants").contains("ticket 9"));
    assert!(of("approval_events").contains("expired"));
    assert_eq!(
        serde_json::from_str::<Value>(&of("policies_in_force"))
            .unwrap()
            .as_array()
            .unwrap()
            .len(),
        2
    );
    let run = Command::new("python3")
        .args(["-c", RUN])
        .current_dir(&out)
        .output()
        .unwrap();
    if text(&run.stderr).contains("No module named 'duckdb'") {
        return skipped("DuckDB's Python module, which `cargo xtask setup` brings, is not there");
    }
    assert!(run.status.success(), "{}", text(&run.stderr));
    let again: Value = serde_json::from_slice(&run.stdout).unwrap();
    for figure in &figures {
        let id = figure["id"].as_str().unwrap();
        assert_eq!(
            figure["rows"], again[id],
            "{id}: what the package says, and what its query gives"
        );
    }
    assert!(figures.len() >= 25, "{}", figures.len());
}

#[test]
fn the_package_proves_itself_and_hides_what_the_policy_hides() {
    let (directory, audit) = record();
    let out = directory.path().join("package");
    assert!(evidence(&audit, &out, &[]).status.success());
    let manifest: Value = serde_json::from_slice(&fs::read(out.join("manifest.json")).unwrap()).unwrap();
    assert_eq!(manifest["record_sound"], true);
    let files = manifest["files"].as_array().unwrap();
    for file in files {
        let path = file["path"].as_str().unwrap();
        let sum = Command::new("sha256sum").arg(out.join(path)).output().unwrap();
        assert!(
            text(&sum.stdout).starts_with(file["sha256"].as_str().unwrap()),
            "{path}"
        );
    }
    let scan: Value = serde_json::from_slice(&fs::read(out.join("scan.json")).unwrap()).unwrap();
    assert_eq!(scan["clean"], true, "{scan}");
    for wanted in [
        "index.html",
        "README.txt",
        "queries.sql",
        "verify.txt",
        "policies/changes.diff",
    ] {
        assert!(
            files.iter().any(|file| file["path"] == wanted),
            "{wanted} is not listed"
        );
    }
    assert!(
        files
            .iter()
            .any(|file| file["path"].as_str().unwrap().starts_with("replays/"))
    );
    let diff = fs::read_to_string(out.join("policies/changes.diff")).unwrap();
    assert!(diff.contains("-    message: tables stay") && diff.contains("+    message: tables are to stay"));
    let page = fs::read_to_string(out.join("index.html")).unwrap();
    for clause in ["164.312(b)", "164.312(c)(1)", "164.308(a)(1)(ii)(D)", "164.528"] {
        assert!(page.contains(clause), "{clause}");
    }
    assert!(!page.contains("http://") && !page.contains("https://") && !page.contains("<script"));
    for path in files.iter().map(|file| file["path"].as_str().unwrap()) {
        let bytes = fs::read(out.join(path)).unwrap();
        for planted in ["123-45-6789", "219-09-9999", "MRN0000001"] {
            assert!(
                memchr::memmem::find(&bytes, planted.as_bytes()).is_none(),
                "{planted} is in {path}"
            );
        }
    }
    // What is there is not overwritten, and a record that was changed is said to be.
    assert_eq!(evidence(&audit, &out, &[]).status.code(), Some(2));
    let segment = walk(&audit.join("statements")).pop().unwrap();
    fs::remove_file(&segment).unwrap();
    let changed = evidence(&audit, &directory.path().join("second"), &[]);
    assert_eq!(changed.status.code(), Some(1), "{}", text(&changed.stdout));
    assert!(text(&changed.stdout).contains("NOT SOUND"));
}

#[test]
fn a_period_without_a_record_is_refused() {
    let directory = scratch();
    fs::create_dir(directory.path().join("audit")).unwrap();
    let made = evidence(
        &directory.path().join("audit"),
        &directory.path().join("out"),
        &[],
    );
    assert_eq!(made.status.code(), Some(2), "{}", text(&made.stdout));
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files.extend(walk(&path));
        } else {
            files.push(path);
        }
    }
    files
}
