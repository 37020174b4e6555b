use std::fmt;

use bytes::BytesMut;
use nom::Parser;

use super::progress::PROGRESS_CODE;
use crate::WireError;
use crate::hidden::Hidden;
use crate::mysql::Sequence;
use crate::mysql::read::{bytes, int16, invalid, rest, tag, whole};
use crate::mysql::write::Frame;

const MESSAGE: &str = "ERR";

/// Something failed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ErrPacket<'a> {
    /// The server's number of the error.
    pub code: u16,
    /// SQLSTATE; absent before the client has told its capabilities.
    pub state: Option<[u8; 5]>,
    /// Text for people. May quote values.
    pub message: &'a [u8],
}

impl<'a> ErrPacket<'a> {
    /// Reads the payload.
    ///
    /// # Errors
    /// What is wrong with it; a progress report is [`WireError::Invalid`].
    pub fn parse(payload: &'a [u8]) -> Result<Self, WireError> {
        whole(MESSAGE, payload, |input: &'a [u8]| {
            let (input, ()) = tag("first byte", 0xff).parse(input)?;
            let (input, code) = int16("error code").parse(input)?;
            if code == PROGRESS_CODE {
                return invalid("error code");
            }
            let (input, state) = if let Some((b'#', left)) = input.split_first() {
                let (input, state) = bytes("SQLSTATE", 5).parse(left)?;
                (input, <[u8; 5]>::try_from(state).ok())
            } else {
                (input, None)
            };
            let (input, message) = rest(input)?;
            Ok((input, Self { code, state, message }))
        })
    }

    /// Writes the message.
    ///
    /// # Errors
    /// [`WireError::Invalid`] for the code that stands for progress reports, [`WireError::TooLarge`]; `out` and
    /// `sequence` are then as they were.
    pub fn write(&self, sequence: &mut Sequence, out: &mut BytesMut) -> Result<(), WireError> {
        if self.code == PROGRESS_CODE {
            return Err(WireError::Invalid {
                message: MESSAGE,
                field: "error code",
            });
        }
        let mut frame = Frame::tagged(out, sequence, MESSAGE, 0xff);
        frame.int16(self.code);
        if let Some(state) = self.state {
            frame.byte(b'#');
            frame.bytes("SQLSTATE", &state)?;
        }
        frame.bytes("message", self.message)?;
        frame.finish()
    }
}

impl fmt::Debug for ErrPacket<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ErrPacket")
            .field("code", &self.code)
            .field(
                "state",
                &self
                    .state
                    .map(|state| String::from_utf8_lossy(&state).into_owned()),
            )
            .field("message", &Hidden(self.message))
            .finish()
    }
}
