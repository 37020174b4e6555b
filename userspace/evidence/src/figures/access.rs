//! Who was let, who was not, and by whose leave.

use interdict_audit::Table;

use super::{Merge, Order, Row, Spec, list, number, one, text, utc};

fn approved(row: &Row) -> bool {
    matches!(text(row, "event").as_str(), "approved" | "denied")
}

pub(super) fn specs() -> Vec<Spec> {
    vec![
        Spec {
            id: "decisions",
            title: "Decisions",
            note: "`mask`: answered with protected values replaced; `approve`: a person let it pass; `deny`, `hold`, `expire`: it did not pass.",
            columns: &["decision", "status", "statements"],
            sql: "SELECT decision, coalesce(status, ''), count(*) FROM statements GROUP BY ALL ORDER BY 1, 2",
            table: Table::Statements,
            of: |row| one([text(row, "decision"), text(row, "status")], [1]),
            merge: Merge::Sum,
            order: Order::Key,
            limit: None,
            zero: None,
            none: "No statement is on record.",
        },
        Spec {
            id: "refused",
            title: "Refused attempts, by who and by which rule",
            note: "The 200 most frequent.",
            columns: &["identity", "service", "policy", "rule", "attempts"],
            sql: "SELECT identity, service, coalesce(policy, ''), coalesce(rule, ''), count(*) AS attempts FROM statements WHERE decision IN ('deny', 'expire') OR status = 'refused' GROUP BY ALL ORDER BY attempts DESC, 1, 2, 3, 4 LIMIT 200",
            table: Table::Statements,
            of: |row| {
                let refused = matches!(text(row, "decision").as_str(), "deny" | "expire")
                    || text(row, "status") == "refused";
                if !refused {
                    return Vec::new();
                }
                one(
                    [
                        text(row, "identity"),
                        text(row, "service"),
                        text(row, "policy"),
                        text(row, "rule"),
                    ],
                    [1],
                )
            },
            merge: Merge::Sum,
            order: Order::Count,
            limit: Some(200),
            zero: None,
            none: "Nothing was refused.",
        },
        Spec {
            id: "session_ends",
            title: "How sessions ended",
            note: "`identity_refused`, `tls_untrusted` and `refused` are log-ins and connections that were turned away; `quarantine` and `grant_ended` were cut.",
            columns: &["service", "end", "sessions"],
            sql: "SELECT service, coalesce(end_reason, ''), count(*) FROM sessions GROUP BY ALL ORDER BY 1, 2",
            table: Table::Sessions,
            of: |row| one([text(row, "service"), text(row, "end_reason")], [1]),
            merge: Merge::Sum,
            order: Order::Key,
            limit: None,
            zero: None,
            none: "No session is on record.",
        },
        Spec {
            id: "approvals",
            title: "Decisions of people",
            note: "One line for every statement that people decided about: what was asked is in `data/approvals`, under the same approval.",
            columns: &[
                "decided", "approval", "asked by", "service", "rule", "outcome", "people", "reason",
            ],
            sql: "SELECT utc(\"at\"), CAST(approval_id AS VARCHAR), identity, service, coalesce(rule, ''), event, array_to_string(people, ', '), coalesce(reason, '') FROM approvals WHERE event IN ('approved', 'denied') ORDER BY 1, 2, 3, 4, 5, 6, 7, 8",
            table: Table::Approvals,
            of: |row| {
                if !approved(row) {
                    return Vec::new();
                }
                one(
                    [
                        utc(row, "at"),
                        text(row, "approval_id"),
                        text(row, "identity"),
                        text(row, "service"),
                        text(row, "rule"),
                        text(row, "event"),
                        list(row, "people").join(", "),
                        text(row, "reason"),
                    ],
                    [],
                )
            },
            merge: Merge::Last,
            order: Order::Key,
            limit: None,
            zero: None,
            none: "No statement had to wait for people.",
        },
        Spec {
            id: "approval_events",
            title: "What became of statements that waited",
            note: "`expired`: nobody decided in time, so it was refused; `withdrawn`: who asked went away.",
            columns: &["event", "times"],
            sql: "SELECT event, count(*) FROM approvals GROUP BY ALL ORDER BY 1",
            table: Table::Approvals,
            of: |row| one([text(row, "event")], [1]),
            merge: Merge::Sum,
            order: Order::Key,
            limit: None,
            zero: None,
            none: "No statement had to wait for people.",
        },
        Spec {
            id: "unattended_approvals",
            title: "Approvals without a reason or without a person",
            note: "Each is refused by the program; a line here would be a fault.",
            columns: &["approvals"],
            sql: "SELECT count(*) FROM approvals WHERE event = 'approved' AND (coalesce(len(people), 0) = 0 OR coalesce(reason, '') = '')",
            table: Table::Approvals,
            of: |row| {
                let unattended = text(row, "event") == "approved"
                    && (list(row, "people").is_empty() || text(row, "reason").is_empty());
                one([], [i64::from(unattended)])
            },
            merge: Merge::Sum,
            order: Order::Key,
            limit: None,
            zero: Some(1),
            none: "",
        },
        Spec {
            id: "grants",
            title: "Grants, and what became of them",
            note: "Also those of before the period. `used`: statements that ran by it, told when it ended.",
            columns: &[
                "when", "grant", "event", "person", "for", "service", "until", "reason", "used",
            ],
            sql: "SELECT utc(\"at\"), CAST(grant_id AS VARCHAR), event, coalesce(person, ''), coalesce(array_to_string(identities, ', '), ''), coalesce(array_to_string(services, ', '), ''), coalesce(utc(ends_at), ''), coalesce(reason, ''), coalesce(used_statements, 0) FROM grants ORDER BY 1, 2, 3, 4, 5, 6, 7, 8",
            table: Table::Grants,
            of: |row| {
                one(
                    [
                        utc(row, "at"),
                        text(row, "grant_id"),
                        text(row, "event"),
                        text(row, "person"),
                        list(row, "identities").join(", "),
                        list(row, "services").join(", "),
                        utc(row, "ends_at"),
                        text(row, "reason"),
                    ],
                    [number(row, "used_statements")],
                )
            },
            merge: Merge::Last,
            order: Order::Key,
            limit: None,
            zero: None,
            none: "No grant was given.",
        },
        Spec {
            id: "break_glass",
            title: "Emergency access, and whether it was reviewed",
            note: "Grants that were minted without asking anybody (`break_glass`). Each needs a review by somebody else: `created` without `reviewed` is open.",
            columns: &["grant", "created", "reviewed"],
            sql: "SELECT CAST(grant_id AS VARCHAR), count(*) FILTER (event = 'created'), count(*) FILTER (event = 'reviewed') FROM grants WHERE break_glass GROUP BY grant_id ORDER BY 1",
            table: Table::Grants,
            of: |row| {
                if row.get("break_glass").and_then(serde_json::Value::as_bool) != Some(true) {
                    return Vec::new();
                }
                let event = text(row, "event");
                one(
                    [text(row, "grant_id")],
                    [i64::from(event == "created"), i64::from(event == "reviewed")],
                )
            },
            merge: Merge::Sum,
            order: Order::Key,
            limit: None,
            zero: None,
            none: "There was none.",
        },
        Spec {
            id: "operators",
            title: "What operators did to the system",
            note: "Quarantines, detaches, reloads, legal holds and whatever else people asked of the daemon.",
            columns: &["when", "who", "what", "message"],
            sql: "SELECT utc(\"at\"), actor, kind, message FROM admin WHERE actor LIKE 'operator:%' OR actor LIKE 'oidc:%' ORDER BY 1, 2, 3, 4",
            table: Table::Admin,
            of: |row| {
                let actor = text(row, "actor");
                if !actor.starts_with("operator:") && !actor.starts_with("oidc:") {
                    return Vec::new();
                }
                one(
                    [utc(row, "at"), actor, text(row, "kind"), text(row, "message")],
                    [],
                )
            },
            merge: Merge::Last,
            order: Order::Key,
            limit: None,
            zero: None,
            none: "Nobody did anything.",
        },
        Spec {
            id: "tried_rules",
            title: "Rules that are only tried",
            note: "What a policy in `dry-run` would have refused.",
            columns: &["statements"],
            sql: "SELECT count(*) FROM statements WHERE len(list_filter(flags, lambda f: starts_with(f, 'would_deny:'))) > 0",
            table: Table::Statements,
            of: |row| {
                let tried = list(row, "flags")
                    .iter()
                    .any(|flag| flag.starts_with("would_deny:"));
                one([], [i64::from(tried)])
            },
            merge: Merge::Sum,
            order: Order::Key,
            limit: None,
            zero: Some(1),
            none: "",
        },
    ]
}
