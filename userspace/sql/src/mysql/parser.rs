//! From tokens to statements.
//!
//! Whatever is accepted here and refused by the server does no harm; the other way round it is a gap. What must not happen is that
//! the same text is put together in another way than the server does it.

mod account;
mod administration;
mod alteration;
mod call;
mod change;
mod definition;
mod expression;
mod query;
mod routine;
mod session;
mod setting;
mod show;
mod table;

use super::ast::{Command, Name, Statement};
use super::settings::MysqlSettings;
use super::token::{Kind, Token};
use super::words;
use crate::effect::{Effect, Effects};
use crate::statement::Gap;

/// How deep things may be inside each other.
const DEPTH: usize = 80;

pub(super) type Parsed<T> = Result<T, Gap>;

pub(super) struct Parser<'a> {
    text: &'a [u8],
    tokens: &'a [Token],
    at: usize,
    settings: MysqlSettings,
    depth: usize,
    parameters: usize,
    /// Names that are variables of the routine at hand.
    locals: Vec<String>,
}

/// A statement of a text, the places of its tokens, and what it was called.
pub(super) struct Found {
    pub(super) tokens: std::ops::Range<usize>,
    /// What it is, or why that can't be told and what its words say.
    pub(super) statement: Result<Statement, (Gap, Command)>,
}

impl<'a> Parser<'a> {
    pub(super) fn new(text: &'a [u8], tokens: &'a [Token], settings: MysqlSettings) -> Self {
        Self {
            text,
            tokens,
            at: 0,
            settings,
            depth: 0,
            parameters: 0,
            locals: Vec::new(),
        }
    }

    /// The next statement, if there is one. After one that can't be parsed there is none: where it ends is not known.
    pub(super) fn next_statement(&mut self) -> Option<Found> {
        while self.take_symbol(";") {}
        if self.ended() {
            return None;
        }
        let start = self.at;
        self.parameters = 0;
        self.locals.clear();
        self.depth = 0;
        let statement = self.statement().and_then(|statement| {
            if self.ended() || self.symbol(";") {
                Ok(statement)
            } else {
                Err(self.unexpected())
            }
        });
        let statement = statement.map_err(|gap| {
            let last = self.tokens.len().saturating_sub(1);
            let command = self.outline(start..last);
            self.at = last;
            (gap, command)
        });
        Some(Found {
            tokens: start..self.at,
            statement,
        })
    }

    /// What the words say at which statements could begin.
    pub(super) fn outline(&self, range: std::ops::Range<usize>) -> Command {
        let tokens = self.tokens.get(range).unwrap_or_default();
        let mut command = Command {
            kind: "unknown",
            exposes: true,
            wide: true,
            ..Command::default()
        };
        let mut first = true;
        for token in tokens {
            let word = String::from_utf8_lossy(token.bytes(self.text)).to_ascii_lowercase();
            if token.kind == Kind::Word
                && let Some((kind, effects)) = words::verb(&word)
            {
                if first {
                    command.kind = kind;
                }
                command.effects = command.effects.union(effects);
            }
            first = false;
        }
        command
    }

    // === Tokens ===

    fn token(&self) -> Token {
        self.ahead(0)
    }

    fn ahead(&self, by: usize) -> Token {
        let end = Token {
            kind: Kind::End,
            start: self.text.len(),
            end: self.text.len(),
            called: false,
        };
        self.tokens
            .get(self.at.saturating_add(by))
            .copied()
            .unwrap_or(end)
    }

    fn ended(&self) -> bool {
        self.token().kind == Kind::End
    }

    fn next(&mut self) -> Token {
        let token = self.token();
        if token.kind != Kind::End {
            self.at += 1;
        }
        token
    }

    fn is_word(&self, token: Token, word: &str) -> bool {
        token.kind == Kind::Word && token.bytes(self.text).eq_ignore_ascii_case(word.as_bytes())
    }

    /// Whether this keyword comes next.
    fn is(&self, word: &str) -> bool {
        self.is_word(self.token(), word)
    }

