//! Definitions of tables and views.

use pg_query::{NodeEnum as N, protobuf as pb};

use super::name;
use super::walk::{Outline, Walker};
use crate::control::Control;
use crate::effect::Effect;
use crate::statement::Access;

impl<'a> Walker<'a> {
    pub(super) fn create_table(&mut self, x: &'a pb::CreateStmt) -> Outline {
        let pb::CreateStmt {
            relation,
            table_elts,
            inh_relations,
            partbound,
            partspec,
            of_typename,
            constraints,
            nnconstraints,
            options,
            oncommit: _,
            tablespacename: _,
            access_method: _,
            if_not_exists: _,
        } = x;
        self.maybe_relation(relation.as_ref(), Access::Define);
        for parent in inh_relations {
            match parent.node.as_ref() {
                Some(N::RangeVar(parent)) => self.relation(parent, Access::Define),
                _ => self.unknown("INHERITS"),
            }
        }
        self.nodes(table_elts);
        if let Some(bound) = partbound {
            self.partition_bound(bound);
        }
        if let Some(spec) = partspec {
            self.partition_spec(spec);
        }
        self.maybe_type(of_typename.as_ref());
        self.nodes(constraints);
        self.nodes(nnconstraints);
        self.nodes(options);
        self.done("create", &[Effect::Create])
    }

    pub(super) fn create_foreign_table(&mut self, x: &'a pb::CreateForeignTableStmt) -> Outline {
        let pb::CreateForeignTableStmt {
            base_stmt,
            servername: _,
            options,
        } = x;
        if let Some(base) = base_stmt {
            self.create_table(base);
        }
        self.foreign_options(options);
        self.optioned("create", options, &[Effect::Create, Effect::Program])
    }

    /// What the wrapper for files is told to read.
    pub(super) fn foreign_options(&mut self, options: &[pb::Node]) {
        if name::options(options).any(|option| option.defname == "filename") {
            self.does(Effect::ServerFile);
        }
    }

    pub(super) fn create_table_as(&mut self, x: &'a pb::CreateTableAsStmt) -> Outline {
        let pb::CreateTableAsStmt {
            query,
            into,
            objtype: _,
            is_select_into: _,
            if_not_exists: _,
        } = x;
        if let Some(into) = into {
            self.into(into);
        }
        let control = match query.as_deref() {
            Some(query) => self.statement(query).control,
            None => Control::None,
        };
        match control {
            // What runs was prepared; what it reads is not in this text, so it must be taken to read.
            control @ Control::Execute { .. } => {
                self.facts.exposes = true;
                Outline::controls("create", control)
            }
            _ => Outline::plain("create"),
        }
    }

    pub(super) fn create_view(&mut self, x: &'a pb::ViewStmt) -> Outline {
        let pb::ViewStmt {
            view,
            aliases: _,
            query,
            replace: _,
            options,
            with_check_option: _,
        } = x;
        self.maybe_relation(view.as_ref(), Access::Define);
        self.facts.sink = true;
        self.maybe(query.as_deref());
        self.optioned("create", options, &[Effect::Create])
    }

    pub(super) fn refresh(&mut self, x: &'a pb::RefreshMatViewStmt) -> Outline {
        let pb::RefreshMatViewStmt {
            concurrent: _,
            skip_data: _,
            relation,
        } = x;
        self.maybe_relation(relation.as_ref(), Access::Write);
        self.done("refresh", &[Effect::Write, Effect::Maintenance])
    }

    pub(super) fn alter_table(&mut self, x: &'a pb::AlterTableStmt) -> Outline {
        let pb::AlterTableStmt {
            relation,
            cmds,
            objtype: _,
            missing_ok: _,
        } = x;
        self.maybe_relation(relation.as_ref(), Access::Define);
        for command in cmds {
            match command.node.as_ref() {
                Some(N::AlterTableCmd(command)) => self.alter_table_command(command, relation.as_ref()),
                _ => self.unknown("AlterTableCmd"),
            }
        }
        self.done("alter", &[Effect::Alter])
    }

