//! What the server's functions do, by name.
//!
//! A name says nothing certain without the catalogue (a user may define another `lower`), but defining a function is an
//! effect of its own. A function is harmless only if the server ships it and this table does not list it; a listed name
//! counts in every schema, since extensions live anywhere.

use std::collections::HashSet;
use std::sync::LazyLock;

use crate::effect::{Effect, Effects};

/// What calling a function does beyond computing a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Class {
    pub(super) effects: Effects,
    /// Whether it runs SQL that it is given as text.
    pub(super) runs_text: bool,
}

/// Functions that the server ships: the names in `pg_proc` of versions 15 to 18 and those of `information_schema`.
static BUILTIN: LazyLock<HashSet<&str>> = LazyLock::new(|| include_str!("builtin.txt").lines().collect());

/// Types whose name can be written as a function to cast, without there being such a function.
const TYPES: [&str; 24] = [
    "aclitem",
    "bytea",
    "cid",
    "citext",
    "inet",
    "json",
    "jsonb",
    "jsonpath",
    "line",
    "macaddr",
    "oidvector",
    "pg_lsn",
    "pg_snapshot",
    "regnamespace",
    "regoper",
    "regoperator",
    "regproc",
    "regprocedure",
    "regrole",
    "regtype",
    "tid",
    "tsquery",
    "tsvector",
    "uuid",
];

const FILE: Effects = Effects::of(&[Effect::ServerFile]);
const FILE_WRITE: Effects = Effects::of(&[Effect::ServerFile, Effect::Write]);
const REMOTE: Effects = Effects::of(&[Effect::Program, Effect::Call]);
const SQL: Effects = Effects::of(&[Effect::Call]);
const SESSION: Effects = Effects::of(&[Effect::Session]);
const REPLICATION: Effects = Effects::of(&[Effect::Replication]);
const MAINTENANCE: Effects = Effects::of(&[Effect::Maintenance]);
const LOCK: Effects = Effects::of(&[Effect::Lock]);
const LARGE: Effects = Effects::of(&[Effect::LargeObject]);
const LARGE_WRITE: Effects = Effects::of(&[Effect::LargeObject, Effect::Write]);
const LARGE_FILE: Effects = Effects::of(&[Effect::LargeObject, Effect::ServerFile]);
const ALTER: Effects = Effects::of(&[Effect::Alter]);

/// What a call of this name does; `None` if the server ships it and it only computes.
pub(super) fn classify(schema: Option<&str>, name: &str, arguments: usize) -> Option<Class> {
    if let Some(class) = listed(name, arguments) {
        return Some(class);
    }
    let own = match schema {
        None | Some("pg_catalog" | "information_schema") => ships(name),
        Some(_) => false,
    };
    (!own).then_some(Class {
        effects: SQL,
        runs_text: false,
    })
}

/// Whether the server ships a function of this name.
pub(super) fn ships(name: &str) -> bool {
    BUILTIN.contains(name) || TYPES.contains(&name)
}

/// Whether a function, as written, is one that the server ships.
pub fn is_shipped(function: &str) -> bool {
    match function.rsplit_once('.') {
        Some(("pg_catalog" | "information_schema", name)) => ships(name),
        Some(_) => false,
        None => ships(function),
    }
}

