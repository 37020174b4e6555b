//! What can't be analysed is said to be so.

use super::{analyse, one};
use crate::{Analyzer, Effect, Gap, PostgresSettings};

fn bytes(text: &[u8]) -> crate::Statement {
    let analysis = Analyzer::new(1 << 16).postgres(text, &PostgresSettings::default());
    assert_eq!(analysis.statements.len(), 1);
    assert_eq!(analysis.gaps, analysis.statements[0].gaps);
    assert!(!analysis.complete());
    analysis.statements[0].clone()
}

#[test]
fn what_is_no_text() {
    for text in [
        &b"SELECT '\xff'"[..],
        b"SELECT 1\0; DROP TABLE t",
        b"\0",
        b"\xc3\x28",
    ] {
        let statement = bytes(text);
        assert_eq!((statement.kind, statement.gaps), ("unknown", vec![Gap::NotText]));
    }
}

#[test]
fn what_is_too_long() {
    let analyzer = Analyzer::new(1 << 16).with_limit(10);
    let analysis = analyzer.postgres(b"SELECT 1234", &PostgresSettings::default());
    assert_eq!(analysis.gaps, [Gap::TooLong { bytes: 11, limit: 10 }]);
    assert_eq!(analyzer.cached(), 0);
    assert!(
        analyzer
            .postgres(b"SELECT 123", &PostgresSettings::default())
            .complete()
    );
    let default = Analyzer::new(1 << 16).postgres(&vec![b' '; (1 << 20) + 1], &PostgresSettings::default());
    assert_eq!(
        default.gaps,
        [Gap::TooLong {
            bytes: (1 << 20) + 1,
            limit: 1 << 20
        }]
    );
}

#[test]
fn nothing_is_nothing() {
    for text in ["", "  \n", ";", ";;  ;", "-- x", "/* x */;"] {
        let analysis = analyse(text);
        assert!(
            analysis.statements.is_empty() && analysis.complete() && analysis.kind() == "empty",
            "{text:?}"
        );
    }
}

#[test]
fn what_the_grammar_refuses() {
    for text in [
        "SELEC 1",
        "SELECT * FROM",
        "START_REPLICATION SLOT s LOGICAL 0/0",
        "BASE_BACKUP",
        "IDENTIFY_SYSTEM",
        "SELECT 1a",
        "DROP",
    ] {
        let statement = one(text);
        assert_eq!(statement.kind, "unknown");
        assert!(
            matches!(statement.gaps.as_slice(), [Gap::Unparsable(_)]),
            "{text}"
        );
        assert!(statement.returns_rows_of_relations && statement.stores_what_it_reads);
    }
}

/// A message may come to a log that must not hold what a patient's record says.
#[test]
fn messages_quote_no_literal() {
    let texts = [
        "SELECT 'John Smith 123-45-6789",
        "SELECT 'John' 'Smith'",
        "SELECT $x$ John Smith",
        "SELECT \"John Smith",
        "SELECT 1234567890abcJohn",
        "SELECT * FROM p WHERE name = O'Brien Smith'",
        "SELECT U&'\\zzzz John'",
        "SELECT E'\\u12 John'",
        "SELECT /* John Smith",
        "DO $$ BEGIN John := 'Smith'; END $$ 'John Smith'",
    ];
    for text in texts {
        for gap in &analyse(text).gaps {
            let told = gap.to_string();
            assert!(
                !told.contains("John") && !told.contains("Smith") && !told.contains("123"),
                "{told}"
            );
        }
    }
    assert_eq!(
        one("SELECT FORM t WHERE").gaps[0].to_string(),
        "unparsable: syntax error at end of input"
    );
    assert_eq!(
        one("SELEC 1").gaps[0].to_string(),
        "unparsable: syntax error at or near \"SELEC\""
    );
}

