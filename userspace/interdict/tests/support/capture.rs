//! What a client received, as somebody between it and the daemon saw it, beside what the record says that it did.
#![allow(dead_code, reason = "each test program uses a part of it")]

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::support::{audit_rows, interdict};

/// A relay before the daemon. Runs until the test's process ends.
pub(crate) struct Capture {
    /// Where clients connect.
    pub(crate) port: u16,
    /// What each connection's client was sent, in the order of connecting.
    received: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Capture {
    pub(crate) fn before(daemon: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let received: Arc<Mutex<Vec<Vec<u8>>>> = Arc::default();
        let all = Arc::clone(&received);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let server = TcpStream::connect(("127.0.0.1", daemon)).unwrap();
                let place = {
                    let mut all = all.lock().unwrap();
                    all.push(Vec::new());
                    all.len() - 1
                };
                let (mut up, mut down) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                thread::spawn(move || {
                    let _ = std::io::copy(&mut up, &mut down);
                    let _ = down.shutdown(Shutdown::Write);
                });
                let all = Arc::clone(&all);
                let (mut from, mut to) = (server, client);
                thread::spawn(move || {
                    let mut bytes = [0; 16384];
                    while let Ok(count @ 1..) = from.read(&mut bytes) {
                        all.lock().unwrap()[place].extend_from_slice(&bytes[..count]);
                        if to.write_all(&bytes[..count]).is_err() {
                            break;
                        }
                    }
                    let _ = to.shutdown(Shutdown::Write);
                });
            }
        });
        Self { port, received }
    }

    pub(crate) fn received(&self) -> Vec<Vec<u8>> {
        self.received.lock().unwrap().clone()
    }
}

pub(crate) fn replay(audit: &Path, session: &str, words: &[&str]) -> Output {
    Command::new(interdict())
        .args(["replay", session, "--directory"])
        .arg(audit)
        .args(words)
        .output()
        .unwrap()
}

/// The sessions on record, in the order of their beginning.
pub(crate) fn sessions(audit: &Path) -> Vec<String> {
    let mut rows = audit_rows(audit, "sessions");
    rows.sort_by_key(|row| row["started_at"].to_string());
    rows.iter()
        .map(|row| row["session_id"].as_str().unwrap().to_owned())
        .collect()
}

/// Every session's bytes on record are its client's.
pub(crate) fn assert_same(capture: &Capture, audit: &Path) {
    let (received, sessions) = (capture.received(), sessions(audit));
    assert_eq!(received.len(), sessions.len(), "a session for each connection");
    for (received, session) in received.iter().zip(sessions) {
        assert!(!received.is_empty());
        let output = replay(audit, &session, &["--format", "bytes"]);
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let differs = output
            .stdout
            .iter()
            .zip(received)
            .position(|(one, other)| one != other);
        assert!(
            output.stdout == *received,
            "{session}: {} bytes on record, {} received, the first difference at {differs:?}",
            output.stdout.len(),
            received.len()
        );
    }
}
