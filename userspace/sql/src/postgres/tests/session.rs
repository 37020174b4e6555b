//! Statements about the session.

use super::{Case, check, one};
use crate::{Control, CopyFormat, CopyTarget, Discard, Setting};

#[rustfmt::skip]
pub(super) const CASES: &[Case] = &[
    ("SET search_path TO a, \"B c\"", "set", "settings", "", ""),
    ("SET LOCAL work_mem = '1GB'", "set", "settings", "", ""),
    ("SET TIME ZONE 'UTC'", "set", "settings", "", ""),
    ("SET NAMES 'LATIN1'", "set", "settings", "", ""),
    ("SET ROLE admin", "set", "settings role_change", "", ""),
    ("SET SESSION AUTHORIZATION DEFAULT", "set", "settings", "", ""),
    ("SET ROLE NONE", "set", "settings role_change", "", ""),
    ("SET role TO DEFAULT", "set", "settings", "", ""),
    ("RESET ROLE", "reset", "settings", "", ""),
    ("RESET SESSION AUTHORIZATION", "reset", "settings", "", ""),
    ("RESET ALL", "reset", "settings", "", ""),
    ("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", "set", "transaction", "", ""),
    ("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY", "set", "settings", "", ""),
    ("SET CONSTRAINTS ALL DEFERRED", "set", "transaction", "", ""),
    ("SHOW search_path", "show", "read", "", "rows"),
    ("BEGIN ISOLATION LEVEL REPEATABLE READ", "begin", "transaction", "", ""),
    ("START TRANSACTION", "begin", "transaction", "", ""),
    ("COMMIT AND CHAIN", "commit", "transaction", "", ""),
    ("END", "commit", "transaction", "", ""),
    ("ABORT", "rollback", "transaction", "", ""),
    ("SAVEPOINT s", "savepoint", "transaction", "", ""),
    ("RELEASE s", "release", "transaction", "", ""),
    ("ROLLBACK TO s", "rollback", "transaction", "", ""),
    ("PREPARE TRANSACTION 'x'", "prepare", "transaction", "", ""),
    ("COMMIT PREPARED 'x'", "commit", "transaction", "", ""),
    ("DISCARD ALL", "discard", "settings session", "", ""),
    ("DISCARD PLANS", "discard", "session", "", ""),
    ("PREPARE p (int) AS SELECT ssn FROM patients WHERE id = $1", "prepare", "read prepare", "patients:r", ""),
    ("PREPARE p AS DELETE FROM patients", "prepare", "write delete delete_without_where prepare", "patients:w", ""),
    ("EXECUTE p (1, lower('x'))", "execute", "execute", "", "rows"),
    ("DEALLOCATE p", "deallocate", "prepare", "", ""),
    ("DECLARE c CURSOR WITH HOLD FOR SELECT ssn FROM patients", "declare", "read cursor", "patients:r", ""),
    ("FETCH 10 FROM c", "fetch", "read cursor", "", "rows"),
    ("MOVE FORWARD ALL IN c", "move", "cursor", "", ""),
    ("CLOSE ALL", "close", "cursor", "", ""),
    ("EXPLAIN SELECT * FROM patients", "explain", "read explain", "patients:r", "rows"),
    ("EXPLAIN DELETE FROM patients", "explain", "read explain", "patients:r", "rows"),
    ("EXPLAIN ANALYZE DELETE FROM patients", "explain", "write delete delete_without_where explain", "patients:w", "rows"),
    ("EXPLAIN (ANALYZE, FORMAT json) DELETE FROM patients WHERE id = 1", "explain", "write delete explain", "patients:w", "rows"),
    ("EXPLAIN (ANALYZE false) DELETE FROM patients", "explain", "read explain", "patients:r", "rows"),
    ("EXPLAIN (ANALYZE 1) UPDATE t SET a = 1", "explain", "write update update_without_where explain", "t:w", "rows"),
    ("EXPLAIN ANALYZE CREATE TABLE x AS SELECT ssn FROM patients", "explain", "read write create explain", "patients:r x:d", "rows stores"),
    ("EXPLAIN SELECT pg_read_file('x')", "explain", "read server_file explain", "", "rows"),
    ("EXPLAIN ANALYZE EXECUTE p(1)", "explain", "execute explain", "", "rows"),
    ("LISTEN c", "listen", "listen", "", ""),
    ("UNLISTEN *", "unlisten", "listen", "", ""),
    ("NOTIFY c, 'x'", "notify", "notify", "", ""),
    ("LOCK TABLE patients IN ACCESS SHARE MODE", "lock", "lock", "patients:d", ""),
];

#[test]
fn statements_about_the_session() {
    check(CASES);
}

fn control(text: &str) -> Control {
    one(text).control
}

fn set(name: &str, value: Option<&str>, local: bool) -> Control {
    Control::Set(Setting {
        name: name.to_owned(),
        value: value.map(str::to_owned),
        local,
        global: false,
    })
}

#[test]
fn settings_are_told_with_their_values() {
    assert_eq!(
        control("SET search_path = a, \"B c\", \"$user\""),
        set("search_path", Some("a, \"B c\", \"$user\""), false)
    );
    assert_eq!(control("SET SCHEMA 'x'"), set("search_path", Some("x"), false));
    assert_eq!(
        control("SET LOCAL \"Standard_Conforming_Strings\" TO off"),
        set("standard_conforming_strings", Some("off"), true)
    );
    assert_eq!(
        control("SET NAMES 'SJIS'"),
        set("client_encoding", Some("SJIS"), false)
    );
    assert_eq!(
        control("SET datestyle TO ISO, MDY"),
        set("datestyle", Some("iso, mdy"), false)
    );
    assert_eq!(control("SET ROLE NONE"), set("role", Some("none"), false));
    assert_eq!(control("SET work_mem TO DEFAULT"), set("work_mem", None, false));
    assert_eq!(
        control("SET TIME ZONE INTERVAL '1' HOUR TO MINUTE"),
        set("timezone", Some("1"), false)
    );
    assert_eq!(control("SET x.y = -1.5"), set("x.y", Some("-1.5"), false));
    assert_eq!(
        control("RESET Search_Path"),
        Control::Reset {
            name: "search_path".to_owned()
        }
    );
    assert_eq!(control("RESET ALL"), Control::ResetAll);
    assert_eq!(control("ALTER SYSTEM SET x = 1"), Control::None);
}

