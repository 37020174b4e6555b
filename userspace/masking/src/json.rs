//! Detectors in JSON: what comes out is JSON still.

use std::ops::Range;

use bytes::{BufMut as _, BytesMut};

use crate::{Detection, body::json::plain::plain};

/// Looks into a document and, if there are hits, appends it with these replaced. A hit in a string is replaced there; a
/// number with a hit becomes a string. `None`, with nothing appended, if a hit crosses the bounds of a string, where no
/// replacement would leave JSON.
pub(crate) fn redact(
    detection: &Detection,
    document: &[u8],
    out: &mut BytesMut,
    on_hit: &mut dyn FnMut(&str),
) -> Option<bool> {
    if detection.is_consulting() {
        return Some(strings(detection, document, out, on_hit));
    }
    // Escapes hide what they stand for, and an `n` that ends a line looks like a letter before a word.
    let view = match memchr::memchr(b'\\', document) {
        None => None,
        // Other escapes hide neither digits nor marks.
        Some(_) if !detection.is_possible(document) && memchr::memmem::find(document, b"\\u").is_none() => {
            return Some(false);
        }
        Some(_) => Some(View::of(document)),
    };
    let text = view.as_ref().map_or(document, |view| &view.text);
    let hits = detection.find(text);
    if hits.is_empty() {
        return Some(false);
    }
    let start = out.len();
    let mut tokens = Tokens::new(document);
    let mut rest = 0;
    for hit in &hits {
        let place = view
            .as_ref()
            .map_or_else(|| hit.range.clone(), |view| view.place(&hit.range));
        // Swallowed by the number before.
        if place.end <= rest {
            continue;
        }
        let token = tokens.at(place.start);
        let Some(token) = token.filter(|token| place.end <= token.range.end) else {
            out.truncate(start);
            return None;
        };
        let replaced = if token.is_string { place } else { token.range };
        out.put_slice(document.get(rest..replaced.start).unwrap_or_default());
        let found = text.get(hit.range.clone()).unwrap_or_default();
        let mut shown = BytesMut::new();
        detection.replace(hit, found, &mut shown);
        if token.is_string {
            put_json_characters(&shown, out);
        } else {
            put_json_string(&shown, out);
        }
        on_hit(detection.name(hit));
        rest = replaced.end;
    }
    out.put_slice(document.get(rest..).unwrap_or_default());
    Some(true)
}

/// Looks into each string by itself, keys too: who reads prose is asked about prose, not about braces.
fn strings(detection: &Detection, document: &[u8], out: &mut BytesMut, on_hit: &mut dyn FnMut(&str)) -> bool {
    let (mut at, mut rest) = (0, 0);
    while let Some(quote) = memchr::memchr(b'"', document.get(at..).unwrap_or_default()) {
        let start = at + quote + 1;
        let end = string_end(document, start);
        let string = document.get(start..end).unwrap_or_default();
        let view = memchr::memchr(b'\\', string).map(|_| View::of(string));
        let text = view.as_ref().map_or(string, |view| &view.text);
        for hit in detection.find(text) {
            let place = view
                .as_ref()
                .map_or_else(|| hit.range.clone(), |view| view.place(&hit.range));
            out.put_slice(document.get(rest..start + place.start).unwrap_or_default());
            let mut shown = BytesMut::new();
            detection.replace(&hit, text.get(hit.range.clone()).unwrap_or_default(), &mut shown);
            put_json_characters(&shown, out);
            on_hit(detection.name(&hit));
            rest = start + place.end;
        }
        at = end + 1;
    }
    if rest > 0 {
        out.put_slice(document.get(rest..).unwrap_or_default());
    }
    rest > 0
}

/// Appends a text as a JSON string.
pub(crate) fn put_json_string(text: &[u8], out: &mut BytesMut) {
    out.put_u8(b'"');
    put_json_characters(text, out);
    out.put_u8(b'"');
}

/// Appends a text as the inside of a JSON string.
pub(crate) fn put_json_characters(text: &[u8], out: &mut BytesMut) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut rest = text;
    while !rest.is_empty() {
        let (run, after) = rest.split_at_checked(plain(rest)).unwrap_or((rest, &[]));
        out.put_slice(run);
        let Some((byte, after)) = after.split_first() else {
            return;
        };
        rest = after;
        match byte {
            b'"' | b'\\' => out.put_slice(&[b'\\', *byte]),
            b'\n' => out.put_slice(b"\\n"),
            b'\t' => out.put_slice(b"\\t"),
            b'\r' => out.put_slice(b"\\r"),
            0x08 => out.put_slice(b"\\b"),
            0x0c => out.put_slice(b"\\f"),
            0..0x20 => {
                let low = HEX.get(usize::from(byte & 0xf)).copied().unwrap_or_default();
                out.put_slice(&[b'\\', b'u', b'0', b'0', b'0' + (byte >> 4), low]);
            }
            _ => out.put_u8(*byte),
        }
    }
}

