//! Bodies in PL/pgSQL.
//!
//! PostgreSQL's own compiler takes the body apart; every expression and statement in it is SQL again and is walked as
//! such. The compiler's output leaves out the initial values of record variables, so the declarations are also read
//! here, from the tokens.

use std::hash::{BuildHasher as _, RandomState};

use pg_query::ParserOptions;
use pg_query::protobuf::{KeywordKind, ScanToken, Token};
use serde_json::Value;

use super::message;
use super::walk::Walker;
use crate::effect::Effect;
use crate::statement::Gap;

/// What the compiler's output is made of. Anything else is a gap.
const KNOWN: [&str; 46] = [
    "PLpgSQL_case_when",
    "PLpgSQL_condition",
    "PLpgSQL_diag_item",
    "PLpgSQL_exception",
    "PLpgSQL_exception_block",
    "PLpgSQL_expr",
    "PLpgSQL_function",
    "PLpgSQL_if_elsif",
    "PLpgSQL_raise_option",
    "PLpgSQL_rec",
    "PLpgSQL_recfield",
    "PLpgSQL_row",
    "PLpgSQL_stmt_assert",
    "PLpgSQL_stmt_assign",
    "PLpgSQL_stmt_block",
    "PLpgSQL_stmt_call",
    "PLpgSQL_stmt_case",
    "PLpgSQL_stmt_close",
    "PLpgSQL_stmt_commit",
    "PLpgSQL_stmt_dynexecute",
    "PLpgSQL_stmt_dynfors",
    "PLpgSQL_stmt_execsql",
    "PLpgSQL_stmt_exit",
    "PLpgSQL_stmt_fetch",
    "PLpgSQL_stmt_forc",
    "PLpgSQL_stmt_foreach_a",
    "PLpgSQL_stmt_fori",
    "PLpgSQL_stmt_fors",
    "PLpgSQL_stmt_getdiag",
    "PLpgSQL_stmt_if",
    "PLpgSQL_stmt_loop",
    "PLpgSQL_stmt_open",
    "PLpgSQL_stmt_perform",
    "PLpgSQL_stmt_raise",
    "PLpgSQL_stmt_return",
    "PLpgSQL_stmt_return_next",
    "PLpgSQL_stmt_return_query",
    "PLpgSQL_stmt_rollback",
    "PLpgSQL_stmt_while",
    "PLpgSQL_type",
    "PLpgSQL_var",
    "PLpgSQL_variable",
    "PLpgSQL_arrayelem",
    "PLpgSQL_datum",
    "PLpgSQL_nsitem",
    "PLpgSQL_promise",
];

