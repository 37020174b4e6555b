//! Texts that share an analysis: only such as would have the same by themselves.

use std::sync::Arc;

use proptest::prelude::*;

use super::all;
use crate::lineage::{Lineage, Operand};
use crate::postgres::lineage::tests::Clinic;
use crate::postgres::lineage::trace;
use crate::postgres::text::{Tokens, tokens};
use crate::postgres::{self, Shape};
use crate::{Analysis, Analyzer, PostgresSettings};

const SETTINGS: PostgresSettings = PostgresSettings {
    standard_conforming_strings: true,
};

/// Statements whose constants stand wherever one can, beside those of the tables.
const TEXTS: &[&str] = &[
    "SELECT abalance FROM pgbench_accounts WHERE aid = 5",
    "  SELECT * FROM t WHERE a = 1 AND b <> 'x' OR 2.5 < c ;  ",
    "SELECT * FROM t WHERE a IN (1, 2, 3) AND b NOT IN ('x') AND c BETWEEN 1 AND 2 AND d LIKE 'a%'",
    "SELECT a, 1, 'x' FROM t WHERE f(2) = 3 AND a = '4'::int AND a = -5 LIMIT 10 OFFSET 20",
    "SELECT a, count(*) FROM t WHERE a = 1 GROUP BY 1 HAVING count(*) > 2 ORDER BY 1, a + 1",
    "SELECT * FROM a JOIN b ON a.id = b.id AND b.kind = 'x' WHERE a.at > '2020-01-01' AND EXISTS (SELECT 1 FROM c WHERE c.id = 7)",
    "SELECT * FROM t WHERE a->>'ssn' = 'x' AND b @> '{}' AND c ~ '^x' AND d = ANY('{1,2}')",
    "SELECT pg_read_file('/etc/passwd') FROM t WHERE a = 1",
    "SELECT set_config('role', 'admin', false) FROM t WHERE a = 1",
    "SELECT * FROM dblink('host=x', 'DROP TABLE t') AS d(a int) WHERE a = 1",
    "SELECT nextval('s'), 't'::regclass, interval '1 day', date '2020-01-01' FROM t WHERE a = 1",
    "INSERT INTO t (a, b) VALUES (1, 'x'), (2, 'y') RETURNING a",
    "INSERT INTO t (a, b) VALUES (1, 'x') ON CONFLICT (a) DO UPDATE SET b = 'z' WHERE t.a = 3",
    "INSERT INTO t SELECT a, 'x' FROM u WHERE b = 'y'",
    "UPDATE t SET a = 1, b = 'x', c = c + 1 WHERE id = 5",
    "UPDATE t SET a = 1",
    "UPDATE t SET a = 1 WHERE 1 = 1",
    "UPDATE t SET a = 1 WHERE id = 2 OR 1 = 1",
    "UPDATE t SET a = 1 WHERE id = 2 OR true",
    "DELETE FROM t WHERE id = 1",
    "DELETE FROM t WHERE 1 = 1",
    "DELETE FROM t WHERE 'a' = 'a'",
    "DELETE FROM t WHERE 'true'",
    "DELETE FROM t WHERE id = id OR id = 5",
    "DELETE FROM t USING u WHERE u.id = 5",
    "WITH w AS (DELETE FROM t WHERE id = 1 RETURNING *) SELECT * FROM w WHERE a = 1",
    "SELECT \"a'b\", \"c\"\"d\" FROM \"T 1\" WHERE \"e\" = 'it''s' AND a1 = $1 AND b = 2",
    "SELECT a FROM t WHERE b = 'ü' AND ü = 1",
    "SELECT a FROM t WHERE b = 'one'\n'two'",
    "SELECT a FROM t TABLESAMPLE system (10) WHERE a = 1",
    "SELECT a FROM t WHERE a = 1 FOR UPDATE",
    "SELECT CASE a WHEN 1 THEN 'x' ELSE 'y' END FROM t WHERE coalesce(a, 1) = 2 AND (a, b) = (1, 2) AND a IS DISTINCT FROM 3",
];

/// What a constant could be taken for, were it looked at.
fn others(constant: &str) -> &'static [&'static str] {
    if constant.starts_with('\'') {
        &[
            "''",
            "'true'",
            "'f'",
            "'1'",
            "'0'",
            "'it''s'",
            "'ü'",
            "'role'",
            "'/etc/passwd'",
            "'DROP TABLE t; --'",
            "'$1 /* \"'",
            "'t'",
        ]
    } else if constant.parse::<i32>().is_ok() {
        &["0", "1", "2", "12", "2147483647"]
    } else {
        &["0.0", "1.0", "2147483648", "99999999999999999999", "17.25"]
    }
}

