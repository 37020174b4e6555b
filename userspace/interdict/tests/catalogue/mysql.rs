//! MariaDB.

use std::io::Write as _;
use std::process::Stdio;
use std::time::Duration;

use crate::server::{MariaDb, client};
use crate::support::text;
use crate::{QUESTION, Stage};

fn stage(server: &MariaDb, password: &str) -> Stage {
    let upstream = format!("{{ address: \"localhost:{}\", tls: disable }}", server.port);
    Stage::start("mysql", &upstream, password)
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

/// Users who asked for the catalogue: the general log names a connection's user when it begins.
fn askers(server: &MariaDb) -> Vec<String> {
    let log = server.log();
    let mut users = std::collections::HashMap::new();
    let mut askers = Vec::new();
    for line in log.lines() {
        let words: Vec<_> = line.split_whitespace().collect();
        if let Some(at) = words.iter().position(|word| *word == "Connect") {
            users.insert(words[at - 1].to_owned(), words[at + 1].to_owned());
        }
        if line.contains(QUESTION)
            && let Some(at) = words.iter().position(|word| *word == "Query")
        {
            askers.push(users[words[at - 1]].clone());
        }
    }
    askers.sort();
    askers.dedup();
    askers
}

#[test]
fn the_login_reads_and_sessions_are_not_asked() {
    let server = MariaDb::start();
    server.sql("create user keeper@'127.0.0.1' identified by 'of the keeper'; grant select, show view on *.* to keeper@'127.0.0.1'");
    let stage = stage(&server, "of the keeper");
    let (shown, errors) = ask(stage.port, "select name, ssn, phone from patients where id = 1");
    assert_eq!(shown, "Ada Example\t*****6789\tNULL\n", "{errors}");
    let askers = askers(&server);
    assert!(
        !askers.is_empty() && askers.iter().all(|user| user.starts_with("keeper@")),
        "{askers:?}"
    );
    // Past the daemon, when nobody is there and nothing looks; and through it.
    std::thread::sleep(Duration::from_millis(800));
    server.sql("use clinic; create or replace algorithm = temptable view patient_names as select id, ssn as name from patients");
    std::thread::sleep(Duration::from_millis(1200));
    let (shown, errors) = ask(stage.port, "select name from patient_names where id = 1");
    assert_eq!(shown, "*****6789\n", "{errors}");
    let (shown, errors) = ask(
        stage.port,
        "create table late (id int, letter text); insert into late values (1, 'a'); select letter from late; \
         use test_of_use; select 1; use clinic; select ssn from patients where id = 2",
    );
    assert!(
        shown.starts_with("a\n") && shown.ends_with("*****9999\n"),
        "{shown} {errors}"
    );
}

#[test]
fn what_the_login_may_not_see_is_refused() {
    let server = MariaDb::start();
    server.sql(
        "create user keeper@'127.0.0.1' identified by 'x'; grant select on clinic.patients to keeper@'127.0.0.1'",
    );
    let stage = stage(&server, "x");
    assert_eq!(
        ask(stage.port, "select name, ssn from patients where id = 1").0,
        "Ada Example\t*****6789\n"
    );
    // A view that shows a masked column under another name, a table without any, a routine.
    server.sql("use clinic; create view seen_by_few as select id, ssn as x from patients; \
        create function told(n int) returns text reads sql data return (select ssn from patients where id = n)");
    for sql in [
        "select x from seen_by_few where id = 1",
        "select * from seen_by_few",
        "select max(specimen) from visits",
        "select told(1)",
        "select concat(told(1), '') from patients where id = 1",
    ] {
        let (shown, errors) = ask(stage.port, sql);
        assert_eq!(shown, "", "{sql}");
        assert!(errors.contains("interdict:"), "{sql}: {errors}");
    }
}

#[test]
fn columns_that_the_login_may_not_see_are_refused() {
    let server = MariaDb::start();
    server.sql(
        "create user keeper@'127.0.0.1' identified by 'x'; grant select (id, name) on clinic.patients to keeper@'127.0.0.1'",
    );
    let stage = stage(&server, "x");
    let (shown, errors) = ask(
        stage.port,
        "select name as n from patients where id = 1 order by n",
    );
    assert_eq!(shown, "Ada Example\n", "{errors}");
    for sql in [
        "select ssn from patients",
        "select * from patients",
        "select concat(ssn, '') from patients",
        "select t.* from (select * from patients limit 5) t",
        "select max(s) from (select ssn as s from patients) t",
        "table patients",
    ] {
        let (shown, errors) = ask(stage.port, sql);
        assert_eq!(shown, "", "{sql}");
        assert!(errors.contains("interdict:"), "{sql}: {errors}");
    }
}

#[test]
fn a_login_that_fails_refuses_and_is_told() {
    let server = MariaDb::start();
    server.sql(
        "create user keeper@'127.0.0.1' identified by 'right'; grant select on *.* to keeper@'127.0.0.1'",
    );
    let mut stage = stage(&server, "wrong");
    let (shown, errors) = ask(stage.port, "select name from patients where id = 1");
    assert_eq!(shown, "");
    assert!(
        errors.contains("catalogue of service clinic") && errors.contains("Access denied"),
        "{errors}"
    );
    stage.daemon.stop();
    stage.event("catalogue_failed");
}
