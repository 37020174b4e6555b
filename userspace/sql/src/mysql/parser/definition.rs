//! Definitions: what is made, changed or removed, and the queries and expressions that stand in them.

use super::{Parsed, Parser, fold};
use crate::effect::Effect;
use crate::mysql::ast::{Around, Command, Expr, Statement};
use crate::mysql::token::Kind;
use crate::statement::{Access, Gap};

impl Parser<'_> {
    pub(super) fn create(&mut self) -> Parsed<Statement> {
        self.at += 1;
        let mut command = Command {
            kind: "create",
            effects: Effect::Create.into(),
            ..Command::default()
        };
        if self.take_all(&["or", "replace"]) {
            command.effects.insert(Effect::Drop);
        }
        self.modifiers()?;
        let word = fold(&self.any_name()?);
        match word.as_str() {
            "table" => self.create_table(command),
            "view" => self.create_view(command),
            "index" => {
                self.if_exists();
                self.raw_name()?;
                self.index_kind();
                self.expect("on")?;
                let table = self.table_name()?;
                command.relations.push((table, Access::Define));
                self.loose(&mut command)?;
                Ok(Statement::Command(command))
            }
            "procedure" | "function" | "trigger" | "event" => self.create_routine(command, &word),
            "resource" => {
                command.effects.insert(Effect::Settings);
                self.skip_rest()?;
                Ok(Statement::Command(command))
            }
            // A spatial reference system.
            "reference" => {
                self.skip_rest()?;
                Ok(Statement::Command(command))
            }
            _ => self.named_only(command, &word),
        }
    }

    /// `CREATE` and `ALTER` of an object of which no more than its kind and its name counts.
    pub(super) fn named_only(&mut self, mut command: Command, word: &str) -> Parsed<Statement> {
        match word {
            "sequence" => {
                self.if_exists();
                let name = self.table_name()?;
                command.relations.push((name, Access::Define));
            }
            "user" | "role" => command.effects.insert(Effect::RoleChange),
            "server" => command.effects.insert(Effect::Program),
            "tablespace" | "logfile" => command.effects.insert(Effect::ServerFile),
            "database" | "schema" => {}
            // Packages, libraries, duality views.
            _ => return Err(self.unexpected()),
        }
        self.skip_rest()?;
        Ok(Statement::Command(command))
    }

    /// What stands between `CREATE` or `ALTER` and the object.
    pub(super) fn modifiers(&mut self) -> Parsed<()> {
        loop {
            if self.is_any(&["algorithm", "definer"]) && self.symbol_ahead(1, "=") {
                let definer = self.is("definer");
                self.at += 2;
                if definer {
                    self.account()?;
                } else {
                    self.any_name()?;
                }
            } else if self.take_all(&["sql", "security"]) {
                self.any_name()?;
            } else if self
                .take_any(&[
                    "temporary",
                    "unique",
                    "fulltext",
                    "spatial",
                    "vector",
                    "aggregate",
                    "online",
                    "offline",
                    "undo",
                ])
                .is_none()
            {
                return Ok(());
            }
        }
    }

    pub(super) fn if_exists(&mut self) {
        if self.take("if") {
            self.take("not");
            self.take("exists");
        }
    }

    fn index_kind(&mut self) {
        if self.take("using") {
            self.at += 1;
        }
    }

    fn create_table(&mut self, mut command: Command) -> Parsed<Statement> {
        self.if_exists();
        let name = self.table_name()?;
        command.relations.push((name.clone(), Access::Define));
        if self.take("like") {
            let like = self.table_name()?;
            command.relations.push((like, Access::Define));
            self.skip_rest()?;
            return Ok(Statement::Command(command));
        }
        if self.symbol("(") && self.is_word(self.ahead(1), "like") {
            self.at += 2;
            let like = self.table_name()?;
            command.relations.push((like, Access::Define));
            self.expect_symbol(")")?;
            return Ok(Statement::Command(command));
        }
        if self.symbol("(") && !self.opens_subquery() {
            self.at += 1;
            loop {
                self.loose_until(&mut command, &[",", ")"])?;
                if !self.take_symbol(",") {
                    break;
                }
            }
            self.expect_symbol(")")?;
        }
        // Options, partitions, then perhaps a query.
        let (mut connects, mut keeps) = (false, false);
        let query = loop {
            if self.ended() || self.symbol(";") {
                break None;
            }
            if self.take("as") || self.take_all(&["with", "system", "versioning"]) {
                continue;
            }
            if self.starts_query() || (self.symbol("(") && self.opens_subquery()) {
                command.effects.insert(Effect::Write);
                break Some(Box::new(self.query()?));
            }
            if self.names_connection() {
                connects = true;
                self.at += 1;
            } else {
                if self.is("engine") {
                    keeps = self.names_own_engine();
                }
                self.loose_token(&mut command)?;
            }
        };
        if connects && !keeps {
            command.effects.insert(Effect::Program);
        }
        Ok(Statement::CreateTable {
            outer: command,
            name,
            query,
        })
    }

    fn names_connection(&self) -> bool {
        self.is("connection") && (self.symbol_ahead(1, "=") || self.ahead(1).kind == Kind::Text)
    }

    /// Whether `ENGINE` names one that every server has and that makes no connection, whatever a table's options say.
    fn names_own_engine(&self) -> bool {
        let engine = self.ahead(if self.symbol_ahead(1, "=") { 2 } else { 1 });
        let engine = engine.value(self.text, self.settings).to_ascii_lowercase();
        ["innodb", "myisam", "memory", "heap"].contains(&engine.as_str())
    }

    fn opens_subquery(&self) -> bool {
        let mut by = 0;
        while self.symbol_ahead(by, "(") {
            by += 1;
        }
        let token = self.ahead(by);
        ["select", "with", "values", "table"]
            .iter()
            .any(|word| self.is_word(token, word))
    }

    pub(super) fn create_view(&mut self, mut command: Command) -> Parsed<Statement> {
        self.if_exists();
        let name = self.table_name()?;
        command.relations.push((name.clone(), Access::Define));
        let columns = if self.symbol("(") {
            self.bracketed(Self::column_name)?
        } else {
            Vec::new()
        };
        self.expect("as")?;
        let query = Box::new(self.query()?);
        if self.take("with") {
            self.take_any(&["cascaded", "local"]);
            self.expect("check")?;
            self.expect("option")?;
        }
        Ok(Statement::CreateView {
            outer: command,
            name,
            columns,
            query,
        })
    }

    /// Definitions up to one of these marks, outside parentheses.
    fn loose_until(&mut self, command: &mut Command, stops: &[&str]) -> Parsed<()> {
        while !stops.iter().any(|stop| self.symbol(stop)) {
            if matches!(self.token().kind, Kind::End | Kind::Bad) || self.symbol(";") {
                return Err(self.unexpected());
            }
            self.loose_token(command)?;
        }
        Ok(())
    }

    /// Definitions to the end of the statement.
    fn loose(&mut self, command: &mut Command) -> Parsed<()> {
        while !self.ended() && !self.symbol(";") {
            self.loose_token(command)?;
        }
        Ok(())
    }

    /// One piece of a definition: what can hold an expression is parsed as one, what names a relation is noted, the rest says
    /// nothing that counts beyond making or changing an object.
    pub(super) fn loose_token(&mut self, command: &mut Command) -> Parsed<()> {
        let token = self.token();
        match token.kind {
            Kind::Bad | Kind::End => return Err(self.unexpected()),
            Kind::Symbol("(") => return self.loose_bracket(command),
            Kind::Word => {}
            _ => {
                self.at += 1;
                return Ok(());
            }
        }
        if self.take_any(&["references", "like"]).is_some() {
            let name = self.table_name()?;
            command.relations.push((name, Access::Define));
        } else if self.take("union") {
            self.take_symbol("=");
            let tables = self.bracketed(Self::table_name)?;
            // A table of others shows their rows.
            command.exposes = true;
            command
                .relations
                .extend(tables.into_iter().map(|name| (name, Access::Read)));
        } else if self.is_any(&["as", "check"]) && self.symbol_ahead(1, "(") {
            let generated = self.is("as");
            self.at += 1;
            let value = self.nested(Self::parenthesis)?;
            // A check is asked of every row; a generated column shows what it is made of.
            command.exposes |= generated;
            command.expressions.push(value);
        } else if self.is("default") && self.symbol_ahead(1, "(") {
            self.at += 1;
            let value = self.nested(Self::parenthesis)?;
            command.expressions.push(value);
        } else if self.take("default") {
            let words = ["character", "charset", "char", "collate", "encryption"];
            let ends = ["(", ")", ",", ";"].iter().any(|mark| self.symbol(mark));
            if !self.ended() && !ends && !self.is_any(&words) {
                let value = self.values_of_bits()?;
                command.expressions.push(value);
            }
        } else if self.take_any(&["collate", "set", "charset"]).is_some() {
            self.take_symbol("=");
            self.take("default");
        } else if self.take_all(&["on", "update"]) || self.take_all(&["on", "delete"]) {
            self.at += 1;
        } else if self.is_any(&["data", "index"]) && self.is_word(self.ahead(1), "directory") {
            self.at += 2;
            command.effects.insert(Effect::ServerFile);
        } else if self.names_connection() {
            self.at += 1;
            command.effects.insert(Effect::Program);
        } else if self.is("engine") {
            self.at += 1;
            self.take_symbol("=");
            let engine = self.token().value(self.text, self.settings).to_ascii_lowercase();
            if matches!(
                engine.as_str(),
                "federated" | "connect" | "spider" | "federatedx" | "s3"
            ) {
                command.effects.insert(Effect::Program);
            }
            self.at += 1;
        } else if self.is("partition") && self.is_word(self.ahead(1), "by") {
            self.at += 2;
        } else {
            self.at += 1;
        }
        Ok(())
    }

    /// A parenthesis in a definition: lengths, lists of columns, values, partitions.
    fn loose_bracket(&mut self, command: &mut Command) -> Parsed<()> {
        self.nested(|parser| {
            parser.expect_symbol("(")?;
            // A key's part, a partition's expression: whatever is an expression is taken as one.
            let start = parser.at;
            let mut expressions = Vec::new();
            let parsed = loop {
                match parser.expression() {
                    Ok(value) => expressions.push(value),
                    Err(gap) => break Err(gap),
                }
                parser.take_any(&["asc", "desc"]);
                if !parser.take_symbol(",") {
                    break parser.expect_symbol(")");
                }
            };
            if parsed.is_ok() {
                // Keys over expressions; a list of columns is one of columns.
                command
                    .expressions
                    .extend(expressions.into_iter().filter(|value| {
                        !is_prefix(value)
                            && !matches!(value, Expr::Column { .. } | Expr::Literal(_) | Expr::Number(_))
                    }));
                return Ok(());
            }
            parser.at = start;
            while !parser.symbol(")") {
                parser.loose_token(command)?;
            }
            parser.expect_symbol(")")
        })
    }

    /// A routine with a body that is parsed, or of which it is said why not.
    fn create_routine(&mut self, mut command: Command, what: &str) -> Parsed<Statement> {
        command.effects.insert(Effect::Code);
        self.if_exists();
        self.table_name()?;
        if self.is("soname") || (self.is("returns") && self.is_word(self.ahead(2), "soname")) {
            command.effects.insert(Effect::Program);
            self.skip_rest()?;
            return Ok(Statement::Command(command));
        }
        if what == "trigger" {
            // Time and event; the table.
            while !self.is("on") && !self.ended() {
                self.at += 1;
            }
            self.expect("on")?;
            let table = self.table_name()?;
            command.relations.push((table.clone(), Access::Define));
            command.relations.push((table, Access::Read));
            command.wide = true;
            if !self.take_all(&["for", "each"]) || self.take_any(&["row", "statement"]).is_none() {
                return Err(self.unexpected());
            }
            if self.take_any(&["follows", "precedes"]).is_some() {
                self.any_name()?;
            }
        } else if what == "event" {
            while !self.is("do") && !self.ended() {
                self.at += 1;
            }
            self.expect("do")?;
        } else {
            self.routine_head(&mut command)?;
        }
        let body = match self.body() {
            Ok(body) => body,
            Err(Gap::Unparsable(why)) => return Err(Gap::Body(why)),
            Err(gap) => return Err(gap),
        };
        Ok(Statement::Around {
            outer: command,
            inner: Box::new(body),
            how: Around::Prepare,
        })
    }
}

/// `column(3)`: a key over the beginning of a column, which looks like a call.
fn is_prefix(value: &Expr) -> bool {
    match value {
        Expr::Call(call) => {
            call.name.schema.is_none() && matches!(call.arguments.as_slice(), [Expr::Number(_)])
        }
        _ => false,
    }
}