fn texts() -> impl Iterator<Item = &'static str> {
    TEXTS.iter().copied().chain(all().map(|case| case.0))
}

/// What the analysis says, but for where the statement is; that is said by its text.
fn said(analysis: &Analysis, part: &str) -> impl PartialEq + std::fmt::Debug + use<> {
    let mut analysis = analysis.clone();
    analysis.length = 0;
    analysis.template = None;
    for statement in &mut analysis.statements {
        statement.range = 0..0;
    }
    (analysis, part.to_owned())
}

/// The text has the analysis that it has by itself.
fn assert_own(known: &Analysis, text: &str) {
    let mut own = postgres::analyse(text, SETTINGS, None).0;
    own.length = text.len();
    assert_eq!(
        said(known, known.part(0, text)),
        said(&own, own.part(0, text)),
        "{text}"
    );
}

/// The text with another constant in the place of one.
fn with(text: &str, shape: &Shape, index: usize, other: &str) -> String {
    let mut changed = text.to_owned();
    changed.replace_range(shape.constants()[index].clone(), other);
    changed
}

#[test]
fn what_is_said_not_to_matter_does_not() {
    let (mut free, mut bound) = (0, 0);
    for text in texts() {
        let Some(shape) = Shape::read(text) else { continue };
        let Some(matters) = postgres::analyse(text, SETTINGS, Some(&shape)).1 else {
            continue;
        };
        for (index, matters) in matters.iter().enumerate() {
            if *matters {
                bound += 1;
                continue;
            }
            free += 1;
            for other in others(&text[shape.constants()[index].clone()]) {
                let changed = with(text, &shape, index, other);
                let analyzer = Analyzer::new(1 << 20);
                let first = analyzer.postgres(text.as_bytes(), &SETTINGS);
                let shared = analyzer.postgres(changed.as_bytes(), &SETTINGS);
                assert!(Arc::ptr_eq(&first, &shared), "{text}\n{changed}");
                assert_own(&shared, &changed);
            }
        }
    }
    assert!(free > 60, "{free} constants don't matter");
    assert!(bound > 20, "{bound} do");
}

/// Statements of protected columns (`ssn`, `phone` and `dob` of `patients`) whose constants stand beside them and elsewhere.
const TRACED: &[&str] = &[
    "SELECT id, ssn, phone FROM patients WHERE id = 5 AND name = 'x' LIMIT 3",
    "SELECT id, ssn FROM patients WHERE ssn = '1' AND id = 5",
    "SELECT id FROM patients WHERE ssn = '1' || 'x' OR phone IN ('1', '2') OR dob = ANY('{1,2}')",
    "SELECT id FROM patients WHERE ssn LIKE '1%' AND dob BETWEEN '1' AND '2' AND phone > '3' AND ssn ~ '^1'",
    "SELECT ssn IS NOT DISTINCT FROM '1', nullif(phone, '2'), (ssn, id) = ('3', 4) FROM patients WHERE name = 'x'",
    "SELECT (SELECT ssn FROM patients p WHERE p.id = v.patient_id AND p.name = 'x') FROM visits v WHERE v.reason = 'y'",
    "WITH w AS (SELECT ssn AS s, id FROM patients WHERE id = 5) SELECT s FROM w WHERE s = '1' AND id IN (1, 2) ORDER BY 1 OFFSET 4",
    "INSERT INTO patients (id, name, ssn) VALUES (1, 'x', '2'), (2, 'y', '3')",
    "INSERT INTO patients (id, name) VALUES (1, 'x')",
    "INSERT INTO visits (id, reason) SELECT id, ssn FROM patients WHERE id = 5",
    "UPDATE patients SET ssn = '1', name = 'x' WHERE id = 5",
    "UPDATE patients SET name = 'x' WHERE id = 5 AND ssn = phone RETURNING ssn",
    "DELETE FROM patients WHERE id = 5 RETURNING phone",
    "SELECT length(ssn), upper(ssn) = 'X', ssn || 'x' FROM patients WHERE id = 5 GROUP BY 1 HAVING max(ssn) > '1'",
];

