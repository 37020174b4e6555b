//! Statements about the session and the server.

use super::{Case, analyse, check, one};
use crate::{Control, Setting};

#[rustfmt::skip]
const CASES: &[Case] = &[
    ("SET @a = (SELECT ssn FROM patients LIMIT 1)", "set", "read", "patients:r", "stores"),
    ("SET autocommit = 0, @@session.sql_mode = 'ANSI'", "set", "settings", "", ""),
    ("SET GLOBAL general_log = ON", "set", "alter settings", "", ""),
    ("SET PERSIST x = 1", "set", "alter settings", "", ""),
    ("SET sql_mode = CONCAT(@@sql_mode, ',ANSI_QUOTES')", "set", "settings", "", "gap"),
    ("SET NAMES utf8mb4 COLLATE utf8mb4_bin", "set", "settings", "", ""),
    ("SET CHARACTER SET gbk", "set", "settings", "", ""),
    ("SET PASSWORD = 'x'", "set", "alter role_change", "", ""),
    ("SET ROLE admin", "set", "role_change", "", ""),
    ("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", "set", "settings transaction", "", ""),
    ("SET STATEMENT max_statement_time = 1 FOR DELETE FROM t", "delete", "write delete delete_without_where settings", "t:w", ""),
    ("USE other", "use", "session", "", ""),
    ("START TRANSACTION WITH CONSISTENT SNAPSHOT", "begin", "transaction", "", ""),
    ("COMMIT AND CHAIN", "commit", "transaction", "", ""),
    ("ROLLBACK TO SAVEPOINT a", "rollback", "transaction", "", ""),
    ("XA START 'x'", "xa", "transaction", "", ""),
    ("LOCK TABLES patients READ, t AS u WRITE", "lock", "lock", "patients:d t:d", ""),
    ("PREPARE s FROM 'DELETE FROM patients'", "prepare", "write delete delete_without_where prepare", "patients:w", ""),
    ("PREPARE s FROM @q", "prepare", "prepare", "", "stores gap"),
    ("EXECUTE s USING @a", "execute", "execute", "", "rows"),
    ("EXECUTE IMMEDIATE 'SELECT ssn FROM patients'", "execute", "read execute", "patients:r", "rows"),
    ("EXECUTE IMMEDIATE CONCAT('DROP TABLE ', 't')", "execute", "execute", "", "rows stores gap"),
    ("DEALLOCATE PREPARE s", "deallocate", "prepare", "", ""),
    ("EXPLAIN SELECT * FROM patients", "explain", "read explain", "patients:r", "rows"),
    ("EXPLAIN DELETE FROM patients", "explain", "read explain", "patients:r", "rows"),
    ("ANALYZE FORMAT=JSON DELETE FROM patients", "explain", "write delete delete_without_where explain", "patients:w", "rows"),
    ("DESCRIBE patients", "describe", "explain", "patients:d", "rows"),
    ("SHOW TABLES", "show", "read", "", "rows"),
    ("SHOW FULL PROCESSLIST", "show", "read", "information_schema.PROCESSLIST:r", "rows"),
    ("SHOW WARNINGS", "show", "read", "information_schema.WARNINGS:r", "rows"),
    ("SHOW CREATE VIEW v", "show", "read", "v:d", "rows"),
    ("SHOW COLUMNS FROM patients FROM clinic WHERE Field = (SELECT a FROM t)", "show", "read", "clinic.patients:d t:r", "rows"),
    ("SHOW BINLOG EVENTS", "show", "read replication", "information_schema.BINLOG:r", "rows"),
    ("KILL QUERY 5", "kill", "session", "", ""),
    ("FLUSH TABLES WITH READ LOCK", "flush", "lock maintenance", "", ""),
    ("RESET MASTER", "reset", "replication", "", ""),
    ("SHUTDOWN", "shutdown", "maintenance session", "", ""),
    ("CHANGE MASTER TO MASTER_HOST = 'x'", "change", "replication", "", ""),
    ("BINLOG 'x'", "binlog", "write replication", "", ""),
    ("INSTALL SONAME 'x'", "install", "alter program code", "", ""),
    ("CHECK TABLE patients EXTENDED", "check", "maintenance", "patients:d", "rows"),
    ("CHECKSUM TABLE patients", "checksum", "read maintenance", "patients:r", "rows"),
    ("ANALYZE TABLE patients PERSISTENT FOR COLUMNS (ssn) INDEXES ()", "analyze", "maintenance", "patients:d", "rows"),
    ("GRANT SELECT (ssn), UPDATE ON clinic.patients TO x@localhost", "grant", "grant", "clinic.patients:d", ""),
    ("GRANT admin TO x", "grant", "grant role_change", "", ""),
    ("REVOKE ALL ON *.* FROM x", "revoke", "grant", "", ""),
    ("SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'x'", "signal", "", "", ""),
    ("GET DIAGNOSTICS CONDITION 1 @m = MESSAGE_TEXT", "get", "", "", ""),
    ("BEGIN NOT ATOMIC DELETE FROM t; SELECT ssn FROM patients; END", "block", "read write delete delete_without_where code", "t:w patients:r", "rows stores"),
];

#[test]
fn statements_about_the_session() {
    check(CASES);
}

#[test]
fn control_says_what_the_session_becomes() {
    let control = |text| one(text).control;
    assert_eq!(
        control("USE `other`"),
        Control::Use {
            database: "other".to_owned()
        }
    );
    assert!(
        matches!(control("PREPARE S FROM 'SELECT 1'"), Control::Prepare { name, statement }
        if name == "s" && statement.kind == "select")
    );
    assert!(matches!(control("PREPARE s FROM @q"), Control::PrepareText { name } if name == "s"));
    assert!(matches!(control("EXECUTE s"), Control::Execute { name } if name == "s"));
    assert_eq!(
        control("HANDLER a.b OPEN AS c"),
        Control::OpenHandler {
            name: "c".to_owned(),
            relation: (Some("a".to_owned()), "b".to_owned())
        }
    );
    assert_eq!(
        control("COMMIT AND CHAIN NO RELEASE"),
        Control::Commit { chain: true }
    );
}

#[test]
fn settings_are_told_with_their_scope() {
    let setting = |name: &str, value: Option<&str>, global| Setting {
        name: name.to_owned(),
        value: value.map(str::to_owned),
        local: false,
        global,
    };
    let statement = one("SET @@GLOBAL.Sql_Mode = 'ANSI', SESSION sql_mode = DEFAULT, names = 1, @v = 2");
    assert_eq!(
        statement.settings,
        [
            setting("sql_mode", Some("ANSI"), true),
            setting("sql_mode", None, false),
        ]
    );
    assert_eq!(statement.variables.written, ["v"]);
    assert_eq!(
        one("SET NAMES 'gbk'").settings,
        [setting("names", Some("gbk"), false)]
    );
    assert!(analyse("SET sql_mode = @old").gaps.len() == 1);
}
