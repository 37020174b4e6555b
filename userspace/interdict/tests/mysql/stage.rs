//! A server, the daemon before it, and what every test asks of them.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::server::{MariaDb, client};
use crate::support::{self, Daemon, POLICY, free_port, scratch, text};
use crate::wire::Wire;

pub(crate) struct Stage {
    pub(crate) server: MariaDb,
    pub(crate) daemon: Daemon,
    /// The listener's.
    pub(crate) port: u16,
    pub(crate) directory: tempfile::TempDir,
}

impl Stage {
    /// Under the same policy that the tests with PostgreSQL use.
    pub(crate) fn start() -> Self {
        Self::with(MariaDb::start(), "{ address: ADDRESS, tls: disable }", "")
    }

    /// `upstream` names the server as `ADDRESS`; `more` are more lines of the service.
    pub(crate) fn with(server: MariaDb, upstream: &str, more: &str) -> Self {
        Self::under(POLICY, server, upstream, more)
    }

    /// Under another policy; `record.key` is a key.
    pub(crate) fn under(policy: &str, server: MariaDb, upstream: &str, more: &str) -> Self {
        let directory = scratch();
        let port = free_port();
        fs::write(directory.path().join("policy.yaml"), policy).unwrap();
        let key = directory.path().join("record.key");
        fs::write(&key, "a key of the test, 32 bytes long").unwrap();
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
        let upstream = upstream.replace("ADDRESS", &format!("\"localhost:{}\"", server.port));
        let text_of = format!(
            "services:\n  - name: clinic\n    protocol: mysql\n    listen: \"127.0.0.1:{port}\"\n    upstream: {upstream}\n{more}\
             policies: [policy.yaml]\n\
             audit: {{ directory: audit, durability: strict, segment: {{ rows: 100000, age: 1h }} }}\n\
             kernel: {{ mode: off }}\nadmin: {{ socket: admin.sock }}\n"
        );
        let settings = directory.path().join("interdict.yaml");
        fs::write(&settings, text_of).unwrap();
        let daemon = Daemon::start(&settings, &directory.path().join("audit"));
        Self {
            server,
            daemon,
            port,
            directory,
        }
    }

    /// The `mariadb` client through the daemon, with a password.
    pub(crate) fn client(&self) -> Command {
        client(self.port, "agent")
    }

    /// What statements show through the daemon.
    pub(crate) fn ask(&self, sql: &str) -> String {
        let output = self.client().args(["-e", sql]).output().unwrap();
        assert!(output.status.success(), "{sql}: {}", text(&output.stderr));
        text(&output.stdout)
    }

    /// The error of a statement that has to fail.
    pub(crate) fn refused(&self, sql: &str) -> String {
        let output = self.client().args(["-e", sql]).output().unwrap();
        assert!(!output.status.success(), "{sql} passed: {}", text(&output.stdout));
        text(&output.stderr)
    }

    /// Standard output and errors of a script whose errors do not end it.
    pub(crate) fn script(&self, script: &str) -> (String, String) {
        let path = self.write("script.sql", script);
        let output = self
            .client()
            .arg("--force")
            .stdin(fs::File::open(path).unwrap())
            .output()
            .unwrap();
        (text(&output.stdout), text(&output.stderr))
    }

    pub(crate) fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.directory.path().join(name);
        fs::write(&path, content).unwrap();
        path
    }

    /// A bare session through the daemon.
    pub(crate) fn wire(&self) -> Wire {
        Wire::connect(self.port)
    }

    /// Stops the daemon; the statements of clients as recorded.
    pub(crate) fn statements(&mut self) -> Vec<serde_json::Value> {
        self.daemon.stop();
        support::assert_sound(&self.daemon.audit);
        support::audit_rows(&self.daemon.audit, "statements")
            .into_iter()
            .filter(|row| !row["flags"].to_string().contains("interdict"))
            .collect()
    }
}

/// What helps to see why a test failed.
impl Drop for Stage {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        self.daemon.stop();
        for row in support::audit_rows(&self.daemon.audit, "statements") {
            eprintln!(
                "{} {} {} {} {}",
                row["session_id"], row["decision"], row["status"], row["message"], row["statement"]
            );
        }
        for row in support::audit_rows(&self.daemon.audit, "sessions") {
            eprintln!("{} ended: {}", row["session_id"], row["end_reason"]);
        }
        eprintln!("the server said:\n{}", self.server.errors());
    }
}

/// Everything below a folder, to look for what must not be there.
pub(crate) fn bytes_below(folder: &Path) -> Vec<u8> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            all.extend(bytes_below(&path));
        } else {
            all.extend(fs::read(&path).unwrap_or_default());
        }
    }
    all
}

pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !holds() {
        assert!(Instant::now() < deadline, "{what}: it did not come true");
        std::thread::sleep(Duration::from_millis(50));
    }
}
