//! Queries and changes of rows.

use super::{Case, check, one};

#[rustfmt::skip]
const CASES: &[Case] = &[
    ("SELECT 1", "select", "read", "", "rows"),
    ("SELECT ssn FROM clinic.patients p WHERE p.id = ?", "select", "read", "clinic.patients:r", "rows"),
    ("SELECT (SELECT ssn FROM patients LIMIT 1)", "select", "read", "patients:r", "rows"),
    ("SELECT * FROM t, LATERAL (SELECT * FROM patients WHERE patients.id = t.id) x", "select", "read", "patients:r t:r", "rows"),
    ("SELECT 1 FROM t STRAIGHT_JOIN u LEFT OUTER JOIN (v, w) ON v.a = t.a NATURAL JOIN x", "select", "read", "t:r u:r v:r w:r x:r", "rows"),
    ("SELECT a FROM t PARTITION (p0) AS x USE INDEX (i) WHERE MATCH (a, b) AGAINST ('x' IN BOOLEAN MODE)", "select", "read", "t:r", "rows"),
    ("SELECT a FROM t FOR UPDATE SKIP LOCKED", "select", "read lock", "t:r", "rows"),
    ("SELECT a FROM t LOCK IN SHARE MODE", "select", "read lock", "t:r", "rows"),
    ("SELECT ssn INTO OUTFILE '/tmp/x' FIELDS TERMINATED BY ',' FROM patients", "select", "read server_file copy_out", "patients:r", "stores"),
    ("SELECT ssn FROM patients INTO DUMPFILE '/tmp/x'", "select", "read server_file copy_out", "patients:r", "stores"),
    ("SELECT ssn INTO @a FROM patients", "select", "read", "patients:r", "stores"),
    ("SELECT @a := ssn FROM patients", "select", "read", "patients:r", "rows stores"),
    ("SELECT LOAD_FILE('/etc/passwd')", "select", "read server_file", "", "rows"),
    ("SELECT GET_LOCK('x', 1), SLEEP(0)", "select", "read lock", "", "rows"),
    ("SELECT purge(id) FROM t", "select", "read call", "t:r", "rows"),
    ("SELECT now (), db.lower(a) FROM t", "select", "read call", "t:r", "rows"),
    ("SELECT NEXT VALUE FOR s", "select", "read write", "", "rows"),
    ("WITH x AS (SELECT * FROM patients) SELECT * FROM x", "select", "read", "patients:r", "rows"),
    ("WITH patients AS (SELECT 1) SELECT * FROM patients", "select", "read", "", "rows"),
    ("WITH a AS (SELECT * FROM b), b AS (SELECT 1) SELECT * FROM a, b", "select", "read", "b:r", "rows"),
    ("VALUES (1), (2)", "values", "read", "", "rows"),
    ("(SELECT a FROM t) UNION ALL (SELECT b FROM u ORDER BY (SELECT 1 FROM v)) LIMIT 5", "select", "read", "t:r u:r v:r", "rows"),
    ("SELECT * FROM ((SELECT a FROM t) UNION SELECT b FROM u) x", "select", "read", "t:r u:r", "rows"),
    ("DO SLEEP(1), (SELECT 1 FROM t)", "do", "read", "t:r", ""),
    ("CALL p(@a, 1)", "call", "call", "", "rows"),
    ("INSERT INTO patients (id, ssn) VALUES (1, 'x'), (2, DEFAULT)", "insert", "write insert", "patients:w", ""),
    ("INSERT patients SET id = 1, ssn = 'x'", "insert", "write insert", "patients:w", ""),
    ("INSERT INTO t SELECT ssn FROM patients", "insert", "read write insert", "t:w patients:r", "stores"),
    ("INSERT INTO t (SELECT ssn FROM patients)", "insert", "read write insert", "t:w patients:r", "stores"),
    ("INSERT INTO t VALUES ((SELECT ssn FROM patients))", "insert", "read write insert", "t:w patients:r", "stores"),
    ("INSERT INTO t (a) VALUES (1) ON DUPLICATE KEY UPDATE a = VALUES(a), n = n + 1", "insert", "write insert update", "t:w", ""),
    ("INSERT INTO t (a) VALUES (1) ON DUPLICATE KEY UPDATE a = secret", "insert", "read write insert update", "t:w t:r", "stores"),
    ("INSERT INTO t (a) VALUES (1) RETURNING a", "insert", "read write insert", "t:w t:r", "rows"),
    ("REPLACE INTO staff SELECT 1, email FROM patients", "replace", "read write insert delete", "staff:w patients:r", "stores"),
    ("UPDATE patients SET name = 'x' WHERE id = 5", "update", "write update", "patients:w", ""),
    ("UPDATE patients SET name = 'x'", "update", "write update update_without_where", "patients:w", ""),
    ("UPDATE patients SET name = 'x' LIMIT 100000", "update", "write update update_without_where", "patients:w", ""),
    ("UPDATE patients SET visits = visits + 1 WHERE id = 5", "update", "write update", "patients:w", ""),
    ("UPDATE patients SET note = ssn WHERE id = 5", "update", "read write update", "patients:r patients:w", "stores"),
    ("UPDATE t JOIN patients p ON p.id = t.id SET t.a = p.ssn", "update", "read write update", "t:w t:r patients:r", "stores"),
    ("UPDATE t, patients p SET t.a = 1 WHERE p.id = t.id", "update", "read write update", "t:w patients:r", "stores"),
    ("DELETE FROM patients WHERE id = 5", "delete", "write delete", "patients:w", ""),
    ("DELETE FROM patients", "delete", "write delete delete_without_where", "patients:w", ""),
    ("DELETE FROM patients WHERE 1", "delete", "write delete delete_without_where", "patients:w", ""),
    ("DELETE FROM patients WHERE 'a' = 'a' OR id = 1", "delete", "write delete delete_without_where", "patients:w", ""),
    ("DELETE FROM patients WHERE id = id", "delete", "write delete delete_without_where", "patients:w", ""),
    ("DELETE FROM patients WHERE NOT 0 && 2 > 1", "delete", "write delete delete_without_where", "patients:w", ""),
    ("DELETE FROM patients WHERE name LIKE '%'", "delete", "write delete delete_without_where", "patients:w", ""),
    ("DELETE FROM patients /*!99999 WHERE id = 5 */", "delete", "write delete delete_without_where", "patients:w", ""),
    ("DELETE FROM patients /*!50000 WHERE id = 5 */", "delete", "write delete", "patients:w", ""),
    ("DELETE p FROM patients p JOIN visits v ON v.patient_id = p.id WHERE v.id = 1", "delete", "read write delete", "patients:w visits:r", ""),
    ("DELETE FROM p, v USING patients p, visits v WHERE v.patient_id = p.id", "delete", "write delete", "patients:w visits:w", ""),
    ("DELETE FROM patients WHERE id = 1 RETURNING ssn", "delete", "read write delete", "patients:w patients:r", "rows"),
    ("TRUNCATE patients", "truncate", "write truncate", "patients:w", ""),
    ("LOAD DATA INFILE '/tmp/x' INTO TABLE t FIELDS TERMINATED BY ',' IGNORE 1 LINES (a, @b) SET c = @b", "load", "write insert server_file copy_in", "t:w", "stores"),
    ("LOAD DATA LOCAL INFILE 'x' INTO TABLE t (id) SET n = (SELECT mrn FROM patients LIMIT 1)", "load", "read write insert copy_in", "t:w patients:r", "stores"),
    ("LOAD XML INFILE '/tmp/x' INTO TABLE t ROWS IDENTIFIED BY '<r>'", "load", "write insert server_file copy_in", "t:w", ""),
    ("HANDLER patients OPEN AS h", "handler", "read cursor", "patients:r", ""),
    ("HANDLER patients READ `PRIMARY` = (5) WHERE id = 1 LIMIT 1", "handler", "read cursor", "patients:r", "rows"),
];

#[test]
fn rows_read_and_changed() {
    check(CASES);
}

#[test]
fn columns_and_variables_that_are_meant() {
    let statement = one("SELECT p.Ssn, COUNT(*), @A FROM patients p WHERE `Phone` IS NOT NULL AND @b := 1");
    assert!(statement.references.may_mean("ssn") && statement.references.may_mean("phone"));
    assert!(!statement.references.may_mean("dob") && !statement.references.wide);
    assert_eq!(statement.variables.read, ["a"]);
    assert_eq!(statement.variables.written, ["b"]);
    for wide in [
        "SELECT * FROM t",
        "SELECT t.* FROM t",
        "SELECT 1 FROM t NATURAL JOIN u",
        "SELECT é FROM t",
    ] {
        assert!(one(wide).references.wide, "{wide}");
    }
    assert!(
        !one("UPDATE patients SET ssn = 'x' WHERE id = 1")
            .references
            .may_mean("ssn")
    );
}