/// The inside of a string, or a word or number outside of one.
struct Token {
    range: Range<usize>,
    is_string: bool,
}

/// Walks a document's strings and the rest, forwards only.
struct Tokens<'a> {
    document: &'a [u8],
    at: usize,
}

impl<'a> Tokens<'a> {
    fn new(document: &'a [u8]) -> Self {
        Self { document, at: 0 }
    }

    /// The token around a place that is not before the one asked for last.
    fn at(&mut self, place: usize) -> Option<Token> {
        loop {
            let rest = self.document.get(self.at..)?;
            let outside = memchr::memchr(b'"', rest).map_or(self.document.len(), |quote| self.at + quote);
            if place < outside {
                return self.word(place, outside);
            }
            let inside = outside + 1..string_end(self.document, outside + 1);
            if place < inside.end {
                return (place >= inside.start).then_some(Token {
                    range: inside,
                    is_string: true,
                });
            }
            self.at = inside.end + 1;
            if place < self.at {
                return None;
            }
        }
    }

    fn word(&self, place: usize, end: usize) -> Option<Token> {
        let is_part = |c: &u8| c.is_ascii_alphanumeric() || matches!(c, b'+' | b'-' | b'.');
        let before = self
            .document
            .get(self.at..place)?
            .iter()
            .rev()
            .take_while(|c| is_part(c))
            .count();
        let after = self
            .document
            .get(place..end)?
            .iter()
            .take_while(|c| is_part(c))
            .count();
        Some(Token {
            range: place - before..place + after,
            is_string: false,
        })
    }
}

/// Where the string that began before `start` has its closing quote.
fn string_end(document: &[u8], start: usize) -> usize {
    let mut at = start;
    loop {
        match document
            .get(at..)
            .and_then(|rest| memchr::memchr2(b'"', b'\\', rest).map(|found| at + found))
        {
            None => return document.len(),
            Some(found) if document.get(found) == Some(&b'"') => return found,
            Some(found) => at = found + 2,
        }
    }
}

/// A document with its escapes resolved, which remembers where each byte came from.
pub(crate) struct View {
    pub(crate) text: Vec<u8>,
    /// From this place in the text on, bytes are so many further on in the document.
    offsets: Vec<(usize, usize)>,
}

impl View {
    pub(crate) fn of(document: &[u8]) -> Self {
        let mut view = Self {
            text: Vec::with_capacity(document.len()),
            offsets: Vec::new(),
        };
        let mut at = 0;
        while let Some(rest) = document.get(at..).filter(|rest| !rest.is_empty()) {
            let Some(plain) = memchr::memchr(b'\\', rest) else {
                view.text.extend_from_slice(rest);
                break;
            };
            view.text.extend_from_slice(rest.get(..plain).unwrap_or_default());
            let (resolved, length) = escape(rest.get(plain..).unwrap_or_default());
            let mut utf8 = [0; 4];
            view.text
                .extend_from_slice(resolved.encode_utf8(&mut utf8).as_bytes());
            at += plain + length;
            view.offsets
                .push((view.text.len(), at.saturating_sub(view.text.len())));
        }
        view
    }

    /// The bytes of the document that became this part of the text: escapes whole.
    pub(crate) fn place(&self, range: &Range<usize>) -> Range<usize> {
        // An offset holds from the end of an escape on. The start of a find may be the escape itself, whose first byte is
        // where the text before it ended.
        let offset = |place: usize| {
            let next = self.offsets.partition_point(|(from, _)| *from <= place);
            next.checked_sub(1)
                .and_then(|last| self.offsets.get(last))
                .map_or(0, |(_, offset)| *offset)
        };
        range.start + offset(range.start)..range.end + offset(range.end)
    }
}

/// The character that an escape stands for, and the escape's length. Half a surrogate pair, or an escape cut off, stands
/// for U+FFFD. No escape resolves to more bytes than it has.
fn escape(text: &[u8]) -> (char, usize) {
    let unit = |at: usize| {
        let [b'\\', b'u', digits @ ..] = text.get(at..at + 6)? else {
            return None;
        };
        u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
    };
    match text.get(1) {
        Some(b'n') => ('\n', 2),
        Some(b't') => ('\t', 2),
        Some(b'r') => ('\r', 2),
        Some(b'b') => ('\u{8}', 2),
        Some(b'f') => ('\u{c}', 2),
        Some(b'u') => match (unit(0), unit(6)) {
            (Some(high @ 0xd800..0xdc00), Some(low @ 0xdc00..0xe000)) => {
                let code = 0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00);
                (char::from_u32(code).unwrap_or('\u{fffd}'), 12)
            }
            (Some(code), _) => (char::from_u32(code).unwrap_or('\u{fffd}'), 6),
            (None, _) => (' ', 2),
        },
        Some(other) if other.is_ascii() => (char::from(*other), 2),
        // Not JSON; the byte after is left to be copied.
        Some(_) | None => ('\\', 1),
    }
}

#[cfg(test)]
mod tests;
