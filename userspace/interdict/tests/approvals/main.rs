//! What needs a person, end to end: statements wait, people decide by the command line, grants end what runs under them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod grants;
mod holds;
mod many;
mod replay;
#[path = "../support/mod.rs"]
mod support;

use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::Value;
use support::{Daemon, Postgres, explicit_settings, interdict, scratch, text};

/// A PostgreSQL behind a daemon whose policy asks whoever runs the test.
struct Stage {
    server: Postgres,
    daemon: Daemon,
    port: u16,
    directory: tempfile::TempDir,
}

/// Who runs the test, as the daemon knows them.
fn me() -> String {
    let uid = nix::unistd::Uid::effective();
    nix::unistd::User::from_uid(uid).unwrap().unwrap().name
}

fn policy() -> String {
    format!(
        "\
name: clinic
mask:
  - columns: ['patients.ssn']
    with: redact
rules:
  - name: deletes
    when: '\"delete\" in effects'
    then: {{ hold: {{ approvers: ['user:{me}'], timeout: 60s, plan: true }} }}
    message: deleting needs a person
  - name: drops
    when: '\"drop\" in effects'
    then: {{ hold: {{ approvers: ['user:{me}'], timeout: 1s }} }}
  - name: updates
    when: '\"update\" in effects'
    then: {{ hold: {{ approvers: ['user:{me}'], timeout: 60s, mode: retry }} }}
  - name: inserts
    when: '\"insert\" in effects'
    then: {{ hold: {{ approvers: ['user:somebody-else'] }} }}
  - name: bulk
    when: 'result.rows > 1500'
    then: {{ hold: {{ approvers: ['user:{me}'] }} }}
",
        me = me()
    )
}

fn stage() -> Stage {
    Stage::of(Postgres::start())
}

impl Stage {
    /// With a server that takes many clients.
    fn with_room() -> Self {
        Self::of(Postgres::start_with("max_connections=1100"))
    }

    fn of(server: Postgres) -> Self {
        let directory = scratch();
        let (settings, port) = explicit_settings(directory.path(), server.port, Some(&policy()));
        let daemon = Daemon::start(&settings, &directory.path().join("audit"));
        Stage {
            server,
            daemon,
            port,
            directory,
        }
    }

    fn interdict(&self, words: &[&str]) -> Output {
        let socket: PathBuf = self.directory.path().join("admin.sock");
        Command::new(interdict())
            .args(words)
            .arg("--socket")
            .arg(socket)
            .output()
            .unwrap()
    }

    fn json(&self, words: &[&str]) -> Value {
        let output = self.interdict(&[words, &["--json"]].concat());
        assert!(output.status.success(), "{words:?}: {}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    fn waiting(&self) -> Vec<Value> {
        self.json(&["approvals", "list"]).as_array().unwrap().clone()
    }

    /// The one statement that waits, once it does.
    fn one_waiting(&self) -> Value {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            if let [one] = self.waiting().as_slice() {
                return one.clone();
            }
            assert!(Instant::now() < deadline, "nothing waits");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn until_none_waits(&self) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !self.waiting().is_empty() {
            assert!(Instant::now() < deadline, "it still waits");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn count(&self, table: &str) -> u64 {
        let text = self.server.psql(&format!("select count(*) from {table}"));
        text.trim().parse().unwrap()
    }
}

fn id(approval: &Value) -> String {
    approval["id"].as_str().unwrap().to_owned()
}
