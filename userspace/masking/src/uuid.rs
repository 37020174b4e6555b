//! UUIDs as both servers write them: 32 hexadecimal digits in five groups.

use bytes::{BufMut as _, BytesMut};

/// Reads a UUID; `None` for any other form.
pub(crate) fn parse(text: &[u8]) -> Option<[u8; 16]> {
    if text.len() != 36 {
        return None;
    }
    let mut uuid = [0; 16];
    let mut digits = 0_usize;
    for (place, c) in text.iter().enumerate() {
        if matches!(place, 8 | 13 | 18 | 23) {
            if *c != b'-' {
                return None;
            }
            continue;
        }
        let digit = char::from(*c).to_digit(16)? as u8;
        let byte = uuid.get_mut(digits / 2)?;
        *byte = *byte << 4 | digit;
        digits += 1;
    }
    Some(uuid)
}

/// Appends a UUID.
pub(crate) fn put(uuid: [u8; 16], out: &mut BytesMut) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    for (place, byte) in uuid.iter().enumerate() {
        if matches!(place, 4 | 6 | 8 | 10) {
            out.put_u8(b'-');
        }
        for digit in [byte >> 4, byte & 0xf] {
            out.put_u8(HEX.get(usize::from(digit)).copied().unwrap_or_default());
        }
    }
}
