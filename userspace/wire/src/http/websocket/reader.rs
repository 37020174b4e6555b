use bytes::{Buf, Bytes, BytesMut};
use nom::bits::complete::{bool, take as bits};
use nom::number::complete::{be_u16, be_u64};
use nom::{IResult, Parser};

use super::{FrameError, FrameHeader, MAX_CONTROL, Mask, Opcode, Sender};

/// What one side sends, in order: the header of a frame, pieces of its payload, its end.
#[derive(Clone, PartialEq, Eq)]
pub enum FramePart {
    /// A frame begins.
    Header {
        /// Its header.
        header: FrameHeader,
        /// What it belongs to: Text or Binary for a continuation, otherwise its own opcode.
        message: Opcode,
    },
    /// The next bytes of the payload, at least one, unmasked.
    Payload(Bytes),
    /// The frame is complete.
    End,
}

impl std::fmt::Debug for FramePart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Header { header, message } => f
                .debug_struct("Header")
                .field("header", header)
                .field("message", message)
                .finish(),
            Self::Payload(bytes) => f
                .debug_tuple("Payload")
                .field(&crate::hidden::Hidden(bytes))
                .finish(),
            Self::End => f.write_str("End"),
        }
    }
}

/// Reads the frames that one side sends. After an error it gives the same error for ever.
#[derive(Debug)]
pub struct FrameReader {
    sender: Sender,
    /// Bytes of payload that a frame may have.
    limit: u64,
    /// The message that has begun and not ended.
    message: Option<Opcode>,
    state: State,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Header,
    Payload { left: u64, mask: Mask, close: bool },
    Closed,
    Failed(FrameError),
}

/// Reserved bits, then what the header says; the length as the first seven bits have it.
struct First {
    fin: bool,
    reserved: u8,
    opcode: u8,
    masked: bool,
    length: u8,
}

impl FrameReader {
    /// Reads what `sender` sends, in frames of up to `limit` bytes of payload.
    pub const fn new(sender: Sender, limit: u64) -> Self {
        Self {
            sender,
            limit,
            message: None,
            state: State::Header,
        }
    }

    /// The next part, taken from the front of `input`. `None`: more bytes are needed.
    ///
    /// # Errors
    /// Why the frame is refused.
    pub fn next(&mut self, input: &mut BytesMut) -> Result<Option<FramePart>, FrameError> {
        let part = self.step(input);
        if let Err(error) = part {
            self.state = State::Failed(error);
        }
        part
    }

    fn step(&mut self, input: &mut BytesMut) -> Result<Option<FramePart>, FrameError> {
        match &mut self.state {
            State::Header => self.header(input),
            State::Payload { left: 0, close, .. } => {
                self.state = if *close { State::Closed } else { State::Header };
                Ok(Some(FramePart::End))
            }
            State::Payload { left, mask, .. } => {
                if input.is_empty() {
                    return Ok(None);
                }
                let size = usize::try_from(*left).map_or(input.len(), |left| left.min(input.len()));
                *left -= size as u64;
                let mut piece = input.split_to(size);
                if self.sender == Sender::Client {
                    mask.apply(&mut piece);
                }
                Ok(Some(FramePart::Payload(piece.freeze())))
            }
            State::Closed if input.is_empty() => Ok(None),
            State::Closed => Err(FrameError::AfterClose),
            State::Failed(error) => Err(*error),
        }
    }

    fn header(&mut self, input: &mut BytesMut) -> Result<Option<FramePart>, FrameError> {
        // Both bytes or none, so that what is refused does not depend on how the bytes were cut.
        let Ok((rest, first)) = first(input) else {
            return Ok(None);
        };
        let opcode = self.check(&first)?;
        let Ok((rest, length)) = length(rest, first.length) else {
            return Ok(None);
        };
        let least = match first.length {
            126 => 126,
            127 => 1 << 16,
            _ => 0,
        };
        if length < least || length >> 63 != 0 {
            return Err(FrameError::Length);
        }
        if length > self.limit {
            return Err(FrameError::Limit { limit: self.limit });
        }
        let (mask, rest) = match (first.masked, rest.split_first_chunk()) {
            (false, _) => (None, rest),
            (true, Some((key, rest))) => (Some(*key), rest),
            (true, None) => return Ok(None),
        };
        let taken = input.len() - rest.len();
        input.advance(taken);
        let message = match opcode {
            Opcode::Continuation => self.message.unwrap_or(opcode),
            opcode => opcode,
        };
        if !opcode.is_control() {
            self.message = (!first.fin).then_some(message);
        }
        self.state = State::Payload {
            left: length,
            mask: Mask::new(mask.unwrap_or_default()),
            close: opcode == Opcode::Close,
        };
        let header = FrameHeader {
            fin: first.fin,
            opcode,
            mask,
            length,
        };
        Ok(Some(FramePart::Header { header, message }))
    }

    /// What the first two bytes must keep to.
    fn check(&self, first: &First) -> Result<Opcode, FrameError> {
        if first.reserved != 0 {
            return Err(FrameError::Reserved);
        }
        let opcode = Opcode::from_bits(first.opcode).ok_or(FrameError::Opcode)?;
        match (self.sender, first.masked) {
            (Sender::Client, false) => return Err(FrameError::NotMasked),
            (Sender::Server, true) => return Err(FrameError::Masked),
            _ => {}
        }
        match opcode {
            Opcode::Continuation if self.message.is_none() => Err(FrameError::NothingToContinue),
            Opcode::Text | Opcode::Binary if self.message.is_some() => Err(FrameError::Interleaved),
            _ if !opcode.is_control() => Ok(opcode),
            _ if !first.fin => Err(FrameError::FragmentedControl),
            _ if u64::from(first.length) > MAX_CONTROL => Err(FrameError::LongControl),
            Opcode::Close if first.length == 1 => Err(FrameError::CloseCode),
            _ => Ok(opcode),
        }
    }

    /// Whether a Close frame has ended what this side sends.
    pub const fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed)
    }

    /// The stream has ended; `input` is what the reader has left.
    ///
    /// # Errors
    /// [`FrameError::Truncated`] inside a frame or a message, or the error that was there before. A stream that ends
    /// between messages without a Close is no error here.
    pub fn end_of_input(&mut self, input: &[u8]) -> Result<(), FrameError> {
        let error = match self.state {
            State::Failed(error) => error,
            State::Closed if input.is_empty() => return Ok(()),
            State::Closed => FrameError::AfterClose,
            State::Header if input.is_empty() && self.message.is_none() => return Ok(()),
            State::Header | State::Payload { .. } => FrameError::Truncated,
        };
        self.state = State::Failed(error);
        Err(error)
    }
}

fn first(input: &[u8]) -> IResult<&[u8], First> {
    nom::bits::bits::<_, _, nom::error::Error<(&[u8], usize)>, _, _>(
        (bool, bits(3_usize), bits(4_usize), bool, bits(7_usize)).map(
            |(fin, reserved, opcode, masked, length)| First {
                fin,
                reserved,
                opcode,
                masked,
                length,
            },
        ),
    )
    .parse(input)
}

fn length(input: &[u8], seven: u8) -> IResult<&[u8], u64> {
    match seven {
        126 => be_u16.map(u64::from).parse(input),
        127 => be_u64.parse(input),
        short => Ok((input, short.into())),
    }
}
