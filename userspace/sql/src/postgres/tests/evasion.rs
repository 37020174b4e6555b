//! Texts that are written to be overlooked.

use super::{Case, analyse, check};
use crate::Effect;

#[rustfmt::skip]
pub(super) const CASES: &[Case] = &[
    ("/**/DELETE/**/FROM/**/patients", "delete", "write delete delete_without_where", "patients:w", ""),
    ("/* /* nested */ SELECT 1; */ DROP TABLE t", "drop", "drop", "t:d", ""),
    ("-- SELECT\nDROP TABLE t", "drop", "drop", "t:d", ""),
    ("DELETE FROM patients -- WHERE id = 5", "delete", "write delete delete_without_where", "patients:w", ""),
    ("DELETE FROM patients /* WHERE id = 5 */", "delete", "write delete delete_without_where", "patients:w", ""),
    ("(((SELECT ssn FROM patients)))", "select", "read", "patients:r", "rows"),
    (";;;\n DROP TABLE t ;;", "drop", "drop", "t:d", ""),
    ("SELECT * FROM U&\"p\\0061tients\"", "select", "read", "patients:r", "rows"),
    ("SELECT * FROM U&\"p!0061tients\" UESCAPE '!'", "select", "read", "patients:r", "rows"),
    ("SELECT * FROM PaTiEnTs", "select", "read", "patients:r", "rows"),
    ("SELECT * FROM \"Patients\"", "select", "read", "Patients:r", "rows"),
    ("SELECT * FROM \"a.b\".\"c\"\"d\"", "select", "read", "a.b.c\"d:r", "rows"),
    ("SELECT \"pg_read_file\"('x')", "select", "read server_file", "", "rows"),
    ("SELECT U&\"pg_read\\005ffile\"('x')", "select", "read server_file", "", "rows"),
    ("SELECT 'DROP TABLE t; DELETE FROM x'", "select", "read", "", "rows"),
    ("SELECT $$ ; DROP TABLE t; $$, $a$ ' $a$, E'\\'; DROP TABLE t --'", "select", "read", "", "rows"),
    ("SELECT 'a\\'; -- ' , ssn FROM patients", "select", "read", "", "rows"),
    ("SELECT 'a\\', ssn FROM patients --'", "select", "read", "patients:r", "rows"),
    // A call written as a field.
    ("SELECT ('/etc/passwd'::text).pg_read_file", "select", "read server_file", "", "rows"),
    ("SELECT (x.a).pg_read_file FROM (VALUES ('/etc/passwd')) x(a)", "select", "read server_file", "", "rows"),
    ("SELECT (a).my_function FROM t", "select", "read call", "t:r", "rows"),
    ("SELECT x.query_to_xml FROM x", "select", "read call", "x:r", "rows gap"),
    ("SELECT (row(1)).f1.lo_export FROM t", "select", "read server_file large_object call", "t:r", "rows stores"),
    // Where a read-only guard does not look.
    ("SELECT 1 FROM (SELECT pg_terminate_backend(1)) x", "select", "read session", "", "rows"),
    ("SELECT * FROM t ORDER BY pg_read_file('x')", "select", "read server_file", "t:r", "rows"),
    ("SELECT 1 LIMIT length(pg_read_file('x'))", "select", "read server_file", "", "rows"),
    ("INSERT INTO t VALUES (1) ON CONFLICT DO UPDATE SET a = pg_read_file('x')", "insert", "write insert update server_file", "t:w", ""),
    ("DELETE FROM t WHERE id = 1 RETURNING pg_read_file('x')", "delete", "write delete server_file", "t:w", "rows"),
    ("EXECUTE p(pg_read_file('x'))", "execute", "server_file execute", "", "rows"),
    ("WITH x AS (UPDATE t SET a = 1 RETURNING 1) SELECT", "select", "read write update update_without_where", "t:w", "rows"),
    ("SELECT * FROM t TABLESAMPLE my_method (1)", "select", "read call", "t:r", "rows"),
    ("SET \"SESSION_AUTHORIZATION\" TO 'postgres'", "set", "role_change settings", "", ""),
    ("SET LOCAL ROLE 'postgres'", "set", "role_change settings", "", ""),
    ("DELETE FROM patients USING (SELECT 1 AS x) o WHERE o.x = 1", "delete", "read write delete delete_without_where", "patients:w", ""),
];

#[test]
fn evasions() {
    check(CASES);
}

#[test]
fn every_statement_of_a_text_counts() {
    let text = "SELECT 1; /* ; */ DELETE FROM patients;;BEGIN; SELECT ';' ; COMMIT";
    let analysis = analyse(text);
    let kinds: Vec<_> = analysis
        .statements
        .iter()
        .map(|statement| statement.kind)
        .collect();
    assert_eq!(kinds, ["select", "delete", "begin", "select", "commit"]);
    assert_eq!(analysis.kind(), "multi");
    let parts: Vec<_> = analysis
        .statements
        .iter()
        .map(|statement| &text[statement.range.clone()])
        .collect();
    assert_eq!(
        parts,
        [
            "SELECT 1",
            "DELETE FROM patients",
            "BEGIN",
            "SELECT ';'",
            "COMMIT"
        ]
    );
    assert!(analysis.effects().contains(Effect::DeleteWithoutWhere) && analysis.complete());
    assert_eq!(analysis.relations().count(), 1);
}

#[test]
fn names_are_cut_where_the_server_cuts_them() {
    let long = "p".repeat(80);
    let statement = super::one(&format!("SELECT * FROM {long}"));
    assert_eq!(statement.relations[0].name, "p".repeat(63));
}
