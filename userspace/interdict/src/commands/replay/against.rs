//! `interdict replay --against`: what the same reads give on another copy of the data.

use std::collections::BTreeMap;
use std::io::{self, Write as _};

use anyhow::{Context as _, bail};
use interdict_replay::{Recording, Shown, Statement, Table};
use serde_json::Value;
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

use super::Answer;

/// What came of one statement.
enum Outcome {
    Same(usize),
    Differs(String),
    /// Why it was not run.
    Left(&'static str),
}

/// Runs what only reads, within a transaction that can do nothing else, and compares what is comparable.
pub(super) fn against(recording: &Recording, dsn: &str) -> anyhow::Result<Answer> {
    let protocol = recording
        .session
        .get("protocol")
        .and_then(Value::as_str)
        .unwrap_or_default();
    if protocol != "postgres" {
        bail!("`--against` is for PostgreSQL; this session spoke {protocol}");
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(run(recording, dsn))
}

async fn run(recording: &Recording, dsn: &str) -> anyhow::Result<Answer> {
    let (client, connection) = tokio_postgres::connect(dsn, NoTls)
        .await
        .context("the scratch database can't be reached (without TLS: it is meant to be on this host)")?;
    tokio::spawn(connection);
    client
        .batch_execute("SET default_transaction_read_only = on; SET statement_timeout = '60s'")
        .await?;
    let mut out = io::stdout().lock();
    let (mut same, mut differ, mut left) = (0, 0, 0);
    for step in &recording.steps {
        let Some(statement) = step.statement.as_ref().filter(|statement| !statement.is_own()) else {
            continue;
        };
        let outcome = compare(&client, statement, &step.shown).await;
        let text: String = statement.statement.chars().take(100).collect();
        let text = interdict_replay::render::plain(&text).replace('\n', " ");
        match outcome {
            Outcome::Same(rows) => {
                same += 1;
                writeln!(out, "same     {text}  ({rows} rows)")?;
            }
            Outcome::Differs(how) => {
                differ += 1;
                writeln!(out, "differs  {text}\n         {how}")?;
            }
            Outcome::Left(why) => {
                left += 1;
                writeln!(out, "left     {text}\n         {why}")?;
            }
        }
    }
    writeln!(out, "\n{same} the same, {differ} different, {left} not run")?;
    Ok(Answer::from(differ == 0))
}

async fn compare(client: &Client, statement: &Statement, shown: &[Shown]) -> Outcome {
    let only_reads = statement.effects.iter().all(|effect| effect == "read") && !statement.effects.is_empty();
    if !only_reads || statement.complete != Some(true) {
        return Outcome::Left("it does more than read, or might");
    }
    if statement.is_refused() || statement.status.as_deref() != Some("ok") {
        return Outcome::Left("it did not run to its end");
    }
    let Some(sql) = runnable(statement) else {
        return Outcome::Left("its values are not on record: the policy masks them");
    };
    let tables: Vec<&Table> = shown
        .iter()
        .filter_map(|shown| match shown {
            Shown::Table(table) => Some(table),
            _ => None,
        })
        .collect();
    let whole = !shown
        .iter()
        .any(|shown| matches!(shown, Shown::Missing { .. } | Shown::Bytes(_)));
    let ([table], true) = (&tables[..], whole) else {
        return Outcome::Left("its result is not on record as a whole");
    };
    if table.more > 0 {
        return Outcome::Left("its result is too long to compare");
    }
    let messages = match client.simple_query(&sql).await {
        Ok(messages) => messages,
        Err(error) => {
            let why = error
                .as_db_error()
                .map_or_else(|| error.to_string(), |error| error.message().to_owned());
            return Outcome::Differs(format!("it fails there: {why}"));
        }
    };
    let masked = |index: usize| {
        let columns = statement.columns.as_deref().unwrap_or_default();
        columns.get(index).is_some_and(|column| column.mask.is_some())
    };
    let mut there: BTreeMap<Vec<Option<String>>, i64> = BTreeMap::new();
    let mut count = 0_usize;
    for message in &messages {
        if let SimpleQueryMessage::Row(row) = message {
            count += 1;
            let cells = (0..row.len()).map(|index| {
                if masked(index) {
                    None
                } else {
                    row.get(index).map(str::to_owned)
                }
            });
            *there.entry(cells.collect()).or_default() += 1;
        }
    }
    if statement.masked_cells.unwrap_or(0) > 0 && (0..table.columns.len()).all(|index| !masked(index)) {
        return Outcome::Left("detectors masked parts of its cells");
    }
    for row in &table.rows {
        let cells: Vec<_> = row
            .iter()
            .enumerate()
            .map(|(index, value)| if masked(index) { None } else { value.clone() })
            .collect();
        *there.entry(cells).or_default() -= 1;
    }
    let (more, fewer): (i64, i64) = there.values().fold((0, 0), |(more, fewer), left| {
        (more + (*left).max(0), fewer + (-*left).max(0))
    });
    if more == 0 && fewer == 0 {
        return Outcome::Same(count);
    }
    let example = there.iter().find(|(_, left)| **left != 0).map(|(row, left)| {
        let cells: Vec<_> = row.iter().map(|cell| cell.as_deref().unwrap_or("·")).collect();
        let whose = if *left > 0 { "there" } else { "on record" };
        format!("; only {whose}: {}", cells.join(" | "))
    });
    Outcome::Differs(format!(
        "{fewer} rows on record are not there, {more} rows there are not on record{}",
        example.unwrap_or_default()
    ))
}

/// The statement with its values; `None` where the record has not got them.
fn runnable(statement: &Statement) -> Option<String> {
    let text = statement.statement.trim().trim_end_matches(';');
    let known = statement
        .parameters
        .iter()
        .all(|value| value.as_deref() != Some("[redacted]"));
    let places = has_place(text);
    match (places, statement.parameters.is_empty()) {
        _ if !known || text == "[withheld]" => None,
        (false, _) => Some(text.to_owned()),
        // Its literals were taken out for the record.
        (true, true) => None,
        (true, false) => {
            let values = statement.parameters.iter().map(|value| match value {
                Some(value) => format!("'{}'", value.replace('\'', "''")),
                None => "NULL".to_owned(),
            });
            let values: Vec<_> = values.collect();
            Some(format!(
                "DEALLOCATE ALL; PREPARE interdict_replay AS {text}; EXECUTE interdict_replay({})",
                values.join(", ")
            ))
        }
    }
}

/// Whether `$1` or the like is in a text.
fn has_place(text: &str) -> bool {
    text.as_bytes()
        .windows(2)
        .any(|pair| matches!(pair, [b'$', digit] if digit.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back_into_a_statement_or_it_is_left_alone() {
        let with = |text: &str, parameters: &[Option<&str>]| {
            runnable(&Statement {
                statement: text.to_owned(),
                parameters: parameters.iter().map(|value| value.map(str::to_owned)).collect(),
                ..Statement::default()
            })
        };
        assert_eq!(with("SELECT 1;", &[]).as_deref(), Some("SELECT 1"));
        assert_eq!(with("SELECT $1", &[]), None);
        assert_eq!(with("SELECT $1", &[Some("[redacted]")]), None);
        assert_eq!(
            with("SELECT $1, $2", &[Some("it's"), None]).as_deref(),
            Some(
                "DEALLOCATE ALL; PREPARE interdict_replay AS SELECT $1, $2; EXECUTE interdict_replay('it''s', NULL)"
            )
        );
    }
}
