use std::fmt;

use bytes::BytesMut;
use nom::Parser;

use crate::WireError;
use crate::hidden::Hidden;
use crate::mysql::Sequence;
use crate::mysql::read::{byte, int16, int24, invalid, lenenc, tag, whole};
use crate::mysql::write::Frame;

const MESSAGE: &str = "progress report";
/// The error code that says that a packet is a progress report.
pub(super) const PROGRESS_CODE: u16 = 0xffff;

/// How far a long statement has come (MariaDB). May come before the first packet of an answer and between others.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Progress<'a> {
    /// The stage, from 1.
    pub stage: u8,
    /// How many stages there are.
    pub stages: u8,
    /// Thousandths of a percent of this stage.
    pub progress: u32,
    /// What is being done.
    pub info: &'a [u8],
}

impl<'a> Progress<'a> {
    /// Whether a packet from the server is one.
    pub const fn is(payload: &[u8]) -> bool {
        matches!(payload, [0xff, 0xff, 0xff, ..])
    }

    /// Reads the payload.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(payload: &'a [u8]) -> Result<Self, WireError> {
        whole(MESSAGE, payload, |input: &'a [u8]| {
            let (input, ()) = tag("first byte", 0xff).parse(input)?;
            let (input, code) = int16("error code").parse(input)?;
            let (input, strings) = byte("number of strings").parse(input)?;
            if (code, strings) != (PROGRESS_CODE, 1) {
                return invalid("number of strings");
            }
            let (input, (stage, stages)) = (byte("stage"), byte("stages")).parse(input)?;
            let (input, progress) = int24("progress").parse(input)?;
            let (input, info) = lenenc("info").parse(input)?;
            let report = Self {
                stage,
                stages,
                progress,
                info,
            };
            Ok((input, report))
        })
    }

    /// Writes the message.
    ///
    /// # Errors
    /// [`WireError::TooLarge`]; `out` and `sequence` are then as they were.
    pub fn write(&self, sequence: &mut Sequence, out: &mut BytesMut) -> Result<(), WireError> {
        let mut frame = Frame::tagged(out, sequence, MESSAGE, 0xff);
        frame.int16(PROGRESS_CODE);
        frame.byte(1);
        frame.byte(self.stage);
        frame.byte(self.stages);
        frame.int24(self.progress);
        frame.lenenc("info", self.info)?;
        frame.finish()
    }
}

impl fmt::Debug for Progress<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Progress")
            .field("stage", &self.stage)
            .field("stages", &self.stages)
            .field("progress", &self.progress)
            .field("info", &Hidden(self.info))
            .finish()
    }
}
