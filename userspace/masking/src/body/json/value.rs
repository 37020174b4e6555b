//! What a mask shows of a JSON value: a string, number, boolean or null again.

use bytes::{BufMut as _, BytesMut};

use crate::{
    Mask,
    body::json,
    calendar::Date,
    json::put_json_characters,
    plain::{self, put},
    shown::{self, Readable, Shown, Sort},
    token::Integer,
};

/// Appends what is shown of a string, with its quotes.
pub(super) fn put_string(mask: &Mask, text: &[u8], out: &mut BytesMut) {
    if matches!(mask, Mask::Null) {
        return out.put_slice(b"null");
    }
    out.put_u8(b'"');
    put_characters(mask, text, out);
    out.put_u8(b'"');
}

/// Appends what a mask that is not null shows of a string, without quotes.
pub(super) fn put_characters(mask: &Mask, text: &[u8], out: &mut BytesMut) {
    let start = out.len();
    if put_instant(mask, text, out).is_none() {
        out.truncate(start);
        plain::mask(mask, text, out);
    }
    let is_plain = |shown: &[u8]| json::plain::plain(shown) == shown.len();
    if !out.get(start..).is_some_and(is_plain) {
        let shown = out.split_off(start);
        put_json_characters(&shown, out);
    }
}

/// A date with a time (RFC 3339) is moved or made coarser as a database's timestamp is. `None` for anything else.
fn put_instant(mask: &Mask, text: &[u8], out: &mut BytesMut) -> Option<()> {
    let (date, time) = Date::parse_iso(text)?;
    let is_time = |c: &u8| c.is_ascii_digit() || matches!(c, b':' | b'.' | b'+' | b'-' | b'Z' | b'z');
    let [b'T' | b't' | b' ', clock @ ..] = time else {
        return None;
    };
    if !clock.iter().all(is_time) {
        return None;
    }
    match mask {
        Mask::ShiftDate(shift) => {
            out.put_slice(&date.plus(shift.offset()?)?.iso());
            out.put_slice(time);
        }
        Mask::Generalise(to) => {
            let date = to.date(date)?;
            out.put_slice(&date.iso());
            out.put_slice(time.get(..1)?);
            out.put_slice(b"00:00:00");
            // The zone stays, as without one it would be another kind of value.
            let zone = clock
                .iter()
                .position(|c| matches!(c, b'+' | b'-' | b'Z' | b'z'))
                .and_then(|at| clock.get(at..))
                .unwrap_or_default();
            out.put_slice(zone);
        }
        _ => return None,
    }
    Some(())
}

/// Appends what is shown of a number: a number, unless the mask is null.
pub(super) fn put_number(mask: &Mask, text: &[u8], out: &mut BytesMut) {
    let number = Number(text);
    let sort = if number.integer().is_some() {
        Sort::Integer(Integer::INT8)
    } else {
        Sort::Float8
    };
    match shown::decide(mask, sort, &number) {
        Shown::Null => out.put_slice(b"null"),
        Shown::Integer(shown) => put(out, format_args!("{shown}")),
        Shown::Float(shown) => put(out, format_args!("{shown}")),
        _ => out.put_u8(b'0'),
    }
}

/// Appends what is shown of a boolean: a boolean, unless the mask is null.
pub(super) fn put_bool(mask: &Mask, out: &mut BytesMut) {
    out.put_slice(match mask {
        Mask::Null => b"null",
        Mask::Fixed(text) if text == "true" => b"true",
        _ => b"false",
    });
}

/// The text of a number.
struct Number<'a>(&'a [u8]);

impl Readable for Number<'_> {
    fn integer(&self) -> Option<i128> {
        let text = std::str::from_utf8(self.0).ok()?;
        text.parse::<i64>().ok().map(Into::into)
    }

    fn date(&self) -> Option<Date> {
        None
    }

    fn uuid(&self) -> Option<[u8; 16]> {
        None
    }

    fn document(&self) -> Option<&[u8]> {
        None
    }
}

/// Whether a word is a value (RFC 8259, 3).
pub(super) fn is_word(word: &[u8]) -> bool {
    matches!(word, b"null" | b"true" | b"false") || is_number(word)
}

/// Whether a word is a number (RFC 8259, 6).
pub(super) fn is_number(word: &[u8]) -> bool {
    let digits = |text: &[u8]| text.iter().take_while(|c| c.is_ascii_digit()).count();
    let rest = word.strip_prefix(b"-").unwrap_or(word);
    let whole = digits(rest);
    if whole == 0 || (whole > 1 && rest.first() == Some(&b'0')) {
        return false;
    }
    let mut rest = rest.get(whole..).unwrap_or_default();
    if let Some(fraction) = rest.strip_prefix(b".") {
        let places = digits(fraction);
        if places == 0 {
            return false;
        }
        rest = fraction.get(places..).unwrap_or_default();
    }
    if let [b'e' | b'E', exponent @ ..] = rest {
        let exponent = exponent
            .strip_prefix(b"+")
            .or_else(|| exponent.strip_prefix(b"-"))
            .unwrap_or(exponent);
        let places = digits(exponent);
        return places > 0 && places == exponent.len();
    }
    rest.is_empty()
}
