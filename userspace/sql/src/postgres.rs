//! Analysis of PostgreSQL's SQL.

mod call;
mod change;
mod condition;
mod copy;
mod definition;
mod expression;
mod function;
mod index;
mod json;
mod lineage;
mod name;
mod node;
mod object;
mod plpgsql;
mod query;
mod routine;
mod session;
mod shallow;
mod shape;
mod statement;
mod table;
#[cfg(test)]
mod tests;
mod text;
mod walk;

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

use pg_query::{FingerprintOptions, ParserOptions, protobuf as pb};

use crate::analysis::Analysis;
use crate::control::Control;
use crate::statement::{Gap, Statement};
use text::Tokens;

pub use function::is_shipped;
pub(crate) use lineage::trace;
pub(crate) use shape::Shape;
pub use text::literals;

/// Session settings that change what a text means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PostgresSettings {
    /// `standard_conforming_strings`: whether a backslash in `'…'` is an ordinary character.
    pub standard_conforming_strings: bool,
}

impl Default for PostgresSettings {
    fn default() -> Self {
        Self {
            standard_conforming_strings: true,
        }
    }
}

impl PostgresSettings {
    fn options(self) -> ParserOptions {
        if self.standard_conforming_strings {
            ParserOptions::DEFAULT
        } else {
            ParserOptions::DISABLE_STANDARD_CONFORMING_STRINGS
        }
    }
}

/// The answer for a text that is not looked at.
pub(crate) fn too_long(bytes: usize, limit: usize) -> Analysis {
    Analysis::of(vec![Statement::unknown(0..bytes, Gap::TooLong { bytes, limit })])
}

/// The answer for bytes that are no text.
pub(crate) fn not_text(bytes: usize) -> Analysis {
    Analysis::of(vec![Statement::unknown(0..bytes, Gap::NotText)])
}

/// Analyses a text. Neither fails nor panics: what goes wrong is a gap. Of one that has a shape it also says which constants matter: where
/// another value stands in one that does not, the analysis is the same. `None`: all may.
pub(crate) fn analyse(
    text: &str,
    settings: PostgresSettings,
    shape: Option<&Shape>,
) -> (Analysis, Option<Box<[bool]>>) {
    // The parser's Rust side has assertions of its own; one that fails must not take the session along.
    catch_unwind(AssertUnwindSafe(|| dissect(text, settings, shape))).unwrap_or_else(|_| {
        let statement = Statement::unknown(0..text.len(), Gap::Internal);
        (Analysis::of(vec![statement]), None)
    })
}

fn dissect(text: &str, settings: PostgresSettings, shape: Option<&Shape>) -> (Analysis, Option<Box<[bool]>>) {
    let tokens = Tokens::scan(text, settings);
    let mut ignored = Vec::new();
    let mut analysis = match parse(text, settings.options(), tokens.as_ref()) {
        Ok(tree) => {
            let statements = tree.stmts.iter();
            let statements = statements.map(|raw| {
                let range = range(text, raw, tokens.as_ref());
                let (statement, ignores) = walk::top(text, raw, range, settings);
                ignored.extend(ignores);
                statement
            });
            let mut analysis = Analysis::of(statements.collect());
            analysis.fingerprint = fingerprint(text, settings);
            analysis
        }
        Err(Gap::TooDeep) => shallow::analyse(text, settings),
        Err(gap) => Analysis::of(vec![Statement::unknown(0..text.len(), gap)]),
    };
    let matter = shape
        .zip(tokens.as_ref())
        .and_then(|(shape, tokens)| matters(&analysis, shape, tokens, ignored));
    analysis.normalised = tokens.and_then(|tokens| tokens.normalise());
    (analysis, matter)
}

/// Which constants of a shape matter; `None`: none is known not to.
fn matters(
    analysis: &Analysis,
    shape: &Shape,
    tokens: &Tokens<'_>,
    mut ignored: Vec<i32>,
) -> Option<Box<[bool]>> {
    let [statement] = analysis.statements.as_slice() else {
        return None;
    };
    let plain = ["select", "insert", "update", "delete"].contains(&statement.kind)
        && statement.control == Control::None
        && statement.settings.is_empty()
        && analysis.complete();
    // What reads shapes knows a part of the tokens only.
    if !plain || !tokens.constants().eq(shape.constants().iter().cloned()) {
        return None;
    }
    // As many as the text has constants, which can be thousands.
    ignored.sort_unstable();
    let matters = shape.constants().iter().map(|constant| {
        let start = i32::try_from(constant.start);
        !start.is_ok_and(|start| ignored.binary_search(&start).is_ok())
    });
    let matters: Box<[bool]> = matters.collect();
    matters.contains(&false).then_some(matters)
}

