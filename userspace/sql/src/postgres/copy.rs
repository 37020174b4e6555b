//! `COPY`.

use std::mem;

use pg_query::protobuf as pb;

use super::name;
use super::walk::{Outline, Walker};
use crate::control::{Control, Copy, CopyTarget};
use crate::effect::Effect;
use crate::statement::Access;

/// A statement's text, written from its tree; `None` if that fails.
fn written(statement: &pb::Node) -> Option<String> {
    let tree = pb::ParseResult {
        version: 0,
        stmts: vec![pb::RawStmt {
            stmt: Some(Box::new(statement.clone())),
            stmt_location: 0,
            stmt_len: 0,
        }],
    };
    pg_query::deparse(&tree, pg_query::DeparseOptions::default()).ok()
}

impl<'a> Walker<'a> {
    pub(super) fn copy(&mut self, x: &'a pb::CopyStmt) -> Outline {
        let pb::CopyStmt {
            relation,
            query,
            attlist,
            is_from,
            is_program,
            filename,
            options,
            where_clause,
        } = x;
        let from = *is_from;
        let target = match (*is_program, filename.is_empty(), from) {
            (true, ..) => CopyTarget::Program,
            (false, false, _) => CopyTarget::File,
            (false, true, true) => CopyTarget::Stdin,
            (false, true, false) => CopyTarget::Stdout,
        };
        match target {
            CopyTarget::Program => self.does(Effect::Program),
            CopyTarget::File => self.does(Effect::ServerFile),
            CopyTarget::Stdin | CopyTarget::Stdout => {}
        }
        let far = matches!(target, CopyTarget::Program | CopyTarget::File);
        if from {
            self.all(&[Effect::CopyIn, Effect::Write, Effect::Insert]);
            self.maybe_relation(relation.as_ref(), Access::Write);
        } else {
            self.does(Effect::CopyOut);
            self.facts.sink |= far;
            if let Some(relation) = relation {
                // Never a common table expression: nothing surrounds the statement.
                self.flows(relation);
                self.facts.wide |= attlist.is_empty();
            }
            let outer = mem::replace(&mut self.embedded, true);
            self.maybe(query.as_deref());
            self.embedded = outer;
        }
        for column in name::parts(attlist).into_iter().filter(|_| !from) {
            self.facts.columns.insert(column.to_owned());
        }
        self.nodes(options);
        self.maybe(where_clause.as_deref());
        let control = Control::Copy(Copy {
            target,
            from,
            relation: relation
                .as_ref()
                .map(|x| (name::schema(x).map(str::to_owned), x.relname.clone())),
            query: query.as_deref().and_then(written),
            columns: name::parts(attlist).into_iter().map(str::to_owned).collect(),
            options: name::options(options)
                .map(|option| {
                    (
                        option.defname.to_ascii_lowercase(),
                        option.arg.as_deref().and_then(name::value),
                    )
                })
                .collect(),
        });
        Outline::controls("copy", control).returning(target == CopyTarget::Stdout)
    }
}
