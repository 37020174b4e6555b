//! How texts are read: the dialect with the settings that change what a text means.

use std::sync::Arc;

use interdict_sql::lineage::{Lineage, Schema};
use interdict_sql::mysql::MysqlSettings;
use interdict_sql::{Analysis, Analyzer, PostgresSettings};

/// A dialect and its settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reading {
    /// PostgreSQL's.
    Postgres(PostgresSettings),
    /// MySQL's or MariaDB's.
    Mysql(MysqlSettings),
}

impl Default for Reading {
    fn default() -> Self {
        Self::Postgres(PostgresSettings::default())
    }
}

impl Reading {
    /// What a text does.
    pub(crate) fn analyse(&self, analyzer: &Analyzer, text: &[u8]) -> Arc<Analysis> {
        match self {
            Self::Postgres(settings) => analyzer.postgres(text, settings),
            Self::Mysql(settings) => analyzer.mysql(text, settings),
        }
    }

    /// Where protected columns go in each statement of a text.
    pub(crate) fn trace(&self, analyzer: &Analyzer, text: &[u8], schema: &dyn Schema) -> Vec<Lineage> {
        match self {
            Self::Postgres(settings) => analyzer.trace_postgres(text, settings, schema),
            Self::Mysql(settings) => analyzer.trace_mysql(text, settings, schema),
        }
    }
}
