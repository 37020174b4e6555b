//! Statements about any kind of object: dropping, renaming, owning, granting, commenting; and upkeep.

use pg_query::{NodeEnum as N, protobuf as pb};

use super::name;
use super::walk::{Outline, Walker};
use crate::effect::Effect;
use crate::statement::Access;

impl<'a> Walker<'a> {
    /// An object that a statement names by its kind, to change or drop it.
    pub(super) fn object(&mut self, kind: i32, object: Option<&'a pb::Node>) {
        use pb::ObjectType as Object;
        let Some(object) = object else { return };
        let parts = match object.node.as_ref() {
            Some(N::List(list)) => name::parts(&list.items),
            Some(N::String(name)) => vec![name.sval.as_str()],
            Some(N::ObjectWithArgs(named)) => {
                self.object_with_args(named);
                return;
            }
            Some(N::TypeName(named)) => {
                self.type_name(named);
                return;
            }
            _ => {
                self.maybe(Some(object));
                return;
            }
        };
        match Object::try_from(kind) {
            Ok(
                Object::ObjectTable
                | Object::ObjectView
                | Object::ObjectMatview
                | Object::ObjectIndex
                | Object::ObjectSequence
                | Object::ObjectForeignTable,
            ) => self.named(&parts, Access::Define),
            // The last part is the object's name, those before it are the relation's.
            Ok(
                Object::ObjectColumn
                | Object::ObjectDefault
                | Object::ObjectPolicy
                | Object::ObjectRule
                | Object::ObjectTabconstraint
                | Object::ObjectTrigger,
            ) => {
                if let Some((_, relation)) = parts.split_last() {
                    self.named(relation, Access::Define);
                }
            }
            _ => {}
        }
    }

    pub(super) fn drop_objects(&mut self, x: &'a pb::DropStmt) -> Outline {
        let pb::DropStmt {
            objects,
            remove_type,
            behavior: _,
            missing_ok: _,
            concurrent: _,
        } = x;
        for object in objects {
            self.object(*remove_type, Some(object));
        }
        self.done("drop", &[Effect::Drop])
    }

    /// A new name is another way to the same rows: what was meant for the old one may not fit it.
    pub(super) fn rename(&mut self, x: &'a pb::RenameStmt) -> Outline {
        let pb::RenameStmt {
            rename_type,
            relation_type: _,
            relation,
            object,
            subname: _,
            newname,
            behavior: _,
            missing_ok: _,
        } = x;
        self.object(*rename_type, object.as_deref());
        self.moved(*rename_type, relation.as_ref());
        if let Some(relation) = relation {
            use pb::ObjectType as Object;
            let itself = [
                Ok(Object::ObjectTable),
                Ok(Object::ObjectView),
                Ok(Object::ObjectMatview),
                Ok(Object::ObjectForeignTable),
                Ok(Object::ObjectSequence),
                Ok(Object::ObjectIndex),
            ];
            if itself.contains(&Object::try_from(*rename_type)) {
                self.facts
                    .relation(name::schema(relation), newname, Access::Define);
            }
        }
        self.done("alter", &[Effect::Alter])
    }

    pub(super) fn alter_schema(&mut self, x: &'a pb::AlterObjectSchemaStmt) -> Outline {
        let pb::AlterObjectSchemaStmt {
            object_type,
            relation,
            object,
            newschema,
            missing_ok: _,
        } = x;
        self.object(*object_type, object.as_deref());
        self.moved(*object_type, relation.as_ref());
        if let Some(relation) = relation {
            self.facts
                .relation(Some(newschema), &relation.relname, Access::Define);
        }
        self.done("alter", &[Effect::Alter])
    }

    fn moved(&mut self, kind: i32, relation: Option<&pb::RangeVar>) {
        use pb::ObjectType as Object;
        self.maybe_relation(relation, Access::Define);
        match Object::try_from(kind) {
            Ok(
                Object::ObjectTable
                | Object::ObjectView
                | Object::ObjectMatview
                | Object::ObjectForeignTable
                | Object::ObjectColumn
                | Object::ObjectAttribute,
            ) => {
                if let Some(relation) = relation {
                    self.exposes(relation);
                }
            }
            // Every relation in it gets another name.
            Ok(Object::ObjectSchema | Object::ObjectDatabase) => self.facts.exposes = true,
            _ => {}
        }
    }

