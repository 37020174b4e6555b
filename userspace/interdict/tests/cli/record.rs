//! `interdict sessions` and `interdict audit …` over a record made by the audit room itself.

use std::fs;
use std::path::{Path, PathBuf};

use interdict_audit::{Audit, Config};
use interdict_record::{Record, SessionEnded, SessionStarted, StatementEnded, StatementStarted};
use serde_json::Value;
use uuid::Uuid;

use crate::support::{Directory, run};

/// 2026-05-01T12:00:00Z
const NOON: i64 = 1_777_636_800_000_000;
const FIRST: Uuid = Uuid::from_u128(0x0196_8b6b_5f80_7000_8000_0000_0000_0001);
const SECOND: Uuid = Uuid::from_u128(0x0196_8b6b_5f80_7000_8000_0000_0000_0002);

fn session(session_id: Uuid, started_at: i64, identity: &str) -> Record {
    Record::SessionStarted(Box::new(SessionStarted {
        session_id,
        started_at,
        identity: identity.to_owned(),
        service: "clinic".to_owned(),
        protocol: "postgres".to_owned(),
        attestation: "kernel".to_owned(),
        ..SessionStarted::default()
    }))
}

/// An ended session with two statements, one of them refused, and another session an hour later.
fn recorded() -> (Directory, String) {
    let directory = Directory::new(&[]);
    let path = format!("{}/audit", directory.path());
    let mut records = vec![session(FIRST, NOON, "unit:agent-1.service")];
    for (number, decision) in [(1, "allow"), (2, "deny")] {
        let statement_id = Uuid::from_u128(number);
        records.push(Record::StatementStarted(Box::new(StatementStarted {
            session_id: FIRST,
            statement_id,
            requested_at: NOON,
            decided_at: NOON,
            service: "clinic".to_owned(),
            identity: "unit:agent-1.service".to_owned(),
            statement: format!("SELECT {number}\n\x1b[2J"),
            decision: decision.to_owned(),
            ..StatementStarted::default()
        })));
        records.push(Record::StatementEnded(Box::new(StatementEnded {
            session_id: FIRST,
            statement_id,
            ended_at: NOON,
            status: "ok".to_owned(),
            ..StatementEnded::default()
        })));
    }
    records.push(Record::SessionEnded(Box::new(SessionEnded {
        session_id: FIRST,
        ended_at: NOON,
        end_reason: "client".to_owned(),
        statements: 2,
        ..SessionEnded::default()
    })));
    records.push(session(SECOND, NOON + 3_600_000_000, "user:ann"));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let audit = Audit::open(Config::new(&path, "host", "boot")).unwrap();
        audit.append(records).await.unwrap().durable().await.unwrap();
        audit.close().await.unwrap();
    });
    (directory, path)
}

fn json(arguments: &[&str]) -> Value {
    let result = run(arguments);
    assert_eq!(result.code, 0, "{arguments:?}: {}", result.stderr);
    serde_json::from_str(&result.stdout).unwrap()
}

fn segments(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(segments(&path));
        } else if path.extension().is_some_and(|extension| extension == "parquet") {
            found.push(path);
        }
    }
    found
}

#[test]
fn sessions_are_found() {
    let (directory, path) = recorded();
    let ids = |filters: &[&str]| -> Vec<String> {
        let arguments = [&["sessions", "--directory", &path, "--json"], filters].concat();
        let rows = json(&arguments);
        rows.as_array()
            .unwrap()
            .iter()
            .map(|row| row["session_id"].as_str().unwrap().to_owned())
            .collect()
    };
    let (first, second) = (FIRST.to_string(), SECOND.to_string());
    for (filters, expected) in [
        (&[][..], &[&first, &second][..]),
        (&["--identity", "user:ann"], &[&second]),
        (&["--service", "clinic", "--last", "1"], &[&second]),
        (&["--service", "other"], &[]),
        (&["--since", "2026-05-01T12:30:00Z"], &[&second]),
        (&["--until", "2026-05-01T12:30:00Z"], &[&first]),
        (&["--since", "2026-05-02"], &[]),
        (&["--session", &first], &[&first]),
    ] {
        assert_eq!(ids(filters).iter().collect::<Vec<_>>(), expected, "{filters:?}");
    }
    let reading = run(&["sessions", "--directory", &path]);
    assert!(
        reading.stdout.starts_with("STARTED               SESSION"),
        "{}",
        reading.stdout
    );
    assert!(
        reading.stdout.contains("2026-05-01T12:00:00Z  "),
        "{}",
        reading.stdout
    );

    // The same by the settings' own word for where the record is.
    let settings = format!(
        "services: [{{ name: clinic, protocol: postgres, listen: \"127.0.0.1:6432\", upstream: {{ address: \"db:5432\" }} }}]\nkernel: {{ mode: off }}\naudit: {{ directory: {path} }}\n"
    );
    let file = directory.write("interdict.yaml", &settings);
    assert_eq!(
        json(&["sessions", "--config", &file, "--json"])
            .as_array()
            .unwrap()
            .len(),
        2
    );
}

#[test]
fn rows_are_read_and_counted() {
    let (_directory, path) = recorded();
    let denied = json(&["audit", "rows", &path, "--where", "decision=deny", "--json"]);
    assert_eq!(denied.as_array().unwrap().len(), 1);
    assert_eq!(denied[0]["statement"], "SELECT 2\n\u{1b}[2J");
    let reading = run(&["audit", "rows", &path]);
    assert!(
        reading.stdout.contains("SELECT 2") && !reading.stdout.contains('\u{1b}'),
        "{}",
        reading.stdout
    );
    let stats = json(&["audit", "stats", &path, "--json"]);
    assert_eq!(stats["tables"]["statements"]["rows"], 2);
    let reading = run(&["audit", "stats", &path]);
    assert!(
        reading
            .stdout
            .lines()
            .any(|line| line.starts_with("statements     2")),
        "{}",
        reading.stdout
    );
}

#[test]
fn a_sound_record_is_0_and_a_changed_one_is_1() {
    let (_directory, path) = recorded();
    let report = json(&["audit", "verify", &path, "--json"]);
    assert_eq!(
        (&report["sound"], &report["findings"]),
        (&Value::Bool(true), &Value::Array(Vec::new()))
    );

    let statements = segments(&Path::new(&path).join("statements"));
    fs::remove_file(statements.first().unwrap()).unwrap();
    let result = run(&["audit", "verify", &path]);
    assert_eq!(result.code, 1, "{}", result.stdout);
    assert!(result.stdout.starts_with("missing segment"), "{}", result.stdout);
    let result = run(&["audit", "verify", &path, "--json"]);
    let report: Value = serde_json::from_str(&result.stdout).unwrap();
    assert_eq!((result.code, &report["sound"]), (1, &Value::Bool(false)));
}
