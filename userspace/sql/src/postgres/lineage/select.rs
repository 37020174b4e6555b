//! Queries: their scopes, clauses and set operations.

use pg_query::{NodeEnum as N, protobuf as pb};

use super::scope::{Column, Level, whole};
use super::{Tracer, outline};
pub(super) use crate::lineage::scope::{blend, whole_of};
use crate::lineage::{Flow, How};

/// How often a recursive query is gone through at most; each time adds a column's flow at least.
const ROUNDS: usize = 24;

impl<'a> Tracer<'a, '_> {
    /// A query; its columns.
    pub(super) fn select(&mut self, x: &'a pb::SelectStmt) -> Vec<Column> {
        let shown = self.expressions.len();
        self.with(x.with_clause.as_ref());
        let columns = if let (Some(left), Some(right)) = (x.larg.as_deref(), x.rarg.as_deref()) {
            self.set_operation(x, left, right)
        } else if x.values_lists.is_empty() {
            self.simple(x)
        } else {
            self.values(x)
        };
        self.expressions.truncate(shown);
        columns
    }

    fn set_operation(
        &mut self,
        x: &'a pb::SelectStmt,
        left: &'a pb::SelectStmt,
        right: &'a pb::SelectStmt,
    ) -> Vec<Column> {
        let sides = [self.select(left), self.select(right)];
        let operation = pb::SetOperation::try_from(x.op);
        let [left, right] = sides;
        let columns = self.unite(&left, &right);
        if operation != Ok(pb::SetOperation::SetopUnion) || !x.all {
            // Rows of one side are compared with those of the other and each other.
            for column in &columns {
                self.groups(&column.flow);
            }
        }
        self.order(&x.sort_clause, &columns);
        self.limits(x);
        columns
    }

    fn values(&mut self, x: &'a pb::SelectStmt) -> Vec<Column> {
        self.levels.push(Level::default());
        let mut columns: Vec<Flow> = Vec::new();
        for (index, list) in x.values_lists.iter().enumerate() {
            let Some(N::List(list)) = list.node.as_ref() else {
                self.lose("a row of VALUES that is none");
                continue;
            };
            let row = list.items.iter().map(|value| self.expression(value)).collect();
            self.stack(&mut columns, index == 0, row);
        }
        self.levels.pop();
        let columns = columns.into_iter().enumerate();
        let columns: Vec<_> = columns
            .map(|(index, flow)| Column::named(&format!("column{}", index + 1), flow))
            .collect();
        self.order(&x.sort_clause, &columns);
        self.limits(x);
        columns
    }

    fn simple(&mut self, x: &'a pb::SelectStmt) -> Vec<Column> {
        let sources = self.from(&x.from_clause);
        self.levels.push(Level::of(sources));
        let columns = self.targets(&x.target_list);
        if let Some(condition) = x.where_clause.as_deref() {
            self.condition(condition);
        }
        for item in &x.group_clause {
            self.group(item, &columns);
        }
        if let Some(condition) = x.having_clause.as_deref() {
            self.condition(condition);
        }
        for window in &x.window_clause {
            if let Some(N::WindowDef(window)) = window.node.as_ref() {
                self.window(window);
            }
        }
        match x.distinct_clause.as_slice() {
            [] => {}
            // Plain DISTINCT is a list of one empty node.
            [only] if only.node.is_none() => columns.iter().for_each(|column| self.groups(&column.flow)),
            list => list.iter().for_each(|item| self.group(item, &columns)),
        }
        self.order(&x.sort_clause, &columns);
        self.limits(x);
        self.levels.pop();
        columns
    }

    /// A list of output expressions.
    pub(super) fn targets(&mut self, list: &'a [pb::Node]) -> Vec<Column> {
        let mut columns = Vec::new();
        for target in list {
            let Some(N::ResTarget(target)) = target.node.as_ref() else {
                self.lose("an output column that is none");
                continue;
            };
            match target.val.as_deref().and_then(|value| value.node.as_ref()) {
                Some(N::ColumnRef(column)) if is_star(&column.fields) => {
                    columns.extend(self.star(&column.fields));
                }
                Some(N::AIndirection(x)) if is_star(&x.indirection) => {
                    let flow = x
                        .arg
                        .as_deref()
                        .map(|arg| self.expression(arg))
                        .unwrap_or_default();
                    columns.push(Column::many(flow.through(How::Computed)));
                }
                Some(_) => {
                    let flow = target
                        .val
                        .as_deref()
                        .map(|value| self.expression(value))
                        .unwrap_or_default();
                    columns.push(Column {
                        name: outline::column_name(target),
                        flow,
                        many: false,
                    });
                }
                None => self.lose("an output column without an expression"),
            }
        }
        columns
    }

    /// The columns that a star stands for.
    fn star(&mut self, fields: &'a [pb::Node]) -> Vec<Column> {
        let qualifier = fields.len().checked_sub(2).and_then(|at| fields.get(at));
        match qualifier {
            None => {
                let level = self.levels.last();
                let sources = level.into_iter().flat_map(|level| &level.sources);
                sources
                    .flat_map(|source| source.columns.iter().cloned())
                    .collect()
            }
            Some(qualifier) => {
                let found = super::name::text(qualifier).and_then(|name| self.rows(name));
                found.unwrap_or_else(|| {
                    self.lose("a star of something that is not in sight");
                    Vec::new()
                })
            }
        }
    }

    /// An item of `GROUP BY` or `DISTINCT ON`: a number or a name may stand for an output column.
    fn group(&mut self, item: &'a pb::Node, columns: &[Column]) {
        if let Some(N::GroupingSet(set)) = item.node.as_ref() {
            set.content.iter().for_each(|item| self.group(item, columns));
            return;
        }
        if let Some(N::RowExpr(row)) = item.node.as_ref() {
            row.args.iter().for_each(|item| self.group(item, columns));
            return;
        }
        let flow = self.output_or(item, columns);
        self.groups(&flow);
    }

    pub(super) fn order(&mut self, list: &'a [pb::Node], columns: &[Column]) {
        for item in list {
            let Some(N::SortBy(sort)) = item.node.as_ref() else {
                self.lose("an order that is none");
                continue;
            };
            if let Some(by) = sort.node.as_deref() {
                let flow = self.output_or(by, columns);
                self.decides(&flow);
            }
        }
    }

    /// An expression that may stand for an output column.
    fn output_or(&mut self, item: &'a pb::Node, columns: &[Column]) -> Flow {
        if let Some(position) = outline::position(item) {
            if columns.iter().any(|column| column.many) {
                return whole(columns);
            }
            return columns
                .get(position)
                .map(|column| column.flow.clone())
                .unwrap_or_default();
        }
        let Some(name) = outline::bare_name(item) else {
            return self.expression(item);
        };
        let named = columns.iter().filter(|column| column.may_be(name));
        let mut flow: Flow = named.map(|column| column.flow.clone()).collect();
        // A name of an output column need not be one of the tables'.
        let output = columns.iter().any(|column| column.name.as_deref() == Some(name));
        let sources = self.levels.last().is_some_and(|level| {
            let mut columns = level.sources.iter().flat_map(|source| &source.columns);
            columns.any(|column| column.may_be(name))
        });
        if !output || sources {
            flow.merge(&self.expression(item));
        }
        flow
    }

    fn limits(&mut self, x: &'a pb::SelectStmt) {
        for limit in [x.limit_offset.as_deref(), x.limit_count.as_deref()]
            .into_iter()
            .flatten()
        {
            let flow = self.expression(limit);
            self.decides(&flow);
        }
    }

    pub(super) fn window(&mut self, x: &'a pb::WindowDef) {
        for by in &x.partition_clause {
            let flow = self.expression(by);
            self.groups(&flow);
        }
        self.order(&x.order_clause, &[]);
        for offset in [x.start_offset.as_deref(), x.end_offset.as_deref()]
            .into_iter()
            .flatten()
        {
            let flow = self.expression(offset);
            self.decides(&flow);
        }
    }

    /// Brings common table expressions into sight; the caller takes them out again.
    pub(super) fn with(&mut self, x: Option<&'a pb::WithClause>) {
        let Some(x) = x else { return };
        for node in &x.ctes {
            let Some(N::CommonTableExpr(cte)) = node.node.as_ref() else {
                self.lose("a common table expression that is none");
                continue;
            };
            let columns = if x.recursive {
                self.recursive(cte)
            } else {
                let columns = self.inner(cte.ctequery.as_deref());
                renamed(columns, &cte.aliascolnames)
            };
            self.expressions.push((&cte.ctename, columns));
        }
        if x.recursive && x.ctes.len() > 1 {
            // One may use another that comes after it.
            let names = x.ctes.iter().filter_map(|node| match node.node.as_ref()? {
                N::CommonTableExpr(cte) => Some(cte.ctename.as_str()),
                _ => None,
            });
            let later: Vec<_> = names.collect();
            if uses_later(&x.ctes, &later) {
                self.lose("common table expressions that use later ones");
            }
        }
    }

    fn recursive(&mut self, cte: &'a pb::CommonTableExpr) -> Vec<Column> {
        let extra = usize::from(cte.search_clause.is_some()) + 2 * usize::from(cte.cycle_clause.is_some());
        let mut columns: Vec<Column> = if let Some(select) = base(cte) {
            renamed(self.select(select), &cte.aliascolnames)
        } else {
            let columns = self.inner(cte.ctequery.as_deref());
            return renamed(columns, &cte.aliascolnames);
        };
        for _ in 0..ROUNDS {
            let mut seen = columns.clone();
            if extra > 0 {
                seen.push(Column::many(whole(&columns)));
            }
            self.expressions.push((&cte.ctename, seen));
            let next = self.inner(cte.ctequery.as_deref());
            self.expressions.pop();
            let next = renamed(next, &cte.aliascolnames);
            if next == columns || self.gap.is_some() {
                if extra > 0 {
                    columns.push(Column::many(whole(&next)));
                }
                return columns;
            }
            columns = next;
        }
        self.lose("a recursion that does not settle");
        columns
    }
}

