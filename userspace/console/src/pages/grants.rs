//! Access that was given for a while.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Redirect;
use http::Uri;
use interdict_approvals::{Listed, NewGrant, Until};
use maud::{Markup, html};

use super::filter::Filter;
use super::layout;
use super::session::id;
use crate::guard::{Failure, Posted, Who};
use crate::shown::{badge, bytes, moment, number, value};
use crate::{Console, Refusal, Role};

const PATH: &str = "/grants";

pub(super) async fn page(who: Who, State(console): State<Arc<Console>>, uri: Uri) -> Result<Markup, Failure> {
    let all = Filter::of(&uri).get("all").is_some();
    let mut grants = console.office.grants(all).await?;
    grants.reverse();
    let content = html! {
        div class="line" {
            h1 { "Grants" }
            @if all { a class="button" href=(PATH) { "Only those that are not over" } }
            @else { a class="button" href="/grants?all=1" { "Also those that are over" } }
        }
        @if grants.is_empty() { p class="empty" { "No grant." } }
        @for grant in &grants { (one(&who, grant)) }
        section class="card" aria-labelledby="mint" {
            h2 id="mint" { "Give access" }
            (layout::permitted(&who, Role::Admin, &form(&who, &console.office.services())))
        }
    };
    Ok(layout::page(&who, PATH, "Grants", &content))
}

fn one(who: &Who, listed: &Listed) -> Markup {
    let grant = &listed.grant;
    let names = |label: &str, list: &[String], none: &str| {
        let text = if list.is_empty() {
            none.to_owned()
        } else {
            list.join(", ")
        };
        html! { @if !text.is_empty() { div { dt { (label) } dd { (value(&text)) } } } }
    };
    html! {
        article class="card" id=(format!("g-{}", grant.id)) data-row {
            div class="line" {
                h2 { a class="main" href=(format!("#g-{}", grant.id)) { (value(&grant.identities.join(", "))) } }
                (badge(&listed.state))
                @if grant.break_glass { span class="badge warn" { "break-glass" } }
                @if listed.review_due { span class="badge bad" { "to be reviewed" } }
            }
            p { (value(&grant.reason)) @if let Some(ticket) = &grant.ticket { " " span class="quiet" { (value(ticket)) } } }
            dl class="facts" {
                div { dt { "From" } dd { (moment(grant.starts_at)) } }
                div { dt { "Until" } dd { (moment(grant.ends_at)) } }
                (names("Services", &grant.services, ""))
                (names("Effects", &grant.effects, "anything"))
                (names("Relations", &grant.relations, "any"))
                (names("Shown unmasked", &grant.columns, ""))
                @if let Some(rows) = grant.rows { div { dt { "Rows at most" } dd { (number(rows)) } } }
                div { dt { "Given by" } dd { (value(&grant.created_by)) " " (moment(grant.created_at)) } }
                @if let Some(id) = grant.approval_id { div { dt { "Approval" } dd { a href=(format!("/approvals/{id}")) { code { (id) } } } } }
                @if let Some(by) = &listed.ended_by { div { dt { "Ended by" } dd { (value(by)) @if let Some(at) = listed.ended_at { " " (moment(at)) } @if let Some(why) = &listed.end_reason { ": " (value(why)) } } } }
                @if let Some(by) = &listed.reviewed_by { div { dt { "Reviewed by" } dd { (value(by)) } } }
                @if let Some(used) = &listed.used {
                    div { dt { "Used" } dd { a href=(format!("/statements?grant={}", grant.id)) { (number(used.statements)) " statements" } ", " (number(used.rows)) " rows, " (bytes(used.bytes)) } }
                    (names("Touched", &used.relations.iter().map(|(name, access)| format!("{name} ({access})")).collect::<Vec<_>>(), ""))
                }
            }
            @if who.role() == Role::Admin {
                @if listed.ended_at.is_none() && matches!(listed.state.as_str(), "in force" | "coming") { (act(who, grant.id, "revoke", "Revoke", "danger")) }
                @if listed.review_due { (act(who, grant.id, "review", "Note as reviewed", "primary")) }
            }
        }
    }
}

fn act(who: &Who, id: uuid::Uuid, what: &str, label: &str, kind: &str) -> Markup {
    html! {
        form method="post" class="inline" action=(format!("{PATH}/{id}/{what}")) {
            (layout::token(who))
            label { span { "Reason" } input type="text" name="reason" required maxlength="4096" autocomplete="off"; }
            button type="submit" class=(kind) { (label) }
        }
    }
}

