//! `interdict status`

use std::collections::BTreeMap;
use std::io::{self, Write};

use jiff::SignedDuration;

use super::{Answer, door};
use crate::admin::{Request, Response};
use crate::cli::Status;
use crate::output::{self, Align};

/// No when the daemon is not ready, or something needs a person.
pub(super) fn status(arguments: &Status) -> anyhow::Result<Answer> {
    let Response::Status(status) = door::ask(&arguments.door, &Request::Status)? else {
        return Err(door::unexpected());
    };
    let mut out = io::stdout().lock();
    if arguments.json.json {
        output::json(&mut out, &status)?;
    } else {
        write(&status, &mut out)?;
    }
    Ok((status.ready && status.attention.is_empty()).into())
}

fn write(status: &crate::admin::Status, out: &mut impl Write) -> io::Result<()> {
    let up = SignedDuration::from_secs(i64::try_from(status.uptime_seconds).unwrap_or(i64::MAX));
    writeln!(
        out,
        "interdict {}, pid {}, up {up:#}: {}, mode {}{}, {} open sessions",
        status.release,
        status.pid,
        if status.ready { "ready" } else { "not ready" },
        status.mode,
        if status.adopted {
            ", programs taken over"
        } else {
            ""
        },
        status.sessions,
    )?;
    if status.approvals > 0 {
        writeln!(
            out,
            "{} statements wait for approval: `interdict approvals list`",
            status.approvals
        )?;
    }
    for sentence in &status.attention {
        writeln!(out, "! {}", output::readable(sentence))?;
    }
    counts("WORKLOAD", &status.workloads, out)?;
    counts("SERVICE", &status.services, out)?;
    counts("RECORD ELSEWHERE", &status.away, out)
}

fn counts(
    heading: &'static str,
    named: &BTreeMap<String, BTreeMap<String, u64>>,
    out: &mut impl Write,
) -> io::Result<()> {
    if named.is_empty() {
        return Ok(());
    }
    let mut table = output::Table::new([(heading, Align::Left), ("COUNTS", Align::Left)]);
    for (name, counts) in named {
        let counts: Vec<String> = counts
            .iter()
            .map(|(what, count)| format!("{what} {count}"))
            .collect();
        table.row([name.clone(), counts.join(", ")]);
    }
    writeln!(out)?;
    table.write(out)
}
