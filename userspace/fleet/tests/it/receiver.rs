//! An HTTP server that answers as it is told, and keeps what it accepted.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A request.
pub(crate) struct Request {
    pub(crate) target: String,
    pub(crate) body: Vec<u8>,
    fields: BTreeMap<String, String>,
}

impl Request {
    pub(crate) fn head(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }
}

pub(crate) struct Receiver {
    port: u16,
    accepted: Arc<Mutex<Vec<Vec<u8>>>>,
}

pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

impl Receiver {
    pub(crate) fn start(answer: impl Fn(&Request) -> (u16, String) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let accepted = Arc::new(Mutex::new(Vec::new()));
        let (keep, answer) = (Arc::clone(&accepted), Arc::new(answer));
        std::thread::spawn(move || {
            for socket in listener.incoming() {
                let (keep, answer) = (Arc::clone(&keep), Arc::clone(&answer));
                std::thread::spawn(move || serve(socket.unwrap(), &keep, &*answer));
            }
        });
        Self { port, accepted }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Bodies that were answered with 200.
    pub(crate) fn accepted(&self) -> Vec<Vec<u8>> {
        self.accepted.lock().unwrap().clone()
    }
}

fn serve(socket: TcpStream, keep: &Mutex<Vec<Vec<u8>>>, answer: &dyn Fn(&Request) -> (u16, String)) {
    let mut reader = BufReader::new(socket.try_clone().unwrap());
    let mut writer = socket;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        let target = line.split(' ').nth(1).unwrap().to_owned();
        let mut fields = BTreeMap::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            match line.trim_end().split_once(": ") {
                Some((name, value)) => fields.insert(name.to_ascii_lowercase(), value.to_owned()),
                None => break,
            };
        }
        let mut body = vec![0; fields["content-length"].parse().unwrap()];
        reader.read_exact(&mut body).unwrap();
        let request = Request { target, body, fields };
        let (status, text) = answer(&request);
        if status == 200 {
            keep.lock().unwrap().push(request.body);
        }
        let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n", text.len());
        writer.write_all((head + &text).as_bytes()).unwrap();
    }
}
