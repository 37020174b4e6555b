//! Statements that change rows.

use super::Walker;
use crate::effect::Effect;
use crate::mysql::ast::{Assignment, Delete, Expr, Insert, Joined, Name, Table, Update};
use crate::mysql::condition;
use crate::statement::Access;

impl Walker {
    pub(super) fn insert(&mut self, insert: &Insert) {
        self.facts.effects.extend([Effect::Write, Effect::Insert]);
        if insert.replace {
            self.facts.does(Effect::Delete);
        }
        self.relation(&insert.table, Access::Write);
        self.facts.sink = true;
        for row in &insert.rows {
            self.expressions(row);
        }
        if let Some(query) = &insert.query {
            self.query(query);
        }
        if !insert.update.is_empty() {
            self.facts.does(Effect::Update);
            self.assignments(&insert.update, std::slice::from_ref(&insert.table));
        }
        self.returning(&insert.returning, std::slice::from_ref(&insert.table));
    }

    pub(super) fn update(&mut self, update: &Update) {
        self.facts.effects.extend([Effect::Write, Effect::Update]);
        self.facts.sink = true;
        let shown = self.expressions.len();
        if let Some(with) = &update.with {
            self.with(with);
        }
        let bases = bases(&update.from);
        let named = |alias: &str| {
            let mut assignments = update.assignments.iter();
            assignments.any(|one| one.table.as_deref().is_none_or(|table| table == alias))
        };
        let written: Vec<Name> = bases
            .iter()
            .filter(|(alias, _)| bases.len() == 1 || named(alias))
            .map(|(_, name)| (*name).clone())
            .collect();
        self.targets(&update.from, &written);
        self.assignments(&update.assignments, &written);
        self.narrowing(
            &update.from,
            update.condition.as_ref(),
            Effect::UpdateWithoutWhere,
        );
        self.expressions(&update.order);
        self.expressions(&update.limit);
        self.returning(&update.returning, &written);
        self.expressions.truncate(shown);
    }

    pub(super) fn delete(&mut self, delete: &Delete) {
        self.facts.effects.extend([Effect::Write, Effect::Delete]);
        let shown = self.expressions.len();
        if let Some(with) = &delete.with {
            self.with(with);
        }
        let bases = bases(&delete.from);
        let mut written: Vec<Name> = Vec::new();
        for target in &delete.targets {
            let found = bases.iter().find(|(alias, name)| {
                (target.schema.is_none() && *alias == target.name) || **name == *target
            });
            written.push(found.map_or_else(|| target.clone(), |(_, name)| (*name).clone()));
        }
        self.targets(&delete.from, &written);
        self.narrowing(
            &delete.from,
            delete.condition.as_ref(),
            Effect::DeleteWithoutWhere,
        );
        self.expressions(&delete.order);
        self.expressions(&delete.limit);
        self.returning(&delete.returning, &written);
        self.expressions.truncate(shown);
    }

    /// The tables of a change: those that are written, and the rest, which are read.
    fn targets(&mut self, from: &[Joined], written: &[Name]) {
        for name in written {
            self.relation(name, Access::Write);
        }
        let mut others = Self::new(self.settings);
        others.expressions.clone_from(&self.expressions);
        others.tables(from);
        // A table that is written is read only where its values go on.
        let reads = bases(from)
            .iter()
            .filter(|(_, name)| !written.contains(name) && !self.is_expression(name))
            .count();
        let derived = others.facts.reads.saturating_sub(bases(from).len());
        let relations = std::mem::take(&mut others.facts.relations).into_vec();
        for relation in relations {
            let own = written
                .iter()
                .any(|name| name.schema == relation.schema && name.name == relation.name);
            if !own {
                self.facts
                    .relation(relation.schema.as_deref(), &relation.name, relation.access);
            }
        }
        others.facts.reads = reads + derived;
        if others.facts.reads > 0 {
            self.facts.does(Effect::Read);
        }
        self.absorb(others);
    }

    fn narrowing(&mut self, from: &[Joined], condition: Option<&Expr>, without: Effect) {
        if let Some(condition) = condition {
            self.expression(condition);
        }
        let joins = from.iter().flat_map(|joined| &joined.rest);
        let joined = joins.into_iter().any(|join| {
            join.natural
                || !join.using.is_empty()
                || join.on.as_ref().is_some_and(|on| !condition::always(on))
        });
        if condition.is_none_or(condition::always) && !joined {
            self.facts.does(without);
        }
    }

    /// Assignments: a column that is made of itself stays where it is, one that is made of others is read.
    fn assignments(&mut self, assignments: &[Assignment], written: &[Name]) {
        for one in assignments {
            let mut own = Self::new(self.settings);
            own.expressions.clone_from(&self.expressions);
            own.expression(&one.value);
            let mut columns = own.facts.columns.keys();
            let others = columns.any(|name| *name != one.column) || own.facts.wide;
            drop(columns);
            if others && own.facts.reads == 0 && !is_inserted(&one.value) {
                for name in written {
                    own.relation(name, Access::Read);
                }
                own.facts.does(Effect::Read);
            }
            self.absorb(own);
        }
    }

    fn returning(&mut self, items: &[crate::mysql::ast::Item], written: &[Name]) {
        let before = self.facts.columns.keys().count();
        self.items(items);
        if self.facts.columns.keys().count() > before || self.facts.wide && !items.is_empty() {
            self.facts.does(Effect::Read);
            for name in written {
                // What comes back goes to the client and nowhere else.
                self.facts
                    .relation(name.schema.as_deref(), &name.name, Access::Read);
            }
        }
    }
}

/// Whether a value is what was to be inserted, and nothing that is there already.
fn is_inserted(value: &Expr) -> bool {
    matches!(value, Expr::Inserted(_))
}

/// The tables that a list names, each by the name it has in the statement.
pub(in crate::mysql) fn bases(from: &[Joined]) -> Vec<(&str, &Name)> {
    let mut all = Vec::new();
    for joined in from {
        let tables = std::iter::once(&joined.first).chain(joined.rest.iter().map(|join| &join.table));
        for table in tables {
            match table {
                Table::Base { name, alias, .. } => {
                    all.push((alias.as_deref().unwrap_or(name.name.as_str()), name));
                }
                Table::Nested(inner) => all.extend(bases(inner)),
                Table::Derived { .. } | Table::Json { .. } => {}
            }
        }
    }
    all
}
