//! `FORMAT text`: lines of fields, with backslash escapes.

use bytes::{BufMut as _, BytesMut};

use super::{
    CopyError, OnChange,
    field::{Fields, Instead, Mode},
};
use crate::postgres::Format;

#[derive(Debug)]
pub(super) struct Reader {
    delimiter: u8,
    null: Vec<u8>,
    /// Whether no value can look like NULL. `\N` is sure, as values have their backslashes doubled. Of another marker nobody
    /// can say whether it is NULL or a value that reads the same: trusted, it would let a reader guess what a masked value
    /// is, by asking for the guess as the marker.
    null_is_sure: bool,
    header: bool,
    /// Lines ended, a header included.
    lines: u64,
    column: usize,
    /// Whether the current line has any byte yet.
    in_line: bool,
    /// Whether the last byte was a backslash that begins an escape.
    escaped: bool,
    value: Vec<u8>,
}

impl Reader {
    pub(super) fn new(delimiter: u8, null: Vec<u8>, header: bool) -> Self {
        let null_is_sure = matches!(null.first(), None | Some(b'\\'));
        Self {
            delimiter,
            null,
            null_is_sure,
            header,
            lines: 0,
            column: 0,
            in_line: false,
            escaped: false,
            value: Vec::new(),
        }
    }

    pub(super) fn is_between_rows(&self) -> bool {
        !self.in_line
    }

    pub(super) fn rows(&self) -> u64 {
        self.lines.saturating_sub(u64::from(self.header))
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
            let end = self.field_end(data);
            let (part, rest) = data
                .split_at_checked(end.unwrap_or(data.len()))
                .unwrap_or((data, &[]));
            self.in_line = true;
            let Some((end, rest)) = rest.split_first() else {
                if mode == Mode::Pass {
                    out.put_slice(part);
                }
                return fields.hold(self.column, mode, part, self.null.len() + 1);
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
                self.lines += 1;
                // A table without columns has empty lines.
                if self.column != fields.count().max(1) {
                    return Err(CopyError::Columns {
                        row: self.lines,
                        columns: fields.count(),
                    });
                }
                self.column = 0;
                self.in_line = false;
            }
        }
        Ok(())
    }

    fn mode(&self, fields: &Fields) -> Result<Mode, CopyError> {
        match fields.mode(self.column) {
            Some(_) if self.header && self.lines == 0 => Ok(Mode::Pass),
            Some(mode) => Ok(mode),
            None if fields.count() == 0 && self.column == 0 => Ok(Mode::Drop),
            None => Err(CopyError::Columns {
                row: self.lines + 1,
                columns: fields.count(),
            }),
        }
    }

    /// Where the field's delimiter or line end is; `None` if not in these data.
    fn field_end(&mut self, data: &[u8]) -> Option<usize> {
        let mut at = usize::from(std::mem::take(&mut self.escaped));
        loop {
            at += memchr::memchr3(self.delimiter, b'\n', b'\\', data.get(at..)?)?;
            if data.get(at) != Some(&b'\\') {
                return Some(at);
            }
            if at + 1 == data.len() {
                self.escaped = true;
                return None;
            }
            at += 2;
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
        let mut held = Vec::new();
        let raw = if fields.holds_nothing() {
            if mode == Mode::Hold {
                fields.fits(self.column, part.len())?;
            }
            part
        } else {
            fields.hold(self.column, mode, part, self.null.len() + 1)?;
            held = fields.take();
            &held
        };
        if fields.count() == 0 || (raw == self.null && self.null_is_sure) {
            out.put_slice(raw);
        } else {
            let value = if memchr::memchr(b'\\', raw).is_some() {
                unescape(raw, &mut self.value);
                &self.value
            } else {
                raw
            };
            match fields.mask(self.column, Format::Text, value, on_change) {
                Instead::Same => out.put_slice(raw),
                Instead::Null => out.put_slice(&self.null),
                Instead::Value(value) => escape(value, self.delimiter, out),
            }
        }
        if !held.is_empty() {
            fields.release(held);
        }
        Ok(())
    }
}

/// What `copyfromparse.c` reads, but for octal and hexadecimal escapes: a server writes none.
fn unescape(raw: &[u8], value: &mut Vec<u8>) {
    value.clear();
    let mut rest = raw;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        let (plain, escape) = rest.split_at_checked(at).unwrap_or((rest, &[]));
        value.extend_from_slice(plain);
        let [_, escaped, after @ ..] = escape else { return };
        value.push(match escaped {
            b'b' => 0x08,
            b'f' => 0x0c,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'v' => 0x0b,
            other => *other,
        });
        rest = after;
    }
    value.extend_from_slice(rest);
}

/// As `CopyAttributeOutText`.
fn escape(value: &[u8], delimiter: u8, out: &mut BytesMut) {
    for byte in value {
        let escaped = match byte {
            0x08 => b'b',
            0x0c => b'f',
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            0x0b => b'v',
            b'\\' => b'\\',
            byte if *byte == delimiter => *byte,
            byte => {
                out.put_u8(*byte);
                continue;
            }
        };
        out.put_slice(&[b'\\', escaped]);
    }
}
