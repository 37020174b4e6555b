//! What the analysis does not cover, and says so.

use super::{ANALYZER, analyse, one, settings};
use crate::mysql::{Charset, Flavour, MysqlSettings, SqlMode};
use crate::{Analysis, Effect, Gap};

fn with(text: &[u8], change: impl Fn(&mut MysqlSettings)) -> std::sync::Arc<Analysis> {
    let mut settings = settings(Flavour::Mysql);
    change(&mut settings);
    ANALYZER.mysql(text, &settings)
}

#[test]
fn what_can_not_be_read_is_a_gap_with_the_effects_of_its_words() {
    for text in [
        "SELECT 'a",
        "SELECT `a",
        "SELECT 1 /* x",
        "SELECT 1 /*!50000 + 1",
        "SELECT 1 +",
        "SELECT FROM",
        "SELECT 1 FROM t WHERE (a = 1",
        "SELEKT 1",
        "SELECT @ FROM t",
        "SELECT 1 PROCEDURE ANALYSE()",
        "CREATE PACKAGE x AS END",
    ] {
        assert!(!analyse(text).complete(), "{text}");
    }
    let broken = one("DELETE FROM patients WHERE ((");
    assert_eq!(broken.kind, "delete");
    assert!(broken.effects.contains(Effect::Delete) && broken.references.wide);
    let hidden = one("SELEKT 1; DROP TABLE patients; '");
    assert!(hidden.effects.contains(Effect::Drop));
}

#[test]
fn bytes_that_may_hide_quotes_are_a_gap() {
    let latin = |text: &[u8]| with(text, |settings| settings.charset = Charset::Superset);
    assert!(
        with(b"SELECT _binary'\xff\xfe'", |_| ()).complete(),
        "any bytes in a string"
    );
    assert!(!with(b"SELECT `\xe2`, 1", |_| ()).complete());
    assert!(!with(b"SELECT 1 \0 + 1", |_| ()).complete());
    assert!(latin(b"SELECT '\xe9'").complete());
    assert!(!latin(b"SELECT \xe9").complete());
    let sjis = |text: &[u8]| with(text, |settings| settings.charset = Charset::Unsafe);
    assert!(sjis(b"SELECT 'a' FROM t").complete());
    assert!(!sjis(b"SELECT '\x95\x5c' FROM t").complete());
    assert!(!sjis(b"SELECT '\\' FROM t").complete());
    assert!(!with(b"SELECT 1", |settings| settings.mode.oracle = true).complete());
}

#[test]
fn depth_is_limited_and_breadth_is_not() {
    let nested = |open: &str, close: &str, count: usize| {
        format!("SELECT {}1{}", open.repeat(count), close.repeat(count))
    };
    for (open, close) in [
        ("(", ")"),
        ("(SELECT ", ")"),
        ("NOT ", ""),
        ("- ", ""),
        ("lower(", ")"),
        ("CASE WHEN 1 THEN ", " END"),
        ("1 IN (", ")"),
        ("INTERVAL (", ") DAY"),
        ("1 BETWEEN 1 AND ", ""),
    ] {
        let deep = analyse(&nested(open, close, 20_000));
        assert_eq!(deep.gaps, [Gap::TooDeep], "{open}");
        assert!(
            analyse(&nested(open, close, 10)).complete(),
            "{open} {:?}",
            analyse(&nested(open, close, 10)).gaps
        );
    }
    let wide = format!("SELECT 1{}", " + 1 OR 2".repeat(20_000));
    assert!(analyse(&wide).complete());
    let wide = format!("SELECT 1{}", " UNION SELECT 1".repeat(20_000));
    assert!(analyse(&wide).complete());
    let tables = format!("SELECT 1 FROM {}", "(".repeat(20_000));
    assert!(!analyse(&tables).complete());
    let tables = format!("SELECT 1 FROM t{}", " JOIN t".repeat(20_000));
    assert!(analyse(&tables).complete());
}

#[test]
fn statements_are_told_apart_as_the_server_does() {
    let several = analyse(" SELECT 1 ; /* x */ DELETE FROM t;; ");
    let kinds: Vec<_> = several.statements.iter().map(|one| one.kind).collect();
    assert_eq!(kinds, ["select", "delete"]);
    let body = analyse("CREATE PROCEDURE p() BEGIN SELECT 1; SELECT 2; END; SELECT 3");
    assert_eq!(body.statements.len(), 2);
    let half = analyse("DELETE FROM t; SELECT 'x");
    assert!(half.statements[0].complete() && !half.statements[1].complete());
    assert!(analyse("").statements.is_empty() && analyse(" -- x\n/* y */ ;").statements.is_empty());
    let refused = with(b"SELECT 1; SELECT 2", |settings| {
        settings.multi_statements = false;
    });
    assert_eq!((refused.statements.len(), refused.complete()), (1, false));
    assert!(with(b"SELECT 1;", |settings| settings.multi_statements = false).complete());
}

#[test]
fn a_statement_that_changes_how_the_rest_is_read_ends_what_is_known() {
    for text in [
        "SET sql_mode = 'ANSI_QUOTES'; SELECT \"ssn\" FROM patients",
        "SET NAMES gbk; SELECT '\\'",
        "EXECUTE s; SELECT \"a\"",
        "SET STATEMENT sql_mode = 'ANSI_QUOTES' FOR EXECUTE IMMEDIATE 'SET sql_mode = ANSI'; SELECT \"a\"",
    ] {
        assert!(!analyse(text).complete(), "{text}");
    }
    for text in [
        "SET sql_mode = 'ANSI_QUOTES'; SELECT ssn FROM patients",
        "SET NAMES utf8mb4; SELECT \"x\"",
        "SET sql_mode = 'STRICT_TRANS_TABLES'; SELECT \"a\"",
        "SELECT 1; SET sql_mode = 'ANSI_QUOTES'",
    ] {
        assert!(analyse(text).complete(), "{text} {:?}", analyse(text).gaps);
    }
}

#[test]
fn modes_change_what_a_text_means() {
    let named = |text: &[u8], mode: &str| {
        let mode = SqlMode::parse(mode);
        with(text, |settings| settings.mode = mode)
    };
    let quoted = b"SELECT \"ssn\" FROM t";
    assert!(
        named(quoted, "ANSI_QUOTES").statements[0]
            .references
            .may_mean("ssn")
    );
    assert!(!named(quoted, "").statements[0].references.may_mean("ssn"));
    let slash = br"SELECT 'a\', ssn FROM t -- '";
    assert!(
        named(slash, "NO_BACKSLASH_ESCAPES").statements[0]
            .references
            .may_mean("ssn")
    );
    assert!(named(slash, "").statements[0].relations.is_empty());
    let spaced = b"SELECT now () FROM t";
    assert!(!named(spaced, "IGNORE_SPACE").effects().contains(Effect::Call));
    assert!(named(spaced, "").effects().contains(Effect::Call));
    let pipes = b"DELETE FROM t WHERE id = 1 || 1";
    assert!(named(pipes, "").effects().contains(Effect::DeleteWithoutWhere));
    assert!(
        !named(pipes, "PIPES_AS_CONCAT")
            .effects()
            .contains(Effect::DeleteWithoutWhere)
    );
}
