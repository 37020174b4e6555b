//! What statements do, as tables.

mod definitions;
mod evasion;
mod functions;
mod gaps;
mod properties;
mod routines;
mod rows;
mod session;
mod shapes;
mod texts;

use std::sync::{Arc, LazyLock};

use crate::{Access, Analysis, Analyzer, Effects, PostgresSettings, Relation, Statement};

static ANALYZER: LazyLock<Analyzer> = LazyLock::new(|| Analyzer::new(1 << 24));

/// A text, the kind, the effects, the relations (`name:r`, `:w`, `:d`), and marks: `rows` if rows come back, `stores`
/// if it stores what it reads, `gap` if the analysis is not complete.
type Case = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
);

/// Every case of every table: what the properties are tried on.
fn all() -> impl Iterator<Item = &'static Case> {
    [
        definitions::CASES,
        evasion::CASES,
        functions::CASES,
        routines::CASES,
        rows::CASES,
        session::CASES,
    ]
    .into_iter()
    .flatten()
}

fn analyse(text: &str) -> Arc<Analysis> {
    ANALYZER.postgres(text.as_bytes(), &PostgresSettings::default())
}

fn one(text: &str) -> Statement {
    let analysis = analyse(text);
    let [statement] = analysis.statements.as_slice() else {
        panic!("{} statements: {text}", analysis.statements.len())
    };
    statement.clone()
}

fn relations(statement: &Statement) -> String {
    let mut names: Vec<_> = statement.relations.iter().map(relation).collect();
    names.sort();
    names.join(" ")
}

fn relation(relation: &Relation) -> String {
    let access = match relation.access {
        Access::Read => 'r',
        Access::Write => 'w',
        Access::Define => 'd',
    };
    format!("{relation}:{access}")
}

fn marks(statement: &Statement) -> String {
    let marks = [
        (statement.returns_rows_of_relations, "rows"),
        (statement.stores_what_it_reads, "stores"),
        (!statement.complete(), "gap"),
    ];
    marks
        .into_iter()
        .filter_map(|(set, mark)| set.then_some(mark))
        .collect::<Vec<_>>()
        .join(" ")
}

fn effects(words: &str) -> Effects {
    words
        .split_whitespace()
        .map(|word| word.parse().unwrap())
        .collect()
}

fn check(cases: &[Case]) {
    let mut wrong = Vec::new();
    for (text, kind, expected, names, expected_marks) in cases {
        let statement = one(text);
        let mut sorted: Vec<_> = names.split_whitespace().collect();
        sorted.sort_unstable();
        let seen = (
            statement.kind,
            statement.effects,
            relations(&statement),
            marks(&statement),
        );
        let wanted = (
            *kind,
            effects(expected),
            sorted.join(" "),
            (*expected_marks).to_owned(),
        );
        if seen != wanted {
            wrong.push(format!(
                "{text}\n   is {seen:?} {:?}\n  not {wanted:?}",
                statement.gaps
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {} wrong:\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n")
    );
}
