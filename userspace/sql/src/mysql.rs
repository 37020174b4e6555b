//! Analysis of MySQL's and MariaDB's SQL.
//!
//! No other parser reads executable comments, `sql_mode` and the servers' own lexical habits as they do, so texts are cut and parsed here.
//! What the parser does not know is a gap, with the effects that the statement's words tell.

mod ast;
mod carrier;
mod condition;
mod function;
mod lexer;
mod lineage;
mod parser;
mod settings;
mod text;
mod token;
mod walk;
mod words;

#[cfg(test)]
mod tests;

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::analysis::Analysis;
use crate::control::Control;
use crate::effect::Effect;
use crate::lineage::{Lineage, Schema};
use crate::statement::{Gap, Statement};
use lexer::Lexed;
use parser::{Found, Parser};
use token::{Kind, Token};

pub use carrier::{carries, is_system};
pub use function::is_shipped;
pub use settings::{Charset, Flavour, MysqlSettings, SqlMode};
pub use text::{canonical, literals};

/// Analyses a text. Neither fails nor panics: what goes wrong is a gap.
pub(crate) fn analyse(text: &[u8], settings: MysqlSettings) -> Analysis {
    let text = ended(text);
    let whole = 0..text.len();
    catch_unwind(AssertUnwindSafe(|| dissect(text, settings)))
        .unwrap_or_else(|_| Analysis::of(vec![Statement::unknown(whole, Gap::Internal)]))
}

/// Traces each statement of a text; the answers are in the order of the statements. Never fails and never panics.
pub(crate) fn trace(text: &[u8], settings: MysqlSettings, schema: &dyn Schema) -> Vec<Lineage> {
    let text = ended(text);
    catch_unwind(AssertUnwindSafe(|| {
        let lexed = lexer::lex(text, settings);
        let found = statements(text, &lexed, settings);
        lineage::trace(&found, settings.flavour, schema)
    }))
    .unwrap_or_else(|_| vec![lineage::lost("the analysis failed")])
}

/// Some clients send the zero byte behind a text with it; the servers take that for the text's end.
fn ended(text: &[u8]) -> &[u8] {
    text.strip_suffix(b"\0").unwrap_or(text)
}

fn dissect(text: &[u8], settings: MysqlSettings) -> Analysis {
    let lexed = lexer::lex(text, settings);
    let found = statements(text, &lexed, settings);
    let statements = found.into_iter().map(|found| {
        let range = range(&lexed.tokens, &found.tokens);
        match found.statement {
            Ok(parsed) => walk::analyse(&parsed, range, settings, lexed.hints_set),
            Err((gap, outline)) => walk::unknown(&outline, range, gap),
        }
    });
    let mut analysis = Analysis::of(statements.collect());
    if lexed.gap.is_none() {
        analysis.fingerprint = Some(text::fingerprint(text, &lexed.tokens, settings));
        analysis.normalised = Some(text::render(text, &lexed.tokens, true));
    }
    analysis
}

/// The statements of a text, as far as they can be told apart.
fn statements(text: &[u8], lexed: &Lexed, settings: MysqlSettings) -> Vec<Found> {
    let mut parser = Parser::new(text, &lexed.tokens, settings);
    let mut found: Vec<Found> = Vec::new();
    while let Some(mut next) = parser.next_statement() {
        // The lexer knows better why than the parser that came to its end.
        if let (Err((gap, _)), Some(told)) = (&mut next.statement, &lexed.gap)
            && next.tokens.end + 1 >= lexed.tokens.len()
        {
            gap.clone_from(told);
        }
        let rest = lexed.tokens.get(next.tokens.end..).unwrap_or_default();
        let unsure = match &next.statement {
            Ok(statement) => {
                let known = walk::analyse(statement, 0..0, settings, false);
                changes_reading(&known, settings) && depends_on_reading(text, rest)
            }
            Err(_) => false,
        };
        found.push(next);
        if unsure {
            let gap = Gap::Unreadable("a statement before it may change how it is read");
            let start = found.last().map_or(0, |last| last.tokens.end);
            found.push(Found {
                tokens: start..lexed.tokens.len().saturating_sub(1),
                statement: Err((gap, parser.outline(start..lexed.tokens.len()))),
            });
            break;
        }
    }
    if found.len() > 1 && !settings.multi_statements {
        let gap = Gap::Unparsable("several statements in one text".to_owned());
        let last = lexed.tokens.len().saturating_sub(1);
        return vec![Found {
            tokens: 0..last,
            statement: Err((gap, parser.outline(0..last))),
        }];
    }
    found
}

/// Whether what follows a statement in the same text may be read with other settings.
fn changes_reading(statement: &Statement, settings: MysqlSettings) -> bool {
    let runs_unknown = matches!(statement.control, Control::Execute { .. })
        || statement.effects.contains(Effect::Execute) && !statement.complete();
    let changed = |name: &str, value: Option<&str>| match name {
        "sql_mode" => value.is_none_or(|value| SqlMode::parse(value) != settings.mode),
        "names" | "character_set_client" => {
            value.is_none_or(|value| Charset::named(value) != settings.charset)
        }
        _ => false,
    };
    runs_unknown
        || statement
            .settings
            .iter()
            .any(|set| !set.global && changed(&set.name, set.value.as_deref()))
}

/// Whether a text holds anything that modes or character sets read differently.
fn depends_on_reading(text: &[u8], tokens: &[Token]) -> bool {
    let start = tokens.first().map_or(text.len(), |token| token.start);
    let rest = text.get(start..).unwrap_or_default();
    tokens
        .iter()
        .any(|token| !matches!(token.kind, Kind::End | Kind::Symbol(";")))
        && rest
            .iter()
            .any(|byte| matches!(byte, b'"' | b'\\' | b'|') || !byte.is_ascii())
}

/// Where a statement is, without the space and comments around it.
fn range(tokens: &[Token], of: &Range<usize>) -> Range<usize> {
    let start = tokens.get(of.start).map_or(0, |token| token.start);
    let end = of.end.checked_sub(1).and_then(|last| tokens.get(last));
    start..end.map_or(start, |token| token.end.max(start))
}