/// A tree that is too deep still says what it touches, and never that this is all.
#[test]
fn what_is_too_deep() {
    let sum = format!(
        "SELECT {}1 FROM patients WHERE pg_read_file('x') = ''",
        "1+".repeat(300)
    );
    let statement = one(&sum);
    assert_eq!(
        (statement.kind, statement.gaps.as_slice()),
        ("select", &[Gap::TooDeep][..])
    );
    assert_eq!(super::relations(&statement), "patients:r");
    assert!(statement.effects.contains(Effect::ServerFile) && statement.effects.contains(Effect::Read));
    let deletion = format!("DELETE FROM patients WHERE id = {}1", "1+".repeat(300));
    let statement = one(&deletion);
    assert_eq!(super::relations(&statement), "patients:w");
    assert!(statement.effects.contains(Effect::Delete) && statement.stores_what_it_reads);
    for (open, close) in [
        ("(SELECT ", ")"),
        ("(", ")"),
        ("f(", ")"),
        ("NOT ", ""),
        ("CASE WHEN a THEN ", " END"),
    ] {
        for depth in [60, 3_000, 30_000] {
            let text = format!("SELECT {}1{}", open.repeat(depth), close.repeat(depth));
            let gaps = &analyse(&text).gaps;
            assert!(
                gaps.is_empty() || gaps == &[Gap::TooDeep],
                "{open} {depth}: {gaps:?}"
            );
        }
    }
}

/// The tree holds the right side once for each column on the left; and assignments can nest.
#[test]
fn what_would_grow_out_of_proportion() {
    let columns = "a,".repeat(2_000);
    let wide = format!("UPDATE t SET ({columns}a) = (SELECT {}1)", "1,".repeat(2_000));
    assert_eq!(one(&wide).gaps, [Gap::TooLarge]);
    let mut deep = "SELECT 1".to_owned();
    for _ in 0..24 {
        deep = format!("WITH x AS (UPDATE t SET (a, b) = ({deep})) SELECT 1");
    }
    assert_eq!(one(&deep).gaps, [Gap::TooLarge]);
    let bare = format!("UPDATE t SET ({columns}a) = {}1", "f(1) || ".repeat(300));
    assert_eq!(one(&bare).gaps, [Gap::TooLarge]);
    let inside = format!("DO $$ BEGIN {wide}; END $$");
    assert_eq!(one(&inside).gaps, [Gap::TooLarge]);
    let commented = format!(
        "INSERT INTO t VALUES (1) ON CONFLICT (a) DO UPDATE SET /**/ ({columns}a) /**/ = /**/ ROW({}1)",
        "1,".repeat(2_000)
    );
    assert_eq!(one(&commented).gaps, [Gap::TooLarge]);
    let long = format!("SELECT {}1", "1,".repeat(300_000));
    assert_eq!(one(&long).gaps, [Gap::TooLarge]);

    // Usual ones are analysed.
    let usual = format!(
        "UPDATE t SET ({}a) = (SELECT {}1), (b, c) = (1, 2) WHERE id IN ({}1)",
        "a,".repeat(40),
        "1,".repeat(40),
        "1,".repeat(20_000)
    );
    assert!(one(&usual).complete());
    let rows = format!("INSERT INTO t VALUES {}(1, 2)", "($1, $2),".repeat(10_000));
    assert!(one(&rows).complete());
}

/// With the setting off, a backslash escapes in every string: where a string ends is another place.
#[test]
fn strings_without_the_standard() {
    let settings = PostgresSettings {
        standard_conforming_strings: false,
    };
    let text = br"SELECT 'a\' , ssn FROM patients --'";
    let analyzer = Analyzer::new(1 << 20);
    let on = analyzer.postgres(text, &PostgresSettings::default());
    let off = analyzer.postgres(text, &settings);
    assert_eq!((on.relations().count(), off.relations().count()), (1, 0));
    assert!(on.normalised.is_some() && off.normalised.is_none() && off.complete());
    assert!(super::super::literals(r"SELECT 'a\' --'", &settings).is_none());
    // What the body of a block means with the setting off is not known to the compiler.
    assert!(
        !analyzer
            .postgres(b"DO $$ BEGIN NULL; END $$", &settings)
            .complete()
    );
    assert_eq!(
        analyzer
            .postgres(br"UPDATE t SET a = '\'' WHERE id = 1", &settings)
            .gaps,
        [Gap::TooLarge]
    );
    assert!(
        analyzer
            .postgres(b"UPDATE t SET a = 'x' WHERE id = 1", &settings)
            .complete()
    );
}
