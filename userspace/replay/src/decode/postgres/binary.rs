//! Values in binary format, as `psql` would show them.

use bytes::BytesMut;
use interdict_masking::postgres::{self, Format};

use super::super::{cell, hex};

/// Microseconds from the Unix epoch to 2000-01-01, where PostgreSQL counts from.
const EPOCH: i64 = 946_684_800_000_000;

/// A value as text; `None`: the type is none that is known here.
pub(super) fn text(type_oid: u32, value: &[u8]) -> Option<String> {
    Some(match (type_oid, value.len()) {
        (16, 1) => if value == [0] { "f" } else { "t" }.to_owned(),
        (26, 4) => u32::from_be_bytes(value.try_into().ok()?).to_string(),
        (700, 4) => f32::from_be_bytes(value.try_into().ok()?).to_string(),
        (701, 8) => f64::from_be_bytes(value.try_into().ok()?).to_string(),
        (17, _) => hex(value),
        (1082, 4) => {
            let days = i64::from(i32::from_be_bytes(value.try_into().ok()?));
            time(days.checked_mul(86_400_000_000)?)?
                .strftime("%Y-%m-%d")
                .to_string()
        }
        (1114, 8) => time(i64::from_be_bytes(value.try_into().ok()?))?
            .strftime("%Y-%m-%d %H:%M:%S%.f")
            .to_string(),
        (1184, 8) => time(i64::from_be_bytes(value.try_into().ok()?))?
            .strftime("%Y-%m-%d %H:%M:%S%.f+00")
            .to_string(),
        // Its first byte is a version.
        (3802, _) => cell(value.get(1..)?),
        (20 | 21 | 23 | 1700 | 2950, _) => identifier(type_oid, value)?,
        // text, varchar, bpchar, name, json, xml, char, unknown
        (25 | 1043 | 1042 | 19 | 114 | 142 | 18 | 705, _) => cell(value),
        _ => return None,
    })
}

fn time(since_2000: i64) -> Option<jiff::Timestamp> {
    jiff::Timestamp::from_microsecond(since_2000.checked_add(EPOCH)?).ok()
}

/// Numbers, UUIDs and `numeric`, as masking tells them.
fn identifier(type_oid: u32, value: &[u8]) -> Option<String> {
    let mut text = BytesMut::new();
    if postgres::identifier(type_oid, Format::Binary, value, &mut text) {
        return String::from_utf8(text.to_vec()).ok();
    }
    // What has no digits: the sign says what it is instead (`numeric_send`).
    match (type_oid, value.get(4..6)?) {
        (1700, [0xC0, 0x00]) => Some("NaN".to_owned()),
        (1700, [0xD0, 0x00]) => Some("Infinity".to_owned()),
        (1700, [0xF0, 0x00]) => Some("-Infinity".to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_as_psql_shows_them() {
        let cases: [(u32, &[u8], &str); 11] = [
            (16, &[1], "t"),
            (23, &[0xff, 0xff, 0xff, 0xfe], "-2"),
            (20, &[0, 0, 0, 0, 0, 0, 1, 0], "256"),
            (1082, &0_i32.to_be_bytes(), "2000-01-01"),
            (
                1114,
                &86_400_000_001_i64.to_be_bytes(),
                "2000-01-02 00:00:00.000001",
            ),
            (3802, b"\x01{\"a\": 1}", "{\"a\": 1}"),
            // 12345.6789 = 1 * 10000 + 2345 + 6789 / 10000
            (
                1700,
                &[0, 3, 0, 1, 0, 0, 0, 4, 0, 1, 9, 41, 26, 133],
                "12345.6789",
            ),
            (1700, &[0, 1, 0xff, 0xff, 0x40, 0, 0, 2, 0, 50], "-0.00"),
            (1700, &[0, 0, 0, 0, 0xC0, 0, 0, 0], "NaN"),
            (1700, &[0, 0, 0, 0, 0xF0, 0, 0, 32], "-Infinity"),
            (17, &[0, 255], "\\x00ff"),
        ];
        for (oid, value, expected) in cases {
            assert_eq!(text(oid, value).as_deref(), Some(expected), "{oid}");
        }
        assert_eq!(text(600, &[0; 16]), None);
    }
}
