//! The pieces that a text consists of.

use std::borrow::Cow;

use super::settings::MysqlSettings;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A word without quotes: a keyword where one can stand, a name otherwise.
    Word,
    /// What is a name wherever it stands: quoted, or directly behind a dot.
    Name,
    /// A string.
    Text,
    /// `x'…'`, `0x…`, `b'…'`, `0b…`.
    Bits,
    /// A number; whether it is a whole one.
    Number { whole: bool },
    /// A user variable with its `@`.
    Variable,
    /// `?`.
    Parameter,
    /// An operator or a mark.
    Symbol(&'static str),
    /// The place from which the text can't be read.
    Bad,
    /// Behind the last token.
    End,
}

/// A token and its place in the text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) start: usize,
    pub(super) end: usize,
    /// A parenthesis follows without space: a keyword that is a function's name is one only then.
    pub(super) called: bool,
}

impl Token {
    /// The bytes of the text.
    pub(super) fn bytes<'a>(&self, text: &'a [u8]) -> &'a [u8] {
        text.get(self.start..self.end).unwrap_or_default()
    }

    /// A name, string or variable without its quotes.
    pub(super) fn value<'a>(&self, text: &'a [u8], settings: MysqlSettings) -> Cow<'a, str> {
        let mut bytes = self.bytes(text);
        if self.kind == Kind::Variable {
            bytes = bytes.get(1..).unwrap_or_default();
        }
        if self.kind == Kind::Text && matches!(bytes.first(), Some(b'n' | b'N')) {
            bytes = bytes.get(1..).unwrap_or_default();
        }
        match bytes.first() {
            Some(quote @ (b'\'' | b'"' | b'`')) => {
                let inner = bytes.get(1..bytes.len().saturating_sub(1)).unwrap_or_default();
                let escapes = *quote == b'\''
                    || (*quote == b'"' && !settings.mode.ansi_quotes && self.kind != Kind::Name);
                unquote(inner, *quote, escapes && !settings.mode.no_backslash_escapes)
            }
            _ => String::from_utf8_lossy(bytes),
        }
    }
}

fn unquote(inner: &[u8], quote: u8, escapes: bool) -> Cow<'_, str> {
    if !inner
        .iter()
        .any(|byte| *byte == quote || (escapes && *byte == b'\\'))
    {
        return String::from_utf8_lossy(inner);
    }
    let mut out = Vec::with_capacity(inner.len());
    let mut bytes = inner.iter().copied();
    while let Some(byte) = bytes.next() {
        if byte == quote {
            // Doubled: the second says the same.
            bytes.next();
            out.push(byte);
        } else if byte == b'\\' && escapes {
            match bytes.next() {
                Some(b'n') => out.push(b'\n'),
                Some(b't') => out.push(b'\t'),
                Some(b'r') => out.push(b'\r'),
                Some(b'b') => out.push(8),
                Some(b'0') => out.push(0),
                Some(b'Z') => out.push(26),
                // Kept with their backslash for LIKE.
                Some(wild @ (b'_' | b'%')) => out.extend([b'\\', wild]),
                Some(other) => out.push(other),
                None => {}
            }
        } else {
            out.push(byte);
        }
    }
    Cow::Owned(String::from_utf8_lossy(&out).into_owned())
}
