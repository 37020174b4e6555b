use std::fmt;
use std::ops::BitOr;

use bytes::BytesMut;
use nom::Parser;

use crate::WireError;
use crate::hidden::Hidden;
use crate::mysql::read::{NULL, Read, byte, int16, int32, lenenc, lenenc_or_null, tag, whole};
use crate::mysql::values::{ColumnType, Kind};
use crate::mysql::write::Frame;
use crate::mysql::{Capabilities, Sequence};

const MESSAGE: &str = "ColumnDefinition";
/// Bytes of the fixed part.
const FIXED: u8 = 12;

/// What is told of a column of a result, of a parameter, or of a table (COM_FIELD_LIST).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Column<'a> {
    /// Always `def`.
    pub catalog: &'a [u8],
    /// The database.
    pub schema: &'a [u8],
    /// The table, by its alias.
    pub table: &'a [u8],
    /// The table. Can be forged by a derived table.
    pub org_table: &'a [u8],
    /// The column, by its alias.
    pub name: &'a [u8],
    /// The column. Can be forged by a derived table.
    pub org_name: &'a [u8],
    /// The true type's name (MariaDB, with MARIADB_EXTENDED_METADATA).
    pub extended: Option<ExtendedMetadata<'a>>,
    /// The character set, by its collation's number; 63 is binary.
    pub charset: u16,
    /// The greatest length, in bytes.
    pub length: u32,
    /// The type.
    pub column_type: ColumnType,
    /// More of the type.
    pub flags: ColumnFlags,
    /// Digits after the point; 31 where they are not fixed.
    pub decimals: u8,
    /// COM_FIELD_LIST only: the default, `Some(None)` for NULL. A text.
    pub default: Option<Option<&'a [u8]>>,
}

impl<'a> Column<'a> {
    /// Reads the payload.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(payload: &'a [u8], capabilities: Capabilities) -> Result<Self, WireError> {
        Self::read(payload, capabilities, false)
    }

    /// Reads one of the answer to COM_FIELD_LIST, which has a default at its end.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse_field(payload: &'a [u8], capabilities: Capabilities) -> Result<Self, WireError> {
        Self::read(payload, capabilities, true)
    }

    fn read(payload: &'a [u8], capabilities: Capabilities, field: bool) -> Result<Self, WireError> {
        whole(MESSAGE, payload, |input: &'a [u8]| {
            let (input, catalog) = lenenc("catalog").parse(input)?;
            let (input, schema) = lenenc("schema").parse(input)?;
            let (input, table) = lenenc("table").parse(input)?;
            let (input, org_table) = lenenc("org_table").parse(input)?;
            let (input, name) = lenenc("name").parse(input)?;
            let (input, org_name) = lenenc("org_name").parse(input)?;
            let (input, extended) = if capabilities.has(Capabilities::MARIADB_EXTENDED_METADATA) {
                let (input, extended) = lenenc("extended metadata").parse(input)?;
                (input, Some(ExtendedMetadata::read(extended)?.1))
            } else {
                (input, None)
            };
            let (input, ()) = tag("length of the fixed part", FIXED).parse(input)?;
            let (input, charset) = int16("character set").parse(input)?;
            let (input, length) = int32("length").parse(input)?;
            let (input, column_type) = byte("type").map(ColumnType).parse(input)?;
            let (input, flags) = int16("flags").map(ColumnFlags).parse(input)?;
            let (input, decimals) = byte("decimals").parse(input)?;
            let (input, _) = int16("filler").parse(input)?;
            let (input, default) = if field && !input.is_empty() {
                lenenc_or_null("default").map(Some).parse(input)?
            } else {
                (input, None)
            };
            let column = Self {
                catalog,
                schema,
                table,
                org_table,
                name,
                org_name,
                extended,
                charset,
                length,
                column_type,
                flags,
                decimals,
                default,
            };
            Ok((input, column))
        })
    }

    /// How its values are written in binary rows.
    pub const fn kind(&self) -> Kind {
        Kind {
            column_type: self.column_type,
            unsigned: self.flags.has(ColumnFlags::UNSIGNED),
            decimals: self.decimals,
        }
    }

    /// Writes the message. `extended` must be there if and only if the receiver agreed to MARIADB_EXTENDED_METADATA.
    ///
    /// # Errors
    /// [`WireError::TooLarge`]; `out` and `sequence` are then as they were.
    pub fn write(&self, sequence: &mut Sequence, out: &mut BytesMut) -> Result<(), WireError> {
        let mut frame = Frame::new(out, sequence, MESSAGE);
        frame.lenenc("catalog", self.catalog)?;
        frame.lenenc("schema", self.schema)?;
        frame.lenenc("table", self.table)?;
        frame.lenenc("org_table", self.org_table)?;
        frame.lenenc("name", self.name)?;
        frame.lenenc("org_name", self.org_name)?;
        if let Some(ExtendedMetadata(extended)) = self.extended {
            frame.lenenc("extended metadata", extended)?;
        }
        frame.byte(FIXED);
        frame.int16(self.charset);
        frame.int32(self.length);
        frame.byte(self.column_type.0);
        frame.int16(self.flags.0);
        frame.byte(self.decimals);
        frame.int16(0);
        match self.default {
            None => {}
            Some(None) => frame.byte(NULL),
            Some(Some(default)) => frame.lenenc("default", default)?,
        }
        frame.finish()
    }
}

