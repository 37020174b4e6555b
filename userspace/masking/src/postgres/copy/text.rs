//! `FORMAT text`: backslash escapes.

use bytes::{BufMut as _, BytesMut};

use super::delimited;

#[derive(Debug)]
pub(super) struct Dialect {
    delimiter: u8,
    null: Vec<u8>,
    /// Whether no value can look like NULL. `\N` is sure, as values have their backslashes doubled. Of another marker nobody
    /// can say whether it is NULL or a value that reads the same: trusted, it would let a reader guess what a masked value
    /// is, by asking for the guess as the marker.
    null_is_sure: bool,
    /// Whether the last byte was a backslash that begins an escape.
    escaped: bool,
}

impl Dialect {
    pub(super) fn new(delimiter: u8, null: Vec<u8>) -> Self {
        let null_is_sure = matches!(null.first(), None | Some(b'\\'));
        Self {
            delimiter,
            null,
            null_is_sure,
            escaped: false,
        }
    }
}

impl delimited::Dialect for Dialect {
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

    fn null(&self) -> &[u8] {
        &self.null
    }

    fn is_null(&self, raw: &[u8]) -> bool {
        self.null_is_sure && raw == self.null
    }

    /// What `copyfromparse.c` reads, but for octal and hexadecimal escapes: a server writes none.
    fn read<'a>(&self, raw: &'a [u8], buffer: &'a mut Vec<u8>) -> &'a [u8] {
        if memchr::memchr(b'\\', raw).is_none() {
            return raw;
        }
        buffer.clear();
        let mut rest = raw;
        while let Some(at) = memchr::memchr(b'\\', rest) {
            let (plain, escape) = rest.split_at_checked(at).unwrap_or((rest, &[]));
            buffer.extend_from_slice(plain);
            let [_, escaped, after @ ..] = escape else {
                return buffer;
            };
            buffer.push(match escaped {
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
        buffer.extend_from_slice(rest);
        buffer
    }

    /// As `CopyAttributeOutText`.
    fn write(&self, value: &[u8], out: &mut BytesMut) {
        for byte in value {
            let escaped = match byte {
                0x08 => b'b',
                0x0c => b'f',
                b'\n' => b'n',
                b'\r' => b'r',
                b'\t' => b't',
                0x0b => b'v',
                b'\\' => b'\\',
                byte if *byte == self.delimiter => *byte,
                byte => {
                    out.put_u8(*byte);
                    continue;
                }
            };
            out.put_slice(&[b'\\', escaped]);
        }
    }
}
