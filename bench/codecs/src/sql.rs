//! The analysis of statements.

use std::fmt::Write as _;
use std::sync::Arc;

use anyhow::{Result, ensure};
use interdict_sql::{Analysis, Analyzer, MysqlSettings, PostgresSettings};

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

/// With a cache too small to keep anything.
pub(crate) fn uncached(count: usize) -> Result<()> {
    analyse(&Analyzer::new(0), STATEMENT, count)
}

/// MySQL's, likewise.
pub(crate) fn mysql(count: usize) -> Result<()> {
    let (analyzer, settings) = (Analyzer::new(0), MysqlSettings::default());
    repeat(count, || analyzer.mysql(STATEMENT.as_bytes(), &settings))
}

fn analyse(analyzer: &Analyzer, text: &str, count: usize) -> Result<()> {
    let settings = PostgresSettings::default();
    repeat(count, || analyzer.postgres(text.as_bytes(), &settings))
}

fn repeat(count: usize, analysis: impl Fn() -> Arc<Analysis>) -> Result<()> {
    let mut statements = 0;
    for _ in 0..count {
        statements += analysis().statements.len();
    }
    ensure!(
        statements == count,
        "{count} statements were taken for {statements}"
    );
    Ok(())
}
