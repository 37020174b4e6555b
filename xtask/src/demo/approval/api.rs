//! The clinic's API of this demo: it wants a token that only interdict has.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use anyhow::Result;

/// What a caller has to bear.
pub(super) const TOKEN: &str = "tok-7f3a9c51e2";

/// A service on loopback, for as long as this program runs.
pub(super) struct Api {
    pub(super) port: u16,
    removed: Arc<AtomicUsize>,
}

impl Api {
    /// Starts it.
    pub(super) fn start() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let api = Self {
            port: listener.local_addr()?.port(),
            removed: Arc::default(),
        };
        let removed = Arc::clone(&api.removed);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let removed = Arc::clone(&removed);
                thread::spawn(move || {
                    // Who goes away early has no answer to read.
                    let _ = serve(&stream, &removed);
                });
            }
        });
        Ok(api)
    }

    /// How many patients it has removed.
    pub(super) fn removed(&self) -> usize {
        self.removed.load(Ordering::Relaxed)
    }
}

/// One request, one answer, the end.
fn serve(stream: &TcpStream, removed: &AtomicUsize) -> Result<()> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split_whitespace();
    let (method, path) = (
        words.next().unwrap_or_default().to_owned(),
        words.next().unwrap_or_default().to_owned(),
    );
    let (mut length, mut known) = (0, false);
    loop {
        let mut field = String::new();
        reader.read_line(&mut field)?;
        let Some((name, value)) = field.trim_end().split_once(": ") else {
            break;
        };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.parse()?;
        }
        if name.eq_ignore_ascii_case("authorization") {
            known = value == format!("Bearer {TOKEN}");
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let (status, text) = match (known, method.as_str(), path.as_str()) {
        (false, ..) => ("401 Unauthorized", "{\"error\": \"a token is needed\"}\n"),
        (true, "DELETE", _) => {
            removed.fetch_add(1, Ordering::Relaxed);
            ("200 OK", "{\"removed\": true}\n")
        }
        (true, ..) => (
            "200 OK",
            "{\"id\": 4, \"name\": \"Jonas Weber\", \"ssn\": \"611-09-4475\"}\n",
        ),
    };
    let mut stream = stream;
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{text}",
        text.len()
    )?;
    Ok(())
}
