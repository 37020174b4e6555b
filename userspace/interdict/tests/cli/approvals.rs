//! `interdict approvals` and `grants`: against a daemon that says what it is told to say, and against a real one.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::door::asked;
use crate::support::{Directory, run};

const ID: &str = "019506e0-8f3a-7000-8000-0123456789ab";

fn approval(state: &str) -> Value {
    json!({
        "id": ID, "state": state, "identity": "unit:agent.service", "service": "clinic", "quorum": 1,
        "statement": "DELETE FROM visits", "mode": "wait", "expires_at": 4_000_000_000_000_000_i64,
    })
}

#[test]
fn what_waits_is_listed_and_shown() {
    let answer = json!({ "response": "approvals", "approvals": [approval("pending")] });
    let (outcome, request) = asked(&answer, &["approvals", "list"]);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""));
    assert!(outcome.stdout.contains("456789ab  pending"), "{}", outcome.stdout);
    assert_eq!(
        request,
        json!({ "version": 1, "request": "approvals", "past": false })
    );

    let (outcome, request) = asked(&answer, &["approvals", "list", "--all", "--json"]);
    let document: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(document[0]["statement"], "DELETE FROM visits");
    assert_eq!(request["past"], true);

    let answer = json!({ "response": "approval", "approval": approval("pending"), "objection": "not you" });
    let (outcome, _) = asked(&answer, &["approvals", "show", "456789ab"]);
    assert!(
        outcome.stdout.contains("you           not you\n"),
        "{}",
        outcome.stdout
    );
    let (outcome, request) = asked(&answer, &["approvals", "show", "456789ab", "--json"]);
    let document: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(
        (&document["objection"], &document["approval"]["id"]),
        (&"not you".into(), &ID.into())
    );
    assert_eq!(request["id"], "456789ab");
}

#[test]
fn a_decision_is_asked_for_and_told() {
    let answer = json!({ "response": "approval", "approval": approval("approved"), "objection": null });
    let (outcome, request) = asked(
        &answer,
        &["approvals", "approve", ID, "--reason", "seen", "--grant", "30m"],
    );
    assert_eq!((outcome.code, outcome.stdout), (0, format!("{ID} is approved\n")));
    assert_eq!(
        request,
        json!({
            "version": 1, "request": "decide", "id": ID, "approve": true, "reason": "seen", "grant_seconds": 1800,
        })
    );
    let answer = json!({ "response": "approval", "approval": approval("denied"), "objection": null });
    let (outcome, request) = asked(&answer, &["approvals", "deny", ID, "--reason", "no"]);
    assert_eq!((outcome.code, outcome.stdout), (0, format!("{ID} is denied\n")));
    assert_eq!(request["approve"], false);
}

#[test]
fn a_no_of_the_daemon_is_exit_code_one_and_the_rest_two() {
    for (kind, code) in [
        ("not_found", 1),
        ("not_permitted", 1),
        ("too_late", 1),
        ("invalid", 1),
        ("failed", 2),
        ("unsupported", 2),
    ] {
        let answer = json!({ "response": "refused", "kind": kind, "message": "because" });
        for command in [
            &["approvals", "deny", ID, "--reason", "r"][..],
            &["approvals", "list"],
            &["grants", "revoke", ID, "--reason", "r"],
            &["grants", "list"],
        ] {
            let (outcome, _) = asked(&answer, command);
            assert_eq!(
                (outcome.code, outcome.stdout.as_str(), outcome.stderr.as_str()),
                (code, "", "interdict: because\n"),
                "{command:?} {kind}"
            );
        }
    }
    for usage in [
        &["approvals", "approve", ID][..],
        &["approvals", "approve", ID, "--reason", "r", "--grant", "soon"],
        &[
            "grants",
            "create",
            "--identity",
            "a",
            "--service",
            "b",
            "--reason",
            "r",
        ],
        &[
            "grants",
            "create",
            "--service",
            "b",
            "--for",
            "1h",
            "--reason",
            "r",
        ],
        &[
            "grants",
            "create",
            "--identity",
            "a",
            "--service",
            "b",
            "--for",
            "1h",
            "--until",
            "2030-01-01",
            "--reason",
            "r",
        ],
        &["approvals", "watch", "--socket", "/nonexistent/socket"],
    ] {
        assert_eq!(run(usage).code, 2, "{usage:?}");
    }
}

