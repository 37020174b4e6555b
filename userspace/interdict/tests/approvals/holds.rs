//! Statements and results that wait.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{Stage, id, stage};
use crate::support::{assert_sound, audit_rows, psql, psql_command, text};

impl Stage {
    fn ask(&self, sql: &str) -> Child {
        psql_command(self.port)
            .args(["-c", sql])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }
}

fn end(child: Child) -> (bool, String, String) {
    let output = child.wait_with_output().unwrap();
    (
        output.status.success(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

#[test]
fn a_delete_waits_until_somebody_says_yes() {
    let mut stage = stage();
    let sql = "delete from visits where id = 7";
    let client = stage.ask(sql);
    let approval = stage.one_waiting();
    assert_eq!(approval["statement"], sql);
    assert_eq!(approval["relations"][0][0], "visits");
    assert_eq!(stage.count("visits"), 2000, "nothing has happened yet");
    let shown = stage.interdict(&["approvals", "show", &id(&approval)]);
    let shown = text(&shown.stdout);
    for part in [sql, "deletes", "deleting needs a person", "visits", "(cost="] {
        assert!(shown.contains(part), "{part}: {shown}");
    }

    let without = stage.interdict(&["approvals", "approve", &id(&approval)]);
    assert_eq!(without.status.code(), Some(2), "a reason is required");
    let yes = stage.interdict(&["approvals", "approve", &id(&approval), "--reason", "ticket 7"]);
    assert!(yes.status.success(), "{}", text(&yes.stderr));
    let (succeeded, out, notice) = end(client);
    assert!(succeeded && out.contains("DELETE 1"), "{out}{notice}");
    assert!(notice.contains("waiting up to 60 s"), "{notice}");
    assert_eq!(stage.count("visits"), 1999);
    let again = stage.interdict(&["approvals", "deny", &id(&approval), "--reason", "too late"]);
    assert_eq!(again.status.code(), Some(1));

    // The chain of custody.
    stage.daemon.stop();
    assert_sound(&stage.daemon.audit);
    let statements = audit_rows(&stage.daemon.audit, "statements");
    let deleted = statements.iter().find(|row| row["kind"] == "delete").unwrap();
    assert_eq!(
        (deleted["decision"].as_str(), deleted["rule"].as_str()),
        (Some("approve"), Some("deletes"))
    );
    assert_eq!(deleted["approval_id"], approval["id"]);
    let told: Vec<_> = audit_rows(&stage.daemon.audit, "approvals")
        .into_iter()
        .map(|row| {
            assert_eq!(row["approval_id"], approval["id"]);
            (row["event"].as_str().unwrap().to_owned(), row["reason"].clone())
        })
        .collect();
    let events: Vec<&str> = told.iter().map(|(event, _)| event.as_str()).collect();
    assert_eq!(events, ["requested", "voted", "approved"]);
    assert!(told.iter().any(|(_, reason)| reason == "ticket 7"));
}

#[test]
fn no_and_nobody_and_gone_are_told_apart() {
    let stage = stage();
    let client = stage.ask("delete from visits where id = 8");
    let approval = stage.one_waiting();
    let no = stage.interdict(&["approvals", "deny", &id(&approval), "--reason", "not today"]);
    assert!(no.status.success(), "{}", text(&no.stderr));
    let (succeeded, _, error) = end(client);
    assert!(!succeeded && error.contains("refused it: not today"), "{error}");

    let began = Instant::now();
    let (succeeded, _, error) = end(stage.ask("drop table visits"));
    assert!(
        !succeeded && error.contains("nobody decided within 1 s"),
        "{error}"
    );
    assert!(began.elapsed() < Duration::from_secs(5));

    // Ctrl-C in psql cancels from another connection; a client that is killed is just gone.
    let client = stage.ask("delete from visits where id = 9");
    stage.one_waiting();
    kill(Pid::from_raw(client.id().cast_signed()), Signal::SIGINT).unwrap();
    let (succeeded, _, error) = end(client);
    assert!(!succeeded && error.contains("took it back"), "{error}");
    stage.until_none_waits();
    let mut client = stage.ask("delete from visits where id = 10");
    stage.one_waiting();
    client.kill().unwrap();
    client.wait().unwrap();
    stage.until_none_waits();
    assert_eq!(stage.count("visits"), 2000);
}

#[test]
fn who_is_not_named_does_not_decide() {
    let stage = stage();
    let client = stage.ask("insert into visits values (9001)");
    let approval = stage.one_waiting();
    for verdict in ["approve", "deny"] {
        let output = stage.interdict(&["approvals", verdict, &id(&approval), "--reason", "mine"]);
        assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
        assert!(
            text(&output.stderr).contains("somebody-else"),
            "{}",
            text(&output.stderr)
        );
    }
    assert_eq!(stage.waiting().len(), 1);
    kill(Pid::from_raw(client.id().cast_signed()), Signal::SIGINT).unwrap();
    end(client);
}

#[test]
fn who_does_not_wait_comes_again() {
    let stage = stage();
    let sql = "update visits set patient = 3 where id = 11";
    let first = text(&psql(stage.port, sql).stderr);
    assert!(first.contains("waits for approval"), "{first}");
    let second = text(&psql(stage.port, sql).stderr);
    let approval = stage.one_waiting();
    assert!(
        first.contains(&id(&approval)) && second.contains(&id(&approval)),
        "{second}"
    );
    let yes = stage.interdict(&["approvals", "approve", &id(&approval), "--reason", "ticket 8"]);
    assert!(yes.status.success(), "{}", text(&yes.stderr));
    let other = text(&psql(stage.port, "update visits set patient = 3 where id = 12").stderr);
    assert!(
        other.contains("waits for approval") && !other.contains(&id(&approval)),
        "{other}"
    );
    let passed = psql(stage.port, sql);
    assert!(passed.status.success(), "{}", text(&passed.stderr));
    let once = text(&psql(stage.port, sql).stderr);
    assert!(once.contains("waits for approval"), "{once}");
}

#[test]
fn a_large_result_stops_before_the_row_that_is_one_too_many() {
    let stage = stage();
    let all = "select id from visits order by id";
    let client = stage.ask(all);
    let approval = stage.one_waiting();
    assert_eq!(approval["result"][0], 1501);
    let yes = stage.interdict(&[
        "approvals",
        "approve",
        &id(&approval),
        "--reason",
        "the yearly report",
    ]);
    assert!(yes.status.success());
    let (succeeded, out, error) = end(client);
    assert!(succeeded, "{error}");
    assert_eq!(out, stage.server.psql(all));

    let client = stage.ask(&format!("copy ({all}) to stdout"));
    let approval = stage.one_waiting();
    let no = stage.interdict(&["approvals", "deny", &id(&approval), "--reason", "too much"]);
    assert!(no.status.success());
    let (succeeded, out, error) = end(client);
    assert!(!succeeded && error.contains("too much"), "{error}");
    assert!(out.lines().count() <= 1500, "{} rows left", out.lines().count());
}

#[test]
fn a_daemon_that_stops_refuses_what_waits() {
    let mut stage = stage();
    let client = stage.ask("delete from visits where id = 12");
    let approval = stage.one_waiting();
    stage.daemon.stop();
    let (succeeded, _, error) = end(client);
    assert!(!succeeded && error.contains("interdict:"), "{error}");
    assert_eq!(stage.count("visits"), 2000);
    assert_sound(&stage.daemon.audit);
    let rows = audit_rows(&stage.daemon.audit, "approvals");
    assert!(rows.iter().all(|row| row["approval_id"] == approval["id"]));
    assert!(rows.len() >= 2, "its end is on record: {rows:?}");
}
