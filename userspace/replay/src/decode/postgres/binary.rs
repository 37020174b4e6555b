//! Values in binary format, as `psql` would show them.

use std::fmt::Write as _;

use super::super::{cell, hex};

/// Microseconds from the Unix epoch to 2000-01-01, where PostgreSQL counts from.
const EPOCH: i64 = 946_684_800_000_000;

/// A value as text; `None`: the type is none that is known here.
pub(super) fn text(type_oid: u32, value: &[u8]) -> Option<String> {
    Some(match (type_oid, value.len()) {
        (16, 1) => if value == [0] { "f" } else { "t" }.to_owned(),
        (21, 2) => i16::from_be_bytes(value.try_into().ok()?).to_string(),
        (23, 4) => i32::from_be_bytes(value.try_into().ok()?).to_string(),
        (26, 4) => u32::from_be_bytes(value.try_into().ok()?).to_string(),
        (20, 8) => i64::from_be_bytes(value.try_into().ok()?).to_string(),
        (700, 4) => f32::from_be_bytes(value.try_into().ok()?).to_string(),
        (701, 8) => f64::from_be_bytes(value.try_into().ok()?).to_string(),
        (17, _) => hex(value),
        (2950, 16) => uuid::Uuid::from_slice(value).ok()?.to_string(),
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
        (1700, _) => numeric(value)?,
        // text, varchar, bpchar, name, json, xml, char, unknown
        (25 | 1043 | 1042 | 19 | 114 | 142 | 18 | 705, _) => cell(value),
        _ => return None,
    })
}

fn time(since_2000: i64) -> Option<jiff::Timestamp> {
    jiff::Timestamp::from_microsecond(since_2000.checked_add(EPOCH)?).ok()
}

/// `numeric`: groups of four digits.
fn numeric(value: &[u8]) -> Option<String> {
    let mut words = value.chunks_exact(2).map(|pair| {
        let [high, low] = *pair else { return 0 };
        u16::from_be_bytes([high, low])
    });
    let (count, weight, sign, scale) = (words.next()?, words.next()? as i16, words.next()?, words.next()?);
    match sign {
        0xC000 => return Some("NaN".to_owned()),
        0xD000 => return Some("Infinity".to_owned()),
        0xF000 => return Some("-Infinity".to_owned()),
        _ => {}
    }
    let digits: Vec<u16> = words.take(usize::from(count)).collect();
    let group = |place: i32| -> u16 {
        let index = i32::from(weight) - place;
        usize::try_from(index)
            .ok()
            .and_then(|index| digits.get(index).copied())
            .unwrap_or(0)
    };
    let mut text = String::new();
    if sign == 0x4000 {
        text.push('-');
    }
    if weight < 0 {
        text.push('0');
    } else {
        for place in (0..=i32::from(weight)).rev() {
            let digits = group(place);
            if place == i32::from(weight) {
                text.push_str(&digits.to_string());
            } else {
                let _ = write!(text, "{digits:04}");
            }
        }
    }
    if scale > 0 {
        let mut fraction = String::new();
        let mut place = -1;
        while fraction.len() < usize::from(scale) {
            let _ = write!(fraction, "{:04}", group(place));
            place -= 1;
        }
        fraction.truncate(usize::from(scale));
        text.push('.');
        text.push_str(&fraction);
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_as_psql_shows_them() {
        let cases: [(u32, &[u8], &str); 9] = [
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
            (17, &[0, 255], "\\x00ff"),
        ];
        for (oid, value, expected) in cases {
            assert_eq!(text(oid, value).as_deref(), Some(expected), "{oid}");
        }
        assert_eq!(text(600, &[0; 16]), None);
    }
}
