//! What waits for somebody.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::response::Redirect;
use interdict_approvals::{Approval, Say, State as Stands};
use maud::{Markup, html};

use super::layout;
use super::session::id;
use crate::guard::{Failure, Posted, Who};
use crate::shown::{badge, block, brief, bytes, code, moment, number, span, value};
use crate::{Console, Role};

const PATH: &str = "/approvals";
/// The longest grant that comes of an approval, in minutes.
const LONGEST_GRANT: u64 = 24 * 60;

pub(super) async fn page(who: Who, State(console): State<Arc<Console>>) -> Markup {
    let mut all = console.office.approvals(true);
    all.reverse();
    let content = html! {
        h1 { "Approvals" }
        section aria-labelledby="wait" {
            h2 id="wait" { "Waiting" }
            div id="waiting-list" { (list(&all)) }
        }
        section aria-labelledby="over" {
            h2 id="over" { "Over" }
            (over(&all))
            p class="quiet" { "Since the daemon started, the last thousand; the record's table " code { "approvals" } " has all." }
        }
    };
    layout::page(&who, PATH, "Approvals", &content)
}

/// The part that the script fetches when something comes or goes.
pub(super) async fn waiting(_: Who, State(console): State<Arc<Console>>) -> Markup {
    let mut all = console.office.approvals(false);
    all.reverse();
    list(&all)
}

fn list(all: &[Approval]) -> Markup {
    let waiting: Vec<&Approval> = all.iter().filter(|one| one.state == Stands::Pending).collect();
    html! {
        @if waiting.is_empty() {
            p class="empty" { "Nothing waits." }
        } @else {
            table class="list" {
                (layout::headings(&["Asked", "Identity", "Service", "Statement", "Rule", "Votes", "Left"]))
                tbody { @for one in waiting { tr {
                    (asked(one))
                    (identity(one))
                    td data-label="Service" { (value(&one.service)) }
                    td data-label="Statement" class="statement" { (code(&brief(&one.statement, 160))) }
                    td data-label="Rule" { (value(one.rule.as_deref().unwrap_or_default())) }
                    td data-label="Votes" { (one.votes.len()) " of " (one.quorum) }
                    td data-label="Left" { (left(one)) }
                } } }
            }
        }
    }
}

fn asked(one: &Approval) -> Markup {
    html! { td data-label="Asked" { a class="main" href=(format!("{PATH}/{}", one.id)) { (moment(one.asked_at)) } } }
}

fn identity(one: &Approval) -> Markup {
    html! { td data-label="Identity" { (value(&brief(&one.identity, 60))) } }
}

fn left(one: &Approval) -> Markup {
    let now = jiff::Timestamp::now().as_microsecond();
    let seconds = one.expires_at.saturating_sub(now).max(0) as u64 / 1_000_000;
    html! { span class=[(seconds < 60).then_some("alarm")] { (span(seconds)) } }
}

fn over(all: &[Approval]) -> Markup {
    let over: Vec<&Approval> = all
        .iter()
        .filter(|one| one.state != Stands::Pending)
        .take(100)
        .collect();
    html! {
        @if over.is_empty() {
            p class="empty" { "Nothing was asked yet." }
        } @else {
            table class="list" {
                (layout::headings(&["Asked", "State", "Identity", "Statement", "By"]))
                tbody { @for one in over { tr {
                    (asked(one))
                    td data-label="State" { (badge(one.state.as_str())) }
                    (identity(one))
                    td data-label="Statement" class="statement" { (code(&brief(&one.statement, 120))) }
                    td data-label="By" { (value(&one.votes.iter().map(|vote| vote.person.name.as_str()).collect::<Vec<_>>().join(", "))) }
                } } }
            }
        }
    }
}

pub(super) async fn one(
    who: Who,
    State(console): State<Arc<Console>>,
    Path(asked): Path<String>,
) -> Result<Markup, Failure> {
    let approval = console.office.approval(id(&asked)?)?;
    let content = html! {
        nav class="crumbs" aria-label="Where this is" { a href=(PATH) { "Approvals" } " / " code { (approval.id) } }
        h1 { (value(&approval.identity)) " asks" }
        div class="line" {
            (badge(approval.state.as_str()))
            @if approval.state == Stands::Pending { span { "ends in " (left(&approval)) } }
            span { (approval.votes.len()) " of " (approval.quorum) " needed have said yes" }
        }
        (block(&approval.statement))
        @if !approval.message.is_empty() { p class="message" { (value(&approval.message)) } }
        (decision(&who, &approval))
        (votes(&approval))
        (about(&approval))
    };
    Ok(layout::page(&who, PATH, "An approval", &content))
}

fn decision(who: &Who, approval: &Approval) -> Markup {
    if approval.state != Stands::Pending {
        return html! {};
    }
    let objection = approval.objection(&who.login.visitor.person);
    let form = html! {
        @if let Some(objection) = objection {
            p class="told" role="status" { (value(&objection)) "." }
        } @else {
            form method="post" class="decide" action=(format!("{PATH}/{}", approval.id)) {
                (layout::token(who))
                label class="wide" { span { "Reason" } textarea name="reason" rows="2" required maxlength="4096" {} }
                label { span { "Also a grant, in minutes" } input type="number" name="grant" min="1" max=(LONGEST_GRANT) placeholder="none"; }
                div class="line" {
                    button type="submit" name="say" value="approve" class="primary good" { "Approve" }
                    button type="submit" name="say" value="deny" class="danger" { "Deny" }
                }
            }
        }
    };
    html! {
        section class="card" aria-labelledby="decide" {
            h2 id="decide" { "Decide" }
            (layout::permitted(who, Role::Approver, &form))
        }
    }
}

