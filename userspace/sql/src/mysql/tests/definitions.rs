//! Definitions.

use super::{Case, check};

#[rustfmt::skip]
const CASES: &[Case] = &[
    ("CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, a VARCHAR(5) DEFAULT 'x' REFERENCES u (b), KEY k (a(3))) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4", "create", "create", "t:d u:d", ""),
    ("CREATE TABLE t LIKE patients", "create", "create", "t:d patients:d", ""),
    ("CREATE TABLE t AS SELECT ssn FROM patients", "create", "read write create", "t:d patients:r", "stores"),
    ("CREATE TABLE t (a INT) SELECT ssn FROM patients", "create", "read write create", "t:d patients:r", "stores"),
    ("CREATE TABLE t AS (SELECT ssn FROM patients) UNION (SELECT a FROM u)", "create", "read write create", "t:d patients:r u:r", "stores"),
    ("CREATE OR REPLACE TEMPORARY TABLE t (a INT)", "create", "drop create", "t:d", ""),
    ("CREATE TABLE t (a INT) ENGINE=MERGE UNION=(patients)", "create", "create", "t:d patients:r", "stores"),
    ("CREATE TABLE t (a INT) ENGINE=FEDERATED CONNECTION='mysql://x'", "create", "create program", "t:d", ""),
    ("CREATE TABLE t (a INT) CONNECTION='mysql://x'", "create", "create program", "t:d", ""),
    ("CREATE TABLE t (a INT) CONNECTION='mysql://x' ENGINE 'Memory'", "create", "create", "t:d", ""),
    ("CREATE TABLE t (a INT) ENGINE=MEMORY CONNECTION='x' ENGINE=other", "create", "create program", "t:d", ""),
    ("CREATE TABLE t (a INT) ENGINE=InnoDB CONNECTION='x' AS SELECT ssn FROM patients", "create", "read write create", "t:d patients:r", "stores"),
    ("ALTER TABLE t CONNECTION='mysql://x'", "alter", "alter program", "t:d", ""),
    ("CREATE TABLE t (a INT) DATA DIRECTORY='/tmp'", "create", "create server_file", "t:d", ""),
    ("CREATE TABLE t (a INT, b INT AS (LOAD_FILE('x')) VIRTUAL, CHECK (purge(a)))", "create", "create server_file call", "t:d", "stores"),
    ("CREATE VIEW v (a) AS SELECT ssn FROM patients WITH CHECK OPTION", "create", "read create", "v:d patients:r", "stores"),
    ("CREATE ALGORITHM=MERGE DEFINER=`x`@`%` SQL SECURITY DEFINER VIEW v AS SELECT 1", "create", "read create", "v:d", ""),
    ("CREATE UNIQUE INDEX i ON patients (ssn)", "create", "create", "patients:d", ""),
    ("CREATE DATABASE x", "create", "create", "", ""),
    ("CREATE USER x IDENTIFIED BY 'p'", "create", "create role_change", "", ""),
    ("CREATE SERVER s FOREIGN DATA WRAPPER mysql OPTIONS (HOST 'x')", "create", "create program", "", ""),
    ("CREATE SEQUENCE s START WITH 1", "create", "create", "s:d", ""),
    ("CREATE FUNCTION f RETURNS STRING SONAME 'udf.so'", "create", "create program code", "", ""),
    ("CREATE FUNCTION f(i INT) RETURNS TEXT READS SQL DATA RETURN (SELECT ssn FROM patients WHERE id = i)", "create", "read create code", "patients:r", "stores"),
    ("CREATE PROCEDURE p(OUT v TEXT) SELECT ssn INTO v FROM patients", "create", "read create code", "patients:r", "stores"),
    ("CREATE PROCEDURE p() BEGIN DECLARE v TEXT DEFAULT 'x'; DECLARE c CURSOR FOR SELECT email FROM patients; DECLARE EXIT HANDLER FOR SQLEXCEPTION BEGIN END; OPEN c; l: LOOP FETCH c INTO v; IF v IS NULL THEN LEAVE l; END IF; END LOOP l; CLOSE c; DELETE FROM t; SELECT v; END", "create", "read write delete delete_without_where create code", "patients:r t:w", "stores"),
    ("CREATE PROCEDURE p(a TEXT) BEGIN EXECUTE IMMEDIATE CONCAT('SELECT ', a); END", "create", "create code execute", "", "stores gap"),
    ("CREATE TRIGGER tv BEFORE UPDATE ON patients FOR EACH ROW SET @tv = OLD.ssn", "create", "create code", "patients:d patients:r", "stores"),
    ("CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO DELETE FROM t", "create", "write delete delete_without_where create code", "t:w", ""),
    ("ALTER TABLE patients ADD COLUMN gx VARCHAR(20) AS (REVERSE(ssn)) VIRTUAL", "alter", "alter", "patients:d", "stores"),
    ("ALTER TABLE patients ADD a INT DEFAULT 1, DROP COLUMN b, ADD KEY (c)", "alter", "alter", "patients:d", ""),
    ("ALTER TABLE patients RENAME TO p2", "alter", "read alter", "patients:d patients:r p2:d", "stores"),
    ("ALTER TABLE patients CHANGE ssn x TEXT", "alter", "read alter", "patients:d patients:r", "stores"),
    ("ALTER TABLE pp EXCHANGE PARTITION p0 WITH TABLE p2", "alter", "read write alter", "pp:d pp:r p2:d p2:r", "stores"),
    ("ALTER TABLE t TRUNCATE PARTITION p0", "alter", "write truncate alter", "t:d", ""),
    ("ALTER USER x IDENTIFIED BY 'p'", "alter", "alter role_change", "", ""),
    ("RENAME TABLE patients TO a, b TO c", "rename", "read alter", "patients:d patients:r a:d b:d b:r c:d", "stores"),
    ("DROP TABLE IF EXISTS patients, clinic.visits", "drop", "drop", "patients:d clinic.visits:d", ""),
    ("DROP INDEX i ON patients", "drop", "drop", "patients:d", ""),
    ("DROP DATABASE clinic", "drop", "drop", "", ""),
    ("DROP ROLE x", "drop", "drop role_change", "", ""),
];

#[test]
fn definitions() {
    check(CASES);
}
