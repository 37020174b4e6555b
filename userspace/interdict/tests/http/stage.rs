//! The daemon before one or more services, and what every test asks of it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{self, Daemon, free_port, scratch};

/// Of the service `bare` nothing is masked or refused.
pub(crate) const POLICY: &str = r#"name: api
applies: { services: ["masked", "s3", "dynamo", "mcp"] }
mask:
  - columns: ["**.ssn"]
    with: { partial: { keep_last: 4 } }
  - columns: ["patients.{mrn,weight}"]
    with: redact
  - detect: [us_ssn, email]
    with: redact
rules:
  - name: no-deletes
    when: '"delete" in effects'
    then: deny
    message: deleting is not allowed
    hint: ask an operator
  - name: no-shell
    when: '"shell" in tables'
    then: deny
"#;

/// Planted values, of people who do not exist: what must not arrive, nor be on record.
pub(crate) const PLANTED: &[&str] = &[
    "123-45-6789",
    "219-09-9999",
    "ada@example.org",
    "bo@example.org",
    "MRN0000001",
];

/// A service of the settings.
pub(crate) struct Service {
    name: &'static str,
    lines: String,
}

impl Service {
    /// Without TLS on its side.
    pub(crate) fn new(name: &'static str, upstream: u16) -> Self {
        Self::with(
            name,
            &format!("{{ address: \"127.0.0.1:{upstream}\", tls: disable }}"),
        )
    }

    /// `upstream` as in the settings.
    pub(crate) fn with(name: &'static str, upstream: &str) -> Self {
        Self {
            name,
            lines: format!("    upstream: {upstream}\n"),
        }
    }

    /// One more line of it.
    pub(crate) fn line(mut self, line: &str) -> Self {
        let _ = writeln!(self.lines, "    {line}");
        self
    }
}

pub(crate) struct Stage {
    pub(crate) daemon: Daemon,
    pub(crate) directory: tempfile::TempDir,
    ports: BTreeMap<&'static str, u16>,
}

impl Stage {
    pub(crate) fn start(services: Vec<Service>) -> Self {
        Self::under(POLICY, services)
    }

    pub(crate) fn under(policy: &str, services: Vec<Service>) -> Self {
        let directory = scratch();
        fs::write(directory.path().join("policy.yaml"), policy).unwrap();
        let mut ports = BTreeMap::new();
        let mut text_of = "services:\n".to_owned();
        for Service { name, lines } in services {
            let port = free_port();
            ports.insert(name, port);
            let _ = write!(
                text_of,
                "  - name: {name}\n    protocol: http\n    listen: \"127.0.0.1:{port}\"\n{lines}"
            );
        }
        text_of.push_str(
            "policies: [policy.yaml]\nauthority: { directory: authority }\n\
             audit: { directory: audit, durability: strict, segment: { rows: 100000, age: 1h } }\n\
             kernel: { mode: off }\nadmin: { socket: admin.sock }\n",
        );
        let settings = directory.path().join("interdict.yaml");
        fs::write(&settings, text_of).unwrap();
        let daemon = Daemon::start(&settings, &directory.path().join("audit"));
        Self {
            daemon,
            directory,
            ports,
        }
    }

    /// The listener's.
    pub(crate) fn port(&self, service: &str) -> u16 {
        self.ports[service]
    }

    pub(crate) fn url(&self, service: &str, path: &str) -> String {
        url(self.port(service), path)
    }

    /// The certificate of the authority that the daemon made.
    pub(crate) fn authority(&self) -> PathBuf {
        self.directory.path().join("authority/authority.crt")
    }

    pub(crate) fn write(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.directory.path().join(name);
        fs::write(&path, content).unwrap();
        path
    }

    /// Stops the daemon; the statements as recorded.
    pub(crate) fn statements(&mut self) -> Vec<Value> {
        self.daemon.stop();
        support::assert_sound(&self.daemon.audit);
        support::audit_rows(&self.daemon.audit, "statements")
    }

    /// The same for sessions.
    pub(crate) fn sessions(&mut self) -> Vec<Value> {
        self.daemon.stop();
        support::assert_sound(&self.daemon.audit);
        support::audit_rows(&self.daemon.audit, "sessions")
    }

    /// Of the daemon, in bytes.
    pub(crate) fn memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.daemon.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        let kilobytes: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
        kilobytes << 10
    }
}

/// What helps to see why a test failed.
impl Drop for Stage {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        self.daemon.stop();
        let rows = support::audit_rows(&self.daemon.audit, "statements");
        for row in rows.iter().rev().take(20).rev() {
            eprintln!(
                "{} {} {} {} {}",
                row["kind"], row["decision"], row["status"], row["message"], row["statement"]
            );
        }
        let rows = support::audit_rows(&self.daemon.audit, "sessions");
        for row in rows.iter().rev().take(20).rev() {
            eprintln!("{} ended: {}", row["session_id"], row["end_reason"]);
        }
    }
}

pub(crate) fn url(port: u16, path: &str) -> String {
    format!("http://127.0.0.1:{port}{path}")
}

/// That none of the planted values is in there.
pub(crate) fn assert_clean(what: &str, shown: &[u8]) {
    for value in PLANTED {
        assert!(
            !shown
                .windows(value.len())
                .any(|window| window == value.as_bytes()),
            "{what}: {value} arrived: {}",
            String::from_utf8_lossy(&shown[..shown.len().min(2000)])
        );
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
