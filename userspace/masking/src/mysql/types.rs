//! The types that columns have, and the constant that each shows when redacted.
//!
//! The numbers are the protocol's (`enum_field_types` in both servers' sources); the tests ask a running server for its own.

use super::wide::{self, Units};
use crate::{shown::Sort, token::Integer};

/// What a column holds, by its definition in the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Type {
    kind: Kind,
}

const UNSIGNED: u16 = 0x20;
const ENUM: u16 = 0x100;
const SET: u16 = 0x800;
/// The character set `binary`.
const BINARY: u16 = 63;

impl Type {
    /// By the type's number, the flags and the number of the character set, as the column's definition has them.
    pub fn new(column_type: u8, flags: u16, charset: u16) -> Self {
        let integer = |bits| {
            Kind::Integer(if flags & UNSIGNED == 0 {
                Integer::signed(bits)
            } else {
                Integer::unsigned(bits)
            })
        };
        let text = |kind| wide::units(charset).map_or(kind, Kind::Wide);
        let kind = match column_type {
            // TINY, and BOOL.
            1 | 244 => integer(8),
            // SHORT, LONG, LONGLONG, INT24.
            2 => integer(16),
            3 => integer(32),
            8 => integer(64),
            9 => integer(24),
            4 => Kind::Float,
            5 => Kind::Double,
            // DECIMAL and NEWDECIMAL.
            0 | 246 => Kind::Decimal,
            7 => Kind::Timestamp,
            10 => Kind::Date,
            11 => Kind::Time,
            12 => Kind::DateTime,
            13 => Kind::Year,
            16 => Kind::Bit,
            // MySQL says character set binary, and means that of the results.
            245 => text(Kind::Json),
            // ENUM and SET; the servers name them STRING, with a flag.
            247 | 248 => text(Kind::Choice),
            15 | 249..=254 if flags & (ENUM | SET) != 0 => text(Kind::Choice),
            // VARCHAR, the blobs (which TEXT is as well), VAR_STRING, STRING.
            15 | 249..=254 if charset == BINARY => Kind::Bytes,
            254 => text(Kind::Padded),
            15 | 249..=253 => text(Kind::Text),
            // NULL, GEOMETRY, VECTOR, and numbers that are never on the wire.
            _ => Kind::Opaque,
        };
        Self { kind }
    }

    /// With the name of a data type or format from MariaDB's extended metadata: `json`, `uuid`, `inet4`, `inet6`. Of a
    /// name that is not known (MariaDB may come to have more) a text is no longer taken for any text: masked it is NULL.
    #[must_use]
    pub fn with_format(self, name: &[u8]) -> Self {
        let kind = match self.kind {
            Kind::Text | Kind::Padded | Kind::Bytes => match name {
                b"json" => Kind::Json,
                b"uuid" => Kind::Uuid,
                b"inet4" => Kind::Inet4,
                b"inet6" => Kind::Inet6,
                _ => Kind::Foreign,
            },
            // Of any other, the protocol's own type says how a value has to be.
            other => other,
        };
        Self { kind }
    }

    pub(super) fn kind(self) -> Kind {
        self.kind
    }
}

/// What masks can do with a type besides showing its constant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    /// Bits in bytes; the value says how many.
    Bit,
    /// Text without a character set, or no text at all.
    Bytes,
    /// A member of an ENUM, members of a SET.
    Choice,
    Date,
    DateTime,
    Decimal,
    Double,
    Float,
    /// A text with a form that is not known.
    Foreign,
    Inet4,
    Inet6,
    Integer(Integer),
    Json,
    /// Nothing is known of the values.
    Opaque,
    /// Text whose trailing blanks mean nothing.
    Padded,
    Text,
    Time,
    Timestamp,
    Uuid,
    /// Text whose characters take two bytes or four.
    Wide(Units),
    Year,
}

impl Kind {
    pub(super) fn sort(self) -> Sort {
        match self {
            Self::Bytes | Self::Choice | Self::Padded | Self::Text => Sort::Text,
            Self::Date | Self::DateTime | Self::Timestamp => Sort::Date,
            Self::Decimal => Sort::Numeric,
            Self::Double => Sort::Float8,
            Self::Float => Sort::Float4,
            Self::Integer(of) => Sort::Integer(of),
            Self::Json => Sort::Json,
            Self::Uuid => Sort::Uuid,
            Self::Bit
            | Self::Foreign
            | Self::Inet4
            | Self::Inet6
            | Self::Opaque
            | Self::Time
            | Self::Wide(_)
            | Self::Year => Sort::Constant,
        }
    }

    /// What it shows redacted; `None`: NULL.
    pub(super) fn constant(self) -> Option<&'static [u8]> {
        Some(match self {
            Self::Bit => b"\0",
            Self::Bytes | Self::Choice => b"",
            Self::Date => b"0001-01-01",
            Self::DateTime => b"0001-01-01 00:00:00",
            Self::Decimal | Self::Double | Self::Float | Self::Integer(_) => b"0",
            Self::Inet4 => b"0.0.0.0",
            Self::Inet6 => b"::",
            Self::Json => b"{}",
            Self::Padded | Self::Text => crate::plain::REDACTED,
            Self::Time => b"00:00:00",
            // A day after the first instant, so that it is one in every time zone.
            Self::Timestamp => b"1970-01-02 00:00:00",
            Self::Uuid => b"00000000-0000-0000-0000-000000000000",
            Self::Year => b"0000",
            Self::Foreign | Self::Opaque | Self::Wide(_) => return None,
        })
    }
}
