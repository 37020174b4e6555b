//! `interdict approvals`

mod watch;

use std::io::{self, Write};

use interdict_approvals::{Approval, State};
use serde_json::json;

use super::{Answer, door};
use crate::admin::{CallError, RefusalKind, Request, Response};
use crate::cli::{Approvals, Door, Verdict};
use crate::commands::when::Span;
use crate::output::{self, Align};

/// No when the daemon refuses, or there is none of that id.
pub(super) fn approvals(command: Approvals) -> anyhow::Result<Answer> {
    match command {
        Approvals::List { all, door, json } => list(&door, all, json.json),
        Approvals::Show { id, door, json } => show(&door, id, json.json),
        Approvals::Approve { verdict, grant } => decide(verdict, true, grant),
        Approvals::Deny { verdict } => decide(verdict, false, None),
        Approvals::Watch { door } => watch::watch(&door),
    }
}

/// What the daemon says no to, as against what could not be asked.
pub(super) fn no(error: anyhow::Error) -> anyhow::Result<Answer> {
    match error.downcast_ref::<CallError>() {
        Some(CallError::Refused(refusal))
            if matches!(
                refusal.kind,
                RefusalKind::NotFound
                    | RefusalKind::NotPermitted
                    | RefusalKind::TooLate
                    | RefusalKind::Invalid
            ) =>
        {
            eprintln!("interdict: {refusal}");
            Ok(Answer::No)
        }
        _ => Err(error),
    }
}

fn fetch(door: &Door, past: bool) -> anyhow::Result<Vec<Approval>> {
    match door::ask(door, &Request::Approvals { past })? {
        Response::Approvals { approvals } => Ok(approvals),
        _ => Err(door::unexpected()),
    }
}

fn list(door: &Door, all: bool, json: bool) -> anyhow::Result<Answer> {
    let approvals = match fetch(door, all) {
        Ok(approvals) => approvals,
        Err(error) => return no(error),
    };
    let mut out = io::stdout().lock();
    if json {
        output::json_array(&mut out, approvals.into_iter().map(Ok))?;
        return Ok(Answer::Yes);
    }
    if approvals.is_empty() {
        writeln!(out, "no statement waits for approval")?;
        return Ok(Answer::Yes);
    }
    table(&approvals, crate::record::now()).write(&mut out)?;
    Ok(Answer::Yes)
}

/// The end of an id: ids that were made within a minute begin alike.
fn short(id: uuid::Uuid) -> String {
    let text = id.to_string();
    text.get(28..).map(str::to_owned).unwrap_or(text)
}

fn table(approvals: &[Approval], now: i64) -> output::Table {
    let mut table = output::Table::new([
        ("ID", Align::Left),
        ("STATE", Align::Left),
        ("LEFT", Align::Right),
        ("IDENTITY", Align::Left),
        ("SERVICE", Align::Left),
        ("RULE", Align::Left),
        ("VOTES", Align::Left),
        ("STATEMENT", Align::Left),
    ]);
    for one in approvals {
        let yes = one.votes.iter().filter(|vote| vote.approve).count();
        table.row([
            short(one.id),
            one.state.as_str().to_owned(),
            left(one, now),
            one.identity.clone(),
            one.service.clone(),
            one.rule.clone().unwrap_or_default(),
            format!("{yes}/{}", one.quorum),
            one.statement.clone(),
        ]);
    }
    table
}

/// How long somebody may still decide about it, or use it.
fn left(one: &Approval, now: i64) -> String {
    if !matches!(one.state, State::Pending | State::Approved) {
        return "-".to_owned();
    }
    let seconds = one.expires_at.saturating_sub(now).max(0) / 1_000_000;
    match seconds {
        0..120 => format!("{seconds}s"),
        120..7200 => format!("{}m", seconds / 60),
        _ => format!("{}h", seconds / 3600),
    }
}

fn show(door: &Door, id: String, json: bool) -> anyhow::Result<Answer> {
    match door::ask(door, &Request::Approval { id }) {
        Ok(Response::Approval { approval, objection }) => {
            let mut out = io::stdout().lock();
            if json {
                let document = json!({ "approval": approval, "objection": objection });
                output::json(&mut out, &document)?;
            } else {
                write(&approval, objection.as_deref(), &mut out)?;
            }
            Ok(Answer::Yes)
        }
        Ok(_) => Err(door::unexpected()),
        Err(error) => no(error),
    }
}

