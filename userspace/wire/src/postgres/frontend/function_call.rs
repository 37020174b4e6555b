use bytes::BytesMut;
use nom::Parser;

use super::tag;
use crate::WireError;
use crate::postgres::format::{Format, Formats, write_formats};
use crate::postgres::read::{int32, whole};
use crate::postgres::values::{Values, write_values};
use crate::postgres::write::Frame;

const MESSAGE: &str = "FunctionCall";

/// FunctionCall: the fast path, a function by its OID.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FunctionCall<'a> {
    /// The function.
    pub function: u32,
    /// None, one, or one an argument.
    pub argument_formats: Formats<'a>,
    /// The arguments.
    pub arguments: Values<'a>,
    /// How the result shall be sent.
    pub result_format: Format,
}

impl<'a> FunctionCall<'a> {
    /// Reads the body.
    ///
    /// # Errors
    /// What is wrong with it; it must be used up exactly.
    pub fn parse(body: &'a [u8]) -> Result<Self, WireError> {
        let parser = (
            int32("function"),
            Formats::parser("argument formats"),
            Values::parser("arguments"),
            Format::parser("result format"),
        );
        let parser = parser.map(|(function, argument_formats, arguments, result_format)| Self {
            function,
            argument_formats,
            arguments,
            result_format,
        });
        whole(MESSAGE, body, parser)
    }

    pub(super) fn write_body(self, frame: &mut Frame<'_>) -> Result<(), WireError> {
        frame.int32(self.function);
        self.argument_formats.write("argument formats", frame)?;
        self.arguments.write("arguments", frame)?;
        frame.int16(self.result_format.code());
        Ok(())
    }
}

/// Writes a whole FunctionCall.
///
/// # Errors
/// [`WireError::TooLarge`]; `out` is then as it was.
pub fn write_function_call<'v>(
    out: &mut BytesMut,
    function: u32,
    argument_formats: &[Format],
    arguments: impl IntoIterator<Item = Option<&'v [u8]>>,
    result_format: Format,
) -> Result<(), WireError> {
    let mut frame = Frame::tagged(out, tag::FUNCTION_CALL, MESSAGE);
    frame.int32(function);
    write_formats("argument formats", argument_formats, &mut frame)?;
    write_values("arguments", arguments, &mut frame)?;
    frame.int16(result_format.code());
    frame.finish()
}