/// Tokens that a tree may be written out with: some 300 MB of it at the worst, for the time of the walk.
const TOKENS: usize = 1 << 18;

/// Parses a text, unless its tree would be out of proportion to it.
fn parse(text: &str, options: ParserOptions, tokens: Option<&Tokens<'_>>) -> Result<pb::ParseResult, Gap> {
    match tokens {
        Some(tokens) if tokens.weight() > TOKENS => return Err(Gap::TooLarge),
        // Without tokens nothing tells how large the tree of an update will be.
        None if contains_word(text, b"update") => return Err(Gap::TooLarge),
        _ => {}
    }
    match pg_query::parse(text, options) {
        Ok(tree) => Ok(tree.protobuf),
        Err(error) => Err(refusal(&error)),
    }
}

fn contains_word(text: &str, word: &[u8]) -> bool {
    text.as_bytes()
        .windows(word.len())
        .any(|part| part.eq_ignore_ascii_case(word))
}

/// The fingerprint that tells relations apart: a grant for one must not fit the same statement on another.
fn fingerprint(text: &str, settings: PostgresSettings) -> Option<String> {
    let options = FingerprintOptions::RANGEVAR_PG17_COMPAT | FingerprintOptions::FULL_RELNAME;
    pg_query::fingerprint(text, settings.options(), options)
        .ok()
        .map(|fingerprint| fingerprint.hex)
}

/// Where a statement is, without the space and comments around it.
fn range(text: &str, raw: &pb::RawStmt, tokens: Option<&Tokens<'_>>) -> Range<usize> {
    let start = usize::try_from(raw.stmt_location).unwrap_or(0).min(text.len());
    // A length of zero means: to the end.
    let length = usize::try_from(raw.stmt_len).ok().filter(|length| *length > 0);
    let end = length.map_or(text.len(), |length| start.saturating_add(length).min(text.len()));
    tokens
        .and_then(|tokens| tokens.trim(start..end))
        .unwrap_or(start..end)
}

/// The gap for what the parser refused.
fn refusal(error: &pg_query::Error) -> Gap {
    /// How the parser, and the writing out of its tree, say that there is too much of one thing inside another.
    const DEEP: [&str; 3] = ["stack depth", "memory exhausted", "nested too deeply"];
    match error {
        pg_query::Error::Decode(_) => Gap::TooDeep,
        pg_query::Error::Parse(message) if DEEP.iter().any(|deep| message.contains(deep)) => Gap::TooDeep,
        error => Gap::Unparsable(message(error)),
    }
}

/// A parser's message without what it quotes from a literal: the text may carry somebody's data.
fn message(error: &pg_query::Error) -> String {
    let full = match error {
        pg_query::Error::Parse(message) | pg_query::Error::Scan(message) => message.as_str(),
        pg_query::Error::InvalidJson(_) => "the compiler's output can't be read",
        _ => "the parser failed",
    };
    // The end of a message quotes the token at which it stopped; names in it are quoted too.
    let (told, token) = full.split_once(" at or near \"").unwrap_or((full, ""));
    let told = told
        .split('"')
        .enumerate()
        .map(|(position, part)| if position % 2 == 0 { part } else { "…" });
    let told: String = told.collect::<String>().chars().take(160).collect();
    let token = token.strip_suffix('"').unwrap_or(token);
    if quotable(token) {
        format!("{told} at or near \"{token}\"")
    } else {
        told
    }
}

/// Whether a token is a short word or operator, which no literal is.
fn quotable(token: &str) -> bool {
    const LONGEST: usize = 32;
    let word = token.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && token
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let operator = token
        .bytes()
        .all(|byte| b"()[]{},;:.+-*/<>=~!@#%^&|?".contains(&byte));
    !token.is_empty() && token.len() <= LONGEST && (word || operator)
}