/// A daemon without the kernel's side.
struct Daemon {
    child: Child,
    directory: Directory,
    settings: String,
}

impl Daemon {
    fn start(directory: Directory) -> Self {
        Self::start_with(directory, "")
    }

    /// With more settings.
    fn start_with(directory: Directory, more: &str) -> Self {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let listen = free.local_addr().unwrap().to_string();
        drop(free);
        let settings = "services: [{ name: clinic, protocol: postgres, listen: \"LISTEN\", upstream: { address: \"127.0.0.1:1\" } }]\n\
             policies: []\nkernel: { mode: off }\naudit: { directory: audit }\nauthority: none\n\
             admin: { socket: run/admin.sock, grantors: [\"group:daemon\"] }\n";
        let settings = directory.write("interdict.yaml", &(settings.replace("LISTEN", &listen) + more));
        let child = Command::new(env!("CARGO_BIN_EXE_interdict"))
            .args(["run", "--config", &settings])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut daemon = Self {
            child,
            directory,
            settings,
        };
        let log = BufReader::new(daemon.child.stderr.take().unwrap());
        let mut lines = log.lines().map(Result::unwrap);
        let said: Vec<String> = lines.by_ref().take_while(|line| line != "ready").collect();
        assert!(
            daemon.child.try_wait().unwrap().is_none(),
            "the daemon did not start: {said:#?}"
        );
        // What it says later must not stop it.
        std::thread::spawn(move || lines.for_each(drop));
        daemon
    }

    fn ask(&self, arguments: &[&str]) -> (i32, Value) {
        let outcome = run(&[arguments, &["--json", "--config", &self.settings]].concat());
        let document = serde_json::from_str(&outcome.stdout).unwrap_or(outcome.stderr.into());
        (outcome.code, document)
    }

