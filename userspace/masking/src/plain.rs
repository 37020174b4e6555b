//! Masks on plain text: columns of text, and what detectors find within one.

use std::fmt::Write as _;

use bytes::{BufMut as _, BytesMut};

use crate::{Mask, calendar::Date, partial::partial, token};

pub(crate) const REDACTED: &[u8] = b"[redacted]";

/// Appends the masked form of a text. [`Mask::Null`] redacts: within a text there is no NULL.
pub(crate) fn mask(mask: &Mask, text: &[u8], out: &mut BytesMut) {
    try_mask(mask, text, out).unwrap_or_else(|| out.put_slice(REDACTED));
}

/// `None`, with nothing appended, where the mask says nothing about this text.
pub(crate) fn try_mask(mask: &Mask, text: &[u8], out: &mut BytesMut) -> Option<()> {
    match mask {
        Mask::Redact | Mask::Null => return None,
        &Mask::Partial {
            keep_first,
            keep_last,
        } => partial(text, keep_first, keep_last, out),
        Mask::Fixed(fixed) => out.put_slice(fixed.as_bytes()),
        Mask::Token(token) => {
            let bound = token.bound()?;
            match &bound.preserve {
                Some(preserve) => out.put_slice(&preserve.text(text)?),
                None => out.put_slice(&token::text(&bound.key, text)),
            }
        }
        Mask::Generalise(to) => to.text(text, out)?,
        Mask::ShiftDate(shift) => match Date::parse_iso(text)? {
            (date, []) => out.put_slice(&date.plus(shift.offset()?)?.iso()),
            _ => return None,
        },
    }
    Some(())
}

/// Appends formatted text.
pub(crate) fn put(out: &mut BytesMut, text: std::fmt::Arguments<'_>) {
    // BytesMut grows; it fails only where an allocation would abort.
    let _ = out.write_fmt(text);
}
