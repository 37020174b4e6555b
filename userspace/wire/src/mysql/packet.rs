use std::fmt;

use bytes::{Buf, Bytes, BytesMut};
use nom::Parser;
use nom::number::complete::{le_u8, le_u24};

use super::Sequence;
use crate::WireError;
use crate::hidden::Hidden;

/// Length and number of one packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Bytes after the header. [`Header::MAX`] says that the message goes on in the next packet.
    pub length: usize,
    /// The packet's number.
    pub sequence: u8,
}

impl Header {
    /// Bytes of the header.
    pub const SIZE: usize = 4;
    /// The most that one packet carries.
    pub const MAX: usize = 0xff_ffff;

    /// Reads the header at the front of `buf`; `None` if it has not arrived entirely.
    pub fn peek(buf: &[u8]) -> Option<Self> {
        let (_, (length, sequence)) = (le_u24::<_, ()>, le_u8).parse(buf).ok()?;
        Some(Self {
            length: length as usize,
            sequence,
        })
    }

    /// Whether the message goes on in the next packet.
    pub const fn continues(self) -> bool {
        self.length == Self::MAX
    }

    /// Bytes of the packet, header included.
    pub const fn total(self) -> usize {
        Self::SIZE.saturating_add(self.length)
    }

    /// The four bytes.
    pub const fn encode(self) -> [u8; Self::SIZE] {
        let [a, b, c, ..] = self.length.to_le_bytes();
        [a, b, c, self.sequence]
    }
}

/// Splits a stream into its complete packets. See [`packets`].
#[derive(Clone)]
pub struct Packets<'a> {
    rest: &'a [u8],
}

/// The complete packets at the front of `stream`, in order; a message of 16 MiB or more is several. Numbers are not
/// checked.
pub const fn packets(stream: &[u8]) -> Packets<'_> {
    Packets { rest: stream }
}

impl<'a> Packets<'a> {
    /// What follows the last packet that was returned.
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

impl<'a> Iterator for Packets<'a> {
    type Item = (Header, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let header = Header::peek(self.rest)?;
        let (packet, rest) = self.rest.split_at_checked(header.total())?;
        self.rest = rest;
        Some((header, packet.get(Header::SIZE..)?))
    }
}

impl fmt::Debug for Packets<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Packets")
            .field("rest", &Hidden(self.rest))
            .finish()
    }
}

/// Gives the complete packets of `stream` new numbers, and says how many bytes they are.
pub fn renumber(stream: &mut [u8], sequence: &mut Sequence) -> usize {
    let mut at = 0_usize;
    while let Some(header) = stream.get(at..).and_then(Header::peek) {
        let end = at.saturating_add(header.total());
        if end > stream.len() {
            break;
        }
        if let Some(number) = stream.get_mut(at.saturating_add(3)) {
            *number = sequence.take();
        }
        at = end;
    }
    at
}

/// A whole message, its packets joined.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    /// What it carries.
    pub payload: Bytes,
    /// Bytes that it took on the wire, headers included.
    pub wire: usize,
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("payload", &Hidden(&self.payload))
            .field("wire", &self.wire)
            .finish()
    }
}

/// A part of a message that nobody needs to look at. Parts keep the packets' bounds, so that they can be sent on as
/// they come.
#[derive(Clone, PartialEq, Eq)]
pub struct Piece {
    /// The header, if this piece begins a packet. Its number is the sender's.
    pub header: Option<Header>,
    /// The bytes.
    pub bytes: Bytes,
    /// Whether the message ends with this piece.
    pub last: bool,
}

impl Piece {
    /// Sends the piece on under the receiver's numbers.
    pub fn write(&self, sequence: &mut Sequence, out: &mut BytesMut) {
        if let Some(header) = self.header {
            let sequence = sequence.take();
            out.extend_from_slice(&Header { sequence, ..header }.encode());
        }
        out.extend_from_slice(&self.bytes);
    }
}

impl fmt::Debug for Piece {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Piece")
            .field("header", &self.header)
            .field("bytes", &Hidden(&self.bytes))
            .field("last", &self.last)
            .finish()
    }
}

/// Joins what one side sends into messages, and checks the packets' numbers.
#[derive(Debug)]
pub struct Reader {
    /// The greatest message that is held, in bytes.
    limit: usize,
    /// The number that is due.
    sequence: Sequence,
    /// The earlier packets of a message that goes on.
    joined: BytesMut,
    /// Their bytes on the wire.
    wire: usize,
    /// Inside a message that is passed in pieces: what is left of the packet, and whether another follows.
    passing: Option<(usize, bool)>,
}

