//! Statements, by kind.

use super::Tracer;
use super::from::renamed;
use crate::control::Control;
use crate::effect::Effect;
use crate::lineage::scope::{Column, Level, Source, whole_of};
use crate::lineage::{Flow, How, Stored};
use crate::mysql::ast::{Around, Command, Name, Set, Statement};
use crate::mysql::carrier;
use crate::statement::Access;

impl Tracer<'_> {
    /// A statement; its result's columns.
    pub(super) fn statement(&mut self, statement: &Statement) -> Vec<Column> {
        match statement {
            Statement::Query(query) => self.query(query),
            Statement::Insert(insert) => self.insert(insert),
            Statement::Update(update) => self.update(update),
            Statement::Delete(delete) => self.delete(delete),
            Statement::Set(sets) => {
                for set in sets {
                    self.set(set);
                }
                Vec::new()
            }
            Statement::Around { outer, inner, how } => self.around(outer, inner, *how),
            Statement::CreateTable {
                outer,
                name,
                query: Some(query),
                ..
            } => {
                self.loose(outer);
                let columns = self.query(query);
                for column in &columns {
                    self.may_fail(&column.flow.clone().through(How::Same));
                }
                self.makes(name, columns);
                Vec::new()
            }
            Statement::CreateView {
                name,
                columns: names,
                query,
                ..
            } => {
                let columns = renamed(self.query(query), names);
                self.makes(name, columns);
                Vec::new()
            }
            Statement::CreateTable { outer, .. } => {
                self.loose(outer);
                Vec::new()
            }
            Statement::Block { .. } => {
                self.lose("procedural code is not traced");
                vec![Column::many(Flow::CLEAN)]
            }
            Statement::Command(command) => self.command(command),
        }
    }

    fn makes(&mut self, name: &Name, columns: Vec<Column>) {
        for column in columns {
            if !column.flow.is_clean() {
                let schema = name.schema.clone().or_else(|| self.session.database.clone());
                self.stores.push(Stored {
                    schema,
                    relation: name.name.clone(),
                    column: column.name,
                    flow: column.flow,
                    new: true,
                });
            }
        }
    }

    fn set(&mut self, set: &Set) {
        match set {
            Set::Variable { name, value } => {
                let flow = self.expression(value);
                match name.strip_prefix('@') {
                    Some(name) => self.takes(name, &flow),
                    None => self.puts(name, &flow),
                }
            }
            Set::System { setting, value } => {
                if setting.value.is_none() {
                    let flow = self.expression(value);
                    // A value that the setting does not take is quoted in an error.
                    self.may_fail(&flow);
                    self.puts(&format!("@@{}", setting.name), &flow);
                }
            }
            Set::Fixed(_) => {}
        }
    }

    fn around(&mut self, outer: &Command, inner: &Statement, how: Around) -> Vec<Column> {
        match how {
            Around::Settings => {
                for value in &outer.expressions {
                    let flow = self.expression(value);
                    self.may_fail(&flow);
                    self.puts("a setting", &flow);
                }
                self.statement(inner)
            }
            Around::Explain { .. } => {
                let columns = self.statement(inner);
                let mut shown: Flow = columns.iter().map(|column| column.flow.clone()).collect();
                for condition in &self.conditions {
                    shown.merge(&Flow::of(condition.column));
                }
                // A plan quotes rows that were read while it was made.
                vec![Column::many(shown.through(How::Computed))]
            }
            Around::Immediate => {
                self.given(outer);
                self.statement(inner)
            }
            Around::Prepare if outer.kind == "prepare" => self.statement(inner),
            Around::Prepare => {
                self.lose("routines are not traced");
                Vec::new()
            }
        }
    }

    /// Values that an inner statement is given for its parameters.
    fn given(&mut self, command: &Command) {
        for value in &command.expressions {
            let flow = self.expression(value);
            if !flow.is_clean() {
                self.lose("a prepared statement is given something made of masked columns");
            }
        }
    }

    /// Expressions of a definition, over columns that are not in sight here.
    fn loose(&mut self, command: &Command) {
        if command.exposes {
            self.lose("definitions that show rows again are not traced");
        }
    }

    fn command(&mut self, command: &Command) -> Vec<Column> {
        match command.kind {
            "do" => {
                for value in &command.expressions {
                    self.expression(value);
                }
                Vec::new()
            }
            "handler" => self.handler(command),
            "execute" | "prepare" => {
                self.given(command);
                if !matches!(command.control, Control::Execute { .. }) {
                    self.lose("it runs a text that is known only when it runs");
                }
                vec![Column::many(Flow::CLEAN)]
            }
            "call" => {
                let shown: Flow = command
                    .expressions
                    .iter()
                    .map(|value| self.expression(value))
                    .collect();
                for name in &command.writes {
                    self.takes(name, &shown);
                }
                vec![Column::many(shown)]
            }
            "show" | "describe" | "explain" | "help" => {
                if command.effects.contains(Effect::Session) {
                    self.lose("it shows the plan of another session's statement");
                }
                for (name, access) in &command.relations {
                    if *access == Access::Read && carrier::carries(name.schema.as_deref(), &name.name) {
                        self.lose("it shows texts and values of other statements");
                    }
                }
                for value in &command.expressions {
                    self.levels
                        .push(Level::of(vec![Source::of(None, vec![Column::many(Flow::CLEAN)])]));
                    self.condition(value);
                    self.levels.pop();
                }
                vec![Column::many(Flow::CLEAN)]
            }
            "set" | "use" | "begin" | "commit" | "rollback" | "savepoint" | "release" | "xa"
            | "deallocate" | "lock" | "unlock" | "truncate" | "drop" | "kill" | "flush" | "grant"
            | "revoke" => {
                for value in &command.expressions {
                    let flow = self.expression(value);
                    self.decides(&flow);
                }
                Vec::new()
            }
            "load" => {
                let relations: Vec<_> = command.relations.clone();
                for (name, _) in &relations {
                    let target = self.relation(name);
                    self.levels
                        .push(Level::of(vec![Source::of(Some(&name.name), target)]));
                }
                for value in &command.expressions {
                    let flow = self.expression(value);
                    self.may_fail(&flow);
                    for (name, _) in &relations {
                        self.puts(&name.name, &flow);
                    }
                }
                for _ in &relations {
                    self.levels.pop();
                }
                Vec::new()
            }
            _ => {
                self.lose("this kind of statement is not traced");
                vec![Column::many(Flow::CLEAN)]
            }
        }
    }

    /// `HANDLER`: rows of a table without a query.
    fn handler(&mut self, command: &Command) -> Vec<Column> {
        let Control::ReadHandler { name } = &command.control else {
            return Vec::new();
        };
        let own = self
            .session
            .handlers
            .iter()
            .rev()
            .find(|(known, _)| known == name);
        let relation = own
            .map(|(_, relation)| relation.clone())
            .or_else(|| self.schema.handler(name));
        let table = match relation {
            Some((schema, name)) => Name { schema, name },
            None => match command.relations.first() {
                Some((name, _)) => name.clone(),
                None => return Vec::new(),
            },
        };
        let columns = self.relation(&table);
        // The index decides the order: which columns it has is not known here.
        let all = whole_of(&columns);
        if !command.expressions.is_empty() {
            self.levels
                .push(Level::of(vec![Source::of(Some(name), columns.clone())]));
            for value in &command.expressions {
                self.condition(value);
            }
            self.levels.pop();
        }
        self.decides(&all);
        columns
    }
}
