//! How the input goes on, with tokens of it replaced.

use bytes::{BufMut as _, BytesMut};

/// The input, of which everything from a place on has still to go out as it is.
pub(super) struct Run<'a> {
    pub(super) input: &'a [u8],
    pub(super) from: usize,
    pub(super) out: &'a mut BytesMut,
}

impl Run<'_> {
    /// Lets go on what is before that place.
    pub(super) fn flush(&mut self, to: usize) {
        self.out
            .put_slice(self.input.get(self.from..to).unwrap_or_default());
        self.from = self.from.max(to);
    }

    /// Lets a token go on, or something instead.
    pub(super) fn put(&mut self, token: Token<'_>, instead: Option<&[u8]>) {
        let Token { at, raw, is_held } = token;
        if is_held {
            self.out.put_slice(instead.unwrap_or(raw));
            self.from = at;
        } else if let Some(instead) = instead {
            self.flush(at);
            self.out.put_slice(instead);
            self.from = at + raw.len();
        }
    }
}

/// A string without its quotes, or a word.
#[derive(Clone, Copy)]
pub(super) struct Token<'a> {
    pub(super) raw: &'a [u8],
    /// Whether it is no longer in the input.
    pub(super) is_held: bool,
    /// Where it begins in the input; where the input goes on, if it was held.
    pub(super) at: usize,
}
