//! Definitions of types, operators, wrappers, publications and the like.

use pg_query::{NodeEnum as N, protobuf as pb};

use super::name;
use super::walk::{Outline, Walker};
use crate::effect::Effect;
use crate::statement::Access;

impl<'a> Walker<'a> {
    pub(super) fn create_schema(&mut self, x: &'a pb::CreateSchemaStmt) -> Outline {
        let pb::CreateSchemaStmt {
            schemaname: _,
            authrole: _,
            schema_elts,
            if_not_exists: _,
        } = x;
        self.nodes(schema_elts);
        self.done("create", &[Effect::Create])
    }

    pub(super) fn create_domain(&mut self, x: &'a pb::CreateDomainStmt) -> Outline {
        let pb::CreateDomainStmt {
            domainname: _,
            type_name,
            coll_clause,
            constraints,
        } = x;
        self.maybe_type(type_name.as_ref());
        if let Some(collate) = coll_clause {
            self.collate(collate);
        }
        self.nodes(constraints);
        self.done("create", &[Effect::Create])
    }

    pub(super) fn alter_domain(&mut self, x: &'a pb::AlterDomainStmt) -> Outline {
        let pb::AlterDomainStmt {
            subtype: _,
            type_name: _,
            name: _,
            def,
            behavior: _,
            missing_ok: _,
        } = x;
        self.maybe(def.as_deref());
        self.done("alter", &[Effect::Alter])
    }

    pub(super) fn create_composite(&mut self, x: &'a pb::CompositeTypeStmt) -> Outline {
        let pb::CompositeTypeStmt {
            typevar: _,
            coldeflist,
        } = x;
        self.nodes(coldeflist);
        self.done("create", &[Effect::Create])
    }

    /// `CREATE AGGREGATE`, `OPERATOR`, `TYPE`, `COLLATION` and the text search objects.
    pub(super) fn define(&mut self, x: &'a pb::DefineStmt) -> Outline {
        let pb::DefineStmt {
            kind,
            oldstyle: _,
            defnames: _,
            args,
            definition,
            if_not_exists: _,
            replace: _,
        } = x;
        self.nodes(args);
        let inert = matches!(
            pb::ObjectType::try_from(*kind),
            Ok(pb::ObjectType::ObjectCollation
                | pb::ObjectType::ObjectTsconfiguration
                | pb::ObjectType::ObjectTsdictionary)
        );
        if !inert {
            self.does(Effect::Code);
        }
        self.support("create", definition, &[Effect::Create])
    }

    /// Options that may name functions which the server will call.
    pub(super) fn support(
        &mut self,
        kind: &'static str,
        options: &'a [pb::Node],
        effects: &[Effect],
    ) -> Outline {
        for option in name::options(options) {
            if let Some(N::TypeName(name)) = option.arg.as_deref().and_then(|arg| arg.node.as_ref()) {
                self.function_if_listed(&name.names);
            }
        }
        self.optioned(kind, options, effects)
    }

    /// Notes a function if it does more than compute; the name may as well be a type's.
    fn function_if_listed(&mut self, names: &[pb::Node]) {
        let listed = name::parts(names)
            .last()
            .is_some_and(|name| super::function::listed(name, 2).is_some());
        if listed {
            self.function_named(names);
        }
    }

    /// A definition that consists of functions to call.
    pub(super) fn handled(
        &mut self,
        kind: &'static str,
        handler: &'a [pb::Node],
        effects: &[Effect],
    ) -> Outline {
        self.function_named(handler);
        self.done(kind, effects)
    }

    pub(super) fn object_with_args(&mut self, x: &'a pb::ObjectWithArgs) {
        let pb::ObjectWithArgs {
            objname: _,
            objargs,
            objfuncargs,
            args_unspecified: _,
        } = x;
        self.nodes(objargs);
        self.nodes(objfuncargs);
    }

    fn maybe_function(&mut self, x: Option<&'a pb::ObjectWithArgs>) {
        if let Some(x) = x {
            self.function_named(&x.objname);
            self.object_with_args(x);
        }
    }

    pub(super) fn create_cast(&mut self, x: &'a pb::CreateCastStmt) -> Outline {
        let pb::CreateCastStmt {
            sourcetype,
            targettype,
            func,
            context: _,
            inout: _,
        } = x;
        self.maybe_type(sourcetype.as_ref());
        self.maybe_type(targettype.as_ref());
        self.maybe_function(func.as_ref());
        self.done("create", &[Effect::Create, Effect::Code])
    }

    pub(super) fn create_conversion(&mut self, x: &'a pb::CreateConversionStmt) -> Outline {
        let pb::CreateConversionStmt {
            conversion_name: _,
            for_encoding_name: _,
            to_encoding_name: _,
            func_name,
            def: _,
        } = x;
        self.handled("create", func_name, &[Effect::Create, Effect::Code])
    }

