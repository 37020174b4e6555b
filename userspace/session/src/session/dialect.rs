//! What differs between servers where everything else is the same.

use interdict_sql::mysql::{Charset, Flavour, SqlMode};
use interdict_sql::{Gap, Relation, Statement, is_shipped};

use super::Protocol;

/// The server's language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// PostgreSQL's.
    Postgres,
    /// MySQL's or MariaDB's.
    Mysql(Flavour),
}

impl Dialect {
    /// What such servers speak.
    pub(super) const fn protocol(self) -> Protocol {
        match self {
            Self::Postgres => Protocol::Postgres,
            Self::Mysql(_) => Protocol::Mysql,
        }
    }

    /// Whether all that a statement does is known.
    pub(crate) fn certain(self, statement: &Statement) -> bool {
        match self {
            Self::Postgres => statement.complete(),
            // What a setting became is asked for before the next text is read.
            Self::Mysql(_) => statement
                .gaps
                .iter()
                .all(|gap| matches!(gap, Gap::ComputedSetting)),
        }
    }

    /// Whether a relation is one that the server brings: such are not in the catalogue that is read.
    pub(crate) fn is_system(self, relation: &Relation) -> bool {
        match self {
            Self::Postgres => match relation.schema.as_deref() {
                Some(schema) => matches!(schema, "pg_catalog" | "information_schema" | "pg_toast"),
                None => relation.name.starts_with("pg_"),
            },
            Self::Mysql(_) => interdict_sql::mysql::is_system(relation.schema.as_deref()),
        }
    }

    /// Whether a function, as written, is one that the server ships.
    pub(crate) fn ships(self, function: &str) -> bool {
        match self {
            Self::Postgres => is_shipped(function),
            Self::Mysql(flavour) => interdict_sql::mysql::is_shipped(function, flavour),
        }
    }

    /// Whether a relation holds samples of columns in forms that no mask fits.
    pub(crate) fn is_statistics(self, relation: &Relation) -> bool {
        match self {
            Self::Postgres => {
                matches!(relation.name.as_str(), "pg_statistic" | "pg_statistic_ext_data")
            }
            // Histograms and locked keys are JSON and text of several values at once.
            Self::Mysql(_) => {
                let name = relation.name.to_ascii_lowercase();
                self.is_system(relation)
                    && matches!(
                        name.as_str(),
                        "column_stats" | "column_statistics" | "data_locks" | "innodb_locks"
                    )
            }
        }
    }

    /// What to look at instead of statistics.
    pub(crate) const fn instead_of_statistics(self) -> &'static str {
        match self {
            Self::Postgres => "sizes and row counts are in pg_class and pg_stat_user_tables",
            Self::Mysql(_) => "sizes and row counts are in information_schema.TABLES",
        }
    }

    /// Whether a setting would make later statements mean something else than the policy reads.
    pub(crate) fn misleads(self, name: &str, value: &str) -> bool {
        match self {
            Self::Postgres => match name.to_ascii_lowercase().as_str() {
                "standard_conforming_strings" => matches!(
                    value.to_ascii_lowercase().as_str(),
                    "off" | "false" | "no" | "0" | "f" | "n"
                ),
                "client_encoding" | "names" => UNSAFE_ENCODINGS
                    .iter()
                    .any(|encoding| value.eq_ignore_ascii_case(encoding)),
                _ => false,
            },
            Self::Mysql(_) => match name.to_ascii_lowercase().as_str() {
                "sql_mode" => SqlMode::parse(value).oracle,
                "names" | "character_set_client" | "charset" | "character set" => {
                    Charset::named(value) == Charset::Unsafe
                }
                _ => false,
            },
        }
    }
}

/// Encodings in which a byte of ASCII may be part of another character, so that quotes can't be trusted.
const UNSAFE_ENCODINGS: [&str; 7] = ["SJIS", "BIG5", "GBK", "UHC", "GB18030", "JOHAB", "SHIFT_JIS_2004"];
