//! What people see who use the `mariadb` command line.

use crate::server::client;
use crate::stage::Stage;
use crate::support::text;

#[test]
fn masked_columns_are_masked_and_everything_else_is_as_it_is() {
    let stage = Stage::start();
    assert_eq!(
        stage.ask("select id, name, ssn, mrn, email, phone, dob, notes, weight from patients order by id"),
        "1\tAda Example\t*****6789\t[redacted]\t[redacted]\tNULL\t0001-01-01\trecovering well\t0\n\
         2\tBo Sample\t*****9999\t[redacted]\t[redacted]\tNULL\t0001-01-01\tcall back\t0\n\
         3\tCy Null\tNULL\tNULL\tNULL\tNULL\tNULL\tNULL\tNULL\n"
    );
    let one = "1\tAda Example\t*****6789\t[redacted]\t[redacted]\tNULL\t0001-01-01\trecovering well\t0\n";
    let asked = [
        ("select * from patients where id = 1", one),
        (
            "select x.harmless from (select ssn as harmless from patients where id = 1) x",
            "*****6789\n",
        ),
        // The server's own metadata calls this column `name`.
        (
            "select name from (select ssn as name from patients where id = 1) x",
            "*****6789\n",
        ),
        ("select ssn from patient_cards where id = 2", "*****9999\n"),
        (
            "select v.id, p.ssn from visits v join patients p on p.id = v.patient where v.id = 3",
            "3\t*****6789\n",
        ),
        (
            "with w as (select mrn m from patients where id = 1) select m from w",
            "[redacted]\n",
        ),
        (
            "select `ssn` from `clinic`.`patients` where id = 1",
            "*****6789\n",
        ),
        ("select /*!50000 ssn */ from patients where id = 1", "*****6789\n"),
        (
            "select /*!99999 name, */ ssn from patients where id = 1",
            "*****6789\n",
        ),
        (
            "select name from patients where ssn = '123-45-6789'",
            "Ada Example\n",
        ),
        ("select upper(ssn) from patients where id = 1", "*****6789\n"),
        ("select max(mrn) from patients", "[redacted]\n"),
        ("select group_concat(mrn) from patients", "[redacted]\n"),
        (
            "select mrn from patients where id = 1 union select mrn from patients where id = 3",
            "[redacted]\nNULL\n",
        ),
        (
            "select id, name from patient_names where id = 1",
            "1\tAda Example\n",
        ),
        ("select 'ssn', id from patients where id = 1", "ssn\t1\n"),
        ("select count(*) from patients", "3\n"),
    ];
    let wrong: Vec<String> = asked
        .iter()
        .filter_map(|(sql, expected)| {
            let output = stage.client().args(["-e", sql]).output().unwrap();
            let shown = text(&output.stdout);
            (shown != *expected).then(|| format!("{sql}: {shown}{}", text(&output.stderr)))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for sql in [
        "select * from visits where id < 500",
        "show databases",
        "show tables",
        "show create table visits",
        "describe patients",
        "select table_name, column_name, data_type from information_schema.columns where table_schema = 'clinic' order by 1, 2",
        "explain select * from visits",
        "select version(), @@version_comment, database(), @@sql_mode",
        "select 1 union all select 2; select 'b'",
    ] {
        let past = client(stage.server.port, "agent")
            .args(["-e", sql])
            .output()
            .unwrap();
        assert_eq!(stage.ask(sql), text(&past.stdout), "{sql}");
    }
}

#[test]
fn what_cannot_be_traced_is_refused_and_the_session_lives_on() {
    let stage = Stage::start();
    let refused = [
        "select name from patients where ssn like '123%'",
        "select name from patients where ssn > '2'",
        "select name from patients order by ssn",
        "select count(*) from patients group by ssn having ssn > '2'",
        "create table cheat as select ssn from patients",
        "insert into visits select id, 1, now(), ssn from patients",
        "update visits set specimen = (select ssn from patients where id = 1) where id = 1",
        "select ssn into @carried from patients where id = 1",
        "select @carried := ssn from patients where id = 1",
        "set @carried = (select ssn from patients where id = 1)",
        "select ssn from patients into outfile '/tmp/interdict-test-never'",
        "handler patients open",
        "set @s = concat('select upper(ss', 'n) from patients'); prepare p from @s; execute p",
        "select this is not sql",
    ];
    let wrong: Vec<String> = refused
        .iter()
        .filter_map(|sql| {
            let output = stage.client().args(["-e", sql]).output().unwrap();
            let error = text(&output.stderr);
            let meant = !output.status.success() && error.contains("interdict:") && error.contains("hint:");
            (!meant).then(|| format!("{sql}: {}{error}", text(&output.stdout)))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let (shown, error) = stage.script("select name from patients order by ssn;\nselect 'alive';\n");
    assert_eq!(shown, "alive\n");
    assert!(
        error.contains("ERROR 1227 (42000) at line 1: interdict:"),
        "{error}"
    );
    assert_eq!(
        stage
            .server
            .sql("select count(*) from information_schema.tables where table_name = 'cheat'"),
        "0\n"
    );
    assert_eq!(
        stage
            .server
            .sql("select count(*) from clinic.visits where specimen like '%-%'"),
        "0\n"
    );
}

#[test]
fn a_destructive_statement_is_refused_in_the_protocols_form_and_never_reaches_the_server() {
    let stage = Stage::start();
    let (shown, error) =
        stage.script("begin;\nselect 1;\ndrop table visits;\nselect 'still here';\ncommit;\n");
    assert_eq!(shown, "1\nstill here\n");
    assert!(
        error.contains("ERROR 1227 (42000) at line 3: interdict: destructive statements are refused on clinical data (rule no-destructive)"),
        "{error}"
    );
    for evasion in [
        "DR/**/OP TABLE visits",
        "dRoP\n TABLE\tvisits",
        "/*!50000 drop */ table visits",
        "/*M!100000 drop table visits */",
        "/*! truncate visits */",
        "delete from visits /*!99999 where id = 5 */",
        "delete from visits where true",
        "delete v from visits v",
        "delimiter //\nselect 1; drop table visits //",
        "prepare p from 'drop table visits'; execute p",
        "execute immediate 'drop table visits'",
        "execute immediate concat('dr', 'op table visits')",
        "begin not atomic drop table visits; end",
    ] {
        let _ = stage.client().args(["-e", evasion]).output().unwrap();
        assert_eq!(
            stage.server.sql("select count(*) from clinic.visits"),
            "2000\n",
            "{evasion}"
        );
    }
    assert!(
        !stage.server.log().to_lowercase().contains("drop table visits"),
        "{}",
        stage.server.log()
    );
}

#[test]
fn a_mode_of_the_session_changes_how_its_texts_are_read() {
    let stage = Stage::start();
    let (shown, error) = stage.script(
        "select \"ssn\" from patients where id = 1;
         set sql_mode = 'ANSI_QUOTES';
         select \"ssn\" from patients where id = 1;
         set session sql_mode = concat(@@sql_mode, ',PIPES_AS_CONCAT');
         select 'a' || 'b';
         set sql_mode = '';
         select \"ssn\" from patients where id = 1;
         select 'a' || 'b';
         set @@sql_mode = 'NO_BACKSLASH_ESCAPES';
         select 'back\\', id from patients where id = 1;\n",
    );
    assert_eq!(error, "");
    assert_eq!(shown, "ssn\n*****6789\nab\nssn\n0\nback\\\\\t1\n");
    // What is one literal under one mode is a second statement under the other.
    let text = "select 'a\\'; drop table visits; -- '";
    let mut wire = stage.wire();
    assert_eq!(wire.query(text).shown(), "a'; drop table visits; -- ");
    assert_eq!(
        wire.query("set sql_mode = 'NO_BACKSLASH_ESCAPES'"),
        crate::wire::Answer::Ok { affected: 0 }
    );
    assert!(wire.query(text).error().1.contains("no-destructive"));
    assert_eq!(stage.server.sql("select count(*) from clinic.visits"), "2000\n");
}

#[test]
fn a_result_that_grows_too_large_is_ended_by_its_rule() {
    let stage = Stage::start();
    let error = stage.refused("select * from visits");
    assert!(
        error.contains("more than 1000 rows at once are refused"),
        "{error}"
    );
    assert_eq!(stage.ask("select count(*) from visits"), "2000\n");
}

#[test]
fn errors_near_masked_columns_quote_no_values() {
    let stage = Stage::start();
    for (sql, code) in [
        (
            "insert into patients (id, mrn) values (9, 'MRN0000001')",
            "ERROR 1062 (23000)",
        ),
        (
            "update patients set mrn = 'MRN0000002' where id = 1",
            "ERROR 1062 (23000)",
        ),
        (
            "insert into patients (id, weight) select 10, 'x'",
            "ERROR 1366 (22007)",
        ),
    ] {
        let error = stage.refused(sql);
        assert!(error.contains(code), "{sql}: {error}");
        // The client shows the statement too, which is its own.
        let said = error.lines().find(|line| line.starts_with("ERROR")).unwrap();
        assert!(
            said.contains("withheld") && !said.contains("MRN000"),
            "{sql}: {error}"
        );
    }
    for sql in [
        "select extractvalue(1, concat(0x7e, (select ssn from patients where id = 1)))",
        "select updatexml(1, concat(0x7e, (select ssn from patients where id = 1)), 1)",
        "select name from patients where cast(ssn as int) = 1 or 0 in (select exp(710 + ssn) from patients)",
    ] {
        let error = stage.refused(sql);
        assert!(!error.contains("123-45"), "{sql}: {error}");
    }
    let (shown, error) = stage.script("insert into patients (id, mrn) values (9, 'MRN0000001');\nshow warnings;\nshow errors;\nget diagnostics condition 1 @m = message_text;\nselect @m;\n");
    let error: String = error.lines().filter(|line| line.starts_with("ERROR")).collect();
    assert!(!format!("{shown}{error}").contains("MRN000"), "{shown}{error}");
    // Elsewhere the server's own words pass.
    let error = stage.refused("select nosuch from visits");
    assert!(
        error.contains("Unknown column 'nosuch' in 'SELECT'")
            || error.contains("Unknown column 'nosuch' in 'field list'"),
        "{error}"
    );
    let error = stage.refused("insert into visits (id) values (1)");
    assert!(error.contains("Duplicate entry '1' for key"), "{error}");
}

#[test]
fn several_statements_of_a_text_are_judged_and_masked_each() {
    let stage = Stage::start();
    let mut wire = stage.wire();
    let answers = wire.queries(
        "select id from patients where id = 1; select ssn from patients where id = 2; set @a = 1; select @a",
    );
    assert_eq!(answers.len(), 4);
    assert_eq!(answers[0].shown(), "1");
    assert_eq!(answers[1].shown(), "*****9999");
    assert_eq!(answers[3].shown(), "1");
    // One that is refused keeps all of the text from running.
    let answers = wire.queries("update visits set specimen = 'touched' where id = 1; drop table visits");
    assert_eq!(answers.len(), 1);
    assert!(answers[0].error().1.contains("no-destructive"));
    assert_eq!(
        stage
            .server
            .sql("select count(*) from clinic.visits where specimen = 'touched'"),
        "0\n"
    );
    // The server ends a text at its first error.
    let answers = wire.queries("select 1; select nosuch from visits; select 2");
    assert_eq!(answers.len(), 2);
    assert_eq!(answers[1].error().0, 1054);
    assert_eq!(wire.query("select 'on'").shown(), "on");
}
