//! How things stand.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use interdict_audit::{Query, Table, Tally};
use maud::{Markup, html};

use super::{layout, reading, sessions, statements};
use crate::guard::{Failure, Who};
use crate::shown::{moment, number, plain, span};
use crate::verify::State as Verified;
use crate::{Console, Status};

const MINUTES: i64 = 60;
const MINUTE: i64 = 60_000_000;

pub(super) async fn page(who: Who, State(console): State<Arc<Console>>) -> Result<Markup, Failure> {
    let status = console.office.status().await?;
    let (open, denied, tally) = reading(&console, |console| {
        let mut open = console.browser.open_sessions()?;
        open.truncate(8);
        let mut query = Query::new(Table::Statements, 8);
        query.equal = vec![("decision".to_owned(), "deny".to_owned())];
        query.patience = Duration::from_millis(300);
        let denied = console.browser.find(&query)?;
        let from = jiff::Timestamp::now().as_microsecond() - MINUTES * MINUTE;
        Ok((
            open,
            denied,
            console.browser.tally(from, Duration::from_millis(500))?,
        ))
    })
    .await?;
    let content = html! {
        h1 { "Overview" }
        (attention(&status))
        (tiles(&status, &tally, &console.verification.state()))
        (chart(&tally))
        section aria-labelledby="live-sessions" {
            h2 id="live-sessions" { "Open sessions" }
            @if open.is_empty() { p class="empty" { "No session is open." } } @else { (sessions::table(open.iter())) }
        }
        section aria-labelledby="denied" {
            h2 id="denied" { "Denied last" }
            (layout::caveats(&interdict_audit::Found { out_of_time: false, ..denied.clone() }))
            @if denied.rows.is_empty() {
                p class="empty" {
                    @if denied.out_of_time { "None among the newest statements; " a href="/statements?decision=deny" { "look further back" } "." }
                    @else { "Nothing was denied." }
                }
            } @else { (statements::table(&denied.rows)) }
        }
    };
    Ok(layout::page(&who, "/", "Overview", &content))
}

fn attention(status: &Status) -> Markup {
    let health = [&status.journal, &status.segments];
    let wrong = health.into_iter().flatten().chain(&status.attention);
    html! {
        @for sentence in wrong { p class="told bad" role="alert" { (plain(sentence)) } }
        @if status.mode == "off" {
            p class="told" { "The kernel's side is off: only explicit listeners are protected, and connections around them are not seen." }
        }
    }
}

fn sum(tally: &Tally, last: usize, only: Option<&str>) -> u64 {
    let now = jiff::Timestamp::now().as_microsecond();
    let from = now.saturating_sub(MINUTE.saturating_mul(last as i64));
    tally
        .minutes
        .range(from..)
        .flat_map(|(_, counts)| counts)
        .filter(|(decision, _)| only.is_none_or(|only| only == decision.as_str()))
        .map(|(_, count)| count)
        .sum()
}

fn tiles(status: &Status, tally: &Tally, verified: &Verified) -> Markup {
    let tile = |label: &str, href: &str, figure: Markup, more: Markup| {
        html! { a class="tile" href=(href) { span class="label" { (label) } strong { (figure) } span class="quiet" { (more) } } }
    };
    let five = sum(tally, 5, None);
    let state = if status.ready && status.mode != "detached" {
        "ready"
    } else {
        "not ready"
    };
    let proof = match (&verified.running, &verified.last) {
        (Some(_), _) => (html! { "running" }, html! {}),
        (None, None) => (html! { "not verified" }, html! { "since the daemon started" }),
        (None, Some(last)) if last.is_sound() => (html! { "sound" }, html! { (moment(last.at)) }),
        (None, Some(last)) => (
            html! { span class="alarm" { "NOT SOUND" } },
            html! { (moment(last.at)) },
        ),
    };
    html! {
        div class="tiles" {
            (tile("Daemon", "/coverage", html! { (state) }, html! { (plain(&status.mode)) ", " (plain(&status.release)) ", up " (span(status.uptime)) }))
            (tile("Open sessions", "/sessions", html! { (number(status.sessions)) }, html! { "of " (status.services.len()) @if status.services.len() == 1 { " service" } @else { " services" } }))
            (tile("Statements a minute", "/statements", html! { (number(five / 5)) }, html! { "mean of five minutes" }))
            (tile("Denied", "/statements?decision=deny&from=1h", html! { (number(sum(tally, 60, Some("deny")))) }, html! { "in the last hour" }))
            (tile("Waiting", "/approvals", html! { span id="tile-waiting" { (number(status.waiting)) } }, html! { "for somebody to decide" }))
            (tile("Record", "/record", proof.0, proof.1))
        }
    }
}

/// Statements a minute as bars; the numbers are in a table for those who don't see them.
fn chart(tally: &Tally) -> Markup {
    let now = jiff::Timestamp::now().as_microsecond();
    let this = now.saturating_sub(now.rem_euclid(MINUTE));
    let minute = |back: i64| {
        let counts = tally
            .minutes
            .get(&this.saturating_sub(back.saturating_mul(MINUTE)));
        let all: u64 = counts.map_or(0, |counts| counts.values().sum());
        let denied = counts.and_then(|counts| counts.get("deny")).copied().unwrap_or(0);
        (all, denied)
    };
    let bars: Vec<(u64, u64)> = (0..MINUTES).rev().map(minute).collect();
    let most = bars.iter().map(|(all, _)| *all).max().unwrap_or(0).max(1);
    let height = |count: u64| {
        if count == 0 {
            0.0
        } else {
            (count as f64 / most as f64 * 56.0).max(1.5)
        }
    };
    html! {
        figure class="chart" {
            figcaption {
                "Statements by minute, the last hour" @if !tally.whole { " (not all could be counted in time)" }
                span class="legend" { span class="key all" {} " all " span class="key denied" {} " denied; at most " (number(most)) }
            }
            svg viewBox="0 0 600 60" preserveAspectRatio="none" role="img" aria-label=(format!("At most {most} statements a minute in the last hour, {} denied in all", bars.iter().map(|(_, denied)| denied).sum::<u64>())) {
                @for (place, (all, denied)) in bars.iter().enumerate() {
                    @let x = place * 10 + 1;
                    rect class="all" x=(x) y=(60.0 - height(*all)) width="8" height=(height(*all)) {}
                    rect class="denied" x=(x) y=(60.0 - height(*denied)) width="8" height=(height(*denied)) {}
                }
            }
        }
    }
}
