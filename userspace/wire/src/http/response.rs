use std::collections::VecDeque;
use std::fmt;

use bytes::{Bytes, BytesMut};

use super::body::{Body, BodyPart};
use super::head::ResponseScan;
use super::{Framing, Headers, HttpError, Limits, RequestHead, ResponseHead};
use crate::hidden::Hidden;

/// What a request was, as far as the framing of its response depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Exchange {
    /// HEAD: the response has no body, whatever its fields say.
    Head,
    /// CONNECT: a response of 2xx begins a tunnel.
    Connect,
    /// Any other that has an Upgrade field: 101 is an answer.
    Upgrade,
    /// Any other.
    Other,
}

impl Exchange {
    /// Of the request as it was sent to the server.
    pub fn of(head: &RequestHead) -> Self {
        if head.method == "CONNECT" {
            Self::Connect
        } else if head.method == "HEAD" {
            Self::Head
        } else if head.headers.contains("Upgrade") {
            Self::Upgrade
        } else {
            Self::Other
        }
    }
}

/// What a server sends. To each request any number of interim heads, then either a head, pieces of the body, trailers
/// if there are any, and the end; or the change to another protocol. `Debug` tells no contents.
#[derive(Clone, PartialEq, Eq)]
pub enum ResponsePart {
    /// A head of 1xx, which has no body and no end: the response to the same request is still to come.
    Interim(ResponseHead),
    /// A head, and how its body is framed. With [`Framing::None`] the fields may still tell of a body that is not sent
    /// (HEAD, 304).
    Head(ResponseHead, Framing),
    /// The next bytes of the body, at least one, without chunk lines.
    Data(Bytes),
    /// Fields after a chunked body.
    Trailers(Headers),
    /// The response is complete, and the request answered.
    End,
    /// 101, or 2xx to CONNECT. What is left in the buffer and follows is not HTTP. Fields that would frame a body, which
    /// mean nothing in an answer to CONNECT, are taken out.
    Upgraded(ResponseHead),
}

impl fmt::Debug for ResponsePart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Interim(head) => f.debug_tuple("Interim").field(head).finish(),
            Self::Head(head, framing) => f.debug_tuple("Head").field(head).field(framing).finish(),
            Self::Data(data) => f.debug_tuple("Data").field(&Hidden(data)).finish(),
            Self::Trailers(trailers) => f.debug_tuple("Trailers").field(trailers).finish(),
            Self::End => f.write_str("End"),
            Self::Upgraded(head) => f.debug_tuple("Upgraded").field(head).finish(),
        }
    }
}

/// Reads the responses on a connection, one after another. After an error it gives the same error for ever.
#[derive(Debug)]
pub struct ResponseReader {
    limits: Limits,
    /// The requests that are not answered, oldest first.
    expected: VecDeque<Exchange>,
    state: State,
}

#[derive(Debug)]
enum State {
    Head(ResponseScan),
    Body(Body),
    Upgraded,
    /// The stream ended.
    Closed,
    Failed(HttpError),
}

impl ResponseReader {
    /// One at the start of a connection, with nothing expected.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            expected: VecDeque::new(),
            state: State::Head(ResponseScan::new(&limits)),
        }
    }

    /// A request was sent. Call it before the server can have answered.
    pub fn expect(&mut self, exchange: Exchange) {
        self.expected.push_back(exchange);
    }

    /// How many requests are not answered entirely.
    pub fn awaited(&self) -> usize {
        self.expected.len()
    }

    /// Whether the connection has changed to another protocol.
    pub const fn is_upgraded(&self) -> bool {
        matches!(self.state, State::Upgraded)
    }

    /// The next part, taken from the front of `input`. `None`: more bytes are needed, or the protocol has changed.
    ///
    /// # Errors
    /// Why the response is refused. Nothing that follows can be read: close the connection.
    pub fn next(&mut self, input: &mut BytesMut) -> Result<Option<ResponsePart>, HttpError> {
        let part = self.step(input);
        if let Err(error) = part {
            self.state = State::Failed(error);
        }
        part
    }

    fn step(&mut self, input: &mut BytesMut) -> Result<Option<ResponsePart>, HttpError> {
        match &mut self.state {
            State::Head(scan) => {
                let Some(exchange) = self.expected.front().copied() else {
                    return if input.is_empty() {
                        Ok(None)
                    } else {
                        Err(HttpError::UnexpectedResponse)
                    };
                };
                match scan.next(input, &self.limits)? {
                    None => Ok(None),
                    Some(head) => self.begin(exchange, head).map(Some),
                }
            }
            State::Body(body) => Ok(match body.next(input, &self.limits)? {
                None => None,
                Some(BodyPart::Data(data)) => Some(ResponsePart::Data(data)),
                Some(BodyPart::Trailers(trailers)) => Some(ResponsePart::Trailers(trailers)),
                Some(BodyPart::End) => {
                    self.expected.pop_front();
                    self.state = State::Head(ResponseScan::new(&self.limits));
                    Some(ResponsePart::End)
                }
            }),
            State::Upgraded | State::Closed => Ok(None),
            State::Failed(error) => Err(*error),
        }
    }

    fn begin(&mut self, exchange: Exchange, mut head: ResponseHead) -> Result<ResponsePart, HttpError> {
        let framed = head.headers.contains("Content-Length") || head.headers.contains("Transfer-Encoding");
        match (head.status, exchange) {
            (100..=199, _) if framed => Err(HttpError::InterimBody),
            (101, Exchange::Upgrade) => {
                self.expected.pop_front();
                self.state = State::Upgraded;
                Ok(ResponsePart::Upgraded(head))
            }
            (101, _) => Err(HttpError::UnexpectedUpgrade),
            (100..=199, _) => {
                self.state = State::Head(ResponseScan::new(&self.limits));
                Ok(ResponsePart::Interim(head))
            }
            (200..=299, Exchange::Connect) => {
                Framing::None.set(&mut head.headers);
                self.expected.pop_front();
                self.state = State::Upgraded;
                Ok(ResponsePart::Upgraded(head))
            }
            (status, exchange) => {
                let is_head = exchange == Exchange::Head;
                let framing = Framing::of_response(head.version, status, is_head, &head.headers)?;
                self.state = State::Body(Body::new(framing, &self.limits));
                Ok(ResponsePart::Head(head, framing))
            }
        }
    }

    /// The server sends nothing any more; `input` is what the reader has left, once [`ResponseReader::next`] gives
    /// `None`. The part is the end of a body that the end of the stream ends.
    ///
    /// # Errors
    /// [`HttpError::Truncated`] inside a response, [`HttpError::NoResponse`] while one is awaited, or the error that was
    /// there before.
    pub fn end_of_input(&mut self, input: &[u8]) -> Result<Option<ResponsePart>, HttpError> {
        let ended = match &self.state {
            State::Head(_) if input.is_empty() && self.expected.is_empty() => Ok(None),
            State::Head(_) if input.is_empty() => Err(HttpError::NoResponse),
            State::Body(body) if body.ends_with_stream() && input.is_empty() => {
                self.expected.pop_front();
                Ok(Some(ResponsePart::End))
            }
            State::Head(_) | State::Body(_) => Err(HttpError::Truncated),
            State::Upgraded | State::Closed => Ok(None),
            State::Failed(error) => Err(*error),
        };
        match ended {
            Err(error) => self.state = State::Failed(error),
            Ok(_) if self.is_upgraded() => {}
            Ok(_) => self.state = State::Closed,
        }
        ended
    }
}