#[test]
fn lineages_without_constants_are_shared_rightly() {
    let (mut shared, mut own) = (0, 0);
    let given = |lineage: &Lineage| {
        let mut operands = lineage
            .probes
            .iter()
            .chain(&lineage.given)
            .map(|probe| &probe.operand);
        operands.any(|operand| matches!(operand, Operand::Literal(_) | Operand::LiteralArray(_)))
    };
    for text in TRACED.iter().copied().chain(texts()) {
        let Some(shape) = Shape::read(text) else { continue };
        let Some(matters) = postgres::analyse(text, SETTINGS, Some(&shape)).1 else {
            continue;
        };
        let first = trace(text, SETTINGS, &Clinic);
        assert!(
            first
                .iter()
                .all(|lineage| lineage.has_constants || !given(lineage)),
            "{text}"
        );
        // Too long to be listed: what is left out must not be left out for others.
        let long = format!("'{}'", "x".repeat(300));
        let free = matters.iter().enumerate().filter(|(_, matters)| !**matters);
        for (index, _) in free {
            let constant = &text[shape.constants()[index].clone()];
            let long = constant.starts_with('\'').then_some(long.as_str());
            for other in others(constant).iter().copied().chain(long) {
                let changed = with(text, &shape, index, other);
                let second = trace(&changed, SETTINGS, &Clinic);
                let constants = |all: &[Lineage]| all.iter().any(|lineage| lineage.has_constants);
                assert_eq!(constants(&first), constants(&second), "{text}\n{changed}");
                if constants(&first) {
                    own += 1;
                } else {
                    shared += 1;
                    assert_eq!(first, second, "{text}\n{changed}");
                }
            }
        }
    }
    assert!(shared > 300 && own > 100, "{shared} shared, {own} not");
}

/// Whatever the constants are, whether they matter or not: through the cache each text has the analysis that it has by itself.
#[test]
fn no_text_gets_anothers_analysis() {
    let analyzer = Analyzer::new(1 << 24);
    for text in texts() {
        analyzer.postgres(text.as_bytes(), &SETTINGS);
        let Some(shape) = Shape::read(text) else { continue };
        for (index, constant) in shape.constants().iter().enumerate() {
            for other in others(&text[constant.clone()]) {
                let changed = with(text, &shape, index, other);
                let known = analyzer.postgres(changed.as_bytes(), &SETTINGS);
                assert_own(&known, &changed);
            }
        }
    }
}

#[test]
fn plain_statements_are_parsed_once() {
    let analyzer = Analyzer::new(1 << 20);
    for (one, other) in [
        ("SELECT a FROM t WHERE b = 1", "SELECT a FROM t WHERE b = 22"),
        (
            "SELECT a FROM t WHERE b IN (1, 2) LIMIT 5",
            "SELECT a FROM t WHERE b IN (3, 44) LIMIT 50",
        ),
        (
            "INSERT INTO t VALUES (1, 'x', 2.5)",
            "INSERT INTO t VALUES (9, 'long one', 17.25)",
        ),
        (
            "UPDATE t SET a = 'x' WHERE id = 1",
            "UPDATE t SET a = 'yy' WHERE id = 12",
        ),
        (" DELETE FROM t WHERE id = 1; ", " DELETE FROM t WHERE id = 17; "),
    ] {
        let first = analyzer.postgres(one.as_bytes(), &SETTINGS);
        let second = analyzer.postgres(other.as_bytes(), &SETTINGS);
        assert!(Arc::ptr_eq(&first, &second), "{other}");
        assert_eq!(
            second.part(0, other),
            other.trim_matches([' ', ';']),
            "the part is of the text at hand"
        );
    }
    let kept = analyzer.cached();
    analyzer.postgres(b"SELECT a FROM t WHERE b = 333", &SETTINGS);
    assert_eq!(analyzer.cached(), kept, "nothing is kept for a text that shares");
}