fn decide(verdict: Verdict, approve: bool, grant: Option<Span>) -> anyhow::Result<Answer> {
    let Verdict {
        id,
        reason,
        door,
        json,
    } = verdict;
    let request = Request::Decide {
        id,
        approve,
        reason,
        grant_seconds: grant.map(|Span(seconds)| seconds),
    };
    match door::ask(&door, &request) {
        Ok(Response::Approval { approval, .. }) => {
            let mut out = io::stdout().lock();
            if json.json {
                output::json(&mut out, &approval)?;
            } else {
                writeln!(out, "{}", outcome(&approval, approve))?;
            }
            Ok(Answer::Yes)
        }
        Ok(_) => Err(door::unexpected()),
        Err(error) => no(error),
    }
}

/// What came of a decision, as a sentence.
fn outcome(approval: &Approval, approve: bool) -> String {
    let id = approval.id;
    let yes = approval.votes.iter().filter(|vote| vote.approve).count();
    match approval.state {
        State::Approved if approval.grant_id.is_some() => format!(
            "{id} is approved, and the grant {} is in force",
            approval.grant_id.unwrap_or_default()
        ),
        State::Approved => format!("{id} is approved"),
        State::Denied => format!("{id} is denied"),
        State::Pending if approve => format!(
            "{id}: {yes} of {} different people have approved it",
            approval.quorum
        ),
        other => format!("{id} is {}", other.as_str()),
    }
}

/// Text that may have several lines, indented, without anything that a terminal would act upon.
fn block(text: &str) -> String {
    let clean = |c: char| {
        if c == '\n' || !c.is_control() {
            c
        } else {
            '\u{fffd}'
        }
    };
    let text: String = text.replace('\t', "    ").chars().map(clean).collect();
    text.trim_end().replace('\n', "\n    ")
}

fn write(one: &Approval, objection: Option<&str>, out: &mut impl Write) -> io::Result<()> {
    let mut line = |name: &str, value: &str| {
        if value.is_empty() {
            Ok(())
        } else {
            writeln!(out, "{name:<12}  {}", block(value))
        }
    };
    let about = &one.about;
    let number = |number: Option<u32>| number.map(|number| number.to_string()).unwrap_or_default();
    line("approval", &one.id.to_string())?;
    line("state", one.state.as_str())?;
    line("asked", &door::moment(one.asked_at))?;
    line("until", &door::moment(one.expires_at))?;
    line("identity", &one.identity)?;
    line("attestation", &about.attestation)?;
    line("workload", about.workload.as_deref().unwrap_or_default())?;
    line("pid", &number(about.pid))?;
    line("uid", &number(about.uid))?;
    line("executable", about.executable.as_deref().unwrap_or_default())?;
    line("command", about.command.as_deref().unwrap_or_default())?;
    line("ancestry", &about.ancestry.join(" ← "))?;
    for (name, value) in &about.claims {
        line(&format!("claim {name}"), value)?;
    }
    line("service", &format!("{} ({})", one.service, one.protocol))?;
    line("database", &one.database)?;
    line("db user", &one.db_user)?;
    line("application", &one.application)?;
    line("session", &one.session_id.to_string())?;
    line("policy", one.policy.as_deref().unwrap_or_default())?;
    line("rule", one.rule.as_deref().unwrap_or_default())?;
    line("message", &one.message)?;
    line("effects", &one.effects.join(", "))?;
    let relations = one.relations.iter();
    let relations: Vec<String> = relations
        .map(|(name, access)| format!("{name} ({access})"))
        .collect();
    line("relations", &relations.join(", "))?;
    if let Some((rows, bytes)) = one.result {
        line(
            "result",
            &format!("{rows} rows, {bytes} bytes were about to be sent"),
        )?;
    }
    line("digest", &one.digest)?;
    line("approvers", &one.approvers.join(", "))?;
    line("quorum", &one.quorum.to_string())?;
    for vote in &one.votes {
        let said = if vote.approve { "approves" } else { "denies" };
        let text = format!("{} ({}): {}", vote.person.name, vote.person.via, vote.reason);
        line(said, &text)?;
    }
    if let Some(grant) = one.grant_id {
        line("grant", &grant.to_string())?;
    }
    line("you", objection.unwrap_or("may decide about it"))?;
    writeln!(out, "statement\n    {}", block(&one.statement))?;
    for (position, parameter) in one.parameters.iter().enumerate() {
        let shown = parameter.as_deref().map_or("(null or not shown)", |value| value);
        writeln!(out, "    ${} = {}", position.saturating_add(1), block(shown))?;
    }
    if let Some(plan) = &one.plan {
        writeln!(out, "plan\n    {}", block(plan))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
