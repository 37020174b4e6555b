//! Statements that change rows, and those that read them in other ways than a query.

use super::{Parsed, Parser, fold};
use crate::control::Control;
use crate::effect::{Effect, Effects};
use crate::mysql::ast::{
    Assignment, Command, Delete, Expr, Insert, Item, Joined, Name, Statement, Table, Update, With,
};
use crate::mysql::token::Kind;
use crate::statement::Access;

impl Parser<'_> {
    pub(super) fn insert(&mut self) -> Parsed<Statement> {
        let mut insert = Insert {
            replace: self.is("replace"),
            ..Insert::default()
        };
        self.at += 1;
        while self
            .take_any(&["low_priority", "delayed", "high_priority", "ignore"])
            .is_some()
        {}
        self.take("into");
        insert.table = self.table_name()?;
        if self.is("partition") && self.symbol_ahead(1, "(") {
            self.at += 1;
            self.bracketed(Self::any_name)?;
        }
        if self.symbol("(") && !self.opens_query() {
            insert.columns = self.bracketed(Self::qualified_column)?;
        }
        if self.take("set") {
            let assignments = self.assignments()?;
            insert.columns = assignments.iter().map(|one| one.column.clone()).collect();
            insert.rows = vec![assignments.into_iter().map(|one| one.value).collect()];
        } else if self.is_any(&["values", "value"]) {
            self.at += 1;
            insert.rows = self.list(|parser| {
                parser.take("row");
                parser.bracketed(Self::expression)
            })?;
        } else {
            insert.query = Some(Box::new(self.query()?));
        }
        if self.take("as") {
            insert.alias = self.any_name().map(|name| Some(self.table_part(name)))?;
            if self.symbol("(") {
                insert.alias_columns = self.bracketed(Self::column_name)?;
            }
        }
        if self.take_all(&["on", "duplicate", "key", "update"]) {
            insert.update = self.assignments()?;
        }
        insert.returning = self.returning()?;
        Ok(Statement::Insert(insert))
    }

    /// Whether the parenthesis that comes next opens a query.
    fn opens_query(&self) -> bool {
        let mut by = 0;
        while self.symbol_ahead(by, "(") {
            by += 1;
        }
        let token = self.ahead(by);
        let word = |word| self.is_word(token, word);
        word("select")
            || word("with")
            || word("table")
            || (word("values") && (self.symbol_ahead(by + 1, "(") || self.is_word(self.ahead(by + 1), "row")))
    }

    fn qualified_column(&mut self) -> Parsed<String> {
        let mut name = self.raw_name()?;
        while self.take_symbol(".") {
            name = self.any_name()?;
        }
        Ok(fold(&name))
    }

    fn returning(&mut self) -> Parsed<Vec<Item>> {
        if self.take("returning") {
            self.items()
        } else {
            Ok(Vec::new())
        }
    }

    pub(super) fn assignments(&mut self) -> Parsed<Vec<Assignment>> {
        self.list(|parser| {
            let mut parts = vec![parser.raw_name()?];
            while parser.take_symbol(".") {
                parts.push(parser.any_name()?);
            }
            if !parser.take_symbol("=") {
                parser.expect_symbol(":=")?;
            }
            let value = parser.expression()?;
            let column = parts.pop().map(|name| fold(&name)).unwrap_or_default();
            let table = parts.pop().map(|name| parser.table_part(name));
            Ok(Assignment { table, column, value })
        })
    }

    pub(super) fn update(&mut self, with: Option<With>) -> Parsed<Statement> {
        self.at += 1;
        while self.take_any(&["low_priority", "ignore"]).is_some() {}
        let mut update = Update {
            with,
            from: self.tables()?,
            ..Update::default()
        };
        self.expect("set")?;
        update.assignments = self.assignments()?;
        if self.take("where") {
            update.condition = Some(self.expression()?);
        }
        if self.are(&["order", "by"]) {
            self.order_by(&mut update.order)?;
        }
        if self.is("limit") {
            self.limit(&mut update.limit)?;
        }
        update.returning = self.returning()?;
        Ok(Statement::Update(update))
    }

    pub(super) fn delete(&mut self, with: Option<With>) -> Parsed<Statement> {
        self.at += 1;
        while self
            .take_any(&["low_priority", "quick", "ignore", "history"])
            .is_some()
        {}
        let mut delete = Delete {
            with,
            ..Delete::default()
        };
        if self.take("from") {
            // `FROM t …` or `FROM t, u USING …`
            let start = self.at;
            let targets = self.list(Self::target);
            if targets.is_ok() && self.take("using") {
                delete.targets = targets.unwrap_or_default();
                delete.from = self.tables()?;
            } else {
                self.at = start;
                let table = self.base()?;
                if let Table::Base { name, alias, .. } = &table {
                    delete.targets = vec![alias.clone().map_or_else(
                        || name.clone(),
                        |alias| Name {
                            schema: None,
                            name: alias,
                        },
                    )];
                }
                delete.from = vec![Joined {
                    first: table,
                    rest: Vec::new(),
                }];
            }
        } else {
            delete.targets = self.list(Self::target)?;
            self.expect("from")?;
            delete.from = self.tables()?;
        }
        if self.take_all(&["before", "system_time"]) {
            self.take_any(&["timestamp", "transaction"]);
            delete.limit.push(self.values_of_bits()?);
            // History goes, whatever it says.
        }
        if self.take("where") {
            delete.condition = Some(self.expression()?);
        }
        if self.are(&["order", "by"]) {
            self.order_by(&mut delete.order)?;
        }
        if self.is("limit") {
            self.limit(&mut delete.limit)?;
        }
        delete.returning = self.returning()?;
        Ok(Statement::Delete(delete))
    }

    /// `t`, `s.t`, `t.*`, `s.t.*`.
    fn target(&mut self) -> Parsed<Name> {
        let first = self.raw_name()?;
        let mut name = Name {
            schema: None,
            name: self.table_part(first),
        };
        while self.take_symbol(".") {
            if self.take_symbol("*") {
                return Ok(name);
            }
            let next = self.any_name()?;
            name = Name {
                schema: Some(name.name),
                name: self.table_part(next),
            };
        }
        Ok(name)
    }

    /// `LOAD DATA`, `LOAD XML`, `LOAD INDEX INTO CACHE`.
    pub(super) fn load(&mut self) -> Parsed<Statement> {
        self.at += 1;
        if self.take("index") {
            return self.plain("load", &[Effect::Maintenance]);
        }
        if self.take_any(&["data", "xml"]).is_none() {
            return Err(self.unexpected());
        }
        let mut command = Command {
            kind: "load",
            effects: Effects::of(&[Effect::Write, Effect::Insert, Effect::CopyIn]),
            ..Command::default()
        };
        while self.take_any(&["low_priority", "concurrent", "from"]).is_some() {}
        // A LOCAL file is the client's.
        if !self.take("local") {
            command.effects.insert(Effect::ServerFile);
        }
        self.take("from");
        if self.take_any(&["infile", "url", "s3"]).is_none() {
            return Err(self.unexpected());
        }
        self.text()?;
        while !self.is("into") {
            if self.ended() || self.symbol(";") {
                return Err(self.unexpected());
            }
            self.at += 1;
        }
        self.expect("into")?;
        self.expect("table")?;
        let table = self.table_name()?;
        command.relations.push((table, Access::Write));
        if self.is("partition") && self.symbol_ahead(1, "(") {
            self.at += 1;
            self.bracketed(Self::any_name)?;
        }
        self.file_options()?;
        if self.take_all(&["rows", "identified", "by"]) {
            self.text()?;
        }
        self.file_options()?;
        if self.take("ignore") {
            self.at += 1;
            self.take_any(&["lines", "rows"]);
        }
        if self.symbol("(") {
            self.bracketed(|parser| {
                if parser.token().kind == Kind::Variable {
                    let name = parser.variable_name()?;
                    command.writes.push(name);
                } else {
                    parser.qualified_column()?;
                }
                Ok(())
            })?;
        }
        if self.take("set") {
            for assignment in self.assignments()? {
                command.expressions.push(assignment.value);
            }
            command.exposes = command.expressions.iter().any(reads);
        }
        Ok(Statement::Command(command))
    }

    /// `IMPORT TABLE FROM …`.
    pub(super) fn import(&mut self) -> Parsed<Statement> {
        self.plain("import", &[Effect::Create, Effect::ServerFile])
    }

    /// `HANDLER t OPEN`, `HANDLER t READ …`, `HANDLER t CLOSE`.
    pub(super) fn handler(&mut self) -> Parsed<Statement> {
        self.at += 1;
        let table = self.table_name()?;
        let mut command = Command {
            kind: "handler",
            effects: Effects::of(&[Effect::Cursor]),
            wide: true,
            ..Command::default()
        };
        if self.take("open") {
            let alias = self.table_alias()?;
            let name = alias.unwrap_or_else(|| table.name.clone());
            command.effects.insert(Effect::Read);
            command.control = Control::OpenHandler {
                name,
                relation: (table.schema.clone(), table.name.clone()),
            };
            command.relations.push((table, Access::Read));
            return Ok(Statement::Command(command));
        }
        if self.take("close") {
            command.control = Control::CloseHandler { name: table.name };
            return Ok(Statement::Command(command));
        }
        self.expect("read")?;
        command.effects.insert(Effect::Read);
        command.returns = true;
        command.control = Control::ReadHandler {
            name: table.name.clone(),
        };
        // The handler's name is that of its table unless it was given another; who follows the session knows.
        command.relations.push((table, Access::Read));
        if self.take_any(&["first", "next"]).is_none() {
            self.any_name()?;
            if self.take_any(&["first", "next", "prev", "last"]).is_none() {
                let operators = ["=", "<=", ">=", "<", ">"];
                if !operators.iter().any(|operator| self.take_symbol(operator)) {
                    return Err(self.unexpected());
                }
                command.expressions = self.bracketed(Self::expression)?;
            }
        }
        if self.take("where") {
            command.expressions.push(self.expression()?);
        }
        if self.is("limit") {
            self.limit(&mut command.expressions)?;
        }
        Ok(Statement::Command(command))
    }

    pub(super) fn do_statement(&mut self) -> Parsed<Statement> {
        self.at += 1;
        let items = self.items()?;
        Ok(Statement::Command(Command {
            kind: "do",
            effects: Effect::Read.into(),
            expressions: items.into_iter().map(|item| item.expression).collect(),
            ..Command::default()
        }))
    }

    pub(super) fn call_statement(&mut self) -> Parsed<Statement> {
        self.at += 1;
        let name = self.table_name()?;
        let arguments = if self.symbol("(") {
            self.bracketed(Self::expression)?
        } else {
            Vec::new()
        };
        // An argument that is a variable may be one that the routine sets.
        let writes = arguments
            .iter()
            .filter_map(|argument| match argument {
                Expr::Variable(name) => Some(name.clone()),
                _ => None,
            })
            .collect();
        Ok(Statement::Command(Command {
            kind: "call",
            effects: Effect::Call.into(),
            expressions: vec![Expr::Call(Box::new(crate::mysql::ast::Call {
                name: Name {
                    schema: name.schema,
                    name: fold(&name.name),
                },
                stored: true,
                arguments,
                distinct: false,
                order: Vec::new(),
                window: None,
            }))],
            returns: true,
            writes,
            ..Command::default()
        }))
    }
}

/// Whether an expression holds more than constants and columns.
fn reads(expression: &Expr) -> bool {
    !matches!(
        expression,
        Expr::Literal(_) | Expr::Number(_) | Expr::Null | Expr::Column { .. }
    )
}
