//! Queries, with the scopes of common table expressions.

use std::mem;

use pg_query::{NodeEnum as N, protobuf as pb};

use super::walk::{Outline, Walker};
use crate::effect::Effect;
use crate::statement::Access;

impl<'a> Walker<'a> {
    pub(super) fn select(&mut self, x: &'a pb::SelectStmt) -> Outline {
        self.does(Effect::Read);
        self.select_parts(x);
        let kind = if x.values_lists.is_empty() {
            "select"
        } else {
            "values"
        };
        Outline::plain(kind).returning(!fills_a_table(x))
    }

    pub(super) fn select_parts(&mut self, x: &'a pb::SelectStmt) {
        let pb::SelectStmt {
            distinct_clause,
            into_clause,
            target_list,
            from_clause,
            where_clause,
            group_clause,
            group_distinct: _,
            having_clause,
            window_clause,
            values_lists,
            sort_clause,
            limit_offset,
            limit_count,
            limit_option: _,
            locking_clause,
            with_clause,
            op: _,
            all: _,
            larg,
            rarg,
        } = x;
        self.with(with_clause.as_ref());
        if let Some(into) = into_clause {
            self.into(into);
        }
        for side in [larg, rarg].into_iter().flatten() {
            self.select_parts(side);
        }
        self.nodes(from_clause);
        self.nodes(distinct_clause);
        self.nodes(target_list);
        self.maybe(where_clause.as_deref());
        self.nodes(group_clause);
        self.maybe(having_clause.as_deref());
        self.nodes(window_clause);
        self.nodes(values_lists);
        self.nodes(sort_clause);
        self.maybe(limit_offset.as_deref());
        self.maybe(limit_count.as_deref());
        self.ignores(limit_offset.as_deref());
        self.ignores(limit_count.as_deref());
        for row in values_lists {
            if let Some(N::List(row)) = &row.node {
                self.ignores(&row.items);
            }
        }
        self.nodes(locking_clause);
        self.leave(with_clause.as_ref());
    }

    /// The table that a query fills.
    pub(super) fn into(&mut self, x: &'a pb::IntoClause) {
        let pb::IntoClause {
            rel,
            col_names: _,
            access_method: _,
            options,
            on_commit: _,
            table_space_name: _,
            view_query,
            skip_data: _,
        } = x;
        self.all(&[Effect::Create, Effect::Write]);
        self.facts.sink = true;
        self.maybe_relation(rel.as_ref(), Access::Define);
        self.nodes(options);
        if view_query.is_some() {
            self.unknown("Query");
        }
    }

    /// Enters the scope of a `WITH`. Each name is visible to the expressions after its own, to all of them if the
    /// clause is recursive, and to the statement.
    pub(super) fn with(&mut self, x: Option<&'a pb::WithClause>) {
        let Some(pb::WithClause {
            ctes,
            recursive,
            location: _,
        }) = x
        else {
            return;
        };
        if *recursive {
            expressions(ctes).for_each(|name| self.show(name));
        }
        for cte in ctes {
            self.node(cte);
            if !recursive {
                expressions(std::slice::from_ref(cte)).for_each(|name| self.show(name));
            }
        }
    }

    /// Leaves it.
    pub(super) fn leave(&mut self, x: Option<&'a pb::WithClause>) {
        if let Some(x) = x {
            expressions(&x.ctes).for_each(|name| self.hide(name));
        }
    }

    pub(super) fn common_table(&mut self, x: &'a pb::CommonTableExpr) {
        let pb::CommonTableExpr {
            ctename: _,
            aliascolnames: _,
            ctematerialized: _,
            ctequery,
            search_clause: _,
            cycle_clause,
            location: _,
            cterecursive: _,
            cterefcount: _,
            ctecolnames: _,
            ctecoltypes: _,
            ctecoltypmods: _,
            ctecolcollations: _,
        } = x;
        let outer = mem::replace(&mut self.embedded, true);
        self.maybe(ctequery.as_deref());
        self.embedded = outer;
        if let Some(cycle) = cycle_clause {
            self.cycle(cycle);
        }
    }

