//! `interdict audit …`

mod keep;
pub(super) mod keys;
pub(super) mod scan;
mod verify;

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use interdict_audit::{Filter, Options, Table};
use serde_json::{Map, Value};

use super::when::When;
use super::{Answer, WrongSettings};
use crate::cli::{Audit, Record, Rows};
use crate::output::{self, Align};
use crate::settings::Settings;

/// Where the record is: as said, or as the settings have it.
pub(super) fn directory(record: &Record) -> anyhow::Result<PathBuf> {
    match &record.directory {
        Some(directory) => Ok(directory.clone()),
        None => Ok(Settings::check(&record.config.config)
            .map_err(WrongSettings)?
            .0
            .audit
            .directory),
    }
}

pub(super) fn audit(command: Audit) -> anyhow::Result<Answer> {
    match command {
        Audit::Verify {
            directory,
            public_key,
            anchors,
            quick,
            extract,
            json,
        } => {
            let options = Options {
                anchors,
                quick,
                extract,
                ..Options::default()
            };
            verify::verify(&directory, &public_key, options, json.json)
        }
        Audit::Scan {
            directory,
            values,
            detector,
            except,
            json,
        } => scan::scan(&directory, values.as_deref(), &detector, &except, json.json),
        Audit::Keys(command) => keys::keys(command),
        Audit::Hold(command) => keep::hold(command),
        Audit::Retain {
            dry_run,
            config,
            json,
        } => keep::retain(&config.config, dry_run, json.json),
        Audit::Rows {
            directory,
            table,
            rows,
            equal,
            json,
        } => {
            let filter = Filter {
                equal,
                ..filter(table, &rows)
            };
            print_rows(&directory, filter, json.json)
        }
        Audit::Stats { directory, json } => stats(&directory, json.json),
    }
}

pub(super) fn filter(table: Table, rows: &Rows) -> Filter {
    Filter {
        from: rows.since.map(|When(micros)| micros),
        until: rows.until.map(|When(micros)| micros),
        session_id: rows.session,
        last: rows.last,
        ..Filter::new(table)
    }
}

/// The rows that match, oldest first.
pub(super) fn rows(
    directory: &Path,
    filter: Filter,
) -> anyhow::Result<impl Iterator<Item = anyhow::Result<Map<String, Value>>>> {
    std::fs::read_dir(directory)
        .with_context(|| format!("reading the audit directory {}", directory.display()))?;
    Ok(interdict_audit::scan(directory, filter)?.map(|row| Ok(row?)))
}

fn print_rows(directory: &Path, filter: Filter, json: bool) -> anyhow::Result<Answer> {
    let table = filter.table;
    let rows = rows(directory, filter)?;
    let mut out = std::io::stdout().lock();
    if json {
        output::json_array(&mut out, rows)?;
    } else {
        let columns: &[&str] = match table {
            Table::Sessions => &[
                "started_at",
                "session_id",
                "service",
                "identity",
                "database",
                "db_user",
                "end_reason",
            ],
            Table::Statements => &[
                "requested_at",
                "identity",
                "decision",
                "rule",
                "status",
                "rows",
                "masked_cells",
                "statement",
            ],
            Table::Policies => &["at", "name", "digest"],
            Table::Frames => &["at", "session_id", "ordinal", "statement_id", "length", "flags"],
            Table::Admin => &["at", "kind", "actor", "message"],
            Table::Ledger => &[
                "at",
                "workload",
                "service",
                "seen",
                "redirected",
                "refused",
                "sessions",
                "difference",
                "flags",
            ],
            Table::Approvals => &[
                "at",
                "event",
                "approval_id",
                "identity",
                "service",
                "people",
                "reason",
                "statement",
            ],
            Table::Grants => &[
                "at",
                "event",
                "grant_id",
                "person",
                "identities",
                "services",
                "ends_at",
                "used_statements",
                "used_rows",
                "reason",
            ],
        };
        let rows = rows.collect::<anyhow::Result<Vec<_>>>()?;
        write!(out, "{}", interdict_audit::print(&rows, columns, 80))?;
    }
    Ok(Answer::Yes)
}

fn stats(directory: &Path, json: bool) -> anyhow::Result<Answer> {
    let stats = interdict_audit::stats(directory)?;
    let mut out = std::io::stdout().lock();
    if json {
        output::json(&mut out, &stats)?;
        return Ok(Answer::Yes);
    }
    let mut table = output::Table::new([
        ("TABLE", Align::Left),
        ("ROWS", Align::Right),
        ("UNSEALED", Align::Right),
        ("SEGMENTS", Align::Right),
        ("BYTES", Align::Right),
        ("FIRST DAY", Align::Left),
        ("LAST DAY", Align::Left),
    ]);
    for (name, numbers) in &stats.tables {
        let (first, last) = numbers.days.clone().unwrap_or_default();
        let [rows, unsealed, segments, bytes] = [
            numbers.rows,
            numbers.unsealed_rows,
            numbers.segments,
            numbers.bytes,
        ]
        .map(|number| number.to_string());
        table.row([(*name).to_owned(), rows, unsealed, segments, bytes, first, last]);
    }
    table.write(&mut out)?;
    writeln!(
        out,
        "\njournal: {} bytes; open: {} sessions, {} statements",
        stats.journal_bytes, stats.open_sessions, stats.open_statements
    )?;
    Ok(Answer::Yes)
}
