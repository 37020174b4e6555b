//! Values in text format.

use bytes::{BufMut as _, BytesMut};

use super::{
    Masked,
    types::{Kind, Type},
};
use crate::{
    calendar::Date,
    json::put_json_string,
    plain::{self, put},
    shown::Shown,
    uuid,
};

/// The longest value of type name, in bytes (`NAMEDATALEN` less the terminator).
const NAME_BYTES: usize = 63;

/// Appends what is shown as a value of the type.
pub(super) fn write(shown: &Shown<'_>, of: &Type, value: &[u8], out: &mut BytesMut) -> Masked {
    match shown {
        Shown::Null => return Masked::Null,
        Shown::Redacted => return redacted(of, value, out),
        Shown::Plain(mask) => {
            let value = if of.kind == Kind::Bpchar {
                value.trim_ascii_end()
            } else {
                value
            };
            let start = out.len();
            plain::mask(mask, value, out);
            if of.kind == Kind::Name && out.len().saturating_sub(start) > NAME_BYTES {
                out.truncate(start);
                return redacted(of, value, out);
            }
        }
        Shown::Text(text) => put_text(text.as_bytes(), of.kind, out),
        Shown::Token(token) => put_text(token, of.kind, out),
        Shown::Preserved(token) => put_text(token, of.kind, out),
        Shown::Bool(truth) => out.put_u8(if *truth { b't' } else { b'f' }),
        Shown::Integer(number) => put(out, format_args!("{number}")),
        // As a float4 the shortest text is another than as a float8.
        Shown::Float(number) if of.kind == Kind::Float4 => put(out, format_args!("{}", *number as f32)),
        Shown::Float(number) => put(out, format_args!("{number}")),
        Shown::Uuid(uuid) => uuid::put(*uuid, out),
        Shown::Midnight(date) => {
            out.put_slice(&date.iso());
            match of.kind {
                Kind::Timestamp => out.put_slice(b" 00:00:00"),
                Kind::Timestamptz => {
                    out.put_slice(b" 00:00:00");
                    out.put_slice(zone(value).unwrap_or(b"+00"));
                }
                _ => {}
            }
        }
        Shown::Moved(date) => {
            out.put_slice(&date.iso());
            out.put_slice(value.get(10..).unwrap_or_default());
        }
    }
    Masked::Value
}

fn redacted(of: &Type, value: &[u8], out: &mut BytesMut) -> Masked {
    let Some(constant) = of.text else {
        return Masked::Null;
    };
    match of.kind {
        // As many bits as the column's type says; the number of them is no secret.
        Kind::Bit => out.put_bytes(b'0', value.len()),
        // Drivers that strip a currency sign without looking need one; what else is put around the number is up to
        // lc_monetary, and a bare zero is right in every one.
        Kind::Money if value.iter().take(2).any(|c| *c == b'$') => out.put_slice(b"$0.00"),
        // bytea_output = escape: a hex value would be seven bytes of text there.
        Kind::Bytea if !value.starts_with(b"\\x") => {}
        _ => out.put_slice(constant),
    }
    Masked::Value
}

/// Appends a text as a value of JSON or XML.
pub(super) fn put_text(text: &[u8], kind: Kind, out: &mut BytesMut) {
    if kind != Kind::Xml {
        return put_json_string(text, out);
    }
    for byte in text {
        match byte {
            b'<' => out.put_slice(b"&lt;"),
            b'>' => out.put_slice(b"&gt;"),
            b'&' => out.put_slice(b"&amp;"),
            // The other control characters can't be written in XML 1.0.
            0..0x20 if !matches!(byte, b'\t' | b'\n' | b'\r') => out.put_u8(b'?'),
            _ => out.put_u8(*byte),
        }
    }
}

/// The date of a date, timestamp or timestamptz in the ISO style, with nothing but a time and a zone after it.
pub(super) fn date(kind: Kind, value: &[u8]) -> Option<Date> {
    let (date, rest) = Date::parse_iso(value)?;
    let fits = match (kind, rest) {
        (Kind::Date, []) => true,
        (Kind::Timestamp, [b' ', time @ ..]) => time.iter().all(|c| matches!(c, b'0'..=b'9' | b':' | b'.')),
        // Also keeps out a "BC" at the end.
        (Kind::Timestamptz, [b' ', time @ ..]) => time
            .iter()
            .all(|c| matches!(c, b'0'..=b'9' | b':' | b'.' | b'+' | b'-')),
        _ => false,
    };
    fits.then_some(date)
}

/// The zone of a timestamptz in the ISO style.
fn zone(value: &[u8]) -> Option<&[u8]> {
    date(Kind::Timestamptz, value)?;
    let time = value.get(11..)?;
    time.get(time.iter().position(|c| matches!(c, b'+' | b'-'))?..)
}
