//! Queries and changes of rows.

use super::{Case, check};

#[rustfmt::skip]
pub(super) const CASES: &[Case] = &[
    ("SELECT 1", "select", "read", "", "rows"),
    ("SELECT * FROM patients", "select", "read", "patients:r", "rows"),
    ("SELECT ssn FROM public.patients p WHERE p.id = $1", "select", "read", "public.patients:r", "rows"),
    ("SELECT 1 FROM clinic.public.patients", "select", "read", "public.patients:r", "rows"),
    ("TABLE patients", "select", "read", "patients:r", "rows"),
    ("VALUES (1), (2)", "values", "read", "", "rows"),
    ("VALUES ((SELECT ssn FROM patients))", "values", "read", "patients:r", "rows"),
    ("SELECT (SELECT ssn FROM patients LIMIT 1)", "select", "read", "patients:r", "rows"),
    ("SELECT 1 WHERE EXISTS (SELECT FROM patients)", "select", "read", "patients:r", "rows"),
    ("SELECT 1 LIMIT (SELECT count(*) FROM patients)", "select", "read", "patients:r", "rows"),
    ("SELECT 1 OFFSET (SELECT count(*) FROM patients)", "select", "read", "patients:r", "rows"),
    ("SELECT a FROM t ORDER BY (SELECT ssn FROM patients)", "select", "read", "t:r patients:r", "rows"),
    ("SELECT a FROM t GROUP BY a HAVING count(*) > (SELECT 1 FROM patients)", "select", "read", "t:r patients:r", "rows"),
    ("SELECT a FROM t GROUP BY ROLLUP (a, (SELECT 1 FROM patients))", "select", "read", "t:r patients:r", "rows"),
    ("SELECT DISTINCT ON ((SELECT 1 FROM patients)) a FROM t", "select", "read", "t:r patients:r", "rows"),
    ("SELECT sum(a) FILTER (WHERE b IN (TABLE patients)) OVER (PARTITION BY (SELECT 1 FROM u)) FROM t", "select", "read", "t:r u:r patients:r", "rows"),
    ("SELECT sum(a) OVER w FROM t WINDOW w AS (ORDER BY (SELECT 1 FROM patients))", "select", "read", "t:r patients:r", "rows"),
    ("SELECT array_agg(a ORDER BY (SELECT 1 FROM patients)) FROM t", "select", "read", "t:r patients:r", "rows"),
    ("SELECT ARRAY(SELECT ssn FROM patients)", "select", "read", "patients:r", "rows"),
    ("SELECT ARRAY[1, (SELECT 1 FROM patients)]", "select", "read", "patients:r", "rows"),
    ("SELECT ROW(1, (SELECT 1 FROM patients))", "select", "read", "patients:r", "rows"),
    ("SELECT CASE WHEN (SELECT true FROM patients) THEN 1 ELSE (SELECT 1 FROM u) END", "select", "read", "u:r patients:r", "rows"),
    ("SELECT coalesce(NULL, (SELECT 1 FROM patients)), greatest(1, (SELECT 1 FROM u))", "select", "read", "u:r patients:r", "rows"),
    ("SELECT a[(SELECT 1 FROM patients)] FROM t", "select", "read", "t:r patients:r", "rows"),
    ("SELECT (SELECT true FROM patients) IS TRUE, (SELECT 1 FROM u) IS NULL", "select", "read", "u:r patients:r", "rows"),
    ("SELECT 1 = ANY (SELECT id FROM patients)", "select", "read", "patients:r", "rows"),
    ("SELECT 1 IN (1, (SELECT id FROM patients))", "select", "read", "patients:r", "rows"),
    ("SELECT ((SELECT ssn FROM patients) COLLATE \"C\")::varchar(3)", "select", "read", "patients:r", "rows"),
    ("SELECT a FROM t UNION ALL SELECT ssn FROM patients EXCEPT TABLE u", "select", "read", "t:r u:r patients:r", "rows"),
    ("(SELECT a FROM t) INTERSECT (SELECT b FROM u ORDER BY (SELECT 1 FROM patients))", "select", "read", "t:r u:r patients:r", "rows"),
    ("SELECT * FROM t, LATERAL (SELECT * FROM patients WHERE patients.id = t.id) x", "select", "read", "t:r patients:r", "rows"),
    ("SELECT * FROM t JOIN patients USING (id) LEFT JOIN u ON u.x = (SELECT 1 FROM v)", "select", "read", "t:r u:r v:r patients:r", "rows"),
    ("SELECT * FROM ONLY patients", "select", "read", "patients:r", "rows"),
    ("SELECT * FROM patients TABLESAMPLE bernoulli ((SELECT 1 FROM t))", "select", "read", "t:r patients:r", "rows"),
    ("SELECT * FROM generate_series(1, (SELECT max(id) FROM patients)) g", "select", "read", "patients:r", "rows"),
    ("SELECT * FROM ROWS FROM (generate_series(1, 2), unnest((SELECT array_agg(id) FROM patients))) x", "select", "read", "patients:r", "rows"),
    ("SELECT * FROM XMLTABLE('/r' PASSING (SELECT doc FROM patients) COLUMNS a text PATH 'a' DEFAULT (SELECT 1 FROM t)) x", "select", "read", "t:r patients:r", "rows"),
    ("SELECT * FROM JSON_TABLE((SELECT doc FROM patients), '$' COLUMNS (a text PATH '$.a' DEFAULT (SELECT 1 FROM t) ON EMPTY)) x", "select", "read", "t:r patients:r", "rows"),
    ("SELECT JSON_OBJECT('a': (SELECT 1 FROM patients)), JSON_ARRAY(SELECT a FROM t), JSON_ARRAYAGG(b) FROM u", "select", "read", "t:r u:r patients:r", "rows"),
    ("SELECT JSON_VALUE((SELECT doc FROM patients), '$.a' PASSING (SELECT 1 FROM t) AS x)", "select", "read", "t:r patients:r", "rows"),
    ("SELECT JSON_OBJECTAGG(a: (SELECT 1 FROM patients)) FROM t", "select", "read", "t:r patients:r", "rows"),
    ("SELECT (SELECT doc FROM patients) IS JSON, JSON_SERIALIZE((SELECT 1 FROM t)), JSON_SCALAR((SELECT 1 FROM u))", "select", "read", "t:r u:r patients:r", "rows"),
    ("SELECT xmlelement(name a, (SELECT ssn FROM patients)), xmlforest((SELECT 1 FROM t) AS b), xmlserialize(content (SELECT x FROM u) AS text)", "select", "read", "t:r u:r patients:r", "rows"),
    ("SELECT * FROM patients FOR UPDATE OF patients SKIP LOCKED", "select", "read lock", "patients:r", "rows"),
    ("SELECT * FROM (SELECT * FROM patients FOR SHARE) x", "select", "read lock", "patients:r", "rows"),
    ("SELECT EXTRACT(year FROM born), current_date, born AT TIME ZONE 'UTC', trim(both ' ' from name) FROM patients", "select", "read", "patients:r", "rows"),
    // Filling a table.
    ("SELECT ssn INTO copied FROM patients", "select", "read write create", "patients:r copied:d", "stores"),
    ("SELECT 1 INTO TEMP t UNION SELECT ssn FROM patients", "select", "read write create", "patients:r t:d", "stores"),
    ("CREATE TABLE copied AS SELECT ssn FROM patients", "create", "read write create", "patients:r copied:d", "stores"),
    ("CREATE TABLE copied AS VALUES (1)", "create", "read write create", "copied:d", ""),
    ("CREATE TABLE IF NOT EXISTS copied AS TABLE patients WITH NO DATA", "create", "read write create", "patients:r copied:d", "stores"),
    ("CREATE TABLE copied AS EXECUTE p(1)", "create", "write create execute", "copied:d", "stores"),
    ("CREATE MATERIALIZED VIEW m AS SELECT ssn FROM patients", "create", "read write create", "patients:r m:d", "stores"),
    ("REFRESH MATERIALIZED VIEW CONCURRENTLY m", "refresh", "write maintenance", "m:w", ""),
    // Common table expressions.
    ("WITH x AS (SELECT * FROM patients) SELECT * FROM x", "select", "read", "patients:r", "rows"),
    ("WITH patients AS (SELECT * FROM patients) SELECT * FROM patients", "select", "read", "patients:r", "rows"),
    ("WITH patients AS (SELECT 1) SELECT * FROM patients", "select", "read", "", "rows"),
    ("WITH patients AS (SELECT 1) SELECT * FROM public.patients", "select", "read", "public.patients:r", "rows"),
    ("WITH a AS (SELECT * FROM b), b AS (SELECT 1) SELECT * FROM a, b", "select", "read", "b:r", "rows"),
    ("WITH RECURSIVE a AS (SELECT * FROM b), b AS (SELECT 1 UNION SELECT * FROM b) SELECT * FROM a", "select", "read", "", "rows"),
    ("WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM t) SEARCH DEPTH FIRST BY n SET o CYCLE n SET c TO 1 DEFAULT 2 USING p SELECT * FROM t", "select", "read", "", "rows"),
    ("SELECT * FROM (WITH x AS (SELECT 1) SELECT * FROM x) y, x", "select", "read", "x:r", "rows"),
    ("WITH x AS (SELECT 1) SELECT * FROM (SELECT * FROM x) y WHERE EXISTS (SELECT * FROM x)", "select", "read", "", "rows"),
    ("WITH x AS (WITH y AS (SELECT 1) SELECT * FROM y) SELECT * FROM x, y", "select", "read", "y:r", "rows"),
    ("WITH x AS (SELECT 1) SELECT * FROM x UNION SELECT * FROM x", "select", "read", "", "rows"),
    ("WITH d AS (DELETE FROM patients WHERE id = 1 RETURNING *) SELECT * FROM d", "select", "read write delete", "patients:r patients:w", "rows"),
    ("WITH d AS (DELETE FROM patients) SELECT 1", "select", "read write delete delete_without_where", "patients:w", "rows"),
    ("WITH i AS (INSERT INTO t VALUES (1) RETURNING a), u AS (UPDATE u SET a = 1 WHERE b = 2) SELECT * FROM i", "select", "read write insert update", "t:r t:w u:w", "rows stores"),
    ("WITH x AS (SELECT 1) DELETE FROM x WHERE id = 1", "delete", "read write delete", "x:w", ""),
    ("WITH d AS (DELETE FROM patients WHERE id = 1 RETURNING ssn) INSERT INTO t SELECT * FROM d", "insert", "read write insert delete", "patients:r patients:w t:w", "stores"),
    ("WITH p AS (SELECT ssn FROM patients), i AS (INSERT INTO log SELECT * FROM p) SELECT 1", "select", "read write insert", "patients:r log:w", "rows stores"),
    // Insert.
    ("INSERT INTO patients (id, ssn) VALUES (1, $1)", "insert", "write insert", "patients:w", ""),
    ("INSERT INTO patients DEFAULT VALUES", "insert", "write insert", "patients:w", ""),
    ("INSERT INTO t SELECT ssn FROM patients", "insert", "read write insert", "t:w patients:r", "stores"),
    ("INSERT INTO t SELECT 1", "insert", "read write insert", "t:w", ""),
    ("INSERT INTO t VALUES ((SELECT ssn FROM patients))", "insert", "read write insert", "t:w patients:r", "stores"),
    ("INSERT INTO patients VALUES (1) RETURNING id", "insert", "read write insert", "patients:r patients:w", "rows"),
    ("INSERT INTO patients VALUES (1) RETURNING 1", "insert", "write insert", "patients:w", "rows"),
    ("INSERT INTO t VALUES (1) RETURNING (SELECT ssn FROM patients)", "insert", "read write insert", "t:w t:r patients:r", "rows stores"),
    ("INSERT INTO t (a) VALUES (1) ON CONFLICT (a) DO NOTHING", "insert", "write insert", "t:w", ""),
    ("INSERT INTO t (a) VALUES (1) ON CONFLICT (a) DO UPDATE SET a = excluded.a, n = t.n + 1", "insert", "write insert update", "t:w", ""),
    ("INSERT INTO t (a) VALUES (1) ON CONFLICT (a) DO UPDATE SET a = t.secret", "insert", "read write insert update", "t:r t:w", "stores"),
    ("INSERT INTO t (a) VALUES (1) ON CONFLICT (a) WHERE b DO UPDATE SET a = (SELECT ssn FROM patients) WHERE t.a = 1", "insert", "read write insert update", "t:w t:r patients:r", "stores"),
    // Update.
    ("UPDATE patients SET name = 'x' WHERE id = 5", "update", "write update", "patients:w", ""),
    ("UPDATE patients SET name = 'x'", "update", "write update update_without_where", "patients:w", ""),
    ("UPDATE patients SET visits = visits + 1 WHERE id = 5", "update", "write update", "patients:w", ""),
    ("UPDATE patients p SET visits = p.visits + 1 WHERE id = 5", "update", "write update", "patients:w", ""),
    ("UPDATE patients SET note = ssn WHERE id = 5", "update", "read write update", "patients:r patients:w", "stores"),
    ("UPDATE patients SET (note, a) = (ssn, 1) WHERE id = 5", "update", "read write update", "patients:r patients:w", "stores"),
    ("UPDATE patients SET (note, a) = (SELECT x, y FROM u) WHERE id = 5", "update", "read write update", "patients:w u:r patients:r", "stores"),
    ("UPDATE patients SET note = patients WHERE id = 5", "update", "read write update", "patients:r patients:w", "stores"),
    ("UPDATE t SET a = p.ssn FROM patients p WHERE p.id = t.id", "update", "read write update", "t:w patients:r", "stores"),
    ("UPDATE t SET a = 1 FROM patients p WHERE p.id = t.id", "update", "read write update", "t:w patients:r", ""),
    ("UPDATE t SET a = (SELECT max(p.ssn) FROM patients p) WHERE id = 1", "update", "read write update", "t:w patients:r", "stores"),
    ("UPDATE t SET a = 1 WHERE id IN (SELECT id FROM patients)", "update", "read write update", "t:w patients:r", ""),
    ("UPDATE patients SET name = 'x' WHERE id = 5 RETURNING ssn", "update", "read write update", "patients:r patients:w", "rows"),
    ("UPDATE t SET a[(SELECT 1 FROM patients)] = 1 WHERE id = 1", "update", "read write update", "t:w patients:r", "stores"),
    ("UPDATE patients SET name = 'x' WHERE CURRENT OF c", "update", "write update", "patients:w", ""),
    ("UPDATE pg_settings SET setting = 'off' WHERE name = 'x'", "update", "write update settings", "pg_settings:w", "gap"),
    // Delete.
    ("DELETE FROM patients WHERE id = 5", "delete", "write delete", "patients:w", ""),
    ("DELETE FROM ONLY public.patients", "delete", "write delete delete_without_where", "public.patients:w", ""),
    ("DELETE FROM patients USING u WHERE u.id = patients.id", "delete", "read write delete", "patients:w u:r", ""),
    ("DELETE FROM patients WHERE CURRENT OF c", "delete", "write delete", "patients:w", ""),
    ("DELETE FROM patients WHERE id = 5 RETURNING *", "delete", "read write delete", "patients:r patients:w", "rows"),
    // Merge.
    ("MERGE INTO t USING patients p ON t.id = p.id WHEN MATCHED THEN UPDATE SET a = p.ssn WHEN NOT MATCHED THEN INSERT VALUES (p.id)", "merge", "read write insert update", "t:w patients:r", "stores"),
    ("MERGE INTO t USING (SELECT 1 AS id) s ON t.id = s.id WHEN MATCHED THEN DELETE", "merge", "read write delete", "t:w", ""),
    ("MERGE INTO t USING (SELECT 1 AS id) s ON true WHEN MATCHED THEN DELETE", "merge", "read write delete delete_without_where", "t:w", ""),
    ("MERGE INTO t USING (SELECT 1 AS id) s ON true WHEN MATCHED AND t.a = 2 THEN DELETE", "merge", "read write delete", "t:w", ""),
    ("WITH s AS (SELECT * FROM u) MERGE INTO t USING s ON t.id = s.id WHEN MATCHED THEN DO NOTHING", "merge", "read write", "t:w u:r", ""),
    ("MERGE INTO t USING u ON t.id = u.id WHEN MATCHED THEN UPDATE SET a = 1 RETURNING merge_action(), t.*", "merge", "read write update", "t:r t:w u:r", "rows"),
    // Copy.
    ("COPY patients TO STDOUT", "copy", "read copy_out", "patients:r", "rows"),
    ("COPY patients (id, ssn) TO STDOUT WITH (FORMAT csv, HEADER)", "copy", "read copy_out", "patients:r", "rows"),
    ("COPY (SELECT ssn FROM patients) TO STDOUT", "copy", "read copy_out", "patients:r", "rows"),
    ("COPY (DELETE FROM patients RETURNING ssn) TO STDOUT", "copy", "read write delete delete_without_where copy_out", "patients:r patients:w", "rows"),
    ("COPY (WITH x AS (SELECT 1) SELECT * FROM x) TO STDOUT", "copy", "read copy_out", "", "rows"),
    ("COPY patients TO '/tmp/x'", "copy", "read server_file copy_out", "patients:r", "stores"),
    ("COPY patients TO PROGRAM 'curl x'", "copy", "read program copy_out", "patients:r", "stores"),
    ("COPY patients FROM STDIN", "copy", "write insert copy_in", "patients:w", ""),
    ("COPY patients FROM STDIN WHERE id > 5", "copy", "write insert copy_in", "patients:w", ""),
    ("COPY patients FROM '/tmp/x'", "copy", "write insert server_file copy_in", "patients:w", ""),
    ("COPY patients FROM PROGRAM 'id'", "copy", "write insert program copy_in", "patients:w", ""),
    ("COPY (DELETE FROM patients WHERE id = 1 RETURNING ssn) TO '/tmp/x'", "copy", "read write delete server_file copy_out", "patients:r patients:w", "stores"),
    // Truncate.
    ("TRUNCATE patients, public.visits CASCADE", "truncate", "write truncate", "patients:w public.visits:w", ""),
    ("TRUNCATE TABLE ONLY patients RESTART IDENTITY", "truncate", "write truncate", "patients:w", ""),
];

