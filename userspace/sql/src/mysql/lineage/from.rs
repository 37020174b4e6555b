//! What `FROM` brings into sight.

use super::Tracer;
use crate::lineage::scope::{Column, Level, Source, whole_of};
use crate::lineage::{Flow, How};
use crate::mysql::ast::{Join, Joined, Name, Table};
use crate::mysql::{Flavour, carrier};

impl Tracer<'_> {
    pub(super) fn from(&mut self, tables: &[Joined]) -> Vec<Source> {
        let mut sources: Vec<Source> = Vec::new();
        for joined in tables {
            let source = self.joined(joined, &sources);
            sources.push(source);
        }
        sources
    }

    fn joined(&mut self, joined: &Joined, before: &[Source]) -> Source {
        let mut source = self.table(&joined.first, before);
        for join in &joined.rest {
            let mut seen = before.to_vec();
            seen.push(source.clone());
            let right = self.table(&join.table, &seen);
            source = self.join(source, right, join, before);
        }
        source
    }

    fn join(&mut self, left: Source, right: Source, join: &Join, before: &[Source]) -> Source {
        let mut rows = left.rows;
        rows.extend(right.rows);
        let listed = |columns: &[Column]| columns.iter().all(|column| !column.many && column.name.is_some());
        let shared: Vec<String> = if join.natural {
            if !listed(&left.columns) || !listed(&right.columns) {
                let all: Flow = [whole_of(&left.columns), whole_of(&right.columns)]
                    .into_iter()
                    .collect();
                self.decides(&all);
                return Source {
                    rows,
                    columns: vec![Column::many(all)],
                };
            }
            let names = left.columns.iter().filter_map(|column| column.name.clone());
            names
                .filter(|name| {
                    right
                        .columns
                        .iter()
                        .any(|column| column.name.as_deref() == Some(name))
                })
                .collect()
        } else {
            join.using.clone()
        };
        // A natural right join lists the right side first, be there shared columns or not.
        if shared.is_empty() && !(join.natural && join.right) {
            let mut columns = left.columns;
            columns.extend(right.columns);
            let source = Source { rows, columns };
            if let Some(on) = &join.on {
                let mut sources = before.to_vec();
                sources.push(source.clone());
                self.levels.push(Level::of(sources));
                self.condition(on);
                self.levels.pop();
            }
            return source;
        }
        let mut columns = Vec::new();
        for name in &shared {
            let side = |columns: &[Column]| -> Flow {
                columns
                    .iter()
                    .filter(|column| column.may_be(name))
                    .map(|column| column.flow.clone())
                    .collect()
            };
            let sides = [side(&left.columns), side(&right.columns)];
            self.compares(&sides);
            columns.push(Column::named(name, sides.into_iter().collect()));
        }
        let mut rest: Vec<Column> = left.columns.into_iter().chain(right.columns).collect();
        rest.retain(|column| column.name.as_ref().is_none_or(|name| !shared.contains(name)));
        columns.extend(rest);
        if join.right {
            // In which order a star lists them is not certain. They keep their names.
            let all = whole_of(&columns);
            for column in &mut columns {
                column.flow.merge(&all);
            }
        }
        Source { rows, columns }
    }

    fn table(&mut self, table: &Table, before: &[Source]) -> Source {
        match table {
            Table::Base { name, alias, times } => {
                for time in times {
                    let flow = self.expression(time);
                    self.decides(&flow);
                }
                let columns = self.named(name);
                Source::of(Some(alias.as_deref().unwrap_or(&name.name)), columns)
            }
            Table::Derived {
                query,
                alias,
                columns,
                lateral,
            } => {
                if *lateral {
                    self.levels.push(Level::of(before.to_vec()));
                }
                let found = self.query(query);
                if *lateral {
                    self.levels.pop();
                }
                Source::of(alias.as_deref(), renamed(found, columns))
            }
            Table::Json {
                document,
                columns,
                alias,
            } => {
                self.levels.push(Level::of(before.to_vec()));
                let flow = self.expression(document).through(How::Computed);
                self.levels.pop();
                // How many rows come, and whether they can be made.
                self.decides(&flow);
                let columns = columns
                    .iter()
                    .map(|name| Column::named(name, flow.clone()))
                    .collect();
                Source::of(alias.as_deref(), columns)
            }
            Table::Nested(inner) => {
                let mut all = Source::default();
                let mut seen = before.to_vec();
                for joined in inner {
                    let source = self.joined(joined, &seen);
                    seen.push(source.clone());
                    all.rows.extend(source.rows);
                    all.columns.extend(source.columns);
                }
                all
            }
        }
    }

    /// A common table expression or a relation.
    pub(super) fn named(&mut self, name: &Name) -> Vec<Column> {
        if name.schema.is_none() {
            let mut nearest = self.expressions.iter().rev();
            if let Some((_, columns)) = nearest.find(|(known, _)| *known == name.name) {
                return columns.clone();
            }
            let folds =
                |known: &str| super::super::parser::fold(known) == super::super::parser::fold(&name.name);
            if self.expressions.iter().any(|(known, _)| folds(known)) {
                self.lose("a name that differs from a common table expression's by case only");
            }
        }
        self.relation(name)
    }

    /// The columns of a relation in the order of a star.
    pub(super) fn relation(&mut self, name: &Name) -> Vec<Column> {
        let schema = name.schema.as_deref().or(self.session.database.as_deref());
        if carrier::carries(schema, &name.name) {
            self.lose(format!(
                "{} holds texts and values of other statements",
                name.name
            ));
        }
        let Ok(found) = self.schema.relations(schema, &name.name) else {
            self.lose(format!("the columns of {} can't be traced", name.name));
            return vec![Column::many(Flow::CLEAN)];
        };
        let hidden = |column: &str| self.schema.hides(schema, &name.name, column);
        let mut lists: Vec<Vec<Column>> = found
            .iter()
            .map(|columns| {
                let columns = columns.iter();
                columns
                    .map(|column| {
                        let known = super::super::parser::fold(&column.name);
                        Column::named(&known, column.flow.clone())
                    })
                    .collect()
            })
            .collect();
        match lists.as_slice() {
            [] if carrier::is_system(schema) => vec![Column::many(Flow::CLEAN)],
            [] if self.flavour == Flavour::Mariadb && is_sequence(&name.name) => {
                vec![Column::named("seq", Flow::CLEAN)]
            }
            [] => {
                self.lose(format!("{} is not in the catalogue", name.name));
                vec![Column::many(Flow::CLEAN)]
            }
            [_] => {
                let columns = lists.pop().unwrap_or_default();
                if columns
                    .iter()
                    .any(|column| column.name.as_deref().is_some_and(hidden))
                {
                    // A star leaves some out: all that it lists is one run.
                    let all = whole_of(&columns);
                    let mut columns = columns;
                    for column in &mut columns {
                        column.flow.merge(&all);
                    }
                    let mut run = vec![Column::many(all)];
                    run.extend(columns);
                    return run;
                }
                columns
            }
            _ => vec![Column::many(
                lists.iter().map(|columns| whole_of(columns)).collect(),
            )],
        }
    }
}

/// Columns under the names that a list gives them.
pub(super) fn renamed(mut columns: Vec<Column>, names: &[String]) -> Vec<Column> {
    if let Some(open) = columns.iter().position(|column| column.many)
        && open < names.len()
    {
        let rest = columns.split_off(open);
        for (column, name) in columns.iter_mut().zip(names) {
            column.name = Some(name.clone());
        }
        columns.push(Column::many(whole_of(&rest)));
        return columns;
    }
    for (column, name) in columns.iter_mut().zip(names) {
        column.name = Some(name.clone());
    }
    columns
}

/// Whether a table that nobody made is one of MariaDB's sequences of numbers: `seq_1_to_100`, `seq_1_to_100_step_2`.
fn is_sequence(name: &str) -> bool {
    let Some(rest) = name.strip_prefix("seq_") else {
        return false;
    };
    let (from, rest) = rest.split_once("_to_").unwrap_or_default();
    let (to, step) = rest.split_once("_step_").unwrap_or((rest, "1"));
    [from, to, step]
        .iter()
        .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
}
