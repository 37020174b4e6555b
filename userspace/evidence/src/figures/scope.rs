//! What was recorded: of whom, towards what.

use interdict_audit::Table;

use super::{Merge, Order, Spec, number, one, text, utc};

pub(super) fn specs() -> Vec<Spec> {
    vec![
        Spec {
            id: "sessions_total",
            title: "Sessions recorded",
            note: "Connections of enrolled workloads to protected services that ended within the period's segments.",
            columns: &["sessions", "statements", "rows sent", "masked cells"],
            sql: "SELECT count(*), coalesce(sum(statements), 0), coalesce(sum(rows), 0), coalesce(sum(masked_cells), 0) FROM sessions",
            table: Table::Sessions,
            of: |row| {
                one(
                    [],
                    [
                        1,
                        number(row, "statements"),
                        number(row, "rows"),
                        number(row, "masked_cells"),
                    ],
                )
            },
            merge: Merge::Sum,
            order: Order::Key,
            limit: None,
            zero: Some(4),
            none: "",
        },
        Spec {
            id: "statements_total",
            title: "Statements and requests recorded",
            note: "Each with its text, its decision and its outcome; complete: the analysis covered everything that it does.",
            columns: &[
                "statements",
                "of these complete",
                "rows sent",
                "bytes sent",
                "masked cells",
            ],
            sql: "SELECT count(*), count(*) FILTER (complete), coalesce(sum(rows), 0), coalesce(sum(bytes), 0), coalesce(sum(masked_cells), 0) FROM statements",
            table: Table::Statements,
            of: |row| {
                let complete = row.get("complete").and_then(serde_json::Value::as_bool) == Some(true);
                one(
                    [],
                    [
                        1,
                        i64::from(complete),
                        number(row, "rows"),
                        number(row, "bytes"),
                        number(row, "masked_cells"),
                    ],
                )
            },
            merge: Merge::Sum,
            order: Order::Key,
            limit: None,
            zero: Some(5),
            none: "",
        },
        Spec {
            id: "services",
            title: "Protected services in use, by workload",
            note: "What enrolled workloads reached. A service that nobody used is not here; the settings list it.",
            columns: &["service", "protocol", "workload", "sessions", "statements"],
            sql: "SELECT service, protocol, coalesce(workload, ''), count(*), sum(coalesce(statements, 0)) FROM sessions GROUP BY ALL ORDER BY 1, 2, 3",
            table: Table::Sessions,
            of: |row| {
                one(
                    [text(row, "service"), text(row, "protocol"), text(row, "workload")],
                    [1, number(row, "statements")],
                )
            },
            merge: Merge::Sum,
            order: Order::Key,
            limit: None,
            zero: None,
            none: "No session is on record.",
        },
        Spec {
            id: "identities",
            title: "Who it was, and how that is known",
            note: "`kernel`: told by the kernel where the connection was made; `oidc`: proven by a token besides; `address`: the network address only.",
            columns: &[
                "identity",
                "attestation",
                "database user",
                "sessions",
                "statements",
            ],
            sql: "SELECT identity, attestation, coalesce(db_user, ''), count(*), sum(coalesce(statements, 0)) FROM sessions GROUP BY ALL ORDER BY 1, 2, 3",
            table: Table::Sessions,
            of: |row| {
                one(
                    [
                        text(row, "identity"),
                        text(row, "attestation"),
                        text(row, "db_user"),
                    ],
                    [1, number(row, "statements")],
                )
            },
            merge: Merge::Sum,
            order: Order::Key,
            limit: None,
            zero: None,
            none: "No session is on record.",
        },
        Spec {
            id: "encryption",
            title: "Encryption of both legs",
            note: "`none` on the client's leg of a redirected connection stays within the host; towards the service it is a network in clear.",
            columns: &["service", "client's leg", "service's leg", "sessions"],
            sql: "SELECT service, split_part(coalesce(client_tls, ''), ' ', 1), split_part(coalesce(upstream_tls, ''), ' ', 1), count(*) FROM sessions GROUP BY ALL ORDER BY 1, 2, 3",
            table: Table::Sessions,
            of: |row| {
                let version = |name| text(row, name).split(' ').next().unwrap_or_default().to_owned();
                one(
                    [
                        text(row, "service"),
                        version("client_tls"),
                        version("upstream_tls"),
                    ],
                    [1],
                )
            },
            merge: Merge::Sum,
            order: Order::Key,
            limit: None,
            zero: None,
            none: "No session is on record.",
        },
        Spec {
            id: "policies_in_force",
            title: "Policy versions that came into force",
            note: "The texts are in `policies/`, what changed from one to the next in `policies/changes.diff`. A version that was in force when the period began is there too.",
            columns: &["in force from", "policy", "digest"],
            sql: "SELECT utc(\"at\"), name, digest FROM policies ORDER BY 1, 2, 3",
            table: Table::Policies,
            of: |row| one([utc(row, "at"), text(row, "name"), text(row, "digest")], []),
            merge: Merge::Last,
            order: Order::Key,
            limit: None,
            zero: None,
            none: "None came into force within the period.",
        },
    ]
}
