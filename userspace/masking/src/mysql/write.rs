//! Values as text rows have them.

use bytes::{BufMut as _, BytesMut};

use super::{Masked, types::Kind};
use crate::{
    calendar::Date,
    json::put_json_string,
    plain::{self, put},
    shown::Shown,
    uuid,
};

/// Appends what is shown as a value of the type.
pub(super) fn write(shown: &Shown<'_>, kind: Kind, value: &[u8], out: &mut BytesMut) -> Masked {
    match shown {
        Shown::Null => return Masked::Null,
        Shown::Redacted => return redacted(kind, value, out),
        Shown::Plain(mask) => {
            let value = if kind == Kind::Padded {
                value.trim_ascii_end()
            } else {
                value
            };
            if plain::try_mask(mask, value, out).is_none() {
                return redacted(kind, value, out);
            }
        }
        Shown::Text(text) => put_json_string(text.as_bytes(), out),
        Shown::Token(token) => put_json_string(token, out),
        Shown::Preserved(token) => put_json_string(token, out),
        Shown::Bool(truth) => out.put_u8(if *truth { b'1' } else { b'0' }),
        Shown::Integer(number) => put(out, format_args!("{number}")),
        // As a FLOAT the shortest text is another than as a DOUBLE.
        Shown::Float(number) if kind == Kind::Float => put(out, format_args!("{}", *number as f32)),
        Shown::Float(number) => put(out, format_args!("{number}")),
        Shown::Uuid(uuid) => uuid::put(*uuid, out),
        Shown::Midnight(date) | Shown::Moved(date) if !fits(*date, kind) => {
            return redacted(kind, value, out);
        }
        Shown::Midnight(date) => {
            out.put_slice(&date.iso());
            if kind != Kind::Date {
                out.put_slice(b" 00:00:00");
            }
        }
        Shown::Moved(date) => {
            out.put_slice(&date.iso());
            out.put_slice(value.get(10..).unwrap_or_default());
        }
    }
    Masked::Value
}

/// A TIMESTAMP is an instant from 1970 to 2038, told in the session's time zone: a day is kept from both ends. Of the years to
/// 2106 that MariaDB has since 11.5, nothing is shown.
fn fits(date: Date, kind: Kind) -> bool {
    let Date { year, month, day } = date;
    kind != Kind::Timestamp || ((1970, 1, 2)..=(2038, 1, 18)).contains(&(year, month, day))
}

fn redacted(kind: Kind, value: &[u8], out: &mut BytesMut) -> Masked {
    let Some(constant) = kind.constant() else {
        return Masked::Null;
    };
    match kind {
        // As many bits as the column's type says; the number of them is no secret.
        Kind::Bit => out.put_bytes(0, value.len()),
        _ => out.put_slice(constant),
    }
    Masked::Value
}
