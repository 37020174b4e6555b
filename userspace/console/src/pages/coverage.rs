//! Whether everything passes here that should: the daemon's parts, and connections as counted on both sides.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Redirect;
use interdict_record::LedgerEntry;
use maud::{Markup, html};

use super::layout;
use crate::guard::{Failure, Posted, Who};
use crate::shown::{badge, moment, number, plain, span, value};
use crate::{Console, Kind, Quarantined, Refusal, Role, Status};

const PATH: &str = "/coverage";

pub(super) async fn page(who: Who, State(console): State<Arc<Console>>) -> Result<Markup, Failure> {
    let office = &console.office;
    let status = office.status().await?;
    let ledger = office.ledger().await;
    let quarantined = office.quarantined().await;
    let content = html! {
        h1 { "Coverage" }
        section class="card" aria-label="The daemon" {
            dl class="sums" {
                div { dt { "State" } dd { (badge(if status.ready { "ok" } else { "not ready" })) } }
                div { dt { "Mode" } dd { (plain(&status.mode)) } }
                div { dt { "Version" } dd { (plain(&status.release)) } }
                div { dt { "Up" } dd { (span(status.uptime)) } }
                div { dt { "Journal" } dd { (health(status.journal.as_ref())) } }
                div { dt { "Segments" } dd { (health(status.segments.as_ref())) } }
            }
            @for sentence in &status.attention { p class="told bad" role="alert" { (plain(sentence)) } }
            @if status.attention.is_empty() { p class="quiet" { "Nothing that a person must look at." } }
        }
        (counts("Services", &status.services))
        (workloads(&who, &status, quarantined))
        section aria-labelledby="ledger" {
            h2 id="ledger" { "Ledger" }
            p class="quiet" { "Connections as the kernel counts them and as the proxy does. A difference that stays is one that went around." }
            (counted(ledger))
        }
    };
    Ok(layout::page(&who, PATH, "Coverage", &content))
}

fn health(wrong: Option<&String>) -> Markup {
    match wrong {
        None => badge("ok"),
        Some(why) => html! { span class="alarm" { (plain(why)) } },
    }
}

fn counts(
    title: &str,
    all: &std::collections::BTreeMap<String, std::collections::BTreeMap<String, u64>>,
) -> Markup {
    html! {
        section {
            h2 { (title) }
            @if all.is_empty() { p class="empty" { "None." } }
            ul class="plain" {
                @for (name, counts) in all {
                    li { strong { (value(name)) } @for (what, count) in counts { " " span class="quiet" { (number(*count)) " " (plain(what)) } } }
                }
            }
        }
    }
}

fn workloads(who: &Who, status: &Status, quarantined: Result<Vec<Quarantined>, Refusal>) -> Markup {
    let (known, off) = match quarantined {
        Ok(known) => (known, None),
        Err(refusal) => (Vec::new(), Some(refusal)),
    };
    html! {
        section aria-labelledby="workloads" {
            h2 id="workloads" { "Workloads" }
            @if status.workloads.is_empty() { p class="empty" { "The settings have none." } }
            @if let Some(off) = &off && off.kind != Kind::Unavailable { p class="told bad" role="alert" { (plain(&off.message)) } }
            @for (name, counts) in &status.workloads {
                @let held = known.iter().find(|one| one.workload == *name);
                article class="card" data-row {
                    div class="line" {
                        h3 { (value(name)) }
                        @for (what, count) in counts { span class="quiet" { (number(*count)) " " (plain(what)) } }
                        @if let Some(held) = held { (badge("quarantine")) span class="quiet" { "since " (moment(held.since)) " by " (value(&held.by)) } }
                    }
                    @if who.role() == Role::Admin && off.is_none() {
                        form method="post" class="inline" action=(if held.is_some() { "/coverage/lift" } else { "/coverage/quarantine" }) {
                            (layout::token(who))
                            input type="hidden" name="workload" value=(name);
                            @if held.is_some() { button type="submit" { "Lift the quarantine" } }
                            @else { button type="submit" class="danger" data-confirm=(format!("Cut all connections of {} and refuse new ones?", plain(name))) { "Quarantine" } }
                        }
                    }
                }
            }
        }
    }
}

fn counted(ledger: Result<Vec<LedgerEntry>, Refusal>) -> Markup {
    let rows = match ledger {
        Ok(rows) => rows,
        Err(refusal) => return html! { p class="empty" { (plain(&refusal.message)) } },
    };
    html! {
        @if rows.is_empty() { p class="empty" { "Nothing was counted yet." } } @else {
            table class="list" {
                thead { tr {
                    th scope="col" { "Workload" }
                    th scope="col" { "Service" }
                    @for name in ["Seen", "Redirected", "Refused", "Exempt", "Failed open", "Established", "Sessions", "Pending", "Difference"] { th scope="col" class="number" { (name) } }
                    th scope="col" { "Flags" }
                } }
                tbody { @for row in &rows { tr {
                    td data-label="Workload" { (value(&row.workload)) }
                    td data-label="Service" { (value(&row.service)) }
                    @for (name, count) in [("Seen", row.seen), ("Redirected", row.redirected), ("Refused", row.refused), ("Exempt", row.exempt), ("Failed open", row.failed_open), ("Established", row.established), ("Sessions", row.sessions)] {
                        td data-label=(name) class="number" { (number(count)) }
                    }
                    td data-label="Pending" class="number" { (row.pending) }
                    td data-label="Difference" class="number" { span class=[(row.difference != 0).then_some("alarm")] { (row.difference) } }
                    td data-label="Flags" { @for flag in &row.flags { span class="flag" { (value(flag)) } " " } }
                } } }
            }
        }
    }
}

pub(super) async fn quarantine(
    State(console): State<Arc<Console>>,
    posted: Posted,
) -> Result<Redirect, Failure> {
    posted.who.may(Role::Admin)?;
    let workload = posted.get("workload").unwrap_or_default();
    let done = console
        .office
        .quarantine(&posted.who.login.visitor.person, workload)
        .await;
    tell(&console, &posted, done, &format!("{workload} is in quarantine"));
    Ok(Redirect::to(PATH))
}

pub(super) async fn lift(State(console): State<Arc<Console>>, posted: Posted) -> Result<Redirect, Failure> {
    posted.who.may(Role::Admin)?;
    let workload = posted.get("workload").unwrap_or_default();
    let done = console
        .office
        .lift(&posted.who.login.visitor.person, workload)
        .await;
    tell(&console, &posted, done, &format!("{workload} may connect again"));
    Ok(Redirect::to(PATH))
}

fn tell(console: &Console, posted: &Posted, done: Result<(), Refusal>, good: &str) {
    match done {
        Ok(()) => console.sessions.tell(&posted.who.cookie, true, good),
        Err(refusal) => console.sessions.tell(&posted.who.cookie, false, &refusal.message),
    }
}
