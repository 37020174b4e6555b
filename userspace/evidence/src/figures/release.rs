//! What left, masked and unmasked.

use interdict_audit::Table;
use serde_json::Value;

use super::{Merge, Order, Row, Spec, has, list, number, one, text, utc};

/// The columns of a result: origin and mask.
fn columns(row: &Row) -> Vec<(String, Option<String>)> {
    let columns = row.get("columns").and_then(Value::as_array).into_iter().flatten();
    columns
        .filter_map(|column| {
            let origin = column.get("origin")?.as_str()?.to_owned();
            let mask = column.get("mask").and_then(Value::as_str).map(str::to_owned);
            Some((origin, mask))
        })
        .collect()
}

pub(super) fn specs() -> Vec<Spec> {
    vec![
        Spec {
            id: "masked",
            title: "Cells that were masked, by column or detector",
            note: "Counted as they were replaced, before the answer left.",
            columns: &["column or detector", "cells"],
            sql: "SELECT entry.key, sum(entry.value) AS cells FROM (SELECT unnest(map_entries(masked_by)) AS entry FROM statements) GROUP BY 1 ORDER BY cells DESC, 1",
            table: Table::Statements,
            of: |row| {
                let masked = row
                    .get("masked_by")
                    .and_then(Value::as_object)
                    .into_iter()
                    .flatten();
                masked
                    .map(|(name, cells)| (vec![name.clone()], vec![cells.as_i64().unwrap_or_default()]))
                    .collect()
            },
            merge: Merge::Sum,
            order: Order::Count,
            limit: None,
            zero: None,
            none: "Nothing was masked.",
        },
        Spec {
            id: "unmasked_by_grant",
            title: "Statements that ran while a grant lifted masks",
            note: "The unmasked-release report: should be few, each with the grant and the reason that `grants` has for it. What was shown is not kept; its digest is.",
            columns: &["when", "identity", "service", "grant", "statement's id", "rows"],
            sql: "SELECT utc(requested_at), identity, service, coalesce(CAST(grant_id AS VARCHAR), ''), CAST(statement_id AS VARCHAR), coalesce(rows, 0) FROM statements WHERE list_contains(flags, 'masks_lifted') ORDER BY 1, 2, 3, 4, 5 LIMIT 1000",
            table: Table::Statements,
            of: |row| {
                if !has(row, "flags", "masks_lifted") {
                    return Vec::new();
                }
                one(
                    [
                        utc(row, "requested_at"),
                        text(row, "identity"),
                        text(row, "service"),
                        text(row, "grant_id"),
                        text(row, "statement_id"),
                    ],
                    [number(row, "rows")],
                )
            },
            merge: Merge::Last,
            order: Order::Key,
            limit: Some(1000),
            zero: None,
            none: "There was none: no protected value left unmasked by a grant.",
        },
        Spec {
            id: "columns_released",
            title: "Columns that left as they are",
            note: "Whatever no mask is for. Whether one of them should be protected is for people to say: this is the list to read. The 500 of the most rows.",
            columns: &["column", "rows", "statements"],
            sql: "SELECT c.origin, sum(rows) AS r, count(*) FROM (SELECT coalesce(rows, 0) AS rows, unnest(columns) AS c FROM statements WHERE status = 'ok') WHERE c.mask IS NULL AND c.origin IS NOT NULL GROUP BY 1 ORDER BY r DESC, 1 LIMIT 500",
            table: Table::Statements,
            of: |row| {
                if text(row, "status") != "ok" {
                    return Vec::new();
                }
                let rows = number(row, "rows");
                columns(row)
                    .into_iter()
                    .filter(|(_, mask)| mask.is_none())
                    .map(|(origin, _)| (vec![origin], vec![rows, 1]))
                    .collect()
            },
            merge: Merge::Sum,
            order: Order::Count,
            limit: Some(500),
            zero: None,
            none: "No column of a table left unmasked.",
        },
        Spec {
            id: "bulk",
            title: "Answers of more than 1,000 rows",
            note: "The 100 largest.",
            columns: &["when", "identity", "service", "statement's id", "rows"],
            sql: "SELECT utc(requested_at), identity, service, CAST(statement_id AS VARCHAR), rows FROM statements WHERE rows > 1000 ORDER BY rows DESC, 1, 2, 3, 4 LIMIT 100",
            table: Table::Statements,
            of: |row| {
                let rows = number(row, "rows");
                if rows <= 1000 {
                    return Vec::new();
                }
                one(
                    [
                        utc(row, "requested_at"),
                        text(row, "identity"),
                        text(row, "service"),
                        text(row, "statement_id"),
                    ],
                    [rows],
                )
            },
            merge: Merge::Last,
            order: Order::Count,
            limit: Some(100),
            zero: None,
            none: "There was none.",
        },
        Spec {
            id: "subjects",
            title: "Accounting: whose data was sent, to whom",
            note: "By keyed token, where the policy names the columns that tell subjects apart (`subjects`). Who holds the key can say which token a record number has. The 1,000 most frequent.",
            columns: &["subject", "identity", "statements"],
            sql: "SELECT subject, identity, count(*) AS n FROM (SELECT unnest(subjects) AS subject, identity FROM statements) GROUP BY ALL ORDER BY n DESC, 1, 2 LIMIT 1000",
            table: Table::Statements,
            of: |row| {
                let identity = text(row, "identity");
                list(row, "subjects")
                    .into_iter()
                    .map(|subject| (vec![subject, identity.clone()], vec![1]))
                    .collect()
            },
            merge: Merge::Sum,
            order: Order::Count,
            limit: Some(1000),
            zero: None,
            none: "The policies name no columns of subjects, or none was sent.",
        },
    ]
}
