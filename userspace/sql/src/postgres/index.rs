//! Definitions that go with a table: indexes, statistics, sequences, policies.

use pg_query::{NodeEnum as N, protobuf as pb};

use super::name;
use super::walk::{Outline, Walker};
use crate::effect::Effect;
use crate::statement::Access;

impl<'a> Walker<'a> {
    pub(super) fn create_index(&mut self, x: &'a pb::IndexStmt) -> Outline {
        let pb::IndexStmt {
            idxname,
            relation,
            access_method: _,
            table_space: _,
            index_params,
            index_including_params,
            options,
            where_clause,
            exclude_op_names: _,
            idxcomment: _,
            index_oid: _,
            old_number: _,
            old_create_subid: _,
            old_first_relfilelocator_subid: _,
            unique: _,
            nulls_not_distinct: _,
            primary: _,
            isconstraint: _,
            iswithoutoverlaps: _,
            deferrable: _,
            initdeferred: _,
            transformed: _,
            concurrent: _,
            if_not_exists: _,
            reset_default_tblspc: _,
        } = x;
        self.maybe_relation(relation.as_ref(), Access::Define);
        if !idxname.is_empty() {
            let schema = relation.as_ref().and_then(name::schema);
            self.facts.relation(schema, idxname, Access::Define);
        }
        let columns = self.columns.len();
        self.nodes(index_params);
        self.nodes(index_including_params);
        // The statistics of an indexed expression are kept under the index's name.
        if self.columns.len() > columns
            && let Some(relation) = relation
        {
            self.exposes(relation);
        }
        self.maybe(where_clause.as_deref());
        self.optioned("create", options, &[Effect::Create])
    }

    pub(super) fn index_elem(&mut self, x: &'a pb::IndexElem) {
        let pb::IndexElem {
            name: _,
            expr,
            indexcolname: _,
            collation: _,
            opclass: _,
            opclassopts,
            ordering: _,
            nulls_ordering: _,
        } = x;
        self.maybe(expr.as_deref());
        self.nodes(opclassopts);
    }

    pub(super) fn create_statistics(&mut self, x: &'a pb::CreateStatsStmt) -> Outline {
        let pb::CreateStatsStmt {
            defnames: _,
            stat_types: _,
            exprs,
            relations,
            stxcomment: _,
            transformed: _,
            if_not_exists: _,
        } = x;
        self.nodes(exprs);
        for relation in relations {
            match relation.node.as_ref() {
                // Most common values of the columns will show under the statistics' name.
                Some(N::RangeVar(relation)) => {
                    self.relation(relation, Access::Define);
                    self.exposes(relation);
                }
                _ => self.unknown("CREATE STATISTICS"),
            }
        }
        self.done("create", &[Effect::Create])
    }

    pub(super) fn stats_elem(&mut self, x: &'a pb::StatsElem) {
        let pb::StatsElem { name: _, expr } = x;
        self.maybe(expr.as_deref());
    }

    pub(super) fn create_sequence(&mut self, x: &'a pb::CreateSeqStmt) -> Outline {
        let pb::CreateSeqStmt {
            sequence,
            options,
            owner_id: _,
            for_identity: _,
            if_not_exists: _,
        } = x;
        self.maybe_relation(sequence.as_ref(), Access::Define);
        self.optioned("create", options, &[Effect::Create])
    }

    pub(super) fn alter_sequence(&mut self, x: &'a pb::AlterSeqStmt) -> Outline {
        let pb::AlterSeqStmt {
            sequence,
            options,
            for_identity: _,
            missing_ok: _,
        } = x;
        self.maybe_relation(sequence.as_ref(), Access::Define);
        self.optioned("alter", options, &[Effect::Alter])
    }

    pub(super) fn create_policy(&mut self, x: &'a pb::CreatePolicyStmt) -> Outline {
        let pb::CreatePolicyStmt {
            policy_name: _,
            table,
            cmd_name: _,
            permissive: _,
            roles: _,
            qual,
            with_check,
        } = x;
        self.maybe_relation(table.as_ref(), Access::Define);
        self.facts.sink = true;
        self.maybe(qual.as_deref());
        self.maybe(with_check.as_deref());
        self.done("create", &[Effect::Create, Effect::Grant])
    }

    pub(super) fn alter_policy(&mut self, x: &'a pb::AlterPolicyStmt) -> Outline {
        let pb::AlterPolicyStmt {
            policy_name: _,
            table,
            roles: _,
            qual,
            with_check,
        } = x;
        self.maybe_relation(table.as_ref(), Access::Define);
        self.facts.sink = true;
        self.maybe(qual.as_deref());
        self.maybe(with_check.as_deref());
        self.done("alter", &[Effect::Alter, Effect::Grant])
    }
}
