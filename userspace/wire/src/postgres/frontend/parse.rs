use std::fmt;

use bytes::BytesMut;
use nom::Parser;

use super::tag;
use crate::WireError;
use crate::hidden::Hidden;
use crate::postgres::oids::{Oids, write_oids};
use crate::postgres::read::{cstring, whole};
use crate::postgres::write::Frame;

const MESSAGE: &str = "Parse";

/// Parse: prepare a statement.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Parse<'a> {
    /// The name to give it; empty for the unnamed statement.
    pub name: &'a [u8],
    /// Its text.
    pub query: &'a [u8],
    /// The types of its first parameters; 0 leaves one to the server.
    pub parameter_types: Oids<'a>,
}

impl<'a> Parse<'a> {
    /// Reads the body.
    ///
    /// # Errors
    /// What is wrong with it; it must be used up exactly.
    #[expect(
        clippy::self_named_constructors,
        reason = "the message is called Parse, and every message has a parse"
    )]
    pub fn parse(body: &'a [u8]) -> Result<Self, WireError> {
        let parser = (
            cstring("statement name"),
            cstring("query"),
            Oids::parser("parameter types"),
        );
        whole(
            MESSAGE,
            body,
            parser.map(|(name, query, parameter_types)| Self {
                name,
                query,
                parameter_types,
            }),
        )
    }

    pub(super) fn write_body(self, frame: &mut Frame<'_>) -> Result<(), WireError> {
        frame.cstring("statement name", self.name)?;
        frame.cstring("query", self.query)?;
        self.parameter_types.write("parameter types", frame)
    }
}

impl fmt::Debug for Parse<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parse")
            .field("name", &Hidden(self.name))
            .field("query", &Hidden(self.query))
            .field("parameter_types", &self.parameter_types)
            .finish()
    }
}

/// Writes a whole Parse.
///
/// # Errors
/// [`WireError::TooLarge`] or [`WireError::ZeroByte`]; `out` is then as it was.
pub fn write_parse(
    out: &mut BytesMut,
    name: &[u8],
    query: &[u8],
    parameter_types: &[u32],
) -> Result<(), WireError> {
    let mut frame = Frame::tagged(out, tag::PARSE, MESSAGE);
    frame.cstring("statement name", name)?;
    frame.cstring("query", query)?;
    write_oids("parameter types", parameter_types, &mut frame)?;
    frame.finish()
}
