//! Every kind of node of a parse tree is either visited or recorded as a gap.
//!
//! Two rules keep a forgotten construct from passing as harmless. The match below names every variant of the tree's node
//! type, so a new one does not compile until somebody decides. And the methods that it leads to take their struct apart
//! field by field without `..`, so a new field does not compile either.

use pg_query::{NodeEnum as N, protobuf as pb};

use super::walk::Walker;

impl<'a> Walker<'a> {
    pub(super) fn node(&mut self, node: &'a pb::Node) {
        let pb::Node { node: Some(kind) } = node else {
            return;
        };
        match kind {
            // Values, names and marks: nothing to visit.
            N::Alias(_)
            | N::AConst(_)
            | N::AStar(_)
            | N::BitString(_)
            | N::Boolean(_)
            | N::CtesearchClause(_)
            | N::Float(_)
            | N::Integer(_)
            | N::JsonFormat(_)
            | N::MergeSupportFunc(_)
            | N::ParamRef(_)
            | N::ReturningOption(_)
            | N::RoleSpec(_)
            | N::SetToDefault(_)
            | N::SqlvalueFunction(_)
            | N::String(_)
            | N::TriggerTransition(_) => {}

            N::List(list) => self.nodes(&list.items),
            N::IntList(list) => self.nodes(&list.items),
            N::OidList(list) => self.nodes(&list.items),

            // Relations, where a query names them.
            N::RangeVar(relation) => self.read(relation),
            N::RangeSubselect(x) => self.range_subselect(x),
            N::RangeFunction(x) => self.range_function(x),
            N::RangeTableFunc(x) => self.range_table_func(x),
            N::RangeTableFuncCol(x) => self.range_table_func_col(x),
            N::RangeTableSample(x) => self.range_table_sample(x),
            N::JoinExpr(x) => self.join(x),

            // Expressions.
            N::AArrayExpr(x) => self.array(x),
            N::AExpr(x) => self.operator(x),
            N::AIndices(x) => self.indices(x),
            N::AIndirection(x) => self.indirection(x),
            N::BoolExpr(x) => self.bool_expr(x),
            N::BooleanTest(x) => self.boolean_test(x),
            N::CaseExpr(x) => self.case(x),
            N::CaseWhen(x) => self.case_when(x),
            N::CoalesceExpr(x) => self.coalesce(x),
            N::CollateClause(x) => self.collate(x),
            N::ColumnRef(x) => self.column(x),
            N::CurrentOfExpr(x) => self.current_of(x),
            N::FuncCall(x) => self.call(x),
            N::GroupingFunc(x) => self.grouping_func(x),
            N::GroupingSet(x) => self.grouping_set(x),
            N::MinMaxExpr(x) => self.min_max(x),
            N::MultiAssignRef(x) => self.multi_assign(x),
            N::NamedArgExpr(x) => self.named_arg(x),
            N::NullTest(x) => self.null_test(x),
            N::ResTarget(x) => self.target(x),
            N::RowExpr(x) => self.row(x),
            N::SortBy(x) => self.sort_by(x),
            N::SubLink(x) => self.sub_link(x),
            N::TypeCast(x) => self.type_cast(x),
            N::TypeName(x) => self.type_name(x),
            N::WindowDef(x) => self.window(x),
            N::XmlExpr(x) => self.xml(x),
            N::XmlSerialize(x) => self.xml_serialize(x),

            // JSON expressions.
            N::JsonAggConstructor(x) => self.json_agg(x),
            N::JsonArgument(x) => self.json_argument(x),
            N::JsonArrayAgg(x) => self.json_array_agg(x),
            N::JsonArrayConstructor(x) => self.json_array(x),
            N::JsonArrayQueryConstructor(x) => self.json_array_query(x),
            N::JsonBehavior(x) => self.json_behavior(x),
            N::JsonFuncExpr(x) => self.json_func(x),
            N::JsonIsPredicate(x) => self.json_is(x),
            N::JsonKeyValue(x) => self.json_key_value(x),
            N::JsonObjectAgg(x) => self.json_object_agg(x),
            N::JsonObjectConstructor(x) => self.json_object(x),
            N::JsonOutput(x) => self.json_output(x),
            N::JsonParseExpr(x) => self.json_parse(x),
            N::JsonScalarExpr(x) => self.json_scalar(x),
            N::JsonSerializeExpr(x) => self.json_serialize(x),
            N::JsonTable(x) => self.json_table(x),
            N::JsonTableColumn(x) => self.json_table_column(x),
            N::JsonTablePathSpec(x) => self.json_path(x),
            N::JsonValueExpr(x) => self.json_value(x),

            // Clauses of queries.
            N::CommonTableExpr(x) => self.common_table(x),
            N::CtecycleClause(x) => self.cycle(x),
            N::InferClause(x) => self.infer(x),
            N::LockingClause(x) => self.locking(x),
            N::OnConflictClause(x) => self.on_conflict(x, None),
            N::ReturningClause(x) => self.nodes(&x.exprs),
            N::WithClause(x) => {
                self.with(Some(x));
                self.leave(Some(x));
            }

            // Clauses of definitions.
            N::AccessPriv(x) => self.nodes(&x.cols),
            N::ColumnDef(x) => self.column_def(x),
            N::Constraint(x) => self.constraint(x),
            N::CreateOpClassItem(x) => self.op_class_item(x),
            N::DefElem(x) => self.option(x),
            N::FunctionParameter(x) => self.parameter(x),
            N::IndexElem(x) => self.index_elem(x),
            N::ObjectWithArgs(x) => self.object_with_args(x),
            N::PartitionBoundSpec(x) => self.partition_bound(x),
            N::PartitionCmd(x) => self.partition_cmd(x),
            N::PartitionElem(x) => self.partition_elem(x),
            N::PartitionRangeDatum(x) => self.partition_datum(x),
            N::PartitionSpec(x) => self.partition_spec(x),
            N::PublicationObjSpec(x) => self.publication_object(x),
            N::PublicationTable(x) => self.publication_table(x),
            N::StatsElem(x) => self.stats_elem(x),
            N::TableLikeClause(x) => self.like(x),
            N::VacuumRelation(x) => self.vacuum_relation(x),

            N::AlterCollationStmt(_)
            | N::AlterDatabaseRefreshCollStmt(_)
            | N::AlterDatabaseSetStmt(_)
            | N::AlterDatabaseStmt(_)
            | N::AlterDefaultPrivilegesStmt(_)
            | N::AlterDomainStmt(_)
            | N::AlterEnumStmt(_)
            | N::AlterEventTrigStmt(_)
            | N::AlterExtensionContentsStmt(_)
            | N::AlterExtensionStmt(_)
            | N::AlterFdwStmt(_)
            | N::AlterForeignServerStmt(_)
            | N::AlterFunctionStmt(_)
            | N::AlterObjectDependsStmt(_)
            | N::AlterObjectSchemaStmt(_)
            | N::AlterOpFamilyStmt(_)
            | N::AlterOperatorStmt(_)
            | N::AlterOwnerStmt(_)
            | N::AlterPolicyStmt(_)
            | N::AlterPublicationStmt(_)
            | N::AlterRoleSetStmt(_)
            | N::AlterRoleStmt(_)
            | N::AlterSeqStmt(_)
            | N::AlterStatsStmt(_)
            | N::AlterSubscriptionStmt(_)
            | N::AlterSystemStmt(_)
            | N::AlterTableMoveAllStmt(_)
            | N::AlterTableSpaceOptionsStmt(_)
            | N::AlterTableStmt(_)
            | N::AlterTsconfigurationStmt(_)
            | N::AlterTsdictionaryStmt(_)
            | N::AlterTypeStmt(_)
            | N::AlterUserMappingStmt(_)
            | N::CallStmt(_)
            | N::CheckPointStmt(_)
            | N::ClosePortalStmt(_)
            | N::ClusterStmt(_)
            | N::CommentStmt(_)
            | N::CompositeTypeStmt(_)
            | N::ConstraintsSetStmt(_)
            | N::CopyStmt(_)
            | N::CreateAmStmt(_)
            | N::CreateCastStmt(_)
            | N::CreateConversionStmt(_)
            | N::CreateDomainStmt(_)
            | N::CreateEnumStmt(_)
            | N::CreateEventTrigStmt(_)
            | N::CreateExtensionStmt(_)
            | N::CreateFdwStmt(_)
            | N::CreateForeignServerStmt(_)
            | N::CreateForeignTableStmt(_)
            | N::CreateFunctionStmt(_)
            | N::CreateOpClassStmt(_)
            | N::CreateOpFamilyStmt(_)
            | N::CreatePlangStmt(_)
            | N::CreatePolicyStmt(_)
            | N::CreatePublicationStmt(_)
            | N::CreateRangeStmt(_)
            | N::CreateRoleStmt(_)
            | N::CreateSchemaStmt(_)
            | N::CreateSeqStmt(_)
            | N::CreateStatsStmt(_)
            | N::CreateStmt(_)
            | N::CreateSubscriptionStmt(_)
            | N::CreateTableAsStmt(_)
            | N::CreateTableSpaceStmt(_)
            | N::CreateTransformStmt(_)
            | N::CreateTrigStmt(_)
            | N::CreateUserMappingStmt(_)
            | N::CreatedbStmt(_)
            | N::DeallocateStmt(_)
            | N::DeclareCursorStmt(_)
            | N::DefineStmt(_)
            | N::DeleteStmt(_)
            | N::DiscardStmt(_)
            | N::DoStmt(_)
            | N::DropOwnedStmt(_)
            | N::DropRoleStmt(_)
            | N::DropStmt(_)
            | N::DropSubscriptionStmt(_)
            | N::DropTableSpaceStmt(_)
            | N::DropUserMappingStmt(_)
            | N::DropdbStmt(_)
            | N::ExecuteStmt(_)
            | N::ExplainStmt(_)
            | N::FetchStmt(_)
            | N::GrantRoleStmt(_)
            | N::GrantStmt(_)
            | N::ImportForeignSchemaStmt(_)
            | N::IndexStmt(_)
            | N::InsertStmt(_)
            | N::ListenStmt(_)
            | N::LoadStmt(_)
            | N::LockStmt(_)
            | N::MergeStmt(_)
            | N::NotifyStmt(_)
            | N::PlassignStmt(_)
            | N::PrepareStmt(_)
            | N::ReassignOwnedStmt(_)
            | N::RefreshMatViewStmt(_)
            | N::ReindexStmt(_)
            | N::RenameStmt(_)
            | N::ReturnStmt(_)
            | N::RuleStmt(_)
            | N::SecLabelStmt(_)
            | N::SelectStmt(_)
            | N::TransactionStmt(_)
            | N::TruncateStmt(_)
            | N::UnlistenStmt(_)
            | N::UpdateStmt(_)
            | N::VacuumStmt(_)
            | N::VariableSetStmt(_)
            | N::VariableShowStmt(_)
            | N::ViewStmt(_) => {
                self.statement(node);
            }

            // Handled where their statement is, and nowhere else.
            N::AlterTableCmd(_) => self.unknown("AlterTableCmd"),
            N::AtalterConstraint(_) => self.unknown("ATAlterConstraint"),
            N::IntoClause(_) => self.unknown("IntoClause"),
            N::MergeWhenClause(_) => self.unknown("MergeWhenClause"),
            N::RawStmt(_) => self.unknown("RawStmt"),
            N::ReplicaIdentityStmt(_) => self.unknown("ReplicaIdentityStmt"),

            // What the server makes of the tree later; the parser never gives these.
            N::Aggref(_)
            | N::AlternativeSubPlan(_)
            | N::ArrayCoerceExpr(_)
            | N::ArrayExpr(_)
            | N::CallContext(_)
            | N::CaseTestExpr(_)
            | N::CoerceToDomain(_)
            | N::CoerceToDomainValue(_)
            | N::CoerceViaIo(_)
            | N::CollateExpr(_)
            | N::ConvertRowtypeExpr(_)
            | N::DistinctExpr(_)
            | N::FieldSelect(_)
            | N::FieldStore(_)
            | N::FromExpr(_)
            | N::FuncExpr(_)
            | N::InferenceElem(_)
            | N::InlineCodeBlock(_)
            | N::JsonConstructorExpr(_)
            | N::JsonExpr(_)
            | N::JsonReturning(_)
            | N::JsonTablePath(_)
            | N::JsonTablePathScan(_)
            | N::JsonTableSiblingJoin(_)
            | N::MergeAction(_)
            | N::NextValueExpr(_)
            | N::NullIfExpr(_)
            | N::OnConflictExpr(_)
            | N::OpExpr(_)
            | N::Param(_)
            | N::Query(_)
            | N::RangeTblEntry(_)
            | N::RangeTblFunction(_)
            | N::RangeTblRef(_)
            | N::RelabelType(_)
            | N::ReturningExpr(_)
            | N::RowCompareExpr(_)
            | N::RowMarkClause(_)
            | N::RtepermissionInfo(_)
            | N::ScalarArrayOpExpr(_)
            | N::SetOperationStmt(_)
            | N::SortGroupClause(_)
            | N::SubPlan(_)
            | N::SubscriptingRef(_)
            | N::TableFunc(_)
            | N::TableSampleClause(_)
            | N::TargetEntry(_)
            | N::Var(_)
            | N::WindowClause(_)
            | N::WindowFunc(_)
            | N::WindowFuncRunCondition(_)
            | N::WithCheckOption(_) => self.unknown("a node of the analysed tree"),
        }
    }
}
