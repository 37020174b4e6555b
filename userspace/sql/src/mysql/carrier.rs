//! The server's own relations in which values of others' rows and statements are found.

/// Databases that the server brings.
pub fn is_system(schema: Option<&str>) -> bool {
    schema.is_some_and(|schema| {
        ["information_schema", "performance_schema", "mysql", "sys"]
            .iter()
            .any(|system| system.eq_ignore_ascii_case(schema))
    })
}

/// Whether a relation of the server's own holds texts of statements, samples of columns, variables or messages: what somebody reads
/// there can be a value that is masked where it comes from. Without a schema the relation is one of the default database.
pub fn carries(schema: Option<&str>, name: &str) -> bool {
    let Some(schema) = schema else { return false };
    let name = name.to_ascii_lowercase();
    match schema.to_ascii_lowercase().as_str() {
        "information_schema" => matches!(
            name.as_str(),
            "processlist"
                | "column_statistics"
                | "innodb_trx"
                | "innodb_locks"
                | "innodb_ft_index_cache"
                | "innodb_ft_index_table"
                | "innodb_ft_deleted"
                | "innodb_ft_being_deleted"
                | "optimizer_trace"
                | "profiling"
                | "query_cache_info"
                | "user_variables"
                | "system_variables"
                | "session_variables"
                | "session_status"
                | "warnings"
                | "errors"
                | "binlog"
                | "routines"
                | "events"
                | "triggers"
                | "views"
                | "parameters"
                | "metadata_lock_info"
                | "partitions"
        ),
        "performance_schema" => {
            name.starts_with("events_")
                || name.starts_with("prepared_statements")
                || name.contains("variables")
                || name.contains("error")
                || matches!(
                    name.as_str(),
                    "threads"
                        | "processlist"
                        | "data_locks"
                        | "data_lock_waits"
                        | "metadata_locks"
                        | "session_connect_attrs"
                )
                || name.starts_with("replication_")
        }
        "mysql" => matches!(
            name.as_str(),
            "general_log"
                | "slow_log"
                | "column_stats"
                | "column_statistics"
                | "innodb_index_stats"
                | "proc"
                | "procs"
                | "event"
                | "table_stats"
                | "index_stats"
                | "transaction_registry"
        ),
        // Views over the others, most of them with texts of statements.
        "sys" => name != "version" && name != "sys_config",
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_samples_and_logs_carry_values() {
        for (schema, name) in [
            ("information_schema", "PROCESSLIST"),
            ("INFORMATION_SCHEMA", "column_statistics"),
            ("performance_schema", "events_statements_history"),
            ("performance_schema", "user_variables_by_thread"),
            ("mysql", "slow_log"),
            ("sys", "x$statement_analysis"),
        ] {
            assert!(carries(Some(schema), name), "{schema}.{name}");
        }
        assert!(!carries(Some("information_schema"), "tables"));
        assert!(!carries(Some("clinic"), "processlist") && !carries(None, "processlist"));
    }
}
