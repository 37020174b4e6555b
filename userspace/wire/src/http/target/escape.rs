use std::borrow::Cow;

use super::HttpError;

/// Text with its percent-escapes decoded (RFC 3986, section 2.1), once.
///
/// # Errors
/// [`HttpError::Escape`] for a `%` that two hexadecimal digits do not follow, [`HttpError::EscapeNotUtf8`].
pub fn decode(text: &str) -> Result<Cow<'_, str>, HttpError> {
    unescape(text, false)
}

/// The same; with `plus`, a `+` is a space.
pub(super) fn unescape(text: &str, plus: bool) -> Result<Cow<'_, str>, HttpError> {
    let special = |byte: u8| byte == b'%' || (plus && byte == b'+');
    if !text.bytes().any(special) {
        return Ok(Cow::Borrowed(text));
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'%' => {
                let Some(([high, low], after)) = after.split_first_chunk() else {
                    return Err(HttpError::Escape);
                };
                decoded.push((digit(*high)? << 4) | digit(*low)?);
                rest = after;
            }
            b'+' if plus => decoded.push(b' '),
            byte => decoded.push(*byte),
        }
    }
    String::from_utf8(decoded)
        .map(Cow::Owned)
        .map_err(|_| HttpError::EscapeNotUtf8)
}

fn digit(byte: u8) -> Result<u8, HttpError> {
    char::from(byte)
        .to_digit(16)
        .map(|digit| digit as u8)
        .ok_or(HttpError::Escape)
}
