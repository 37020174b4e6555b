//! Statements of all sessions.

use std::sync::Arc;

use axum::extract::State;
use http::{StatusCode, Uri};
use interdict_audit::{Query, Table};
use maud::{Markup, html};

use super::filter::{Field, Filter};
use super::{layout, reading};
use crate::Console;
use crate::guard::{Failure, Who};
use crate::shown::{Row, badge, brief, code, count, number, text, time, value};

const PATH: &str = "/statements";
const A_PAGE: usize = 50;
const EQUAL: [(&str, &str); 9] = [
    ("identity", "identity"),
    ("service", "service"),
    ("relation", "relations"),
    ("effect", "effects"),
    ("rule", "rule"),
    ("decision", "decision"),
    ("fingerprint", "fingerprint"),
    ("grant", "grant_id"),
    ("approval", "approval_id"),
];
const SHOWN: [&str; 13] = [
    "session_id",
    "statement_id",
    "requested_at",
    "service",
    "identity",
    "statement",
    "decision",
    "rule",
    "policy",
    "status",
    "sqlstate",
    "rows",
    "masked_cells",
];
const FIELDS: [Field; 8] = [
    Field::text("q", "Search", "part of a statement"),
    Field::IDENTITY,
    Field::SERVICE,
    Field::text("relation", "Relation", "patients"),
    Field::text("rule", "Rule", "no-bulk"),
    Field {
        name: "decision",
        label: "Decision",
        example: "",
        words: &["allow", "mask", "mask-all", "deny", "hold"],
    },
    Field::FROM,
    Field::UNTIL,
];

pub(super) async fn page(who: Who, State(console): State<Arc<Console>>, uri: Uri) -> Result<Markup, Failure> {
    let filter = Filter::of(&uri);
    let mut query = Query::new(Table::Statements, A_PAGE);
    filter
        .apply(&mut query, &EQUAL)
        .map_err(|what| Failure(StatusCode::BAD_REQUEST, what))?;
    query.searched = vec!["statement", "message"];
    query.shown = Some(SHOWN.to_vec());
    let found = reading(&console, move |console| Ok(console.browser.find(&query)?)).await?;
    let content = html! {
        h1 { "Statements" }
        (filter.form(PATH, &FIELDS))
        (layout::caveats(&found))
        @if found.rows.is_empty() {
            p class="empty" { "No statement matches." }
        } @else {
            (table(&found.rows))
        }
        (filter.pager(PATH, &found, "Older"))
    };
    Ok(layout::page(&who, PATH, "Statements", &content))
}

pub(super) fn table(rows: &[Row]) -> Markup {
    html! {
        table class="list" {
            thead { tr {
                th scope="col" { "Time" }
                th scope="col" { "Decision" }
                th scope="col" { "Statement" }
                th scope="col" { "Identity" }
                th scope="col" { "Service" }
                th scope="col" class="number" { "Rows" }
                th scope="col" class="number" { "Masked" }
            } }
            tbody { @for row in rows { (one(row)) } }
        }
    }
}

fn one(row: &Row) -> Markup {
    let decision = text(row, "decision");
    // The page of the session that begins with this statement.
    let place = format!(
        "/sessions/{}?after={}#s-{}",
        text(row, "session_id"),
        count(row, "seq").saturating_sub(1),
        text(row, "statement_id")
    );
    html! {
        tr data-denied[decision == "deny"] {
            td data-label="Time" { a class="main" href=(place) { (time(text(row, "requested_at"))) } }
            td data-label="Decision" {
                (badge(decision))
                @if !text(row, "rule").is_empty() { " " span class="quiet" { (value(&brief(text(row, "rule"), 60))) } }
            }
            td data-label="Statement" class="statement" { (code(&brief(text(row, "statement"), 160))) }
            td data-label="Identity" { (value(&brief(text(row, "identity"), 60))) }
            td data-label="Service" { (value(text(row, "service"))) }
            td data-label="Rows" class="number" { (number(count(row, "rows"))) }
            td data-label="Masked" class="number" { (number(count(row, "masked_cells"))) }
        }
    }
}
