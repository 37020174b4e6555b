use bytes::BytesMut;

use super::tag;
use crate::WireError;
use crate::postgres::format::{Format, Formats, write_formats};
use crate::postgres::read::{byte, whole};
use crate::postgres::write::Frame;

/// The body of CopyInResponse, CopyOutResponse and CopyBothResponse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CopyFormat<'a> {
    /// Text (which includes CSV) or binary.
    pub format: Format,
    /// One code a column.
    pub columns: Formats<'a>,
}

/// Which way COPY data will go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyKind {
    /// To the server.
    In,
    /// To the client.
    Out,
    /// Both ways.
    Both,
}

impl CopyKind {
    const fn message(self) -> (u8, &'static str) {
        match self {
            Self::In => (tag::COPY_IN_RESPONSE, "CopyInResponse"),
            Self::Out => (tag::COPY_OUT_RESPONSE, "CopyOutResponse"),
            Self::Both => (tag::COPY_BOTH_RESPONSE, "CopyBothResponse"),
        }
    }
}

impl<'a> CopyFormat<'a> {
    /// Reads the body.
    ///
    /// # Errors
    /// What is wrong with it; it must be used up exactly.
    pub fn parse(kind: CopyKind, body: &'a [u8]) -> Result<Self, WireError> {
        let (_, message) = kind.message();
        let (format, columns) = whole(message, body, (byte("format"), Formats::parser("column formats")))?;
        let format = Format::from_code(u16::from(format));
        let format = format.ok_or(WireError::Invalid {
            message,
            field: "format",
        })?;
        Ok(Self { format, columns })
    }

    pub(super) fn write_body(self, frame: &mut Frame<'_>) -> Result<(), WireError> {
        write_format(self.format, frame);
        self.columns.write("column formats", frame)
    }
}

/// The overall format is a byte, unlike those of the columns.
fn write_format(format: Format, frame: &mut Frame<'_>) {
    frame.byte(match format {
        Format::Text => 0,
        Format::Binary => 1,
    });
}

/// Writes a whole CopyInResponse, CopyOutResponse or CopyBothResponse.
///
/// # Errors
/// [`WireError::TooLarge`]; `out` is then as it was.
pub fn write_copy_response(
    out: &mut BytesMut,
    kind: CopyKind,
    format: Format,
    columns: &[Format],
) -> Result<(), WireError> {
    let (tag, message) = kind.message();
    let mut frame = Frame::tagged(out, tag, message);
    write_format(format, &mut frame);
    write_formats("column formats", columns, &mut frame)?;
    frame.finish()
}