    pub(super) fn create_transform(&mut self, x: &'a pb::CreateTransformStmt) -> Outline {
        let pb::CreateTransformStmt {
            replace: _,
            type_name,
            lang: _,
            fromsql,
            tosql,
        } = x;
        self.maybe_type(type_name.as_ref());
        self.maybe_function(fromsql.as_ref());
        self.maybe_function(tosql.as_ref());
        self.done("create", &[Effect::Create, Effect::Code])
    }

    pub(super) fn create_op_class(&mut self, x: &'a pb::CreateOpClassStmt) -> Outline {
        let pb::CreateOpClassStmt {
            opclassname: _,
            opfamilyname: _,
            amname: _,
            datatype,
            items,
            is_default: _,
        } = x;
        self.maybe_type(datatype.as_ref());
        self.nodes(items);
        self.done("create", &[Effect::Create, Effect::Code])
    }

    pub(super) fn alter_op_family(&mut self, x: &'a pb::AlterOpFamilyStmt) -> Outline {
        let pb::AlterOpFamilyStmt {
            opfamilyname: _,
            amname: _,
            is_drop: _,
            items,
        } = x;
        self.nodes(items);
        self.done("alter", &[Effect::Alter, Effect::Code])
    }

    pub(super) fn op_class_item(&mut self, x: &'a pb::CreateOpClassItem) {
        /// `OPCLASS_ITEM_FUNCTION` of the server's `parsenodes.h`; the others name operators and types.
        const FUNCTION: i32 = 2;
        let pb::CreateOpClassItem {
            itemtype,
            name,
            number: _,
            order_family: _,
            class_args,
            storedtype,
        } = x;
        if *itemtype == FUNCTION {
            self.maybe_function(name.as_ref());
        } else if let Some(name) = name {
            self.object_with_args(name);
        }
        self.nodes(class_args);
        self.maybe_type(storedtype.as_ref());
    }

    pub(super) fn wrapper(
        &mut self,
        kind: &'static str,
        functions: &'a [pb::Node],
        options: &'a [pb::Node],
        effect: Effect,
    ) -> Outline {
        for option in name::options(functions) {
            if let Some(N::List(name)) = option.arg.as_deref().and_then(|arg| arg.node.as_ref()) {
                self.function_named(&name.items);
            }
        }
        self.optioned(kind, options, &[effect, Effect::Code, Effect::Program])
    }

    pub(super) fn import(&mut self, x: &'a pb::ImportForeignSchemaStmt) -> Outline {
        let pb::ImportForeignSchemaStmt {
            server_name: _,
            remote_schema: _,
            local_schema,
            list_type: _,
            table_list,
            options,
        } = x;
        for table in table_list {
            match table.node.as_ref() {
                Some(N::RangeVar(table)) => {
                    self.facts
                        .relation(Some(local_schema), &table.relname, Access::Define);
                }
                _ => self.unknown("IMPORT FOREIGN SCHEMA"),
            }
        }
        self.optioned("import", options, &[Effect::Create, Effect::Program])
    }

    pub(super) fn create_publication(&mut self, x: &'a pb::CreatePublicationStmt) -> Outline {
        let pb::CreatePublicationStmt {
            pubname: _,
            options,
            pubobjects,
            for_all_tables: _,
        } = x;
        self.facts.exposes = true;
        self.nodes(pubobjects);
        self.optioned("create", options, &[Effect::Create, Effect::Replication])
    }

    pub(super) fn alter_publication(&mut self, x: &'a pb::AlterPublicationStmt) -> Outline {
        let pb::AlterPublicationStmt {
            pubname: _,
            options,
            pubobjects,
            for_all_tables: _,
            action: _,
        } = x;
        self.facts.exposes = true;
        self.nodes(pubobjects);
        self.optioned("alter", options, &[Effect::Alter, Effect::Replication])
    }

    pub(super) fn publication_object(&mut self, x: &'a pb::PublicationObjSpec) {
        let pb::PublicationObjSpec {
            pubobjtype: _,
            name: _,
            pubtable,
            location: _,
        } = x;
        if let Some(table) = pubtable {
            self.publication_table(table);
        }
    }

    /// A table whose rows go to whoever subscribes.
    pub(super) fn publication_table(&mut self, x: &'a pb::PublicationTable) {
        let pb::PublicationTable {
            relation,
            where_clause,
            columns: _,
        } = x;
        if let Some(relation) = relation {
            self.exposes(relation);
        }
        self.maybe(where_clause.as_deref());
    }

    pub(super) fn extension_contents(&mut self, x: &'a pb::AlterExtensionContentsStmt) -> Outline {
        let pb::AlterExtensionContentsStmt {
            extname: _,
            action: _,
            objtype,
            object,
        } = x;
        self.object(*objtype, object.as_deref());
        self.done("alter", &[Effect::Alter])
    }

    pub(super) fn option(&mut self, x: &'a pb::DefElem) {
        let pb::DefElem {
            defnamespace: _,
            defname: _,
            arg,
            defaction: _,
            location: _,
            arg_location: _,
        } = x;
        self.maybe(arg.as_deref());
    }
}
