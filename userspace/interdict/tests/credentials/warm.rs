//! Sessions with PostgreSQL that are kept for the next client of the same caller.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use crate::postgres::{CLINIC, RIGHT, agent, server, shown, stage, with_tls};
use crate::support::{Postgres, text};
use crate::{Stage, eventually, put};

const PID: &str = "select pg_backend_pid()";

/// More than there are session threads, each of which keeps its own.
fn often() -> usize {
    2 * std::thread::available_parallelism().unwrap().get() + 1
}

fn warm(server: &Postgres) -> Stage {
    stage(server, "tls: disable, warm: 4")
}

/// The server's processes that so many clients, one after the other, have had.
fn processes(stage: &Stage, connection: &str) -> BTreeSet<String> {
    let one = |_| {
        let pid = shown(&agent(stage.port, connection, None, PID));
        // What is put in order is kept a moment later.
        std::thread::sleep(Duration::from_millis(50));
        pid
    };
    (0..often()).map(one).collect()
}

#[test]
fn the_next_client_gets_the_same_process_with_and_without_tls() {
    for tls in [false, true] {
        let server = server("scram-sha-256");
        let upstream = if tls {
            format!("tls: verify-full, ca: \"{}\", warm: 4", with_tls(&server))
        } else {
            "tls: disable, warm: 4".to_owned()
        };
        let mut stage = stage(&server, &upstream);
        let had = processes(&stage, CLINIC);
        assert!(had.len() < often(), "{had:?}");
        // The clients can't tell: masks, settings, the record.
        let output = agent(stage.port, CLINIC, None, "select ssn from patients where id = 1");
        assert_eq!(shown(&output), "*****6789\n");
        let named = "user=nobody dbname=postgres application_name=mine";
        let output = agent(stage.port, named, None, "show application_name");
        assert_eq!(shown(&output), "mine\n");
        let sessions = stage.sessions();
        assert_eq!(sessions.len(), often() + 2);
        for row in sessions {
            assert_eq!(
                (&row["db_user"], &row["end_reason"]),
                (&"svc".into(), &"client".into())
            );
        }
        stage.assert_kept(&[RIGHT]);
    }
}

/// More than there are places: each is free again once its session has a client.
#[test]
fn a_storm_of_clients_goes_by_a_few_processes() {
    let server = server("trust");
    let stage = warm(&server);
    let storm = |_| {
        let port = stage.port;
        std::thread::spawn(move || {
            let one = |_| shown(&agent(port, CLINIC, None, PID));
            (0..30).map(one).collect::<BTreeSet<_>>()
        })
    };
    let clients: Vec<_> = (0..4).map(storm).collect();
    let had: BTreeSet<String> = clients
        .into_iter()
        .flat_map(|client| client.join().unwrap())
        .collect();
    assert!(had.len() < 40, "{} processes for 120 clients", had.len());
}

#[test]
fn nobody_keeps_sessions_unasked() {
    let server = server("trust");
    let stage = stage(&server, "tls: disable");
    assert_eq!(processes(&stage, CLINIC).len(), often());
}