    fn is_any(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.is(word))
    }

    /// Whether these keywords come next.
    fn are(&self, words: &[&str]) -> bool {
        words
            .iter()
            .enumerate()
            .all(|(by, word)| self.is_word(self.ahead(by), word))
    }

    fn take(&mut self, word: &str) -> bool {
        let found = self.is(word);
        if found {
            self.at += 1;
        }
        found
    }

    fn take_any(&mut self, words: &[&'static str]) -> Option<&'static str> {
        let found = words.iter().find(|word| self.is(word)).copied();
        if found.is_some() {
            self.at += 1;
        }
        found
    }

    fn take_all(&mut self, words: &[&str]) -> bool {
        let found = self.are(words);
        if found {
            self.at += words.len();
        }
        found
    }

    fn expect(&mut self, word: &str) -> Parsed<()> {
        if self.take(word) {
            Ok(())
        } else {
            Err(self.unexpected())
        }
    }

    fn symbol(&self, symbol: &str) -> bool {
        self.symbol_ahead(0, symbol)
    }

    fn symbol_ahead(&self, by: usize, symbol: &str) -> bool {
        matches!(self.ahead(by).kind, Kind::Symbol(found) if found == symbol)
    }

    fn take_symbol(&mut self, symbol: &str) -> bool {
        let found = self.symbol(symbol);
        if found {
            self.at += 1;
        }
        found
    }

    fn expect_symbol(&mut self, symbol: &str) -> Parsed<()> {
        if self.take_symbol(symbol) {
            Ok(())
        } else {
            Err(self.unexpected())
        }
    }

    /// The gap for what stands here. Constants are not quoted: they may be somebody's data.
    fn unexpected(&self) -> Gap {
        let token = self.token();
        let bytes = token.bytes(self.text);
        let told = match token.kind {
            Kind::End => return Gap::Unparsable("the text ends too early".to_owned()),
            Kind::Bad => return Gap::Unparsable("the text can't be read from here on".to_owned()),
            Kind::Word if bytes.len() <= 32 && bytes.is_ascii() => {
                String::from_utf8_lossy(bytes).into_owned()
            }
            Kind::Symbol(symbol) => symbol.to_owned(),
            _ => return Gap::Unparsable("not understood at a name or constant".to_owned()),
        };
        Gap::Unparsable(format!("not understood at \"{told}\""))
    }

    fn nested<T>(&mut self, inner: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth >= DEPTH {
            return Err(Gap::TooDeep);
        }
        self.depth += 1;
        let result = inner(self);
        self.depth -= 1;
        result
    }

    // === Names ===

    /// A name as written.
    fn raw_name(&mut self) -> Parsed<String> {
        let token = self.token();
        match token.kind {
            Kind::Name => {}
            Kind::Word if !self.is_reserved(token) => {}
            _ => return Err(self.unexpected()),
        }
        self.at += 1;
        Ok(token.value(self.text, self.settings).into_owned())
    }

    fn is_reserved(&self, token: Token) -> bool {
        words::is_reserved(token.bytes(self.text), self.settings.flavour)
    }

    /// A name that may be a reserved word, as one can be where nothing else could stand.
    fn any_name(&mut self) -> Parsed<String> {
        let token = self.token();
        if !matches!(token.kind, Kind::Name | Kind::Word) {
            return Err(self.unexpected());
        }
        self.at += 1;
        Ok(token.value(self.text, self.settings).into_owned())
    }

    /// A column's name, folded.
    fn column_name(&mut self) -> Parsed<String> {
        self.raw_name().map(|name| fold(&name))
    }

    fn table_part(&self, name: String) -> String {
        if self.settings.lower_case_tables {
            fold(&name)
        } else {
            name
        }
    }

    /// `name`, `schema.name`, `.name`.
    fn table_name(&mut self) -> Parsed<Name> {
        if self.take_symbol(".") {
            let name = self.any_name()?;
            return Ok(Name {
                schema: None,
                name: self.table_part(name),
            });
        }
        let first = self.raw_name()?;
        let first = self.table_part(first);
        if !self.take_symbol(".") {
            return Ok(Name {
                schema: None,
                name: first,
            });
        }
        let second = self.any_name()?;
        Ok(Name {
            schema: Some(first),
            name: self.table_part(second),
        })
    }

    fn table_names(&mut self) -> Parsed<Vec<Name>> {
        self.list(Self::table_name)
    }

    fn list<T>(&mut self, mut item: impl FnMut(&mut Self) -> Parsed<T>) -> Parsed<Vec<T>> {
        let mut items = vec![item(self)?];
        while self.take_symbol(",") {
            items.push(item(self)?);
        }
        Ok(items)
    }

    /// `(item, …)`, also `()`.
    fn bracketed<T>(&mut self, item: impl FnMut(&mut Self) -> Parsed<T>) -> Parsed<Vec<T>> {
        self.expect_symbol("(")?;
        if self.take_symbol(")") {
            return Ok(Vec::new());
        }
        let items = self.list(item)?;
        self.expect_symbol(")")?;
        Ok(items)
    }

    /// A string, the pieces beside each other put together.
    fn text(&mut self) -> Parsed<String> {
        if self.token().kind != Kind::Text {
            return Err(self.unexpected());
        }
        let mut all = String::new();
        while self.token().kind == Kind::Text {
            all.push_str(&self.next().value(self.text, self.settings));
        }
        Ok(all)
    }

    /// Skips what stands in parentheses, which come next.
    fn skip_brackets(&mut self) -> Parsed<()> {
        self.expect_symbol("(")?;
        let mut open = 1_usize;
        while open > 0 {
            let token = self.next();
            match token.kind {
                Kind::Symbol("(") => open += 1,
                Kind::Symbol(")") => open -= 1,
                Kind::End | Kind::Bad => return Err(self.unexpected()),
                _ => {}
            }
        }
        Ok(())
    }

    /// Skips to the statement's end; for what says nothing more that counts.
    fn skip_rest(&mut self) -> Parsed<()> {
        while !self.ended() && !self.symbol(";") {
            if self.token().kind == Kind::Bad {
                return Err(self.unexpected());
            }
            if self.symbol("(") {
                self.skip_brackets()?;
            } else {
                self.at += 1;
            }
        }
        Ok(())
    }

    /// A statement of which its words say everything.
    fn plain(&mut self, kind: &'static str, effects: &[Effect]) -> Parsed<Statement> {
        self.skip_rest()?;
        Ok(Statement::Command(Command {
            kind,
            effects: Effects::of(effects),
            ..Command::default()
        }))
    }

    // === Statements ===

    pub(super) fn statement(&mut self) -> Parsed<Statement> {
        self.nested(Self::dispatch)
    }

    fn dispatch(&mut self) -> Parsed<Statement> {
        if self.starts_query() || self.symbol("(") {
            return self.query_statement();
        }
        let token = self.token();
        if token.kind != Kind::Word {
            return Err(self.unexpected());
        }
        let word = String::from_utf8_lossy(token.bytes(self.text)).to_ascii_lowercase();
        match word.as_str() {
            "insert" | "replace" => self.insert(),
            "update" => self.update(None),
            "delete" => self.delete(None),
            "load" => self.load(),
            "import" => self.import(),
            "handler" => self.handler(),
            "do" => self.do_statement(),
            "call" => self.call_statement(),
            "set" => self.set(),
            "use" => self.use_database(),
            "prepare" => self.prepare(),
            "execute" => self.execute(),
            "deallocate" => self.deallocate(),
            "drop" if self.is_word(self.ahead(1), "prepare") => self.deallocate(),
            "begin" | "start" | "commit" | "rollback" | "savepoint" | "release" | "xa" => self.transaction(),
            "lock" | "unlock" => self.lock(),
            "explain" | "describe" | "desc" => self.explain(),
            "analyze" => self.analyze(),
            "show" => self.show(),
            "create" => self.create(),
            "alter" => self.alter(),
            "drop" => self.drop_statement(),
            "rename" => self.rename(),
            "truncate" => self.truncate(),
            "grant" | "revoke" => self.grant(),
            "for" | "if" | "loop" | "while" | "repeat" | "case" if self.settings.maria() => self.body(),
            _ => self.administration(&word),
        }
    }
}

/// A column's name as the server compares names: without regard to case.
pub(super) fn fold(name: &str) -> String {
    if name.is_ascii() {
        return name.to_ascii_lowercase();
    }
    let folded = name.chars().flat_map(|c| {
        // The server folds one character to one.
        let c = if c == 'İ' { 'i' } else { c };
        c.to_lowercase()
    });
    folded.collect()
}
