use bytes::{BufMut, BytesMut};

use super::{DateTime, Encoding, Kind, Time, Value, Width};
use crate::mysql::write::put_lenenc_int;

impl Value<'_> {
    /// Appends the value as the binary protocol has it. `false`, and nothing is appended: the value does not fit the
    /// type (a number too great, a text where the type has none), or it is NULL, which a row says elsewhere.
    #[must_use]
    pub fn encode(&self, kind: Kind, out: &mut BytesMut) -> bool {
        let Some(encoding) = Encoding::of(kind.column_type) else {
            return false;
        };
        match (encoding, *self) {
            (Encoding::Integer(width), Self::Signed(value)) if !kind.is_unsigned() => put_integer(
                width,
                value.cast_unsigned(),
                kind.integer(value.cast_unsigned(), width) == *self,
                out,
            ),
            (Encoding::Integer(width), Self::Unsigned(value)) if kind.is_unsigned() => {
                put_integer(width, value, width.holds(value), out)
            }
            (Encoding::Float, Self::Float(value)) => {
                out.put_f32_le(value);
                true
            }
            (Encoding::Double, Self::Double(value)) => {
                out.put_f64_le(value);
                true
            }
            (Encoding::DateTime, Self::DateTime(value)) => put_date_time(value, out),
            (Encoding::Time, Self::Time(value)) => put_time(value, out),
            (Encoding::Bytes, Self::Bytes(bytes)) => {
                put_lenenc_int(out, bytes.len() as u64);
                out.put_slice(bytes);
                true
            }
            _ => false,
        }
    }
}

/// The lower bytes, if that is the whole value.
fn put_integer(width: Width, bits: u64, fits: bool, out: &mut BytesMut) -> bool {
    if fits {
        // What lies above is the sign.
        let bytes = bits.to_le_bytes();
        out.put_slice(bytes.get(..width.bytes()).unwrap_or(&bytes));
    }
    fits
}

/// In the shortest form, as the servers do.
fn put_date_time(value: DateTime, out: &mut BytesMut) -> bool {
    let length = match value {
        _ if value == DateTime::default() => 0,
        DateTime { microsecond: 1.., .. } => 11,
        _ if value.has_time() => 7,
        _ => 4,
    };
    out.put_u8(length);
    if length >= 4 {
        out.put_u16_le(value.year);
        out.put_slice(&[value.month, value.day]);
    }
    if length >= 7 {
        out.put_slice(&[value.hour, value.minute, value.second]);
    }
    if length == 11 {
        out.put_u32_le(value.microsecond);
    }
    true
}

/// In the shortest form, as the servers do.
fn put_time(value: Time, out: &mut BytesMut) -> bool {
    let length = match value {
        Time { microsecond: 1.., .. } => 12,
        Time {
            days: 0,
            hour: 0,
            minute: 0,
            second: 0,
            ..
        } => 0,
        _ => 8,
    };
    out.put_u8(length);
    if length >= 8 {
        out.put_u8(value.negative.into());
        out.put_u32_le(value.days);
        out.put_slice(&[value.hour, value.minute, value.second]);
    }
    if length == 12 {
        out.put_u32_le(value.microsecond);
    }
    true
}
