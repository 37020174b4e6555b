//! Columns of the servers' own relations that hold other sessions' statements, or samples of columns.

use std::sync::Arc;

use interdict_masking::Mask;
use interdict_policy::Effective;

use super::{FIRST_USER_OID, MaskMap, MaskedColumn};
use crate::reading::Reading;

/// PostgreSQL's, and those of an extension that comes with it.
const POSTGRES: [(&str, &[&str]); 7] = [
    ("pg_stat_activity", &["query"]),
    ("pg_stat_statements", &["query"]),
    ("pg_prepared_statements", &["statement"]),
    ("pg_cursors", &["statement"]),
    (
        "pg_stats",
        &[
            "most_common_vals",
            "histogram_bounds",
            "most_common_elems",
            "range_bounds_histogram",
        ],
    ),
    ("pg_stats_ext", &["most_common_vals", "exprs"]),
    (
        "pg_stats_ext_exprs",
        &[
            "most_common_vals",
            "histogram_bounds",
            "most_common_elems",
            "range_bounds_histogram",
        ],
    ),
];

/// MySQL's and MariaDB's: schema, relation, columns.
pub(super) const MYSQL: [(&str, &str, &[&str]); 20] = [
    ("information_schema", "processlist", &["info", "info_binary"]),
    ("performance_schema", "processlist", &["info"]),
    ("performance_schema", "threads", &["processlist_info"]),
    (
        "performance_schema",
        "events_statements_current",
        &["sql_text", "message_text"],
    ),
    (
        "performance_schema",
        "events_statements_history",
        &["sql_text", "message_text"],
    ),
    (
        "performance_schema",
        "events_statements_history_long",
        &["sql_text", "message_text"],
    ),
    (
        "performance_schema",
        "events_statements_summary_by_digest",
        &["query_sample_text"],
    ),
    (
        "performance_schema",
        "prepared_statements_instances",
        &["sql_text"],
    ),
    (
        "performance_schema",
        "user_variables_by_thread",
        &["variable_value"],
    ),
    ("performance_schema", "data_locks", &["lock_data"]),
    ("information_schema", "innodb_locks", &["lock_data"]),
    ("information_schema", "innodb_trx", &["trx_query"]),
    ("information_schema", "column_statistics", &["histogram"]),
    ("information_schema", "user_variables", &["variable_value"]),
    ("mysql", "general_log", &["argument"]),
    ("mysql", "slow_log", &["sql_text"]),
    ("mysql", "column_stats", &["min_value", "max_value", "histogram"]),
    ("mysql", "column_statistics", &["histogram"]),
    ("sys", "processlist", &["current_statement", "last_statement"]),
    ("sys", "session", &["current_statement", "last_statement"]),
];

impl MaskMap {
    /// Masks those of a relation's columns that carry others' values.
    pub(super) fn carriers(&mut self, oid: u32, schema: &str, name: &str, effective: &Effective) {
        let columns = match self.catalogue().reading {
            Reading::Postgres(_) => {
                let own = oid < FIRST_USER_OID || name == "pg_stat_statements";
                let found = POSTGRES.iter().find(|(carrier, _)| *carrier == name && own);
                found.map(|(_, columns)| *columns)
            }
            Reading::Mysql(_) => {
                let found = MYSQL
                    .iter()
                    .find(|(of, carrier, _)| *of == schema && *carrier == name.to_ascii_lowercase());
                found.map(|(.., columns)| *columns)
            }
        };
        for column in columns.unwrap_or_default() {
            let Some(number) = self.catalogue().column_number(oid, column) else {
                continue;
            };
            let masked = MaskedColumn {
                mask: Mask::Redact,
                origin: format!("{schema}.{name}.{column}"),
                rule: "interdict:carriers".to_owned(),
                predicates: effective.predicates(),
                shows_length: false,
            };
            self.put(oid, number, column, Arc::new(masked));
        }
    }
}