#[test]
fn set_config_is_told_wherever_it_stands() {
    let statement =
        one("SELECT pg_catalog.set_config('Search_Path', '', false), set_config('role', $1, true) FROM t");
    let setting = |name: &str, value: Option<&str>, local| Setting {
        name: name.to_owned(),
        value: value.map(str::to_owned),
        local,
        global: false,
    };
    assert_eq!(
        statement.settings,
        [
            setting("search_path", Some(""), false),
            setting("role", None, true)
        ]
    );
    assert!(
        statement.effects.contains(crate::Effect::RoleChange)
            && statement.stores_what_it_reads
            && statement.complete()
    );
    let named = one("SELECT set_config(is_local => false, new_value => 'x', setting_name => 'a.b'::text)");
    assert_eq!(named.settings, [setting("a.b", Some("x"), false)]);
    assert_eq!(
        one("SELECT set_config(a, b, c) FROM t").gaps,
        [crate::Gap::ComputedSetting]
    );
}

#[test]
fn prepared_statements_and_cursors_carry_what_will_run() {
    let Control::Prepare { name, statement } =
        control("PREPARE \"P q\" AS UPDATE patients SET a = 1 RETURNING ssn")
    else {
        panic!()
    };
    assert_eq!(
        (name.as_str(), statement.kind, statement.returns_rows_of_relations),
        ("P q", "update", true)
    );
    let Control::DeclareCursor {
        name,
        hold,
        binary,
        statement,
    } = control("DECLARE c BINARY CURSOR WITH HOLD FOR TABLE patients")
    else {
        panic!()
    };
    assert_eq!(
        (name.as_str(), hold, binary, super::relations(&statement).as_str()),
        ("c", true, true, "patients:r")
    );
    let Control::DeclareCursor { hold, binary, .. } = control("DECLARE c SCROLL CURSOR FOR SELECT 1") else {
        panic!()
    };
    assert!(!hold && !binary);
    assert_eq!(
        control("EXPLAIN EXECUTE p"),
        Control::Execute { name: "p".to_owned() }
    );
    assert_eq!(
        control("CREATE TABLE t AS EXECUTE p"),
        Control::Execute { name: "p".to_owned() }
    );
    assert_eq!(
        control("DEALLOCATE PREPARE ALL"),
        Control::Deallocate { name: None }
    );
    assert_eq!(
        control("CLOSE c"),
        Control::CloseCursor {
            name: Some("c".to_owned())
        }
    );
    assert_eq!(
        control("FETCH c"),
        Control::Fetch {
            name: "c".to_owned(),
            moves: false
        }
    );
    assert_eq!(
        control("MOVE c"),
        Control::Fetch {
            name: "c".to_owned(),
            moves: true
        }
    );
}

#[test]
fn transactions_are_followed() {
    assert_eq!(control("START TRANSACTION READ ONLY"), Control::Begin);
    assert_eq!(control("END AND CHAIN"), Control::Commit { chain: true });
    assert_eq!(control("ROLLBACK"), Control::Rollback { chain: false });
    assert_eq!(
        control("ROLLBACK TO SAVEPOINT a"),
        Control::RollbackTo { name: "a".to_owned() }
    );
    assert_eq!(control("ROLLBACK PREPARED 'x'"), Control::FinishPrepared);
    assert_eq!(control("PREPARE TRANSACTION 'x'"), Control::PrepareTransaction);
    assert_eq!(control("DISCARD TEMPORARY"), Control::Discard(Discard::Temporary));
}

#[test]
fn copies_are_told_in_full() {
    let copy = |text: &str| match control(text) {
        Control::Copy(copy) => copy,
        other => panic!("{other:?}"),
    };
    let csv = copy(
        "COPY s.t (a, \"B\") TO STDOUT WITH (FORMAT csv, DELIMITER ';', HEADER, FORCE_QUOTE (a, b), NULL '')",
    );
    assert_eq!(
        (csv.target, csv.from, csv.format()),
        (CopyTarget::Stdout, false, Some(CopyFormat::Csv))
    );
    assert_eq!(csv.relation, Some((Some("s".to_owned()), "t".to_owned())));
    assert_eq!(csv.columns, ["a", "B"]);
    assert_eq!(
        (
            csv.option("delimiter"),
            csv.option("force_quote"),
            csv.option("null")
        ),
        (Some(";"), Some("a,b"), Some(""))
    );
    assert!(csv.options.contains(&("header".to_owned(), None)));
    let old = copy("COPY BINARY t FROM STDIN");
    assert_eq!(
        (old.target, old.from, old.format()),
        (CopyTarget::Stdin, true, Some(CopyFormat::Binary))
    );
    assert_eq!(
        copy("COPY t FROM STDIN CSV QUOTE '''' FORCE NOT NULL a").format(),
        Some(CopyFormat::Csv)
    );
    assert_eq!(copy("COPY (SELECT 1) TO PROGRAM ''").target, CopyTarget::Program);
    assert_eq!(copy("COPY t TO 'x'").target, CopyTarget::File);
    assert_eq!(copy("COPY t TO STDOUT (FORMAT other)").format(), None);
}
