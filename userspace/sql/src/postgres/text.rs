//! The tokens of a text: for normalising it and for finding its constants.

use std::ops::Range;

use pg_query::protobuf::{ScanToken, Token};

use super::PostgresSettings;

/// A text in tokens.
pub(super) struct Tokens<'a> {
    text: &'a str,
    tokens: Vec<ScanToken>,
}

impl<'a> Tokens<'a> {
    /// `None` if the scanner refuses the text, or would cut it differently from the server: it always takes
    /// `standard_conforming_strings` to be on.
    pub(super) fn scan(text: &'a str, settings: PostgresSettings) -> Option<Self> {
        let scannable = settings.standard_conforming_strings || !text.contains('\\');
        let tokens = if scannable { tokens(text) } else { None }?;
        Some(Self { text, tokens })
    }

    /// The part of a range from its first token to its last; `None` if it has none.
    pub(super) fn trim(&self, range: Range<usize>) -> Option<Range<usize>> {
        let inside = |token: &&ScanToken| {
            let at = span(token);
            at.start >= range.start && at.end <= range.end && !is_comment(token)
        };
        // Tokens are in order, so the first one inside is found by halving; statements are many in some texts.
        let from = self
            .tokens
            .partition_point(|token| span(token).start < range.start);
        let to = self.tokens.partition_point(|token| span(token).end <= range.end);
        let tokens = self.tokens.get(from..to)?;
        let first = tokens.iter().find(inside)?;
        let last = tokens.iter().rev().find(inside)?;
        Some(span(first).start..span(last).end)
    }

    /// The text with `$n` for every constant, numbered after its own parameters, and a space for every comment.
    pub(super) fn normalise(&self) -> Option<String> {
        let parameters = self
            .tokens
            .iter()
            .filter(|token| token.token == Token::Param as i32);
        let own = parameters
            .filter_map(|token| self.text.get(span(token))?.get(1..)?.parse::<u32>().ok())
            .max();
        let mut number = own.unwrap_or(0);
        let mut normal = String::with_capacity(self.text.len());
        let mut done = 0;
        for token in &self.tokens {
            let constant = is_constant(token);
            if !constant && !is_comment(token) {
                continue;
            }
            let span = span(token);
            normal.push_str(self.text.get(done..span.start)?);
            if constant {
                number = number.saturating_add(1);
                // A constant may touch a word before it (`E'…'` does not: the prefix is in the token).
                if normal.ends_with(|last: char| last.is_alphanumeric()) {
                    normal.push(' ');
                }
                normal.push('$');
                normal.push_str(&number.to_string());
            } else {
                normal.push(' ');
            }
            done = span.end;
        }
        normal.push_str(self.text.get(done..)?);
        let trimmed = normal.trim();
        Some(if trimmed.len() == normal.len() {
            normal
        } else {
            trimmed.to_owned()
        })
    }

    /// How many tokens the tree is written out with. The parser writes what is assigned to `(a, b, …)` once for each of
    /// the columns, and such an assignment may hold another: a short text can have a tree of any size.
    pub(super) fn weight(&self) -> usize {
        let mut weight = 0_usize;
        let mut open: Vec<Parenthesis> = Vec::new();
        let mut repeats: Vec<Repeat> = Vec::new();
        let mut before = None;
        let mut tokens = self.tokens.iter().filter(|token| !is_comment(token)).peekable();
        while let Some(token) = tokens.next() {
            let kind = Token::try_from(token.token).ok();
            let ends = match kind {
                Some(Token::Ascii44 | Token::Ascii59 | Token::Where | Token::From | Token::Returning) => {
                    open.len()
                }
                // One that closes what surrounds the assignment.
                Some(Token::Ascii41) => open.len(),
                _ => usize::MAX,
            };
            while repeats.last().is_some_and(|repeat| repeat.depth >= ends) {
                repeats.pop();
            }
            weight = weight.saturating_add(repeats.last().map_or(1, |repeat| repeat.times));
            match kind {
                Some(Token::Ascii40) => {
                    let assigns = matches!(before, Some(Token::Set | Token::Ascii44));
                    open.push(Parenthesis { assigns, members: 1 });
                }
                Some(Token::Ascii44) => {
                    if let Some(inner) = open.last_mut() {
                        inner.members = inner.members.saturating_add(1);
                    }
                }
                Some(Token::Ascii41) => {
                    let closed = open.pop();
                    let assigned = tokens
                        .peek()
                        .is_some_and(|next| next.token == Token::Ascii61 as i32);
                    if let Some(Parenthesis {
                        assigns: true,
                        members,
                    }) = closed
                        && assigned
                    {
                        let times = repeats
                            .last()
                            .map_or(1, |repeat| repeat.times)
                            .saturating_mul(members);
                        repeats.push(Repeat {
                            depth: open.len(),
                            times,
                        });
                    }
                }
                _ => {}
            }
            before = kind;
        }
        weight
    }

    /// Where tokens begin: places where space may be put.
    #[cfg(test)]
    pub(super) fn boundaries(&self) -> Vec<usize> {
        self.tokens.iter().map(|token| span(token).start).collect()
    }

    pub(super) fn constants(&self) -> impl Iterator<Item = Range<usize>> {
        self.tokens.iter().filter(|token| is_constant(token)).map(span)
    }
}

/// The tokens of a text, comments included; `None` if it can't be cut into tokens. (The parser's other interface for
/// this, `scan_tokens`, makes a slice from a null pointer if there is no token.)
pub(super) fn tokens(text: &str) -> Option<Vec<ScanToken>> {
    pg_query::scan(text).ok().map(|scanned| scanned.tokens)
}

/// An open parenthesis.
struct Parenthesis {
    /// Whether it stands where a list of columns to assign to can stand.
    assigns: bool,
    members: usize,
}

/// A part of the text that the tree holds several times.
struct Repeat {
    /// The parentheses around it.
    depth: usize,
    times: usize,
}

/// Where the constants of a text are (strings in every notation, numbers, bit strings), in bytes, in order, so that an
/// audit can leave them out. `None` if they can't be told: then the whole text must be taken for one. Comments are not
/// constants, though they may carry data too.
pub fn literals(text: &str, settings: &PostgresSettings) -> Option<Vec<Range<usize>>> {
    if text.contains('\0') {
        return None;
    }
    Some(Tokens::scan(text, *settings)?.constants().collect())
}

fn span(token: &ScanToken) -> Range<usize> {
    usize::try_from(token.start).unwrap_or(0)..usize::try_from(token.end).unwrap_or(0)
}

fn is_comment(token: &ScanToken) -> bool {
    token.token == Token::SqlComment as i32 || token.token == Token::CComment as i32
}

fn is_constant(token: &ScanToken) -> bool {
    const CONSTANTS: [i32; 6] = [
        Token::Sconst as i32,
        Token::Usconst as i32,
        Token::Iconst as i32,
        Token::Fconst as i32,
        Token::Bconst as i32,
        Token::Xconst as i32,
    ];
    CONSTANTS.contains(&token.token)
}