impl fmt::Debug for Column<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Column")
            .field("schema", &String::from_utf8_lossy(self.schema))
            .field("org_table", &String::from_utf8_lossy(self.org_table))
            .field("name", &Hidden(self.name))
            .field("org_name", &String::from_utf8_lossy(self.org_name))
            .field("extended", &self.extended)
            .field("charset", &self.charset)
            .field("length", &self.length)
            .field("column_type", &self.column_type)
            .field("flags", &self.flags)
            .field("decimals", &self.decimals)
            .field("default", &self.default.map(|default| default.map(Hidden)))
            .finish_non_exhaustive()
    }
}

/// Flags of a [`Column`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ColumnFlags(pub u16);

impl ColumnFlags {
    /// NOT NULL.
    pub const NOT_NULL: Self = Self(1);
    /// Part of the primary key.
    pub const PRIMARY_KEY: Self = Self(2);
    /// Part of a unique key.
    pub const UNIQUE_KEY: Self = Self(4);
    /// Part of another key.
    pub const MULTIPLE_KEY: Self = Self(8);
    /// BLOB or TEXT.
    pub const BLOB: Self = Self(16);
    /// UNSIGNED.
    pub const UNSIGNED: Self = Self(32);
    /// ZEROFILL.
    pub const ZEROFILL: Self = Self(64);
    /// A binary collation.
    pub const BINARY: Self = Self(128);
    /// ENUM, sent as a string.
    pub const ENUM: Self = Self(256);
    /// AUTO_INCREMENT.
    pub const AUTO_INCREMENT: Self = Self(512);
    /// TIMESTAMP.
    pub const TIMESTAMP: Self = Self(1024);
    /// SET, sent as a string.
    pub const SET: Self = Self(2048);

    /// Whether all of `other` are set.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl BitOr for ColumnFlags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// What MariaDB tells of a type beyond its number: kinds and texts, checked when they were read.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct ExtendedMetadata<'a>(&'a [u8]);

impl<'a> ExtendedMetadata<'a> {
    /// The kind of a type's name (`point`, `uuid`, `inet6` …).
    pub const TYPE: u8 = 0;
    /// The kind of a format's name (`json`).
    pub const FORMAT: u8 = 1;

    fn read(encoded: &'a [u8]) -> Read<'a, Self> {
        let mut left = encoded;
        while !left.is_empty() {
            (left, _) = (byte("extended metadata"), lenenc("extended metadata")).parse(left)?;
        }
        Ok((left, Self(encoded)))
    }

    /// The texts with their kinds.
    pub fn iter(self) -> impl Iterator<Item = (u8, &'a [u8])> {
        let mut left = self.0;
        std::iter::from_fn(move || {
            let (rest, pair) = (byte("kind"), lenenc("text")).parse(left).ok()?;
            left = rest;
            Some(pair)
        })
    }

    /// The first text of a kind.
    pub fn get(self, kind: u8) -> Option<&'a [u8]> {
        self.iter()
            .find(|(found, _)| *found == kind)
            .map(|(_, text)| text)
    }
}

impl fmt::Debug for ExtendedMetadata<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(
                self.iter()
                    .map(|(kind, text)| (kind, String::from_utf8_lossy(text))),
            )
            .finish()
    }
}
