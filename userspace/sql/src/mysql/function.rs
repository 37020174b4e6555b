//! What the server's functions do, by name.
//!
//! The names that a server ships come before a user's own, unless they are qualified or space keeps their parenthesis away.

use std::collections::HashSet;
use std::sync::LazyLock;

use super::settings::Flavour;
use crate::effect::{Effect, Effects};

static MYSQL: LazyLock<HashSet<&str>> = LazyLock::new(|| include_str!("builtin_mysql.txt").lines().collect());
static MARIADB: LazyLock<HashSet<&str>> =
    LazyLock::new(|| include_str!("builtin_mariadb.txt").lines().collect());

/// Whether the server brings a function of that name. Names are in lower case, and qualified where they were.
pub fn is_shipped(name: &str, flavour: Flavour) -> bool {
    match flavour {
        Flavour::Mysql => MYSQL.contains(name),
        Flavour::Mariadb => MARIADB.contains(name),
    }
}

/// What a call of one of the server's functions does besides computing a value.
pub(super) fn effects(name: &str) -> Effects {
    match name {
        "load_file" => Effect::ServerFile.into(),
        "get_lock" | "release_lock" | "release_all_locks" | "is_free_lock" | "is_used_lock" => {
            Effect::Lock.into()
        }
        "master_pos_wait"
        | "master_gtid_wait"
        | "source_pos_wait"
        | "wait_for_executed_gtid_set"
        | "wait_until_sql_thread_after_gtids"
        | "wsrep_sync_wait_upto_gtid"
        | "asynchronous_connection_failover_reset"
        | "asynchronous_connection_failover_add_source"
        | "asynchronous_connection_failover_delete_source"
        | "asynchronous_connection_failover_add_managed"
        | "asynchronous_connection_failover_delete_managed"
        | "group_replication_set_as_primary"
        | "group_replication_switch_to_single_primary_mode"
        | "group_replication_switch_to_multi_primary_mode" => Effect::Replication.into(),
        "setval" | "nextval" => Effect::Write.into(),
        "innodb_redo_log_sharp_checkpoint" | "innodb_set_open_files_limit" => Effect::Maintenance.into(),
        _ => Effects::NONE,
    }
}

/// Functions that put what they are given where the session finds it again.
pub(super) fn keeps(name: &str, arguments: usize) -> bool {
    matches!(
        name,
        "get_lock" | "release_lock" | "is_free_lock" | "is_used_lock" | "setval"
    ) || (name == "last_insert_id" && arguments > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_names_are_sorted_and_single() {
        for names in [
            include_str!("builtin_mysql.txt"),
            include_str!("builtin_mariadb.txt"),
        ] {
            let names: Vec<_> = names.lines().collect();
            assert!(names.windows(2).all(|pair| pair.first() < pair.last()));
            assert!(names.len() > 300);
        }
        assert!(is_shipped("nvl", Flavour::Mariadb) && !is_shipped("nvl", Flavour::Mysql));
        assert!(!is_shipped("clinic.lower", Flavour::Mysql) && !is_shipped("purge", Flavour::Mysql));
    }
}
