//! A policy that is tried before it is in force: on live statements, and on those of the record.

use std::fs;
use std::process::Command;

use serde_json::Value;

use super::Stage;
use crate::support::{Daemon, Postgres, audit_rows, explicit_settings, interdict, psql, run, scratch, text};

const ENFORCED: &str =
    "name: now\nrules:\n  - name: no-drops\n    when: '\"drop\" in effects'\n    then: deny\n";

const TRIED: &str = "name: next
mode: dry-run
mask:
  - columns: ['patients.ssn']
    with: redact
rules:
  - name: no-deletes
    when: '\"delete\" in effects'
    then: deny
  - name: bulk
    when: 'result.rows > 1000'
    then: { hold: { approvers: ['group:dpo'] } }
";

#[test]
fn what_it_would_do_is_on_record_and_what_it_would_have_done_is_told() {
    let server = Postgres::start();
    let directory = scratch();
    let (settings, port) = explicit_settings(directory.path(), server.port, Some(ENFORCED));
    fs::write(directory.path().join("next.yaml"), TRIED).unwrap();
    let with_both = fs::read_to_string(&settings)
        .unwrap()
        .replace("[policy.yaml]", "[policy.yaml, next.yaml]");
    fs::write(&settings, with_both).unwrap();
    let mut stage = Stage {
        daemon: Daemon::start(&settings, &directory.path().join("audit")),
        server,
        port,
        directory,
    };

    let ask = |sql: &str| psql(stage.port, sql);
    assert_eq!(
        text(&ask("select ssn from patients where id = 1").stdout),
        "123-45-6789\n"
    );
    assert!(ask("delete from visits where id = 3").status.success());
    assert!(ask("select id from visits").status.success());
    assert!(!ask("drop table visits").status.success());
    stage.daemon.stop();

    let statements = audit_rows(&stage.daemon.audit, "statements");
    let flags = |kind: &str| {
        let row = statements.iter().find(|row| row["kind"] == kind).unwrap();
        row["flags"].to_string()
    };
    assert!(
        flags("delete").contains("would_deny:next/no-deletes"),
        "{}",
        flags("delete")
    );
    assert!(!flags("drop").contains("would_"), "{}", flags("drop"));

    let policy = stage.directory.path().join("enforced.yaml");
    fs::write(&policy, TRIED.replace("mode: dry-run\n", "")).unwrap();
    let replay = |policy: &std::path::Path, json: bool| {
        let mut command = Command::new(interdict());
        command.args(["policy", "replay", "--directory"]);
        command.arg(&stage.daemon.audit).arg(policy);
        if json {
            command.arg("--json");
        }
        command.output().unwrap()
    };
    let told = replay(&policy, true);
    assert_eq!(told.status.code(), Some(1), "{}", text(&told.stderr));
    let told: Value = serde_json::from_slice(&told.stdout).unwrap();
    let changes: Vec<(&str, &str)> = told["decisions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| {
            (
                change["before"].as_str().unwrap(),
                change["after"].as_str().unwrap(),
            )
        })
        .collect();
    assert!(changes.contains(&("allow", "deny (no-deletes)")), "{changes:?}");
    assert!(changes.contains(&("allow", "hold (bulk)")), "{changes:?}");
    assert!(changes.contains(&("deny (no-drops)", "allow")), "{changes:?}");
    assert_eq!(changes.len(), 3, "{changes:?}");
    let shown = text(&replay(&policy, false).stdout);
    assert!(
        shown.contains("deny (no-deletes)") && shown.contains("would be decided otherwise"),
        "{shown}"
    );

    // The policy that was in force changes nothing.
    let same = replay(&stage.directory.path().join("policy.yaml"), true);
    assert_eq!(same.status.code(), Some(0), "{}", text(&same.stdout));
    let broken = stage.directory.path().join("broken.yaml");
    fs::write(&broken, "name: x\nrulez: []\n").unwrap();
    assert_eq!(replay(&broken, true).status.code(), Some(2));
    run(Command::new(interdict())
        .args(["audit", "verify"])
        .arg(&stage.daemon.audit));
}
