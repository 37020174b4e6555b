//! PostgreSQL.

use std::fs;
use std::process::Command;
use std::time::Duration;

use crate::support::{Postgres, psql, psql_command, run, text};
use crate::{QUESTION, Stage};

/// A server whose user `keeper` logs in by `method`, with this password.
fn server(method: &str, password: &str) -> Postgres {
    let server = Postgres::start();
    let encryption = if method == "md5" { "md5" } else { "scram-sha-256" };
    server.psql(&format!(
        "set password_encryption = '{encryption}'; create role keeper login password '{password}'"
    ));
    let hba = server.directory.path().join("data/pg_hba.conf");
    let before = fs::read_to_string(&hba).unwrap();
    fs::write(&hba, format!("host all keeper 127.0.0.1/32 {method}\n{before}")).unwrap();
    server.psql("select pg_reload_conf()");
    server
}

fn stage(server: &Postgres, tls: &str, password: &str) -> Stage {
    let upstream = format!("{{ address: \"127.0.0.1:{}\", {tls} }}", server.port);
    Stage::start("postgres", &upstream, password)
}

fn ask(port: u16, sql: &str) -> String {
    let output = psql(port, sql);
    assert!(output.status.success(), "{sql}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// Standard output and errors of a script.
fn script(port: u16, lines: &[String]) -> (String, String) {
    let mut command = psql_command(port);
    command.arg("-q");
    let mut child = command
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    std::io::Write::write_all(&mut input, lines.join("\n").as_bytes()).unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    (text(&output.stdout), text(&output.stderr))
}

/// Those who asked for the catalogue, by their `application_name`.
fn askers(server: &Postgres) -> Vec<String> {
    let log = server.log();
    let mut askers: Vec<_> = log
        .lines()
        .filter(|line| line.contains(QUESTION))
        .filter_map(|line| line.split('|').nth(1).map(str::to_owned))
        .collect();
    askers.sort();
    askers.dedup();
    askers
}

#[test]
fn the_login_reads_and_sessions_are_not_asked() {
    for (method, tls) in [("scram-sha-256", "tls: disable"), ("md5", "tls: disable")] {
        let server = server(method, "of the keeper");
        let stage = stage(&server, tls, "of the keeper");
        assert_eq!(
            ask(stage.port, "select name, ssn, phone from patients where id = 1"),
            "Ada Example|*****6789|\n"
        );
        let refused = psql(stage.port, "select id from patients where ssn like '1%'");
        assert!(!refused.status.success());
        assert_eq!(askers(&server), ["interdict"]);
        let errors = stage.daemon.errors();
        assert!(
            !errors.contains("no effect") && !errors.contains("of the keeper"),
            "{errors}"
        );
    }
}

#[test]
fn what_others_change_is_noticed() {
    let server = server("scram-sha-256", "x");
    let stage = stage(&server, "tls: disable", "x");
    assert_eq!(
        ask(stage.port, "select name from patient_names where id = 1"),
        "Ada Example\n"
    );
    server.psql("create or replace view patient_names as select id, ssn as name from patients");
    std::thread::sleep(Duration::from_millis(1200));
    assert_eq!(
        ask(stage.port, "select name from patient_names where id = 1"),
        "*****6789\n"
    );
    // Sooner than it looks by itself: a name that was not there.
    server.psql("create table late as select id, 'a'::text as letter from patients");
    assert_eq!(ask(stage.port, "select letter from late where id = 1"), "a\n");
    // And what this daemon let pass.
    ask(stage.port, "alter table late rename letter to sign");
    assert_eq!(ask(stage.port, "select sign from late where id = 1"), "a\n");
    assert_eq!(askers(&server), ["interdict"]);
}

#[test]
fn a_transaction_sees_its_own_schema_and_not_an_old_one() {
    let server = server("scram-sha-256", "x");
    server.psql("grant all on schema public to public");
    let stage = stage(&server, "tls: disable", "x");
    // Not committed: only the session itself sees it.
    let own = [
        "begin;",
        "create table own (id int, letter text);",
        "insert into own values (1, 'b');",
        "select letter from own;",
        "select ssn from patients where id = 1;",
        "rollback;",
        "select id from own;",
    ];
    let (shown, errors) = script(stage.port, &own.map(str::to_owned));
    assert_eq!(shown, "b\n*****6789\n", "{errors}");
    assert!(errors.contains("own"), "{errors}");
    assert_eq!(askers(&server), ["interdict", "psql"]);
    // A snapshot that is older than the schema: the server follows the newest.
    let past = format!(
        "\\! psql -XAtq -h 127.0.0.1 -U postgres -d postgres -p {} -c \"create view newer as select ssn as x from patients where id = 1\"",
        server.port
    );
    let old = [
        "begin isolation level repeatable read;".to_owned(),
        "select name from patient_names where id = 1;".to_owned(),
        past,
        "select x from newer;".to_owned(),
        "commit;".to_owned(),
    ];
    let (shown, errors) = script(stage.port, &old);
    assert_eq!(shown, "Ada Example\n*****6789\n", "{errors}");
}

#[test]
fn what_a_routine_does_unseen_in_a_transaction_is_noticed() {
    let server = server("scram-sha-256", "x");
    server.psql(
        "create function turn() returns int language plpgsql as \
         'begin create or replace view patient_names as select id, ssn as name from patients; return 1; end'; \
         create function quietly() returns trigger language plpgsql as 'begin perform turn(); return new; end'; \
         create trigger quietly after insert on visits for each row execute function quietly()",
    );
    let stage = stage(&server, "tls: disable", "x");
    let lines = [
        "begin;",
        "insert into visits values (9999);",
        "select pg_sleep(1.2);",
        "select name from patient_names where id = 1;",
        "rollback;",
        "select name from patient_names where id = 1;",
    ];
    let (shown, errors) = script(stage.port, &lines.map(str::to_owned));
    assert!(!shown.contains("123-45"), "{shown} {errors}");
    assert!(shown.ends_with("\n*****6789\nAda Example\n"), "{shown} {errors}");
}

#[test]
fn a_login_that_fails_refuses_and_is_told() {
    let server = server("scram-sha-256", "right");
    let mut stage = stage(&server, "tls: disable", "wrong");
    let failed = |port: u16| {
        let output = psql(port, "select name from patients where id = 1");
        assert!(!output.status.success());
        assert_eq!(text(&output.stdout), "");
        text(&output.stderr)
    };
    let error = failed(stage.port);
    assert!(
        error.contains("catalogue of service clinic") && error.contains("password authentication failed"),
        "{error}"
    );
    assert!(
        error.contains("`catalogue` of the service in the settings"),
        "{error}"
    );
    assert!(stage.daemon.logs("settings: catalogue of the service"));
    // It is tried again, later and later, and told once.
    failed(stage.port);
    server.psql("alter role keeper password 'wrong'");
    let deadline = std::time::Instant::now() + Duration::from_secs(10);
    while !psql(stage.port, "select name from patients where id = 1")
        .status
        .success()
    {
        assert!(std::time::Instant::now() < deadline, "it is not tried again");
        std::thread::sleep(Duration::from_millis(200));
    }
    // Its connection is cut: another is made.
    server
        .psql("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'interdict'");
    std::thread::sleep(Duration::from_millis(1200));
    assert_eq!(
        ask(stage.port, "select ssn from patients where id = 1"),
        "*****6789\n"
    );
    stage.daemon.stop();
    assert_eq!(stage.event("catalogue_failed")["actor"], "daemon");
    stage.event("catalogue_restored");
}

#[test]
fn a_login_by_scram_is_bound_to_its_tls() {
    let server = server("scram-sha-256 ", "x");
    let data = server.directory.path().join("data");
    let file = |name: &str| data.join(name).display().to_string();
    run(Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-sha384",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=localhost",
        ])
        .args([
            "-addext",
            "subjectAltName=DNS:localhost,IP:127.0.0.1",
            "-addext",
            "basicConstraints=critical,CA:false",
        ])
        .args(["-out", &file("server.crt"), "-keyout", &file("server.key")]));
    if crate::support::is_root() {
        run(Command::new("chown").args(["postgres:postgres", &file("server.crt"), &file("server.key")]));
    }
    run(Command::new("chmod").args(["600", &file("server.key")]));
    let hba = data.join("pg_hba.conf");
    let before = fs::read_to_string(&hba)
        .unwrap()
        .replace("host all keeper", "hostssl all keeper");
    fs::write(
        &hba,
        format!("{before}hostnossl all keeper 127.0.0.1/32 reject\n"),
    )
    .unwrap();
    server.psql("alter system set ssl = on");
    server.psql("select pg_reload_conf()");
    std::thread::sleep(Duration::from_millis(300));
    let stage = stage(
        &server,
        &format!("tls: verify-full, ca: \"{}\"", file("server.crt")),
        "x",
    );
    assert_eq!(
        ask(stage.port, "select ssn from patients where id = 1"),
        "*****6789\n"
    );
    let by = server.psql(
        "select ssl from pg_stat_ssl join pg_stat_activity using (pid) where application_name = 'interdict'",
    );
    assert_eq!(by, "t\n");
}
