//! A login of the daemon's own for the catalogue: real servers, which tell by their logs who asked what.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

mod mysql;
mod postgres;
#[path = "../mysql/server.rs"]
mod server;
#[path = "../support/mod.rs"]
mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use support::{Daemon, POLICY, audit_rows, free_port, scratch};

/// What every question for the catalogue begins with.
const QUESTION: &str = "/* interdict: catalogue */";

/// A daemon before a server, with a login for the catalogue.
struct Stage {
    daemon: Daemon,
    port: u16,
    _directory: tempfile::TempDir,
}

impl Stage {
    /// `upstream`: as the settings have it. `password`: of the user `keeper`.
    fn start(protocol: &str, upstream: &str, password: &str) -> Self {
        let directory = scratch();
        let port = free_port();
        let file = |name: &str| directory.path().join(name);
        fs::write(file("policy.yaml"), POLICY).unwrap();
        fs::write(file("password"), format!("{password}\n")).unwrap();
        fs::set_permissions(file("password"), fs::Permissions::from_mode(0o600)).unwrap();
        let settings = format!(
            "services:\n  - name: clinic\n    protocol: {protocol}\n    listen: \"127.0.0.1:{port}\"\n    upstream: {upstream}\n    \
             catalogue: {{ user: keeper, password: {{ file: password }} }}\n\
             policies: [policy.yaml]\n\
             audit: {{ directory: audit, durability: strict, segment: {{ rows: 100000, age: 1h }} }}\n\
             kernel: {{ mode: off }}\nadmin: {{ socket: admin.sock }}\n"
        );
        fs::write(file("interdict.yaml"), settings).unwrap();
        let daemon = Daemon::start(&file("interdict.yaml"), &file("audit"));
        Self {
            daemon,
            port,
            _directory: directory,
        }
    }

    /// Waits for an event, which the audit shows once the daemon has stopped or a moment after.
    fn event(&self, kind: &str) -> serde_json::Value {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let rows = audit_rows(&self.daemon.audit, "admin");
            if let Some(row) = rows.into_iter().find(|row| row["kind"] == kind) {
                return row;
            }
            assert!(Instant::now() < deadline, "no event {kind}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}
