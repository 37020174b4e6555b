//! Bodies of routines, triggers and events.

use super::{Parsed, Parser, fold};
use crate::effect::{Effect, Effects};
use crate::mysql::ast::{Command, Expr, Into, Query, Statement};
use crate::mysql::token::Kind;
use crate::statement::Gap;

/// What may stand between a routine's parameters and its body.
const CHARACTERISTICS: [&str; 13] = [
    "language",
    "sql",
    "not",
    "deterministic",
    "contains",
    "no",
    "reads",
    "modifies",
    "data",
    "security",
    "definer",
    "invoker",
    "comment",
];

impl Parser<'_> {
    /// Parameters, result and characteristics.
    pub(super) fn routine_head(&mut self, command: &mut Command) -> Parsed<()> {
        self.expect_symbol("(")?;
        while !self.take_symbol(")") {
            self.take_any(&["in", "out", "inout"]);
            let name = fold(&self.raw_name()?);
            self.locals.push(name);
            while !self.symbol(",") && !self.symbol(")") {
                if self.symbol("(") {
                    self.skip_brackets()?;
                } else if matches!(self.token().kind, Kind::End | Kind::Bad) {
                    return Err(self.unexpected());
                } else {
                    self.at += 1;
                }
            }
            self.take_symbol(",");
        }
        if self.take("returns") {
            self.any_name()?;
            loop {
                if self.symbol("(") {
                    self.skip_brackets()?;
                } else if self
                    .take_any(&[
                        "unsigned",
                        "signed",
                        "zerofill",
                        "binary",
                        "ascii",
                        "unicode",
                        "precision",
                        "varying",
                        "varchar",
                    ])
                    .is_some()
                {
                } else if self.take_all(&["character", "set"])
                    || self.take("charset")
                    || self.take("collate")
                    || self.take_all(&["char", "set"])
                {
                    self.at += 1;
                } else {
                    break;
                }
            }
        }
        loop {
            if self.is("language") && !self.is_word(self.ahead(1), "sql") {
                let language = self.ahead(1).value(self.text, self.settings).to_ascii_lowercase();
                command.effects.insert(Effect::Program);
                return Err(Gap::Language(language));
            }
            if self.token().kind == Kind::Text || self.take_any(&CHARACTERISTICS).is_some() {
                if self.token().kind == Kind::Text {
                    self.at += 1;
                }
            } else {
                return Ok(());
            }
        }
    }

    /// A routine's body: any statement, a block mostly.
    pub(super) fn body(&mut self) -> Parsed<Statement> {
        self.nested(Self::inner_statement)
    }

    /// `BEGIN NOT ATOMIC … END` outside a routine.
    pub(super) fn block_statement(&mut self) -> Parsed<Statement> {
        self.body()
    }

    fn block(kind: &'static str, statements: Vec<Statement>, expressions: Vec<Expr>) -> Statement {
        Statement::Block {
            outer: Command {
                kind,
                effects: Effect::Code.into(),
                expressions,
                ..Command::default()
            },
            statements,
        }
    }

    fn inner_statement(&mut self) -> Parsed<Statement> {
        // `label: BEGIN …`
        if matches!(self.token().kind, Kind::Word | Kind::Name) && self.symbol_ahead(1, ":") {
            self.at += 2;
        }
        if self.take("begin") {
            if self.take("not") {
                self.expect("atomic")?;
            }
            let statements = self.until(&["end"])?;
            self.expect("end")?;
            self.label();
            return Ok(Self::block("begin", statements, Vec::new()));
        }
        if self.is("if") && !self.symbol_ahead(1, "exists") {
            return self.if_block();
        }
        if self.take("case") {
            return self.case_block();
        }
        if self.take("loop") {
            let statements = self.until(&["end"])?;
            self.expect("end")?;
            self.expect("loop")?;
            self.label();
            return Ok(Self::block("loop", statements, Vec::new()));
        }
        if self.take("while") {
            let test = self.expression()?;
            self.expect("do")?;
            let statements = self.until(&["end"])?;
            self.expect("end")?;
            self.expect("while")?;
            self.label();
            return Ok(Self::block("while", statements, vec![test]));
        }
        if self.is("repeat") && !self.symbol_ahead(1, "(") {
            self.at += 1;
            let statements = self.until(&["until"])?;
            self.expect("until")?;
            let test = self.expression()?;
            self.expect("end")?;
            self.expect("repeat")?;
            self.label();
            return Ok(Self::block("repeat", statements, vec![test]));
        }
        if self.take("for") {
            return self.for_block();
        }
        self.simple_inner()
    }

    fn simple_inner(&mut self) -> Parsed<Statement> {
        if self.take("declare") {
            return self.declare();
        }
        if self.take("return") {
            let value = self.expression()?;
            return Ok(Self::block("return", Vec::new(), vec![value]));
        }
        if self.take_any(&["leave", "iterate"]).is_some() {
            self.any_name()?;
            return Ok(Self::block("leave", Vec::new(), Vec::new()));
        }
        if self.take("open") {
            self.any_name()?;
            let mut values = Vec::new();
            if self.symbol("(") {
                values = self.bracketed(Self::expression)?;
            }
            return Ok(Self::block("open", Vec::new(), values));
        }
        if self.take("close") {
            self.any_name()?;
            return Ok(Self::block("close", Vec::new(), Vec::new()));
        }
        if self.take("fetch") {
            if self.take_all(&["group", "next", "row"]) {
                return Ok(Self::block("fetch", Vec::new(), Vec::new()));
            }
            self.take("next");
            self.take("from");
            self.any_name()?;
            self.expect("into")?;
            let names = self.list(|parser| {
                if parser.token().kind == Kind::Variable {
                    return parser.variable_name().map(|name| format!("@{name}"));
                }
                parser.any_name()
            })?;
            // A cursor's rows go on in variables.
            let query = Query {
                into: Some(Into::Variables(names)),
                ..Query::default()
            };
            return Ok(Statement::Query(query));
        }
        if self.take("exit") || self.take("continue") {
            self.skip_rest()?;
            return Ok(Self::block("leave", Vec::new(), Vec::new()));
        }
        self.statement()
    }

    /// Statements, each with its semicolon, up to one of these words.
    fn until(&mut self, ends: &[&str]) -> Parsed<Vec<Statement>> {
        let mut statements = Vec::new();
        while !self.is_any(ends) {
            if self.ended() {
                return Err(self.unexpected());
            }
            statements.push(self.nested(Self::inner_statement)?);
            self.expect_symbol(";")?;
        }
        Ok(statements)
    }

    fn label(&mut self) {
        let token = self.token();
        if matches!(token.kind, Kind::Name) || (token.kind == Kind::Word && !self.is_reserved(token)) {
            self.at += 1;
        }
    }

    fn if_block(&mut self) -> Parsed<Statement> {
        self.at += 1;
        let mut tests = vec![self.expression()?];
        self.expect("then")?;
        let mut statements = self.until(&["elseif", "else", "end"])?;
        loop {
            if self.take("elseif") {
                tests.push(self.expression()?);
                self.expect("then")?;
            } else if !self.take("else") {
                break;
            }
            statements.extend(self.until(&["elseif", "else", "end"])?);
        }
        self.expect("end")?;
        self.expect("if")?;
        Ok(Self::block("if", statements, tests))
    }

    fn case_block(&mut self) -> Parsed<Statement> {
        let mut tests = Vec::new();
        let mut statements = Vec::new();
        if !self.is("when") {
            tests.push(self.expression()?);
        }
        while self.take("when") {
            tests.push(self.expression()?);
            self.expect("then")?;
            statements.extend(self.until(&["when", "else", "end"])?);
        }
        if self.take("else") {
            statements.extend(self.until(&["end"])?);
        }
        self.expect("end")?;
        self.expect("case")?;
        Ok(Self::block("case", statements, tests))
    }

    /// MariaDB's `FOR i IN 1 .. 5 DO`, `FOR r IN (SELECT …) DO`.
    fn for_block(&mut self) -> Parsed<Statement> {
        let name = fold(&self.any_name()?);
        self.locals.push(name);
        self.expect("in")?;
        self.take("reverse");
        let mut values = Vec::new();
        while !self.is("do") {
            if self.take_symbol(".") {
                continue;
            }
            values.push(self.expression()?);
        }
        self.expect("do")?;
        let statements = self.until(&["end"])?;
        self.expect("end")?;
        self.expect("for")?;
        self.label();
        Ok(Self::block("for", statements, values))
    }

    /// What stands behind `DECLARE`.
    fn declare(&mut self) -> Parsed<Statement> {
        if self.take_any(&["continue", "exit", "undo"]).is_some() {
            self.expect("handler")?;
            self.expect("for")?;
            // The conditions: words, numbers, strings.
            loop {
                if self.take("sqlstate") {
                    self.take("value");
                    self.text()?;
                } else if self.take_all(&["not", "found"]) {
                } else {
                    self.at += 1;
                }
                if !self.take_symbol(",") {
                    break;
                }
            }
            return self.inner_statement();
        }
        let first = fold(&self.raw_name()?);
        if self.take("condition") {
            self.expect("for")?;
            if self.take("sqlstate") {
                self.take("value");
            }
            self.at += 1;
            return Ok(Self::block("declare", Vec::new(), Vec::new()));
        }
        if self.is("cursor") {
            self.at += 1;
            if self.symbol("(") {
                self.skip_brackets()?;
            }
            self.expect("for")?;
            if !(self.starts_query() || self.symbol("(")) {
                // A cursor over a prepared statement.
                return Err(Gap::Dynamic);
            }
            let query = self.query()?;
            // Its rows are fetched later: they count as what the routine reads.
            return Ok(Statement::Query(query));
        }
        self.locals.push(first);
        while self.take_symbol(",") {
            let name = fold(&self.raw_name()?);
            self.locals.push(name);
        }
        let mut values = Vec::new();
        while !self.symbol(";") {
            if self.ended() {
                return Err(self.unexpected());
            }
            if self.take("default") || self.take_symbol(":=") {
                values.push(self.expression()?);
            } else if self.symbol("(") {
                self.skip_brackets()?;
            } else {
                self.at += 1;
            }
        }
        Ok(Self::block("declare", Vec::new(), values))
    }

    /// `SIGNAL`, `RESIGNAL`: what they are told goes to the client in an error.
    pub(super) fn signal(&mut self) -> Parsed<Statement> {
        let mut command = Command {
            kind: "signal",
            effects: Effects::NONE,
            ..Command::default()
        };
        self.at += 1;
        if self.take("sqlstate") {
            self.take("value");
            self.text()?;
        } else if !self.is("set") && !self.ended() && !self.symbol(";") {
            self.any_name()?;
        }
        if self.take("set") {
            let values = self.list(|parser| {
                parser.any_name()?;
                parser.expect_symbol("=")?;
                parser.expression()
            })?;
            command.expressions = values;
        }
        Ok(Statement::Command(command))
    }

    /// `GET DIAGNOSTICS`: messages of the last statement's errors go on in variables.
    pub(super) fn get_diagnostics(&mut self) -> Parsed<Statement> {
        self.at += 1;
        self.take_any(&["current", "stacked"]);
        self.expect("diagnostics")?;
        let mut command = Command {
            kind: "get",
            ..Command::default()
        };
        if self.take("condition") {
            command.expressions.push(self.expression()?);
        }
        self.list(|parser| {
            let target = if parser.token().kind == Kind::Variable {
                parser.variable_name()?
            } else {
                fold(&parser.raw_name()?)
            };
            parser.expect_symbol("=")?;
            parser.any_name()?;
            command.writes.push(target);
            Ok(())
        })?;
        Ok(Statement::Command(command))
    }
}
