//! What a mask makes of a value, whatever the protocol and the format.

use crate::{Generalise, Mask, calendar::Date, mask::Bound, preserve::Preserve, token, token::Integer, uuid};

/// What is shown, still to be written as a value of its type.
#[derive(Debug)]
pub(crate) enum Shown<'m> {
    Null,
    /// The type's constant.
    Redacted,
    /// A plain text, by what the mask makes of text.
    Plain(&'m Mask),
    /// A text of the policy, in a type with a syntax of its own.
    Text(&'m str),
    /// A token, likewise.
    Token([u8; 20]),
    /// A token that looks like its text, likewise.
    Preserved(Vec<u8>),
    Bool(bool),
    Integer(i128),
    Float(f64),
    Uuid([u8; 16]),
    /// A date; for types with a time, at midnight.
    Midnight(Date),
    /// A date; for types with a time, at the value's own.
    Moved(Date),
}

/// What kind of values a type has, as far as masks tell them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sort {
    Bool,
    /// Nothing that a mask could show but the type's constant.
    Constant,
    /// A date, with a time or without.
    Date,
    Float4,
    Float8,
    Integer(Integer),
    Json,
    /// A number of any length.
    Numeric,
    /// Text without any structure.
    Text,
    Uuid,
    Xml,
}

/// A value in whatever form it came. What doesn't read as asked is `None`.
pub(crate) trait Readable {
    fn integer(&self) -> Option<i128>;
    fn date(&self) -> Option<Date>;
    fn uuid(&self) -> Option<[u8; 16]>;
    /// The text of a document: JSON or XML.
    fn document(&self) -> Option<&[u8]>;
}

/// What the mask shows of the value. Everything that doesn't fit ends as [`Shown::Redacted`].
pub(crate) fn decide<'m>(mask: &'m Mask, sort: Sort, value: &impl Readable) -> Shown<'m> {
    match mask {
        Mask::Null => Some(Shown::Null),
        mask if sort == Sort::Text => Some(Shown::Plain(mask)),
        Mask::Redact | Mask::Partial { .. } => None,
        Mask::Fixed(text) => fixed(text, sort),
        Mask::Token(token) => token.bound().and_then(|bound| tokenise(bound, sort, value)),
        Mask::Generalise(to) => generalise(*to, sort, value),
        Mask::ShiftDate(shift) => (sort == Sort::Date)
            .then(|| Some(Shown::Moved(value.date()?.plus(shift.offset()?)?)))
            .flatten(),
    }
    .unwrap_or(Shown::Redacted)
}

fn tokenise(bound: &Bound, sort: Sort, value: &impl Readable) -> Option<Shown<'static>> {
    let Bound { key, preserve } = bound;
    Some(match sort {
        Sort::Json if let Some(preserve) = preserve => {
            Shown::Preserved(preserved(preserve, value.document()?)?)
        }
        Sort::Xml if preserve.is_some() => return None,
        Sort::Json | Sort::Xml => Shown::Token(token::text(key, value.document()?)),
        Sort::Integer(of) => Shown::Integer(token::integer(key, of, value.integer()?)?),
        Sort::Uuid => Shown::Uuid(token::uuid(key, value.uuid()?)),
        _ => return None,
    })
}

/// Of a document only one that is a string without escapes has a form to preserve.
fn preserved(preserve: &Preserve, document: &[u8]) -> Option<Vec<u8>> {
    let text = document.trim_ascii().strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    if memchr::memchr2(b'"', b'\\', text).is_some() {
        return None;
    }
    preserve.text(text)
}

fn fixed(text: &str, sort: Sort) -> Option<Shown<'_>> {
    Some(match sort {
        Sort::Json | Sort::Xml => Shown::Text(text),
        Sort::Bool => Shown::Bool(match text {
            "t" | "true" => true,
            "f" | "false" => false,
            _ => return None,
        }),
        Sort::Integer(of) => Shown::Integer(text.parse().ok().filter(|number| of.holds(*number))?),
        Sort::Numeric => Shown::Integer(text.parse::<i64>().ok()?.into()),
        Sort::Float4 => Shown::Float(text.parse().ok().filter(|n: &f32| n.is_finite())?.into()),
        Sort::Float8 => Shown::Float(text.parse().ok().filter(|n: &f64| n.is_finite())?),
        Sort::Date => match Date::parse_iso(text.as_bytes())? {
            (date, []) => Shown::Midnight(date),
            _ => return None,
        },
        Sort::Uuid => Shown::Uuid(uuid::parse(text.as_bytes())?),
        Sort::Constant | Sort::Text => return None,
    })
}

fn generalise(to: Generalise, sort: Sort, value: &impl Readable) -> Option<Shown<'static>> {
    match sort {
        // Not greater than the value: it is in range.
        Sort::Integer(_) => {
            let number = to.integer(value.integer()?.try_into().ok()?)?;
            Some(Shown::Integer(number.into()))
        }
        Sort::Date => Some(Shown::Midnight(to.date(value.date()?)?)),
        _ => None,
    }
}
