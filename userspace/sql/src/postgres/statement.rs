//! Which statement is walked how.

use pg_query::{NodeEnum as N, protobuf as pb};

use super::walk::{Outline, Walker};
use crate::effect::Effect;
use crate::effect::Effect::{
    Alter, Code, Create, Drop, Grant, Listen, Maintenance, Program, Replication, RoleChange, ServerFile,
    Settings,
};

impl<'a> Walker<'a> {
    /// Walks a statement. What is no statement, and what this version does not know to be one, is a gap.
    pub(super) fn statement(&mut self, node: &'a pb::Node) -> Outline {
        let Some(statement) = node.node.as_ref() else {
            self.unknown("an empty node");
            return Outline::plain("unknown");
        };
        match statement {
            // Rows.
            N::SelectStmt(x) => self.select(x),
            N::InsertStmt(x) => self.insert(x),
            N::UpdateStmt(x) => self.update(x),
            N::DeleteStmt(x) => self.delete(x),
            N::MergeStmt(x) => self.merge(x),
            N::CopyStmt(x) => self.copy(x),
            N::TruncateStmt(x) => self.truncate(x),
            N::ReturnStmt(x) => {
                let pb::ReturnStmt { returnval } = &**x;
                self.maybe(returnval.as_deref());
                Outline::plain("return")
            }
            N::PlassignStmt(x) => self.assign(x),

            // The session.
            N::VariableSetStmt(x) => self.set(x),
            N::VariableShowStmt(x) => self.show_setting(x),
            N::TransactionStmt(x) => self.transaction(x),
            N::DiscardStmt(x) => self.discard(x),
            N::PrepareStmt(x) => self.prepare(x),
            N::ExecuteStmt(x) => self.execute(x),
            N::DeallocateStmt(x) => self.deallocate(x),
            N::DeclareCursorStmt(x) => self.declare(x),
            N::FetchStmt(x) => self.fetch(x),
            N::ClosePortalStmt(x) => self.close(x),
            N::ExplainStmt(x) => self.explain(x),
            N::NotifyStmt(x) => self.notify(x),
            N::ListenStmt(_) => self.done("listen", &[Listen]),
            N::UnlistenStmt(_) => self.done("unlisten", &[Listen]),
            N::ConstraintsSetStmt(x) => self.constraints(x),
            N::LockStmt(x) => self.lock(x),

            // Code.
            N::DoStmt(x) => self.do_block(x),
            N::CallStmt(x) => self.call_procedure(x),
            N::CreateFunctionStmt(x) => self.create_function(x),
            N::AlterFunctionStmt(x) => self.alter_function(x),
            N::CreateTrigStmt(x) => self.create_trigger(x),
            N::CreateEventTrigStmt(x) => self.create_event_trigger(x),
            N::AlterEventTrigStmt(_) => self.done("alter", &[Alter, Code]),
            N::CreatePlangStmt(x) => self.create_language(x),
            N::RuleStmt(x) => self.create_rule(x),
            N::LoadStmt(_) => self.done("load", &[Code, Program]),
            N::CreateExtensionStmt(x) => self.optioned("create", &x.options, &[Create, Code]),
            N::AlterExtensionStmt(x) => self.optioned("alter", &x.options, &[Alter, Code]),
            N::AlterExtensionContentsStmt(x) => self.extension_contents(x),

            // Tables and what is like them.
            N::CreateStmt(x) => self.create_table(x),
            N::CreateTableAsStmt(x) => self.create_table_as(x),
            N::CreateForeignTableStmt(x) => self.create_foreign_table(x),
            N::AlterTableStmt(x) => self.alter_table(x),
            N::ViewStmt(x) => self.create_view(x),
            N::RefreshMatViewStmt(x) => self.refresh(x),
            N::IndexStmt(x) => self.create_index(x),
            N::CreateStatsStmt(x) => self.create_statistics(x),
            N::CreateSeqStmt(x) => self.create_sequence(x),
            N::AlterSeqStmt(x) => self.alter_sequence(x),
            N::CreatePolicyStmt(x) => self.create_policy(x),
            N::AlterPolicyStmt(x) => self.alter_policy(x),

            // Other objects.
            N::CreateSchemaStmt(x) => self.create_schema(x),
            N::CreateDomainStmt(x) => self.create_domain(x),
            N::AlterDomainStmt(x) => self.alter_domain(x),
            N::CompositeTypeStmt(x) => self.create_composite(x),
            N::CreateRangeStmt(x) => self.support("create", &x.params, &[Create]),
            N::AlterTypeStmt(x) => self.support("alter", &x.options, &[Alter, Code]),
            N::DefineStmt(x) => self.define(x),
            N::CreateCastStmt(x) => self.create_cast(x),
            N::CreateConversionStmt(x) => self.create_conversion(x),
            N::CreateTransformStmt(x) => self.create_transform(x),
            N::CreateAmStmt(x) => self.handled("create", &x.handler_name, &[Create, Code]),
            N::CreateOpClassStmt(x) => self.create_op_class(x),
            N::AlterOpFamilyStmt(x) => self.alter_op_family(x),
            N::AlterOperatorStmt(x) => self.support("alter", &x.options, &[Alter]),
            N::AlterTsdictionaryStmt(x) => self.optioned("alter", &x.options, &[Alter]),

            // Nothing but names and plain values in them.
            N::CreateEnumStmt(_) | N::CreateOpFamilyStmt(_) => self.done("create", &[Create]),
            N::AlterCollationStmt(_)
            | N::AlterDatabaseRefreshCollStmt(_)
            | N::AlterEnumStmt(_)
            | N::AlterStatsStmt(_)
            | N::AlterTableMoveAllStmt(_)
            | N::AlterTsconfigurationStmt(_) => self.done("alter", &[Alter]),

            // Beyond the database.
            N::CreateFdwStmt(x) => self.wrapper("create", &x.func_options, &x.options, Create),
            N::AlterFdwStmt(x) => self.wrapper("alter", &x.func_options, &x.options, Alter),
            N::CreateForeignServerStmt(x) => self.optioned("create", &x.options, &[Create, Program]),
            N::AlterForeignServerStmt(x) => self.optioned("alter", &x.options, &[Alter, Program]),
            N::CreateUserMappingStmt(x) => self.optioned("create", &x.options, &[Create, Program]),
            N::AlterUserMappingStmt(x) => self.optioned("alter", &x.options, &[Alter, Program]),
            N::DropUserMappingStmt(_) => self.done("drop", &[Drop]),
            N::ImportForeignSchemaStmt(x) => self.import(x),
            N::CreatePublicationStmt(x) => self.create_publication(x),
            N::AlterPublicationStmt(x) => self.alter_publication(x),
            N::CreateSubscriptionStmt(x) => {
                self.optioned("create", &x.options, &[Create, Replication, Program])
            }
            N::AlterSubscriptionStmt(x) => self.optioned("alter", &x.options, &[Alter, Replication, Program]),
            N::DropSubscriptionStmt(_) => self.done("drop", &[Drop, Replication, Program]),
            N::CreateTableSpaceStmt(x) => self.optioned("create", &x.options, &[Create, ServerFile]),
            N::AlterTableSpaceOptionsStmt(x) => self.optioned("alter", &x.options, &[Alter]),
            N::DropTableSpaceStmt(_) => self.done("drop", &[Drop, ServerFile]),

            // Databases, roles, settings for later.
            N::CreatedbStmt(x) => {
                // A copy of its template, with all rows in it.
                self.facts.exposes = true;
                self.optioned("create", &x.options, &[Create])
            }
            N::AlterDatabaseStmt(x) => self.optioned("alter", &x.options, &[Alter]),
            N::AlterDatabaseSetStmt(x) => self.set_for_others(x.setstmt.as_ref(), &[Alter]),
            N::DropdbStmt(x) => self.optioned("drop", &x.options, &[Drop]),
            N::AlterSystemStmt(x) => self.set_for_others(x.setstmt.as_ref(), &[Alter]),
            N::CreateRoleStmt(x) => self.optioned("create", &x.options, &[Create, RoleChange]),
            N::AlterRoleStmt(x) => self.optioned("alter", &x.options, &[Alter, RoleChange]),
            N::AlterRoleSetStmt(x) => self.set_for_others(x.setstmt.as_ref(), &[Alter, RoleChange, Settings]),
            N::DropRoleStmt(_) => self.done("drop", &[Drop, RoleChange]),

            // Any object.
            N::DropStmt(x) => self.drop_objects(x),
            N::DropOwnedStmt(_) => self.done("drop", &[Drop, Grant]),
            N::ReassignOwnedStmt(_) => self.done("reassign", &[Alter, Grant]),
            N::RenameStmt(x) => self.rename(x),
            N::AlterObjectSchemaStmt(x) => self.alter_schema(x),
            N::AlterObjectDependsStmt(x) => self.alter_depends(x),
            N::AlterOwnerStmt(x) => self.alter_owner(x),
            N::CommentStmt(x) => self.comment(x),
            N::SecLabelStmt(x) => self.label(x),
            N::GrantStmt(x) => self.grant(x),
            N::GrantRoleStmt(x) => {
                let kind = if x.is_grant { "grant" } else { "revoke" };
                self.optioned(kind, &x.opt, &[Grant, RoleChange])
            }
            N::AlterDefaultPrivilegesStmt(x) => self.alter_default_privileges(x),

            // Upkeep.
            N::VacuumStmt(x) => self.vacuum(x),
            N::ClusterStmt(x) => self.cluster(x),
            N::ReindexStmt(x) => self.reindex(x),
            N::CheckPointStmt(_) => self.done("checkpoint", &[Maintenance]),

            _ => {
                self.unknown("a statement");
                Outline::plain("unknown")
            }
        }
    }

    /// A statement of names and options.
    pub(super) fn optioned(
        &mut self,
        kind: &'static str,
        options: &'a [pb::Node],
        effects: &[Effect],
    ) -> Outline {
        self.nodes(options);
        self.done(kind, effects)
    }
}
