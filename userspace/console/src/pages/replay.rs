//! A session as its client saw it, step by step.

use std::sync::Arc;

use axum::extract::{Path, State};
use http::StatusCode;
use interdict_replay::{ReplayError, Shown, Step, load};
use maud::{Markup, html};

use super::session::id;
use super::{layout, reading};
use crate::Console;
use crate::guard::{Failure, Who};
use crate::shown::{badge, block, brief, bytes, code, moment, number, text, value};

/// Steps of one page.
const MOST: usize = 1_000;
/// Rows of one result on the page.
const ROWS: usize = 100;

pub(super) async fn page(
    who: Who,
    State(console): State<Arc<Console>>,
    Path(asked): Path<String>,
) -> Result<Markup, Failure> {
    let id = id(&asked)?;
    let recording = reading(&console, move |console| {
        load(console.browser.directory(), id).map_err(|error| match error {
            ReplayError::Unknown(_) => Failure(
                StatusCode::NOT_FOUND,
                "the record has no session of that id: it may have been removed by its age, or be of another host".to_owned(),
            ),
            other => Failure(StatusCode::INTERNAL_SERVER_ERROR, other.to_string()),
        })
    })
    .await?;
    let (row, steps) = (&recording.session, &recording.steps);
    let more = steps.len() > MOST;
    let begin = steps.first().map_or(0, |step| step.at);
    let content = html! {
        nav class="crumbs" aria-label="Where this is" {
            a href="/sessions" { "Sessions" } " / " a href=(format!("/sessions/{id}")) { code { (id) } } " / Replay"
        }
        h1 { "Replay: " (value(text(row, "identity"))) }
        @if recording.kept_bytes == 0 && recording.missing_bytes == 0 {
            p class="told" role="status" { "What the client received is not on record: what was asked and decided is shown, and how much came back." }
        } @else if recording.missing_bytes > 0 {
            p class="told" role="status" { (bytes(recording.missing_bytes)) " of what the client received are not kept, and told where they were." }
        }
        @if more { p class="told bad" role="status" { "The session is longer: its first " (number(MOST as u64)) " steps are here." } }
        @if steps.is_empty() {
            p class="empty" { "Nothing was asked in this session." }
        } @else {
            div class="player" id="player" role="group" aria-label="Replay" {
                button type="button" id="play" class="primary" aria-pressed="false" { "Play" }
                button type="button" id="back" { "Step back" }
                button type="button" id="forth" { "Step" }
                button type="button" id="denied" { "Next denied" }
                label { span { "Speed" } select id="speed" {
                    option value="1" { "1×" } option value="4" selected { "4×" } option value="20" { "20×" } option value="0" { "no waiting" }
                } }
                label { span { "Search" } input type="search" id="find" autocomplete="off" placeholder="in statements and results"; }
                output id="place" for="player" {}
            }
            ol class="steps" id="steps" {
                @for step in steps.iter().take(MOST) { (one(step, begin)) }
            }
        }
    };
    Ok(layout::page(&who, "/sessions", "Replay", &content))
}

fn one(step: &Step, begin: i64) -> Markup {
    let after = step.at.saturating_sub(begin).max(0) as u64 / 1000;
    let statement = step.statement.as_ref();
    let decision = statement.map_or("", |statement| statement.decision.as_str());
    html! {
        li data-row data-denied[decision == "deny"] data-after=(after) {
            div class="beside" {
                (moment(step.at))
                @if !decision.is_empty() { (badge(decision)) }
                @if let Some(rule) = statement.and_then(|statement| statement.rule.as_ref()) { span class="quiet" { (value(rule)) } }
                @if let Some(masked) = statement.and_then(|statement| statement.masked_cells).filter(|masked| *masked > 0) {
                    span class="quiet" { (number(masked.unsigned_abs())) " masked" }
                }
            }
            div class="what" {
                @match statement {
                    Some(statement) => {
                        (block(&statement.statement))
                        @if step.shown.is_empty() { (outcome(statement)) }
                    }
                    None => p class="quiet" { "Outside of any statement" },
                }
                @for shown in &step.shown { (seen(shown)) }
            }
        }
    }
}

/// Where nothing of the result is kept.
fn outcome(statement: &interdict_replay::Statement) -> Markup {
    html! {
        @if let Some(message) = &statement.message { p class="message" { (value(message)) } }
        @if let Some(rows) = statement.rows { p class="quiet" { (number(rows.unsigned_abs())) " rows" } }
    }
}

fn seen(shown: &Shown) -> Markup {
    match shown {
        Shown::Table(table) => html! {
            div class="scroll" tabindex="0" role="group" aria-label="Result" {
                table class="result" {
                    thead { tr { @for column in &table.columns { th scope="col" { (value(column)) } } } }
                    tbody {
                        @for row in table.rows.iter().take(ROWS) {
                            tr { @for cell in row { td { @if let Some(text) = cell { (value(&brief(text, 400))) } @else { span class="quiet" { "NULL" } } } } }
                        }
                    }
                }
            }
            @let more = (table.rows.len().saturating_sub(ROWS) as u64).saturating_add(table.more);
            @if more > 0 { p class="quiet" { (number(more)) " more rows: " code { "interdict replay" } " shows them" } }
        },
        Shown::Text(text) => block(text),
        Shown::Error(text) => html! { p class="message" { (value(text)) } },
        Shown::Done(text) | Shown::Note(text) => html! { p class="quiet" { (code(text)) } },
        Shown::Missing {
            bytes: count,
            withheld,
            digest,
        } => html! {
            p class="told" {
                (bytes(*count)) @if *withheld { " that a grant showed unmasked: not kept" } @else { " more: beyond what is kept of one answer" }
                @if let Some(digest) = digest { " " (code(digest)) }
            }
        },
        Shown::Bytes(count) => {
            html! { p class="quiet" { (bytes(*count)) " that don’t read as the protocol’s" } }
        }
    }
}
