//! Functions, by what they do.

use super::{Case, check, one};

#[rustfmt::skip]
pub(super) const CASES: &[Case] = &[
    ("SELECT pg_read_file('/etc/passwd')", "select", "read server_file", "", "rows"),
    ("SELECT pg_catalog.pg_read_binary_file('x')", "select", "read server_file", "", "rows"),
    ("SELECT * FROM pg_ls_dir('.') AS f", "select", "read server_file", "", "rows"),
    ("SELECT (pg_stat_file('x')).*", "select", "read server_file", "", "rows"),
    ("SELECT pg_file_write('x', 'y', false)", "select", "read write server_file", "", "rows"),
    ("SELECT * FROM pg_hba_file_rules", "select", "read server_file", "pg_hba_file_rules:r", "rows"),
    ("SELECT lo_import('/etc/passwd')", "select", "read write server_file large_object", "", "rows"),
    ("SELECT lo_export(1, '/tmp/x')", "select", "read server_file large_object", "", "rows"),
    ("SELECT lo_get(1), loread(1, 2)", "select", "read large_object", "", "rows"),
    ("SELECT lo_from_bytea(0, ssn::bytea) FROM patients", "select", "read write large_object", "patients:r", "rows stores"),
    ("SELECT get_raw_page('patients', 0)", "select", "read server_file", "", "rows"),
    ("SELECT dblink_exec('host=x', 'DROP TABLE t')", "select", "read program call", "", "rows gap"),
    ("SELECT * FROM ext.dblink('x', 'select 1') AS t(a int)", "select", "read program call", "", "rows gap"),
    ("SELECT postgres_fdw_disconnect_all()", "select", "read program call", "", "rows"),
    ("SELECT query_to_xml('select ssn from patients', true, true, '')", "select", "read call", "", "rows gap"),
    ("SELECT table_to_xml('patients', true, true, '')", "select", "read call", "", "rows gap"),
    ("SELECT database_to_xml(true, true, '')", "select", "read call", "", "rows gap"),
    ("SELECT cursor_to_xml('c', 1, true, true, '')", "select", "read call", "", "rows gap"),
    ("SELECT * FROM ts_stat('select to_tsvector(ssn) from patients')", "select", "read call", "", "rows gap"),
    ("SELECT ts_rewrite('a'::tsquery, 'select t, s from x')", "select", "read call", "", "rows gap"),
    ("SELECT ts_rewrite('a'::tsquery, 'b'::tsquery, 'c'::tsquery)", "select", "read", "", "rows"),
    ("SELECT * FROM crosstab('select 1') AS t(a int)", "select", "read call", "", "rows gap"),
    ("SELECT pg_notify('c', ssn) FROM patients", "select", "read notify", "patients:r", "rows stores"),
    ("SELECT set_config('a.b', ssn, false) FROM patients", "select", "read settings", "patients:r", "rows stores"),
    ("SELECT pg_reload_conf()", "select", "read settings session", "", "rows"),
    ("SELECT pg_terminate_backend(1), pg_cancel_backend(2)", "select", "read session", "", "rows"),
    ("SELECT pg_create_logical_replication_slot('s', 'test_decoding')", "select", "read replication", "", "rows"),
    ("SELECT * FROM pg_logical_slot_get_changes('s', NULL, NULL)", "select", "read replication", "", "rows"),
    ("SELECT pg_promote()", "select", "read replication", "", "rows"),
    ("SELECT pg_advisory_lock(1), pg_try_advisory_xact_lock(2)", "select", "read lock", "", "rows"),
    ("SELECT currval('s'), lastval()", "select", "read", "", "rows"),
    ("SELECT nextval('s')", "select", "read write", "", "rows"),
    ("SELECT setval('s', ssn::bigint) FROM patients", "select", "read write", "patients:r", "rows stores"),
    ("SELECT pg_stat_reset()", "select", "read maintenance", "", "rows"),
    ("SELECT my_function(1)", "select", "read call", "", "rows"),
    ("SELECT public.lower('x')", "select", "read call", "", "rows"),
    ("SELECT pg_catalog.lower('x'), uuid('x'), int4(5), jsonb_build_object('a', 1)", "select", "read", "", "rows"),
    ("SELECT * FROM my_rows() WITH ORDINALITY", "select", "read call", "", "rows"),
    ("CALL p(1, (SELECT ssn FROM patients))", "call", "read call", "patients:r", "rows"),
    ("INSERT INTO t VALUES (my_function())", "insert", "write insert call", "t:w", ""),
    ("LOAD 'x'", "load", "program code", "", ""),
    ("SELECT n.nspname FROM pg_namespace n WHERE pg_table_is_visible(1) AND n.oid = 'x'::regnamespace", "select", "read", "pg_namespace:r", "rows"),
    ("SELECT (information_schema._pg_expandarray(i.indkey)).n FROM pg_index i", "select", "read", "pg_index:r", "rows"),
];

#[test]
fn functions() {
    check(CASES);
}

#[test]
fn functions_are_listed_once_as_written() {
    let statement = one("SELECT lower(a), pg_catalog.upper(b), LOWER(c), \"F\"(d), count(*) FROM t");
    assert_eq!(statement.functions, ["lower", "pg_catalog.upper", "F", "count"]);
}
