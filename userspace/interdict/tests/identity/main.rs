//! Who is calling, on a real kernel: tokens of a real issuer, and parents that have ended.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

mod ancestry;
mod issuer;
mod oidc;
#[path = "../support/mod.rs"]
mod support;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use support::{Cgroup, Daemon, Postgres, assert_sound, audit_rows, interdict, scratch, skipped};

/// One set of programs is attached to a kernel: tests that use it take turns.
static KERNEL: Mutex<()> = Mutex::new(());

/// Why the kernel can't be used here, if it can't.
fn unusable() -> Option<&'static str> {
    if !support::is_root() {
        return Some("not root");
    }
    if Cgroup::root().is_none() {
        return Some("no cgroup2 hierarchy");
    }
    if !interdict_kernel::is_built() && std::env::var_os("INTERDICT_BIN").is_none() {
        return Some("no eBPF object in this build: run `cargo xtask test`");
    }
    let links = format!("v{}/links", interdict_kernel::SCHEMA);
    Path::new(interdict_kernel::DEFAULT_PIN_ROOT)
        .join(links)
        .exists()
        .then_some("a daemon's programs are attached on this host already")
}

/// A PostgreSQL, a cgroup that is enrolled as `agents`, and a daemon between them.
struct Stage {
    server: Postgres,
    cgroup: Cgroup,
    directory: tempfile::TempDir,
    daemon: Option<Daemon>,
    settings: PathBuf,
    _turn: MutexGuard<'static, ()>,
}

impl Stage {
    /// `None` where the kernel can't be used; says why.
    fn new(label: &str) -> Option<Self> {
        let turn = KERNEL.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(why) = unusable() {
            skipped(why);
            return None;
        }
        let directory = scratch();
        Some(Self {
            server: Postgres::start(),
            cgroup: Cgroup::create(label),
            settings: directory.path().join("interdict.yaml"),
            directory,
            daemon: None,
            _turn: turn,
        })
    }

    /// Starts the daemon with this `identity` section and policy.
    fn start(&mut self, identity: &str, policy: &str) {
        std::fs::write(self.path("policy.yaml"), policy).unwrap();
        let (port, cgroup) = (self.server.port, &self.cgroup.name);
        let settings = format!(
            "services:\n  - name: clinic\n    protocol: postgres\n    destinations: [\"127.0.0.1:{port}\"]\n    \
             upstream: {{ tls: disable }}\nworkloads:\n  - name: agents\n    match: {{ cgroup: \"{cgroup}/**\" }}\npolicies: [policy.yaml]\n\
             audit: {{ directory: audit, segment: {{ rows: 100000, age: 1h }} }}\nadmin: {{ socket: admin.sock }}\nauthority: none\nidentity: {identity}\n"
        );
        std::fs::write(&self.settings, settings).unwrap();
        self.daemon = Some(Daemon::start(&self.settings, &self.path("audit")));
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// psql in the enrolled cgroup.
    fn psql(&self, sql: &str) -> std::process::Output {
        let mut command = support::psql_command(self.server.port);
        command.args(["-c", sql]);
        self.cgroup.enrol(&mut command);
        command.output().unwrap()
    }

    /// Stops the daemon; the rows of a table of its record.
    fn rows(&mut self, table: &str) -> Vec<Value> {
        let daemon = self.daemon.as_mut().unwrap();
        daemon.stop();
        assert_sound(&daemon.audit);
        audit_rows(&daemon.audit, table)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        drop(self.daemon.take());
        let _ = Command::new(interdict()).args(["detach", "--force"]).output();
    }
}

fn strings(value: &Value) -> Vec<&str> {
    value
        .as_array()
        .map(|list| list.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default()
}
