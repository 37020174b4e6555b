use bytes::BytesMut;

use super::Status;
use crate::WireError;
use crate::mysql::Sequence;
use crate::mysql::read::{int16, tag, whole};
use crate::mysql::write::Frame;

const MESSAGE: &str = "EOF";

/// The end of columns or rows, where DEPRECATE_EOF was not agreed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EofPacket {
    /// Warnings that SHOW WARNINGS would list.
    pub warnings: u16,
    /// The session's state.
    pub status: Status,
}

impl EofPacket {
    /// A packet that begins as one and is as long is a row.
    pub(super) const LONGEST: usize = 9;

    /// Reads the payload.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(payload: &[u8]) -> Result<Self, WireError> {
        let fields = (tag("first byte", 0xfe), int16("warnings"), int16("status flags"));
        let ((), warnings, status) = whole(MESSAGE, payload, fields)?;
        Ok(Self {
            warnings,
            status: Status(status),
        })
    }

    /// Writes the message.
    ///
    /// # Errors
    /// None that its fields can cause.
    pub fn write(&self, sequence: &mut Sequence, out: &mut BytesMut) -> Result<(), WireError> {
        let mut frame = Frame::tagged(out, sequence, MESSAGE, 0xfe);
        frame.int16(self.warnings);
        frame.int16(self.status.0);
        frame.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parser_is_exact() {
        assert_eq!(
            EofPacket::parse(&[0xfe, 1, 0, 2, 0]),
            Ok(EofPacket {
                warnings: 1,
                status: Status::AUTOCOMMIT
            })
        );
        assert!(EofPacket::parse(&[0xfe]).is_err());
        assert!(EofPacket::parse(&[0xfe, 0, 0, 2, 0, 0]).is_err());
    }
}