impl Reader {
    /// One that holds messages of up to `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            sequence: Sequence::START,
            joined: BytesMut::new(),
            wire: 0,
            passing: None,
        }
    }

    /// The number that the next packet must have.
    pub const fn sequence(&self) -> Sequence {
        self.sequence
    }

    /// Expects `sequence` next: 0 when a command begins, or what the other side has come to.
    pub const fn expect(&mut self, sequence: Sequence) {
        self.sequence = sequence;
    }

    /// The limit from now on.
    pub const fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// Whether a message has begun and not ended: in pieces, or with packets that have been joined.
    pub fn is_inside(&self) -> bool {
        self.passing.is_some() || self.wire > 0
    }

    /// The first packet of the next message, as far as it has arrived: its header and the first bytes after it. Tells
    /// what the message is, and so whether to take it whole ([`Reader::message`]) or in pieces ([`Reader::piece`]).
    /// `None`: nothing to look at yet, or inside a message.
    pub fn peek<'b>(&self, buf: &'b [u8]) -> Option<(Header, &'b [u8])> {
        if self.is_inside() {
            return None;
        }
        let header = Header::peek(buf)?;
        let end = header.total().min(buf.len());
        Some((header, buf.get(Header::SIZE..end)?))
    }

    /// Takes the next whole message from the front of `buf`. `None`: it has not arrived entirely. Packets of a message
    /// that goes on are taken as they come.
    ///
    /// # Errors
    /// [`WireError::Sequence`], and [`WireError::Limit`] as soon as a header tells it.
    /// [`WireError::Unexpected`] inside a message that is passed in pieces.
    pub fn message(&mut self, buf: &mut BytesMut) -> Result<Option<Message>, WireError> {
        if self.passing.is_some() {
            return Err(WireError::Unexpected {
                message: "a whole message",
                state: "the rest of one that is passed in pieces",
            });
        }
        loop {
            let Some(header) = Header::peek(buf) else {
                return Ok(None);
            };
            let mut sequence = self.sequence;
            sequence.expect(header.sequence)?;
            let size = self.joined.len().saturating_add(header.length);
            if size > self.limit {
                return Err(WireError::Limit {
                    message: "message",
                    bytes: size,
                    limit: self.limit,
                });
            }
            if buf.len() < header.total() {
                return Ok(None);
            }
            self.sequence = sequence;
            let mut packet = buf.split_to(header.total());
            packet.advance(Header::SIZE);
            let wire = self.wire.saturating_add(header.total());
            if header.continues() || self.wire > 0 {
                self.joined.extend_from_slice(&packet);
                self.wire = wire;
            }
            if header.continues() {
                continue;
            }
            let payload = if self.wire > 0 {
                std::mem::take(&mut self.joined)
            } else {
                packet
            };
            self.wire = 0;
            return Ok(Some(Message {
                payload: payload.freeze(),
                wire,
            }));
        }
    }

    /// Takes what has arrived of the next message, or of one that pieces were taken of, from the front of `buf`; at
    /// most to the packet's end. `None`: nothing new.
    ///
    /// # Errors
    /// [`WireError::Sequence`]; [`WireError::Unexpected`] after packets were joined by [`Reader::message`].
    pub fn piece(&mut self, buf: &mut BytesMut) -> Result<Option<Piece>, WireError> {
        if self.wire > 0 {
            return Err(WireError::Unexpected {
                message: "a piece",
                state: "the rest of a message that is taken whole",
            });
        }
        let (header, left, more) = match self.passing {
            Some((left, more)) if left > 0 => (None, left, more),
            _ => {
                let Some(header) = Header::peek(buf) else {
                    return Ok(None);
                };
                self.sequence.expect(header.sequence)?;
                buf.advance(Header::SIZE);
                (Some(header), header.length, header.continues())
            }
        };
        let take = left.min(buf.len());
        let left = left.saturating_sub(take);
        self.passing = (left > 0 || more).then_some((left, more));
        if header.is_none() && take == 0 {
            return Ok(None);
        }
        Ok(Some(Piece {
            header,
            bytes: buf.split_to(take).freeze(),
            last: self.passing.is_none(),
        }))
    }
}
