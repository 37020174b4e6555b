//! A bare client of HTTP/1: sends bytes as they are given, and reads answers.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use bytes::BytesMut;
use interdict_wire::http::{Exchange, Limits, ResponseHead, ResponsePart, ResponseReader};

pub(crate) struct Wire {
    stream: TcpStream,
    reader: ResponseReader,
    input: BytesMut,
}

/// An answer that came to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) head: ResponseHead,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let value = self.head.headers.get(name)?;
        Some(String::from_utf8_lossy(value).into_owned())
    }
}

impl Wire {
    pub(crate) fn connect(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        Self {
            stream,
            reader: ResponseReader::new(Limits::default()),
            input: BytesMut::new(),
        }
    }

    /// Sends bytes; the peer may be gone already.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    /// Sends nothing any more.
    pub(crate) fn close_half(&self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// A GET without more, and its answer.
    pub(crate) fn get(&mut self, path: &str) -> Answer {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: api.internal\r\n\r\n").as_bytes());
        self.answer().unwrap_or_else(|why| panic!("{path}: {why}"))
    }

    /// The next answer, or why there is none that came to its end.
    pub(crate) fn answer(&mut self) -> Result<Answer, String> {
        self.reader.expect(Exchange::Other);
        let (mut head, mut body) = (None, Vec::new());
        loop {
            match self.reader.next(&mut self.input) {
                Ok(Some(ResponsePart::Head(found, _))) => head = Some(found),
                Ok(Some(ResponsePart::Data(data))) => body.extend_from_slice(&data),
                Ok(Some(ResponsePart::End)) => {
                    return Ok(Answer {
                        head: head.unwrap(),
                        body,
                    });
                }
                Ok(Some(_)) => {}
                Ok(None) => {
                    if self.more()? == 0 {
                        return Err(format!("cut after {head:?} and {} bytes", body.len()));
                    }
                }
                Err(error) => return Err(error.to_string()),
            }
        }
    }

    fn more(&mut self) -> Result<usize, String> {
        let mut buffer = vec![0; 65536];
        let count = self.stream.read(&mut buffer).map_err(|error| error.to_string())?;
        self.input.extend_from_slice(&buffer[..count]);
        Ok(count)
    }

    /// Reads to the end, looking at each piece.
    pub(crate) fn drain(&mut self, mut look: impl FnMut(&[u8])) -> u64 {
        let mut total = 0;
        let mut buffer = vec![0; 1 << 18];
        look(&self.input);
        total += self.input.len() as u64;
        loop {
            match self.stream.read(&mut buffer) {
                Ok(count) if count > 0 => {
                    look(&buffer[..count]);
                    total += count as u64;
                }
                _ => return total,
            }
        }
    }
}
