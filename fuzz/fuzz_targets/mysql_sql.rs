#![no_main]

use std::borrow::Cow;

use interdict_sql::Analyzer;
use interdict_sql::lineage::{ColumnId, Flow, Routines, Schema, SchemaColumn, Untraced};
use interdict_sql::mysql::{Charset, Flavour, MysqlSettings, SqlMode, canonical, literals};
use libfuzzer_sys::fuzz_target;

const SSN: ColumnId = ColumnId {
    relation: 1,
    attribute: 2,
};

/// Every table is one of patients, whose number is protected.
struct Clinic;

impl Schema for Clinic {
    fn relations(&self, _: Option<&str>, _: &str) -> Result<Vec<Cow<'_, [SchemaColumn]>>, Untraced> {
        let column = |name: &str, flow: Flow| SchemaColumn {
            name: name.to_owned(),
            flow,
        };
        let columns = vec![column("id", Flow::CLEAN), column("ssn", Flow::of(SSN))];
        Ok(vec![Cow::Owned(columns)])
    }

    fn routines(&self, _: Option<&str>, _: &str) -> Option<Routines> {
        None
    }

    fn operators(&self, _: &str) -> Option<Routines> {
        None
    }

    fn shows_length(&self, _: ColumnId) -> bool {
        false
    }
}

// Three bytes of choices, then a text.
fuzz_target!(|data: &[u8]| {
    let [flavour, mode, choice, text @ ..] = data else {
        return;
    };
    let (flavour, version) = match flavour % 4 {
        0 => (Flavour::Mariadb, 101_106),
        1 => (Flavour::Mariadb, 120_300),
        2 => (Flavour::Mysql, 80_036),
        _ => (Flavour::Mysql, 90_700),
    };
    let bit = |at: u8| mode & 1 << at != 0;
    let settings = MysqlSettings {
        flavour,
        version,
        mode: SqlMode {
            ansi_quotes: bit(0),
            no_backslash_escapes: bit(1),
            pipes_as_concat: bit(2),
            ignore_space: bit(3),
            high_not_precedence: bit(4),
            oracle: bit(5),
        },
        charset: if bit(6) { Charset::Unsafe } else { Charset::Utf8 },
        multi_statements: choice & 1 != 0,
        parameters: choice & 2 != 0,
        lower_case_tables: choice & 4 != 0,
    };
    // A cache of its own: an answer must not come from an earlier run.
    let analyzer = Analyzer::new(1);
    let analysis = analyzer.mysql(text, &settings);
    for statement in &analysis.statements {
        assert!(statement.range.end <= text.len());
    }
    let _ = analyzer.trace_mysql(text, &settings, &Clinic);
    let _ = literals(text, &settings);
    let _ = canonical(text, &settings);
});
