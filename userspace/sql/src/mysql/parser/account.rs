//! Accounts and their privileges.

use super::{Parsed, Parser};
use crate::effect::{Effect, Effects};
use crate::mysql::ast::{Command, Statement};
use crate::mysql::token::Kind;
use crate::statement::Access;

impl Parser<'_> {
    /// `'user'@'host'`, `user`, `CURRENT_USER()`.
    pub(super) fn account(&mut self) -> Parsed<()> {
        match self.token().kind {
            Kind::Text => {
                self.text()?;
            }
            Kind::Word | Kind::Name => self.at += 1,
            _ => return Err(self.unexpected()),
        }
        if self.token().kind == Kind::Variable {
            self.at += 1;
        } else if self.symbol("(") {
            self.skip_brackets()?;
        }
        Ok(())
    }

    /// `GRANT` and `REVOKE`, of privileges and of roles.
    pub(super) fn grant(&mut self) -> Parsed<Statement> {
        let mut command = Command {
            kind: if self.is("grant") { "grant" } else { "revoke" },
            effects: Effects::of(&[Effect::Grant]),
            ..Command::default()
        };
        self.at += 1;
        // Privileges have an object; roles have none.
        loop {
            if self.ended() || self.symbol(";") || self.is_any(&["to", "from"]) {
                command.effects.insert(Effect::RoleChange);
                break;
            }
            if self.take("on") {
                let routine = self.is_any(&["procedure", "function", "library", "package"]);
                if routine || self.is("table") {
                    self.at += 1;
                }
                if !routine && let Ok(name) = self.table_name() {
                    command.relations.push((name, Access::Define));
                }
                break;
            }
            if self.symbol("(") {
                self.skip_brackets()?;
            } else {
                self.at += 1;
            }
        }
        self.skip_rest()?;
        Ok(Statement::Command(command))
    }
}
