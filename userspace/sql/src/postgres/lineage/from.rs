//! What `FROM` brings into sight.

use pg_query::{NodeEnum as N, protobuf as pb};

use super::scope::{Column, Level, Rows, Source};
use super::select::{renamed, whole_of};
use super::{Tracer, name};
use crate::lineage::{Flow, How};

impl<'a> Tracer<'a, '_> {
    /// The items of a `FROM` list.
    pub(super) fn from(&mut self, items: &'a [pb::Node]) -> Vec<Source> {
        let mut sources = Vec::new();
        for item in items {
            let source = self.item(item, &sources);
            sources.push(source);
        }
        sources
    }

    /// One item; those before it are in sight of what is lateral in it.
    fn item(&mut self, node: &'a pb::Node, before: &[Source]) -> Source {
        match node.node.as_ref() {
            Some(N::RangeVar(relation)) => self.range_var(relation),
            Some(N::RangeSubselect(x)) => self.range_subselect(x, before),
            Some(N::JoinExpr(x)) => self.join(x, before),
            Some(N::RangeFunction(x)) => self.range_function(x, before),
            Some(N::RangeTableSample(x)) => {
                let arguments = x.args.iter().chain(x.repeatable.as_deref());
                for argument in arguments {
                    let flow = self.beside(before, argument);
                    self.decides(&flow);
                }
                match x.relation.as_deref() {
                    Some(relation) => self.item(relation, before),
                    None => Source::default(),
                }
            }
            Some(N::RangeTableFunc(x)) => {
                let flow = self.beside(before, node);
                self.decides(&flow);
                alias_of(x.alias.as_ref(), vec![Column::many(flow)])
            }
            Some(N::JsonTable(x)) => {
                let flow = self.beside(before, node);
                self.decides(&flow);
                alias_of(x.alias.as_ref(), vec![Column::many(flow)])
            }
            _ => {
                self.lose("a FROM item that is not traced");
                Source::default()
            }
        }
    }

    /// An expression that sees the items before it.
    fn beside(&mut self, before: &[Source], node: &'a pb::Node) -> Flow {
        self.levels.push(Level::of(before.to_vec()));
        let flow = self.expression(node);
        self.levels.pop();
        flow
    }

    /// A relation or a common table expression.
    fn range_var(&mut self, x: &'a pb::RangeVar) -> Source {
        let columns = match self.common_table(x) {
            Some(columns) => columns,
            None => self.relation_columns(x),
        };
        match x.alias.as_ref() {
            Some(alias) => Source::of(Some(&alias.aliasname), renamed(columns, &alias.colnames)),
            None => Source::of(Some(&x.relname), columns),
        }
    }

    fn common_table(&self, x: &pb::RangeVar) -> Option<Vec<Column>> {
        if !x.schemaname.is_empty() {
            return None;
        }
        let mut nearest = self.expressions.iter().rev();
        let (_, columns) = nearest.find(|(name, _)| *name == x.relname)?;
        Some(columns.clone())
    }

    /// The columns of a relation; where its name may stand for several, what all of them show.
    pub(super) fn relation_columns(&mut self, x: &pb::RangeVar) -> Vec<Column> {
        let schema = name::schema(x);
        let Ok(found) = self.schema.relations(schema, &x.relname) else {
            self.lose(format!("the columns of {} can't be traced", x.relname));
            return vec![Column::many(Flow::CLEAN)];
        };
        let system = match schema {
            Some(schema) => matches!(schema, "pg_catalog" | "information_schema" | "pg_toast"),
            None => x.relname.starts_with("pg_"),
        };
        let mut lists = found
            .iter()
            .map(|columns| {
                let columns = columns.iter();
                columns
                    .map(|column| Column::named(&column.name, column.flow.clone()))
                    .collect::<Vec<_>>()
            })
            .collect::<Vec<_>>();
        match lists.as_slice() {
            [] if system => vec![Column::many(Flow::CLEAN)],
            [] => {
                self.lose(format!("{} is not in the catalogue", x.relname));
                vec![Column::many(Flow::CLEAN)]
            }
            [_] => lists.pop().unwrap_or_default(),
            [first, rest @ ..] => {
                let names = |columns: &[Column]| {
                    columns
                        .iter()
                        .map(|column| column.name.clone())
                        .collect::<Vec<_>>()
                };
                let alike = rest.iter().all(|other| names(other) == names(first));
                if !alike || system {
                    return vec![Column::many(
                        lists.iter().map(|columns| whole_of(columns)).collect(),
                    )];
                }
                let mut columns = first.clone();
                for other in rest {
                    for (column, other) in columns.iter_mut().zip(other) {
                        column.flow.merge(&other.flow);
                    }
                }
                columns
            }
        }
    }

    fn range_subselect(&mut self, x: &'a pb::RangeSubselect, before: &[Source]) -> Source {
        if x.lateral {
            self.levels.push(Level::of(before.to_vec()));
        }
        let columns = self.inner(x.subquery.as_deref());
        if x.lateral {
            self.levels.pop();
        }
        match x.alias.as_ref() {
            Some(alias) => Source::of(Some(&alias.aliasname), renamed(columns, &alias.colnames)),
            None => Source::of(None, columns),
        }
    }

    fn range_function(&mut self, x: &'a pb::RangeFunction, before: &[Source]) -> Source {
        self.levels.push(Level::of(before.to_vec()));
        let mut flow = Flow::default();
        for function in &x.functions {
            // A pair of the call and its column definitions.
            match function.node.as_ref() {
                Some(N::List(pair)) => {
                    if let Some(call) = pair.items.first() {
                        flow.merge(&self.expression(call));
                    }
                }
                _ => flow.merge(&self.expression(function)),
            }
        }
        self.levels.pop();
        // How many rows come depends on the arguments.
        self.decides(&flow);
        let columns = vec![Column::many(flow.through(How::Computed))];
        if let Some(alias) = x.alias.as_ref() {
            Source::of(Some(&alias.aliasname), columns)
        } else {
            let call = x.functions.first().and_then(function_name);
            Source::of(call, columns)
        }
    }

    fn join(&mut self, x: &'a pb::JoinExpr, before: &[Source]) -> Source {
        let (Some(left), Some(right)) = (x.larg.as_deref(), x.rarg.as_deref()) else {
            self.lose("a join of one side");
            return Source::default();
        };
        let left = self.item(left, before);
        let seen: Vec<Source> = before.iter().cloned().chain([left.clone()]).collect();
        let right = self.item(right, &seen);
        let mut using: Vec<String> = name::parts(&x.using_clause)
            .into_iter()
            .map(str::to_owned)
            .collect();
        if x.is_natural {
            let open = left
                .columns
                .iter()
                .chain(&right.columns)
                .any(|column| column.name.is_none());
            if open {
                self.lose("a natural join of columns that are not listed");
            }
            let shared = left.columns.iter().filter_map(|column| column.name.clone());
            using = shared
                .filter(|name| {
                    right
                        .columns
                        .iter()
                        .any(|column| column.name.as_ref() == Some(name))
                })
                .collect();
        }
        let mut merged = Vec::new();
        for name in &using {
            let sides = [self.pick(&left.columns, name), self.pick(&right.columns, name)];
            self.compares(&sides);
            merged.push(Column::named(name, sides.into_iter().collect()));
        }
        if let Some(condition) = x.quals.as_deref() {
            let both = Source {
                rows: left.rows.iter().chain(&right.rows).cloned().collect(),
                columns: left.columns.iter().chain(&right.columns).cloned().collect(),
            };
            self.levels.push(Level::of(vec![both]));
            self.condition(condition);
            self.levels.pop();
        }
        let others = |columns: &[Column]| {
            let kept = columns
                .iter()
                .filter(|column| column.name.as_ref().is_none_or(|name| !using.contains(name)));
            kept.cloned().collect::<Vec<_>>()
        };
        let mut columns = merged.clone();
        columns.extend(others(&left.columns));
        columns.extend(others(&right.columns));
        let mut rows: Vec<Rows> = left.rows.into_iter().chain(right.rows).collect();
        if let Some(alias) = x.join_using_alias.as_ref() {
            rows.push(Rows {
                name: alias.aliasname.clone(),
                columns: merged,
            });
        }
        match x.alias.as_ref() {
            // The alias hides what is inside.
            Some(alias) => Source::of(Some(&alias.aliasname), renamed(columns, &alias.colnames)),
            None => Source { rows, columns },
        }
    }
}

fn alias_of(alias: Option<&pb::Alias>, columns: Vec<Column>) -> Source {
    Source::of(alias.map(|alias| alias.aliasname.as_str()), columns)
}

/// The name of a function's rows, if they have no other.
fn function_name(node: &pb::Node) -> Option<&str> {
    match node.node.as_ref()? {
        N::List(pair) => function_name(pair.items.first()?),
        N::FuncCall(call) => name::parts(&call.funcname).last().copied(),
        _ => None,
    }
}