#[test]
fn what_decides_is_never_shared() {
    let analyzer = Analyzer::new(1 << 20);
    for (one, other) in [
        ("DELETE FROM t WHERE 1 = 2", "DELETE FROM t WHERE 1 = 1"),
        (
            "SELECT f(1) FROM t WHERE a = 'x'",
            "SELECT f('x') FROM t WHERE a = 1",
        ),
        (
            "SELECT set_config('a.b', 'x', false) FROM t WHERE a = 1",
            "SELECT set_config('role', 'x', false) FROM t WHERE a = 1",
        ),
        // One constant to the server, two to who reads shapes: what reads otherwise than the server is not believed.
        (
            "SELECT a FROM t WHERE b = 'one'\n'two'",
            "SELECT a FROM t WHERE b = 'three'\n'two'",
        ),
        ("SELECT a FROM t WHERE b = 1", "SELECT a FROM t WHERE b = '1'"),
        (
            "SELECT a FROM t WHERE b = 1",
            "SELECT a FROM t WHERE b = 99999999999",
        ),
    ] {
        let first = analyzer.postgres(one.as_bytes(), &SETTINGS);
        let second = analyzer.postgres(other.as_bytes(), &SETTINGS);
        assert!(!Arc::ptr_eq(&first, &second), "{other}");
    }
    // A text that looks like what is remembered of others.
    analyzer.postgres(b"SELECT a FROM t WHERE b = 1", &SETTINGS);
    let odd = analyzer.postgres(b"SELECT a FROM t WHERE b = \x01", &SETTINGS);
    assert!(!odd.complete());
}

#[test]
fn what_is_not_certain_has_no_shape() {
    for text in [
        "SELECT a FROM t",
        "SELECT E'x' FROM t WHERE a = 1",
        "SELECT U&'x' WHERE a = 1",
        "SELECT U&\"x\" WHERE a = 1",
        "SELECT B'1' WHERE a = 1",
        "SELECT 'a\\' WHERE a = 1",
        "SELECT $$x$$ WHERE a = 1",
        "SELECT $a$x$a$ WHERE a = 1",
        "SELECT 1 -- x",
        "SELECT /* x */ 1",
        "SELECT 1e5",
        "SELECT 0x1f",
        "SELECT 1_000",
        "SELECT .5",
        "SELECT 1.",
        "SELECT 1.5.5",
        "SELECT $1a, 1",
        "SELECT 'x",
        "SELECT \"x, 1",
        "SELECT \u{1}, 1",
        "SELECT \"\u{1}\", 1",
    ] {
        assert_eq!(Shape::read(text), None, "{text}");
    }
}

/// The kinds of tokens, where constants are of the text.
fn cut(text: &str) -> Option<Vec<i32>> {
    Some(tokens(text)?.iter().map(|token| token.token).collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, ..ProptestConfig::default() })]

    /// Two texts with the same skeleton are cut into the same tokens by the server's own scanner, wherever the constants of one are cut as the
    /// server cuts them.
    #[test]
    fn a_skeleton_tells_the_tokens(
        pieces in proptest::collection::vec(
            prop_oneof![
                proptest::sample::select(vec![
                    "1", "23", "4.5", "99999999999", "'x'", "''", "'it''s'", "'ü'", "'--'", "'/*'", "'$'",
                ]),
                proptest::sample::select(vec![
                    " ", "\n", "a", "E", "e", "n", "N", "b", "x", "U&", "u", "_", "$", "$1", "\"", "\"q\"", "'", "''", ".", "..", "-", "--", "/",
                    "*", "/*", "*/", "=", "<", ":", "::", ":=", "(", ")", ",", ";", "\\", "0x", "1e", "\t", "\u{b}", "\u{1}", "ü", "&", "|", "interval",
                ]),
            ],
            0..12,
        ),
        choices in proptest::collection::vec(any::<prop::sample::Index>(), 12),
    ) {
        let text = pieces.concat();
        let Some(shape) = Shape::read(&text) else { return Ok(()) };
        let Some(server) = Tokens::scan(&text, SETTINGS) else { return Ok(()) };
        prop_assume!(server.constants().eq(shape.constants().iter().cloned()));
        let mut changed = text.clone();
        for (constant, choice) in shape.constants().iter().zip(&choices).rev() {
            let others = others(&text[constant.clone()]);
            changed.replace_range(constant.clone(), others[choice.index(others.len())]);
        }
        let again = Shape::read(&changed).unwrap();
        prop_assert_eq!(again.skeleton(), shape.skeleton(), "{}", changed);
        prop_assert_eq!(cut(&changed), cut(&text), "{}", changed);
        let server = Tokens::scan(&changed, SETTINGS).unwrap();
        let constants: Vec<_> = server.constants().collect();
        prop_assert_eq!(constants.as_slice(), again.constants(), "{}", changed);
    }
}
