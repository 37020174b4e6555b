//! One session: who it was, and what it did.

use std::sync::Arc;

use axum::extract::{Path, State};
use http::{StatusCode, Uri};
use interdict_audit::{Found, Order, Query, Table};
use maud::{Markup, html};
use serde_json::Value;
use uuid::Uuid;

use super::filter::Filter;
use super::{layout, reading};
use crate::guard::{Failure, Who};
use crate::shown::{Row, badge, block, bytes, code, count, list, number, text, time, value};
use crate::{Console, Kind, Refusal};

const A_PAGE: usize = 100;

pub(super) fn id(text: &str) -> Result<Uuid, Failure> {
    Uuid::parse_str(text).map_err(|_| {
        Failure(
            StatusCode::NOT_FOUND,
            "there is nothing of that id: expected a UUID".to_owned(),
        )
    })
}

/// The row of a session, whether it has ended or not.
pub(super) fn session(console: &Console, id: Uuid) -> Result<Row, Failure> {
    let name = id.to_string();
    let open = console.browser.open_sessions()?;
    if let Some(row) = open.into_iter().find(|row| text(row, "session_id") == name) {
        return Ok(row);
    }
    let mut query = Query::new(Table::Sessions, 1);
    query.session_id = Some(id);
    query.patience = std::time::Duration::from_secs(10);
    let found = console.browser.find(&query)?;
    found.rows.into_iter().next().ok_or_else(|| {
        Refusal::new(
            Kind::NotFound,
            "the record has no session of that id: it may have been removed by its age, or be of another host",
        )
        .into()
    })
}

pub(super) async fn page(
    who: Who,
    State(console): State<Arc<Console>>,
    Path(asked): Path<String>,
    uri: Uri,
) -> Result<Markup, Failure> {
    let id = id(&asked)?;
    let path = format!("/sessions/{id}");
    let filter = Filter::of(&uri);
    let mut query = Query::new(Table::Statements, A_PAGE);
    filter
        .apply(&mut query, &[("decision", "decision")])
        .map_err(|what| Failure(StatusCode::BAD_REQUEST, what))?;
    query.order = Order::Oldest;
    query.session_id = Some(id);
    query.searched = vec!["statement", "message"];
    let (row, found, running) = reading(&console, move |console| {
        let row = session(console, id)?;
        let found = console.browser.find(&query)?;
        let last = found.next.is_none();
        let running = if last {
            console.browser.open_statements(id)?
        } else {
            Vec::new()
        };
        Ok((row, found, running))
    })
    .await?;
    let content = html! {
        nav class="crumbs" aria-label="Where this is" { a href="/sessions" { "Sessions" } " / " code { (id) } }
        h1 { (value(text(&row, "identity"))) }
        (card(&row))
        (statements(&filter, &path, &found, &running))
    };
    Ok(layout::page(&who, "/sessions", text(&row, "identity"), &content))
}

fn statements(filter: &Filter, path: &str, found: &Found, running: &[Row]) -> Markup {
    html! {
        section aria-labelledby="statements" {
            div class="line" {
                h2 id="statements" { "Statements" }
                a class="button" href=(format!("{path}/replay")) { "Replay" }
                @if filter.get("decision") == Some("deny") {
                    a class="button" href=(path) { "Show all" }
                } @else {
                    a class="button" href=(filter.with(path, "decision", "deny")) { "Denied only" }
                }
            }
            (layout::caveats(found))
            @if found.rows.is_empty() && running.is_empty() {
                p class="empty" { "No statement." }
            }
            ol class="timeline" { @for row in found.rows.iter().chain(running) { (statement(row)) } }
            (filter.pager(path, found, "Later"))
        }
    }
}

fn statement(row: &Row) -> Markup {
    let decision = text(row, "decision");
    let open = text(row, "ended_at").is_empty();
    html! {
        li id=(format!("s-{}", text(row, "statement_id"))) data-row data-denied[decision == "deny"] {
            div class="beside" {
                (time(text(row, "requested_at")))
                (badge(if open { "open" } else { decision }))
                @if !text(row, "rule").is_empty() { span class="quiet" { (value(text(row, "rule"))) } }
                @if !open {
                    span class="quiet" {
                        (number(count(row, "rows"))) " rows"
                        @if count(row, "masked_cells") > 0 { ", " (number(count(row, "masked_cells"))) " masked" }
                    }
                }
            }
            div class="what" {
                (block(text(row, "statement")))
                @if !text(row, "message").is_empty() { p class="message" { (value(text(row, "message"))) } }
                details {
                    summary class="main" { "All of it" }
                    (facts(row, &STATEMENT))
                }
            }
        }
    }
}

