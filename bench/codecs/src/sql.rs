//! The analysis of statements.

use anyhow::{Result, ensure};
use interdict_sql::{Analyzer, PostgresSettings};

const STATEMENT: &str = "SELECT abalance FROM pgbench_accounts WHERE aid = 5";

/// The same statement again and again: all but the first come from the cache.
pub(crate) fn cached(count: usize) -> Result<()> {
    analyse(&Analyzer::new(1 << 20), count)
}

/// With a cache too small to keep anything.
pub(crate) fn uncached(count: usize) -> Result<()> {
    analyse(&Analyzer::new(0), count)
}

fn analyse(analyzer: &Analyzer, count: usize) -> Result<()> {
    let settings = PostgresSettings::default();
    let mut statements = 0;
    for _ in 0..count {
        statements += analyzer
            .postgres(STATEMENT.as_bytes(), &settings)
            .statements
            .len();
    }
    ensure!(
        statements == count,
        "{count} statements were taken for {statements}"
    );
    Ok(())
}
