//! `SHOW`: what it lists, and what else can be in it.

use super::{Parsed, Parser, fold};
use crate::effect::Effect;
use crate::mysql::ast::{Command, Name, Statement};
use crate::statement::Access;

impl Parser<'_> {
    pub(super) fn show(&mut self) -> Parsed<Statement> {
        self.at += 1;
        let mut command = Command {
            kind: "show",
            effects: Effect::Read.into(),
            returns: true,
            ..Command::default()
        };
        while self
            .take_any(&[
                "full", "extended", "global", "session", "local", "slave", "all", "storage",
            ])
            .is_some()
        {}
        let what = fold(&self.any_name()?);
        match what.as_str() {
            // Texts and messages of this session or another, with the values that were in them.
            "warnings" | "errors" => command.relations.push(carrier("information_schema", &what)),
            // The last deadlock quotes the rows that it was about.
            "processlist" | "engine" | "explain" | "analyze" => {
                command
                    .relations
                    .push(carrier("information_schema", "PROCESSLIST"));
            }
            "binlog" | "relaylog" => {
                command.effects.insert(Effect::Replication);
                command.relations.push(carrier("information_schema", "BINLOG"));
            }
            "create" => {
                let object = fold(&self.any_name()?);
                if matches!(object.as_str(), "table" | "view" | "sequence") {
                    let name = self.table_name()?;
                    command.relations.push((name, Access::Define));
                }
            }
            "columns" | "fields" | "index" | "indexes" | "keys" => {
                if self.take_any(&["from", "in"]).is_none() {
                    return Err(self.unexpected());
                }
                let mut name = self.table_name()?;
                if self.take_any(&["from", "in"]).is_some() {
                    let schema = self.any_name()?;
                    name.schema = Some(self.table_part(schema));
                }
                command.relations.push((name, Access::Define));
            }
            _ => {}
        }
        // `WHERE` is a condition over what is listed; it may have sub-queries.
        while !self.ended() && !self.symbol(";") {
            if self.take("where") {
                command.expressions.push(self.expression()?);
            } else if self.symbol("(") {
                self.skip_brackets()?;
            } else if matches!(self.token().kind, crate::mysql::token::Kind::Bad) {
                return Err(self.unexpected());
            } else {
                self.at += 1;
            }
        }
        Ok(Statement::Command(command))
    }
}

/// A relation of the server's in which values of others' statements can be.
fn carrier(schema: &str, name: &str) -> (Name, Access) {
    let name = Name {
        schema: Some(schema.to_owned()),
        name: name.to_ascii_uppercase(),
    };
    (name, Access::Read)
}
