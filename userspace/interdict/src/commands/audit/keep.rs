//! `interdict audit hold …` and `interdict audit retain`

use std::io::Write as _;
use std::path::Path;

use interdict_audit::{Because, Hold, Retained};
use serde_json::json;

use super::super::when::When;
use super::super::{Answer, door};
use super::keys::{is_absent, places, runtime};
use crate::admin::{CallError, Peer, RefusalKind, Request, Response};
use crate::cli::{Door, HoldCommand};
use crate::output::{self, Align};
use crate::{record, run};

pub(super) fn hold(command: HoldCommand) -> anyhow::Result<Answer> {
    match command {
        HoldCommand::Place {
            table,
            since,
            until,
            reason,
            door,
            json,
        } => {
            let request = Request::HoldPlace {
                tables: table.iter().map(|table| table.name().to_owned()).collect(),
                from: since.map(|When(at)| at),
                until: until.map(|When(at)| at),
                reason,
            };
            change(&door, request, "is placed", json.json)
        }
        HoldCommand::Lift {
            id,
            reason,
            door,
            json,
        } => change(&door, Request::HoldLift { id, reason }, "is lifted", json.json),
        HoldCommand::List { record, json } => {
            let directory = match record.directory {
                Some(directory) => directory,
                None => places(&record.config.config)?.directory,
            };
            list(&directory, json.json)
        }
    }
}

/// By the daemon, or without one by this command.
fn change(door: &Door, request: Request, done: &str, json: bool) -> anyhow::Result<Answer> {
    let id = match door::ask(door, &request) {
        Ok(Response::Hold { id }) => id,
        Ok(_) => return Err(door::unexpected()),
        Err(error) if is_absent(&error) => match alone(door, request)? {
            Some(id) => id,
            None => return Ok(Answer::No),
        },
        Err(error) => match error.downcast_ref::<CallError>() {
            Some(CallError::Refused(refusal)) if refusal.kind == RefusalKind::NotFound => {
                eprintln!("interdict: {refusal}");
                return Ok(Answer::No);
            }
            _ => return Err(error),
        },
    };
    let mut out = std::io::stdout().lock();
    if json {
        output::json(&mut out, &json!({ "hold": id }))?;
    } else {
        writeln!(out, "legal hold {} {done}", output::readable(&id))?;
    }
    Ok(Answer::Yes)
}

/// `None`: there is no such hold.
fn alone(door: &Door, request: Request) -> anyhow::Result<Option<String>> {
    let settings = places(&door.config.config)?;
    let peer = Peer::this();
    let (id, record) = match request {
        Request::HoldPlace {
            tables,
            from,
            until,
            reason,
        } => {
            let hold = Hold {
                tables,
                from,
                until,
                ..Hold::new(reason, peer.actor(), record::now())
            };
            (hold.id.clone(), hold.place(peer.detail()))
        }
        Request::HoldLift { id, reason } => {
            if !interdict_audit::holds(&settings.directory)?
                .iter()
                .any(|hold| hold.id == id)
            {
                eprintln!("interdict: there is no legal hold {id}");
                return Ok(None);
            }
            let record = Hold::lift(&id, &reason, &peer.actor(), record::now(), peer.detail());
            (id, record)
        }
        _ => return Err(door::unexpected()),
    };
    runtime()?.block_on(async {
        let audit = record::open(&settings)?;
        audit.append(vec![record]).await?.durable().await?;
        audit.close().await?;
        Ok(Some(id))
    })
}

fn list(directory: &Path, json: bool) -> anyhow::Result<Answer> {
    let holds = interdict_audit::holds(directory)?;
    let mut out = std::io::stdout().lock();
    if json {
        output::json(&mut out, &holds)?;
        return Ok(Answer::Yes);
    }
    if holds.is_empty() {
        writeln!(out, "no legal hold is in force")?;
        return Ok(Answer::Yes);
    }
    let mut table = output::Table::new([
        ("HOLD", Align::Left),
        ("TABLES", Align::Left),
        ("FROM", Align::Left),
        ("UNTIL", Align::Left),
        ("BY", Align::Left),
        ("REASON", Align::Left),
    ]);
    let time = |at: Option<i64>| at.map_or_else(|| "-".to_owned(), door::moment);
    for hold in holds {
        let tables = if hold.tables.is_empty() {
            "all".to_owned()
        } else {
            hold.tables.join(",")
        };
        table.row([
            hold.id,
            tables,
            time(hold.from),
            time(hold.until),
            hold.by,
            hold.reason,
        ]);
    }
    table.write(&mut out)?;
    Ok(Answer::Yes)
}

pub(super) fn retain(config: &Path, dry: bool, json: bool) -> anyhow::Result<Answer> {
    let settings = places(config)?;
    let (directory, retention) = (&settings.directory, settings.retention.clone());
    let done = if dry {
        interdict_audit::plan(directory, &retention, record::now())?
    } else {
        runtime()?.block_on(async {
            let audit = record::open(&settings)?;
            let because = Because {
                reason: "audit.retention, by command".to_owned(),
                by: Peer::this().actor(),
            };
            let done = audit.retain(retention, record::now(), because).await?;
            audit.append(run::retained(&done)).await?.durable().await?;
            audit.close().await?;
            anyhow::Ok(done)
        })?
    };
    let mut out = std::io::stdout().lock();
    if json {
        output::json(&mut out, &done)?;
        return Ok(Answer::Yes);
    }
    let Retained {
        deleted,
        held,
        refused,
    } = done;
    let verb = if dry { "would delete" } else { "deleted" };
    for due in &deleted {
        writeln!(out, "{verb}  {}", due.path.display())?;
    }
    for due in &held {
        let hold = due.hold.as_deref().unwrap_or_default();
        writeln!(out, "held by {hold}  {}", due.path.display())?;
    }
    for what in &refused {
        writeln!(out, "kept  {what}")?;
    }
    writeln!(out, "{} segments {verb}, {} held", deleted.len(), held.len())?;
    Ok(Answer::Yes)
}