/// The part of a recursive query that does not use itself.
fn base(cte: &pb::CommonTableExpr) -> Option<&pb::SelectStmt> {
    match cte.ctequery.as_deref()?.node.as_ref()? {
        N::SelectStmt(select) => select.larg.as_deref(),
        _ => None,
    }
}

/// Whether an expression names one that stands behind it in a recursive clause.
fn uses_later(ctes: &[pb::Node], names: &[&str]) -> bool {
    ctes.iter().enumerate().any(|(index, node)| {
        let mut walker = crate::postgres::walk::Walker::new(crate::PostgresSettings::default(), 0);
        walker.node(node);
        let later = names.get(index + 1..).unwrap_or_default();
        walker
            .facts
            .relations
            .keys()
            .any(|relation| relation.schema.is_none() && later.contains(&relation.name.as_str()))
    })
}

/// Columns under the names that an alias gives them, as far as it does.
pub(super) fn renamed(columns: Vec<Column>, names: &[pb::Node]) -> Vec<Column> {
    let names = super::name::parts(names);
    if names.is_empty() {
        return columns;
    }
    if let Some(open) = columns.iter().position(|column| column.many) {
        // Which columns get the names is not certain.
        let all = columns.get(open..).unwrap_or_default();
        if open < names.len() {
            let rest = Column::many(whole_of(all));
            let mut known = renamed(columns.get(..open).unwrap_or_default().to_vec(), &[]);
            for (column, name) in known.iter_mut().zip(&names) {
                column.name = Some((*name).to_owned());
            }
            known.push(rest);
            return known;
        }
    }
    let mut columns = columns;
    for (column, name) in columns.iter_mut().zip(&names) {
        column.name = Some((*name).to_owned());
    }
    columns
}

fn is_star(fields: &[pb::Node]) -> bool {
    matches!(
        fields.last().and_then(|field| field.node.as_ref()),
        Some(N::AStar(_))
    )
}
