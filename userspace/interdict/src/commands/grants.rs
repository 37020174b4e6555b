//! `interdict grants`

use std::io::{self, Write};

use anyhow::bail;
use interdict_approvals::{Listed, NewGrant, Until};

use super::approvals::no;
use super::when::{Span, When};
use super::{Answer, door};
use crate::admin::{Request, Response};
use crate::cli::{Door, GrantCreate, Grants, Verdict};
use crate::output::{self, Align};

/// No when the daemon refuses, or there is none of that id.
pub(super) fn grants(command: Grants) -> anyhow::Result<Answer> {
    match command {
        Grants::Create(arguments) => create(*arguments),
        Grants::List { all, door, json } => list(&door, all, json.json),
        Grants::Revoke { which } => {
            let Verdict { id, reason, .. } = which;
            ask(&which.door, which.json.json, &Request::GrantRevoke { id, reason })
        }
        Grants::Review { which } => {
            let Verdict { id, reason, .. } = which;
            ask(&which.door, which.json.json, &Request::GrantReview { id, reason })
        }
    }
}

fn create(arguments: GrantCreate) -> anyhow::Result<Answer> {
    let GrantCreate {
        identity,
        service,
        effect,
        relation,
        column,
        rows,
        length,
        until,
        from,
        reason,
        ticket,
        break_glass,
        door,
        json,
    } = arguments;
    let until = match (length, until) {
        (Some(Span(seconds)), _) => Until::Seconds(seconds),
        (None, Some(When(at))) => Until::At(at),
        (None, None) => bail!("expected --for DURATION or --until TIME"),
    };
    let grant = NewGrant {
        identities: identity,
        services: service,
        effects: effect,
        relations: relation,
        columns: column,
        rows,
        starts_at: from.map(|When(at)| at),
        until,
        reason,
        ticket,
        break_glass,
    };
    ask(&door, json.json, &Request::GrantCreate { grant })
}

fn ask(door: &Door, json: bool, request: &Request) -> anyhow::Result<Answer> {
    match door::ask(door, request) {
        Ok(Response::Grant { grant }) => {
            let mut out = io::stdout().lock();
            if json {
                output::json(&mut out, &grant)?;
            } else {
                writeln!(out, "{}", sentence(&grant))?;
            }
            Ok(Answer::Yes)
        }
        Ok(_) => Err(door::unexpected()),
        Err(error) => no(error),
    }
}

fn sentence(listed: &Listed) -> String {
    let Listed { grant, state, .. } = listed;
    let mut parts = vec![format!("{} is {state}", grant.id)];
    if listed.ended_at.is_none() {
        let (from, until) = (door::moment(grant.starts_at), door::moment(grant.ends_at));
        parts.push(format!("from {from} until {until}"));
    } else if let Some(used) = &listed.used {
        parts.push(format!(
            "used by {} statements for {} rows",
            used.statements, used.rows
        ));
    }
    if listed.review_due {
        parts.push("somebody else has to review it".to_owned());
    }
    if let Some(by) = &listed.reviewed_by {
        parts.push(format!("reviewed by {by}"));
    }
    parts.join("; ")
}

fn list(door: &Door, all: bool, json: bool) -> anyhow::Result<Answer> {
    let grants = match door::ask(door, &Request::Grants { all }) {
        Ok(Response::Grants { grants }) => grants,
        Ok(_) => return Err(door::unexpected()),
        Err(error) => return no(error),
    };
    let mut out = io::stdout().lock();
    if json {
        output::json_array(&mut out, grants.into_iter().map(Ok))?;
        return Ok(Answer::Yes);
    }
    if grants.is_empty() {
        writeln!(out, "no grant is in force")?;
        return Ok(Answer::Yes);
    }
    let mut table = output::Table::new([
        ("ID", Align::Left),
        ("STATE", Align::Left),
        ("UNTIL", Align::Left),
        ("IDENTITIES", Align::Left),
        ("SERVICES", Align::Left),
        ("FOR", Align::Left),
        ("USED", Align::Right),
        ("BY", Align::Left),
        ("REASON", Align::Left),
    ]);
    for listed in grants {
        let what = bounds(&listed);
        let Listed {
            grant,
            state,
            review_due,
            used,
            ..
        } = listed;
        table.row([
            grant.id.to_string(),
            if review_due {
                format!("{state}, review it")
            } else {
                state
            },
            door::moment(grant.ends_at),
            grant.identities.join(" "),
            grant.services.join(" "),
            what,
            used.map_or_else(String::new, |used| used.statements.to_string()),
            grant.created_by,
            grant.reason,
        ]);
    }
    table.write(&mut out)?;
    Ok(Answer::Yes)
}

/// What a grant is for, in short.
fn bounds(listed: &Listed) -> String {
    let grant = &listed.grant;
    let or = |list: &[String], none: &str| {
        if list.is_empty() {
            none.to_owned()
        } else {
            list.join(" ")
        }
    };
    let mut parts = vec![format!(
        "{} of {}",
        or(&grant.effects, "anything"),
        or(&grant.relations, "anything")
    )];
    if !grant.columns.is_empty() {
        parts.push(format!("showing {}", grant.columns.join(" ")));
    }
    parts.extend(grant.rows.map(|rows| format!("{rows} rows")));
    if grant.break_glass {
        parts.push("break-glass".to_owned());
    }
    parts.join(", ")
}
