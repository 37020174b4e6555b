//! Statements that change rows: what they store, and what they give back.

use pg_query::{NodeEnum as N, protobuf as pb};

use super::predicate::fixed;
use super::scope::{Column, Level, Rows, Source};
use super::{Tracer, name};
use crate::lineage::trace::with_stored;
use crate::lineage::{Flow, How, Stored};

impl<'a> Tracer<'a, '_> {
    pub(super) fn insert(&mut self, x: &'a pb::InsertStmt) -> Vec<Column> {
        let shown = self.expressions.len();
        self.with(x.with_clause.as_ref());
        let Some(relation) = x.relation.as_ref() else {
            self.lose("an insert without a relation");
            return Vec::new();
        };
        let target = self.relation_columns(relation);
        let names: Vec<_> = x
            .cols
            .iter()
            .map(|column| match column.node.as_ref() {
                Some(N::ResTarget(target)) => target.name.as_str(),
                _ => "",
            })
            .collect();
        if let Some(N::SelectStmt(select)) = x.select_stmt.as_deref().and_then(|select| select.node.as_ref())
        {
            for row in &select.values_lists {
                let Some(N::List(row)) = row.node.as_ref() else {
                    continue;
                };
                for (index, value) in row.items.iter().enumerate() {
                    let column = match names.get(index) {
                        Some(name) => target.iter().find(|column| column.name.as_deref() == Some(name)),
                        None => target.get(index).filter(|_| names.is_empty()),
                    };
                    self.gives(column, fixed(value).unwrap_or_default());
                }
            }
        }
        let given = match x.select_stmt.as_deref() {
            Some(select) => self.inner(Some(select)),
            None => Vec::new(),
        };
        let mut stored = Vec::new();
        for (index, column) in given.iter().enumerate() {
            if column.flow.is_clean() {
                continue;
            }
            let into = if column.many || given.iter().take(index).any(|before| before.many) {
                None
            } else if names.is_empty() {
                target.get(index).and_then(|column| column.name.clone())
            } else {
                names.get(index).map(|name| (*name).to_owned())
            };
            self.stores(relation, into.as_deref(), &column.flow);
            stored.push((into, column.flow.clone()));
        }
        let after = with_stored(&target, by_name(&stored));
        if let Some(conflict) = x.on_conflict_clause.as_deref() {
            let mut source = target_source(relation, after.clone());
            source.rows.push(Rows {
                name: "excluded".to_owned(),
                columns: after.clone(),
            });
            self.levels.push(Level::of(vec![source]));
            if let Some(infer) = conflict.infer.as_deref()
                && let Some(condition) = infer.where_clause.as_deref()
            {
                self.condition(condition);
            }
            self.assignments(relation, &target, &conflict.target_list);
            if let Some(condition) = conflict.where_clause.as_deref() {
                self.condition(condition);
            }
            self.levels.pop();
        }
        let columns = self.returning(x.returning_clause.as_ref(), relation, &after, Vec::new());
        self.expressions.truncate(shown);
        columns
    }

    pub(super) fn update(&mut self, x: &'a pb::UpdateStmt) -> Vec<Column> {
        let shown = self.expressions.len();
        self.with(x.with_clause.as_ref());
        let Some(relation) = x.relation.as_ref() else {
            self.lose("an update without a relation");
            return Vec::new();
        };
        let target = self.relation_columns(relation);
        let others = self.from(&x.from_clause);
        let mut sources = vec![target_source(relation, target.clone())];
        sources.extend(others.iter().cloned());
        self.levels.push(Level::of(sources));
        let stored = self.assignments(relation, &target, &x.target_list);
        if let Some(condition) = x.where_clause.as_deref() {
            self.condition(condition);
        }
        self.levels.pop();
        let after = with_stored(&target, by_name(&stored));
        let columns = self.returning(x.returning_clause.as_ref(), relation, &after, others);
        self.expressions.truncate(shown);
        columns
    }

    pub(super) fn delete(&mut self, x: &'a pb::DeleteStmt) -> Vec<Column> {
        let shown = self.expressions.len();
        self.with(x.with_clause.as_ref());
        let Some(relation) = x.relation.as_ref() else {
            self.lose("a delete without a relation");
            return Vec::new();
        };
        let target = self.relation_columns(relation);
        let others = self.from(&x.using_clause);
        let mut sources = vec![target_source(relation, target.clone())];
        sources.extend(others.iter().cloned());
        self.levels.push(Level::of(sources));
        if let Some(condition) = x.where_clause.as_deref() {
            self.condition(condition);
        }
        self.levels.pop();
        let columns = self.returning(x.returning_clause.as_ref(), relation, &target, others);
        self.expressions.truncate(shown);
        columns
    }

    pub(super) fn merge(&mut self, x: &'a pb::MergeStmt) -> Vec<Column> {
        let shown = self.expressions.len();
        self.with(x.with_clause.as_ref());
        let (Some(relation), Some(source)) = (x.relation.as_ref(), x.source_relation.as_deref()) else {
            self.lose("a merge without its relations");
            return Vec::new();
        };
        let target = self.relation_columns(relation);
        let others = self.from(std::slice::from_ref(source));
        let mut sources = vec![target_source(relation, target.clone())];
        sources.extend(others.iter().cloned());
        self.levels.push(Level::of(sources));
        if let Some(condition) = x.join_condition.as_deref() {
            self.condition(condition);
        }
        let mut stored = Vec::new();
        for clause in &x.merge_when_clauses {
            let Some(N::MergeWhenClause(clause)) = clause.node.as_ref() else {
                self.lose("a merge of another form");
                continue;
            };
            if let Some(condition) = clause.condition.as_deref() {
                self.condition(condition);
            }
            if clause.values.is_empty() {
                stored.extend(self.assignments(relation, &target, &clause.target_list));
                continue;
            }
            for (index, value) in clause.values.iter().enumerate() {
                let flow = self.expression(value);
                let into: Option<String> = if clause.target_list.is_empty() {
                    target.get(index).and_then(|column| column.name.clone())
                } else {
                    match clause
                        .target_list
                        .get(index)
                        .and_then(|target| target.node.as_ref())
                    {
                        Some(N::ResTarget(target)) => Some(target.name.clone()),
                        _ => None,
                    }
                };
                let column = target
                    .iter()
                    .find(|column| column.name.is_some() && column.name == into);
                self.gives(column, fixed(value).unwrap_or_default());
                if !flow.is_clean() {
                    self.stores(relation, into.as_deref(), &flow);
                    stored.push((into, flow));
                }
            }
        }
        self.levels.pop();
        let after = with_stored(&target, by_name(&stored));
        let columns = self.returning(x.returning_clause.as_ref(), relation, &after, others);
        self.expressions.truncate(shown);
        columns
    }

    /// `SET` lists; what they store that shows something, by column.
    fn assignments(
        &mut self,
        relation: &'a pb::RangeVar,
        columns: &[Column],
        targets: &'a [pb::Node],
    ) -> Vec<(Option<String>, Flow)> {
        let mut stored = Vec::new();
        for target in targets {
            let Some(N::ResTarget(target)) = target.node.as_ref() else {
                self.lose("an assignment of another form");
                continue;
            };
            for index in &target.indirection {
                if let Some(N::AIndices(indices)) = index.node.as_ref() {
                    let mut flow = self.maybe(indices.lidx.as_deref());
                    flow.merge(&self.maybe(indices.uidx.as_deref()));
                    self.decides(&flow);
                }
            }
            if let Some(value) = target.val.as_deref() {
                let column = columns
                    .iter()
                    .find(|column| column.name.as_deref() == Some(&target.name));
                self.gives(column, fixed(value).unwrap_or_default());
            }
            let flow = match target.val.as_deref().and_then(|value| value.node.as_ref()) {
                Some(N::MultiAssignRef(part)) => self.part(part),
                _ => self.maybe(target.val.as_deref()),
            };
            if !flow.is_clean() {
                self.stores(relation, Some(&target.name), &flow);
                stored.push((Some(target.name.clone()), flow));
            }
        }
        stored
    }

    /// One column of `(a, b) = (…)`.
    fn part(&mut self, x: &'a pb::MultiAssignRef) -> Flow {
        let at = usize::try_from(x.colno).unwrap_or_default().checked_sub(1);
        match x.source.as_deref().and_then(|source| source.node.as_ref()) {
            Some(N::RowExpr(row)) => match at.and_then(|at| row.args.get(at)) {
                Some(value) => self.expression(value),
                None => self.all(&row.args).through(How::Computed),
            },
            Some(N::SubLink(link)) => {
                let columns = self.inner(link.subselect.as_deref());
                let listed = columns.iter().all(|column| !column.many);
                match at.and_then(|at| columns.get(at)).filter(|_| listed) {
                    Some(column) => column.flow.clone(),
                    None => super::scope::whole(&columns),
                }
            }
            _ => self.maybe(x.source.as_deref()).through(How::Computed),
        }
    }

    fn stores(&mut self, relation: &pb::RangeVar, column: Option<&str>, flow: &Flow) {
        self.stores.push(Stored {
            schema: name::schema(relation).map(str::to_owned),
            relation: relation.relname.clone(),
            column: column.map(str::to_owned),
            flow: flow.clone(),
            new: false,
        });
    }

    fn returning(
        &mut self,
        x: Option<&'a pb::ReturningClause>,
        relation: &'a pb::RangeVar,
        target: &[Column],
        others: Vec<Source>,
    ) -> Vec<Column> {
        let Some(x) = x else {
            return Vec::new();
        };
        let mut source = target_source(relation, target.to_vec());
        let renamed = x.options.iter().filter_map(|option| match option.node.as_ref()? {
            N::ReturningOption(option) => Some(option.value.as_str()),
            _ => None,
        });
        for name in ["old", "new"].into_iter().chain(renamed) {
            if !source.rows.iter().any(|rows| rows.name == name) {
                source.rows.push(Rows {
                    name: name.to_owned(),
                    columns: target.to_vec(),
                });
            }
        }
        // A star lists the source of a MERGE or UPDATE too, in an order that differs by statement and version.
        let star = x.exprs.iter().any(|target| match target.node.as_ref() {
            Some(N::ResTarget(target)) => matches!(
                target.val.as_deref().and_then(|value| value.node.as_ref()),
                Some(N::ColumnRef(column)) if column.fields.len() == 1
                    && matches!(column.fields.first().and_then(|field| field.node.as_ref()), Some(N::AStar(_)))
            ),
            _ => false,
        });
        let mut sources = vec![source];
        sources.extend(others);
        if star && sources.len() > 1 {
            let all: Flow = sources
                .iter()
                .flat_map(|source| source.columns.iter().map(|column| column.flow.clone()))
                .collect();
            for source in &mut sources {
                source.columns = vec![Column::many(all.clone())];
            }
        }
        self.levels.push(Level::of(sources));
        let columns = self.targets(&x.exprs);
        self.levels.pop();
        columns
    }
}

/// The target under the name that it has in its statement.
fn target_source(relation: &pb::RangeVar, columns: Vec<Column>) -> Source {
    let name = relation
        .alias
        .as_ref()
        .map_or(relation.relname.as_str(), |alias| alias.aliasname.as_str());
    Source::of(Some(name), columns)
}

fn by_name(stored: &[(Option<String>, Flow)]) -> impl Iterator<Item = (Option<&str>, &Flow)> {
    stored.iter().map(|(name, flow)| (name.as_deref(), flow))
}
