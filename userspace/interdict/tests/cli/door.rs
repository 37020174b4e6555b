//! `interdict status`, `ledger`, `quarantine` and `detach` against a daemon that says what it is told to say.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixListener;
use std::thread::JoinHandle;

use serde_json::{Value, json};

use crate::support::{Directory, Outcome, run};

/// Listens in a directory, answers one request, and gives it back.
fn daemon(directory: &Directory, answer: &Value) -> JoinHandle<Value> {
    let path = format!("{}/admin.sock", directory.path());
    let _ = std::fs::remove_file(&path);
    let listener = UnixListener::bind(path).unwrap();
    let mut answer = answer.clone();
    if let Some(fields) = answer.as_object_mut() {
        fields.insert("version".to_owned(), json!(1));
    }
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut line = String::new();
        BufReader::new(&stream).read_line(&mut line).unwrap();
        writeln!(stream, "{answer}").unwrap();
        serde_json::from_str(&line).unwrap()
    })
}

/// Settings with nothing but the places, and a policy that is broken: what an operator must do doesn't wait for it.
fn settings() -> (Directory, String) {
    let directory = Directory::new(&[("policy.yaml", "name: [")]);
    let file = directory.write(
        "interdict.yaml",
        "services: []\npolicies: [policy.yaml]\naudit: { directory: audit }\nadmin: { socket: admin.sock }\n",
    );
    (directory, file)
}

pub(crate) fn asked(answer: &Value, arguments: &[&str]) -> (Outcome, Value) {
    let (directory, file) = settings();
    let daemon = daemon(&directory, answer);
    let outcome = run(&[arguments, &["--config", &file]].concat());
    (outcome, daemon.join().unwrap())
}

#[test]
fn a_quarantine_is_asked_for_and_told() {
    let cut = json!({"response": "quarantine", "workload": "agents", "connections": 3, "already": false});
    let (outcome, request) = asked(&cut, &["quarantine", "agents"]);
    assert_eq!(
        (outcome.code, outcome.stdout.as_str(), outcome.stderr.as_str()),
        (
            0,
            "agents is quarantined: 3 connections cut, new ones are refused; `--lift` ends it\n",
            ""
        )
    );
    assert_eq!(
        request,
        json!({"version": 1, "request": "quarantine", "workload": "agents"})
    );
    let (outcome, _) = asked(&cut, &["quarantine", "agents", "--json"]);
    let document: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(
        document,
        json!({"workload": "agents", "connections": 3, "already": false})
    );

    let lifted = json!({"response": "quarantine_lift", "workload": "agents"});
    let (outcome, request) = asked(&lifted, &["quarantine", "agents", "--lift"]);
    assert_eq!(
        (outcome.code, outcome.stdout.as_str()),
        (0, "agents may connect again\n")
    );
    assert_eq!(request["request"], "quarantine_lift");

    let list = json!({"response": "quarantine_list", "quarantined": [
        {"workload": "agents", "since": 1_777_636_800_500_000_i64, "by": "operator:root(0)"}]});
    let (outcome, request) = asked(&list, &["quarantine", "--list"]);
    assert_eq!(
        (outcome.code, &request["request"]),
        (0, &json!("quarantine_list"))
    );
    assert!(
        outcome
            .stdout
            .contains("agents    2026-05-01T12:00:00Z  operator:root(0)"),
        "{}",
        outcome.stdout
    );
    let (outcome, _) = asked(&list, &["quarantine", "--list", "--json"]);
    let document: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(document[0]["workload"], "agents");
}

#[test]
fn what_the_daemon_says_no_to_is_1_and_what_it_could_not_do_is_2() {
    for (kind, code) in [
        ("unknown_workload", 1),
        ("not_quarantined", 1),
        ("not_permitted", 2),
        ("unavailable", 2),
        ("failed", 2),
        ("unsupported", 2),
        ("added_later", 2),
    ] {
        let no = json!({"response": "refused", "kind": kind, "message": "because of this"});
        let (outcome, _) = asked(&no, &["quarantine", "agents", "--lift"]);
        assert_eq!(
            (outcome.code, outcome.stdout.as_str()),
            (code, ""),
            "{kind}: {}",
            outcome.stderr
        );
        assert!(
            outcome.stderr.contains("because of this"),
            "{kind}: {}",
            outcome.stderr
        );
    }
    let (outcome, _) = asked(&json!({"response": "detach"}), &["status"]);
    assert_eq!(outcome.code, 2, "{}", outcome.stderr);
}

