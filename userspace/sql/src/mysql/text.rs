//! Texts written anew from their tokens.

use std::ops::Range;

use sha2::{Digest as _, Sha256};

use super::lexer::lex;
use super::settings::MysqlSettings;
use super::token::{Kind, Token};
use super::words;

/// The text as the server sees it: no comments, and executable comments only as far as it executes them. `None` if it can't be read.
pub fn canonical(text: &[u8], settings: &MysqlSettings) -> Option<String> {
    let lexed = lex(text, *settings);
    lexed.gap.is_none().then(|| render(text, &lexed.tokens, false))
}

/// Where the constants of a text are, in bytes; `None` if it can't be read.
pub fn literals(text: &[u8], settings: &MysqlSettings) -> Option<Vec<Range<usize>>> {
    let lexed = lex(text, *settings);
    let constants = lexed.tokens.iter().filter(|token| is_constant(token));
    lexed
        .gap
        .is_none()
        .then(|| constants.map(|token| token.start..token.end).collect())
}

fn is_constant(token: &Token) -> bool {
    matches!(token.kind, Kind::Text | Kind::Bits | Kind::Number { .. })
}

/// The tokens with a space where there was anything between them; `normal` puts `?` for constants.
pub(super) fn render(text: &[u8], tokens: &[Token], normal: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut end = None;
    for token in tokens.iter().filter(|token| token.kind != Kind::End) {
        if end.is_some_and(|end| token.start > end) {
            out.push(' ');
        }
        end = Some(token.end);
        if normal && is_constant(token) {
            out.push('?');
        } else {
            out.push_str(&String::from_utf8_lossy(token.bytes(text)));
        }
    }
    out
}

/// A hash of the tokens without their constants; lists of constants count as one.
pub(super) fn fingerprint(text: &[u8], tokens: &[Token], settings: MysqlSettings) -> String {
    let mut hash = Sha256::new();
    let mut tokens = tokens.iter().filter(|token| token.kind != Kind::End).peekable();
    let fixed = |token: &Token| is_constant(token) || token.kind == Kind::Parameter;
    while let Some(token) = tokens.next() {
        if fixed(token) {
            hash.update(b"?");
            while tokens
                .peek()
                .is_some_and(|next| fixed(next) || next.kind == Kind::Symbol(","))
            {
                if tokens.next().is_some_and(|next| !fixed(next))
                    && !tokens.peek().is_some_and(|next| fixed(next))
                {
                    hash.update(b"\0,");
                    break;
                }
            }
        } else if token.kind == Kind::Word && words::is_reserved(token.bytes(text), settings.flavour) {
            hash.update(token.bytes(text).to_ascii_lowercase());
        } else if matches!(token.kind, Kind::Name | Kind::Word) {
            hash.update(token.value(text, settings).as_bytes());
        } else {
            hash.update(token.bytes(text));
        }
        hash.update(b"\0");
    }
    let mut digits = hex::encode(hash.finalize());
    digits.truncate(16);
    digits
}
