use std::fmt;

use super::{Encoding, Value, Width};

/// The type of a column or parameter, by its number.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ColumnType(pub u8);

macro_rules! types {
    ($($name:ident = $value:literal;)*) => {
        #[expect(missing_docs, reason = "each is the type that it is named after")]
        impl ColumnType {
            $(pub const $name: Self = Self($value);)*

            const NAMES: &'static [(Self, &'static str)] = &[$((Self::$name, stringify!($name))),*];
        }
    };
}

types! {
    DECIMAL = 0;
    TINY = 1;
    SHORT = 2;
    LONG = 3;
    FLOAT = 4;
    DOUBLE = 5;
    NULL = 6;
    TIMESTAMP = 7;
    LONGLONG = 8;
    INT24 = 9;
    DATE = 10;
    TIME = 11;
    DATETIME = 12;
    YEAR = 13;
    VARCHAR = 15;
    BIT = 16;
    VECTOR = 242;
    BOOL = 244;
    JSON = 245;
    NEWDECIMAL = 246;
    ENUM = 247;
    SET = 248;
    TINY_BLOB = 249;
    MEDIUM_BLOB = 250;
    LONG_BLOB = 251;
    BLOB = 252;
    VAR_STRING = 253;
    STRING = 254;
    GEOMETRY = 255;
}

impl fmt::Debug for ColumnType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Self::NAMES.iter().find(|(known, _)| known == self) {
            Some((_, name)) => f.write_str(name),
            None => write!(f, "ColumnType({})", self.0),
        }
    }
}

/// All that reading, writing and showing a value takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// The type.
    pub column_type: ColumnType,
    /// Whether integers are unsigned.
    pub unsigned: bool,
    /// Digits after the point; 31 where they are not fixed.
    pub decimals: u8,
}

impl Kind {
    /// Digits after the point that say that they are not fixed.
    pub const NOT_FIXED: u8 = 31;

    /// One whose decimals are not fixed.
    pub const fn new(column_type: ColumnType, unsigned: bool) -> Self {
        Self {
            column_type,
            unsigned,
            decimals: Self::NOT_FIXED,
        }
    }

    /// Whether values of this type are bytes with a length: a mask may put any text there.
    pub const fn is_bytes(self) -> bool {
        matches!(Encoding::of(self.column_type), Some(Encoding::Bytes))
    }

    /// Whether the servers agree on how a parameter of this type is written. Of INT24, YEAR, BIT and GEOMETRY MySQL 9.7
    /// takes none, and MariaDB 10.11 takes NULL without reading a value; of BOOL neither takes any.
    pub(in crate::mysql) const fn is_parameter(self) -> bool {
        !matches!(
            self.column_type,
            ColumnType::INT24 | ColumnType::YEAR | ColumnType::BIT | ColumnType::GEOMETRY | ColumnType::BOOL
        )
    }

    /// The integer that these bits are.
    pub(super) const fn integer(self, bits: u64, width: Width) -> Value<'static> {
        if self.is_unsigned() {
            return Value::Unsigned(bits);
        }
        Value::Signed(match width {
            Width::One => bits as u8 as i8 as i64,
            Width::Two => bits as u16 as i16 as i64,
            Width::Four => bits as u32 as i32 as i64,
            Width::Eight => bits as i64,
        })
    }

    /// YEAR is unsigned whatever the flag says.
    pub(super) const fn is_unsigned(self) -> bool {
        self.unsigned || matches!(self.column_type, ColumnType::YEAR)
    }
}