    fn alter_table_command(&mut self, x: &'a pb::AlterTableCmd, relation: Option<&'a pb::RangeVar>) {
        use pb::AlterTableType as Type;
        let pb::AlterTableCmd {
            subtype,
            name,
            num: _,
            newowner,
            def,
            behavior: _,
            missing_ok: _,
            recurse: _,
        } = x;
        if newowner.is_some() {
            self.does(Effect::Grant);
        }
        let columns = self.columns.len();
        let mut column = name.as_str();
        match def.as_deref().and_then(|def| def.node.as_ref()) {
            // A parent: its readers get these rows too.
            Some(N::RangeVar(parent)) => {
                self.relation(parent, Access::Define);
                if let Some(relation) = relation {
                    self.exposes(relation);
                }
            }
            Some(N::ColumnDef(def)) => {
                if !def.colname.is_empty() {
                    column = &def.colname;
                }
                self.column_def(def);
            }
            // Names that stay names.
            None | Some(N::ReplicaIdentityStmt(_) | N::AtalterConstraint(_)) => {}
            Some(_) => self.maybe(def.as_deref()),
        }
        let subtype = Type::try_from(*subtype);
        if subtype == Ok(Type::AtGenericOptions)
            && let Some(N::List(options)) = def.as_deref().and_then(|def| def.node.as_ref())
        {
            self.does(Effect::Program);
            self.foreign_options(&options.items);
        }
        // A column computed from others is a copy of them; a constraint or a default is not.
        let computed = [
            Ok(Type::AtAddColumn),
            Ok(Type::AtAlterColumnType),
            Ok(Type::AtSetExpression),
        ];
        let used = self.columns.get(columns..).unwrap_or_default();
        let carried = used
            .iter()
            .any(|used| name::parts(&used.fields).last() != Some(&column));
        if computed.contains(&subtype)
            && carried
            && let Some(relation) = relation
        {
            self.exposes(relation);
        }
    }

    pub(super) fn column_def(&mut self, x: &'a pb::ColumnDef) {
        let pb::ColumnDef {
            colname: _,
            type_name,
            compression: _,
            inhcount: _,
            is_local: _,
            is_not_null: _,
            is_from_type: _,
            storage: _,
            storage_name: _,
            raw_default,
            cooked_default,
            identity: _,
            identity_sequence: _,
            generated: _,
            coll_clause,
            coll_oid: _,
            constraints,
            fdwoptions,
            location: _,
        } = x;
        self.maybe_type(type_name.as_ref());
        self.maybe(raw_default.as_deref());
        self.maybe(cooked_default.as_deref());
        if let Some(collate) = coll_clause {
            self.collate(collate);
        }
        self.nodes(constraints);
        self.nodes(fdwoptions);
    }

    pub(super) fn constraint(&mut self, x: &'a pb::Constraint) {
        let pb::Constraint {
            contype: _,
            conname: _,
            deferrable: _,
            initdeferred: _,
            is_enforced: _,
            skip_validation: _,
            initially_valid: _,
            is_no_inherit: _,
            raw_expr,
            cooked_expr: _,
            generated_when: _,
            generated_kind: _,
            nulls_not_distinct: _,
            keys: _,
            without_overlaps: _,
            including: _,
            exclusions,
            options,
            indexname: _,
            indexspace: _,
            reset_default_tblspc: _,
            access_method: _,
            where_clause,
            pktable,
            fk_attrs: _,
            pk_attrs: _,
            fk_with_period: _,
            pk_with_period: _,
            fk_matchtype: _,
            fk_upd_action: _,
            fk_del_action: _,
            fk_del_set_cols: _,
            old_conpfeqop: _,
            old_pktable_oid: _,
            location: _,
        } = x;
        self.maybe(raw_expr.as_deref());
        self.nodes(exclusions);
        self.nodes(options);
        self.maybe(where_clause.as_deref());
        self.maybe_relation(pktable.as_ref(), Access::Define);
    }

    pub(super) fn like(&mut self, x: &'a pb::TableLikeClause) {
        let pb::TableLikeClause {
            relation,
            options: _,
            relation_oid: _,
        } = x;
        self.maybe_relation(relation.as_ref(), Access::Define);
    }

    pub(super) fn partition_spec(&mut self, x: &'a pb::PartitionSpec) {
        let pb::PartitionSpec {
            strategy: _,
            part_params,
            location: _,
        } = x;
        self.nodes(part_params);
    }

    pub(super) fn partition_elem(&mut self, x: &'a pb::PartitionElem) {
        let pb::PartitionElem {
            name: _,
            expr,
            collation: _,
            opclass: _,
            location: _,
        } = x;
        self.maybe(expr.as_deref());
    }

    pub(super) fn partition_bound(&mut self, x: &'a pb::PartitionBoundSpec) {
        let pb::PartitionBoundSpec {
            strategy: _,
            is_default: _,
            modulus: _,
            remainder: _,
            listdatums,
            lowerdatums,
            upperdatums,
            location: _,
        } = x;
        self.nodes(listdatums);
        self.nodes(lowerdatums);
        self.nodes(upperdatums);
    }

    pub(super) fn partition_datum(&mut self, x: &'a pb::PartitionRangeDatum) {
        let pb::PartitionRangeDatum {
            kind: _,
            value,
            location: _,
        } = x;
        self.maybe(value.as_deref());
    }

    /// A table that becomes, or ceases to be, a part of another: the other's readers get its rows.
    pub(super) fn partition_cmd(&mut self, x: &'a pb::PartitionCmd) {
        let pb::PartitionCmd {
            name,
            bound,
            concurrent: _,
        } = x;
        if let Some(part) = name {
            self.relation(part, Access::Define);
            if bound.is_some() {
                self.exposes(part);
            }
        }
        if let Some(bound) = bound {
            self.partition_bound(bound);
        }
    }
}
