//! The analysis of statements.

use std::fmt::Write as _;

use anyhow::{Result, ensure};
use interdict_sql::{Analyzer, MysqlSettings, PostgresSettings};

const STATEMENT: &str = "SELECT abalance FROM pgbench_accounts WHERE aid = 5";
const PREPARED: &str = "SELECT abalance FROM pgbench_accounts WHERE aid = $1";

/// The same statement again and again: all but the first come from the cache.
pub(crate) fn cached(count: usize) -> Result<()> {
    analyse(&Analyzer::new(1 << 20), PREPARED, count)
}

/// Each time with another constant.
pub(crate) fn constants(count: usize) -> Result<()> {
    let (analyzer, settings) = (Analyzer::new(1 << 20), PostgresSettings::default());
    let mut text = "SELECT abalance FROM pgbench_accounts WHERE aid = 100000".to_owned();
    let digits = text.len() - 6;
    for number in 0..count {
        text.replace_range(digits.., "");
        write!(text, "{:06}", number % 1_000_000)?;
        let analysis = analyzer.postgres(text.as_bytes(), &settings);
        ensure!(analysis.statements.len() == 1, "{text}");
    }
    ensure!(
        analyzer.cached() == 1,
        "{} analyses for one shape",
        analyzer.cached()
    );
    Ok(())
}

/// MySQL's parser, with a cache too small to keep anything.
pub(crate) fn mysql(count: usize) -> Result<()> {
    let (analyzer, settings) = (Analyzer::new(0), MysqlSettings::default());
    for _ in 0..count {
        let analysis = analyzer.mysql(STATEMENT.as_bytes(), &settings);
        ensure!(analysis.statements.len() == 1, "not one statement");
    }
    Ok(())
}

/// With a cache too small to keep anything.
pub(crate) fn uncached(count: usize) -> Result<()> {
    analyse(&Analyzer::new(0), STATEMENT, count)
}

fn analyse(analyzer: &Analyzer, text: &str, count: usize) -> Result<()> {
    let settings = PostgresSettings::default();
    let mut statements = 0;
    for _ in 0..count {
        statements += analyzer.postgres(text.as_bytes(), &settings).statements.len();
    }
    ensure!(
        statements == count,
        "{count} statements were taken for {statements}"
    );
    Ok(())
}
