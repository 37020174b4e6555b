//! The explicit listener, with a real PostgreSQL behind it: masking, refusals, the record.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod subjects;
#[path = "../support/mod.rs"]
mod support;

use support::{Daemon, POLICY, Postgres, assert_sound, audit_rows, explicit_settings, psql, scratch, text};

struct Stage {
    server: Postgres,
    daemon: Daemon,
    port: u16,
    directory: tempfile::TempDir,
}

fn stage(policy: Option<&str>) -> Stage {
    let server = Postgres::start();
    let directory = scratch();
    let (settings, port) = explicit_settings(directory.path(), server.port, policy);
    let daemon = Daemon::start(&settings, &directory.path().join("audit"));
    Stage {
        server,
        daemon,
        port,
        directory,
    }
}

fn ask(port: u16, sql: &str) -> String {
    let output = psql(port, sql);
    assert!(output.status.success(), "{sql}: {}", text(&output.stderr));
    text(&output.stdout)
}

fn refused(port: u16, sql: &str) -> String {
    let output = psql(port, sql);
    assert!(!output.status.success(), "{sql} passed: {}", text(&output.stdout));
    text(&output.stderr)
}

async fn client(port: u16) -> tokio_postgres::Client {
    let settings = format!("host=127.0.0.1 port={port} user=postgres dbname=postgres");
    let (client, connection) = tokio_postgres::connect(&settings, tokio_postgres::NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    client
}

#[test]
fn psql_sees_masked_columns_and_everything_else_as_it_is() {
    let stage = stage(Some(POLICY));
    assert_eq!(
        ask(
            stage.port,
            "select id, name, ssn, mrn, email, phone, dob, notes, weight from patients order by id"
        ),
        "1|Ada Example|*****6789|[redacted]|[redacted]||0001-01-01|recovering well|0\n\
         2|Bo Sample|*****9999|[redacted]|[redacted]||0001-01-01|call back|0\n\
         3|Cy Null|||||||\n"
    );
    assert_eq!(
        ask(stage.port, "select * from visits where id < 500"),
        stage.server.psql("select * from visits where id < 500")
    );
    // An alias, a sub-query, a join and a view do not change where a value comes from.
    assert_eq!(
        ask(
            stage.port,
            "select x.harmless from (select ssn as harmless from patients where id = 1) x"
        ),
        "*****6789\n"
    );
    assert_eq!(
        ask(
            stage.port,
            "select v.id, p.ssn from visits v join patients p on p.id = v.patient where v.id = 3"
        ),
        "3|*****6789\n"
    );
    assert_eq!(
        ask(stage.port, "select id, name from patient_names where id = 1"),
        "1|Ada Example\n"
    );
}

#[test]
fn what_asks_or_keeps_is_refused_and_the_session_lives_on() {
    let stage = stage(Some(POLICY));
    for sql in [
        "select id from patients where ssn like '1%'",
        "select id from patients order by ssn",
        "select id from patients where length(ssn) > 3",
        "select 1 / (length(ssn) - 11) from patients where id < 3 order by ssn",
        "create table cheat as select ssn from patients",
        "insert into visits select id, 1, now(), ssn from patients",
        "select ssn into cheat from patients",
    ] {
        let error = refused(stage.port, sql);
        assert!(
            error.contains("interdict:") && error.contains("HINT"),
            "{sql}: {error}"
        );
    }
    // What is made of masked columns comes back masked.
    for sql in [
        "select upper(ssn) from patients",
        "select ssn || '' from patients",
        "select ssn from patients union all select name from patients",
        "select patients from patients",
        "select to_json(p) from patients p",
        "select max(ssn) from patients",
        "copy patients to stdout",
        "copy (select ssn from patients) to stdout",
    ] {
        let shown = ask(stage.port, sql);
        assert!(
            !shown.contains("123-45") && !shown.contains("219-09"),
            "{sql}: {shown}"
        );
    }
    let script = "select id from patients where ssn like '1%'; \nselect 'alive'";
    let output = support::psql_command(stage.port)
        .arg("-f")
        .arg(write(&stage, script))
        .output()
        .unwrap();
    assert_eq!(text(&output.stdout), "alive\n");
    assert_eq!(
        stage
            .server
            .psql("select count(*) from pg_class where relname = 'cheat'"),
        "0\n"
    );
}

#[test]
fn a_destructive_statement_is_refused_in_the_protocols_form_and_never_reaches_the_server() {
    let stage = stage(Some(POLICY));
    let script =
        "\\set VERBOSITY verbose\nbegin;\nselect 1;\ndrop table visits;\nselect 'still here';\ncommit;\n";
    let output = support::psql_command(stage.port)
        .arg("-f")
        .arg(write(&stage, script))
        .output()
        .unwrap();
    assert_eq!(text(&output.stdout), "BEGIN\n1\nstill here\nCOMMIT\n");
    let error = text(&output.stderr);
    assert!(
        error.contains("ERROR:  42501: interdict: destructive statements are refused on clinical data"),
        "{error}"
    );
    for evasion in [
        "DR/**/OP TABLE visits",
        "dRoP\n TABLE\tvisits",
        "select 1; drop table visits",
        "delete from visits where true",
    ] {
        let _ = psql(stage.port, evasion);
    }
    assert_eq!(stage.server.psql("select count(*) from visits"), "2000\n");
    assert!(
        !stage.server.log().to_lowercase().contains("drop table"),
        "{}",
        stage.server.log()
    );
}

#[tokio::test]
async fn prepared_statements_are_masked_each_time_in_text_and_binary() {
    let stage = stage(Some(POLICY));
    let client = client(stage.port).await;
    let statement = client
        .prepare("select id, ssn, dob, weight, phone from patients where id = $1")
        .await
        .unwrap();
    for _ in 0..3 {
        let row = client.query_one(&statement, &[&1_i32]).await.unwrap();
        assert_eq!(row.get::<_, i32>(0), 1);
        assert_eq!(row.get::<_, String>(1), "*****6789");
        assert_eq!(row.get::<_, i32>(3), 0);
        assert_eq!(row.get::<_, Option<String>>(4), None);
    }
    let nulls = client.query_one(&statement, &[&3_i32]).await.unwrap();
    assert_eq!(nulls.get::<_, Option<String>>(1), None);
    assert_eq!(nulls.get::<_, Option<i32>>(3), None);
    let error = client
        .query("select id from patients where ssn like '1%'", &[])
        .await
        .unwrap_err();
    assert_eq!(error.code().unwrap().code(), "42501");
    let error = client.query("drop table visits", &[]).await.unwrap_err();
    assert_eq!(error.code().unwrap().code(), "42501");
    assert!(error.as_db_error().unwrap().message().contains("no-destructive"));
    assert_eq!(
        client
            .query_one("select 1 + $1", &[&1_i32])
            .await
            .unwrap()
            .get::<_, i32>(0),
        2
    );
    // Many in flight at once: each gets its own answer.
    let asked = (1..=200).map(|id| {
        let (client, statement) = (&client, &statement);
        async move { client.query(statement, &[&(1 + id % 2)]).await.unwrap()[0].get::<_, String>(1) }
    });
    let answers = futures_util::future::join_all(asked).await;
    assert!(answers.iter().enumerate().all(|(at, ssn)| ssn
        == if (at + 1) % 2 == 0 {
            "*****6789"
        } else {
            "*****9999"
        }));
}

#[tokio::test]
async fn a_refused_statement_undoes_the_pipeline_that_it_is_part_of() {
    let stage = stage(Some(POLICY));
    let mut client = client(stage.port).await;
    let transaction = client.transaction().await.unwrap();
    transaction
        .execute("insert into visits values (9001, 1, now(), 'x')", &[])
        .await
        .unwrap();
    assert!(transaction.execute("drop table visits", &[]).await.is_err());
    drop(transaction);
    assert_eq!(
        client
            .query_one("select count(*) from visits where id = 9001", &[])
            .await
            .unwrap()
            .get::<_, i64>(0),
        0
    );
}

#[test]
fn a_result_that_grows_too_large_is_ended_by_its_rule() {
    let stage = stage(Some(POLICY));
    let error = refused(stage.port, "select * from visits");
    assert!(
        error.contains("more than 1000 rows at once are refused"),
        "{error}"
    );
    assert_eq!(ask(stage.port, "select count(*) from visits"), "2000\n");
}

#[test]
fn errors_of_statements_near_masked_columns_quote_no_values() {
    let stage = stage(Some(POLICY));
    let error = refused(stage.port, "select name from patients where ssn::int = 1");
    assert!(!error.contains("123-45-6789"), "{error}");
    let error = refused(stage.port, "select nosuch from visits");
    assert!(error.contains("column \"nosuch\" does not exist"), "{error}");
}

#[test]
fn everything_is_on_the_record_and_the_record_is_sound() {
    let mut stage = stage(Some(POLICY));
    ask(stage.port, "select name, ssn from patients where id = 1");
    refused(stage.port, "drop table visits");
    ask(stage.port, "begin; select 1; commit");
    let audit = stage.daemon.audit.clone();
    // psql says goodbye and does not wait: a daemon told to stop at once would rightly record `shutdown`.
    eventually(|| audit_rows(&audit, "sessions").len() == 3);
    stage.daemon.stop();
    assert_sound(&audit);
    let rows = audit_rows(&audit, "statements");
    let own: Vec<_> = rows
        .iter()
        .filter(|row| !row["flags"].to_string().contains("interdict"))
        .collect();
    let find = |needle: &str| {
        own.iter()
            .find(|row| row["statement"].as_str().unwrap().contains(needle))
            .unwrap_or_else(|| panic!("{needle}: {own:#?}"))
    };
    let read = find("patients");
    assert_eq!(read["decision"], "mask");
    assert_eq!(read["rows"], 1);
    assert_eq!(read["masked_cells"], 1);
    assert_eq!(read["status"], "ok");
    assert_eq!(read["columns"][1]["origin"], "public.patients.ssn");
    assert!(read["columns"][1]["mask"].as_str().unwrap().contains("partial"));
    let drop = find("drop table");
    assert_eq!(
        (&drop["decision"], &drop["rule"], &drop["sqlstate"]),
        (&"deny".into(), &"no-destructive".into(), &"42501".into())
    );
    assert!(drop["effects"].to_string().contains("drop"));
    let sessions = audit_rows(&audit, "sessions");
    assert_eq!(sessions.len(), 3);
    assert!(
        sessions
            .iter()
            .all(|row| row["end_reason"] == "client" && row["db_user"] == "postgres")
    );
}

#[test]
#[expect(
    clippy::zombie_processes,
    reason = "psql ends with the test, when its input closes"
)]
fn a_new_policy_takes_hold_at_the_next_statement_and_a_broken_one_does_not() {
    let stage = stage(Some(POLICY));
    let mut child = support::psql_command(stage.port)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut output = std::io::BufReader::new(child.stdout.take().unwrap());
    let mut ask = |sql: &str| {
        use std::io::{BufRead as _, Write as _};
        writeln!(input, "{sql}").unwrap();
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        line.trim().to_owned()
    };
    let sql = "select ssn from patients where id = 1;";
    assert_eq!(ask(sql), "*****6789");
    let policy = stage.directory.path().join("policy.yaml");
    std::fs::write(&policy, POLICY.replace("keep_last: 4", "keep_last: 2")).unwrap();
    stage.daemon.signal(nix::sys::signal::Signal::SIGHUP);
    eventually(|| ask(sql) == "*****89");
    std::fs::write(&policy, "name: [broken").unwrap();
    stage.daemon.signal(nix::sys::signal::Signal::SIGHUP);
    eventually(|| stage.daemon.errors().contains("policy.yaml"));
    assert_eq!(ask(sql), "*****89");
}

#[test]
fn something_else_than_postgres_is_refused_and_recorded() {
    use std::io::{Read as _, Write as _};
    let mut stage = stage(None);
    for hello in [
        &b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..],
        &[0, 0, 0, 3],
        &[0x16, 3, 1, 0, 200, 1],
        &[0xff; 64],
    ] {
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", stage.port)).unwrap();
        stream.write_all(hello).unwrap();
        let mut answer = Vec::new();
        stream
            .set_read_timeout(Some(std::time::Duration::from_secs(5)))
            .unwrap();
        let _ = stream.read_to_end(&mut answer);
    }
    stage.daemon.stop();
    let sessions = audit_rows(&stage.daemon.audit, "sessions");
    assert_eq!(sessions.len(), 4);
    assert!(
        sessions.iter().all(|row| row["end_reason"] != "client"),
        "{sessions:#?}"
    );
}

fn write(stage: &Stage, script: &str) -> std::path::PathBuf {
    let path = stage.directory.path().join("script.sql");
    std::fs::write(&path, script).unwrap();
    path
}

fn eventually(mut holds: impl FnMut() -> bool) {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while !holds() {
        assert!(std::time::Instant::now() < deadline, "it did not come true");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}
