//! For terminals.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::{plain, table, time};
use crate::decode::Shown;
use crate::recording::Step;
use crate::statement::Statement;

/// Whether colours are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Letters only.
    Plain,
    /// With ANSI colours.
    Colour,
}

impl Style {
    fn paint(self, code: &str, text: &str) -> String {
        match self {
            Self::Plain => text.to_owned(),
            Self::Colour => format!("\x1b[{code}m{text}\x1b[0m"),
        }
    }
}

const BOLD: &str = "1";
const DIM: &str = "2";
const RED: &str = "31";
const GREEN: &str = "32";
const YELLOW: &str = "33";
const CYAN: &str = "36";

/// A session in a line.
pub fn title(session: &Map<String, Value>) -> String {
    let text = |name| word(session, name);
    format!(
        "{} on {} ({})",
        text("identity"),
        text("service"),
        text("started_at")
    )
}

/// Who it was, and how that is known.
pub fn header(session: &Map<String, Value>, style: Style) -> String {
    let mut out = String::new();
    let _ = writeln!(
        out,
        "{}",
        style.paint(BOLD, &format!("session {}", word(session, "session_id")))
    );
    let lines: [(&str, &[&str]); 8] = [
        ("identity", &["identity", "attestation", "workload"]),
        (
            "service",
            &["service", "protocol", "database", "db_user", "application"],
        ),
        ("process", &["executable", "pid", "uid", "command"]),
        ("parents", &["ancestry"]),
        ("where", &["unit", "cgroup", "container_id", "pod", "namespace"]),
        (
            "route",
            &[
                "origin_address",
                "origin_port",
                "upstream_address",
                "client_tls",
                "upstream_tls",
            ],
        ),
        ("time", &["started_at", "ended_at", "end_reason"]),
        (
            "totals",
            &["statements", "rows", "masked_cells", "bytes_in", "bytes_out"],
        ),
    ];
    for (name, columns) in lines {
        let facts: Vec<String> = columns
            .iter()
            .filter(|column| !word(session, column).is_empty())
            .map(|column| {
                if matches!(*column, "identity" | "service" | "executable" | "ancestry") {
                    word(session, column)
                } else {
                    format!("{column} {}", word(session, column))
                }
            })
            .collect();
        if !facts.is_empty() {
            let _ = writeln!(
                out,
                "  {} {}",
                style.paint(DIM, &format!("{name:<9}")),
                facts.join(" · ")
            );
        }
    }
    if let Some(Value::Object(claims)) = session.get("claims")
        && !claims.is_empty()
    {
        let claims: Vec<String> = claims
            .iter()
            .map(|(name, value)| format!("{name} {}", plain(value.as_str().unwrap_or_default())))
            .collect();
        let _ = writeln!(out, "  {} {}", style.paint(DIM, "claims   "), claims.join(" · "));
    }
    out
}

fn word(row: &Map<String, Value>, name: &str) -> String {
    match row.get(name) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => plain(text),
        Some(Value::Array(values)) => values
            .iter()
            .map(|value| plain(value.as_str().unwrap_or_default()))
            .collect::<Vec<_>>()
            .join(" < "),
        Some(other) => other.to_string(),
    }
}

/// One step. `number`: its place among all.
pub fn step(step: &Step, number: usize, style: Style) -> String {
    let mut out = String::new();
    let at = style.paint(DIM, &time(step.at));
    match &step.statement {
        None => {
            let _ = writeln!(out, "{at}  {}", style.paint(DIM, "(outside of a statement)"));
        }
        Some(statement) => {
            let _ = writeln!(out, "{at}  #{number}  {}", decided(statement, style));
            for line in plain(&statement.statement).lines() {
                let _ = writeln!(out, "  {}", style.paint(BOLD, line));
            }
            for (index, value) in statement.parameters.iter().enumerate() {
                let value = value.as_deref().map_or_else(|| "NULL".to_owned(), plain);
                let _ = writeln!(
                    out,
                    "  {}",
                    style.paint(DIM, &format!("${} = {value}", index + 1))
                );
            }
        }
    }
    for shown in &step.shown {
        show(shown, style, &mut out);
    }
    out
}

/// The decision with its reason, in a line.
fn decided(statement: &Statement, style: Style) -> String {
    let code = match statement.decision.as_str() {
        _ if statement.is_refused() => RED,
        "mask" => YELLOW,
        "hold" | "approve" => CYAN,
        _ => GREEN,
    };
    let mut parts = vec![style.paint(code, &statement.decision)];
    let status = statement.status.as_deref().unwrap_or("not over");
    if status != "ok" {
        parts.push(status.to_owned());
    }
    if let Some(rule) = &statement.rule {
        let policy = statement.policy.as_deref().unwrap_or_default();
        parts.push(format!("rule {policy}/{}", plain(rule)));
    }
    if let Some(rows) = statement.rows.filter(|rows| *rows > 0) {
        parts.push(format!("{rows} rows"));
    }
    if let Some(cells) = statement.masked_cells.filter(|cells| *cells > 0) {
        let by: Vec<String> = statement
            .masked_by
            .iter()
            .flatten()
            .map(|(name, count)| format!("{} {count}", plain(name)))
            .collect();
        parts.push(format!("{cells} cells masked ({})", by.join(", ")));
    }
    if let Some(approval) = statement.approval_id {
        parts.push(format!("approval {approval}"));
    }
    if let Some(grant) = statement.grant_id {
        parts.push(format!("grant {grant}"));
    }
    if let (Some(from), Some(until)) = (statement.requested_at, statement.ended_at) {
        let micros = until.as_microsecond() - from.as_microsecond();
        parts.push(format!("{}.{:03} ms", micros / 1000, (micros % 1000).abs()));
    }
    parts.join(" · ")
}

fn show(shown: &Shown, style: Style, out: &mut String) {
    let (code, text) = match shown {
        Shown::Table(table) => {
            for line in table::lines(table) {
                let _ = writeln!(out, "  {line}");
            }
            return;
        }
        Shown::Done(text) => (GREEN, plain(text)),
        Shown::Note(text) => (DIM, plain(text)),
        Shown::Error(text) => (RED, plain(text)),
        Shown::Text(text) => ("0", plain(text)),
        Shown::Missing {
            bytes,
            withheld: true,
            digest,
        } => (
            YELLOW,
            format!(
                "({bytes} bytes were shown unmasked by a grant, and are not kept{})",
                digest
                    .as_deref()
                    .map(|digest| format!("; {digest}"))
                    .unwrap_or_default()
            ),
        ),
        Shown::Missing { bytes, .. } => (
            YELLOW,
            format!("({bytes} bytes more were sent, and are not kept)"),
        ),
        Shown::Bytes(bytes) => (
            YELLOW,
            format!("({bytes} bytes that do not read as the protocol's)"),
        ),
    };
    for line in text.lines() {
        let _ = writeln!(out, "  {}", style.paint(code, line));
    }
}