fn form(who: &Who, services: &[String]) -> Markup {
    let field = |name: &str, label: &str, example: &str, required: bool| {
        html! { label { span { (label) } input type="text" name=(name) placeholder=(example) required[required] autocomplete="off" spellcheck="false"; } }
    };
    html! {
        form method="post" class="fields" action=(PATH) {
            (layout::token(who))
            (field("identities", "Identities", "unit:billing.service, name=user:ada", true))
            label { span { "Services" } input type="text" name="services" list="services" required placeholder="clinic" autocomplete="off"; }
            datalist id="services" { @for service in services { option value=(service) {} } }
            (field("effects", "Effects (none: anything)", "read, update", false))
            (field("relations", "Relations (none: any)", "public.patients", false))
            (field("columns", "Columns shown as they are", "patients.ssn", false))
            label { span { "Rows of a statement at most" } input type="number" name="rows" min="1" placeholder="any"; }
            label { span { "For, in minutes" } input type="number" name="minutes" min="1" max="527040" required value="60"; }
            (field("ticket", "Ticket", "CHG-1234", false))
            label class="wide" { span { "Reason" } textarea name="reason" rows="2" required maxlength="4096" {} }
            label class="check" { input type="checkbox" name="break_glass" value="yes"; span { "Break-glass: nobody else was asked, and somebody else has to review it" } }
            p class="quiet wide" { "It lets pass what a policy would hold, or refuse because nothing allows it; what a rule refuses stays refused. Several of one kind are separated by commas." }
            button type="submit" class="primary" { "Give access" }
        }
    }
}

fn names(text: Option<&str>) -> Vec<String> {
    let parts = text.unwrap_or_default().split(',').map(str::trim);
    parts.filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

fn told(console: &Console, posted: &Posted, outcome: Result<Listed, Refusal>) -> Redirect {
    match outcome {
        Ok(listed) => {
            let what = format!("the grant {} is {}", listed.grant.id, listed.state);
            console.sessions.tell(&posted.who.cookie, true, &what);
        }
        Err(refusal) => console.sessions.tell(&posted.who.cookie, false, &refusal.message),
    }
    Redirect::to(PATH)
}

pub(super) async fn mint(State(console): State<Arc<Console>>, posted: Posted) -> Result<Redirect, Failure> {
    posted.who.may(Role::Admin)?;
    let whole = |name: &str| match posted.get(name).map(str::parse::<u64>) {
        None => Ok(None),
        Some(Ok(number)) if number > 0 => Ok(Some(number)),
        Some(_) => Err(format!("{name}: expected a whole number from 1")),
    };
    let (rows, minutes) = match (whole("rows"), whole("minutes")) {
        (Ok(rows), Ok(Some(minutes))) => (rows, minutes),
        (Err(what), _) | (_, Err(what)) => {
            console.sessions.tell(&posted.who.cookie, false, &what);
            return Ok(Redirect::to(PATH));
        }
        (_, Ok(None)) => {
            console.sessions.tell(
                &posted.who.cookie,
                false,
                "minutes: expected how long the grant is for",
            );
            return Ok(Redirect::to(PATH));
        }
    };
    let grant = NewGrant {
        identities: names(posted.get("identities")),
        services: names(posted.get("services")),
        effects: names(posted.get("effects")),
        relations: names(posted.get("relations")),
        columns: names(posted.get("columns")),
        rows,
        starts_at: None,
        until: Until::Seconds(minutes.saturating_mul(60)),
        reason: posted.get("reason").unwrap_or_default().to_owned(),
        ticket: posted.get("ticket").map(str::to_owned),
        break_glass: posted.get("break_glass").is_some(),
    };
    let outcome = console.office.mint(&posted.who.login.visitor.person, grant).await;
    Ok(told(&console, &posted, outcome))
}

pub(super) async fn revoke(
    State(console): State<Arc<Console>>,
    Path(asked): Path<String>,
    posted: Posted,
) -> Result<Redirect, Failure> {
    let (grant, reason) = about(&asked, &posted)?;
    let outcome = console
        .office
        .revoke(&posted.who.login.visitor.person, grant, reason)
        .await;
    Ok(told(&console, &posted, outcome))
}

pub(super) async fn review(
    State(console): State<Arc<Console>>,
    Path(asked): Path<String>,
    posted: Posted,
) -> Result<Redirect, Failure> {
    let (grant, reason) = about(&asked, &posted)?;
    let outcome = console
        .office
        .review(&posted.who.login.visitor.person, grant, reason)
        .await;
    Ok(told(&console, &posted, outcome))
}

/// What an administrator says about a grant.
fn about<'a>(asked: &str, posted: &'a Posted) -> Result<(uuid::Uuid, &'a str), Failure> {
    posted.who.may(Role::Admin)?;
    Ok((id(asked)?, posted.get("reason").unwrap_or_default()))
}
