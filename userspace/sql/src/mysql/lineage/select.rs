//! Queries: their scopes, clauses and set operations.

use super::Tracer;
use super::from::renamed;
use crate::lineage::scope::{Column, Level, Source, whole, whole_of};
use crate::lineage::{Flow, How};
use crate::mysql::ast::{Body, CommonTable, Expr, Into, Item, Query, Select, Window, With};

/// How often a recursive query is gone through at most; each time adds a column's flow at least.
const ROUNDS: usize = 24;

impl Tracer<'_> {
    /// A query; its columns.
    pub(super) fn query(&mut self, query: &Query) -> Vec<Column> {
        let shown = self.expressions.len();
        if let Some(with) = &query.with {
            self.with(with);
        }
        let columns = match &query.body {
            Body::Select(select) => self.select(select, query),
            Body::Values(rows) => {
                let columns = self.values(rows);
                self.ending(query, &columns);
                columns
            }
            Body::Table(name) => {
                let columns = self.named(name);
                self.levels
                    .push(Level::of(vec![Source::of(Some(&name.name), columns.clone())]));
                self.ending(query, &columns);
                self.levels.pop();
                columns
            }
            Body::Operation { first, rest } => {
                let columns = self.operation(first, rest);
                self.ending(query, &columns);
                columns
            }
        };
        self.expressions.truncate(shown);
        match &query.into {
            None => columns,
            Some(Into::File) => {
                self.puts("a file", &whole_of(&columns));
                Vec::new()
            }
            Some(Into::Variables(names)) => {
                let listed = columns.iter().all(|column| !column.many);
                for (index, name) in names.iter().enumerate() {
                    let flow = match columns.get(index).filter(|_| listed) {
                        Some(column) => column.flow.clone(),
                        None => whole_of(&columns),
                    };
                    if let Some(name) = name.strip_prefix('@') {
                        self.takes(name, &flow);
                    } else {
                        self.puts(name, &flow);
                    }
                }
                Vec::new()
            }
        }
    }

    fn operation(&mut self, first: &Query, rest: &[(bool, Query)]) -> Vec<Column> {
        let mut columns = self.query(first);
        for (all, query) in rest {
            let other = self.query(query);
            columns = self.unite(&columns, &other);
            if !all {
                // Rows of one side are compared with those of the other and each other.
                for column in &columns {
                    self.groups(&column.flow);
                }
            }
        }
        columns
    }

    fn values(&mut self, rows: &[Vec<Expr>]) -> Vec<Column> {
        let mut columns: Vec<Flow> = Vec::new();
        for (index, row) in rows.iter().enumerate() {
            let row = row.iter().map(|value| self.expression(value)).collect();
            self.stack(&mut columns, index == 0, row);
        }
        // MySQL calls them `column_0`, MariaDB by their text.
        columns
            .into_iter()
            .map(|flow| Column {
                name: None,
                flow,
                many: false,
            })
            .collect()
    }

    fn select(&mut self, select: &Select, query: &Query) -> Vec<Column> {
        let sources = self.from(&select.from);
        self.levels.push(Level::of(sources));
        let columns = self.targets(&select.items);
        if let Some(condition) = &select.condition {
            self.condition(condition);
        }
        if let Some(level) = self.levels.last_mut() {
            level.open = true;
        }
        for item in &select.group {
            let flow = self.output_or(item, &columns);
            self.groups(&flow);
            if select.rollup {
                // A row for each of its values, in their order.
                self.groups(&flow.through(How::Same));
            }
        }
        for part in [&select.having, &select.qualify].into_iter().flatten() {
            self.condition(part);
        }
        for window in &select.windows {
            self.window(window);
        }
        if select.distinct {
            for column in &columns {
                self.groups(&column.flow);
            }
        }
        self.ending(query, &columns);
        self.levels.pop();
        columns
    }

    /// Order and limits.
    fn ending(&mut self, query: &Query, columns: &[Column]) {
        for by in &query.order {
            let flow = self.output_or(by, columns);
            self.decides(&flow);
        }
        self.limits(&query.limit);
    }

    pub(super) fn limits(&mut self, limits: &[Expr]) {
        for limit in limits {
            let flow = self.expression(limit);
            self.decides(&flow);
        }
    }

    /// A list of output expressions.
    pub(super) fn targets(&mut self, items: &[Item]) -> Vec<Column> {
        let mut columns = Vec::new();
        for item in items {
            let before = columns.len();
            match &item.expression {
                Expr::Star { table } => columns.extend(self.star(table.as_deref())),
                expression => {
                    let flow = self.expression(expression);
                    let name = item.alias.clone().or_else(|| match expression {
                        Expr::Column { name, .. } => Some(name.clone()),
                        _ => None,
                    });
                    columns.push(Column {
                        name,
                        flow,
                        many: false,
                    });
                }
            }
            // Queries in what follows may name it.
            if let Some(level) = self.levels.last_mut() {
                level
                    .aliases
                    .extend(columns.get(before..).unwrap_or_default().iter().cloned());
            }
        }
        columns
    }

    fn star(&mut self, table: Option<&str>) -> Vec<Column> {
        let found = match table {
            None => {
                let sources = self.levels.last().map(|level| level.sources.as_slice());
                let sources = sources.unwrap_or_default().iter();
                Some(
                    sources
                        .flat_map(|source| source.columns.iter().cloned())
                        .collect::<Vec<_>>(),
                )
            }
            Some(table) => self.rows(table),
        };
        let Some(columns) = found else {
            self.lose("a star of something that is not in sight");
            return Vec::new();
        };
        if columns.iter().any(|column| column.many) {
            return vec![Column::many(whole_of(&columns))];
        }
        columns
    }

    /// An expression that may stand for an output column.
    fn output_or(&mut self, item: &Expr, columns: &[Column]) -> Flow {
        if let Expr::Number(digits) = item {
            let place = digits
                .parse::<usize>()
                .ok()
                .and_then(|number| number.checked_sub(1));
            if columns.iter().any(|column| column.many) {
                return whole(columns);
            }
            return place
                .and_then(|place| columns.get(place))
                .map(|column| column.flow.clone())
                .unwrap_or_default();
        }
        let Expr::Column {
            table: None, name, ..
        } = item
        else {
            return self.expression(item);
        };
        let output = columns
            .iter()
            .filter(|column| column.name.as_deref() == Some(name.as_str()));
        let mut flow: Flow = output.clone().map(|column| column.flow.clone()).collect();
        let sources = self.levels.last().is_some_and(|level| {
            let mut columns = level.sources.iter().flat_map(|source| &source.columns);
            columns.any(|column| column.may_be(name))
        });
        if output.count() == 0 || sources {
            // What it is without the alias counts too.
            let opened = self
                .levels
                .last_mut()
                .map(|level| std::mem::take(&mut level.open));
            let unnamed: Flow = columns
                .iter()
                .filter(|column| column.name.is_none())
                .map(|column| column.flow.clone())
                .collect();
            let in_sight = sources || !columns.iter().any(|column| column.name.is_none());
            if in_sight {
                flow.merge(&self.expression(item));
            } else {
                flow.merge(&unnamed);
            }
            if let (Some(level), Some(opened)) = (self.levels.last_mut(), opened) {
                level.open = opened;
            }
        }
        flow
    }

    pub(super) fn window(&mut self, window: &Window) {
        for by in &window.partition {
            let flow = self.expression(by);
            self.groups(&flow);
        }
        for by in window.order.iter().chain(&window.frame) {
            let flow = self.expression(by);
            self.decides(&flow);
        }
    }

    /// Brings common table expressions into sight; the caller takes them out again.
    pub(super) fn with(&mut self, with: &With) {
        for (index, one) in with.expressions.iter().enumerate() {
            let columns = if with.recursive {
                let later = with.expressions.get(index + 1..).unwrap_or_default();
                if later.iter().any(|later| names(&one.query, &later.name)) {
                    self.lose("common table expressions that use later ones");
                }
                self.recursive(one)
            } else {
                let columns = self.query(&one.query);
                renamed(columns, &one.columns)
            };
            self.expressions.push((one.name.clone(), columns));
        }
    }

    fn recursive(&mut self, one: &CommonTable) -> Vec<Column> {
        if !names(&one.query, &one.name) {
            let columns = self.query(&one.query);
            return renamed(columns, &one.columns);
        }
        let Body::Operation { first, .. } = &one.query.body else {
            self.lose("a recursion of another form");
            return Vec::new();
        };
        let mut columns = renamed(self.query(first), &one.columns);
        for _ in 0..ROUNDS {
            self.expressions.push((one.name.clone(), columns.clone()));
            let next = self.query(&one.query);
            self.expressions.pop();
            let next = renamed(next, &one.columns);
            if next == columns || self.gap.is_some() {
                return columns;
            }
            columns = next;
        }
        self.lose("a recursion that does not settle");
        columns
    }
}

/// Whether a query names a relation without a schema.
fn names(query: &Query, name: &str) -> bool {
    crate::mysql::walk::names(query, name)
}
