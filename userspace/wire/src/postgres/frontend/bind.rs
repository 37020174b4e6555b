use std::fmt;

use bytes::BytesMut;
use nom::Parser;

use super::tag;
use crate::WireError;
use crate::hidden::Hidden;
use crate::postgres::format::{Format, Formats, write_formats};
use crate::postgres::read::{cstring, whole};
use crate::postgres::values::{Values, write_values};
use crate::postgres::write::Frame;

const MESSAGE: &str = "Bind";

/// Bind: parameters for a prepared statement, giving a portal.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Bind<'a> {
    /// The portal to make; empty for the unnamed one.
    pub portal: &'a [u8],
    /// The statement; empty for the unnamed one.
    pub statement: &'a [u8],
    /// None, one, or one a parameter: see [`resolve_formats`](crate::postgres::resolve_formats).
    pub parameter_formats: Formats<'a>,
    /// The parameters.
    pub parameters: Values<'a>,
    /// None, one, or one a result column.
    pub result_formats: Formats<'a>,
}

impl<'a> Bind<'a> {
    /// Reads the body.
    ///
    /// # Errors
    /// What is wrong with it; it must be used up exactly. Whether the counts of formats fit is not checked: the server
    /// answers that with an error of its own.
    pub fn parse(body: &'a [u8]) -> Result<Self, WireError> {
        let parser = (
            cstring("portal"),
            cstring("statement"),
            Formats::parser("parameter formats"),
            Values::parser("parameters"),
            Formats::parser("result formats"),
        );
        let parser = parser.map(
            |(portal, statement, parameter_formats, parameters, result_formats)| Self {
                portal,
                statement,
                parameter_formats,
                parameters,
                result_formats,
            },
        );
        whole(MESSAGE, body, parser)
    }

    pub(super) fn write_body(self, frame: &mut Frame<'_>) -> Result<(), WireError> {
        frame.cstring("portal", self.portal)?;
        frame.cstring("statement", self.statement)?;
        self.parameter_formats.write("parameter formats", frame)?;
        self.parameters.write("parameters", frame)?;
        self.result_formats.write("result formats", frame)
    }
}

impl fmt::Debug for Bind<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bind")
            .field("portal", &Hidden(self.portal))
            .field("statement", &Hidden(self.statement))
            .field("parameter_formats", &self.parameter_formats)
            .field("parameters", &self.parameters)
            .field("result_formats", &self.result_formats)
            .finish()
    }
}

/// Writes a whole Bind.
///
/// # Errors
/// [`WireError::TooLarge`] or [`WireError::ZeroByte`]; `out` is then as it was.
pub fn write_bind<'v>(
    out: &mut BytesMut,
    portal: &[u8],
    statement: &[u8],
    parameter_formats: &[Format],
    parameters: impl IntoIterator<Item = Option<&'v [u8]>>,
    result_formats: &[Format],
) -> Result<(), WireError> {
    let mut frame = Frame::tagged(out, tag::BIND, MESSAGE);
    frame.cstring("portal", portal)?;
    frame.cstring("statement", statement)?;
    write_formats("parameter formats", parameter_formats, &mut frame)?;
    write_values("parameters", parameters, &mut frame)?;
    write_formats("result formats", result_formats, &mut frame)?;
    frame.finish()
}
