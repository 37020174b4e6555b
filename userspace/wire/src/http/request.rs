use std::fmt;

use bytes::{Bytes, BytesMut};

use super::body::{Body, BodyPart};
use super::head::RequestScan;
use super::{Framing, Headers, HttpError, Limits, RequestHead};
use crate::hidden::Hidden;

/// What a client sends, in order: a head, pieces of its body, trailers if there are any, the end. `Debug` tells no
/// contents.
#[derive(Clone, PartialEq, Eq)]
pub enum RequestPart {
    /// A head, and how its body is framed.
    Head(RequestHead, Framing),
    /// The next bytes of the body, at least one, without chunk lines.
    Data(Bytes),
    /// Fields after a chunked body.
    Trailers(Headers),
    /// The request is complete.
    End,
}

impl fmt::Debug for RequestPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Head(head, framing) => f.debug_tuple("Head").field(head).field(framing).finish(),
            Self::Data(data) => f.debug_tuple("Data").field(&Hidden(data)).finish(),
            Self::Trailers(trailers) => f.debug_tuple("Trailers").field(trailers).finish(),
            Self::End => f.write_str("End"),
        }
    }
}

/// Reads the requests on a connection, one after another. After an error it gives the same error for ever.
///
/// After a request that asks for another protocol (CONNECT, or any Upgrade field) it stands still, for what follows
/// may be that protocol: [`RequestReader::is_held`]. The driver calls [`RequestReader::resume`] when the answer has
/// refused, and otherwise takes what is in its buffer itself.
#[derive(Debug)]
pub struct RequestReader {
    limits: Limits,
    state: State,
}

#[derive(Debug)]
enum State {
    Head(RequestScan),
    Body { body: Body, hold: bool },
    Held,
    Failed(HttpError),
}

impl RequestReader {
    /// One at the start of a connection.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            state: State::Head(RequestScan::new(&limits)),
        }
    }

    /// The next part, taken from the front of `input`. `None`: more bytes are needed, or the reader is held.
    ///
    /// # Errors
    /// Why the request is refused. Nothing that follows can be read: answer, and close the connection.
    pub fn next(&mut self, input: &mut BytesMut) -> Result<Option<RequestPart>, HttpError> {
        let part = self.step(input);
        if let Err(error) = part {
            self.state = State::Failed(error);
        }
        part
    }

    fn step(&mut self, input: &mut BytesMut) -> Result<Option<RequestPart>, HttpError> {
        match &mut self.state {
            State::Head(scan) => {
                let Some(head) = scan.next(input, &self.limits)? else {
                    return Ok(None);
                };
                let framing = Framing::of_request(&head)?;
                self.state = State::Body {
                    body: Body::new(framing, &self.limits),
                    hold: head.asks_upgrade(),
                };
                Ok(Some(RequestPart::Head(head, framing)))
            }
            State::Body { body, hold } => Ok(match body.next(input, &self.limits)? {
                None => None,
                Some(BodyPart::Data(data)) => Some(RequestPart::Data(data)),
                Some(BodyPart::Trailers(trailers)) => Some(RequestPart::Trailers(trailers)),
                Some(BodyPart::End) => {
                    self.state = if *hold {
                        State::Held
                    } else {
                        State::Head(RequestScan::new(&self.limits))
                    };
                    Some(RequestPart::End)
                }
            }),
            State::Held => Ok(None),
            State::Failed(error) => Err(*error),
        }
    }

    /// Whether it awaits the answer to a request for another protocol.
    pub const fn is_held(&self) -> bool {
        matches!(self.state, State::Held)
    }

    /// The answer stayed with HTTP: what follows are requests. Without effect if it is not held.
    pub fn resume(&mut self) {
        if self.is_held() {
            self.state = State::Head(RequestScan::new(&self.limits));
        }
    }

    /// Whether a request has begun and not ended; its head counts from its first byte in `input`.
    pub fn is_inside(&self, input: &[u8]) -> bool {
        match self.state {
            State::Head(_) => !input.is_empty(),
            State::Body { .. } => true,
            State::Held | State::Failed(_) => false,
        }
    }

    /// The client sends nothing any more; `input` is what the reader has left.
    ///
    /// # Errors
    /// [`HttpError::Truncated`] inside a request, or the error that was there before.
    pub fn end_of_input(&mut self, input: &[u8]) -> Result<(), HttpError> {
        if let State::Failed(error) = self.state {
            return Err(error);
        }
        if self.is_inside(input) {
            self.state = State::Failed(HttpError::Truncated);
            return Err(HttpError::Truncated);
        }
        Ok(())
    }
}
