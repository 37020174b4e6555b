//! `SET` in all its forms.

use super::{Parsed, Parser, fold};
use crate::effect::{Effect, Effects};
use crate::mysql::ast::{Around, Command, Expr, Set, Statement};
use crate::mysql::token::Kind;
use crate::statement::Setting;

impl Parser<'_> {
    pub(super) fn set(&mut self) -> Parsed<Statement> {
        self.at += 1;
        let fixed = |kind, effects: &[Effect]| Command {
            kind,
            effects: Effects::of(effects),
            ..Command::default()
        };
        // `SET STATEMENT a = 1, b = 2 FOR …`
        if self.is("statement") && self.settings.maria() && !self.symbol_ahead(1, "=") {
            self.at += 1;
            let sets = self.list(Self::set_item)?;
            self.expect("for")?;
            let inner = Box::new(self.statement()?);
            let mut outer = fixed("set", &[Effect::Settings]);
            for set in sets {
                if let Set::System { setting, value } = set {
                    outer.settings.push(setting);
                    outer.expressions.push(value);
                }
            }
            return Ok(Statement::Around {
                outer,
                inner,
                how: Around::Settings,
            });
        }
        if self.is("password") {
            self.skip_rest()?;
            return Ok(Statement::Command(fixed(
                "set",
                &[Effect::RoleChange, Effect::Alter],
            )));
        }
        if self.are(&["default", "role"]) || self.is("role") {
            self.skip_rest()?;
            return Ok(Statement::Command(fixed("set", &[Effect::RoleChange])));
        }
        if self.are(&["resource", "group"]) {
            self.skip_rest()?;
            return Ok(Statement::Command(fixed("set", &[Effect::Settings])));
        }
        let scoped = usize::from(self.is_any(&["global", "session", "local"]));
        if self.is_word(self.ahead(scoped), "transaction") {
            self.at += scoped;
            self.skip_rest()?;
            return Ok(Statement::Command(fixed(
                "set",
                &[Effect::Settings, Effect::Transaction],
            )));
        }
        Ok(Statement::Set(self.list(Self::set_item)?))
    }

    fn set_item(&mut self) -> Parsed<Set> {
        if self.token().kind == Kind::Variable {
            let name = format!("@{}", self.variable_name()?);
            self.equals()?;
            let value = self.expression()?;
            return Ok(Set::Variable { name, value });
        }
        if self.is("names") || self.are(&["character", "set"]) || self.is("charset") {
            let name = if self.take("names") {
                "names"
            } else {
                "character_set_client"
            };
            self.take("character");
            self.take_any(&["set", "charset"]);
            let value = if self.symbol("=") { None } else { self.word_value() };
            if value.is_none() && !self.is("default") {
                // `SET names = …` is a variable of a routine; a computed value is none.
                self.equals()?;
                let value = self.expression()?;
                return Ok(Set::Variable {
                    name: name.to_owned(),
                    value,
                });
            }
            self.take("default");
            if self.take("collate") && !self.take("default") {
                self.word_value();
            }
            return Ok(Set::Fixed(Setting {
                name: name.to_owned(),
                value,
                local: false,
                global: false,
            }));
        }
        let mut global = false;
        let mut scoped = false;
        if self.take_symbol("@@") {
            scoped = true;
            if self.is_scope(0) && self.symbol_ahead(1, ".") {
                global = !self.is_name(0, "session") && !self.is_name(0, "local");
                self.at += 2;
            }
        } else if self.is_scope(0) && !self.symbol_ahead(1, "=") && !self.symbol_ahead(1, ":=") {
            global = !self.is_any(&["session", "local"]);
            scoped = true;
            self.at += 1;
        }
        let mut name = fold(&self.any_name()?);
        while self.take_symbol(".") {
            name = format!("{name}.{}", fold(&self.any_name()?));
        }
        self.equals()?;
        let value = self.set_value()?;
        if !scoped && (self.locals.contains(&name) || name.starts_with("new.") || name.starts_with("old.")) {
            return Ok(Set::Variable { name, value });
        }
        let constant = match &value {
            Expr::Literal(text) | Expr::Number(text) => Some(text.clone()),
            Expr::Column {
                schema: None,
                table: None,
                name,
            } => Some(name.clone()),
            _ => None,
        };
        Ok(Set::System {
            setting: Setting {
                name,
                value: constant,
                local: false,
                global,
            },
            value,
        })
    }

    fn is_scope(&self, by: usize) -> bool {
        ["global", "session", "local", "persist", "persist_only"]
            .iter()
            .any(|scope| self.is_name(by, scope))
    }

    /// Whether a word of that name comes, be it a keyword or a name before a dot.
    fn is_name(&self, by: usize, name: &str) -> bool {
        let token = self.ahead(by);
        matches!(token.kind, Kind::Word | Kind::Name)
            && token.bytes(self.text).eq_ignore_ascii_case(name.as_bytes())
    }

    fn equals(&mut self) -> Parsed<()> {
        if self.take_symbol("=") {
            Ok(())
        } else {
            self.expect_symbol(":=")
        }
    }

    /// A value of a setting: an expression, or one of the words that are none.
    fn set_value(&mut self) -> Parsed<Expr> {
        if self.is_any(&["on", "all", "binary", "row", "system"]) {
            let follows = self.ahead(1).kind;
            if matches!(follows, Kind::End | Kind::Symbol(";" | ",")) || self.is_word(self.ahead(1), "for") {
                return self.any_name().map(Expr::Literal);
            }
        }
        self.expression()
    }

    /// A name or string as a constant.
    fn word_value(&mut self) -> Option<String> {
        if self.token().kind == Kind::Text {
            return self.text().ok();
        }
        if self.is("default") {
            return None;
        }
        self.any_name().ok()
    }
}
