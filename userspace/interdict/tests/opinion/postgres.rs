//! PostgreSQL's queries and COPY.

use std::time::Instant;

use crate::Stage;
use crate::analyzer::{Analyzer, policy};
use crate::support::{
    Daemon, Postgres, assert_sound, explicit_settings, free_port, psql, psql_command, scratch, text,
};

const NOTES: &str = "\
create table notes (id int primary key, note text, facts jsonb, tags text[]);
insert into notes values
  (1, 'Größe 1,80 m. Patient John Smith was seen by Dr. Emily Johnson — recovering well.', '{\"seen_by\": \"Emily Johnson\", \"n\": 1}', '{\"John Smith\",calm}'),
  (2, 'Temperature is normal, no complaints.', '{\"seen_by\": null}', null),
  (3, null, null, '{}'),
  (4, 'Write to ada@example.org about Michael Brown.', '[\"Michael \\\"Mike\\\" Brown\"]', null);";

fn stage(server: &Postgres, policy: Option<&str>) -> Stage {
    let directory = scratch();
    let (settings, port) = explicit_settings(directory.path(), server.port, policy);
    let daemon = Daemon::start(&settings, &directory.path().join("audit"));
    Stage {
        daemon,
        port,
        _directory: directory,
    }
}

fn ask(port: u16, sql: &str) -> String {
    let output = psql(port, sql);
    assert!(output.status.success(), "{sql}: {}", text(&output.stderr));
    text(&output.stdout)
}

#[test]
fn a_real_presidio_is_asked() {
    let Some(analyzer) = Analyzer::start() else { return };
    let server = Postgres::start();
    server.psql(NOTES);
    let mut stage = stage(&server, Some(&policy(analyzer.port, "deny")));
    assert_eq!(
        ask(stage.port, "select id, note, facts, tags from notes order by id"),
        "1|Größe 1,80 m. Patient [redacted] was seen by Dr. [redacted] — recovering well.|{\"n\": 1, \"seen_by\": \"[redacted]\"}|\n\
         2|Temperature is normal, no complaints.|{\"seen_by\": null}|\n\
         3|||{}\n\
         4|Write to [redacted] about [redacted].|[\"[redacted]\"]|\n"
    );
    // A column's mask comes first, and what it shows is not asked about.
    assert_eq!(
        ask(stage.port, "select id, ssn, notes from patients where id = 1"),
        "1|[redacted]|recovering well\n"
    );
    for (options, seen) in [
        (
            "",
            "1\tGröße 1,80 m. Patient [redacted] was seen by Dr. [redacted] — recovering well.\n",
        ),
        (
            "with csv",
            "1,\"Größe 1,80 m. Patient [redacted] was seen by Dr. [redacted] — recovering well.\"\n",
        ),
    ] {
        assert_eq!(
            ask(
                stage.port,
                &format!("copy (select id, note from notes where id = 1) to stdout {options}")
            ),
            seen
        );
    }
    // The client takes its statement back while rows are held: those before are shown, the session goes on.
    let mut command = psql_command(stage.port);
    let script = "set statement_timeout = '300ms'; select note, pg_sleep(case id when 2 then 9 else 0 end)::text from notes order by id; \
        reset statement_timeout; select note from notes where id = 4";
    let output = command
        .args(script.split("; ").flat_map(|sql| ["-c", sql]))
        .output()
        .unwrap();
    assert!(
        text(&output.stderr).contains("statement timeout"),
        "{}",
        text(&output.stderr)
    );
    assert!(
        text(&output.stdout).ends_with("RESET\nWrite to [redacted] about [redacted].\n"),
        "{}",
        text(&output.stdout)
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
    let server = Postgres::start();
    server.psql(NOTES);
    let sql = "select id, note from notes where id in (1, 3) order by id";
    let note = "Größe 1,80 m. Patient John Smith was seen by Dr. Emily Johnson — recovering well.";
    for (on_failure, shown) in [
        ("deny", None),
        ("mask", Some("1|[redacted]\n3|\n".to_owned())),
        ("pass", Some(format!("1|{note}\n3|\n"))),
    ] {
        let mut stage = stage(&server, Some(&policy(free_port(), on_failure)));
        let output = psql(stage.port, sql);
        if let Some(shown) = &shown {
            assert_eq!(&text(&output.stdout), shown);
        } else {
            let error = text(&output.stderr);
            assert!(
                error.contains("second opinion that policy clinic asks for") && error.contains("HINT"),
                "{error}"
            );
            assert_eq!(text(&output.stdout), "");
        }
        assert_eq!(ask(stage.port, "select 1"), "1\n");
        assert!(stage.daemon.logs("a second opinion could not be had"));
        stage.daemon.stop();
        let row = stage.recorded("id in (");
        assert_eq!(row["status"], if shown.is_some() { "ok" } else { "refused" });
        assert_eq!(row["flags"], serde_json::json!(["opinion_failed"]), "{row}");
    }
}

/// Rows a second with and without, as the notes of a ward are read.
#[test]
#[ignore = "a measurement: run it by name, with --nocapture"]
fn what_it_costs() {
    let Some(analyzer) = Analyzer::start() else { return };
    let server = Postgres::start();
    server.psql(NOTES);
    server.psql("insert into notes select i, (select note from notes where id = 1) || ' Note ' || i from generate_series(10, 1009) i");
    let own = "name: clinic\nmask:\n  - detect: [email]\n    with: redact\n";
    let asked = policy(analyzer.port, "deny");
    for (name, policy) in [
        ("no policy", None),
        ("detectors", Some(own)),
        ("second opinion", Some(asked.as_str())),
    ] {
        let stage = stage(&server, policy);
        ask(stage.port, "select note from notes where id = 10");
        for (what, sql, rows) in [
            ("different notes", "select note from notes where id >= 10", 1000.0),
            ("numbers", "select id from notes where id >= 10", 1000.0),
            (
                "one note again",
                "select (select note from notes where id = 1) from generate_series(1, 1000)",
                1000.0,
            ),
        ] {
            let began = Instant::now();
            ask(stage.port, sql);
            let took = began.elapsed().as_secs_f64();
            println!("{name}: {what}: {:.0} rows/s ({took:.3} s)", rows / took);
        }
    }
}
