//! Credentials that the daemon injects: real servers, real clients without a password or with a wrong one.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

mod http;
mod mysql;
mod postgres;
#[path = "../http/running.rs"]
mod running;
mod scan;
#[path = "../mysql/server.rs"]
mod server;
#[path = "../support/mod.rs"]
mod support;
#[path = "../clients/tools.rs"]
#[allow(dead_code, reason = "node's packages are for the other tests")]
mod tools;
mod warm;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use support::{Daemon, POLICY, audit_rows, free_port, scratch};

/// What programs of the other tests show.
type Shown = Vec<(String, serde_json::Value)>;

/// A daemon before a server, which injects.
struct Stage {
    daemon: Daemon,
    port: u16,
    directory: tempfile::TempDir,
}

impl Stage {
    /// `upstream` and `inject` as the settings have them; `secrets` are files beside the settings.
    fn start(protocol: &str, upstream: &str, inject: &str, secrets: &[(&str, &str)]) -> Self {
        Self::listening("127.0.0.1", protocol, upstream, inject, secrets)
    }

    fn listening(on: &str, protocol: &str, upstream: &str, inject: &str, secrets: &[(&str, &str)]) -> Self {
        let directory = scratch();
        let port = free_port();
        let file = |name: &str| directory.path().join(name);
        fs::write(file("policy.yaml"), POLICY).unwrap();
        for (name, secret) in secrets {
            put(&file(name), secret);
        }
        let settings = format!(
            "services:\n  - name: clinic\n    protocol: {protocol}\n    listen: \"{on}:{port}\"\n    upstream: {upstream}\n    \
             credentials: {{ inject: {inject} }}\n\
             policies: [policy.yaml]\n\
             audit: {{ directory: audit, durability: strict, segment: {{ rows: 100000, age: 1h }} }}\n\
             kernel: {{ mode: off }}\nadmin: {{ socket: admin.sock }}\n"
        );
        fs::write(file("interdict.yaml"), settings).unwrap();
        let daemon = Daemon::start(&file("interdict.yaml"), &file("audit"));
        Self {
            daemon,
            port,
            directory,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Stops the daemon; the events of that kind.
    fn events(&mut self, kind: &str) -> Vec<serde_json::Value> {
        self.daemon.stop();
        audit_rows(&self.daemon.audit, "admin")
            .into_iter()
            .filter(|row| row["kind"] == kind)
            .collect()
    }

    /// The same of its sessions, the earliest first.
    fn sessions(&mut self) -> Vec<serde_json::Value> {
        self.daemon.stop();
        audit_rows(&self.daemon.audit, "sessions")
    }

    /// That no secret is in what the daemon wrote: its log and its record, as it is nor in base64.
    fn assert_kept(&mut self, secrets: &[&str]) {
        self.daemon.stop();
        let mut written = bytes_below(&self.daemon.audit);
        written.extend_from_slice(self.daemon.errors().as_bytes());
        for secret in secrets {
            assert_absent("what the daemon wrote", &written, secret);
        }
    }
}

/// A file that is its owner's alone, exchanged as a whole.
fn put(path: &Path, secret: &str) {
    let new = path.with_extension("new");
    fs::write(&new, format!("{secret}\n")).unwrap();
    fs::set_permissions(&new, fs::Permissions::from_mode(0o600)).unwrap();
    fs::rename(&new, path).unwrap();
}

/// Everything below a folder.
fn bytes_below(folder: &Path) -> Vec<u8> {
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

/// How often a text is in there.
fn count(bytes: &[u8], text: &str) -> usize {
    memchr::memmem::find_iter(bytes, text).count()
}

fn assert_absent(what: &str, bytes: &[u8], secret: &str) {
    for form in [secret.to_owned(), base64(secret.as_bytes())] {
        assert_eq!(count(bytes, form.trim_end_matches('=')), 0, "{what} has {form}");
    }
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    bytes
        .chunks(3)
        .flat_map(|chunk| {
            let word = chunk
                .iter()
                .fold(0_u32, |word, byte| word << 8 | u32::from(*byte))
                << (8 * (3 - chunk.len()));
            (0..4).map(move |place| {
                if place > chunk.len() {
                    '='
                } else {
                    char::from(ALPHABET[(word >> (18 - 6 * place)) as usize & 63])
                }
            })
        })
        .collect()
}

fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !holds() {
        assert!(Instant::now() < deadline, "{what}: it did not come true");
        std::thread::sleep(Duration::from_millis(100));
    }
}
