//! `interdict ledger`

use std::io::{self, Write};

use interdict_record::LedgerEntry;
use serde_json::{Value, json};

use super::{Answer, door};
use crate::admin::{Request, Response};
use crate::cli::Ledger;
use crate::output::{self, Align};

/// No when a connection is unexplained.
pub(super) fn ledger(arguments: &Ledger) -> anyhow::Result<Answer> {
    let Response::Ledger { mut rows } = door::ask(&arguments.door, &Request::Ledger)? else {
        return Err(door::unexpected());
    };
    rows.sort_by(|one, other| (&one.workload, &one.service).cmp(&(&other.workload, &other.service)));
    let mut out = io::stdout().lock();
    if arguments.json.json {
        output::json_array(&mut out, rows.iter().map(document))?;
    } else {
        write(&rows, &mut out)?;
    }
    Ok(rows.iter().all(|row| row.difference == 0).into())
}

/// As `audit rows` shows it: times as text.
fn document(row: &LedgerEntry) -> anyhow::Result<Value> {
    let mut document = serde_json::to_value(row)?;
    if let Some(at) = document.get_mut("at") {
        *at = json!(door::moment(row.at));
    }
    Ok(document)
}

fn write(rows: &[LedgerEntry], out: &mut impl Write) -> io::Result<()> {
    if rows.is_empty() {
        return writeln!(
            out,
            "no workload has connected to a service since the programs were attached"
        );
    }
    let right = Align::Right;
    let mut table = output::Table::new([
        ("WORKLOAD", Align::Left),
        ("SERVICE", Align::Left),
        ("SEEN", right),
        ("REDIRECTED", right),
        ("REFUSED", right),
        ("EXEMPT", right),
        ("FAILED OPEN", right),
        ("ESTABLISHED", right),
        ("SESSIONS", right),
        ("PENDING", right),
        ("DIFFERENCE", right),
        ("FLAGS", Align::Left),
    ]);
    for row in rows {
        table.row([
            row.workload.clone(),
            row.service.clone(),
            row.seen.to_string(),
            row.redirected.to_string(),
            row.refused.to_string(),
            row.exempt.to_string(),
            row.failed_open.to_string(),
            row.established.to_string(),
            row.sessions.to_string(),
            row.pending.to_string(),
            row.difference.to_string(),
            row.flags.join(","),
        ]);
    }
    table.write(out)
}
