//! `FORMAT csv`: records of fields, with quotes.

use bytes::{BufMut as _, BytesMut};

use super::{
    CopyError, OnChange,
    field::{Fields, Instead, Mode},
};
use crate::postgres::Format;

#[derive(Debug)]
pub(super) struct Reader {
    dialect: Dialect,
    header: bool,
    /// Records ended, a header included.
    records: u64,
    column: usize,
    /// Whether the current record has any byte yet.
    in_record: bool,
    place: Place,
    value: Vec<u8>,
}

#[derive(Debug)]
struct Dialect {
    delimiter: u8,
    quote: u8,
    escape: u8,
    null: Vec<u8>,
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

impl Reader {
    pub(super) fn new(delimiter: u8, quote: u8, escape: u8, null: Vec<u8>, header: bool) -> Self {
        Self {
            dialect: Dialect {
                delimiter,
                quote,
                escape,
                null,
            },
            header,
            records: 0,
            column: 0,
            in_record: false,
            place: Place::Outside,
            value: Vec::new(),
        }
    }

    pub(super) fn is_between_rows(&self) -> bool {
        !self.in_record
    }

    pub(super) fn rows(&self) -> u64 {
        self.records.saturating_sub(u64::from(self.header))
    }

    pub(super) fn push(
        &mut self,
        fields: &mut Fields,
        mut data: &[u8],
        out: &mut BytesMut,
        on_change: OnChange<'_>,
    ) -> Result<(), CopyError> {
        while !data.is_empty() {
            let mode = self.mode(fields)?;
            let end = self.dialect.field_end(&mut self.place, data);
            let (part, rest) = data
                .split_at_checked(end.unwrap_or(data.len()))
                .unwrap_or((data, &[]));
            self.in_record = true;
            let Some((end, rest)) = rest.split_first() else {
                if mode == Mode::Pass {
                    out.put_slice(part);
                }
                return fields.hold(self.column, mode, part, self.dialect.null.len() + 1);
            };
            if mode == Mode::Pass {
                out.put_slice(part);
            } else {
                self.finish(fields, mode, part, out, on_change)?;
            }
            out.put_u8(*end);
            data = rest;
            self.column += 1;
            if *end == b'\n' {
                self.records += 1;
                // A table without columns has empty lines.
                if self.column != fields.count().max(1) {
                    return Err(CopyError::Columns {
                        row: self.records,
                        columns: fields.count(),
                    });
                }
                self.column = 0;
                self.in_record = false;
            }
        }
        Ok(())
    }

    fn mode(&self, fields: &Fields) -> Result<Mode, CopyError> {
        match fields.mode(self.column) {
            Some(_) if self.header && self.records == 0 => Ok(Mode::Pass),
            Some(mode) => Ok(mode),
            None if fields.count() == 0 && self.column == 0 => Ok(Mode::Drop),
            None => Err(CopyError::Columns {
                row: self.records + 1,
                columns: fields.count(),
            }),
        }
    }

    fn finish(
        &mut self,
        fields: &mut Fields,
        mode: Mode,
        part: &[u8],
        out: &mut BytesMut,
        on_change: OnChange<'_>,
    ) -> Result<(), CopyError> {
        let dialect = &self.dialect;
        let mut held = Vec::new();
        let raw = if fields.holds_nothing() {
            if mode == Mode::Hold {
                fields.fits(self.column, part.len())?;
            }
            part
        } else {
            fields.hold(self.column, mode, part, dialect.null.len() + 1)?;
            held = fields.take();
            &held
        };
        // A quoted text is never NULL, even if it reads the same: the quotes are part of the raw field.
        if fields.count() == 0 || raw == dialect.null {
            out.put_slice(raw);
        } else {
            let quoted = memchr::memchr(dialect.quote, raw).is_some();
            let value = if quoted {
                dialect.unquote(raw, &mut self.value);
                &self.value
            } else {
                raw
            };
            match fields.mask(self.column, Format::Text, value, on_change) {
                Instead::Same => out.put_slice(raw),
                Instead::Null => out.put_slice(&dialect.null),
                Instead::Value(value) => dialect.write(value, quoted, out),
            }
        }
        if !held.is_empty() {
            fields.release(held);
        }
        Ok(())
    }
}

impl Dialect {
    /// Where the field's delimiter or line end is; `None` if not in these data.
    fn field_end(&self, place: &mut Place, data: &[u8]) -> Option<usize> {
        let mut at = 0;
        while at < data.len() {
            let rest = data.get(at..)?;
            match place {
                Place::Outside => {
                    let Some(found) = memchr::memchr3(self.delimiter, self.quote, b'\n', rest) else {
                        break;
                    };
                    at += found;
                    if data.get(at) != Some(&self.quote) {
                        return Some(at);
                    }
                    *place = Place::Inside;
                    at += 1;
                }
                Place::Inside => {
                    let Some(found) = memchr::memchr2(self.quote, self.escape, rest) else {
                        break;
                    };
                    at += found + 1;
                    *place = if self.quote == self.escape {
                        Place::AfterQuote
                    } else if rest.get(found) == Some(&self.escape) {
                        Place::AfterEscape
                    } else {
                        Place::Outside
                    };
                }
                Place::AfterQuote if rest.first() == Some(&self.quote) => {
                    *place = Place::Inside;
                    at += 1;
                }
                Place::AfterQuote => *place = Place::Outside,
                Place::AfterEscape => {
                    *place = Place::Inside;
                    at += 1;
                }
            }
        }
        None
    }

    fn unquote(&self, raw: &[u8], value: &mut Vec<u8>) {
        value.clear();
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
                value.push(self.escape);
            }
            if keep {
                value.push(*byte);
            }
            place = next;
        }
    }

    /// Quoted if it was, and where `CopyAttributeOutCSV` would.
    fn write(&self, value: &[u8], quoted: bool, out: &mut BytesMut) {
        let special = |c: &u8| *c == self.delimiter || *c == self.quote || matches!(c, b'\n' | b'\r');
        if !quoted && value != self.null && value != b"\\." && !value.iter().any(special) {
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