#[test]
fn the_ledger_is_laid_out_and_a_difference_is_1() {
    let row = |workload: &str, difference: i64| {
        json!({"at": 1_777_636_800_000_000_i64, "workload": workload, "service": "clinic", "seen": 12, "redirected": 9,
            "refused": 2, "exempt": 1, "failed_open": 0, "established": 9, "sessions": 8, "pending": 1 - difference,
            "difference": difference, "flags": ["unexplained"]})
    };
    let answer = |difference| json!({"response": "ledger", "rows": [row("b", difference), row("a", 0)]});
    let (outcome, _) = asked(&answer(0), &["ledger"]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    let lines: Vec<&str> = outcome.stdout.lines().collect();
    assert!(
        lines[0].starts_with("WORKLOAD  SERVICE  SEEN  REDIRECTED"),
        "{}",
        outcome.stdout
    );
    assert!(
        lines[1].starts_with("a         clinic     12           9"),
        "{}",
        outcome.stdout
    );
    let (outcome, _) = asked(&answer(1), &["ledger", "--json"]);
    let document: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!((outcome.code, &document[1]["difference"]), (1, &json!(1)));
    assert_eq!(document[0]["at"], "2026-05-01T12:00:00Z");
    let (outcome, _) = asked(&json!({"response": "ledger", "rows": []}), &["ledger"]);
    assert!(
        outcome.stdout.starts_with("no workload has connected"),
        "{}",
        outcome.stdout
    );
}

#[test]
fn the_status_is_laid_out_and_what_needs_a_person_is_1() {
    let status = |attention: Value| {
        json!({"response": "status", "ready": true, "pid": 4242, "mode": "enforce", "uptime_seconds": 3725,
            "workloads": {"agents": {"cgroups": 2, "sessions": 7}}, "services": {"clinic": {"sessions": 7}},
            "attention": attention})
    };
    let (outcome, request) = asked(&status(json!([])), &["status"]);
    assert_eq!((outcome.code, &request["request"]), (0, &json!("status")));
    for part in [
        "pid 4242",
        "up 1h 2m 5s",
        "ready, mode enforce",
        "agents    cgroups 2, sessions 7",
    ] {
        assert!(outcome.stdout.contains(part), "{part}: {}", outcome.stdout);
    }
    let (outcome, _) = asked(
        &status(json!(["the audit can't be written"])),
        &["status", "--json"],
    );
    assert_eq!(outcome.code, 1);
    let document: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(document["attention"][0], "the audit can't be written");
}

#[test]
fn without_a_daemon_it_is_2_and_says_where_to_look() {
    let (directory, file) = settings();
    let socket = format!("{}/admin.sock", directory.path());
    let commands = [
        &["status"][..],
        &["ledger"],
        &["quarantine", "agents"],
        &["quarantine", "--list"],
    ];
    for command in commands {
        for place in [&["--config", file.as_str()][..], &["--socket", &socket]] {
            let outcome = run(&[command, place].concat());
            assert_eq!((outcome.code, outcome.stdout.as_str()), (2, ""), "{command:?}");
            for part in [&socket, "systemctl status interdict"] {
                assert!(outcome.stderr.contains(part), "{command:?}: {}", outcome.stderr);
            }
        }
        let outcome = run(&[command, &["--config", "/nonexistent/interdict.yaml"]].concat());
        assert_eq!(outcome.code, 2);
        for part in ["/nonexistent/interdict.yaml:1:1:", "`--socket PATH`"] {
            assert!(outcome.stderr.contains(part), "{command:?}: {}", outcome.stderr);
        }
    }
    // A daemon that is gone leaves its socket.
    drop(UnixListener::bind(&socket).unwrap());
    let outcome = run(&["status", "--socket", &socket]);
    assert_eq!(outcome.code, 2);
    assert!(outcome.stderr.contains("no daemon answers"), "{}", outcome.stderr);
}

#[test]
fn a_running_daemon_detaches_itself() {
    let (outcome, request) = asked(&json!({"response": "detach"}), &["detach"]);
    assert_eq!((outcome.code, &request["request"]), (0, &json!("detach")));
    assert!(outcome.stderr.contains("goes on without"), "{}", outcome.stderr);

    let no = json!({"response": "refused", "kind": "not_permitted", "message": "you may not"});
    let (outcome, _) = asked(&no, &["detach"]);
    assert_eq!(outcome.code, 2);
    for part in ["you may not", "--force"] {
        assert!(outcome.stderr.contains(part), "{}", outcome.stderr);
    }
}

#[test]
fn a_detach_that_has_nowhere_to_be_recorded_is_refused() {
    let outcome = run(&["detach", "--config", "/nonexistent/interdict.yaml"]);
    assert_eq!(outcome.code, 2);
    for part in ["/nonexistent/interdict.yaml", "--config", "--force"] {
        assert!(outcome.stderr.contains(part), "{}", outcome.stderr);
    }
    if !std::path::Path::new("/etc/interdict/interdict.yaml").exists() {
        assert_eq!(run(&["detach"]).code, 2);
    }
}