    pub(super) fn alter_depends(&mut self, x: &'a pb::AlterObjectDependsStmt) -> Outline {
        let pb::AlterObjectDependsStmt {
            object_type,
            relation,
            object,
            extname: _,
            remove: _,
        } = x;
        self.maybe_relation(relation.as_ref(), Access::Define);
        self.object(*object_type, object.as_deref());
        self.done("alter", &[Effect::Alter])
    }

    pub(super) fn alter_owner(&mut self, x: &'a pb::AlterOwnerStmt) -> Outline {
        let pb::AlterOwnerStmt {
            object_type,
            relation,
            object,
            newowner: _,
        } = x;
        self.maybe_relation(relation.as_ref(), Access::Define);
        self.object(*object_type, object.as_deref());
        self.done("alter", &[Effect::Alter, Effect::Grant])
    }

    pub(super) fn comment(&mut self, x: &'a pb::CommentStmt) -> Outline {
        let pb::CommentStmt {
            objtype,
            object,
            comment: _,
        } = x;
        self.object(*objtype, object.as_deref());
        self.done("comment", &[Effect::Alter])
    }

    pub(super) fn label(&mut self, x: &'a pb::SecLabelStmt) -> Outline {
        let pb::SecLabelStmt {
            objtype,
            object,
            provider: _,
            label: _,
        } = x;
        self.object(*objtype, object.as_deref());
        self.done("security", &[Effect::Alter])
    }

    pub(super) fn grant(&mut self, x: &'a pb::GrantStmt) -> Outline {
        let pb::GrantStmt {
            is_grant,
            targtype: _,
            objtype: _,
            objects,
            privileges,
            grantees: _,
            grant_option: _,
            grantor: _,
            behavior: _,
        } = x;
        for object in objects {
            match object.node.as_ref() {
                Some(N::RangeVar(relation)) => self.relation(relation, Access::Define),
                _ => self.node(object),
            }
        }
        self.nodes(privileges);
        self.done(if *is_grant { "grant" } else { "revoke" }, &[Effect::Grant])
    }

    pub(super) fn alter_default_privileges(&mut self, x: &'a pb::AlterDefaultPrivilegesStmt) -> Outline {
        let pb::AlterDefaultPrivilegesStmt { options, action } = x;
        if let Some(action) = action {
            self.grant(action);
        }
        self.optioned("alter", options, &[Effect::Alter, Effect::Grant])
    }

    pub(super) fn truncate(&mut self, x: &'a pb::TruncateStmt) -> Outline {
        let pb::TruncateStmt {
            relations,
            restart_seqs: _,
            behavior: _,
        } = x;
        self.relations(relations, Access::Write);
        self.done("truncate", &[Effect::Write, Effect::Truncate])
    }

    pub(super) fn lock(&mut self, x: &'a pb::LockStmt) -> Outline {
        let pb::LockStmt {
            relations,
            mode: _,
            nowait: _,
        } = x;
        self.relations(relations, Access::Define);
        self.done("lock", &[Effect::Lock])
    }

    /// Relations of a list that holds nothing else.
    fn relations(&mut self, relations: &'a [pb::Node], access: Access) {
        for relation in relations {
            match relation.node.as_ref() {
                Some(N::RangeVar(relation)) => self.relation(relation, access),
                _ => self.unknown("a list of relations"),
            }
        }
    }

    pub(super) fn vacuum(&mut self, x: &'a pb::VacuumStmt) -> Outline {
        let pb::VacuumStmt {
            options,
            rels,
            is_vacuumcmd,
        } = x;
        self.nodes(rels);
        self.optioned(
            if *is_vacuumcmd { "vacuum" } else { "analyze" },
            options,
            &[Effect::Maintenance],
        )
    }

    pub(super) fn vacuum_relation(&mut self, x: &'a pb::VacuumRelation) {
        let pb::VacuumRelation {
            relation,
            oid: _,
            va_cols: _,
        } = x;
        self.maybe_relation(relation.as_ref(), Access::Define);
    }

    pub(super) fn cluster(&mut self, x: &'a pb::ClusterStmt) -> Outline {
        let pb::ClusterStmt {
            relation,
            indexname: _,
            params,
        } = x;
        self.maybe_relation(relation.as_ref(), Access::Define);
        self.optioned("cluster", params, &[Effect::Maintenance])
    }

    pub(super) fn reindex(&mut self, x: &'a pb::ReindexStmt) -> Outline {
        let pb::ReindexStmt {
            kind: _,
            relation,
            name: _,
            params,
        } = x;
        self.maybe_relation(relation.as_ref(), Access::Define);
        self.optioned("reindex", params, &[Effect::Maintenance])
    }
}
