//! Whether the record is whole.

use interdict_audit::Table;

use super::{Merge, Order, Spec, list, number, one, text, utc};

pub(super) fn specs() -> Vec<Spec> {
    vec![
        Spec {
            id: "ledger",
            title: "Connections that the kernel counted and sessions on record",
            note: "The last counters of each pair within the period. `unexplained` other than 0: a connection that reached a protected destination and that no session tells of.",
            columns: &[
                "host",
                "workload",
                "service",
                "connects",
                "refused",
                "established",
                "sessions",
                "unexplained",
            ],
            sql: "SELECT host, coalesce(workload, ''), coalesce(service, ''), arg_max(seen, seq), arg_max(refused, seq), arg_max(established, seq), arg_max(sessions, seq), arg_max(difference, seq) FROM ledger GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
            table: Table::Ledger,
            of: |row| {
                one(
                    [text(row, "host"), text(row, "workload"), text(row, "service")],
                    ["seen", "refused", "established", "sessions", "difference"]
                        .map(|name| number(row, name)),
                )
            },
            merge: Merge::Last,
            order: Order::Key,
            limit: None,
            zero: None,
            none: "The kernel's side was off, or nobody connected: explicit listeners have no ledger.",
        },
        Spec {
            id: "gaps",
            title: "Gaps, crashes and outages of the record",
            note: "While the record can't be written, statements are refused. Each line is explained by its message.",
            columns: &["when", "kind", "message"],
            sql: "SELECT utc(\"at\"), kind, message FROM admin WHERE kind IN ('gap', 'recovery', 'anomaly', 'ledger_difference', 'events_lost', 'clock_set_back') ORDER BY 1, 2, 3",
            table: Table::Admin,
            of: |row| {
                let kind = text(row, "kind");
                let meant = [
                    "gap",
                    "recovery",
                    "anomaly",
                    "ledger_difference",
                    "events_lost",
                    "clock_set_back",
                ];
                if !meant.contains(&kind.as_str()) {
                    return Vec::new();
                }
                one([utc(row, "at"), kind, text(row, "message")], [])
            },
            merge: Merge::Last,
            order: Order::Key,
            limit: None,
            zero: None,
            none: "There was none.",
        },
        Spec {
            id: "coverage_gaps",
            title: "Ways around that this kernel can't close",
            note: "Told at every start, with the consequence and the remedy in `detail`.",
            columns: &["kind", "message", "times"],
            sql: "SELECT kind, message, count(*) FROM admin WHERE kind IN ('coverage_gap', 'observing', 'fail_open_set', 'failed_open', 'sandbox_partial') GROUP BY ALL ORDER BY 1, 2",
            table: Table::Admin,
            of: |row| {
                let kind = text(row, "kind");
                let meant = [
                    "coverage_gap",
                    "observing",
                    "fail_open_set",
                    "failed_open",
                    "sandbox_partial",
                ];
                if !meant.contains(&kind.as_str()) {
                    return Vec::new();
                }
                one([kind, text(row, "message")], [1])
            },
            merge: Merge::Sum,
            order: Order::Key,
            limit: None,
            zero: None,
            none: "None was told.",
        },
        Spec {
            id: "unfinished",
            title: "Statements whose outcome is not known",
            note: "`unknown`: the daemon ended first; `cut`: the session did.",
            columns: &["status", "statements"],
            sql: "SELECT status, count(*) FROM statements WHERE status IN ('unknown', 'cut') GROUP BY ALL ORDER BY 1",
            table: Table::Statements,
            of: |row| {
                let status = text(row, "status");
                if matches!(status.as_str(), "unknown" | "cut") {
                    one([status], [1])
                } else {
                    Vec::new()
                }
            },
            merge: Merge::Sum,
            order: Order::Key,
            limit: None,
            zero: None,
            none: "Every statement's outcome is on record.",
        },
        Spec {
            id: "session_flags",
            title: "Sessions with a flag",
            note: "`opaque` and `opaque_tls`: passed on unread, as the settings have it.",
            columns: &["service", "flag", "sessions"],
            sql: "SELECT service, flag, count(*) FROM (SELECT service, unnest(flags) AS flag FROM sessions) GROUP BY ALL ORDER BY 1, 2",
            table: Table::Sessions,
            of: |row| {
                let service = text(row, "service");
                list(row, "flags")
                    .into_iter()
                    .map(|flag| (vec![service.clone(), flag], vec![1]))
                    .collect()
            },
            merge: Merge::Sum,
            order: Order::Key,
            limit: None,
            zero: None,
            none: "None has one.",
        },
        Spec {
            id: "seq_range",
            title: "Rows of statements, by host",
            note: "`seq` counts without a gap: last − first + 1 is the number of rows, where the period's rows are next to each other. The chain is checked by `verify`.",
            columns: &["host", "rows"],
            sql: "SELECT host, count(*) FROM statements GROUP BY 1 ORDER BY 1",
            table: Table::Statements,
            of: |row| one([text(row, "host")], [1]),
            merge: Merge::Sum,
            order: Order::Key,
            limit: None,
            zero: None,
            none: "No statement is on record.",
        },
    ]
}
