//! As much of PostgreSQL's protocol as it takes to stand between psql and a server, and to ask something oneself.

use std::io::{BufReader, Error, Read, Result, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;

/// One message: its tag and its body.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) tag: u8,
    pub(crate) body: Vec<u8>,
}

impl Message {
    /// The bytes of it.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let length = u32::try_from(self.body.len() + 4).unwrap();
        [&[self.tag], length.to_be_bytes().as_slice(), &self.body].concat()
    }

    /// The two strings of a ParameterStatus.
    pub(crate) fn parameter(&self) -> Option<(&[u8], &[u8])> {
        let mut parts = self.body.split(|byte| *byte == 0);
        (self.tag == b'S').then(|| Some((parts.next()?, parts.next()?)))?
    }

    /// The message of an ErrorResponse.
    pub(crate) fn error(&self) -> Option<String> {
        let mut fields = self.body.split(|byte| *byte == 0);
        let text = fields.find_map(|field| field.strip_prefix(b"M"));
        (self.tag == b'E').then(|| String::from_utf8_lossy(text.unwrap_or_default()).into_owned())
    }
}

/// One side of a connection.
#[derive(Debug)]
pub(crate) struct Wire(BufReader<UnixStream>);

impl Wire {
    pub(crate) fn new(stream: UnixStream) -> Self {
        Self(BufReader::with_capacity(1 << 16, stream))
    }

    /// The first packet of a client, which has no tag.
    pub(crate) fn opening(&mut self) -> Result<Vec<u8>> {
        let body = self.body()?;
        let length = u32::try_from(body.len() + 4).unwrap();
        Ok([length.to_be_bytes().as_slice(), &body].concat())
    }

    pub(crate) fn read(&mut self) -> Result<Message> {
        let mut tag = [0];
        self.0.read_exact(&mut tag)?;
        Ok(Message {
            tag: tag[0],
            body: self.body()?,
        })
    }

    fn body(&mut self) -> Result<Vec<u8>> {
        let mut length = [0; 4];
        self.0.read_exact(&mut length)?;
        let mut body = vec![0; (u32::from_be_bytes(length) as usize).saturating_sub(4)];
        self.0.read_exact(&mut body)?;
        Ok(body)
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.0.get_mut().write_all(bytes)
    }
}

/// The columns of the first row of an answer, as text, or why there is none.
pub(crate) type Answer = std::result::Result<Vec<Option<String>>, String>;

/// Asks on a connection that waits for a question; what comes beside the answer is given to `beside`.
pub(crate) fn ask(wire: &mut Wire, text: &str, mut beside: impl FnMut(&Message)) -> Result<Answer> {
    let body = [text.as_bytes(), &[0]].concat();
    wire.write(&Message { tag: b'Q', body }.bytes())?;
    let mut answer = Ok(Vec::new());
    loop {
        let message = wire.read()?;
        match message.tag {
            b'Z' => return Ok(answer),
            b'E' => answer = Err(message.error().unwrap_or_default()),
            b'D' => answer = Ok(columns(&message.body)),
            b'A' | b'S' => beside(&message),
            _ => {}
        }
    }
}

fn columns(row: &[u8]) -> Vec<Option<String>> {
    let (_, mut rest) = row.split_at(2);
    let mut columns = Vec::new();
    while let Some((length, after)) = rest.split_first_chunk() {
        let value = usize::try_from(i32::from_be_bytes(*length)).ok();
        let (value, after) = match value {
            Some(length) => (Some(&after[..length]), &after[length..]),
            None => (None, after),
        };
        columns.push(value.map(|value| String::from_utf8_lossy(value).into_owned()));
        rest = after;
    }
    columns
}

/// A connection of our own.
#[derive(Debug)]
pub(crate) struct Session(Wire);

impl Session {
    pub(crate) fn open(socket: &Path, user: &str, database: &str) -> Result<Self> {
        let mut body = 0x0003_0000_u32.to_be_bytes().to_vec();
        for text in ["user", user, "database", database, ""] {
            body.extend_from_slice(text.as_bytes());
            body.push(0);
        }
        let length = u32::try_from(body.len() + 4).unwrap();
        let mut wire = Wire::new(UnixStream::connect(socket)?);
        wire.write(&[length.to_be_bytes().as_slice(), &body].concat())?;
        loop {
            let message = wire.read()?;
            match message.tag {
                b'Z' => return Ok(Self(wire)),
                b'E' => return Err(Error::other(message.error().unwrap_or_default())),
                _ => {}
            }
        }
    }

    /// Asks; an answer that is an error leaves the session as it was.
    pub(crate) fn ask(&mut self, text: &str) -> Answer {
        ask(&mut self.0, text, |_| {}).unwrap_or_else(|error| Err(error.to_string()))
    }
}
