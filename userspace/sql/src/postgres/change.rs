//! Changes of rows: which rows they meet, and whether they carry values over.

use pg_query::{NodeEnum as N, protobuf as pb};

use super::condition::{Truth, truth};
use super::name;
use super::walk::{Outline, Walker};
use crate::effect::Effect;
use crate::statement::{Access, Gap};

impl<'a> Walker<'a> {
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
                Some(N::ResTarget(target)) => {
                    self.ignores(target.val.as_deref());
                    target.name.as_str()
                }
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
