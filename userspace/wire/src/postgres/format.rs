use std::iter;

use nom::Parser;

use super::read::{Fault, Read, bytes, int16, invalid};
use super::write::Frame;
use crate::WireError;

/// How a value is represented.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Format {
    /// The type's text form; code 0.
    #[default]
    Text,
    /// The type's binary form; code 1.
    Binary,
}

impl Format {
    /// The format of a code; `None` if the protocol does not define it.
    pub const fn from_code(code: u16) -> Option<Self> {
        match code {
            0 => Some(Self::Text),
            1 => Some(Self::Binary),
            _ => None,
        }
    }

    /// The code that goes over the wire.
    pub const fn code(self) -> u16 {
        match self {
            Self::Text => 0,
            Self::Binary => 1,
        }
    }

    /// One code.
    pub(super) fn parser<'a>(field: &'static str) -> impl Parser<&'a [u8], Output = Self, Error = Fault> {
        move |input: &'a [u8]| {
            let (rest, code) = int16(field).parse(input)?;
            match Self::from_code(code) {
                Some(format) => Ok((rest, format)),
                None => invalid(field),
            }
        }
    }
}

/// A counted list of format codes, every one of them valid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Formats<'a>(&'a [[u8; 2]]);

impl<'a> Formats<'a> {
    /// How many codes there are.
    pub const fn len(self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub const fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// The codes in order.
    pub fn iter(self) -> impl ExactSizeIterator<Item = Format> + Clone + use<'a> {
        self.0.iter().copied().map(decode)
    }

    /// The code at `index` as it stands; see [`resolve_formats`] for what it means for a value.
    pub fn get(self, index: usize) -> Option<Format> {
        self.0.get(index).copied().map(decode)
    }

    pub(super) fn parser(field: &'static str) -> impl Parser<&'a [u8], Output = Self, Error = Fault> {
        move |input: &'a [u8]| -> Read<'a, Self> {
            let (input, count) = int16(field).parse(input)?;
            let (rest, codes) = bytes(field, usize::from(count).saturating_mul(2)).parse(input)?;
            let (codes, _) = codes.as_chunks::<2>();
            if codes
                .iter()
                .all(|code| Format::from_code(u16::from_be_bytes(*code)).is_some())
            {
                Ok((rest, Self(codes)))
            } else {
                invalid(field)
            }
        }
    }

    pub(super) fn write(self, field: &'static str, frame: &mut Frame<'_>) -> Result<(), WireError> {
        frame.count(field, self.len())?;
        frame.bytes(field, self.0.as_flattened())
    }
}

/// Only valid codes are ever held.
fn decode(code: [u8; 2]) -> Format {
    Format::from_code(u16::from_be_bytes(code)).unwrap_or_default()
}

/// Writes a list of format codes.
pub(super) fn write_formats(
    field: &'static str,
    formats: &[Format],
    frame: &mut Frame<'_>,
) -> Result<(), WireError> {
    frame.count(field, formats.len())?;
    for format in formats {
        frame.int16(format.code());
    }
    Ok(())
}

/// The formats of `count` values; see [`resolve_formats`].
#[derive(Clone, Debug)]
pub struct ResolvedFormats<I> {
    codes: I,
    every: Option<Format>,
    left: usize,
}

/// What a list of format codes says about `count` values: no code means that all are text, one code holds for all,
/// otherwise there is one code a value. `None` if the list fits in none of these ways.
pub fn resolve_formats<I>(codes: I, count: usize) -> Option<ResolvedFormats<I::IntoIter>>
where
    I: IntoIterator<Item = Format, IntoIter: ExactSizeIterator>,
{
    let mut codes = codes.into_iter();
    let every = match codes.len() {
        0 => Some(Format::Text),
        1 => Some(codes.next()?),
        n if n == count => None,
        _ => return None,
    };
    Some(ResolvedFormats {
        codes,
        every,
        left: count,
    })
}

impl<I: Iterator<Item = Format>> Iterator for ResolvedFormats<I> {
    type Item = Format;

    fn next(&mut self) -> Option<Format> {
        self.left = self.left.checked_sub(1)?;
        self.every.or_else(|| self.codes.next())
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<I: Iterator<Item = Format>> ExactSizeIterator for ResolvedFormats<I> {}

impl<I: Iterator<Item = Format>> iter::FusedIterator for ResolvedFormats<I> {}

/// The format of the value at `index` of `count`, by the rule of [`resolve_formats`]. `None` if the list does not fit
/// or there is no such value.
pub fn format_at(codes: &[Format], index: usize, count: usize) -> Option<Format> {
    if index >= count {
        return None;
    }
    match codes {
        [] => Some(Format::Text),
        [every] => Some(*every),
        _ if codes.len() == count => codes.get(index).copied(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::Format::{self, Binary, Text};
    use super::{format_at, resolve_formats};

    /// Codes, count of values, and what comes of it.
    type Case = (&'static [Format], usize, Option<&'static [Format]>);

    #[test]
    fn format_codes_stand_for_none_all_or_each() {
        let cases: [Case; 9] = [
            (&[], 0, Some(&[])),
            (&[], 2, Some(&[Text, Text])),
            (&[Binary], 0, Some(&[])),
            (&[Binary], 1, Some(&[Binary])),
            (&[Binary], 3, Some(&[Binary, Binary, Binary])),
            (&[Text, Binary], 2, Some(&[Text, Binary])),
            (&[Text, Binary], 0, None),
            (&[Text, Binary], 1, None),
            (&[Text, Binary], 3, None),
        ];
        for (codes, count, expected) in cases {
            let resolved = resolve_formats(codes.iter().copied(), count).map(Iterator::collect::<Vec<_>>);
            assert_eq!(resolved.as_deref(), expected, "{codes:?} for {count}");
            for index in 0..4 {
                let one = expected.and_then(|formats| formats.get(index)).copied();
                assert_eq!(
                    format_at(codes, index, count),
                    one,
                    "{codes:?} for {index} of {count}"
                );
            }
        }
    }
}
