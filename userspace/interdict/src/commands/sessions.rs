//! `interdict sessions`

use std::path::PathBuf;

use interdict_audit::{Filter, Table};
use serde_json::{Map, Value};

use super::{Answer, WrongSettings, audit};
use crate::cli::Sessions;
use crate::output::{self, Align};
use crate::settings::Settings;

/// Sessions that match, those that are still open too.
pub(super) fn sessions(arguments: Sessions) -> anyhow::Result<Answer> {
    let Sessions {
        config,
        directory,
        rows,
        service,
        identity,
        workload,
        database,
        user,
        json,
    } = arguments;
    let directory: PathBuf = match directory {
        Some(directory) => directory,
        None => {
            Settings::load(&config.config)
                .map_err(WrongSettings)?
                .0
                .audit
                .directory
        }
    };
    let wanted = [
        ("service", service),
        ("identity", identity),
        ("workload", workload),
        ("database", database),
        ("db_user", user),
    ];
    let equal = wanted
        .into_iter()
        .filter_map(|(column, value)| Some((column.to_owned(), value?)))
        .collect();
    let filter = Filter {
        equal,
        open: true,
        ..audit::filter(Table::Sessions, &rows)
    };
    let rows = audit::rows(&directory, filter)?;
    let mut out = std::io::stdout().lock();
    if json.json {
        output::json_array(&mut out, rows)?;
        return Ok(Answer::Yes);
    }
    let mut table = output::Table::new([
        ("STARTED", Align::Left),
        ("SESSION", Align::Left),
        ("SERVICE", Align::Left),
        ("IDENTITY", Align::Left),
        ("EXECUTABLE", Align::Left),
        ("DATABASE", Align::Left),
        ("USER", Align::Left),
        ("STATEMENTS", Align::Right),
        ("ROWS", Align::Right),
        ("MASKED", Align::Right),
        ("END", Align::Left),
    ]);
    for row in rows {
        let row = row?;
        let text = |column| cell(&row, column);
        let started = text("started_at");
        // To the second: the rest is in the JSON.
        let started = started
            .split_once('.')
            .map_or(started.clone(), |(second, _)| format!("{second}Z"));
        let end = text("end_reason");
        table.row([
            started,
            text("session_id"),
            text("service"),
            text("identity"),
            text("executable"),
            text("database"),
            text("db_user"),
            text("statements"),
            text("rows"),
            text("masked_cells"),
            if end.is_empty() { "open".to_owned() } else { end },
        ]);
    }
    table.write(&mut out)?;
    Ok(Answer::Yes)
}

fn cell(row: &Map<String, Value>, column: &str) -> String {
    match row.get(column) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}