#[test]
fn the_next_client_finds_nothing_of_the_one_before() {
    let server = server("trust");
    server.psql("create sequence counter; grant usage on sequence counter to svc; create role other; grant other to svc");
    let stage = warm(&server);
    let traces = "set statement_timeout = '7s'; set application_name = 'traces'; create temporary table mine as select 1 as x; \
                  prepare q as select 1; declare c cursor with hold for select 1; select pg_advisory_lock(7); \
                  listen news; select nextval('counter'); set role other; select pg_backend_pid()";
    let found = "select pg_backend_pid(), current_user, current_setting('statement_timeout'), current_setting('application_name'), \
                 to_regclass('pg_temp.mine'), (select count(*) from pg_prepared_statements), (select count(*) from pg_cursors), \
                 (select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()), \
                 (select count(*) from pg_listening_channels())";
    let mut left = BTreeSet::new();
    for _ in 0..often() {
        let output = shown(&agent(stage.port, CLINIC, None, traces));
        left.insert(output.lines().last().unwrap().to_owned());
    }
    std::thread::sleep(Duration::from_millis(100));
    let mut met = 0;
    for _ in 0..often() {
        let output = shown(&agent(stage.port, CLINIC, None, found));
        let (pid, rest) = output.trim_end().split_once('|').unwrap();
        met += usize::from(left.contains(pid));
        assert_eq!(rest, "svc|0|psql||0|0|0|0");
        let current = agent(stage.port, CLINIC, None, "select currval('counter')");
        assert!(
            text(&current.stderr).contains("not yet defined"),
            "{}",
            text(&current.stderr)
        );
    }
    assert!(met > 0, "no session was met again");
}

#[test]
fn another_start_up_is_another_session() {
    let server = server("trust");
    let stage = warm(&server);
    let one = processes(&stage, CLINIC);
    let other = processes(&stage, "user=nobody dbname=postgres application_name=other");
    assert!(one.is_disjoint(&other), "{one:?} {other:?}");
    // The client's user is a claim and nothing else: it is the same session for all that it says.
    let claimed = processes(&stage, "user=somebody dbname=postgres");
    assert!(!one.is_disjoint(&claimed), "{one:?} {claimed:?}");
}

#[test]
fn another_caller_gets_a_session_of_its_own() {
    let server = server("trust");
    let stage = Stage::listening(
        "[::]",
        "postgres",
        &format!(
            "{{ address: \"127.0.0.1:{}\", tls: disable, warm: 4 }}",
            server.port
        ),
        "{ user: svc, password: { file: password } }",
        &[("password", RIGHT)],
    );
    let one = processes(&stage, CLINIC);
    let other = processes(&stage, "hostaddr=::1 user=nobody dbname=postgres");
    assert!(one.len() < often() && other.len() < often(), "{one:?} {other:?}");
    assert!(one.is_disjoint(&other), "{one:?} {other:?}");
}

#[test]
fn what_is_left_unfinished_is_not_kept() {
    let server = server("trust");
    let stage = warm(&server);
    for unfinished in ["begin; lock table patients in share mode", "begin; select 1/0"] {
        for _ in 0..often() {
            let connection = format!("host=127.0.0.1 port={} sslmode=disable {CLINIC}", stage.port);
            // psql goes while its transaction is open.
            let _ = Command::new("psql")
                .args(["-XAtw", "-c", unfinished])
                .arg(connection)
                .output()
                .unwrap();
        }
        std::thread::sleep(Duration::from_millis(100));
        let open = "select count(*) from pg_stat_activity where usename = 'svc'";
        eventually("the server's processes have gone", || server.psql(open) == "0\n");
    }
}

#[test]
fn a_process_that_ended_meanwhile_is_passed_over() {
    let server = server("trust");
    let stage = warm(&server);
    let had = processes(&stage, CLINIC);
    server.psql("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'svc'");
    std::thread::sleep(Duration::from_millis(200));
    let now = processes(&stage, CLINIC);
    assert!(had.is_disjoint(&now), "{had:?} {now:?}");
}

#[test]
fn a_new_password_needs_a_new_login_and_a_session_goes_after_its_time() {
    let server = server("scram-sha-256");
    let stage = warm(&server);
    let had = processes(&stage, CLINIC);
    server.psql("alter role svc password 'the second'");
    put(&stage.path("password"), "the second");
    std::thread::sleep(Duration::from_millis(1100));
    let now = processes(&stage, CLINIC);
    assert!(had.is_disjoint(&now), "{had:?} {now:?}");
    std::thread::sleep(Duration::from_secs(10));
    let open = "select count(*) from pg_stat_activity where usename = 'svc'";
    eventually("the server's processes have gone", || server.psql(open) == "0\n");
}
