use bytes::BytesMut;
use nom::Parser;

use crate::WireError;
use crate::mysql::read::{byte, int16, int32, tag, whole};
use crate::mysql::write::Frame;
use crate::mysql::{Capabilities, Sequence};

const MESSAGE: &str = "COM_STMT_PREPARE_OK";

/// A statement was prepared. Definitions of its parameters and columns follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PrepareOk {
    /// The statement's number.
    pub statement: u32,
    /// Columns of its result; 0 if it has none.
    pub columns: u16,
    /// Its parameters.
    pub parameters: u16,
    /// Warnings that SHOW WARNINGS would list.
    pub warnings: u16,
    /// With OPTIONAL_RESULTSET_METADATA: whether definitions follow.
    pub metadata: Option<bool>,
}

impl PrepareOk {
    /// Reads the payload.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(payload: &[u8], capabilities: Capabilities) -> Result<Self, WireError> {
        whole(MESSAGE, payload, |input| {
            let (input, ()) = tag("first byte", 0).parse(input)?;
            let (input, statement) = int32("statement id").parse(input)?;
            let (input, columns) = int16("columns").parse(input)?;
            let (input, parameters) = int16("parameters").parse(input)?;
            let (input, ()) = tag("filler", 0).parse(input)?;
            let (input, warnings) = int16("warnings").parse(input)?;
            let (input, metadata) = if capabilities.has(Capabilities::OPTIONAL_RESULTSET_METADATA) {
                byte("metadata follows")
                    .map(|flag| Some(flag != 0))
                    .parse(input)?
            } else {
                (input, None)
            };
            let prepared = Self {
                statement,
                columns,
                parameters,
                warnings,
                metadata,
            };
            Ok((input, prepared))
        })
    }

    /// Writes the message.
    ///
    /// # Errors
    /// None that its fields can cause.
    pub fn write(&self, sequence: &mut Sequence, out: &mut BytesMut) -> Result<(), WireError> {
        let mut frame = Frame::tagged(out, sequence, MESSAGE, 0);
        frame.int32(self.statement);
        frame.int16(self.columns);
        frame.int16(self.parameters);
        frame.byte(0);
        frame.int16(self.warnings);
        if let Some(metadata) = self.metadata {
            frame.byte(metadata.into());
        }
        frame.finish()
    }
}