    pub(super) fn cycle(&mut self, x: &'a pb::CteCycleClause) {
        let pb::CteCycleClause {
            cycle_col_list: _,
            cycle_mark_column: _,
            cycle_mark_value,
            cycle_mark_default,
            cycle_path_column: _,
            location: _,
            cycle_mark_type: _,
            cycle_mark_typmod: _,
            cycle_mark_collation: _,
            cycle_mark_neop: _,
        } = x;
        self.maybe(cycle_mark_value.as_deref());
        self.maybe(cycle_mark_default.as_deref());
    }

    pub(super) fn locking(&mut self, x: &'a pb::LockingClause) {
        // What it names are aliases of the query's own relations.
        let pb::LockingClause {
            locked_rels: _,
            strength: _,
            wait_policy: _,
        } = x;
        self.does(Effect::Lock);
    }

    pub(super) fn join(&mut self, x: &'a pb::JoinExpr) {
        let pb::JoinExpr {
            jointype: _,
            is_natural: _,
            larg,
            rarg,
            using_clause: _,
            join_using_alias: _,
            quals,
            alias,
            rtindex: _,
        } = x;
        self.alias(alias.as_ref());
        self.maybe(larg.as_deref());
        self.maybe(rarg.as_deref());
        self.maybe(quals.as_deref());
    }

    pub(super) fn range_subselect(&mut self, x: &'a pb::RangeSubselect) {
        let pb::RangeSubselect {
            lateral: _,
            subquery,
            alias: _,
        } = x;
        self.maybe(subquery.as_deref());
    }

    pub(super) fn range_function(&mut self, x: &'a pb::RangeFunction) {
        let pb::RangeFunction {
            lateral: _,
            ordinality: _,
            is_rowsfrom: _,
            functions,
            alias: _,
            coldeflist,
        } = x;
        self.nodes(functions);
        self.nodes(coldeflist);
    }

    pub(super) fn range_table_func(&mut self, x: &'a pb::RangeTableFunc) {
        let pb::RangeTableFunc {
            lateral: _,
            docexpr,
            rowexpr,
            namespaces,
            columns,
            alias: _,
            location: _,
        } = x;
        self.maybe(docexpr.as_deref());
        self.maybe(rowexpr.as_deref());
        self.nodes(namespaces);
        self.nodes(columns);
    }

    pub(super) fn range_table_func_col(&mut self, x: &'a pb::RangeTableFuncCol) {
        let pb::RangeTableFuncCol {
            colname: _,
            type_name,
            for_ordinality: _,
            is_not_null: _,
            colexpr,
            coldefexpr,
            location: _,
        } = x;
        self.maybe_type(type_name.as_ref());
        self.maybe(colexpr.as_deref());
        self.maybe(coldefexpr.as_deref());
    }

    pub(super) fn range_table_sample(&mut self, x: &'a pb::RangeTableSample) {
        let pb::RangeTableSample {
            relation,
            method,
            args,
            repeatable,
            location: _,
        } = x;
        self.maybe(relation.as_deref());
        self.nodes(args);
        self.maybe(repeatable.as_deref());
        self.function_named(method);
    }
}

/// Whether a select puts its rows into a new table; the clause stands in the leftmost part of a set operation.
fn fills_a_table(x: &pb::SelectStmt) -> bool {
    x.into_clause.is_some() || x.larg.as_deref().is_some_and(fills_a_table)
}

fn expressions(ctes: &[pb::Node]) -> impl Iterator<Item = &str> {
    ctes.iter().filter_map(|cte| match cte.node.as_ref()? {
        N::CommonTableExpr(cte) => Some(cte.ctename.as_str()),
        _ => None,
    })
}