    /// Kills it, and gives what is left.
    fn kill(mut self) -> Directory {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        std::mem::replace(&mut self.directory, Directory::new(&[]))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn grants_live_through_a_crash_and_end_on_record() {
    let daemon = Daemon::start(Directory::new(&[]));
    let create = [
        "grants",
        "create",
        "--identity",
        "unit:agent*",
        "--service",
        "clinic",
        "--effect",
        "read",
        "--relation",
        "public.patients",
        "--column",
        "public.patients.name",
        "--rows",
        "10",
        "--for",
        "1h",
        "--reason",
        "care",
        "--ticket",
        "T-1",
        "--break-glass",
    ];
    let (code, created) = daemon.ask(&create);
    assert_eq!((code, &created["state"]), (0, &"in force".into()), "{created}");
    let id = created["grant"]["id"].as_str().unwrap().to_owned();
    assert_eq!(created["grant"]["rows"], 10);
    let (code, wrong) = daemon.ask(&[
        "grants",
        "create",
        "--identity",
        "a",
        "--service",
        "b",
        "--effect",
        "reed",
        "--for",
        "1h",
        "--reason",
        "r",
    ]);
    assert_eq!(code, 1);
    assert!(wrong.as_str().unwrap().contains("`reed` is no effect"), "{wrong}");
    let (code, status) = daemon.ask(&["status"]);
    assert_eq!(
        (code, &status["approvals"]),
        (1, &0.into()),
        "a broken glass needs a person: {status}"
    );
    assert_eq!(daemon.ask(&["approvals", "list"]), (0, json!([])));
    assert_eq!(
        daemon.ask(&["approvals", "deny", "12345678", "--reason", "r"]).0,
        1
    );

    let daemon = Daemon::start(daemon.kill());
    let (_, list) = daemon.ask(&["grants", "list"]);
    assert_eq!(
        (&list[0]["grant"]["id"], &list[0]["state"]),
        (&id.as_str().into(), &"in force".into())
    );
    let (code, revoked) = daemon.ask(&["grants", "revoke", &id[20..], "--reason", "over"]);
    assert_eq!(
        (code, &revoked["state"], &revoked["review_due"]),
        (0, &"revoked".into(), &true.into())
    );
    let (code, own) = daemon.ask(&["grants", "review", &id, "--reason", "fine"]);
    assert_eq!(code, 1);
    assert!(own.as_str().unwrap().contains("somebody else"), "{own}");
    let (_, list) = daemon.ask(&["grants", "list"]);
    assert_eq!(list[0]["review_due"], true);

    let directory = daemon.kill();
    let audit = format!("{}/audit", directory.path());
    let scanned = run(&["audit", "rows", &audit, "--table", "grants", "--json"]);
    let rows: Value = serde_json::from_str(&scanned.stdout).unwrap();
    assert_eq!(
        (&rows[0]["event"], &rows[1]["event"]),
        (&"created".into(), &"revoked".into())
    );
    assert_eq!(
        (&rows[1]["used_statements"], &rows[1]["ticket"]),
        (&0.into(), &"T-1".into())
    );
    let verified = run(&["audit", "verify", &audit]);
    assert_eq!(verified.code, 0, "{}{}", verified.stdout, verified.stderr);
    assert!(
        run(&["audit", "rows", &audit, "--table", "grants"])
            .stdout
            .contains("revoked")
    );
}

#[test]
fn answers_are_taken_where_the_settings_say_and_only_signed() {
    let directory = Directory::new(&[]);
    directory.write_secret("key", "0123456789abcdef\n");
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = free.local_addr().unwrap();
    drop(free);
    let more = format!(
        "approvals: {{ listen: \"{listen}\", webhooks: [{{ name: desk, url: \"http://127.0.0.1:1\", secret: {{ file: key }} }}] }}\n"
    );
    let _daemon = Daemon::start_with(directory, &more);
    for (path, status) in [
        ("/webhooks/desk", "401"),
        ("/webhooks/other", "404"),
        ("/", "404"),
    ] {
        let mut stream = std::net::TcpStream::connect(listen).unwrap();
        write!(
            stream,
            "POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{{}}"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}")),
            "{path}: {answer}"
        );
    }
}

#[test]
fn settings_of_people_are_checked() {
    let directory = Directory::new(&[("open", "0123456789abcdef\n")]);
    directory.write_secret("short", "123\n");
    directory.write_secret("key", "0123456789abcdef\n");
    let check = |rest: &str| {
        let head = "services: [{ name: a, protocol: opaque, listen: \"127.0.0.1:1\", upstream: { address: \"127.0.0.1:2\" } }]\nkernel: { mode: off }\n";
        let file = directory.write("s.yaml", &format!("{head}{rest}\n"));
        let outcome = run(&["check", "--config", &file]);
        (outcome.code, outcome.stderr)
    };
    let hook = |middle: &str| format!("approvals: {{ webhooks: [{{ name: desk, {middle} }}] }}");
    for right in [
        "admin: { group: staff, grantors: [\"user:ada\", \"group:care\"] }".to_owned(),
        hook(
            "url: \"https://desk.example.org/x\", form: slack, secret: { file: key }, on: [requested], people: { U1: ada }",
        ),
        hook("url: \"http://desk\", secret: { env: NOT_HERE }"),
    ] {
        assert_eq!(check(&right), (0, String::new()), "{right}");
    }
    for (wrong, part) in [
        (
            "admin: { grantors: [ada] }".to_owned(),
            "expected `user:NAME` or `group:NAME`, found `ada`",
        ),
        ("admin: { group: [] }".to_owned(), "expected the name of a group"),
        (
            "approvals: { listen: \"127.0.0.1:1\" }".to_owned(),
            "expected `webhooks` as well",
        ),
        (
            hook("url: \"ftp://desk\", secret: { file: key }"),
            "begins with https://",
        ),
        (hook("url: \"https://desk\""), "expected `secret`"),
        (
            hook("url: \"https://desk\", secret: { file: short }"),
            "at least 16 bytes",
        ),
        (hook("url: \"https://desk\", secret: { file: open }"), "chmod 600"),
        (
            hook("url: \"https://desk\", secret: { file: key }, on: [asked]"),
            "expected `requested` or `decided`",
        ),
        (
            hook("url: \"https://desk\", secret: { file: key }, form: teams"),
            "expected `json` or `slack`",
        ),
        (
            hook(
                "url: \"https://desk\", secret: { file: key } }, { name: desk, url: \"https://d\", secret: { file: key }",
            ),
            "there is a webhook `desk` already",
        ),
    ] {
        let (code, said) = check(&wrong);
        assert_eq!(code, 2, "{wrong}");
        assert!(said.contains(part), "{wrong}: {said}");
        assert!(!said.contains("0123456789abcdef"), "a secret is shown");
    }
}
