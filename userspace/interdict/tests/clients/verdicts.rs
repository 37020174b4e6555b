//! Where a client shows something else through the daemon than past it, and why.

/// What to expect of a step instead of the same.
pub(crate) enum Verdict {
    /// The same, with masks for masked values.
    Masked,
    /// Refused as the policy says; the text tells by which rule.
    Refused(&'static str),
    /// It should work and does not yet. `sign`: what shows that it is still so.
    #[allow(dead_code, reason = "none is known at present")]
    Known {
        sign: &'static str,
        reason: &'static str,
    },
}

use Verdict::{Masked, Refused};

/// All steps of a client that have no verdict of their own: they are the same or show the sign.
pub(crate) const ALL: &str = "*";

/// Client, step, verdict.
const VERDICTS: &[(&str, &str, Verdict)] = &[
    ("psql", "\\copy patients to stdout", Masked),
    (
        "psql",
        "\\copy (select id, ssn from patients order by id) to stdout csv",
        Masked,
    ),
    ("psql", "select id, ssn, dob from patients order by id;", Masked),
    (
        "psql",
        "select a.id from visits a, visits b;",
        Refused("rule bulk-export"),
    ),
    (
        "psql",
        "select tablename, attname, most_common_vals from pg_stats where tablename = 'clinics';",
        Refused("rule no-statistics"),
    ),
    (
        "psql",
        "create temporary table mine (id integer);",
        Refused("rule no-schema-change"),
    ),
    ("psql", "select bed_count(1);", Refused("rule no-unseen-code")),
    ("psql", "drop table visits;", Refused("rule no-destructive")),
    (
        "psql",
        "select lo_create(0) > 0;",
        Refused("rule no-large-objects"),
    ),
    ("psql", "set role auditor;", Refused("rule no-privilege-change")),
    ("pg_dump", "patients", Masked),
    ("pg_dump", "patients by inserts", Masked),
    ("pg_dump", "all", Masked),
    ("sqlalchemy_orm psycopg", "select_all_columns_masked_part", Masked),
    (
        "sqlalchemy_orm psycopg",
        "insert_returning_masked_columns",
        Masked,
    ),
    (
        "sqlalchemy_orm psycopg2",
        "select_all_columns_masked_part",
        Masked,
    ),
    (
        "sqlalchemy_orm psycopg2",
        "insert_returning_masked_columns",
        Masked,
    ),
    ("django", "whole_objects_masked_part", Masked),
    ("django", "values_masked", Masked),
    (
        "django",
        "save_whole_masked_object",
        Refused("what its mask shows"),
    ),
    ("duckdb", "masked_table", Masked),
    ("duckdb", "masked_table_by_star", Masked),
    ("duckdb", "view_of_masked_columns", Masked),
    ("duckdb", "text_protocol_masked", Masked),
    ("duckdb", "query_of_masked_by_text", Masked),
    ("duckdb", "update", Refused("rule no-schema-change")),
    ("drivers", "asyncpg_masked", Masked),
    ("drivers", "asyncpg_copy_masked_out", Masked),
    ("drivers", "psycopg_binary_masked", Masked),
    ("drivers", "psycopg_server_cursor_masked", Masked),
    ("drivers", "psycopg_copy_out_masked", Masked),
    ("drivers", "psycopg_copy_out_masked_binary", Masked),
    ("drivers", "psycopg_copy_table_out_masked", Masked),
    ("drivers", "pg8000_masked", Masked),
    ("migration", "before", Masked),
    ("migration", "table_added", Masked),
    ("migration", "column_added", Masked),
    ("migration", "column_added_for_a_new_session", Masked),
    ("migration", "column_renamed", Masked),
    ("migration", "column_replaced", Masked),
    ("migration", "view_replaced", Masked),
    (
        "migration",
        "table_made_anew_a_moment_ago",
        Refused("repeat the statement"),
    ),
    ("migration", "table_made_anew", Masked),
    ("migration", "table_made_anew_for_a_new_session", Masked),
    ("migration", "afterwards", Masked),
    ("node", "node_masked", Masked),
    ("node", "node_masked_date_as_text", Masked),
];

/// The verdicts on a client's steps.
pub(crate) fn of(client: &str) -> impl Iterator<Item = (&'static str, &'static Verdict)> {
    VERDICTS
        .iter()
        .filter(move |(of, ..)| *of == client)
        .map(|(_, step, verdict)| (*step, verdict))
}

/// The verdict on one step.
pub(crate) fn on(client: &str, step: &str) -> Option<&'static Verdict> {
    of(client).find(|(of, _)| *of == step).map(|(_, verdict)| verdict)
}
