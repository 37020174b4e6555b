//! A cell, and the kinds of cell. Everything that depends on a column's type goes through these two.

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use uuid::Uuid;

use interdict_record::Micros;

/// A 32-byte SHA-256 digest.
pub(crate) type Hash = [u8; 32];

/// The name of a map's or structure's entry: those of structures are the program's own.
pub type Name = Cow<'static, str>;

/// Up to 32 bytes in place: identifiers and hashes, of which each row has several.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Short {
    length: u8,
    bytes: [u8; Self::MOST],
}

impl Short {
    /// The most bytes.
    pub const MOST: usize = 32;

    /// These bytes, if they are not too many.
    pub fn new(bytes: &[u8]) -> Option<Self> {
        let mut short = Self {
            length: u8::try_from(bytes.len()).ok()?,
            bytes: [0; Self::MOST],
        };
        short.bytes.get_mut(..bytes.len())?.copy_from_slice(bytes);
        Some(short)
    }
}

impl std::ops::Deref for Short {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.length)).unwrap_or_default()
    }
}

impl fmt::Debug for Short {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&hex::encode(&**self))
    }
}

/// One cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// The column does not apply.
    Null,
    /// A truth value.
    Bool(bool),
    /// A number.
    Integer(i64),
    /// Microseconds since the Unix epoch.
    Time(Micros),
    /// Text.
    Text(String),
    /// A UUID (16 bytes) or a hash (32).
    Bytes(Short),
    /// Bytes of any length.
    Blob(Vec<u8>),
    /// Elements in their order.
    List(Vec<Self>),
    /// Keys with their values, in the order stored.
    Map(Vec<(Name, Self)>),
    /// The values of the kind's fields, in the kind's order.
    Struct(Vec<(Name, Self)>),
}

/// The type of a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Bool,
    Integer,
    Time,
    Text,
    Uuid,
    /// Bytes of this fixed length.
    Bytes(i32),
    /// Bytes of any length.
    Blob,
    List(Box<Kind>),
    /// Text to this.
    Map(Box<Kind>),
    Struct(Vec<(String, Kind)>),
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<u64> for Value {
    /// Counters stop at `i64::MAX`: half of the readers of Parquet have no unsigned integers.
    fn from(value: u64) -> Self {
        Self::Integer(i64::try_from(value).unwrap_or(i64::MAX))
    }
}

impl From<u32> for Value {
    fn from(value: u32) -> Self {
        Self::Integer(i64::from(value))
    }
}

impl From<u16> for Value {
    fn from(value: u16) -> Self {
        Self::Integer(i64::from(value))
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl From<Uuid> for Value {
    fn from(value: Uuid) -> Self {
        Self::from(*value.as_bytes())
    }
}

impl From<[u8; 16]> for Value {
    fn from(value: [u8; 16]) -> Self {
        let mut bytes = [0; Short::MOST];
        if let Some(place) = bytes.first_chunk_mut() {
            *place = value;
        }
        Self::Bytes(Short { length: 16, bytes })
    }
}

impl From<Hash> for Value {
    fn from(bytes: Hash) -> Self {
        Self::Bytes(Short { length: 32, bytes })
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl<T: Into<Value>> From<Vec<T>> for Value {
    fn from(values: Vec<T>) -> Self {
        Self::List(values.into_iter().map(Into::into).collect())
    }
}

impl<T: Into<Value>> From<std::collections::BTreeMap<String, T>> for Value {
    fn from(values: std::collections::BTreeMap<String, T>) -> Self {
        Self::Map(
            values
                .into_iter()
                .map(|(key, value)| (Name::Owned(key), value.into()))
                .collect(),
        )
    }
}

impl Value {
    pub(crate) fn time(value: Option<Micros>) -> Self {
        value.map_or(Self::Null, Self::Time)
    }

    /// Text, if it is text.
    pub fn as_text(&self) -> Option<&str> {
        if let Self::Text(text) = self {
            Some(text)
        } else {
            None
        }
    }

    /// A number, or a time in microseconds since the epoch.
    pub fn as_integer(&self) -> Option<i64> {
        if let Self::Integer(value) | Self::Time(value) = self {
            Some(*value)
        } else {
            None
        }
    }

    /// The bytes of a UUID, a hash or a payload.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            Self::Blob(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// As a reader wants it: times in RFC 3339, UUIDs with dashes, hashes in hexadecimal, other bytes in base64.
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value as Json;
        match self {
            Self::Null => Json::Null,
            Self::Bool(value) => Json::Bool(*value),
            Self::Integer(value) => Json::from(*value),
            Self::Time(value) => match jiff::Timestamp::from_microsecond(*value) {
                Ok(time) => Json::String(format!("{time:.6}")),
                Err(_) => Json::from(*value),
            },
            Self::Text(text) => Json::String(text.clone()),
            Self::Bytes(bytes) => Json::String(match Uuid::from_slice(bytes) {
                Ok(id) => id.to_string(),
                Err(_) => hex::encode(&**bytes),
            }),
            Self::Blob(bytes) => Json::String(base64::engine::general_purpose::STANDARD.encode(bytes)),
            Self::List(values) => Json::Array(values.iter().map(Self::to_json).collect()),
            Self::Map(entries) | Self::Struct(entries) => Json::Object(
                entries
                    .iter()
                    .map(|(key, value)| (key.clone().into_owned(), value.to_json()))
                    .collect(),
            ),
        }
    }
}