impl Walker<'_> {
    /// The body of a `DO`.
    pub(super) fn plpgsql_block(&mut self, body: &str) {
        self.compile(&format!("DO LANGUAGE plpgsql {}", quoted(body)), body);
    }

    /// The body of the `CREATE FUNCTION` at hand, which the compiler takes whole.
    pub(super) fn plpgsql_function(&mut self, body: &str, returns: Option<&str>) {
        match (returns, self.source) {
            // What the compiler says of a trigger's own variables is no valid JSON, so here they are parameters.
            (Some("trigger"), _) => self.compile(&trigger("record", body), body),
            (Some("event_trigger"), _) => self.compile(&trigger("void", body), body),
            (_, Some(source)) => self.compile(source, body),
            (_, None) => self
                .facts
                .gap(Gap::Body("it is defined inside another text".to_owned())),
        }
    }

    fn compile(&mut self, definition: &str, body: &str) {
        if !self.settings.standard_conforming_strings {
            self.facts
                .gap(Gap::Body("standard_conforming_strings is off".to_owned()));
            return;
        }
        let compiled = match pg_query::parse_plpgsql(definition) {
            Ok(compiled) => compiled,
            Err(error) => {
                self.facts.gap(Gap::Body(message(&error)));
                return;
            }
        };
        // One routine went in, so one with a body must come out.
        let whole = matches!(compiled.as_array().map(Vec::as_slice),
            Some([function]) if function.pointer("/PLpgSQL_function/action/PLpgSQL_stmt_block").is_some());
        if !whole {
            self.facts.gap(Gap::Body("the compiler gave nothing".to_owned()));
        }
        self.compiled(&compiled);
        self.declarations(body);
    }

    fn compiled(&mut self, value: &Value) {
        match value {
            Value::Array(values) => values.iter().for_each(|value| self.compiled(value)),
            Value::Object(fields) => fields.iter().for_each(|(name, value)| self.part(name, value)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    fn part(&mut self, name: &str, value: &Value) {
        match name {
            "PLpgSQL_expr" => {
                self.expression(value);
                return;
            }
            "PLpgSQL_stmt_dynexecute" | "PLpgSQL_stmt_dynfors" | "dynquery" => self.facts.gap(Gap::Dynamic),
            "PLpgSQL_stmt_commit" | "PLpgSQL_stmt_rollback" => self.does(Effect::Transaction),
            "PLpgSQL_stmt_open" | "PLpgSQL_stmt_fetch" | "PLpgSQL_stmt_close" | "PLpgSQL_stmt_forc" => {
                self.does(Effect::Cursor);
            }
            name if name.starts_with("PLpgSQL_") && !KNOWN.contains(&name) => {
                self.unknown("a part of a PL/pgSQL body");
            }
            _ => {}
        }
        self.compiled(value);
    }

    fn expression(&mut self, value: &Value) {
        let text = value.get("query").and_then(Value::as_str);
        // The compiler counts the forms as the parser does.
        let form = value.get("parseMode").map_or(Some(0), Value::as_u64);
        let form = match form {
            Some(0) => ParserOptions::DEFAULT,
            Some(2) => ParserOptions::PLPGSQL_EXPR,
            Some(3) => ParserOptions::PLPGSQL_ASSIGN1,
            Some(4) => ParserOptions::PLPGSQL_ASSIGN2,
            Some(5) => ParserOptions::PLPGSQL_ASSIGN3,
            _ => {
                self.unknown("a form of PL/pgSQL expression");
                return;
            }
        };
        match text {
            Some(text) => self.sql_text(text, form),
            None => self.unknown("a PL/pgSQL expression"),
        }
    }

    /// The initial values in every `DECLARE … BEGIN`.
    fn declarations(&mut self, body: &str) {
        let Some(tokens) = super::text::tokens(body) else {
            self.facts
                .gap(Gap::Body("its tokens can't be told apart".to_owned()));
            return;
        };
        let mut declaring = false;
        for statement in tokens.split(|token| is(token, Token::Ascii59)) {
            let mut rest = statement;
            if let Some(start) = rest.iter().position(|token| is(token, Token::Declare)) {
                declaring = true;
                rest = rest.get(start..).unwrap_or_default();
            }
            if rest.iter().any(|token| is(token, Token::BeginP)) {
                declaring = false;
            }
            if declaring && let Some(value) = initial(body, rest) {
                self.sql_text(value, ParserOptions::PLPGSQL_EXPR);
            }
        }
    }
}

/// A definition with the body of a trigger function and all that such a function can use.
fn trigger(returns: &str, body: &str) -> String {
    format!(
        "CREATE FUNCTION t(new record, old record, tg_name text, tg_when text, tg_level text, tg_op text, tg_relid oid, \
         tg_relname text, tg_table_name text, tg_table_schema text, tg_nargs int, tg_argv text[], tg_event text, \
         tg_tag text) RETURNS {returns} LANGUAGE plpgsql AS {}",
        quoted(body)
    )
}

/// A body between dollar tags that are not in it. They are random, so that no body can have been made to hold them.
fn quoted(body: &str) -> String {
    loop {
        let tag = format!("t{:016x}", RandomState::new().hash_one(body.len()));
        if !body.contains(&tag) {
            return format!("${tag}${body}${tag}$");
        }
    }
}

/// The initial value of one declaration.
fn initial<'a>(body: &'a str, tokens: &[ScanToken]) -> Option<&'a str> {
    // A cursor's query is in the compiler's output.
    if tokens.iter().any(|token| is(token, Token::Cursor)) && tokens.iter().any(|token| is(token, Token::For))
    {
        return None;
    }
    let marks = [Token::ColonEquals, Token::Ascii61, Token::Default];
    let mark = tokens
        .iter()
        .find(|token| marks.iter().any(|mark| is(token, *mark)))?;
    let end = tokens.last()?;
    body.get(usize::try_from(mark.end).ok()?..usize::try_from(end.end).ok()?)
}

fn is(token: &ScanToken, kind: Token) -> bool {
    token.token == kind as i32
        && (kind != Token::Cursor || token.keyword_kind != KeywordKind::NoKeyword as i32)
}