fn votes(approval: &Approval) -> Markup {
    html! {
        @if !approval.votes.is_empty() {
            section aria-labelledby="votes" {
                h2 id="votes" { "Said so far" }
                ul class="plain" {
                    @for vote in &approval.votes {
                        li {
                            (moment(vote.at)) " " (badge(if vote.approve { "approved" } else { "denied" })) " "
                            (value(&vote.person.name)) " " span class="quiet" { "(" (value(&vote.person.via)) ")" } ": " (value(&vote.reason))
                            @if let Some(seconds) = vote.grant_seconds { " " span class="quiet" { "with a grant for " (span(seconds)) } }
                        }
                    }
                }
            }
        }
    }
}

fn about(approval: &Approval) -> Markup {
    let relations: Vec<String> = approval
        .relations
        .iter()
        .map(|(name, access)| format!("{name} ({access})"))
        .collect();
    let about = &approval.about;
    let claims: Vec<String> = about
        .claims
        .iter()
        .map(|(name, value)| format!("{name}: {value}"))
        .collect();
    let facts: Vec<String> = approval
        .facts
        .iter()
        .map(|(name, value)| format!("{name}: {value}"))
        .collect();
    let texts: [(&str, Option<String>); 21] = [
        (
            "Service",
            Some(format!("{} ({})", approval.service, approval.protocol)),
        ),
        ("Database", Some(approval.database.clone())),
        ("Database user", Some(approval.db_user.clone())),
        ("Application", Some(approval.application.clone())),
        ("Effects", Some(approval.effects.join(", "))),
        ("Relations", Some(relations.join(", "))),
        (
            "Result",
            approval
                .result
                .map(|(rows, size)| format!("{} rows, {} so far", number(rows), bytes(size))),
        ),
        ("Policy", approval.policy.clone()),
        ("Rule", approval.rule.clone()),
        (
            "Who may decide",
            Some(if approval.approvers.is_empty() {
                "whoever may act on the admin socket".to_owned()
            } else {
                approval.approvers.join(", ")
            }),
        ),
        ("Attested by", Some(about.attestation.clone())),
        ("Workload", about.workload.clone()),
        ("Process", about.pid.map(|pid| pid.to_string())),
        ("User id", about.uid.map(|uid| uid.to_string())),
        ("Executable", about.executable.clone()),
        ("Its digest", about.executable_digest.clone()),
        ("Command", about.command.clone()),
        ("Ancestry", Some(about.ancestry.join(" ← "))),
        ("Claims", Some(claims.join(", "))),
        ("Facts", Some(facts.join(", "))),
        ("Digest", Some(approval.digest.clone())),
    ];
    html! {
        section class="card" aria-labelledby="about" {
            h2 id="about" { "What is known" }
            dl class="facts" {
                div { dt { "Session" } dd { a href=(format!("/sessions/{}", approval.session_id)) { code { (approval.session_id) } } } }
                @for (name, text) in &texts {
                    @if let Some(text) = text && !text.is_empty() { div { dt { (name) } dd { (value(text)) } } }
                }
                @if !approval.parameters.is_empty() {
                    div { dt { "Parameters" } dd { ol class="plain" {
                        @for one in &approval.parameters {
                            li { @if let Some(text) = one { (code(text)) } @else { span class="quiet" { "no value" } } }
                        }
                    } } }
                }
            }
            @if let Some(plan) = &approval.plan { h3 { "Plan" } (block(plan)) }
        }
    }
}

pub(super) async fn decide(
    State(console): State<Arc<Console>>,
    Path(asked): Path<String>,
    posted: Posted,
) -> Result<Redirect, Failure> {
    let id = id(&asked)?;
    posted.who.may(Role::Approver)?;
    let back = Redirect::to(&format!("{PATH}/{id}"));
    let tell = |good: bool, text: &str| console.sessions.tell(&posted.who.cookie, good, text);
    let approve = match posted.get("say") {
        Some("approve") => true,
        Some("deny") => false,
        _ => {
            tell(false, "expected approve or deny");
            return Ok(back);
        }
    };
    let minutes = match posted.get("grant").map(str::parse::<u64>) {
        None => None,
        Some(Ok(minutes)) if (1..=LONGEST_GRANT).contains(&minutes) => Some(minutes),
        Some(_) => {
            tell(
                false,
                "a grant that comes of an approval lasts from a minute to a day",
            );
            return Ok(back);
        }
    };
    let say = Say {
        approve,
        reason: posted.get("reason").unwrap_or_default().to_owned(),
        grant: minutes.map(|minutes| Duration::from_secs(minutes * 60)),
    };
    match console
        .office
        .decide(&posted.who.login.visitor.person, id, say)
        .await
    {
        Ok(approval) => tell(true, &format!("noted; it is {}", approval.state.as_str())),
        Err(refusal) => tell(false, &refusal.message),
    }
    Ok(back)
}
