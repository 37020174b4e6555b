//! `interdict quarantine`

use std::io::Write as _;

use serde_json::json;

use super::{Answer, door};
use crate::admin::{CallError, Quarantined, RefusalKind, Request, Response};
use crate::cli::{Door, Quarantine};
use crate::output::{self, Align};

/// No when there is no such workload, or nothing to lift.
pub(super) fn quarantine(arguments: Quarantine) -> anyhow::Result<Answer> {
    let Quarantine {
        workload,
        lift,
        list: _,
        door,
        json,
    } = arguments;
    let request = match workload {
        None => return list(&door, json.json),
        Some(workload) if lift => Request::QuarantineLift { workload },
        Some(workload) => Request::Quarantine { workload },
    };
    let response = match door::ask(&door, &request) {
        Ok(response) => response,
        Err(error) => return no(error),
    };
    let (document, sentence) = match response {
        Response::Quarantine(cut) => {
            let again = if cut.already { " already" } else { "" };
            let sentence = format!(
                "{} is quarantined{again}: {} connections cut, new ones are refused; `--lift` ends it",
                cut.workload, cut.connections
            );
            (serde_json::to_value(&cut)?, sentence)
        }
        Response::QuarantineLift { workload } => {
            let sentence = format!("{workload} may connect again");
            (json!({ "workload": workload }), sentence)
        }
        _ => return Err(door::unexpected()),
    };
    let mut out = std::io::stdout().lock();
    if json.json {
        output::json(&mut out, &document)?;
    } else {
        writeln!(out, "{}", output::readable(&sentence))?;
    }
    Ok(Answer::Yes)
}

/// What the daemon says no to, as against what could not be asked.
fn no(error: anyhow::Error) -> anyhow::Result<Answer> {
    match error.downcast_ref::<CallError>() {
        Some(CallError::Refused(refusal))
            if matches!(
                refusal.kind,
                RefusalKind::UnknownWorkload | RefusalKind::NotQuarantined
            ) =>
        {
            eprintln!("interdict: {refusal}");
            Ok(Answer::No)
        }
        _ => Err(error),
    }
}

fn list(door: &Door, json: bool) -> anyhow::Result<Answer> {
    let Response::QuarantineList { quarantined } = door::ask(door, &Request::QuarantineList)? else {
        return Err(door::unexpected());
    };
    let mut out = std::io::stdout().lock();
    if json {
        let document = |entry: &Quarantined| {
            let since = door::moment(entry.since);
            Ok(json!({ "workload": entry.workload, "since": since, "by": entry.by }))
        };
        output::json_array(&mut out, quarantined.iter().map(document))?;
        return Ok(Answer::Yes);
    }
    if quarantined.is_empty() {
        writeln!(out, "no workload is quarantined")?;
        return Ok(Answer::Yes);
    }
    let mut table = output::Table::new([
        ("WORKLOAD", Align::Left),
        ("SINCE", Align::Left),
        ("BY", Align::Left),
    ]);
    for entry in quarantined {
        table.row([entry.workload, door::moment(entry.since), entry.by]);
    }
    table.write(&mut out)?;
    Ok(Answer::Yes)
}
