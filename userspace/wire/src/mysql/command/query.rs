use std::fmt;

use bytes::BytesMut;
use nom::Parser;

use super::parameters::{Parameter, parameters};
use super::tag;
use crate::WireError;
use crate::hidden::Hidden;
use crate::mysql::read::{invalid, lenenc_int, rest, whole};
use crate::mysql::write::Frame;
use crate::mysql::{Capabilities, Sequence};

const MESSAGE: &str = "COM_QUERY";

/// COM_QUERY.
#[derive(Clone, PartialEq)]
pub struct Query<'a> {
    /// Values that come with it (QUERY_ATTRIBUTES), which the statement's components can read.
    pub attributes: Vec<Parameter<'a>>,
    /// The statements, in the session's character set.
    pub text: &'a [u8],
}

impl<'a> Query<'a> {
    pub(super) fn parse(body: &'a [u8], capabilities: Capabilities) -> Result<Self, WireError> {
        whole(MESSAGE, body, |input: &'a [u8]| {
            let (input, attributes) = if capabilities.has(Capabilities::QUERY_ATTRIBUTES) {
                let (input, count) = lenenc_int("attribute count").parse(input)?;
                let (input, sets) = lenenc_int("attribute set count").parse(input)?;
                if sets != 1 {
                    return invalid("attribute set count");
                }
                if count > 0 {
                    parameters(input, count, true, &[], |_| false)?
                } else {
                    (input, Vec::new())
                }
            } else {
                (input, Vec::new())
            };
            let (input, text) = rest(input)?;
            Ok((input, Self { attributes, text }))
        })
    }
}

impl fmt::Debug for Query<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Query")
            .field("attributes", &self.attributes)
            .field("text", &Hidden(self.text))
            .finish()
    }
}

/// Writes a COM_QUERY without attributes, as the first packet of a new exchange.
///
/// # Errors
/// [`WireError::TooLarge`]; `out` is then as it was.
pub fn write_query(
    text: &[u8],
    capabilities: Capabilities,
    sequence: &mut Sequence,
    out: &mut BytesMut,
) -> Result<(), WireError> {
    *sequence = Sequence::START;
    let mut frame = Frame::tagged(out, sequence, MESSAGE, tag::QUERY);
    if capabilities.has(Capabilities::QUERY_ATTRIBUTES) {
        frame.lenenc_int(0);
        frame.lenenc_int(1);
    }
    frame.bytes("text", text)?;
    frame.finish()
}
