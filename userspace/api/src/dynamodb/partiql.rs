//! PartiQL, of which only the plain query is read: `SELECT * FROM "table" WHERE attribute = ? AND …`. Anything else is a gap.

use interdict_sql::{Access, Effect, Gap};

use super::{reads, request, table, value};
use crate::analysis::Analysis;
use crate::json::Json;

/// How many statements one request can have.
const MOST_STATEMENTS: usize = 100;

/// `ExecuteStatement`.
pub(super) fn one(body: &Json<'_>, mut analysis: Analysis) -> Analysis {
    match statement(body) {
        Some(query) => {
            query.tell(&mut analysis);
            reads(&mut analysis, "$.Items[*]".to_owned(), &query.table);
            reads(&mut analysis, "$.LastEvaluatedKey".to_owned(), &query.table);
        }
        None => unread(&mut analysis),
    }
    analysis
}

/// `BatchExecuteStatement` and `ExecuteTransaction`, an analysis for each statement.
pub(super) fn several(body: &Json<'_>, start: &Analysis) -> Vec<Analysis> {
    let listed = body.get("Statements").or_else(|| body.get("TransactStatements"));
    let listed = listed.map(Json::items).unwrap_or_default();
    let mut all = Vec::new();
    for (position, body) in listed.iter().enumerate().take(MOST_STATEMENTS) {
        let mut analysis = start.clone();
        match statement(body) {
            Some(query) => {
                query.tell(&mut analysis);
                for base in [
                    format!("$.Responses[{position}].Item"),
                    format!("$.Responses[{position}].Error.Item"),
                    format!("$.CancellationReasons[{position}].Item"),
                ] {
                    reads(&mut analysis, base, &query.table);
                }
            }
            None => unread(&mut analysis),
        }
        all.push(analysis);
    }
    if listed.is_empty() || listed.len() > MOST_STATEMENTS {
        let mut analysis = start.clone();
        unread(&mut analysis);
        all.push(analysis);
    }
    all
}

fn unread(analysis: &mut Analysis) {
    analysis.does(&[Effect::Read, Effect::Write]);
    analysis.gap(Gap::SqlAsText("PartiQL".to_owned()));
}

struct Query {
    table: String,
    /// Attribute, whether it is compared for equality, the value.
    tests: Vec<(String, bool, Vec<String>)>,
}

impl Query {
    fn tell(&self, analysis: &mut Analysis) {
        analysis.does(&[Effect::Read]);
        analysis.relation(None, table(&self.table), Access::Read);
        for (column, equality, values) in &self.tests {
            for value in values {
                analysis.argument(column, Some(value.clone()));
            }
            request::condition(analysis, &self.table, column, *equality, values.clone());
        }
    }
}

fn statement(body: &Json<'_>) -> Option<Query> {
    let text = body.text_of("Statement")?;
    let parameters = body.get("Parameters").map(Json::items).unwrap_or_default();
    let mut parser = Parser {
        tokens: cut(text)?,
        at: 0,
        parameters: parameters.iter().map(value::texts).collect(),
        used: 0,
    };
    let query = parser.query()?;
    (parser.at == parser.tokens.len() && parser.used == parameters.len()).then_some(query)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Token<'t> {
    Word(&'t str),
    /// A name in quotation marks.
    Name(&'t str),
    Text(&'t str),
    Number(&'t str),
    Sign(&'t str),
}

/// The tokens. A quotation mark inside quotation marks, a comment and every sign that a plain query has not are none.
fn cut(text: &str) -> Option<Vec<Token<'_>>> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_ascii_start();
    while let Some(first) = rest.chars().next() {
        let (token, after) = match first {
            '"' | '\'' => {
                let (inside, after) = rest.get(1..)?.split_once(first)?;
                if inside.is_empty() || after.starts_with(first) {
                    return None;
                }
                let token = if first == '"' {
                    Token::Name(inside)
                } else {
                    Token::Text(inside)
                };
                (token, after)
            }
            c if c.is_ascii_digit() => {
                let after = rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
                let (number, after) = rest.split_at_checked(rest.len() - after.len())?;
                (Token::Number(number), after)
            }
            c if c.is_ascii_alphabetic() || c == '_' => {
                let after = rest.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_');
                let (word, after) = rest.split_at_checked(rest.len() - after.len())?;
                (Token::Word(word), after)
            }
            _ => {
                let signs = ["<>", "<=", ">=", "=", "<", ">", ",", ".", "*", "?"];
                let sign = signs.into_iter().find(|sign| rest.starts_with(sign))?;
                (Token::Sign(sign), rest.get(sign.len()..)?)
            }
        };
        tokens.push(token);
        rest = after.trim_ascii_start();
    }
    Some(tokens)
}

struct Parser<'t> {
    tokens: Vec<Token<'t>>,
    at: usize,
    parameters: Vec<Vec<String>>,
    used: usize,
}

impl<'t> Parser<'t> {
    fn next(&mut self) -> Option<Token<'t>> {
        let token = self.tokens.get(self.at).copied();
        self.at += 1;
        token
    }

    fn sign(&mut self, sign: &str) -> bool {
        let found = self.tokens.get(self.at) == Some(&Token::Sign(sign));
        self.at += usize::from(found);
        found
    }

    fn keyword(&mut self, keyword: &str) -> bool {
        let found =
            matches!(self.tokens.get(self.at), Some(Token::Word(word)) if word.eq_ignore_ascii_case(keyword));
        self.at += usize::from(found);
        found
    }

    fn name(&mut self) -> Option<String> {
        match self.next()? {
            Token::Word(word) if !is_reserved(word) => Some(word.to_owned()),
            Token::Name(name) => Some(name.to_owned()),
            _ => None,
        }
    }

    fn query(&mut self) -> Option<Query> {
        self.keyword("SELECT").then_some(())?;
        if !self.sign("*") {
            self.name()?;
            while self.sign(",") {
                self.name()?;
            }
        }
        self.keyword("FROM").then_some(())?;
        let table = self.name()?;
        if self.sign(".") {
            self.name()?;
        }
        let mut tests = Vec::new();
        if self.keyword("WHERE") {
            tests.push(self.test()?);
            while self.keyword("AND") {
                tests.push(self.test()?);
            }
        }
        Some(Query { table, tests })
    }

    fn test(&mut self) -> Option<(String, bool, Vec<String>)> {
        let column = self.name()?;
        let equality = match self.next()? {
            Token::Sign("=") => true,
            Token::Sign("<" | "<=" | ">" | ">=" | "<>") => false,
            _ => return None,
        };
        let values = match self.next()? {
            Token::Text(text) | Token::Number(text) => vec![text.to_owned()],
            Token::Sign("?") => {
                let held = self.parameters.get(self.used)?.clone();
                self.used += 1;
                held
            }
            _ => return None,
        };
        Some((column, equality && values.len() == 1, values))
    }
}

fn is_reserved(word: &str) -> bool {
    [
        "SELECT", "FROM", "WHERE", "AND", "OR", "NOT", "AS", "VALUE", "MISSING", "NULL", "COUNT", "DISTINCT",
    ]
    .iter()
    .any(|reserved| reserved.eq_ignore_ascii_case(word))
}
