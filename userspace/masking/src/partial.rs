//! [`Mask::Partial`](crate::Mask::Partial): the ends of a text.

use bytes::{BufMut as _, BytesMut};

/// As many whatever the length, so that the length does not show.
pub(crate) const STARS: &[u8] = b"*****";

/// Appends the first and last characters of a UTF-8 text around [`STARS`]. Stars only, if the ends would meet or are not
/// UTF-8. Reads only the ends, however long the text.
pub(crate) fn partial(text: &[u8], keep_first: usize, keep_last: usize, out: &mut BytesMut) {
    let (first, last) = ends(text, keep_first, keep_last).unwrap_or_default();
    out.put_slice(first.as_bytes());
    out.put_slice(STARS);
    out.put_slice(last.as_bytes());
}

/// Whether a text is one that [`partial`] makes: the ends, as long as they may be, around the stars.
pub(crate) fn made(text: &str, keep_first: usize, keep_last: usize) -> bool {
    let mut shown = BytesMut::new();
    partial(text.as_bytes(), keep_first, keep_last, &mut shown);
    text.as_bytes() == STARS
        || shown == text.as_bytes() && text.as_bytes().windows(STARS.len()).any(|part| part == STARS)
}

fn ends(text: &[u8], keep_first: usize, keep_last: usize) -> Option<(&str, &str)> {
    let starts = |(_, byte): &(usize, &u8)| !is_continuation(**byte);
    // The character after the kept ones must exist: it is among the hidden.
    let (first_end, _) = text.iter().enumerate().filter(starts).nth(keep_first)?;
    let last_start = match keep_last.checked_sub(1) {
        None => text.len(),
        Some(before) => text.iter().enumerate().rev().filter(starts).nth(before)?.0,
    };
    if first_end >= last_start {
        return None;
    }
    let (first, last) = (text.get(..first_end)?, text.get(last_start..)?);
    Some((std::str::from_utf8(first).ok()?, std::str::from_utf8(last).ok()?))
}

fn is_continuation(byte: u8) -> bool {
    byte & 0b1100_0000 == 0b1000_0000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_shown_is_known_again() {
        for (text, first, last) in [
            ("852-41-7396", 0, 4),
            ("852-41-7396", 2, 3),
            ("852-41-7396", 3, 0),
            ("ab", 4, 4),
        ] {
            assert!(made(&show(text, first, last), first, last), "{text}");
            assert!(!made(text, first, last), "{text}");
        }
        assert!(!made("*****739", 0, 4));
        assert!(!made("1*****7396", 0, 4));
    }

    fn show(text: &str, first: usize, last: usize) -> String {
        let mut out = BytesMut::new();
        partial(text.as_bytes(), first, last, &mut out);
        String::from_utf8(out.to_vec()).unwrap()
    }

    #[test]
    fn ends_show_and_lengths_do_not() {
        assert_eq!(show("852-41-7396", 0, 4), "*****7396");
        assert_eq!(show("a much longer value 7396", 0, 4), "*****7396");
        assert_eq!(show("852-41-7396", 2, 3), "85*****396");
        assert_eq!(show("852-41-7396", 3, 0), "852*****");
        assert_eq!(show("Zoë Müller-北京", 3, 2), "Zoë*****北京");
    }

    #[test]
    fn what_would_show_whole_is_stars() {
        for text in ["", "7", "7396", "北京市长"] {
            assert_eq!(show(text, 0, 4), "*****", "{text}");
            assert_eq!(show(text, 4, 0), "*****", "{text}");
            assert_eq!(show(text, 2, 2), "*****", "{text}");
            assert_eq!(show(text, usize::MAX, usize::MAX), "*****", "{text}");
        }
        assert_eq!(show("7396!", 0, 4), "*****396!");
    }

    #[test]
    fn no_utf8_no_ends() {
        let mut out = BytesMut::new();
        partial(b"caf\xe9 au lait \xe9", 0, 1, &mut out);
        assert_eq!(&out[..], STARS);
    }
}
