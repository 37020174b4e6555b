//! What concerns the session: settings, the default database, prepared statements, transactions, plans.

use super::{Parsed, Parser, fold};
use crate::control::Control;
use crate::effect::Effect;
use crate::mysql::ast::{Around, Command, Expr, Statement};
use crate::mysql::token::Kind;
use crate::statement::{Access, Gap};

impl Parser<'_> {
    pub(super) fn use_database(&mut self) -> Parsed<Statement> {
        self.at += 1;
        let name = self.any_name()?;
        Ok(Statement::Command(Command {
            kind: "use",
            effects: Effect::Session.into(),
            control: Control::Use {
                database: self.table_part(name),
            },
            ..Command::default()
        }))
    }

    /// `PREPARE name FROM …`.
    pub(super) fn prepare(&mut self) -> Parsed<Statement> {
        self.at += 1;
        let name = fold(&self.raw_name()?);
        self.expect("from")?;
        let constant = self.token().kind == Kind::Text;
        let source = self.expression()?;
        let mut outer = Command {
            kind: "prepare",
            effects: Effect::Prepare.into(),
            ..Command::default()
        };
        if let (true, Expr::Literal(text)) = (constant, &source) {
            let inner = Box::new(self.given(text)?);
            // What it is called by is put in place when the inner one is known.
            outer.control = Control::PrepareText { name };
            return Ok(Statement::Around {
                outer,
                inner,
                how: Around::Prepare,
            });
        }
        outer.control = Control::PrepareText { name };
        outer.expressions.push(source);
        outer.exposes = true;
        outer.gaps.push(Gap::SqlAsText("PREPARE".to_owned()));
        Ok(Statement::Command(outer))
    }

    /// `EXECUTE name [USING …]`, `EXECUTE IMMEDIATE …`.
    pub(super) fn execute(&mut self) -> Parsed<Statement> {
        self.at += 1;
        let mut outer = Command {
            kind: "execute",
            effects: Effect::Execute.into(),
            returns: true,
            ..Command::default()
        };
        if self.take("immediate") {
            let constant = self.token().kind == Kind::Text;
            let source = self.expression()?;
            if self.take("using") {
                outer.expressions = self.expressions()?;
            }
            if let (true, Expr::Literal(text)) = (constant, &source) {
                let inner = Box::new(self.given(text)?);
                return Ok(Statement::Around {
                    outer,
                    inner,
                    how: Around::Immediate,
                });
            }
            outer.expressions.push(source);
            outer.exposes = true;
            outer.gaps.push(Gap::SqlAsText("EXECUTE IMMEDIATE".to_owned()));
            return Ok(Statement::Command(outer));
        }
        let name = fold(&self.raw_name()?);
        if self.take("using") {
            outer.expressions = self.expressions()?;
        }
        outer.control = Control::Execute { name };
        Ok(Statement::Command(outer))
    }

    /// A statement that is given as text. It is read with `?` for parameters.
    fn given(&mut self, text: &str) -> Parsed<Statement> {
        let settings = crate::MysqlSettings {
            parameters: true,
            charset: crate::mysql::Charset::Utf8,
            ..self.settings
        };
        if self.depth + 8 >= super::DEPTH {
            return Err(Gap::TooDeep);
        }
        let lexed = crate::mysql::lexer::lex(text.as_bytes(), settings);
        let mut inner = Parser::new(text.as_bytes(), &lexed.tokens, settings);
        inner.depth = self.depth + 8;
        let statement = inner.statement()?;
        inner.take_symbol(";");
        if inner.ended() {
            Ok(statement)
        } else {
            Err(inner.unexpected())
        }
    }

    pub(super) fn deallocate(&mut self) -> Parsed<Statement> {
        self.at += 1;
        self.expect("prepare")?;
        let name = fold(&self.raw_name()?);
        Ok(Statement::Command(Command {
            kind: "deallocate",
            effects: Effect::Prepare.into(),
            control: Control::Deallocate { name: Some(name) },
            ..Command::default()
        }))
    }

    pub(super) fn transaction(&mut self) -> Parsed<Statement> {
        let mut command = Command {
            effects: Effect::Transaction.into(),
            ..Command::default()
        };
        if self.is("begin") && self.is_word(self.ahead(1), "not") {
            return self.block_statement();
        }
        if self.take("begin") {
            self.take("work");
            command.kind = "begin";
            command.control = Control::Begin;
        } else if self.take("start") {
            if !self.take("transaction") {
                return self.plain("start", &[Effect::Replication]);
            }
            command.kind = "begin";
            command.control = Control::Begin;
            self.skip_rest()?;
        } else if self.take("commit") {
            self.take("work");
            command.kind = "commit";
            command.control = Control::Commit { chain: self.chain() };
        } else if self.take("rollback") {
            self.take("work");
            if self.take("to") {
                self.take("savepoint");
                command.kind = "rollback";
                command.control = Control::RollbackTo {
                    name: fold(&self.raw_name()?),
                };
            } else {
                command.kind = "rollback";
                command.control = Control::Rollback { chain: self.chain() };
            }
        } else if self.take("savepoint") {
            command.kind = "savepoint";
            command.control = Control::Savepoint {
                name: fold(&self.raw_name()?),
            };
        } else if self.take("release") {
            self.expect("savepoint")?;
            command.kind = "release";
            command.control = Control::Release {
                name: fold(&self.raw_name()?),
            };
        } else {
            self.expect("xa")?;
            return self.plain("xa", &[Effect::Transaction]);
        }
        Ok(Statement::Command(command))
    }

    fn chain(&mut self) -> bool {
        let refused = self.are(&["and", "no", "chain"]);
        if refused {
            self.at += 3;
        }
        let chain = !refused && self.take_all(&["and", "chain"]);
        self.take("no");
        self.take("release");
        chain
    }

    /// `LOCK TABLES`, `UNLOCK TABLES`, `LOCK INSTANCE FOR BACKUP`.
    pub(super) fn lock(&mut self) -> Parsed<Statement> {
        let unlocks = self.is("unlock");
        self.at += 1;
        let mut command = Command {
            kind: if unlocks { "unlock" } else { "lock" },
            effects: Effect::Lock.into(),
            ..Command::default()
        };
        if self.take_any(&["instance"]).is_some() {
            self.skip_rest()?;
            return Ok(Statement::Command(command));
        }
        if self.take_any(&["table", "tables"]).is_none() {
            return Err(self.unexpected());
        }
        if !unlocks {
            let tables = self.list(|parser| {
                let name = parser.table_name()?;
                parser.table_alias()?;
                parser.take("low_priority");
                if parser.take_any(&["read", "write"]).is_none() {
                    return Err(parser.unexpected());
                }
                parser.take("local");
                parser.take("concurrent");
                Ok(name)
            })?;
            command
                .relations
                .extend(tables.into_iter().map(|name| (name, Access::Define)));
            self.waits();
        }
        Ok(Statement::Command(command))
    }

    fn waits(&mut self) {
        if self.take("wait") {
            self.at += 1;
        }
        self.take("nowait");
    }

    /// `EXPLAIN`, `DESCRIBE`.
    pub(super) fn explain(&mut self) -> Parsed<Statement> {
        self.at += 1;
        let mut outer = Command {
            kind: "explain",
            effects: Effect::Explain.into(),
            returns: true,
            ..Command::default()
        };
        let mut runs = false;
        loop {
            if self.take("analyze") {
                runs = true;
            } else if self.take_any(&["extended", "partitions"]).is_some() {
            } else if self.is("format") && self.symbol_ahead(1, "=") {
                self.at += 3;
            } else {
                break;
            }
        }
        if self.is("into") && self.ahead(1).kind == Kind::Variable {
            self.at += 1;
            let name = self.variable_name()?;
            outer.writes.push(name);
        }
        if self.are(&["for", "connection"]) || self.are(&["for", "query"]) {
            self.skip_rest()?;
            // A plan of what another session runs, its constants included.
            outer.effects.insert(Effect::Session);
            return Ok(Statement::Command(outer));
        }
        if self.are(&["for", "schema"]) || self.are(&["for", "database"]) {
            self.at += 2;
            self.any_name()?;
        }
        let starts = self.starts_query()
            || self.symbol("(")
            || self.is_any(&["insert", "replace", "update", "delete"]);
        if starts {
            let inner = Box::new(self.statement()?);
            return Ok(Statement::Around {
                outer,
                inner,
                how: Around::Explain { runs },
            });
        }
        let name = self.table_name()?;
        outer.kind = "describe";
        outer.relations.push((name, Access::Define));
        if !self.ended() && !self.symbol(";") {
            self.at += 1;
        }
        Ok(Statement::Command(outer))
    }

    /// `ANALYZE TABLE`, and MariaDB's `ANALYZE SELECT`.
    pub(super) fn analyze(&mut self) -> Parsed<Statement> {
        let by = usize::from(
            self.is_word(self.ahead(1), "local") || self.is_word(self.ahead(1), "no_write_to_binlog"),
        );
        if self.is_word(self.ahead(1 + by), "table") || self.is_word(self.ahead(1 + by), "tables") {
            return self.maintain("analyze");
        }
        self.at += 1;
        if self.is("format") && self.symbol_ahead(1, "=") {
            self.at += 3;
        }
        let outer = Command {
            kind: "explain",
            effects: Effect::Explain.into(),
            returns: true,
            ..Command::default()
        };
        let inner = Box::new(self.statement()?);
        Ok(Statement::Around {
            outer,
            inner,
            how: Around::Explain { runs: true },
        })
    }
}
