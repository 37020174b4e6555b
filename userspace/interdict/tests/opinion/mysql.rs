//! MariaDB's rows, of text and binary.

use std::fs;
use std::io::Write as _;
use std::process::Stdio;

use crate::Stage;
use crate::analyzer::{Analyzer, policy};
use crate::server::{MariaDb, client};
use crate::support::{Daemon, assert_sound, free_port, scratch, text};
use crate::wire::Wire;

const NOTES: &str = "use clinic; \
create table seen (id int primary key, note text, facts json, who enum('nobody', 'Emily Johnson'));
insert into seen values
  (1, 'Größe 1,80 m. Patient John Smith was seen by Dr. Emily Johnson — recovering well.', '{\"seen_by\": \"Emily Johnson\", \"n\": 1}', 'nobody'),
  (2, 'Temperature is normal, no complaints.', '{\"seen_by\": null}', null),
  (3, null, null, null),
  (4, 'Write to ada@example.org about Michael Brown.', '[\"Michael Brown\"]', null);";

fn stage(server: &MariaDb, policy: &str) -> Stage {
    let directory = scratch();
    let port = free_port();
    fs::write(directory.path().join("policy.yaml"), policy).unwrap();
    let settings = directory.path().join("interdict.yaml");
    let text_of = format!(
        "services:\n  - name: clinic\n    protocol: mysql\n    listen: \"127.0.0.1:{port}\"\n    \
         upstream: {{ address: \"localhost:{}\", tls: disable }}\n\
         policies: [policy.yaml]\n\
         audit: {{ directory: audit, durability: strict, segment: {{ rows: 100000, age: 1h }} }}\n\
         kernel: {{ mode: off }}\nadmin: {{ socket: admin.sock }}\n",
        server.port
    );
    fs::write(&settings, text_of).unwrap();
    let daemon = Daemon::start(&settings, &directory.path().join("audit"));
    Stage {
        daemon,
        port,
        _directory: directory,
    }
}

/// Standard output and errors of statements that need not succeed.
fn ask(port: u16, sql: &str) -> (String, String) {
    let mut child = client(port, "agent")
        .arg("--force")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // One that goes away early has said why.
    let _ = child.stdin.take().unwrap().write_all(sql.as_bytes());
    let output = child.wait_with_output().unwrap();
    (text(&output.stdout), text(&output.stderr))
}

#[test]
fn a_real_presidio_is_asked() {
    let Some(analyzer) = Analyzer::start() else { return };
    let server = MariaDb::start();
    server.sql(NOTES);
    let mut stage = stage(&server, &policy(analyzer.port, "deny"));
    let shown = "1\tGröße 1,80 m. Patient [redacted] was seen by Dr. [redacted] — recovering well.\t{\"seen_by\": \"[redacted]\", \"n\": 1}\n\
         2\tTemperature is normal, no complaints.\t{\"seen_by\": null}\n\
         3\tNULL\tNULL\n\
         4\tWrite to [redacted] about [redacted].\t[\"[redacted]\"]\n";
    let rows = ask(stage.port, "select id, note, facts from seen order by id");
    assert_eq!((rows.0.as_str(), rows.1.as_str()), (shown, ""));
    // Binary rows, at once and by a cursor.
    let mut wire = Wire::connect(stage.port);
    let (statement, ..) = wire
        .prepare("select note, facts from seen where id = ? or id = 3 order by id")
        .unwrap();
    let binary = "Write to [redacted] about [redacted].|[\"[redacted]\"]";
    let answer = wire.execute(statement, &[Some("4")], false).shown();
    assert!(
        answer.contains("NULL|NULL") && answer.ends_with(binary),
        "{answer}"
    );
    wire.execute(statement, &[Some("4")], true);
    let (rows, _) = wire.fetch(statement, 10, 2);
    assert_eq!(rows.len(), 2);
    assert_eq!(
        rows[1][0].as_deref(),
        Some("Write to [redacted] about [redacted].")
    );
    // A column's mask comes first, and what it shows is not asked about.
    let masked = ask(stage.port, "select id, ssn, notes from patients where id = 1");
    assert_eq!(masked.0, "1\t[redacted]\trecovering well\n", "{}", masked.1);
    // An error while rows are held: the session goes on.
    let script = "select note, if(id = 4, (select b.id from seen b where b.id <> seen.id + 100), 1) from seen order by id; \
        select note from seen where id = 4";
    let (rows, errors) = ask(stage.port, script);
    assert!(errors.contains("more than 1 row"), "{errors}");
    assert!(
        rows.ends_with("Write to [redacted] about [redacted].\n"),
        "{rows}"
    );
    stage.daemon.stop();
    assert_sound(&stage.daemon.audit);
    let row = stage.recorded("select id, note, facts");
    assert_eq!(row["status"], "ok");
    assert!(row.to_string().contains("opinion:PERSON"), "{row}");
    assert!(!row.to_string().contains("opinion_failed"), "{row}");
}

#[test]
fn when_nobody_answers_the_policy_says_what_happens() {
    let server = MariaDb::start();
    server.sql(NOTES);
    let sql = "select id, note from seen where id in (1, 3) order by id";
    let note = "Größe 1,80 m. Patient John Smith was seen by Dr. Emily Johnson — recovering well.";
    for (on_failure, shown) in [
        ("deny", None),
        ("mask", Some("1\t[redacted]\n3\tNULL\n".to_owned())),
        ("pass", Some(format!("1\t{note}\n3\tNULL\n"))),
    ] {
        let mut stage = stage(&server, &policy(free_port(), on_failure));
        let (rows, errors) = ask(stage.port, sql);
        if let Some(shown) = &shown {
            assert_eq!((&rows, errors.as_str()), (shown, ""));
        } else {
            assert!(
                errors.contains("second opinion that policy clinic asks for"),
                "{errors}"
            );
            assert_eq!(rows, "");
        }
        assert_eq!(ask(stage.port, "select 1").0, "1\n");
        assert!(stage.daemon.logs("a second opinion could not be had"));
        stage.daemon.stop();
        let row = stage.recorded("id in (");
        assert_eq!(row["status"], if shown.is_some() { "ok" } else { "refused" });
        assert_eq!(row["flags"], serde_json::json!(["opinion_failed"]), "{row}");
    }
}
