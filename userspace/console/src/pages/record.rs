//! The record itself: what it holds, whether it is sound, what was done.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Redirect;
use http::{StatusCode, Uri};
use interdict_audit::{Query, Table};
use maud::{Markup, html};

use super::filter::{Field, Filter};
use super::{layout, reading};
use crate::guard::{Failure, Posted, Who};
use crate::shown::{Row, badge, bytes, code, moment, number, plain, span, text, time, value};
use crate::{Console, verify};

const PATH: &str = "/record";
const FIELDS: [Field; 4] = [
    Field {
        name: "q",
        label: "Search",
        example: "in messages",
        words: &[],
    },
    Field {
        name: "kind",
        label: "Kind",
        example: "console_login",
        words: &[],
    },
    Field {
        name: "actor",
        label: "Actor",
        example: "daemon",
        words: &[],
    },
    Field {
        name: "from",
        label: "From (UTC)",
        example: "1d",
        words: &[],
    },
];

pub(super) async fn page(who: Who, State(console): State<Arc<Console>>, uri: Uri) -> Result<Markup, Failure> {
    let filter = Filter::of(&uri);
    let mut query = Query::new(Table::Admin, 50);
    filter
        .apply(&mut query, &[("kind", "kind"), ("actor", "actor")])
        .map_err(|what| Failure(StatusCode::BAD_REQUEST, what))?;
    query.searched = vec!["message", "kind", "actor"];
    let status = console.office.status().await?;
    let (stats, found) = reading(&console, move |console| {
        let stats = interdict_audit::stats(console.browser.directory()).map_err(|error| error.to_string());
        Ok((stats, console.browser.find(&query)?))
    })
    .await?;
    let content = html! {
        h1 { "Record" }
        @for wrong in [&status.journal, &status.segments].into_iter().flatten() { p class="told bad" role="alert" { (plain(wrong)) } }
        section class="card" aria-labelledby="proof" {
            h2 id="proof" { "Proof" }
            div id="verification" aria-live="polite" { (verification(&console)) }
            form method="post" class="inline" action="/record/verify" { (layout::token(&who)) button type="submit" class="primary" { "Verify now" } }
            p class="quiet" { "Every row's hash, every chain and every file is looked at; it reads all of the record. " code { "interdict audit verify" } " does the same elsewhere, on a copy." }
        }
        section aria-labelledby="tables" {
            h2 id="tables" { "Tables" }
            @match &stats {
                Err(why) => p class="told bad" role="alert" { (plain(why)) },
                Ok(stats) => {
                    table class="list" {
                        thead { tr { th scope="col" { "Table" } @for name in ["Rows", "Unsealed", "Segments", "Size"] { th scope="col" class="number" { (name) } } th scope="col" { "Days" } } }
                        tbody { @for (name, one) in &stats.tables { tr {
                            td data-label="Table" { (name) }
                            td data-label="Rows" class="number" { (number(one.rows)) }
                            td data-label="Unsealed" class="number" { (number(one.unsealed_rows)) }
                            td data-label="Segments" class="number" { (number(one.segments)) }
                            td data-label="Size" class="number" { (bytes(one.bytes)) }
                            td data-label="Days" { @if let Some((first, last)) = &one.days { (first) @if first != last { " – " (last) } } }
                        } } }
                    }
                    p class="quiet" { "Journal: " (bytes(stats.journal_bytes)) "; open: " (number(stats.open_sessions)) " sessions, " (number(stats.open_statements)) " statements." }
                }
            }
        }
        section aria-labelledby="events" {
            h2 id="events" { "What the daemon and its people did" }
            (filter.form(PATH, &FIELDS))
            (layout::caveats(&found))
            @if found.rows.is_empty() { p class="empty" { "Nothing matches." } } @else { (events(&found.rows)) }
            (filter.pager(PATH, &found, "Older"))
        }
    };
    Ok(layout::page(&who, PATH, "Record", &content))
}

fn events(rows: &[Row]) -> Markup {
    html! {
        table class="list" {
            thead { tr { th scope="col" { "Time" } th scope="col" { "Kind" } th scope="col" { "Actor" } th scope="col" { "Message" } } }
            tbody { @for row in rows { tr {
                td data-label="Time" { (time(text(row, "at"))) }
                td data-label="Kind" { (value(text(row, "kind"))) }
                td data-label="Actor" { (value(text(row, "actor"))) }
                td data-label="Message" { (value(text(row, "message"))) }
            } } }
        }
    }
}

/// The part that the script fetches while a run is under way.
pub(super) async fn state(_: Who, State(console): State<Arc<Console>>) -> Markup {
    verification(&console)
}

fn verification(console: &Console) -> Markup {
    let state = console.verification.state();
    html! {
        @if let Some(since) = state.running {
            p data-running { "Running for " (span(since.elapsed().as_secs())) " …" }
        } @else if let Some(last) = &state.last {
            @match &last.report {
                Err(why) => p class="told bad" role="alert" { "It could not look: " (plain(why)) },
                Ok(report) => {
                    p {
                        @if report.sound() { (badge("ok")) " Sound" } @else { span class="alarm" { "NOT SOUND: " (report.findings.len()) " findings" } }
                        ", " (moment(last.at)) ", in " (format!("{:.1} s", last.took.as_secs_f64()))
                    }
                    @if !report.sound() {
                        ul class="plain findings" { @for finding in report.findings.iter().take(50) { li { (plain(&finding.to_string())) } } }
                        @if report.findings.len() > 50 { p class="quiet" { "and " (report.findings.len() - 50) " more: " code { "interdict audit verify" } " tells them all" } }
                    }
                    @match &report.seals {
                        None => p class="quiet" { "There are no seals: whoever may write to the directory could write the record anew." },
                        Some(seals) => p {
                            (number(seals.seals)) " seals up to " (number(seals.last))
                            @if let Some(at) = &seals.made_at { ", the last of " (time(at)) }
                            @if seals.proven { ", vouched for by a key that was given" } @else { ", by their own keys: verify elsewhere with the public key" }
                            @if seals.waiting > 0 { "; " (number(seals.waiting)) " segments wait for theirs" }
                            @if seals.deleted_segments > 0 { "; " (number(seals.deleted_segments)) " segments with " (number(seals.deleted_rows)) " rows were deleted with receipts" }
                            @if let Some(anchored) = seals.anchored { "; " (number(anchored)) " are at the anchor" }
                        },
                    }
                    details { summary { "Chains" }
                        ul class="plain" { @for (table, chain) in &report.tables {
                            li { (table) ": " (number(chain.rows)) " rows up to " (number(chain.last_seq)) " " (code(&chain.last_hash)) }
                        } }
                    }
                }
            }
        } @else {
            p { "Not run since the daemon started." }
        }
    }
}

pub(super) async fn verify(State(console): State<Arc<Console>>, posted: Posted) -> Result<Redirect, Failure> {
    let person = &posted.who.login.visitor.person;
    if let Err(refusal) = verify::start(&console) {
        console.sessions.tell(&posted.who.cookie, false, &refusal.message);
    } else {
        let what = format!("{} has the record verified", person.name);
        console.office.note(person, "console_verify", what).await?;
    }
    Ok(Redirect::to(PATH))
}
