//! What administers the server.

use super::{Parsed, Parser};
use crate::effect::{Effect, Effects};
use crate::mysql::ast::{Command, Statement};
use crate::statement::Access;

impl Parser<'_> {
    pub(super) fn administration(&mut self, word: &str) -> Parsed<Statement> {
        use Effect as E;
        match word {
            "check" | "checksum" | "optimize" | "repair" => self.maintain(match word {
                "check" => "check",
                "checksum" => "checksum",
                "optimize" => "optimize",
                _ => "repair",
            }),
            "cache" => self.plain("cache", &[E::Maintenance]),
            "flush" => self.flush(),
            "reset" => self.reset(),
            "purge" => self.plain("purge", &[E::Replication]),
            "change" => self.plain("change", &[E::Replication]),
            "stop" => self.plain("stop", &[E::Replication]),
            "binlog" => self.plain("binlog", &[E::Replication, E::Write]),
            "backup" => self.plain("backup", &[E::Maintenance, E::Lock]),
            "kill" => {
                self.at += 1;
                while self
                    .take_any(&["hard", "soft", "connection", "query", "id", "user"])
                    .is_some()
                {}
                let value = self.expression()?;
                let expressions = vec![value];
                self.skip_rest()?;
                Ok(Statement::Command(Command {
                    kind: "kill",
                    effects: E::Session.into(),
                    expressions,
                    ..Command::default()
                }))
            }
            "shutdown" | "restart" => self.plain("shutdown", &[E::Session, E::Maintenance]),
            "clone" => self.plain("clone", &[E::Replication, E::ServerFile]),
            "install" | "uninstall" => self.install(),
            "help" => self.showing("help", &[]),
            "signal" | "resignal" => self.signal(),
            "get" => self.get_diagnostics(),
            _ => Err(self.unexpected()),
        }
    }

    /// `INSTALL PLUGIN`, `INSTALL COMPONENT`: code of the server's host.
    fn install(&mut self) -> Parsed<Statement> {
        let installs = self.is("install");
        self.plain(
            if installs { "install" } else { "uninstall" },
            &[Effect::Program, Effect::Code, Effect::Alter],
        )
    }

    /// `ANALYZE TABLE`, `CHECK TABLE` and the like: they name tables and report of each.
    pub(super) fn maintain(&mut self, kind: &'static str) -> Parsed<Statement> {
        self.at += 1;
        self.take_any(&["local", "no_write_to_binlog"]);
        let mut command = Command {
            kind,
            effects: Effect::Maintenance.into(),
            returns: true,
            ..Command::default()
        };
        if self.take("view") || self.take_any(&["table", "tables"]).is_some() {
            let names = self.table_names()?;
            // A checksum is made of the rows.
            let access = if kind == "checksum" {
                command.effects.insert(Effect::Read);
                command.wide = true;
                Access::Read
            } else {
                Access::Define
            };
            command
                .relations
                .extend(names.into_iter().map(|name| (name, access)));
            self.skip_rest()?;
            return Ok(Statement::Command(command));
        }
        Err(self.unexpected())
    }

    fn flush(&mut self) -> Parsed<Statement> {
        self.at += 1;
        self.take_any(&["local", "no_write_to_binlog"]);
        let mut command = Command {
            kind: "flush",
            effects: Effect::Maintenance.into(),
            ..Command::default()
        };
        if self.is("privileges") {
            command.effects.insert(Effect::Grant);
        }
        if self.take_any(&["table", "tables"]).is_some() {
            if !self.ended() && !self.symbol(";") && !self.is("with") {
                let names = self.table_names()?;
                command
                    .relations
                    .extend(names.into_iter().map(|name| (name, Access::Define)));
            }
            if self.is_any(&["with", "for"]) {
                command.effects.insert(Effect::Lock);
            }
        }
        self.skip_rest()?;
        Ok(Statement::Command(command))
    }

    fn reset(&mut self) -> Parsed<Statement> {
        let next = self.ahead(1);
        let persisted = self.is_word(next, "persist");
        let cache = self.is_word(next, "query");
        self.plain(
            "reset",
            if persisted {
                &[Effect::Settings, Effect::Alter]
            } else if cache {
                &[Effect::Maintenance]
            } else {
                &[Effect::Replication]
            },
        )
    }

    /// A statement that only shows something that holds nobody's rows.
    pub(super) fn showing(&mut self, kind: &'static str, effects: &[Effect]) -> Parsed<Statement> {
        self.skip_rest()?;
        Ok(Statement::Command(Command {
            kind,
            effects: Effects::of(effects).union(Effect::Read.into()),
            returns: true,
            ..Command::default()
        }))
    }
}
