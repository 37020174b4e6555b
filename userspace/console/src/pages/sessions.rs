//! Sessions, those that are open first.

use std::sync::Arc;

use axum::extract::State;
use http::{StatusCode, Uri};
use interdict_audit::{Query, Table};
use maud::{Markup, html};

use super::filter::{Field, Filter};
use super::{layout, reading};
use crate::Console;
use crate::guard::{Failure, Who};
use crate::shown::{Row, badge, brief, bytes, count, list, number, text, time, value};

const PATH: &str = "/sessions";
const A_PAGE: usize = 50;
const EQUAL: [(&str, &str); 4] = [
    ("identity", "identity"),
    ("service", "service"),
    ("workload", "workload"),
    ("end", "end_reason"),
];
const SEARCHED: [&str; 8] = [
    "identity",
    "service",
    "database",
    "db_user",
    "application",
    "executable",
    "command",
    "pod",
];
const SHOWN: [&str; 17] = [
    "session_id",
    "started_at",
    "ended_at",
    "end_reason",
    "service",
    "protocol",
    "workload",
    "identity",
    "attestation",
    "database",
    "db_user",
    "application",
    "statements",
    "rows",
    "bytes_out",
    "masked_cells",
    "flags",
];
const FIELDS: [Field; 6] = [
    Field::text("q", "Search", "psql, an image, a user"),
    Field::IDENTITY,
    Field::SERVICE,
    Field::text("workload", "Workload", "agents"),
    Field::FROM,
    Field::UNTIL,
];

pub(super) async fn page(who: Who, State(console): State<Arc<Console>>, uri: Uri) -> Result<Markup, Failure> {
    let filter = Filter::of(&uri);
    let mut query = Query::new(Table::Sessions, A_PAGE);
    filter
        .apply(&mut query, &EQUAL)
        .map_err(|what| Failure(StatusCode::BAD_REQUEST, what))?;
    query.searched = SEARCHED.to_vec();
    query.shown = Some(SHOWN.to_vec());
    let (open, found) = reading(&console, move |console| {
        let open = if query.after.is_none() && query.until.is_none() {
            console.browser.open_sessions()?
        } else {
            Vec::new()
        };
        let open: Vec<Row> = open.into_iter().filter(|row| matches(row, &query)).collect();
        Ok((open, console.browser.find(&query)?))
    })
    .await?;
    let content = html! {
        h1 { "Sessions" }
        (filter.form(PATH, &FIELDS))
        (layout::caveats(&found))
        @if open.is_empty() && found.rows.is_empty() {
            p class="empty" { "No session matches." }
        } @else {
            (table(open.iter().chain(&found.rows)))
        }
        (filter.pager(PATH, &found, "Older"))
    };
    Ok(layout::page(&who, PATH, "Sessions", &content))
}

/// The query's conditions, of a session that is open and in no segment.
fn matches(row: &Row, query: &Query) -> bool {
    let equal = query.equal.iter().all(|(name, wanted)| text(row, name) == wanted);
    let late = query.from.is_none_or(|from| {
        text(row, "started_at")
            .parse::<jiff::Timestamp>()
            .is_ok_and(|at| at.as_microsecond() >= from)
    });
    let contains = query.contains.as_ref().is_none_or(|wanted| {
        let wanted = wanted.to_ascii_lowercase();
        SEARCHED
            .iter()
            .any(|name| text(row, name).to_ascii_lowercase().contains(&wanted))
    });
    equal && late && contains
}

pub(super) fn table<'a>(rows: impl Iterator<Item = &'a Row>) -> Markup {
    html! {
        table class="list" {
            thead { tr {
                th scope="col" { "Started" }
                th scope="col" { "Identity" }
                th scope="col" { "Service" }
                th scope="col" { "Database" }
                th scope="col" class="number" { "Statements" }
                th scope="col" class="number" { "Rows" }
                th scope="col" class="number" { "Masked" }
                th scope="col" class="number" { "Sent" }
                th scope="col" { "End" }
            } }
            tbody { @for row in rows { (one(row)) } }
        }
    }
}

fn one(row: &Row) -> Markup {
    let open = text(row, "ended_at").is_empty();
    let end = if open { "open" } else { text(row, "end_reason") };
    html! {
        tr {
            td data-label="Started" { a class="main" href=(format!("/sessions/{}", text(row, "session_id"))) { (time(text(row, "started_at"))) } }
            td data-label="Identity" {
                (value(&brief(text(row, "identity"), 80)))
                @if !text(row, "workload").is_empty() { " " span class="quiet" { (value(text(row, "workload"))) } }
            }
            td data-label="Service" { (value(text(row, "service"))) " " span class="quiet" { (text(row, "protocol")) } }
            td data-label="Database" {
                (value(&brief(text(row, "database"), 40)))
                @if !text(row, "db_user").is_empty() { " " span class="quiet" { "as " (value(&brief(text(row, "db_user"), 40))) } }
            }
            td data-label="Statements" class="number" { (number(count(row, "statements"))) }
            td data-label="Rows" class="number" { (number(count(row, "rows"))) }
            td data-label="Masked" class="number" { (number(count(row, "masked_cells"))) }
            td data-label="Sent" class="number" { @if !open { (bytes(count(row, "bytes_out"))) } }
            td data-label="End" {
                (badge(end))
                @for flag in list(row, "flags") { " " span class="flag" { (value(&flag)) } }
            }
        }
    }
}
