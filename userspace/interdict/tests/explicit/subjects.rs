//! Whose data left: keyed tokens on the record, and no identifier.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::support::{
    Daemon, Postgres, audit_rows, explicit_settings, scratch, subject_tokens, subjects_shown as shown,
};
use crate::{Stage, ask, client};

const POLICY: &str = "\
name: clinic
subjects:
  - columns: [\"patients.mrn\", \"cases.mrn\"]
    key: record
    as: mrn
  - columns: [\"*.patient\"]
    key: record
    as: patient
  - columns: [\"patients.id\"]
    key: record
    as: patient
";

fn stage(masks: &str) -> Stage {
    let server = Postgres::start();
    server.psql(
        "create view cards as select id as card, mrn as number from patients;
         create table cases (mrn character(20), patient numeric(8,0));
         insert into cases select mrn, id from patients where mrn is not null;",
    );
    let directory = scratch();
    let (settings, port) =
        explicit_settings(directory.path(), server.port, Some(&format!("{POLICY}{masks}")));
    let key = directory.path().join("record.key");
    std::fs::write(&key, "a key of the test, 32 bytes long").unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    let mut file = std::fs::OpenOptions::new().append(true).open(&settings).unwrap();
    file.write_all(b"keys: { record: { file: record.key } }\n")
        .unwrap();
    let daemon = Daemon::start(&settings, &directory.path().join("audit"));
    Stage {
        server,
        daemon,
        port,
        directory,
    }
}

fn tokens(stage: &Stage, name: &str, values: &[&str]) -> BTreeSet<String> {
    subject_tokens(&stage.directory.path().join("interdict.yaml"), name, values)
}

const MRNS: [&str; 2] = ["MRN0000001", "MRN0000002"];

fn answers(mut stage: Stage, made: &'static str) {
    let mrns = tokens(&stage, "mrn", &MRNS);
    let ids = tokens(&stage, "patient", &["1", "2", "3"]);
    let two = tokens(&stage, "patient", &["1", "2"]);
    let one = tokens(&stage, "mrn", &["MRN0000001"]);
    let nobody = BTreeSet::new();
    let both: BTreeSet<String> = mrns.union(&ids).cloned().collect();
    let cases: BTreeSet<String> = mrns.union(&two).cloned().collect();
    for (sql, expected, flags) in [
        ("select name from patients", &nobody, ""),
        ("select mrn from patients", &mrns, ""),
        (
            "select 'again', mrn from patients, visits v where v.id < 20",
            &mrns,
            "",
        ),
        ("select * from patients where id < 9", &both, ""),
        ("select x.it from (select mrn as it from patients) x", &mrns, ""),
        (
            "with c as (select mrn as it from patients) select it as that from c",
            &mrns,
            "",
        ),
        (
            "with c as materialized (select mrn as m1 from patients) select m1 from c union all select null",
            &nobody,
            made,
        ),
        ("select number from cards where card = 1", &one, ""),
        ("select * from cards", &both, ""),
        ("select mrn, patient from cases", &cases, ""),
        ("select mrn from patients where false", &nobody, ""),
        ("select count(*) from patients", &nobody, ""),
        ("copy patients (id, mrn) to stdout", &both, ""),
        ("copy patients (mrn) to stdout (format csv, header)", &mrns, ""),
        (
            "copy (select mrn as it from patients) to stdout (format csv)",
            &mrns,
            "",
        ),
        ("copy (select name from patients) to stdout", &nobody, ""),
        (
            "update patients set weight = 62 where id = 1 returning mrn",
            &one,
            "",
        ),
    ] {
        ask(stage.port, sql);
        let (subjects, said) = (expected, flags);
        let audit = stage.daemon.audit.clone();
        crate::eventually(|| {
            audit_rows(&audit, "statements")
                .iter()
                .any(|row| row["statement"].as_str().unwrap() == sql && !row["ended_at"].is_null())
        });
        let (found, flags) = shown(&audit, sql);
        assert_eq!(&found, subjects, "{sql}");
        assert_eq!(flags.into_iter().collect::<Vec<_>>().join(" "), said, "{sql}");
    }
    stage.daemon.stop();
}

#[test]
fn whose_data_was_shown_is_told_by_tokens_however_it_was_asked_for() {
    answers(stage(""), "subjects_computed");
}

#[test]
fn a_masked_column_tells_the_same() {
    let masks = "predicates: allow\nrecord: { literals: keep }\nmask:\n  - columns: [\"patients.mrn\", \"patients.ssn\"]\n    with: redact\n";
    // What is computed of masked columns is blank: nothing of anybody shows.
    answers(stage(masks), "");
}

#[tokio::test]
async fn binary_values_and_limits_and_what_is_computed() {
    let mut stage = stage(
        "rules:\n  - name: few\n    when: 'result.rows > 1 && statement.contains(\"few\")'\n    then: deny\n",
    );
    let client = client(stage.port).await;
    let rows = client
        .query(
            "select p.id, c.mrn, c.patient from patients p join cases c on c.patient = p.id /* binary */",
            &[],
        )
        .await
        .unwrap();
    assert_eq!(rows.len(), 2);
    assert!(
        client
            .query("select /* few */ mrn from patients order by id", &[])
            .await
            .is_err()
    );
    client
        .query("select mrn || 'x' from patients /* computed */", &[])
        .await
        .unwrap();
    client
        .query(
            "select g as patient from generate_series(1, 1500) g /* no column */",
            &[],
        )
        .await
        .unwrap();
    client
        .query(
            "select v.patient * 0 + v.id, v.patient from visits v /* three */",
            &[],
        )
        .await
        .unwrap();
    client
        .batch_execute("create table many as select g as patient from generate_series(1, 1500) g")
        .await
        .unwrap();
    client
        .query("select patient from many /* many */", &[])
        .await
        .unwrap();
    drop(client);
    let three = tokens(&stage, "patient", &["1", "2", "3"]);
    let (mrns, two) = (
        tokens(&stage, "mrn", &MRNS),
        tokens(&stage, "patient", &["1", "2"]),
    );
    let one = tokens(&stage, "mrn", &["MRN0000001"]);
    stage.daemon.stop();
    let audit = &stage.daemon.audit;
    let flags = |names: &[&str]| {
        names
            .iter()
            .map(|name| (*name).to_owned())
            .collect::<BTreeSet<_>>()
    };
    assert_eq!(
        shown(audit, "/* binary */"),
        (mrns.union(&two).cloned().collect(), flags(&[]))
    );
    assert_eq!(
        shown(audit, "/* few */"),
        (one, flags(&[])),
        "a row that was not sent"
    );
    assert_eq!(
        shown(audit, "/* computed */"),
        (BTreeSet::new(), flags(&["subjects_computed"]))
    );
    assert_eq!(shown(audit, "/* no column */"), (BTreeSet::new(), flags(&[])));
    assert_eq!(
        shown(audit, "/* three */"),
        (three, flags(&["subjects_computed"]))
    );
    let (many, said) = shown(audit, "/* many */");
    assert_eq!((many.len(), said), (1000, flags(&["subjects_more"])));
}

#[test]
fn no_identifier_is_on_the_record() {
    // What clients were sent is kept as it was shown: an identifier is out of that by a mask.
    let mut stage = stage("mask:\n  - columns: [\"patients.mrn\"]\n    with: redact\n");
    ask(stage.port, "select * from patients");
    ask(stage.port, "copy patients to stdout");
    stage.daemon.stop();
    let rows = format!("{:?}", audit_rows(&stage.daemon.audit, "statements"));
    assert!(rows.contains("mrn:sub_"));
    for entry in walk(&stage.daemon.audit) {
        let bytes = std::fs::read(&entry).unwrap();
        for value in MRNS {
            let value = value.as_bytes();
            assert!(
                !bytes.windows(value.len()).any(|window| window == value),
                "{}",
                entry.display()
            );
        }
    }
    assert!(!rows.contains("MRN0"));
}

fn walk(directory: &Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(walk(&path));
        } else if path.is_file() {
            files.push(path);
        }
    }
    files
}
