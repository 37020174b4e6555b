//! Whose data left: keyed tokens on the record, from text and from binary rows.

use std::collections::BTreeSet;

use crate::server::MariaDb;
use crate::stage::{Stage, eventually};
use crate::support::{audit_rows, subject_tokens, subjects_shown};

const POLICY: &str = "\
name: clinic
mask:
  - columns: [\"patients.mrn\"]
    with: redact
subjects:
  - columns: [\"patients.mrn\"]
    key: record
    as: mrn
  - columns: [\"patients.id\", \"visits.patient\"]
    key: record
    as: patient
";

#[test]
fn tokens_tell_whose_data_was_shown_masked_or_not() {
    let upstream = "{ address: ADDRESS, tls: disable }";
    let mut stage = Stage::under(
        POLICY,
        MariaDb::start(),
        upstream,
        "keys: { record: { file: record.key } }\n",
    );
    let settings = stage.directory.path().join("interdict.yaml");
    let mrns = subject_tokens(&settings, "mrn", &["MRN0000001", "MRN0000002"]);
    let two = subject_tokens(&settings, "patient", &["1", "2"]);
    let one: BTreeSet<String> = subject_tokens(&settings, "mrn", &["MRN0000001"]);
    let nobody = BTreeSet::new();
    let sqls = [
        ("select name from patients", &nobody),
        ("select mrn from patients", &mrns),
        ("select x.it from (select mrn as it from patients) x", &mrns),
        ("select id from patients where id < 3", &two),
        ("select distinct patient from visits where patient < 3", &two),
    ];
    for (sql, _) in &sqls {
        stage.ask(sql);
    }
    // Binary rows.
    let mut wire = stage.wire();
    let (statement, ..) = wire
        .prepare("select name, mrn from patients where id = ?")
        .unwrap();
    wire.execute(statement, &[Some("1")], false);
    drop(wire);
    let audit = stage.daemon.audit.clone();
    eventually("the sessions are over", || {
        audit_rows(&audit, "sessions").len() == sqls.len() + 1
    });
    for (sql, expected) in sqls {
        // Literals beside masked columns are not on record.
        let (tokens, flags) = subjects_shown(&audit, sql.split(" where").next().unwrap());
        assert_eq!((&tokens, flags.len()), (expected, 0), "{sql}: {flags:?}");
    }
    assert_eq!(subjects_shown(&audit, "select name, mrn from patients").0, one);
    stage.daemon.stop();
    let raw = crate::stage::bytes_below(&audit);
    assert!(
        !raw.windows(10).any(|window| window == b"MRN0000001"),
        "the record has an identifier"
    );
}
