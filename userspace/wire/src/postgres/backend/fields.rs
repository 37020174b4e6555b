use std::fmt;
use std::iter::FusedIterator;

use bytes::BytesMut;
use nom::Parser;

use super::tag;
use crate::WireError;
use crate::hidden::Hidden;
use crate::postgres::read::{Read, byte, cstring, whole};
use crate::postgres::write::Frame;

/// The codes of the fields of errors and notices. Source: section "Error and Notice Message Fields".
pub mod field {
    /// Severity, in the server's language.
    pub const SEVERITY_LOCAL: u8 = b'S';
    /// Severity, never translated.
    pub const SEVERITY: u8 = b'V';
    /// SQLSTATE.
    pub const CODE: u8 = b'C';
    /// The primary message.
    pub const MESSAGE: u8 = b'M';
    /// A secondary message with details.
    pub const DETAIL: u8 = b'D';
    /// What to do about it.
    pub const HINT: u8 = b'H';
    /// A position in the statement, in characters from 1.
    pub const POSITION: u8 = b'P';
    /// A position in an internally generated statement.
    pub const INTERNAL_POSITION: u8 = b'p';
    /// That statement.
    pub const INTERNAL_QUERY: u8 = b'q';
    /// The call stack of functions and internal statements.
    pub const WHERE: u8 = b'W';
    /// The schema concerned.
    pub const SCHEMA: u8 = b's';
    /// The table concerned.
    pub const TABLE: u8 = b't';
    /// The column concerned.
    pub const COLUMN: u8 = b'c';
    /// The data type concerned.
    pub const DATA_TYPE: u8 = b'd';
    /// The constraint concerned.
    pub const CONSTRAINT: u8 = b'n';
    /// The file of the server's source code.
    pub const FILE: u8 = b'F';
    /// The line in that file.
    pub const LINE: u8 = b'L';
    /// The routine in that file.
    pub const ROUTINE: u8 = b'R';
}

/// The fields of an ErrorResponse or NoticeResponse. Checked to the last byte when they were read.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Fields<'a>(
    /// Without the byte that ends the list.
    &'a [u8],
);

impl<'a> Fields<'a> {
    /// Reads the body of `message`.
    pub(super) fn parse(message: &'static str, body: &'a [u8]) -> Result<Self, WireError> {
        whole(message, body, |input: &'a [u8]| {
            let mut rest = input;
            loop {
                let (after, code) = byte("field type").parse(rest)?;
                if code == 0 {
                    let size = input.len().saturating_sub(rest.len());
                    return Ok((after, Self(input.get(..size).unwrap_or_default())));
                }
                (rest, _) = cstring("field value").parse(after)?;
            }
        })
    }

    /// Code (see [`field`]) and value of each field in order.
    pub const fn iter(self) -> FieldsIter<'a> {
        FieldsIter(self.0)
    }

    /// The value of the first field with this code.
    pub fn get(self, code: u8) -> Option<&'a [u8]> {
        self.iter()
            .find(|(found, _)| *found == code)
            .map(|(_, value)| value)
    }

    /// SQLSTATE.
    pub fn code(self) -> Option<&'a [u8]> {
        self.get(field::CODE)
    }

    /// The primary message.
    pub fn message(self) -> Option<&'a [u8]> {
        self.get(field::MESSAGE)
    }

    /// The severity, untranslated if the server sends it so (from PostgreSQL 9.6 on).
    pub fn severity(self) -> Option<&'a [u8]> {
        self.get(field::SEVERITY)
            .or_else(|| self.get(field::SEVERITY_LOCAL))
    }

    pub(super) fn write_body(self, frame: &mut Frame<'_>) -> Result<(), WireError> {
        frame.bytes("fields", self.0)?;
        frame.byte(0);
        Ok(())
    }
}

impl fmt::Debug for Fields<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Fields").field(&Hidden(self.0)).finish()
    }
}

impl<'a> IntoIterator for Fields<'a> {
    type Item = (u8, &'a [u8]);
    type IntoIter = FieldsIter<'a>;

    fn into_iter(self) -> FieldsIter<'a> {
        self.iter()
    }
}

/// Iterates over [`Fields`].
#[derive(Clone)]
pub struct FieldsIter<'a>(&'a [u8]);

impl<'a> Iterator for FieldsIter<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let field: Read<'a, _> = (byte("field type"), cstring("field value")).parse(self.0);
        let (rest, field) = field.ok()?;
        self.0 = rest;
        Some(field)
    }
}

impl FusedIterator for FieldsIter<'_> {}

impl fmt::Debug for FieldsIter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FieldsIter").field(&Hidden(self.0)).finish()
    }
}

/// Writes a whole ErrorResponse (`error`) or NoticeResponse with these fields, for example those of one that was read,
/// some of them changed.
///
/// # Errors
/// [`WireError::TooLarge`], [`WireError::ZeroByte`], or [`WireError::Invalid`] for a field code of zero; `out` is then
/// as it was.
pub fn write_fields<'v>(
    out: &mut BytesMut,
    error: bool,
    fields: impl IntoIterator<Item = (u8, &'v [u8])>,
) -> Result<(), WireError> {
    let (tag, message) = if error {
        (tag::ERROR_RESPONSE, "ErrorResponse")
    } else {
        (tag::NOTICE_RESPONSE, "NoticeResponse")
    };
    let mut frame = Frame::tagged(out, tag, message);
    for (code, value) in fields {
        // It would end the list early.
        if code == 0 {
            return Err(WireError::Invalid {
                message,
                field: "field type",
            });
        }
        frame.byte(code);
        frame.cstring("field value", value)?;
    }
    frame.byte(0);
    frame.finish()
}
