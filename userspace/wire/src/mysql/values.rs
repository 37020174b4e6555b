//! Values of the binary protocol: of cells, of parameters. And the text that stands for them in text rows.

mod encode;
mod kind;
mod temporal;
mod text;

use std::fmt;

use nom::Parser;
use nom::number::complete::{le_f32, le_f64};

pub use self::kind::{ColumnType, Kind};
pub use self::temporal::{DateTime, Time};
use crate::hidden::Hidden;
use crate::mysql::read::{Fault, byte, int16, int32, int64, invalid, lenenc};
use crate::read::named;

/// A value. Its `Debug` shows the sort only.
#[derive(Clone, Copy, PartialEq)]
pub enum Value<'a> {
    /// NULL.
    Null,
    /// An integer.
    Signed(i64),
    /// An integer of an UNSIGNED column; also YEAR.
    Unsigned(u64),
    /// FLOAT.
    Float(f32),
    /// DOUBLE.
    Double(f64),
    /// DATE, DATETIME, TIMESTAMP.
    DateTime(DateTime),
    /// TIME.
    Time(Time),
    /// All else: text in the column's character set, DECIMAL as text, the server's own bytes for BIT, GEOMETRY, VECTOR.
    Bytes(&'a [u8]),
}

impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Null => "Null",
            Self::Signed(_) => "Signed",
            Self::Unsigned(_) => "Unsigned",
            Self::Float(_) => "Float",
            Self::Double(_) => "Double",
            Self::DateTime(_) => "DateTime",
            Self::Time(_) => "Time",
            Self::Bytes(bytes) => return write!(f, "Bytes({:?})", Hidden(bytes)),
        })
    }
}

/// How many bytes an integer takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Width {
    One,
    Two,
    Four,
    Eight,
}

impl Width {
    const fn bytes(self) -> usize {
        match self {
            Self::One => 1,
            Self::Two => 2,
            Self::Four => 4,
            Self::Eight => 8,
        }
    }

    /// Whether an unsigned integer fits.
    const fn holds(self, value: u64) -> bool {
        match self {
            Self::One => value <= u8::MAX as u64,
            Self::Two => value <= u16::MAX as u64,
            Self::Four => value <= u32::MAX as u64,
            Self::Eight => true,
        }
    }
}

/// How values of a type are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Null,
    Integer(Width),
    Float,
    Double,
    DateTime,
    Time,
    Bytes,
}

impl Encoding {
    /// `None` for types that are never on the wire.
    const fn of(column_type: ColumnType) -> Option<Self> {
        Some(match column_type {
            ColumnType::NULL => Self::Null,
            ColumnType::TINY | ColumnType::BOOL => Self::Integer(Width::One),
            ColumnType::SHORT | ColumnType::YEAR => Self::Integer(Width::Two),
            ColumnType::LONG | ColumnType::INT24 => Self::Integer(Width::Four),
            ColumnType::LONGLONG => Self::Integer(Width::Eight),
            ColumnType::FLOAT => Self::Float,
            ColumnType::DOUBLE => Self::Double,
            ColumnType::DATE | ColumnType::DATETIME | ColumnType::TIMESTAMP => Self::DateTime,
            ColumnType::TIME => Self::Time,
            ColumnType::DECIMAL
            | ColumnType::NEWDECIMAL
            | ColumnType::VARCHAR
            | ColumnType::BIT
            | ColumnType::VECTOR
            | ColumnType::JSON
            | ColumnType::ENUM
            | ColumnType::SET
            | ColumnType::TINY_BLOB
            | ColumnType::MEDIUM_BLOB
            | ColumnType::LONG_BLOB
            | ColumnType::BLOB
            | ColumnType::VAR_STRING
            | ColumnType::STRING
            | ColumnType::GEOMETRY => Self::Bytes,
            _ => return None,
        })
    }
}

/// A value that is not NULL.
pub(super) fn value<'a>(
    field: &'static str,
    kind: Kind,
) -> impl Parser<&'a [u8], Output = Value<'a>, Error = Fault> {
    move |input: &'a [u8]| {
        let Some(encoding) = Encoding::of(kind.column_type) else {
            return invalid(field);
        };
        match encoding {
            Encoding::Null => invalid(field),
            Encoding::Integer(width) => {
                let (rest, bits) = match width {
                    Width::One => byte(field).map(u64::from).parse(input),
                    Width::Two => int16(field).map(u64::from).parse(input),
                    Width::Four => int32(field).map(u64::from).parse(input),
                    Width::Eight => int64(field).parse(input),
                }?;
                Ok((rest, kind.integer(bits, width)))
            }
            Encoding::Float => named(field, le_f32).map(Value::Float).parse(input),
            Encoding::Double => named(field, le_f64).map(Value::Double).parse(input),
            Encoding::DateTime => temporal::date_time(field).map(Value::DateTime).parse(input),
            Encoding::Time => temporal::time(field).map(Value::Time).parse(input),
            Encoding::Bytes => lenenc(field).map(Value::Bytes).parse(input),
        }
    }
}

#[cfg(test)]
mod tests;
