//! The console, end to end: a real daemon, a real PostgreSQL, curl and Chromium as visitors.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

mod browser;
mod certificates;
mod decide;
mod guards;
mod hostile;
#[path = "../identity/issuer.rs"]
#[allow(dead_code, reason = "the tests of identities use the rest of it")]
mod issuer;
mod login;
mod oidc;
mod settings;
#[path = "../support/mod.rs"]
mod support;
mod visitor;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use support::{Daemon, Postgres, audit_rows, free_port, interdict, psql_command, scratch, text};
use visitor::Visitor;

/// Who runs the test, as the daemon knows them.
fn me() -> String {
    let uid = nix::unistd::Uid::effective();
    nix::unistd::User::from_uid(uid).unwrap().unwrap().name
}

/// A PostgreSQL behind a daemon with a console.
struct Stage {
    server: Postgres,
    daemon: Daemon,
    /// Of the service.
    port: u16,
    /// Of the console.
    console: u16,
    directory: tempfile::TempDir,
}

impl Stage {
    fn new() -> Self {
        Self::with(|_, port| format!("\"127.0.0.1:{port}\""), &[])
    }

    /// `console`: what `admin.console` is, by the stage's directory and the console's port. `approvers` besides who runs the test.
    fn with(console: impl FnOnce(&Path, u16) -> String, approvers: &[&str]) -> Self {
        let (server, directory) = (Postgres::start(), scratch());
        let port = free_port();
        let console_port = std::iter::repeat_with(free_port)
            .find(|free| *free != port)
            .unwrap();
        let mut people = vec![format!("'user:{}'", me())];
        people.extend(approvers.iter().map(|name| format!("'{name}'")));
        let policy = format!(
            "name: clinic\nmask:\n  - columns: ['patients.ssn']\n    with: redact\nrules:\n  - name: no-drops\n    \
             when: '\"drop\" in effects'\n    then: deny\n    message: nothing is dropped here\n  - name: deletes\n    \
             when: '\"delete\" in effects'\n    then: {{ hold: {{ approvers: [{}], timeout: 60s, plan: true }} }}\n    \
             message: deleting needs a person\n",
            people.join(", ")
        );
        std::fs::write(directory.path().join("policy.yaml"), policy).unwrap();
        let settings = format!(
            "services:\n  - name: clinic\n    protocol: postgres\n    listen: \"127.0.0.1:{port}\"\n    \
             upstream: {{ address: \"127.0.0.1:{}\", tls: disable }}\npolicies: [policy.yaml]\n\
             audit: {{ directory: audit, segment: {{ rows: 50, age: 1h }} }}\nkernel: {{ mode: off }}\nauthority: none\n\
             admin:\n  socket: admin.sock\n  console: {}\n",
            server.port,
            console(directory.path(), console_port)
        );
        let path = directory.path().join("interdict.yaml");
        std::fs::write(&path, settings).unwrap();
        let daemon = Daemon::start(&path, &directory.path().join("audit"));
        Self {
            server,
            daemon,
            port,
            console: console_port,
            directory,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.console)
    }

    fn interdict(&self, words: &[&str]) -> Output {
        Command::new(interdict())
            .args(words)
            .arg("--socket")
            .arg(self.path("admin.sock"))
            .output()
            .unwrap()
    }

    /// A one-time address, by the admin socket.
    fn address(&self) -> String {
        let output = self.interdict(&["console", "login"]);
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout).trim().to_owned()
    }

    /// Somebody who came in by such an address.
    fn enter(&self) -> Visitor {
        let visitor = Visitor::new(&self.path("jar"), &self.origin());
        let address = self.address();
        let ticket = address.split_once("ticket=").unwrap().1;
        let answer = visitor.post("/login/once", &[("ticket", ticket)]);
        assert_eq!(answer.status, 200, "{}", answer.body);
        visitor
    }

    fn ask(&self, sql: &str) -> Child {
        psql_command(self.port)
            .args(["-c", sql])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    fn psql(&self, sql: &str) -> Output {
        psql_command(self.port).args(["-c", sql]).output().unwrap()
    }

    /// The id of the one statement that waits, once it does.
    fn waiting(&self) -> String {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let output = self.interdict(&["approvals", "list", "--json"]);
            let list: Value = serde_json::from_slice(&output.stdout).unwrap();
            if let Some([one]) = list.as_array().map(Vec::as_slice) {
                return one["id"].as_str().unwrap().to_owned();
            }
            assert!(Instant::now() < deadline, "nothing waits");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn rows(&self, table: &str) -> Vec<Value> {
        audit_rows(&self.daemon.audit, table)
    }

    /// Admin events of this kind.
    fn events(&self, kind: &str) -> Vec<Value> {
        let mut rows = self.rows("admin");
        rows.retain(|row| row["kind"] == kind);
        rows
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
