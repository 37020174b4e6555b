//! A service of the test's own: answers are bytes as a test gives them, requests are kept.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use bytes::BytesMut;
use interdict_wire::http::{Limits, RequestHead, RequestPart, RequestReader};

/// A request that came to its end.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) head: RequestHead,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn target(&self) -> String {
        self.head.target.as_str().to_owned()
    }

    /// A number in the query.
    pub(crate) fn number(&self, name: &str) -> Option<usize> {
        let target = self.target();
        let (_, query) = target.split_once('?')?;
        query
            .split('&')
            .find_map(|part| part.strip_prefix(name)?.strip_prefix('=')?.parse().ok())
    }
}

/// What is done with a request: writes the answer; false ends the connection.
type Handler = dyn Fn(&Request, &mut TcpStream) -> bool + Send + Sync;

/// Runs until the test's process ends.
pub(crate) struct Origin {
    pub(crate) port: u16,
    requests: Arc<Mutex<Vec<Request>>>,
    /// All bytes that came.
    bytes: Arc<Mutex<Vec<u8>>>,
}

impl Origin {
    pub(crate) fn start(handler: impl Fn(&Request, &mut TcpStream) -> bool + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let origin = Self {
            port: listener.local_addr().unwrap().port(),
            requests: Arc::default(),
            bytes: Arc::default(),
        };
        let handler: Arc<Handler> = Arc::new(handler);
        let (requests, bytes) = (Arc::clone(&origin.requests), Arc::clone(&origin.bytes));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (handler, requests, bytes) =
                    (Arc::clone(&handler), Arc::clone(&requests), Arc::clone(&bytes));
                thread::spawn(move || serve(stream, &*handler, &requests, &bytes));
            }
        });
        origin
    }

    /// Answers everything with the same bytes.
    pub(crate) fn fixed(answer: &'static [u8]) -> Self {
        Self::start(move |_, stream| stream.write_all(answer).is_ok())
    }

    /// What came since it was last asked.
    pub(crate) fn take(&self) -> Vec<Request> {
        std::mem::take(&mut self.requests.lock().unwrap())
    }

    /// All bytes that came since it was last asked.
    pub(crate) fn take_bytes(&self) -> Vec<u8> {
        std::mem::take(&mut self.bytes.lock().unwrap())
    }
}

fn serve(mut stream: TcpStream, handler: &Handler, requests: &Mutex<Vec<Request>>, bytes: &Mutex<Vec<u8>>) {
    let _ = stream.set_nodelay(true);
    let (mut reader, mut input) = (RequestReader::new(Limits::default()), BytesMut::new());
    let (mut head, mut body) = (None, Vec::new());
    let mut buffer = vec![0; 65536];
    loop {
        match reader.next(&mut input) {
            Ok(Some(RequestPart::Head(found, _))) => {
                if found.headers.contains("Expect") {
                    let _ = stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n");
                }
                head = Some(found);
            }
            Ok(Some(RequestPart::Data(data))) => body.extend_from_slice(&data),
            Ok(Some(RequestPart::Trailers(_))) => {}
            Ok(Some(RequestPart::End)) => {
                let request = Request {
                    head: head.take().unwrap(),
                    body: std::mem::take(&mut body),
                };
                requests.lock().unwrap().push(request.clone());
                if !handler(&request, &mut stream) {
                    return;
                }
                reader.resume();
            }
            Ok(None) => match stream.read(&mut buffer) {
                Ok(count) if count > 0 => {
                    bytes.lock().unwrap().extend_from_slice(&buffer[..count]);
                    input.extend_from_slice(&buffer[..count]);
                }
                _ => return,
            },
            // What the daemon forwards has to be readable by its own rules.
            Err(error) => {
                let mut bytes = bytes.lock().unwrap();
                bytes.extend_from_slice(format!("<<unreadable: {error}>>").as_bytes());
                return;
            }
        }
    }
}
