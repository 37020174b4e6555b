//! What is said of a text whose tree is too deep to walk.

use pg_query::protobuf::summary_result::Context;

use super::walk::Outline;
use super::{PostgresSettings, function, refusal};
use crate::analysis::Analysis;
use crate::control::Control;
use crate::effect::Effect;
use crate::facts::Facts;
use crate::statement::{Access, Gap, Statement};

/// Takes what the parser's own summary tells: relations, functions, and which kinds of statement there are. Always
/// with a gap: it is there for the record and for rules, and is never taken to be all.
pub(super) fn analyse(text: &str, settings: PostgresSettings) -> Analysis {
    let summary = match pg_query::summary(text, settings.options(), -1) {
        Ok(summary) => summary,
        Err(error) => return Analysis::of(vec![Statement::unknown(0..text.len(), refusal(&error))]),
    };
    let mut facts = Facts {
        exposes: true,
        ..Facts::default()
    };
    facts.gap(Gap::TooDeep);
    for table in &summary.tables {
        let schema = (!table.schema_name.is_empty()).then_some(table.schema_name.as_str());
        let access = match table.context {
            Context::Dml => Access::Write,
            Context::Ddl => Access::Define,
            Context::Select | Context::Call | Context::None => Access::Read,
        };
        match access {
            Access::Read => facts.does(Effect::Read),
            Access::Write => facts.does(Effect::Write),
            Access::Define => {}
        }
        facts.relation(schema, &table.table_name, access);
    }
    for called in &summary.functions {
        let schema = called.schema_name.as_deref().filter(|schema| !schema.is_empty());
        if let Some(class) = function::classify(schema, &called.function_name, 2) {
            facts.effects = facts.effects.union(class.effects);
        }
        facts.functions.insert(called.name.clone());
    }
    let mut kind = "unknown";
    for statement in &summary.statement_types {
        let (verb, effects) = known(statement);
        if summary.statement_types.len() == 1 {
            kind = verb;
        }
        facts.effects.extend(effects.iter().copied());
    }
    let control = Control::None;
    let outline = Outline {
        kind,
        control,
        returns: true,
    };
    let walker = super::walk::Walker::with_facts(facts, settings);
    Analysis::of(vec![walker.finish(outline, 0..text.len())])
}

fn known(statement: &str) -> (&'static str, &'static [Effect]) {
    match statement {
        "SelectStmt" => ("select", &[Effect::Read]),
        "InsertStmt" => ("insert", &[Effect::Write, Effect::Insert]),
        "UpdateStmt" => ("update", &[Effect::Write, Effect::Update]),
        "DeleteStmt" => ("delete", &[Effect::Write, Effect::Delete]),
        "MergeStmt" => ("merge", &[Effect::Write]),
        "DropStmt" => ("drop", &[Effect::Drop]),
        "TruncateStmt" => ("truncate", &[Effect::Truncate, Effect::Write]),
        "CopyStmt" => ("copy", &[]),
        "ExplainStmt" => ("explain", &[Effect::Explain]),
        "DoStmt" => ("do", &[Effect::Code]),
        other if other.starts_with("Create") => ("create", &[Effect::Create]),
        other if other.starts_with("Alter") => ("alter", &[Effect::Alter]),
        other if other.starts_with("Drop") => ("drop", &[Effect::Drop]),
        _ => ("unknown", &[]),
    }
}
