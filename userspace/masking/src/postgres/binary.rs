//! Values in binary format.

use bytes::{BufMut as _, BytesMut};

use super::{
    Masked, text,
    types::{Kind, Type},
};
use crate::{calendar::Date, shown::Shown};

const MICROS_PER_DAY: i64 = 86_400_000_000;

/// Appends what is shown as a value of the type.
pub(super) fn write(shown: &Shown<'_>, of: &Type, value: &[u8], out: &mut BytesMut) -> Masked {
    match shown {
        Shown::Null => return Masked::Null,
        Shown::Redacted => return redacted(of, value, out),
        // Plain text is the same in both formats.
        Shown::Plain(_) => return text::write(shown, of, value, out),
        Shown::Text(text) => put_text(text.as_bytes(), of.kind, out),
        Shown::Token(token) => put_text(token, of.kind, out),
        Shown::Preserved(token) => put_text(token, of.kind, out),
        Shown::Bool(truth) => out.put_u8(u8::from(*truth)),
        &Shown::Integer(number) => match of.kind {
            Kind::Int2 => out.put_i16(number as i16),
            Kind::Int4 => out.put_i32(number as i32),
            Kind::Int8 => out.put_i64(number as i64),
            _ => put_numeric(number as i64, out),
        },
        Shown::Float(number) if of.kind == Kind::Float4 => out.put_f32(*number as f32),
        Shown::Float(number) => out.put_f64(*number),
        Shown::Uuid(uuid) => out.put_slice(uuid),
        Shown::Midnight(date) if of.kind == Kind::Date => out.put_i32(date.days()),
        Shown::Midnight(date) => out.put_i64(i64::from(date.days()) * MICROS_PER_DAY),
        Shown::Moved(date) if of.kind == Kind::Date => out.put_i32(date.days()),
        Shown::Moved(date) => {
            let time = value
                .try_into()
                .map_or(0, i64::from_be_bytes)
                .rem_euclid(MICROS_PER_DAY);
            out.put_i64(i64::from(date.days()) * MICROS_PER_DAY + time);
        }
    }
    Masked::Value
}

fn redacted(of: &Type, value: &[u8], out: &mut BytesMut) -> Masked {
    let Some(constant) = of.binary else {
        return Masked::Null;
    };
    match (of.kind, value) {
        // As many bits as the column's type says; the number of them is no secret.
        (Kind::Bit, [a, b, c, d, bits @ ..])
            if u32::from_be_bytes([*a, *b, *c, *d]).div_ceil(8) as usize == bits.len() =>
        {
            out.put_slice(&[*a, *b, *c, *d]);
            out.put_bytes(0, bits.len());
        }
        (Kind::AnyArray, [_, _, _, _, _, _, _, _, a, b, c, d, ..]) => {
            empty_array(u32::from_be_bytes([*a, *b, *c, *d]), out);
        }
        (Kind::AnyArray, _) => return Masked::Null,
        _ => out.put_slice(constant),
    }
    Masked::Value
}

/// Appends an array of no dimensions: dimensions, whether it has NULLs, element type.
pub(super) fn empty_array(element: u32, out: &mut BytesMut) {
    out.put_slice(&[0; 8]);
    out.put_u32(element);
}

fn put_text(text: &[u8], kind: Kind, out: &mut BytesMut) {
    if kind == Kind::Jsonb {
        out.put_u8(1);
    }
    text::put_text(text, kind, out);
}

/// Digits to the base of 10,000: their number, the power of the first, the sign, the decimals shown (`numeric_send`).
fn put_numeric(number: i64, out: &mut BytesMut) {
    let mut digits = [0_u16; 5];
    let mut rest = number.unsigned_abs();
    for digit in digits.iter_mut().rev() {
        *digit = (rest % 10_000) as u16;
        rest /= 10_000;
    }
    let zeros = digits.iter().take_while(|digit| **digit == 0).count();
    let length = digits.len() as i16 - zeros as i16;
    out.put_i16(length);
    out.put_i16((length - 1).max(0));
    out.put_u16(if number < 0 { 0x4000 } else { 0 });
    out.put_u16(0);
    digits.iter().skip(zeros).for_each(|digit| out.put_u16(*digit));
}

pub(super) fn integer(kind: Kind, value: &[u8]) -> Option<i64> {
    Some(match kind {
        Kind::Int2 => i16::from_be_bytes(value.try_into().ok()?).into(),
        Kind::Int4 => i32::from_be_bytes(value.try_into().ok()?).into(),
        Kind::Int8 => i64::from_be_bytes(value.try_into().ok()?),
        _ => return None,
    })
}

/// The date of a date, timestamp or timestamptz (that one in UTC).
pub(super) fn date(kind: Kind, value: &[u8]) -> Option<Date> {
    let days = match kind {
        Kind::Date => i32::from_be_bytes(value.try_into().ok()?),
        Kind::Timestamp | Kind::Timestamptz => i64::from_be_bytes(value.try_into().ok()?)
            .div_euclid(MICROS_PER_DAY)
            .try_into()
            .ok()?,
        _ => return None,
    };
    Date::from_days(days)
}
