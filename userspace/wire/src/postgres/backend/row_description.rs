use std::fmt;
use std::iter::FusedIterator;

use bytes::BytesMut;
use nom::Parser;

use super::tag;
use crate::WireError;
use crate::hidden::Hidden;
use crate::postgres::format::Format;
use crate::postgres::read::{Read, cstring, int16, int32, whole};
use crate::postgres::write::Frame;

const MESSAGE: &str = "RowDescription";
const FIELDS: &str = "fields";

/// RowDescription: the columns of the rows that follow. Checked to the last byte when it was read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RowDescription<'a> {
    count: u16,
    bytes: &'a [u8],
}

/// One column.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct FieldDescription<'a> {
    /// The column's label.
    pub name: &'a [u8],
    /// The table that the column comes from; 0 if it is not a column of a table.
    pub table_oid: u32,
    /// Its number in that table; 0 if it is not a column of a table, negative for a system column.
    pub attribute: i16,
    /// Its type.
    pub type_oid: u32,
    /// Bytes of a value; negative for types of variable size.
    pub type_size: i16,
    /// Type-specific, -1 if there is none.
    pub type_modifier: i32,
    /// How its values are sent. Not yet known, and text, when a statement rather than a portal was described.
    pub format: Format,
}

impl<'a> RowDescription<'a> {
    /// Reads the body.
    ///
    /// # Errors
    /// What is wrong with it; it must be used up exactly.
    pub fn parse(body: &'a [u8]) -> Result<Self, WireError> {
        whole(MESSAGE, body, |input: &'a [u8]| {
            let (start, count) = int16(FIELDS).parse(input)?;
            let mut rest = start;
            for _ in 0..count {
                (rest, _) = FieldDescription::read(rest)?;
            }
            let size = start.len().saturating_sub(rest.len());
            Ok((
                rest,
                Self {
                    count,
                    bytes: start.get(..size).unwrap_or_default(),
                },
            ))
        })
    }

    /// How many columns there are.
    pub fn len(self) -> usize {
        usize::from(self.count)
    }

    /// Whether there are none.
    pub const fn is_empty(self) -> bool {
        self.count == 0
    }

    /// The columns in order.
    pub const fn iter(self) -> FieldDescriptions<'a> {
        FieldDescriptions {
            left: self.count,
            bytes: self.bytes,
        }
    }

    /// The columns as they are on the wire, without the count before them. Where these are the same, so are the columns.
    pub const fn encoded(self) -> &'a [u8] {
        self.bytes
    }

    pub(super) fn write_body(self, frame: &mut Frame<'_>) -> Result<(), WireError> {
        frame.int16(self.count);
        frame.bytes(FIELDS, self.bytes)
    }
}

impl fmt::Debug for RowDescription<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<'a> IntoIterator for RowDescription<'a> {
    type Item = FieldDescription<'a>;
    type IntoIter = FieldDescriptions<'a>;

    fn into_iter(self) -> FieldDescriptions<'a> {
        self.iter()
    }
}

impl<'a> FieldDescription<'a> {
    fn read(input: &'a [u8]) -> Read<'a, Self> {
        let mut parser = (
            cstring("field name"),
            int32("table oid"),
            int16("attribute number"),
            int32("type oid"),
            int16("type size"),
            int32("type modifier"),
            Format::parser("format"),
        );
        let (rest, (name, table_oid, attribute, type_oid, type_size, type_modifier, format)) =
            parser.parse(input)?;
        let field = Self {
            name,
            table_oid,
            attribute: attribute.cast_signed(),
            type_oid,
            type_size: type_size.cast_signed(),
            type_modifier: type_modifier.cast_signed(),
            format,
        };
        Ok((rest, field))
    }

    fn write(&self, frame: &mut Frame<'_>) -> Result<(), WireError> {
        frame.cstring("field name", self.name)?;
        frame.int32(self.table_oid);
        frame.int16(self.attribute.cast_unsigned());
        frame.int32(self.type_oid);
        frame.int16(self.type_size.cast_unsigned());
        frame.int32(self.type_modifier.cast_unsigned());
        frame.int16(self.format.code());
        Ok(())
    }
}

impl fmt::Debug for FieldDescription<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FieldDescription")
            .field("name", &Hidden(self.name))
            .field("table_oid", &self.table_oid)
            .field("attribute", &self.attribute)
            .field("type_oid", &self.type_oid)
            .field("format", &self.format)
            .finish_non_exhaustive()
    }
}

/// Iterates over the columns of a [`RowDescription`].
#[derive(Clone)]
pub struct FieldDescriptions<'a> {
    left: u16,
    bytes: &'a [u8],
}

impl<'a> Iterator for FieldDescriptions<'a> {
    type Item = FieldDescription<'a>;

    fn next(&mut self) -> Option<FieldDescription<'a>> {
        self.left = self.left.checked_sub(1)?;
        let (rest, field) = FieldDescription::read(self.bytes).ok()?;
        self.bytes = rest;
        Some(field)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (usize::from(self.left), Some(usize::from(self.left)))
    }
}

impl ExactSizeIterator for FieldDescriptions<'_> {}

impl FusedIterator for FieldDescriptions<'_> {}

impl fmt::Debug for FieldDescriptions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}

/// Writes a whole RowDescription.
///
/// # Errors
/// [`WireError::TooLarge`] or [`WireError::ZeroByte`]; `out` is then as it was.
pub fn write_row_description<'v>(
    out: &mut BytesMut,
    fields: impl IntoIterator<Item = FieldDescription<'v>>,
) -> Result<(), WireError> {
    let mut frame = Frame::tagged(out, tag::ROW_DESCRIPTION, MESSAGE);
    let at = frame.reserve_count();
    let mut count = 0_usize;
    for field in fields {
        field.write(&mut frame)?;
        count = count.saturating_add(1);
    }
    frame.fill_count(FIELDS, at, count)?;
    frame.finish()
}