const STATEMENT: [(&str, &str); 20] = [
    ("statement_id", "Statement"),
    ("kind", "Kind"),
    ("parameters", "Parameters"),
    ("effects", "Effects"),
    ("relations", "Relations"),
    ("columns", "Columns"),
    ("complete", "Analysis complete"),
    ("policy", "Policy"),
    ("policy_digest", "Policy's digest"),
    ("approval_id", "Approval"),
    ("grant_id", "Grant"),
    ("status", "Status"),
    ("sqlstate", "SQLSTATE"),
    ("bytes", "Bytes"),
    ("masked_by", "Masked by"),
    ("fingerprint", "Fingerprint"),
    ("ended_at", "Ended"),
    ("trace_id", "Trace"),
    ("flags", "Flags"),
    ("hash", "Hash"),
];

const CARD: [(&str, &str); 30] = [
    ("attestation", "Attested by"),
    ("workload", "Workload"),
    ("claims", "Claims"),
    ("service", "Service"),
    ("protocol", "Protocol"),
    ("database", "Database"),
    ("db_user", "Database user"),
    ("application", "Application"),
    ("pid", "Process"),
    ("process_started_at", "Process started"),
    ("uid", "User id"),
    ("executable", "Executable"),
    ("executable_digest", "Its digest"),
    ("command", "Command"),
    ("ancestry", "Ancestry"),
    ("cgroup", "Control group"),
    ("unit", "Unit"),
    ("container_id", "Container"),
    ("pod", "Pod"),
    ("namespace", "Namespace"),
    ("service_account", "Service account"),
    ("origin_address", "Asked for"),
    ("origin_port", "Port"),
    ("upstream_address", "Connected to"),
    ("client_tls", "TLS with the client"),
    ("upstream_tls", "TLS with the service"),
    ("host", "Host"),
    ("boot_id", "Boot"),
    ("flags", "Flags"),
    ("hash", "Hash"),
];

fn card(row: &Row) -> Markup {
    let open = text(row, "ended_at").is_empty();
    html! {
        section class="card" aria-label="The session" {
            dl class="sums" {
                div { dt { "Started" } dd { (time(text(row, "started_at"))) } }
                div { dt { "Ended" } dd {
                    @if open { (badge("open")) } @else { (time(text(row, "ended_at"))) " " (badge(text(row, "end_reason"))) }
                } }
                div { dt { "Statements" } dd { (number(count(row, "statements"))) } }
                div { dt { "Rows" } dd { (number(count(row, "rows"))) } }
                div { dt { "Cells masked" } dd { (number(count(row, "masked_cells"))) } }
                @if !open { div { dt { "Sent" } dd { (bytes(count(row, "bytes_out"))) } } }
            }
            details open {
                summary { "Identity" }
                (facts(row, &CARD))
            }
        }
    }
}

/// Whatever of these a row has.
fn facts(row: &Row, names: &[(&str, &str)]) -> Markup {
    html! {
        dl class="facts" {
            @for (name, label) in names {
                @if let Some(cell) = row.get(*name) && !is_empty(cell) {
                    div { dt { (label) } dd { (fact(row, name, cell)) } }
                }
            }
        }
    }
}

fn is_empty(cell: &Value) -> bool {
    match cell {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    }
}

fn fact(row: &Row, name: &str, cell: &Value) -> Markup {
    match (name, cell) {
        ("approval_id", Value::String(id)) => html! { a href=(format!("/approvals/{id}")) { (code(id)) } },
        ("grant_id", Value::String(id)) => html! { a href=(format!("/grants#g-{id}")) { (code(id)) } },
        ("process_started_at" | "ended_at", Value::String(text)) => time(text),
        (
            "command" | "executable" | "executable_digest" | "hash" | "cgroup" | "policy_digest",
            Value::String(text),
        ) => code(text),
        ("parameters", Value::Array(values)) => html! {
            ol class="plain" {
                @for one in values {
                    li { @if let Value::String(text) = one { (code(text)) } @else { span class="quiet" { "no value" } } }
                }
            }
        },
        (_, Value::String(text)) => value(text),
        (_, Value::Array(_)) => {
            html! { ul class="plain" { @for one in list(row, name) { li { (value(&one)) } } } }
        }
        (_, Value::Object(map)) => html! {
            ul class="plain" {
                @for (key, one) in map {
                    li { (value(key)) ": " @if let Value::String(text) = one { (value(text)) } @else { (one.to_string()) } }
                }
            }
        },
        (_, other) => html! { (other.to_string()) },
    }
}