/// What a name in the table does, whatever its schema.
pub(super) fn listed(name: &str, arguments: usize) -> Option<Class> {
    let does = |effects| {
        Some(Class {
            effects,
            runs_text: false,
        })
    };
    let runs = |effects| {
        Some(Class {
            effects,
            runs_text: true,
        })
    };
    match name {
        "pg_read_file"
        | "pg_read_binary_file"
        | "pg_read_file_old"
        | "pg_read_file_v2"
        | "pg_read_server_file"
        | "pg_stat_file"
        | "pg_hba_file_rules"
        | "pg_ident_file_mappings"
        | "pg_show_all_file_settings"
        | "pg_current_logfile"
        | "pg_file_length"
        | "pg_logdir_ls"
        | "pg_get_wal_resource_managers"
        | "pg_get_wal_records_info"
        | "pg_get_wal_record_info"
        | "pg_get_wal_block_info"
        | "pg_wal_summary_contents"
        | "pg_available_wal_summaries"
        | "get_raw_page"
        | "heap_page_items"
        | "heap_page_item_attrs"
        | "tuple_data_split"
        | "bt_page_items"
        | "gist_page_items"
        | "hash_page_items"
        | "brin_page_items"
        | "gin_leafpage_items"
        | "readfile" => does(FILE),
        "pg_file_write"
        | "pg_file_sync"
        | "pg_file_rename"
        | "pg_file_unlink"
        | "pg_rotate_logfile"
        | "pg_rotate_logfile_old"
        | "pg_rotate_logfile_v2" => does(FILE_WRITE),
        "lo_import" => does(LARGE_FILE.union(Effects::of(&[Effect::Write]))),
        "lo_export" => does(LARGE_FILE),
        "lo_creat" | "lo_create" | "lo_from_bytea" | "lo_put" | "lo_unlink" | "lo_truncate"
        | "lo_truncate64" | "lowrite" => does(LARGE_WRITE),
        "lo_get" | "lo_open" | "lo_close" | "loread" | "lo_lseek" | "lo_lseek64" | "lo_tell"
        | "lo_tell64" => does(LARGE),
        "set_config" => does(Effects::of(&[Effect::Settings])),
        "pg_reload_conf" => does(Effects::of(&[Effect::Settings, Effect::Session])),
        "pg_terminate_backend" | "pg_cancel_backend" | "pg_log_backend_memory_contexts" => does(SESSION),
        "pg_notify" => does(Effects::of(&[Effect::Notify])),
        // What a sequence has given is stored, and no rollback takes it back.
        "nextval" | "setval" => does(Effects::of(&[Effect::Write])),
        "query_to_xml"
        | "query_to_xmlschema"
        | "query_to_xml_and_xmlschema"
        | "cursor_to_xml"
        | "cursor_to_xmlschema"
        | "table_to_xml"
        | "table_to_xmlschema"
        | "table_to_xml_and_xmlschema"
        | "schema_to_xml"
        | "schema_to_xmlschema"
        | "schema_to_xml_and_xmlschema"
        | "database_to_xml"
        | "database_to_xmlschema"
        | "database_to_xml_and_xmlschema"
        | "ts_stat"
        | "crosstab"
        | "crosstab2"
        | "crosstab3"
        | "crosstab4"
        | "crosstab_hash"
        | "connectby"
        | "xpath_table"
        | "plpgsql_check_function"
        | "plpgsql_check_function_tb" => runs(SQL),
        // The other form, with three arguments, runs nothing.
        "ts_rewrite" => (arguments == 2).then_some(Class {
            effects: SQL,
            runs_text: true,
        }),
        "pg_background_launch" | "pg_background_submit" | "create_job" | "add_job" => runs(REMOTE),
        "pg_promote"
        | "pg_wal_replay_pause"
        | "pg_wal_replay_resume"
        | "pg_switch_wal"
        | "pg_create_restore_point"
        | "pg_backup_start"
        | "pg_backup_stop"
        | "pg_start_backup"
        | "pg_stop_backup"
        | "pg_logical_emit_message"
        | "pg_log_standby_snapshot"
        | "pg_sync_replication_slots"
        | "pg_drop_replication_slot" => does(REPLICATION),
        "pg_stat_clear_snapshot" => None,
        "pg_stat_statements_reset"
        | "gin_clean_pending_list"
        | "pg_prewarm"
        | "autoprewarm_start_worker"
        | "autoprewarm_dump_now"
        | "pg_import_system_collations" => does(MAINTENANCE),
        "pg_extension_config_dump" | "pg_nextoid" | "pg_stop_making_pinned_objects" => does(ALTER),
        _ => by_prefix(name, does, runs),
    }
}

fn by_prefix(
    name: &str,
    does: impl Fn(Effects) -> Option<Class>,
    runs: impl Fn(Effects) -> Option<Class>,
) -> Option<Class> {
    let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| name.starts_with(prefix));
    // Everything of the extension: connecting, sending text, fetching what it gave.
    if starts(&["dblink", "postgres_fdw_", "http_"]) || name == "http" {
        return if name.starts_with("dblink") {
            runs(REMOTE)
        } else {
            does(REMOTE)
        };
    }
    if starts(&[
        "pg_ls_",
        "page_header",
        "bt_page_",
        "gin_page_",
        "gist_page_",
        "brin_page_",
        "hash_page_",
        "fsm_page_",
    ]) {
        return does(FILE);
    }
    if starts(&[
        "pg_logical_slot_",
        "pg_replication_origin_",
        "pg_replication_slot_",
        "pg_copy_physical_",
        "pg_copy_logical_",
    ]) || (name.starts_with("pg_create_") && name.ends_with("_slot"))
    {
        return does(REPLICATION);
    }
    if starts(&["pg_advisory_", "pg_try_advisory_"]) {
        return does(LOCK);
    }
    if starts(&["pg_stat_reset", "brin_summarize_", "brin_desummarize_"]) {
        return does(MAINTENANCE);
    }
    if starts(&[
        "pg_restore_relation_",
        "pg_restore_attribute_",
        "pg_clear_relation_",
        "pg_clear_attribute_",
        "binary_upgrade_",
    ]) {
        return does(ALTER);
    }
    None
}

/// Views that show files of the server's host.
pub(super) fn shows_files(relation: &str) -> bool {
    ["pg_hba_file_rules", "pg_ident_file_mappings", "pg_file_settings"].contains(&relation)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_server_ships_is_harmless() {
        assert_eq!(classify(None, "lower", 1), None);
        assert_eq!(classify(Some("pg_catalog"), "lower", 1), None);
        assert_eq!(classify(Some("information_schema"), "_pg_expandarray", 1), None);
        assert!(classify(Some("public"), "lower", 1).is_some(), "somebody's own");
        assert!(classify(None, "purge_patients", 0).is_some());
        assert!(classify(Some("ext"), "dblink_exec", 2).is_some_and(|class| class.runs_text));
    }

    #[test]
    fn the_shipped_names_are_sorted_and_single() {
        let names: Vec<_> = include_str!("builtin.txt").lines().collect();
        assert!(names.is_sorted() && BUILTIN.len() == names.len());
        assert!(names.len() > 2_500);
    }

    #[test]
    fn origins_and_slots_are_replication_even_to_look_at() {
        for name in [
            "pg_logical_slot_peek_changes",
            "pg_create_physical_replication_slot",
            "pg_replication_origin_drop",
        ] {
            assert_eq!(listed(name, 2).map(|class| class.effects), Some(REPLICATION));
        }
    }
}
