//! The walk over a parse tree: every kind of node is either visited or recorded as a gap.
//!
//! Two rules keep a forgotten construct from passing as harmless. [`Walker::node`] matches every variant of the tree's
//! node type by name, so a new one does not compile until somebody decides. And every visited struct is taken apart field
//! by field without `..`, so a new field does not compile either.

use std::collections::HashMap;
use std::ops::Range;

use pg_query::{NodeEnum as N, protobuf as pb};

use super::facts::Facts;
use super::{PostgresSettings, function, name};
use crate::control::Control;
use crate::effect::Effect;
use crate::statement::{Access, Gap, Statement};

/// Routine bodies inside routine bodies that are followed.
const NESTING: u8 = 8;

/// What the walk over one statement knows and gathers.
pub(super) struct Walker<'a> {
    pub(super) facts: Facts,
    /// Every column reference seen, in order: marks taken before and after a sub-tree tell which are in it.
    pub(super) columns: Vec<&'a pb::ColumnRef>,
    /// `WHERE CURRENT OF` seen.
    pub(super) cursors: usize,
    /// Names of common table expressions that are visible, with how many of each.
    visible: HashMap<&'a str, usize>,
    /// Whether the rows that the statement at hand returns flow into another.
    pub(super) embedded: bool,
    /// The text of the statement, where it can be parsed again on its own.
    pub(super) source: Option<&'a str>,
    pub(super) settings: PostgresSettings,
    /// How many routine bodies surround the text.
    pub(super) nesting: u8,
}

/// What a statement is, besides the facts that its walk gathers.
pub(super) struct Outline {
    pub(super) kind: &'static str,
    pub(super) control: Control,
    /// Whether rows come back to the client.
    pub(super) returns: bool,
}

impl Outline {
    /// A statement that returns nothing and leaves the session as it is.
    pub(super) fn plain(kind: &'static str) -> Self {
        Self {
            kind,
            control: Control::None,
            returns: false,
        }
    }

    pub(super) fn controls(kind: &'static str, control: Control) -> Self {
        Self {
            kind,
            control,
            returns: false,
        }
    }

    pub(super) fn returning(mut self, returns: bool) -> Self {
        self.returns = returns;
        self
    }
}

/// Analyses a statement of a text.
pub(super) fn top(
    text: &str,
    raw: &pb::RawStmt,
    range: Range<usize>,
    settings: PostgresSettings,
) -> Statement {
    let pb::RawStmt {
        stmt,
        stmt_location: _,
        stmt_len: _,
    } = raw;
    let Some(stmt) = stmt else {
        return Statement::unknown(range, Gap::Internal);
    };
    let mut walker = Walker::new(settings, 0);
    walker.source = text.get(range.clone());
    let outline = walker.statement(stmt);
    walker.finish(outline, range)
}

impl<'a> Walker<'a> {
    pub(super) fn new(settings: PostgresSettings, nesting: u8) -> Self {
        Self {
            facts: Facts::default(),
            columns: Vec::new(),
            cursors: 0,
            visible: HashMap::new(),
            embedded: false,
            source: None,
            settings,
            nesting,
        }
    }

    /// With facts from elsewhere.
    pub(super) fn with_facts(facts: Facts, settings: PostgresSettings) -> Self {
        Self {
            facts,
            ..Self::new(settings, 0)
        }
    }

    pub(super) fn finish(self, outline: Outline, range: Range<usize>) -> Statement {
        let stores_what_it_reads = self.facts.stores();
        let references = self.facts.references();
        let Facts {
            effects,
            relations,
            functions,
            gaps,
            settings,
            columns: _,
            aliases: _,
            wide: _,
            reads: _,
            sink: _,
            exposes: _,
        } = self.facts;
        Statement {
            kind: outline.kind,
            effects,
            relations: relations.into_vec(),
            functions: functions.into_vec(),
            references,
            settings,
            range,
            control: outline.control,
            returns_rows_of_relations: outline.returns,
            stores_what_it_reads,
            gaps: gaps.into_vec(),
        }
    }

    /// Analyses a statement inside another on its own: what it does is the outer one's to take or leave.
    pub(super) fn inner(&self, node: &'a pb::Node) -> (Walker<'a>, Outline) {
        let mut walker = Walker::new(self.settings, self.nesting);
        let outline = walker.statement(node);
        (walker, outline)
    }

    /// One level deeper into routine bodies; `None` if that is too deep.
    pub(super) fn deeper(&self) -> Option<u8> {
        (self.nesting < NESTING).then(|| self.nesting.saturating_add(1))
    }

    pub(super) fn does(&mut self, effect: Effect) {
        self.facts.does(effect);
    }

    pub(super) fn all(&mut self, effects: &[Effect]) {
        self.facts.effects.extend(effects.iter().copied());
    }

    pub(super) fn nodes(&mut self, nodes: &'a [pb::Node]) {
        for node in nodes {
            self.node(node);
        }
    }

    pub(super) fn maybe(&mut self, node: Option<&'a pb::Node>) {
        if let Some(node) = node {
            self.node(node);
        }
    }

    /// A relation whose rows flow into the statement, unless it is the name of a common table expression.
    pub(super) fn read(&mut self, relation: &'a pb::RangeVar) {
        if relation.schemaname.is_empty() && self.visible.contains_key(relation.relname.as_str()) {
            return;
        }
        if function::shows_files(&relation.relname) {
            self.does(Effect::ServerFile);
        }
        self.flows(relation);
    }

    /// A relation that certainly is one and whose rows flow into the statement.
    pub(super) fn flows(&mut self, relation: &pb::RangeVar) {
        self.does(Effect::Read);
        self.facts.reads = self.facts.reads.saturating_add(1);
        self.relation(relation, Access::Read);
    }

    /// A relation whose rows become reachable in another way.
    pub(super) fn exposes(&mut self, relation: &pb::RangeVar) {
        self.does(Effect::Read);
        self.facts.exposes = true;
        self.relation(relation, Access::Read);
    }

    pub(super) fn relation(&mut self, relation: &pb::RangeVar, access: Access) {
        self.alias(relation.alias.as_ref());
        self.facts
            .relation(name::schema(relation), &relation.relname, access);
    }

    /// Another name for rows; column names behind it stand for columns by their position.
    pub(super) fn alias(&mut self, alias: Option<&pb::Alias>) {
        if let Some(pb::Alias { aliasname, colnames }) = alias {
            self.facts.aliases.insert(aliasname.clone());
            self.facts.wide |= !colnames.is_empty();
        }
    }

    pub(super) fn maybe_relation(&mut self, relation: Option<&pb::RangeVar>, access: Access) {
        if let Some(relation) = relation {
            self.relation(relation, access);
        }
    }

    /// A relation that is named by its dotted parts.
    pub(super) fn named(&mut self, parts: &[&str], access: Access) {
        if let Some((schema, name)) = name::qualified(parts) {
            self.facts.relation(schema, name, access);
        }
    }

    /// Makes a name stand for a common table expression.
    pub(super) fn show(&mut self, name: &'a str) {
        let count = self.visible.entry(name).or_default();
        *count = count.saturating_add(1);
    }

    /// Takes it back.
    pub(super) fn hide(&mut self, name: &'a str) {
        if let Some(count) = self.visible.get_mut(name) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.visible.remove(name);
            }
        }
    }

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

    pub(super) fn unknown(&mut self, node: &'static str) {
        self.facts.gap(Gap::UnknownNode(node));
    }
}
