//! What masks read in a value.

use super::{Format, binary, text, types::Kind};
use crate::{calendar::Date, shown::Readable, uuid};

/// A value as it came.
pub(super) struct Raw<'a> {
    pub(super) kind: Kind,
    pub(super) format: Format,
    pub(super) value: &'a [u8],
}

impl Readable for Raw<'_> {
    fn integer(&self) -> Option<i128> {
        match self.format {
            Format::Text => std::str::from_utf8(self.value).ok()?.parse().ok(),
            Format::Binary => binary::integer(self.kind, self.value).map(Into::into),
        }
    }

    fn date(&self) -> Option<Date> {
        match self.format {
            Format::Text => text::date(self.kind, self.value),
            Format::Binary => binary::date(self.kind, self.value),
        }
    }

    fn uuid(&self) -> Option<[u8; 16]> {
        match self.format {
            Format::Text => uuid::parse(self.value),
            Format::Binary => self.value.try_into().ok(),
        }
    }

    /// Of a jsonb without the version, so that it is the same in both formats.
    fn document(&self) -> Option<&[u8]> {
        match (self.kind, self.format) {
            (Kind::Jsonb, Format::Binary) => self.value.strip_prefix(&[1]),
            _ => Some(self.value),
        }
    }
}
