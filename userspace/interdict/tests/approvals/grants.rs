//! Grants: what they let pass, and what ends with them.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::Stdio;
use std::time::{Duration, Instant};

use super::{Stage, stage};
use crate::support::{audit_rows, psql, psql_command, text};

impl Stage {
    fn grant(&self, words: &[&str]) -> String {
        let common = ["grants", "create", "--service", "clinic", "--reason", "ticket 9"];
        let made = self.json(&[&common[..], words].concat());
        let id = made.get("id").or_else(|| made["grant"].get("id"));
        id.and_then(|id| id.as_str())
            .unwrap_or_else(|| panic!("{made}"))
            .to_owned()
    }
}

#[test]
fn a_grant_lets_pass_what_would_be_held_and_is_on_record_with_its_use() {
    let mut stage = stage();
    let id = stage.grant(&[
        "--identity",
        "address:*",
        "--effect",
        "delete",
        "--relation",
        "visits",
        "--for",
        "5m",
    ]);
    let sql = "delete from visits where id = 20";
    let passed = psql(stage.port, sql);
    assert!(passed.status.success(), "{}", text(&passed.stderr));
    // Beyond it nothing is given.
    let beyond = psql(stage.port, "drop table visits");
    assert!(
        text(&beyond.stderr).contains("nobody decided"),
        "{}",
        text(&beyond.stderr)
    );
    stage.daemon.stop();
    let statements = audit_rows(&stage.daemon.audit, "statements");
    let deleted = statements.iter().find(|row| row["kind"] == "delete").unwrap();
    assert_eq!(deleted["grant_id"].as_str(), Some(id.as_str()));
    let grants = audit_rows(&stage.daemon.audit, "grants");
    assert!(
        grants
            .iter()
            .any(|row| row["reason"] == "ticket 9" && row["grant_id"].as_str() == Some(&id)),
        "{grants:?}"
    );
}

#[test]
fn a_column_is_shown_for_as_long_as_the_grant_lasts() {
    let stage = stage();
    let sql = "select ssn from patients where id = 1";
    let see = || text(&psql(stage.port, sql).stdout);
    assert_eq!(see(), "[redacted]\n");
    let id = stage.grant(&["--identity", "*", "--column", "patients.ssn", "--for", "5m"]);
    assert_eq!(see(), "123-45-6789\n");
    let ended = stage.interdict(&["grants", "revoke", &id, "--reason", "done"]);
    assert!(ended.status.success(), "{}", text(&ended.stderr));
    assert_eq!(see(), "[redacted]\n");
}

/// Rows without end arrive; then the grant is over, and within a second nothing does.
#[test]
fn the_end_of_a_grant_cuts_a_copy_that_runs() {
    for revoked in [false, true] {
        let stage = stage();
        let length = if revoked { "5m" } else { "6s" };
        let began = Instant::now();
        let id = stage.grant(&[
            "--identity",
            "*",
            "--effect",
            "copy_out",
            "--effect",
            "call",
            "--for",
            length,
        ]);
        let mut client = psql_command(stage.port)
            .args([
                "-c",
                "copy (select i, pg_sleep(0.0005) from generate_series(1, 1000000) i) to stdout",
            ])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut rows = BufReader::new(client.stdout.take().unwrap());
        let mut row = String::new();
        for _ in 0..1510 {
            row.clear();
            if rows.read_line(&mut row).unwrap() == 0 {
                let mut error = String::new();
                client.stderr.take().unwrap().read_to_string(&mut error).unwrap();
                panic!("it did not pass the threshold: {error}");
            }
        }
        let due = if revoked {
            let ended = stage.interdict(&["grants", "revoke", &id, "--reason", "enough"]);
            assert!(ended.status.success());
            Instant::now()
        } else {
            began + Duration::from_secs(6)
        };
        let mut rest = Vec::new();
        rows.read_to_end(&mut rest).unwrap();
        let over = Instant::now();
        let mut error = String::new();
        client.stderr.take().unwrap().read_to_string(&mut error).unwrap();
        client.wait().unwrap();
        assert!(
            error.contains("the grant under which this session ran is over"),
            "{error}"
        );
        let late = over.saturating_duration_since(due);
        assert!(late < Duration::from_secs(1), "{late:?} after its end");
        println!(
            "cut {} ms after the grant ended (revoked: {revoked})",
            late.as_millis()
        );
    }
}
