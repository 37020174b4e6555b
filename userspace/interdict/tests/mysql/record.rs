//! What is on the record afterwards.

use crate::stage::{Stage, bytes_below, eventually};
use crate::support::audit_rows;

#[test]
fn everything_is_on_the_record_and_the_record_is_sound() {
    let mut stage = Stage::start();
    stage.ask("select id, ssn from patients where id = 1");
    stage.refused("drop table visits");
    stage.ask("begin; insert into visits (id, specimen) values (9001, 'x'); select 1; commit");
    let mut wire = stage.wire();
    let (statement, ..) = wire
        .prepare("select name, ssn from patients where id = ?")
        .unwrap();
    wire.execute(statement, &[Some("2")], false);
    drop(wire);
    let audit = stage.daemon.audit.clone();
    eventually("four sessions", || audit_rows(&audit, "sessions").len() == 4);
    let rows = stage.statements();
    let find = |needle: &str| {
        rows.iter()
            .find(|row| row["statement"].as_str().unwrap().contains(needle))
            .unwrap_or_else(|| panic!("{needle}: {rows:#?}"))
    };
    for (needle, kind) in [("select id, ssn", "select"), ("select name, ssn", "select")] {
        let read = find(needle);
        assert_eq!(read["decision"], "mask", "{read}");
        assert_eq!(read["kind"], kind, "{read}");
        assert_eq!(
            (&read["rows"], &read["masked_cells"], &read["status"]),
            (&1.into(), &1.into(), &"ok".into())
        );
        assert_eq!(read["columns"][1]["origin"], "clinic.patients.ssn", "{read}");
        assert!(read["columns"][1]["mask"].as_str().unwrap().contains("partial"));
    }
    assert_eq!(find("select name, ssn")["parameters"][0], "[redacted]");
    let drop = find("drop table");
    assert_eq!(
        (
            &drop["decision"],
            &drop["rule"],
            &drop["sqlstate"],
            &drop["status"]
        ),
        (
            &"deny".into(),
            &"no-destructive".into(),
            &"42000".into(),
            &"refused".into()
        )
    );
    assert!(drop["effects"].to_string().contains("drop"));
    assert_eq!(find("insert into visits")["status"], "ok");
    let sessions = audit_rows(&audit, "sessions");
    assert!(
        sessions.iter().all(|row| row["end_reason"] == "client"
            && row["protocol"] == "mysql"
            && row["database"] == "clinic"),
        "{sessions:#?}"
    );
    assert!(
        sessions
            .iter()
            .any(|row| row["db_user"] == "agent" && row["application"] == "mysql"),
        "{sessions:#?}"
    );
}

#[test]
fn no_protected_value_comes_to_the_record() {
    let mut stage = Stage::start();
    stage.ask("select * from patients");
    stage.ask("select name from patients where ssn = '123-45-6789'");
    stage.ask("update patients set ssn = '555-44-3333', email = 'new@example.org' where id = 3");
    stage.refused("insert into patients (id, mrn) values (9, 'MRN0000001')");
    let mut wire = stage.wire();
    let (statement, ..) = wire.prepare("select name from patients where ssn = ?").unwrap();
    assert_eq!(
        wire.execute(statement, &[Some("219-09-9999")], false).shown(),
        "Bo Sample"
    );
    drop(wire);
    assert_eq!(stage.statements().len(), 5);
    let record = bytes_below(&stage.daemon.audit);
    let listed = format!("{:?}", audit_rows(&stage.daemon.audit, "statements"));
    for value in [
        "123-45-6789",
        "219-09-9999",
        "555-44-3333",
        "new@example.org",
        "MRN0000001",
        "ada@example.org",
        "1980-02-03",
    ] {
        assert!(!listed.contains(value), "{value} is on the record");
        assert!(
            !record
                .windows(value.len())
                .any(|window| window == value.as_bytes()),
            "{value} is in the record's files"
        );
    }
}
