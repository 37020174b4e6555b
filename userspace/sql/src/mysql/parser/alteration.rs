//! Definitions that are changed or removed.

use super::{Parsed, Parser, fold};
use crate::effect::{Effect, Effects};
use crate::mysql::ast::{Command, Name, Statement};
use crate::statement::Access;

impl Parser<'_> {
    pub(super) fn alter(&mut self) -> Parsed<Statement> {
        self.at += 1;
        let mut command = Command {
            kind: "alter",
            effects: Effect::Alter.into(),
            ..Command::default()
        };
        self.take("ignore");
        self.modifiers()?;
        let word = fold(&self.any_name()?);
        match word.as_str() {
            "table" => self.alter_table(command),
            "view" => self.create_view(command),
            "event" => self.alter_event(command),
            "procedure" | "function" => {
                command.effects.insert(Effect::Code);
                self.skip_rest()?;
                Ok(Statement::Command(command))
            }
            "instance" => {
                command.effects.insert(Effect::Maintenance);
                self.skip_rest()?;
                Ok(Statement::Command(command))
            }
            "resource" => {
                self.skip_rest()?;
                Ok(Statement::Command(command))
            }
            _ => self.named_only(command, &word),
        }
    }

    fn alter_table(&mut self, mut command: Command) -> Parsed<Statement> {
        self.if_exists();
        let name = self.table_name()?;
        command.relations.push((name.clone(), Access::Define));
        while !self.ended() && !self.symbol(";") {
            if self.take("rename") {
                if self.is_any(&["column", "index", "key"]) {
                    let column = self.is("column");
                    self.at += 1;
                    self.if_exists();
                    self.any_name()?;
                    self.expect("to")?;
                    self.any_name()?;
                    if column {
                        shows_again(&mut command, &name);
                    }
                } else {
                    self.take_any(&["to", "as"]);
                    self.take_symbol("=");
                    let new = self.table_name()?;
                    command.relations.push((new, Access::Define));
                    shows_again(&mut command, &name);
                }
            } else if self.is("change") {
                self.at += 1;
                self.take("column");
                self.if_exists();
                let old = self.any_name()?;
                let new = self.any_name()?;
                if fold(&old) != fold(&new) {
                    shows_again(&mut command, &name);
                }
            } else if self.take_all(&["exchange", "partition"]) {
                self.any_name()?;
                self.expect("with")?;
                self.expect("table")?;
                let other = self.table_name()?;
                command.relations.push((other.clone(), Access::Define));
                shows_again(&mut command, &name);
                shows_again(&mut command, &other);
                command.effects.insert(Effect::Write);
            } else if self.take_all(&["convert", "table"]) || self.take_all(&["convert", "partition"]) {
                // MariaDB turns tables into partitions and back.
                shows_again(&mut command, &name);
                let start = self.at;
                while !self.ended() && !self.symbol(";") {
                    if let Ok(other) = self.table_name() {
                        shows_again(&mut command, &other);
                    } else {
                        self.at += 1;
                    }
                }
                self.at = start;
                self.skip_rest()?;
            } else if self.take_all(&["truncate", "partition"]) {
                command.effects.extend([Effect::Truncate, Effect::Write]);
            } else if self.take_all(&["drop", "partition"]) {
                command.effects.extend([Effect::Drop, Effect::Write]);
            } else if self.is_any(&["discard", "import"]) {
                self.at += 1;
                command.effects.extend([Effect::ServerFile, Effect::Write]);
            } else if self.is_any(&["analyze", "check", "optimize", "repair", "rebuild"])
                && self.is_word(self.ahead(1), "partition")
            {
                self.at += 2;
                command.effects.insert(Effect::Maintenance);
                command.returns = true;
            } else if self.are(&["set", "default"]) || self.are(&["drop", "default"]) {
                self.at += 1;
            } else if self.is("order") {
                let mut order = Vec::new();
                self.order_by(&mut order)?;
                command.expressions.extend(order);
            } else {
                self.loose_token(&mut command)?;
            }
        }
        Ok(Statement::Command(command))
    }

    pub(super) fn drop_statement(&mut self) -> Parsed<Statement> {
        self.at += 1;
        let mut command = Command {
            kind: "drop",
            effects: Effect::Drop.into(),
            ..Command::default()
        };
        while self
            .take_any(&["temporary", "online", "offline", "undo"])
            .is_some()
        {}
        let word = fold(&self.any_name()?);
        match word.as_str() {
            "table" | "tables" | "view" | "sequence" => {
                self.if_exists();
                let names = self.table_names()?;
                command
                    .relations
                    .extend(names.into_iter().map(|name| (name, Access::Define)));
                self.skip_rest()?;
            }
            "index" => {
                self.if_exists();
                self.any_name()?;
                self.expect("on")?;
                let name = self.table_name()?;
                command.relations.push((name, Access::Define));
                self.skip_rest()?;
            }
            "database" | "schema" | "procedure" | "function" | "trigger" | "event" | "server"
            | "resource" | "package" | "library" | "spatial" => self.skip_rest()?,
            "user" | "role" => {
                command.effects.insert(Effect::RoleChange);
                self.skip_rest()?;
            }
            "tablespace" | "logfile" => {
                command.effects.insert(Effect::ServerFile);
                self.skip_rest()?;
            }
            _ => return Err(self.unexpected()),
        }
        Ok(Statement::Command(command))
    }

    /// `RENAME TABLE a TO b, …`, `RENAME USER`.
    pub(super) fn rename(&mut self) -> Parsed<Statement> {
        self.at += 1;
        if self.take("user") {
            return self.plain("rename", &[Effect::Alter, Effect::RoleChange]);
        }
        let mut command = Command {
            kind: "rename",
            effects: Effect::Alter.into(),
            ..Command::default()
        };
        if self.take_any(&["table", "tables"]).is_none() {
            return Err(self.unexpected());
        }
        self.if_exists();
        self.list(|parser| {
            let old = parser.table_name()?;
            parser.take("nowait");
            if parser.take("wait") {
                parser.at += 1;
            }
            parser.expect("to")?;
            let new = parser.table_name()?;
            command.relations.push((old.clone(), Access::Define));
            command.relations.push((new, Access::Define));
            shows_again(&mut command, &old);
            Ok(())
        })?;
        Ok(Statement::Command(command))
    }

    pub(super) fn truncate(&mut self) -> Parsed<Statement> {
        self.at += 1;
        self.take("table");
        let name = self.table_name()?;
        self.skip_rest()?;
        Ok(Statement::Command(Command {
            kind: "truncate",
            effects: Effects::of(&[Effect::Truncate, Effect::Write]),
            relations: vec![(name, Access::Write)],
            ..Command::default()
        }))
    }

    fn alter_event(&mut self, mut command: Command) -> Parsed<Statement> {
        command.effects.insert(Effect::Code);
        self.if_exists();
        self.table_name()?;
        while !self.ended() && !self.symbol(";") {
            if self.take("do") {
                let statements = vec![self.statement()?];
                return Ok(Statement::Block {
                    outer: command,
                    statements,
                });
            }
            self.at += 1;
        }
        Ok(Statement::Command(command))
    }
}

/// A table's rows become reachable under another name.
fn shows_again(command: &mut Command, name: &Name) {
    command.exposes = true;
    command.effects.insert(Effect::Read);
    command.relations.push((name.clone(), Access::Read));
}
