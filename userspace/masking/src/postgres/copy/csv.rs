//! `FORMAT csv`: quotes.

use bytes::{BufMut as _, BytesMut};

use super::delimited;

#[derive(Debug)]
pub(crate) struct Dialect {
    delimiter: u8,
    quote: u8,
    escape: u8,
    null: Vec<u8>,
    place: Place,
}

/// Where in a field the next byte stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Outside,
    /// Within quotes.
    Inside,
    /// After a quote within quotes: that was the end, unless another one follows.
    AfterQuote,
    /// After an escape that is not the quote.
    AfterEscape,
}

impl Dialect {
    pub(crate) fn new(delimiter: u8, quote: u8, escape: u8, null: Vec<u8>) -> Self {
        Self {
            delimiter,
            quote,
            escape,
            null,
            place: Place::Outside,
        }
    }
}

impl delimited::Dialect for Dialect {
    fn field_end(&mut self, data: &[u8]) -> Option<usize> {
        let mut at = 0;
        while at < data.len() {
            let rest = data.get(at..)?;
            match self.place {
                Place::Outside => {
                    let Some(found) = memchr::memchr3(self.delimiter, self.quote, b'\n', rest) else {
                        break;
                    };
                    at += found;
                    if data.get(at) != Some(&self.quote) {
                        return Some(at);
                    }
                    self.place = Place::Inside;
                    at += 1;
                }
                Place::Inside => {
                    let Some(found) = memchr::memchr2(self.quote, self.escape, rest) else {
                        break;
                    };
                    at += found + 1;
                    self.place = if self.quote == self.escape {
                        Place::AfterQuote
                    } else if rest.get(found) == Some(&self.escape) {
                        Place::AfterEscape
                    } else {
                        Place::Outside
                    };
                }
                Place::AfterQuote if rest.first() == Some(&self.quote) => {
                    self.place = Place::Inside;
                    at += 1;
                }
                Place::AfterQuote => self.place = Place::Outside,
                Place::AfterEscape => {
                    self.place = Place::Inside;
                    at += 1;
                }
            }
        }
        None
    }

    fn null(&self) -> &[u8] {
        &self.null
    }

    /// A quoted text is never NULL, even if it reads the same: the quotes are part of the raw field.
    fn is_null(&self, raw: &[u8]) -> bool {
        raw == self.null
    }

    fn read<'a>(&self, raw: &'a [u8], buffer: &'a mut Vec<u8>) -> &'a [u8] {
        if memchr::memchr(self.quote, raw).is_none() {
            return raw;
        }
        buffer.clear();
        let mut place = Place::Outside;
        for byte in raw {
            let is_quote = *byte == self.quote;
            let (next, keep) = match place {
                Place::Outside if is_quote => (Place::Inside, false),
                Place::Inside if is_quote && self.quote == self.escape => (Place::AfterQuote, false),
                Place::Inside if is_quote => (Place::Outside, false),
                Place::Inside if *byte == self.escape => (Place::AfterEscape, false),
                Place::Inside | Place::AfterEscape => (Place::Inside, true),
                Place::AfterQuote if is_quote => (Place::Inside, true),
                Place::Outside | Place::AfterQuote => (Place::Outside, true),
            };
            // An escape before anything but a quote or an escape stands for itself.
            if place == Place::AfterEscape && !is_quote && *byte != self.escape {
                buffer.push(self.escape);
            }
            if keep {
                buffer.push(*byte);
            }
            place = next;
        }
        buffer
    }

    /// Quoted where `CopyAttributeOutCSV` would. Quotes of the server's are not kept: it also puts them where a value holds the
    /// delimiter or reads as NULL, and the statement chooses both.
    fn write(&self, value: &[u8], out: &mut BytesMut) {
        let special = |c: &u8| *c == self.delimiter || *c == self.quote || matches!(c, b'\n' | b'\r');
        if value != self.null && value != b"\\." && !value.iter().any(special) {
            out.put_slice(value);
            return;
        }
        out.put_u8(self.quote);
        for byte in value {
            if *byte == self.quote || *byte == self.escape {
                out.put_u8(self.escape);
            }
            out.put_u8(*byte);
        }
        out.put_u8(self.quote);
    }
}
