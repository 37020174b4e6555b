use std::fmt;

use bytes::BytesMut;
use nom::Parser;

use super::{SessionChanges, Status};
use crate::WireError;
use crate::hidden::Hidden;
use crate::mysql::read::{byte, int16, invalid, lenenc, lenenc_int, rest, whole};
use crate::mysql::write::Frame;
use crate::mysql::{Capabilities, Sequence};

const MESSAGE: &str = "OK";

/// Something was done. With DEPRECATE_EOF it also ends rows, with another first byte.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct OkPacket<'a> {
    /// Whether it ends rows: the first byte is 0xfe.
    pub ends_rows: bool,
    /// Rows changed.
    pub affected_rows: u64,
    /// The first value of AUTO_INCREMENT that was made.
    pub last_insert_id: u64,
    /// The session's state.
    pub status: Status,
    /// Warnings that SHOW WARNINGS would list.
    pub warnings: u16,
    /// Text for people (`Rows matched: 1 …`).
    pub info: &'a [u8],
    /// What changed in the session.
    pub changes: SessionChanges<'a>,
}

impl<'a> OkPacket<'a> {
    /// Reads the payload.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(payload: &'a [u8], capabilities: Capabilities) -> Result<Self, WireError> {
        whole(MESSAGE, payload, |input: &'a [u8]| {
            let (input, tag) = byte("first byte").parse(input)?;
            let ends_rows = match tag {
                0x00 => false,
                0xfe => true,
                _ => return invalid("first byte"),
            };
            let (input, affected_rows) = lenenc_int("affected rows").parse(input)?;
            let (input, last_insert_id) = lenenc_int("last insert id").parse(input)?;
            let (input, status) = int16("status flags").map(Status).parse(input)?;
            let (input, warnings) = int16("warnings").parse(input)?;
            let (input, info, changes) = if !capabilities.has(Capabilities::SESSION_TRACK) {
                let (input, info) = rest(input)?;
                (input, info, SessionChanges::default())
            } else if input.is_empty() && !status.has(Status::SESSION_STATE_CHANGED) {
                (input, &[][..], SessionChanges::default())
            } else {
                let (input, info) = lenenc("info").parse(input)?;
                let (input, changes) = if status.has(Status::SESSION_STATE_CHANGED) {
                    SessionChanges::parser().parse(input)?
                } else {
                    (input, SessionChanges::default())
                };
                (input, info, changes)
            };
            let ok = Self {
                ends_rows,
                affected_rows,
                last_insert_id,
                status,
                warnings,
                info,
                changes,
            };
            Ok((input, ok))
        })
    }

    /// Writes the message. SESSION_STATE_CHANGED in the status follows `changes`.
    ///
    /// # Errors
    /// [`WireError::TooLarge`]; `out` and `sequence` are then as they were.
    pub fn write(
        &self,
        capabilities: Capabilities,
        sequence: &mut Sequence,
        out: &mut BytesMut,
    ) -> Result<(), WireError> {
        let track = capabilities.has(Capabilities::SESSION_TRACK);
        let changed = track && !self.changes.is_absent();
        let mut frame = Frame::tagged(out, sequence, MESSAGE, if self.ends_rows { 0xfe } else { 0 });
        frame.lenenc_int(self.affected_rows);
        frame.lenenc_int(self.last_insert_id);
        // Without session tracking the flag says nothing about the packet, and is passed as it is.
        let status = if track {
            self.status.set(Status::SESSION_STATE_CHANGED, changed)
        } else {
            self.status
        };
        frame.int16(status.0);
        frame.int16(self.warnings);
        if !track {
            frame.bytes("info", self.info)?;
        } else if changed || !self.info.is_empty() {
            frame.lenenc("info", self.info)?;
            if changed {
                self.changes.write(&mut frame)?;
            }
        }
        frame.finish()
    }
}

impl fmt::Debug for OkPacket<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OkPacket")
            .field("ends_rows", &self.ends_rows)
            .field("affected_rows", &self.affected_rows)
            .field("status", &self.status)
            .field("warnings", &self.warnings)
            .field("info", &Hidden(self.info))
            .field("changes", &self.changes)
            .finish_non_exhaustive()
    }
}
