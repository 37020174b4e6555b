//! Queries and what they read.

use super::Walker;
use crate::effect::Effect;
use crate::mysql::ast::{Body, Into, Item, Joined, Name, Query, Select, Table, With};
use crate::statement::Access;

impl Walker {
    pub(super) fn query(&mut self, query: &Query) {
        self.facts.does(Effect::Read);
        let shown = self.expressions.len();
        if let Some(with) = &query.with {
            self.with(with);
        }
        match &query.body {
            Body::Select(select) => self.select(select),
            Body::Values(rows) => {
                for row in rows {
                    self.expressions(row);
                }
            }
            Body::Table(name) => {
                self.facts.wide = true;
                self.table_name(name);
            }
            Body::Operation { first, rest } => {
                self.query(first);
                for (_, query) in rest {
                    self.query(query);
                }
            }
        }
        self.expressions(&query.order);
        self.expressions(&query.limit);
        match &query.into {
            None => {}
            Some(Into::File) => {
                self.facts.effects.extend([Effect::ServerFile, Effect::CopyOut]);
                self.facts.sink = true;
            }
            Some(Into::Variables(names)) => {
                self.facts.sink = true;
                let own = names.iter().filter_map(|name| name.strip_prefix('@'));
                self.written.extend(own.map(str::to_owned));
            }
        }
        if query.locks {
            self.facts.does(Effect::Lock);
        }
        self.expressions.truncate(shown);
    }

    /// Brings common table expressions into sight; the caller takes them out again.
    pub(super) fn with(&mut self, with: &With) {
        if with.recursive {
            let names = with.expressions.iter().map(|one| one.name.clone());
            self.expressions.extend(names);
        }
        for one in &with.expressions {
            self.query(&one.query);
            if !with.recursive {
                self.expressions.push(one.name.clone());
            }
        }
    }

    fn select(&mut self, select: &Select) {
        self.items(&select.items);
        self.tables(&select.from);
        for part in [&select.condition, &select.having, &select.qualify]
            .into_iter()
            .flatten()
        {
            self.expression(part);
        }
        self.expressions(&select.group);
        for window in &select.windows {
            self.window(window);
        }
    }

    pub(super) fn items(&mut self, items: &[Item]) {
        for item in items {
            self.expression(&item.expression);
        }
    }

    pub(super) fn tables(&mut self, tables: &[Joined]) {
        for joined in tables {
            self.table(&joined.first);
            for join in &joined.rest {
                self.table(&join.table);
                self.facts.wide |= join.natural;
                for name in &join.using {
                    self.facts.columns.insert(name.clone());
                }
                if let Some(on) = &join.on {
                    self.expression(on);
                }
            }
        }
    }

    fn table(&mut self, table: &Table) {
        match table {
            Table::Base { name, times, .. } => {
                self.table_name(name);
                self.expressions(times);
            }
            Table::Derived { query, columns, .. } => {
                // Columns that are renamed by their place.
                self.facts.wide |= !columns.is_empty();
                self.query(query);
            }
            Table::Json { document, .. } => self.expression(document),
            Table::Nested(inner) => self.tables(inner),
        }
    }

    pub(super) fn table_name(&mut self, name: &Name) {
        if !self.is_expression(name) {
            self.relation(name, Access::Read);
        }
    }

    pub(super) fn is_expression(&self, name: &Name) -> bool {
        name.schema.is_none() && self.expressions.contains(&name.name)
    }
}

/// Whether a query names a relation, or a common table expression that is not its own, without a schema.
pub(in crate::mysql) fn names(query: &Query, name: &str) -> bool {
    let mut walker = Walker::new(super::MysqlSettings::default());
    walker.query(query);
    walker
        .facts
        .relations
        .keys()
        .any(|relation| relation.schema.is_none() && relation.name == name)
}
