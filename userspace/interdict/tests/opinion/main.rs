//! Results through a real Presidio: names in notes are masked, the policy's word holds when it is gone, and what it costs.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod analyzer;
mod mysql;
mod postgres;
#[path = "../mysql/server.rs"]
mod server;
#[path = "../support/mod.rs"]
mod support;
#[path = "../mysql/wire.rs"]
#[allow(dead_code, reason = "a part of it is used here")]
mod wire;

use std::time::{Duration, Instant};

use support::{Daemon, audit_rows};

/// A daemon before a server.
pub(crate) struct Stage {
    pub(crate) daemon: Daemon,
    pub(crate) port: u16,
    pub(crate) _directory: tempfile::TempDir,
}

impl Stage {
    /// The record of the statement with this in its text.
    pub(crate) fn recorded(&self, part: &str) -> serde_json::Value {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let rows = audit_rows(&self.daemon.audit, "statements");
            let found = rows
                .into_iter()
                .find(|row| row["statement"].as_str().is_some_and(|text| text.contains(part)));
            if let Some(row) = found {
                return row;
            }
            assert!(Instant::now() < deadline, "nothing recorded of {part}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}