#[test]
fn statements_about_rows() {
    check(CASES);
}

/// Conditions that leave every row in, and some that only look so.
#[test]
fn a_condition_must_narrow() {
    let without = [
        "true",
        "1=1",
        "1 = 1 AND true",
        "'a' = 'a'",
        "NOT false",
        "true OR id = 5",
        "id = id",
        "id = id OR id = 5",
        "1 < 2",
        "2 <> 1",
        "true IS TRUE",
        "false IS NOT TRUE",
        "NULL IS NULL",
        "1 IS NOT NULL",
        "'t'::bool",
        "'yes'::boolean",
        "EXISTS (SELECT 1)",
        "(SELECT true)",
        "$1",
        "5 = $1",
        "random() >= 0",
        "EXISTS (SELECT 1 FROM other)",
        "(SELECT count(*) FROM other) > 5",
        "other.id = 5",
        "'1' <> '1.0'",
        "current_user = 'x'",
        "id IS NOT DISTINCT FROM id",
        "id >= id",
        "NOT (1 = 2)",
        "(true)",
        "(((1=1)))",
        "NULL IS NOT DISTINCT FROM NULL",
    ];
    for condition in without {
        for (verb, effect) in [
            ("DELETE FROM t", "delete_without_where"),
            ("UPDATE t SET a = 1", "update_without_where"),
        ] {
            let statement = super::one(&format!("{verb} WHERE {condition}"));
            assert!(
                statement.effects.contains(effect.parse().unwrap()),
                "{verb} WHERE {condition}"
            );
        }
    }
    let narrowed = [
        "id = 5",
        "id = $1",
        "t.id = 5",
        "1 = 2",
        "false",
        "1 = 2 AND true",
        "id IN (SELECT id FROM other)",
        "CURRENT OF c",
        "EXISTS (SELECT 1 FROM other WHERE other.id = t.id)",
        "NOT true",
        "'f'::bool",
        "lower(name) = 'x'",
        "id > 0 AND true",
        "public.t.id = 5",
        "flag",
        "id <> id",
    ];
    for condition in narrowed {
        let statement = super::one(&format!("DELETE FROM t WHERE {condition}"));
        assert!(
            !statement.effects.contains(crate::Effect::DeleteWithoutWhere),
            "WHERE {condition}"
        );
    }
    let aliased = super::one("DELETE FROM patients t USING (SELECT 1 AS x) o WHERE o.x = 1");
    assert!(aliased.effects.contains(crate::Effect::DeleteWithoutWhere));
}
