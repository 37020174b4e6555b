//! Blocks, functions, triggers, rules.

use super::{Case, check, one};
use crate::Gap;

#[rustfmt::skip]
pub(super) const CASES: &[Case] = &[
    ("DO $$ BEGIN DELETE FROM patients; END $$", "do", "write delete delete_without_where code", "patients:w", ""),
    ("DO $$ BEGIN RAISE NOTICE '%', (SELECT ssn FROM patients); END $$", "do", "read code", "patients:r", "stores"),
    ("DO LANGUAGE plpgsql 'BEGIN PERFORM pg_read_file(''x''); END'", "do", "read server_file code", "", ""),
    ("DO $$ DECLARE r record := pg_read_file('x'); BEGIN END $$", "do", "read server_file code", "", ""),
    ("DO $$ DECLARE r record = (SELECT ssn FROM patients); s patients DEFAULT my_function(); BEGIN END $$", "do", "read call code", "patients:r", "stores"),
    ("DO $$ BEGIN IF true THEN BEGIN DECLARE r record := pg_ls_dir('x'); BEGIN NULL; END; END; END IF; END $$", "do", "read server_file code", "", ""),
    ("DO $$ BEGIN EXECUTE 'DROP TABLE t'; END $$", "do", "read code", "", "gap"),
    ("DO $$ DECLARE r record; BEGIN FOR r IN EXECUTE 'x' LOOP NULL; END LOOP; END $$", "do", "read code", "", "gap"),
    ("DO $$ DECLARE c refcursor; BEGIN OPEN c FOR EXECUTE 'x'; END $$", "do", "read cursor code", "", "gap"),
    ("DO $$ DECLARE x int; BEGIN x := (SELECT id FROM patients); SELECT a INTO x FROM t; COMMIT; END $$", "do", "read code transaction", "patients:r t:r", "stores"),
    ("DO $$ DECLARE r record; BEGIN FOR r IN SELECT * FROM patients LOOP INSERT INTO t VALUES (r.ssn); END LOOP; END $$", "do", "read write insert code", "patients:r t:w", "stores"),
    ("DO $$ BEGIN CASE (SELECT 1 FROM t) WHEN 1 THEN DROP TABLE a; ELSE TRUNCATE b; END CASE; EXCEPTION WHEN others THEN DELETE FROM c WHERE x = 1; END $$", "do", "read write delete truncate drop code", "t:r a:d b:w c:w", "stores"),
    ("DO $$ BEGIN WHILE (SELECT true FROM t) LOOP EXIT WHEN (SELECT 1 FROM u) = 1; END LOOP; ASSERT (SELECT true FROM v); CALL p(); END $$", "do", "read call code", "t:r u:r v:r", "stores"),
    ("DO $$ DECLARE c CURSOR (k int) FOR SELECT ssn FROM patients WHERE id = k; BEGIN OPEN c(5); END $$", "do", "read cursor code", "patients:r", "stores"),
    ("DO $$ BEGIN SET search_path = x; DO 'BEGIN DROP TABLE t; END'; END $$", "do", "drop settings code", "t:d", ""),
    ("DO LANGUAGE plpython3u 'x'", "do", "code", "", "gap"),
    ("DO $$ not plpgsql $$", "do", "code", "", "gap"),
    ("CREATE FUNCTION f(a int) RETURNS text LANGUAGE sql AS 'SELECT ssn FROM patients WHERE id = a'", "create", "read create code", "patients:r", "stores"),
    ("CREATE FUNCTION f() RETURNS void LANGUAGE sql AS $$ DELETE FROM patients; SELECT 1 $$", "create", "read write delete delete_without_where create code", "patients:w", ""),
    ("CREATE FUNCTION f() RETURNS text RETURN (SELECT ssn FROM patients)", "create", "read create code", "patients:r", "stores"),
    ("CREATE PROCEDURE p() BEGIN ATOMIC INSERT INTO t SELECT ssn FROM patients; DELETE FROM u WHERE id = 1; END", "create", "read write insert delete create code", "patients:r t:w u:w", "stores"),
    ("CREATE FUNCTION f(a int DEFAULT (SELECT 1 FROM patients)) RETURNS int LANGUAGE sql AS 'SELECT 1'", "create", "read create code", "patients:r", "stores"),
    ("CREATE FUNCTION f(a int, OUT b text) LANGUAGE plpgsql AS $$ BEGIN b := (SELECT ssn FROM patients WHERE id = a); END $$", "create", "read create code", "patients:r", "stores"),
    ("CREATE FUNCTION f() RETURNS SETOF patients LANGUAGE plpgsql AS $$ BEGIN RETURN QUERY SELECT * FROM patients; END $$", "create", "read create code", "patients:r", "stores"),
    ("CREATE FUNCTION f() RETURNS TABLE (a int) LANGUAGE plpgsql AS $$ BEGIN RETURN QUERY EXECUTE 'x'; END $$", "create", "read create code", "", "gap"),
    ("CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF TG_OP = 'INSERT' THEN NEW.a := OLD.b; INSERT INTO log SELECT NEW.*; END IF; RETURN NEW; END $$", "create", "read write insert create code", "log:w", ""),
    ("CREATE FUNCTION f() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RAISE '%', TG_TAG; END $$", "create", "read create code", "", ""),
    ("CREATE FUNCTION f() RETURNS int LANGUAGE c AS 'lib', 'symbol'", "create", "create program code", "", "gap"),
    ("CREATE FUNCTION f(text) RETURNS text LANGUAGE internal AS 'pg_read_file'", "create", "create code", "", "gap"),
    ("CREATE FUNCTION f() RETURNS int LANGUAGE plperlu AS 'x'", "create", "create code", "", "gap"),
    ("CREATE FUNCTION f() RETURNS int LANGUAGE \"PLPGSQL\" AS 'BEGIN END'", "create", "create code", "", "gap"),
    ("CREATE FUNCTION f() RETURNS int LANGUAGE sql SET standard_conforming_strings = off AS 'SELECT 1'", "create", "read create settings code", "", "gap"),
    ("CREATE FUNCTION f() RETURNS int LANGUAGE sql SET search_path = x AS 'SELECT 1'", "create", "read create settings code", "", ""),
    ("CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'this is no sql'", "create", "create code", "", "gap"),
    ("CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'CREATE FUNCTION g() RETURNS int LANGUAGE plpgsql AS ''BEGIN END'''", "create", "create code", "", "gap"),
    ("ALTER FUNCTION f(int) SECURITY DEFINER SET role = x", "alter", "alter role_change settings code", "", ""),
    ("CREATE TRIGGER t AFTER INSERT ON patients FOR EACH ROW WHEN (NEW.a = lower('x')) EXECUTE FUNCTION my_trigger()", "create", "read create call code", "patients:d patients:r", "stores"),
    ("CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION my_trigger()", "create", "create call code", "", ""),
    ("CREATE RULE r AS ON UPDATE TO patients DO ALSO INSERT INTO log VALUES (OLD.ssn)", "create", "read write insert create code", "patients:d patients:r log:w", "stores"),
    ("CREATE RULE r AS ON SELECT TO t DO INSTEAD SELECT ssn FROM patients", "create", "read create code", "t:d t:r patients:r", "stores"),
    ("CREATE RULE r AS ON DELETE TO t DO INSTEAD NOTHING", "create", "create code", "t:d", ""),
    ("CREATE LANGUAGE l HANDLER h", "create", "create call code", "", ""),
];

#[test]
fn routines() {
    check(CASES);
}

#[test]
fn a_gap_says_what_is_missing() {
    assert_eq!(
        one("DO LANGUAGE plperl 'x'").gaps,
        [Gap::Language("plperl".to_owned())]
    );
    assert_eq!(one("DO $$ BEGIN EXECUTE 'x'; END $$").gaps, [Gap::Dynamic]);
    let Gap::Body(message) = &one("DO $$ BEGIN x := 1; END $$").gaps[0] else {
        panic!()
    };
    assert!(message.contains("not a known variable"), "{message}");
}

/// Bodies in bodies end somewhere.
#[test]
fn nesting_is_bounded() {
    let mut text = "DROP TABLE t".to_owned();
    for level in 0..20 {
        text = format!("DO $b{level}$ BEGIN {text}; END $b{level}$");
    }
    let statement = one(&text);
    assert_eq!(statement.gaps, [Gap::TooDeep]);
}
