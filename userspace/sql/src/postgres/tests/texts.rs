//! Fingerprints, normalised texts, literals, ranges, the cache.

use super::{analyse, one};
use crate::{Analyzer, PostgresSettings, postgres};

fn fingerprint(text: &str) -> String {
    analyse(text).fingerprint.clone().unwrap()
}

fn normal(text: &str) -> String {
    analyse(text).normalised.clone().unwrap()
}

#[test]
fn a_fingerprint_ignores_values_and_nothing_else() {
    let point = fingerprint("SELECT a FROM t WHERE id = 5");
    assert_eq!(point.len(), 16);
    assert_eq!(point, fingerprint("select  a from t /* x */ where id = 'six'"));
    for other in [
        "SELECT a FROM u WHERE id = 5",
        "SELECT a FROM s.t WHERE id = 5",
        "SELECT b FROM t WHERE id = 5",
        "SELECT a FROM t2024 WHERE id = 5",
        "SELECT a FROM t",
    ] {
        assert_ne!(point, fingerprint(other), "{other}");
    }
    assert_ne!(
        fingerprint("SELECT 1 FROM t_11 x"),
        fingerprint("SELECT 1 FROM t_12 x")
    );
    assert_eq!(
        analyse("SELECT").fingerprint.is_some(),
        analyse("SELECT").complete()
    );
    assert!(analyse("SELEC").fingerprint.is_none());
}

#[test]
fn a_normalised_text_has_no_constant() {
    assert_eq!(
        normal(" SELECT a FROM t WHERE b = 'John' AND c = 5.5e1 -- Smith\n"),
        "SELECT a FROM t WHERE b = $1 AND c = $2"
    );
    assert_eq!(normal("SELECT $2, 'x', $1, 7"), "SELECT $2, $3, $1, $4");
    assert_eq!(
        normal("SELECT E'\\'', U&'\\0061', B'1', X'f', $q$John$q$, N'x'"),
        "SELECT $1, $2, $3, $4, $5, N $6"
    );
    assert_eq!(normal("SELECT 'a'\n'b', -1, 1.e5, .5"), "SELECT $1, -$2, $3, $4");
    assert_eq!(normal("DO $$ BEGIN PERFORM 'John'; END $$"), "DO $1");
    assert_eq!(
        normal("ALTER USER x PASSWORD 'secret'"),
        "ALTER USER x PASSWORD $1"
    );
    assert_eq!(normal("NOTIFY c, 'John'"), "NOTIFY c, $1");
    assert_eq!(normal("COPY t TO PROGRAM 'curl John'"), "COPY t TO PROGRAM $1");
    assert_eq!(normal("SELEC 'John' /* Smith */ 5"), "SELEC $1   $2");
    assert_eq!(
        normal("SELECT name, \"5\", t5 FROM t5"),
        "SELECT name, \"5\", t5 FROM t5"
    );
    assert!(analyse("SELECT 'John").normalised.is_none());
}

#[test]
fn literals_are_where_they_are() {
    let text = "SELECT 'é', a, 12 FROM t WHERE b = $$x$$ /* 5 */";
    let ranges = postgres::literals(text, &PostgresSettings::default()).unwrap();
    let parts: Vec<_> = ranges.into_iter().map(|range| &text[range]).collect();
    assert_eq!(parts, ["'é'", "12", "$$x$$"]);
    assert_eq!(
        postgres::literals("SELECT 'x", &PostgresSettings::default()),
        None
    );
    assert_eq!(postgres::literals("a\0b", &PostgresSettings::default()), None);
}

#[test]
fn ranges_are_in_bytes_without_what_surrounds() {
    let text = " /* é */ SELECT 'é' -- x\n; \n-- y\nDELETE FROM t ; -- z";
    let analysis = analyse(text);
    let parts: Vec<_> = analysis
        .statements
        .iter()
        .map(|statement| &text[statement.range.clone()])
        .collect();
    assert_eq!(parts, ["SELECT 'é'", "DELETE FROM t"]);
}

#[test]
fn ddl_is_told() {
    for text in [
        "CREATE TABLE t ()",
        "ALTER TABLE t ADD a int",
        "DROP TABLE t",
        "SELECT 1 INTO t",
        "SELECT 1; DROP VIEW v",
        "DO 'BEGIN DROP TABLE t; END'",
    ] {
        assert!(analyse(text).ddl, "{text}");
    }
    for text in ["SELECT 1", "INSERT INTO t VALUES (1)", "SET a = 1", "TRUNCATE t"] {
        assert!(!analyse(text).ddl, "{text}");
    }
}

#[test]
fn the_cache_is_bounded_and_shared() {
    let bound = 256 << 10;
    let analyzer = Analyzer::new(bound);
    let settings = PostgresSettings::default();
    for number in 0..4_000 {
        let text = format!("SELECT a{number} FROM t{number} WHERE b = 'some value that makes it longer'");
        analyzer.postgres(text.as_bytes(), &settings);
        assert!(analyzer.cached_bytes() <= bound as u64);
    }
    assert!(analyzer.cached() > 10, "it keeps some");
    let first = analyzer.postgres(b"SELECT 1", &settings);
    let second = analyzer.postgres(b"SELECT 1", &settings);
    assert!(std::sync::Arc::ptr_eq(&first, &second), "and gives them again");
    let other = analyzer.postgres(
        b"SELECT 1",
        &PostgresSettings {
            standard_conforming_strings: false,
        },
    );
    assert!(
        !std::sync::Arc::ptr_eq(&first, &other),
        "but not for another meaning"
    );
}

/// What a cached answer weighs grows with what it holds.
#[test]
fn the_cache_counts_what_it_holds() {
    let analyzer = Analyzer::new(1 << 26);
    let settings = PostgresSettings::default();
    analyzer.postgres(b"SELECT 1", &settings);
    let small = analyzer.cached_bytes();
    let text = format!(
        "SELECT 1 FROM {}",
        (0..1_000)
            .map(|n| format!("relation_{n}"))
            .collect::<Vec<_>>()
            .join(", ")
    );
    analyzer.postgres(text.as_bytes(), &settings);
    let large = analyzer.cached_bytes() - small;
    assert!(
        large > 1_000 * (size_of::<crate::Relation>() + 8) as u64 + 2 * text.len() as u64,
        "{large}"
    );
    let text = format!("PREPARE p AS {text}");
    analyzer.postgres(text.as_bytes(), &settings);
    assert!(
        analyzer.cached_bytes() - small - large > large + large / 2,
        "what is inside a control counts too"
    );
}

#[test]
fn threads_share_one_analyzer() {
    fn shared<T: Send + Sync>(value: T) -> T {
        value
    }
    let analyzer = shared(Analyzer::new(1 << 20));
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let analyzer = &analyzer;
            scope.spawn(move || {
                for number in 0..200 {
                    let text = format!("DELETE FROM t{} WHERE id = {}", number % 7, thread);
                    let analysis = analyzer.postgres(text.as_bytes(), &PostgresSettings::default());
                    assert!(analysis.complete() && analysis.relations().count() == 1);
                }
            });
        }
    });
    assert_eq!(one("SELECT 1").range, 0..8);
}
