//! Statements that change rows: what they store, and what they give back.

use super::Tracer;
use super::predicate::fixed;
use crate::lineage::scope::{Column, Level, Source};
use crate::lineage::trace::with_stored;
use crate::lineage::{Flow, Stored};
use crate::mysql::ast::{Assignment, Delete, Expr, Insert, Item, Joined, Name, Update};

impl Tracer<'_> {
    pub(super) fn insert(&mut self, insert: &Insert) -> Vec<Column> {
        let target = self.relation(&insert.table);
        for row in &insert.rows {
            for (index, value) in row.iter().enumerate() {
                let column = match insert.columns.get(index) {
                    Some(name) => target.iter().find(|column| column.name.as_deref() == Some(name)),
                    None => target.get(index).filter(|_| insert.columns.is_empty()),
                };
                self.gives(column, fixed(value).unwrap_or_default());
            }
        }
        let given: Vec<Column> = match &insert.query {
            Some(query) => self.query(query),
            None => self.rows_of(&insert.rows, &target, &insert.table),
        };
        let mut inserted = Vec::new();
        for (index, column) in given.iter().enumerate() {
            let unsure = column.many || given.iter().take(index).any(|before| before.many);
            let into = if unsure {
                None
            } else if insert.columns.is_empty() {
                target.get(index).and_then(|column| column.name.clone())
            } else {
                insert.columns.get(index).cloned()
            };
            inserted.push(Column {
                name: into.clone(),
                flow: column.flow.clone(),
                many: false,
            });
            self.stores_in(&insert.table, into, &column.flow);
            // A value that does not fit its column is quoted in an error or a warning.
            self.quoted(&column.flow);
        }
        if !insert.update.is_empty() {
            let mut sources = vec![Source::of(Some(&insert.table.name), target.clone())];
            if let Some(alias) = &insert.alias {
                let mut row = inserted.clone();
                for (column, name) in row.iter_mut().zip(&insert.alias_columns) {
                    column.name = Some(name.clone());
                }
                sources.push(Source::of(Some(alias), row));
            }
            if let Some(query) = &insert.query
                && let crate::mysql::ast::Body::Select(select) = &query.body
            {
                sources.extend(self.from(&select.from));
            }
            self.inserted.clone_from(&inserted);
            self.levels.push(Level::of(sources));
            self.assignments(&insert.update, |_| insert.table.clone());
            self.levels.pop();
            self.inserted.clear();
        }
        let after = with_stored(&target, by_name(&inserted));
        self.returning(
            &insert.returning,
            vec![Source::of(Some(&insert.table.name), after)],
        )
    }

    /// Rows that are listed. A column's name in one is what the same row was given there before.
    fn rows_of(&mut self, rows: &[Vec<Expr>], target: &[Column], table: &Name) -> Vec<Column> {
        self.levels
            .push(Level::of(vec![Source::of(Some(&table.name), target.to_vec())]));
        let mut columns: Vec<Column> = Vec::new();
        for row in rows {
            for (place, value) in row.iter().enumerate() {
                let flow = self.expression(value);
                match columns.get_mut(place) {
                    Some(known) => known.flow.merge(&flow),
                    None => columns.push(Column {
                        name: None,
                        flow,
                        many: false,
                    }),
                }
            }
        }
        self.levels.pop();
        columns
    }

    pub(super) fn update(&mut self, update: &Update) -> Vec<Column> {
        let shown = self.expressions.len();
        if let Some(with) = &update.with {
            self.with(with);
        }
        let sources = self.from(&update.from);
        let tables = bases(&update.from);
        self.levels.push(Level::of(sources.clone()));
        let stored = self.assignments(&update.assignments, |table| {
            let found = match table {
                Some(table) => tables.iter().find(|(alias, _)| *alias == table),
                None => tables.first().filter(|_| tables.len() == 1),
            };
            found.map_or_else(
                || Name {
                    schema: None,
                    name: table.unwrap_or("a table").to_owned(),
                },
                |(_, name)| (*name).clone(),
            )
        });
        if let Some(condition) = &update.condition {
            self.condition(condition);
        }
        self.orders(&update.order, &update.limit);
        self.levels.pop();
        let after = sources
            .into_iter()
            .map(|mut source| {
                source.columns = with_stored(&source.columns, by_name(&stored));
                for row in &mut source.rows {
                    row.columns = with_stored(&row.columns, by_name(&stored));
                }
                source
            })
            .collect();
        let columns = self.returning(&update.returning, after);
        self.expressions.truncate(shown);
        columns
    }

    pub(super) fn delete(&mut self, delete: &Delete) -> Vec<Column> {
        let shown = self.expressions.len();
        if let Some(with) = &delete.with {
            self.with(with);
        }
        let sources = self.from(&delete.from);
        self.levels.push(Level::of(sources.clone()));
        if let Some(condition) = &delete.condition {
            self.condition(condition);
        }
        self.orders(&delete.order, &delete.limit);
        self.levels.pop();
        let columns = self.returning(&delete.returning, sources);
        self.expressions.truncate(shown);
        columns
    }

    fn orders(&mut self, order: &[Expr], limit: &[Expr]) {
        for by in order {
            let flow = self.expression(by);
            self.decides(&flow);
        }
        self.limits(limit);
    }

    fn returning(&mut self, items: &[Item], sources: Vec<Source>) -> Vec<Column> {
        if items.is_empty() {
            return Vec::new();
        }
        self.levels.push(Level::of(sources));
        let columns = self.targets(items);
        self.levels.pop();
        columns
    }

    /// Assignments; what they store, by column.
    fn assignments(&mut self, assignments: &[Assignment], of: impl Fn(Option<&str>) -> Name) -> Vec<Column> {
        let mut stored = Vec::new();
        for one in assignments {
            let flow = self.expression(&one.value);
            let table = one.table.as_deref();
            let column = self.levels.last().and_then(|level| {
                let rows = level.sources.iter().flat_map(|source| &source.rows);
                let mut columns = rows
                    .filter(|row| table.is_none_or(|table| row.name == table))
                    .flat_map(|row| &row.columns);
                columns
                    .find(|column| column.name.as_deref() == Some(one.column.as_str()))
                    .cloned()
            });
            self.gives(column.as_ref(), fixed(&one.value).unwrap_or_default());
            self.quoted(&flow);
            self.stores_in(&of(one.table.as_deref()), Some(one.column.clone()), &flow);
            if !flow.is_clean() {
                stored.push(Column::named(&one.column, flow));
            }
        }
        stored
    }

    /// A stored value may be quoted in an error: a duplicate key, a value that does not fit.
    fn quoted(&mut self, flow: &Flow) {
        self.may_fail(flow);
    }

    fn stores_in(&mut self, table: &Name, column: Option<String>, flow: &Flow) {
        if flow.is_clean() {
            return;
        }
        let schema = table.schema.clone().or_else(|| self.session.database.clone());
        self.stores.push(Stored {
            schema,
            relation: table.name.clone(),
            column,
            flow: flow.clone(),
            new: false,
        });
    }
}

/// The tables that a list names, each by the name it has in the statement.
fn bases(from: &[Joined]) -> Vec<(&str, &Name)> {
    crate::mysql::walk::bases(from)
}

fn by_name(stored: &[Column]) -> impl Iterator<Item = (Option<&str>, &Flow)> {
    stored.iter().map(|one| (one.name.as_deref(), &one.flow))
}
