use std::fmt;
use std::iter::FusedIterator;

use nom::Parser;

use crate::WireError;
use crate::hidden::Hidden;
use crate::mysql::read::{Fault, Read, byte, lenenc};
use crate::mysql::write::Frame;

const FIELD: &str = "session state";

/// What changed in the session: a list, its outer form checked when it was read.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct SessionChanges<'a>(Option<&'a [u8]>);

/// One change.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum SessionChange<'a> {
    /// System variables have new values; see [`SessionChange::variables`].
    Variables(&'a [u8]),
    /// Another default database.
    Schema(&'a [u8]),
    /// Something changed that is not told in detail (`1`).
    State(&'a [u8]),
    /// Transactions by their global identifiers.
    Gtids(&'a [u8]),
    /// The statements that would begin the present transaction anew.
    TransactionCharacteristics(&'a [u8]),
    /// Eight letters of what the present transaction did.
    TransactionState(&'a [u8]),
    /// A kind that is not known, and its data.
    Unknown(u8, &'a [u8]),
}

impl<'a> SessionChanges<'a> {
    /// From the encoded list, without the length before it.
    pub const fn encoded(encoded: &'a [u8]) -> Self {
        Self(Some(encoded))
    }

    pub(super) fn parser() -> impl Parser<&'a [u8], Output = Self, Error = Fault> {
        |input: &'a [u8]| -> Read<'a, Self> {
            let (input, encoded) = lenenc(FIELD).parse(input)?;
            let mut left = encoded;
            while !left.is_empty() {
                (left, _) = entry(left)?;
            }
            Ok((input, Self(Some(encoded))))
        }
    }

    /// Whether there is no list at all.
    pub const fn is_absent(self) -> bool {
        self.0.is_none()
    }

    /// The changes in order.
    pub fn iter(self) -> SessionChangesIter<'a> {
        SessionChangesIter(self.0.unwrap_or_default())
    }

    pub(super) fn write(self, frame: &mut Frame<'_>) -> Result<(), WireError> {
        frame.lenenc(FIELD, self.0.unwrap_or_default())
    }
}

/// A change, its inner form checked.
fn entry(input: &[u8]) -> Read<'_, SessionChange<'_>> {
    let (rest, (kind, data)) = (byte(FIELD), lenenc(FIELD)).parse(input)?;
    let text = |data| lenenc(FIELD).parse(data).map(|(_, text)| text);
    let change = match kind {
        0 => {
            let mut left = data;
            while !left.is_empty() {
                (left, _) = (lenenc(FIELD), lenenc(FIELD)).parse(left)?;
            }
            SessionChange::Variables(data)
        }
        1 => SessionChange::Schema(text(data)?),
        // Alone without a length of its own.
        2 => SessionChange::State(data),
        3 => SessionChange::Gtids((byte(FIELD), lenenc(FIELD)).parse(data)?.1.1),
        4 => SessionChange::TransactionCharacteristics(text(data)?),
        5 => SessionChange::TransactionState(text(data)?),
        _ => SessionChange::Unknown(kind, data),
    };
    Ok((rest, change))
}

impl<'a> SessionChange<'a> {
    /// Names and values of [`SessionChange::Variables`]; nothing for others. MySQL sends one, MariaDB any number.
    pub fn variables(self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        let mut left = match self {
            Self::Variables(data) => data,
            _ => &[],
        };
        std::iter::from_fn(move || {
            let (rest, pair) = (lenenc(FIELD), lenenc(FIELD)).parse(left).ok()?;
            left = rest;
            Some(pair)
        })
    }
}

impl fmt::Debug for SessionChange<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, data) = match self {
            Self::Variables(data) => ("Variables", data),
            Self::Schema(data) => ("Schema", data),
            Self::State(data) => ("State", data),
            Self::Gtids(data) => ("Gtids", data),
            Self::TransactionCharacteristics(data) => ("TransactionCharacteristics", data),
            Self::TransactionState(data) => ("TransactionState", data),
            Self::Unknown(_, data) => ("Unknown", data),
        };
        f.debug_tuple(name).field(&Hidden(data)).finish()
    }
}

impl fmt::Debug for SessionChanges<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<'a> IntoIterator for SessionChanges<'a> {
    type Item = SessionChange<'a>;
    type IntoIter = SessionChangesIter<'a>;

    fn into_iter(self) -> SessionChangesIter<'a> {
        self.iter()
    }
}

/// Iterates over [`SessionChanges`].
#[derive(Clone)]
pub struct SessionChangesIter<'a>(&'a [u8]);

impl<'a> Iterator for SessionChangesIter<'a> {
    type Item = SessionChange<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let (rest, change) = entry(self.0).ok()?;
        self.0 = rest;
        Some(change)
    }
}

impl FusedIterator for SessionChangesIter<'_> {}

impl fmt::Debug for SessionChangesIter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Hidden(self.0).fmt(f)
    }
}
