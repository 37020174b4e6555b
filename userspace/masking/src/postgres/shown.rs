//! What a mask makes of a value, whatever the format.

use super::{Format, binary, text, types::Kind};
use crate::{Generalise, Mask, TokenKey, calendar::Date, token};

/// What is shown, still to be written in a format.
#[derive(Debug)]
pub(super) enum Shown<'m> {
    Null,
    /// The type's constant.
    Redacted,
    /// A plain text, by what the mask makes of text.
    Plain(&'m Mask),
    /// A text of the policy, in a type with a syntax of its own.
    Text(&'m str),
    /// A token, likewise.
    Token([u8; 20]),
    Bool(bool),
    Integer(i64),
    Float(f64),
    Uuid([u8; 16]),
    /// A date; for types with a time, at midnight.
    Midnight(Date),
    /// A date; for types with a time, at the value's own.
    Moved(Date),
}

/// What the mask shows of the value. Everything that doesn't fit ends as [`Shown::Redacted`].
pub(super) fn decide<'m>(mask: &'m Mask, kind: Kind, format: Format, value: &[u8]) -> Shown<'m> {
    match mask {
        Mask::Null => Some(Shown::Null),
        mask if kind.is_plain_text() => Some(Shown::Plain(mask)),
        Mask::Redact | Mask::Partial { .. } => None,
        Mask::Fixed(text) => fixed(text, kind),
        Mask::Token(token) => token.bound().and_then(|key| tokenise(key, kind, format, value)),
        Mask::Generalise(to) => generalise(*to, kind, format, value),
        Mask::ShiftDate(shift) => shift
            .offset()
            .and_then(|days| date(kind, format, value)?.plus(days))
            .map(Shown::Moved),
    }
    .unwrap_or(Shown::Redacted)
}

fn tokenise(key: &TokenKey, kind: Kind, format: Format, value: &[u8]) -> Option<Shown<'static>> {
    Some(match kind {
        Kind::Json | Kind::Xml => Shown::Token(token::text(key, value)),
        // Without the version, so that it is the same in both formats.
        Kind::Jsonb => Shown::Token(token::text(key, jsonb_text(format, value)?)),
        Kind::Int2 => {
            let value = i16::try_from(integer(kind, format, value)?).ok()?;
            Shown::Integer(token::int2(key, value).into())
        }
        Kind::Int4 => {
            let value = i32::try_from(integer(kind, format, value)?).ok()?;
            Shown::Integer(token::int4(key, value).into())
        }
        Kind::Int8 => Shown::Integer(token::int8(key, integer(kind, format, value)?)),
        Kind::Uuid => Shown::Uuid(token::uuid(key, uuid(format, value)?)),
        _ => return None,
    })
}

fn fixed(text: &str, kind: Kind) -> Option<Shown<'_>> {
    Some(match kind {
        Kind::Json | Kind::Jsonb | Kind::Xml => Shown::Text(text),
        Kind::Bool => Shown::Bool(match text {
            "t" | "true" => true,
            "f" | "false" => false,
            _ => return None,
        }),
        Kind::Int2 => Shown::Integer(text.parse::<i16>().ok()?.into()),
        Kind::Int4 => Shown::Integer(text.parse::<i32>().ok()?.into()),
        Kind::Int8 | Kind::Numeric => Shown::Integer(text.parse().ok()?),
        Kind::Float4 => Shown::Float(text.parse().ok().filter(|n: &f32| n.is_finite())?.into()),
        Kind::Float8 => Shown::Float(text.parse().ok().filter(|n: &f64| n.is_finite())?),
        Kind::Date | Kind::Timestamp | Kind::Timestamptz => match Date::parse_iso(text.as_bytes())? {
            (date, []) => Shown::Midnight(date),
            _ => return None,
        },
        Kind::Uuid => Shown::Uuid(text::uuid(text.as_bytes())?),
        _ => return None,
    })
}

fn generalise(to: Generalise, kind: Kind, format: Format, value: &[u8]) -> Option<Shown<'static>> {
    match kind {
        Kind::Int2 | Kind::Int4 | Kind::Int8 => {
            Some(Shown::Integer(to.integer(integer(kind, format, value)?)?))
        }
        Kind::Date | Kind::Timestamp | Kind::Timestamptz => {
            Some(Shown::Midnight(to.date(date(kind, format, value)?)?))
        }
        _ => None,
    }
}

fn integer(kind: Kind, format: Format, value: &[u8]) -> Option<i64> {
    match format {
        Format::Text => std::str::from_utf8(value).ok()?.parse().ok(),
        Format::Binary => binary::integer(kind, value),
    }
}

fn date(kind: Kind, format: Format, value: &[u8]) -> Option<Date> {
    match format {
        Format::Text => text::date(kind, value),
        Format::Binary => binary::date(kind, value),
    }
}

fn uuid(format: Format, value: &[u8]) -> Option<[u8; 16]> {
    match format {
        Format::Text => text::uuid(value),
        Format::Binary => value.try_into().ok(),
    }
}

fn jsonb_text(format: Format, value: &[u8]) -> Option<&[u8]> {
    match format {
        Format::Text => Some(value),
        Format::Binary => value.strip_prefix(&[1]),
    }
}
