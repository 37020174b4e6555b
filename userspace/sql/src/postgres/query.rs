//! Queries and changes of rows, with the scopes of common table expressions.

use std::mem;

use pg_query::{NodeEnum as N, protobuf as pb};

use super::condition::{Truth, truth};
use super::name;
use super::walk::{Outline, Walker};
use crate::effect::Effect;
use crate::statement::{Access, Gap};

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

    fn select_parts(&mut self, x: &'a pb::SelectStmt) {
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

    pub(super) fn insert(&mut self, x: &'a pb::InsertStmt) -> Outline {
        let pb::InsertStmt {
            relation,
            cols,
            select_stmt,
            on_conflict_clause,
            returning_clause,
            with_clause,
            r#override: _,
        } = x;
        self.with(with_clause.as_ref());
        self.all(&[Effect::Write, Effect::Insert]);
        self.changes(relation.as_ref());
        self.facts.sink = true;
        self.nodes(cols);
        match select_stmt.as_deref().and_then(|select| select.node.as_ref()) {
            // `VALUES` reads nothing of itself.
            Some(N::SelectStmt(select)) if !select.values_lists.is_empty() => self.select_parts(select),
            _ => self.maybe(select_stmt.as_deref()),
        }
        if let Some(conflict) = on_conflict_clause {
            self.on_conflict(conflict, relation.as_ref());
        }
        self.returning(returning_clause.as_ref(), relation.as_ref());
        self.leave(with_clause.as_ref());
        Outline::plain("insert").returning(returning_clause.is_some())
    }

    pub(super) fn on_conflict(&mut self, x: &'a pb::OnConflictClause, relation: Option<&'a pb::RangeVar>) {
        let pb::OnConflictClause {
            action,
            infer,
            target_list,
            where_clause,
            location: _,
        } = x;
        if let Some(infer) = infer {
            self.infer(infer);
        }
        if pb::OnConflictAction::try_from(*action) == Ok(pb::OnConflictAction::OnconflictUpdate) {
            self.does(Effect::Update);
        }
        self.assignments(target_list, relation, true, true);
        self.maybe(where_clause.as_deref());
    }

    pub(super) fn infer(&mut self, x: &'a pb::InferClause) {
        let pb::InferClause {
            index_elems,
            where_clause,
            conname: _,
            location: _,
        } = x;
        self.nodes(index_elems);
        self.maybe(where_clause.as_deref());
    }

    pub(super) fn update(&mut self, x: &'a pb::UpdateStmt) -> Outline {
        let pb::UpdateStmt {
            relation,
            target_list,
            where_clause,
            from_clause,
            returning_clause,
            with_clause,
        } = x;
        self.with(with_clause.as_ref());
        self.all(&[Effect::Write, Effect::Update]);
        self.changes(relation.as_ref());
        self.nodes(from_clause);
        self.assignments(target_list, relation.as_ref(), from_clause.is_empty(), false);
        if !self.narrows(where_clause.as_deref(), relation.as_ref()) {
            self.does(Effect::UpdateWithoutWhere);
        }
        self.returning(returning_clause.as_ref(), relation.as_ref());
        self.leave(with_clause.as_ref());
        Outline::plain("update").returning(returning_clause.is_some())
    }

    pub(super) fn delete(&mut self, x: &'a pb::DeleteStmt) -> Outline {
        let pb::DeleteStmt {
            relation,
            using_clause,
            where_clause,
            returning_clause,
            with_clause,
        } = x;
        self.with(with_clause.as_ref());
        self.all(&[Effect::Write, Effect::Delete]);
        self.changes(relation.as_ref());
        self.nodes(using_clause);
        if !self.narrows(where_clause.as_deref(), relation.as_ref()) {
            self.does(Effect::DeleteWithoutWhere);
        }
        self.returning(returning_clause.as_ref(), relation.as_ref());
        self.leave(with_clause.as_ref());
        Outline::plain("delete").returning(returning_clause.is_some())
    }

    pub(super) fn merge(&mut self, x: &'a pb::MergeStmt) -> Outline {
        let pb::MergeStmt {
            relation,
            source_relation,
            join_condition,
            merge_when_clauses,
            returning_clause,
            with_clause,
        } = x;
        self.with(with_clause.as_ref());
        self.does(Effect::Write);
        self.changes(relation.as_ref());
        self.maybe(source_relation.as_deref());
        let joined = self.narrows(join_condition.as_deref(), relation.as_ref());
        for clause in merge_when_clauses {
            match clause.node.as_ref() {
                Some(N::MergeWhenClause(clause)) => self.merge_when(clause, relation.as_ref(), joined),
                _ => self.unknown("MergeWhenClause"),
            }
        }
        self.returning(returning_clause.as_ref(), relation.as_ref());
        self.leave(with_clause.as_ref());
        Outline::plain("merge").returning(returning_clause.is_some())
    }

    fn merge_when(&mut self, x: &'a pb::MergeWhenClause, relation: Option<&'a pb::RangeVar>, joined: bool) {
        let pb::MergeWhenClause {
            match_kind: _,
            command_type,
            r#override: _,
            condition,
            target_list,
            values,
        } = x;
        let narrowed = match condition.as_deref() {
            Some(condition) => self.narrows(Some(condition), relation) || joined,
            None => joined,
        };
        match pb::CmdType::try_from(*command_type) {
            Ok(pb::CmdType::CmdInsert) => {
                self.does(Effect::Insert);
                self.facts.sink = true;
                self.nodes(target_list);
            }
            Ok(pb::CmdType::CmdUpdate) => {
                self.does(Effect::Update);
                if !narrowed {
                    self.does(Effect::UpdateWithoutWhere);
                }
                self.assignments(target_list, relation, false, false);
            }
            Ok(pb::CmdType::CmdDelete) => {
                self.does(Effect::Delete);
                if !narrowed {
                    self.does(Effect::DeleteWithoutWhere);
                }
                self.nodes(target_list);
            }
            Ok(pb::CmdType::CmdNothing) => self.nodes(target_list),
            _ => self.unknown("MergeWhenClause"),
        }
        self.nodes(values);
    }

    /// The relation whose rows a statement changes. It is never a common table expression, whatever its name.
    fn changes(&mut self, relation: Option<&'a pb::RangeVar>) {
        self.maybe_relation(relation, Access::Write);
        // An update of this view sets settings, by names that are in its rows.
        if relation.is_some_and(|relation| relation.relname == "pg_settings") {
            self.does(Effect::Settings);
            self.facts.gap(Gap::ComputedSetting);
        }
    }

    /// `SET` lists. A column that is computed from itself alone stays where it is; anything else that is computed from
    /// columns or sub-queries carries values over.
    fn assignments(
        &mut self,
        targets: &'a [pb::Node],
        relation: Option<&'a pb::RangeVar>,
        alone: bool,
        conflict: bool,
    ) {
        for target in targets {
            let (columns, reads) = (self.columns.len(), self.facts.reads);
            self.node(target);
            let column = match target.node.as_ref() {
                Some(N::ResTarget(target)) => target.name.as_str(),
                _ => "",
            };
            let used = self.columns.get(columns..).unwrap_or_default();
            let carried: Vec<_> = used
                .iter()
                .filter(|used| !stays(used, column, relation, alone, conflict))
                .collect();
            let own = carried.iter().any(|used| may_be_of(used, relation));
            if !carried.is_empty() || self.facts.reads > reads {
                self.facts.sink = true;
            }
            if own && let Some(relation) = relation {
                self.flows(relation);
            }
        }
    }

    /// Visits a condition and tells whether it narrows which rows of the relation are met.
    fn narrows(&mut self, condition: Option<&'a pb::Node>, relation: Option<&'a pb::RangeVar>) -> bool {
        let (columns, cursors) = (self.columns.len(), self.cursors);
        self.maybe(condition);
        match condition.map(truth) {
            None | Some(Truth::Always) => false,
            Some(Truth::Never) => true,
            // A condition that mentions no column of the relation is the same for all its rows.
            Some(Truth::Unknown) => {
                let used = self.columns.get(columns..).unwrap_or_default();
                self.cursors > cursors || used.iter().any(|used| may_be_of(used, relation))
            }
        }
    }

    fn returning(&mut self, x: Option<&'a pb::ReturningClause>, relation: Option<&'a pb::RangeVar>) {
        let Some(pb::ReturningClause { options: _, exprs }) = x else {
            return;
        };
        let columns = self.columns.len();
        self.nodes(exprs);
        if self.columns.len() > columns
            && let Some(relation) = relation
        {
            let reads = self.facts.reads;
            self.flows(relation);
            // What the client gets is no source for what the statement stores.
            if !self.embedded {
                self.facts.reads = reads;
            }
        }
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

/// Qualifier and name of a column reference; a whole row or a star has no name.
fn split(column: &pb::ColumnRef) -> (Option<&str>, Option<&str>) {
    match column.fields.as_slice() {
        [] => (None, None),
        [name] => (None, name::text(name)),
        [.., qualifier, name] => (name::text(qualifier), name::text(name)),
    }
}

fn known_as(relation: &pb::RangeVar) -> &str {
    relation
        .alias
        .as_ref()
        .map_or(relation.relname.as_str(), |alias| alias.aliasname.as_str())
}

/// Whether a reference may be to a column of the relation: unless it is qualified with another name, it may.
fn may_be_of(column: &pb::ColumnRef, relation: Option<&pb::RangeVar>) -> bool {
    let Some(relation) = relation else { return true };
    match split(column) {
        (None, _) => true,
        // `old` and `new` stand for the relation's rows in some places.
        (Some(qualifier), _) => qualifier == known_as(relation) || ["old", "new"].contains(&qualifier),
    }
}

/// Whether a value used to compute a column is no other than that column's own.
fn stays(
    used: &pb::ColumnRef,
    column: &str,
    relation: Option<&pb::RangeVar>,
    alone: bool,
    conflict: bool,
) -> bool {
    match split(used) {
        (Some("excluded"), Some(_)) if conflict => true,
        (None, Some(name)) => alone && name == column,
        (Some(qualifier), Some(name)) => {
            name == column && relation.is_some_and(|relation| qualifier == known_as(relation))
        }
        (_, None) => false,
    }
}
