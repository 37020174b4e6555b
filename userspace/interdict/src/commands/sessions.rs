//! `interdict sessions`

use std::collections::HashSet;
use std::path::Path;

use globset::GlobMatcher;
use interdict_audit::{Filter, Table};
use serde_json::{Map, Value};

use super::{Answer, audit};
use crate::cli::{Rows, Sessions, Statements};
use crate::output::{self, Align};

/// Sessions that match, those that are still open too.
pub(super) fn sessions(arguments: Sessions) -> anyhow::Result<Answer> {
    let Sessions {
        record,
        rows,
        service,
        identity,
        workload,
        database,
        user,
        statements,
        json,
    } = arguments;
    let directory = audit::directory(&record)?;
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
    let found = match statements.wanted() {
        Some(wanted) => Some(having(&directory, &rows, &wanted)?),
        None => None,
    };
    let last = filter.last.filter(|_| found.is_some());
    let filter = Filter {
        last: filter.last.filter(|_| found.is_none()),
        ..filter
    };
    let rows = audit::rows(&directory, filter)?.filter(|row| {
        let (Some(found), Ok(row)) = (&found, row) else {
            return true;
        };
        row.get("session_id")
            .and_then(Value::as_str)
            .is_some_and(|id| found.contains(id))
    });
    let rows: Box<dyn Iterator<Item = anyhow::Result<Map<String, Value>>>> = match last {
        // What is left of them, not of all.
        Some(last) => {
            let rows: Vec<_> = rows.collect();
            let skipped = rows.len().saturating_sub(last);
            Box::new(rows.into_iter().skip(skipped))
        }
        None => Box::new(rows),
    };
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

/// What a statement has to be like.
struct Wanted {
    relation: Option<GlobMatcher>,
    rule: Option<String>,
    decision: Option<String>,
    subject: Option<String>,
    containing: Option<String>,
    leave: Option<String>,
}

impl Statements {
    /// `None`: any will do, or none.
    fn wanted(self) -> Option<Wanted> {
        let Self {
            relation,
            rule,
            decision,
            subject,
            containing,
            leave,
        } = self;
        let wanted = Wanted {
            relation: relation.map(|relation| relation.compile_matcher()),
            rule,
            decision,
            subject,
            containing: containing.map(|text| text.to_lowercase()),
            leave: leave.map(|id| id.to_string()),
        };
        let any = wanted.relation.is_some()
            || wanted.rule.is_some()
            || wanted.decision.is_some()
            || wanted.subject.is_some()
            || wanted.containing.is_some()
            || wanted.leave.is_some();
        any.then_some(wanted)
    }
}

impl Wanted {
    fn is(&self, row: &Map<String, Value>) -> bool {
        let text = |name: &str| row.get(name).and_then(Value::as_str);
        let same = |wanted: &Option<String>, name: &str| wanted.is_none() || wanted.as_deref() == text(name);
        let list = |name: &str| row.get(name).and_then(Value::as_array).into_iter().flatten();
        same(&self.rule, "rule")
            && same(&self.decision, "decision")
            && self.relation.as_ref().is_none_or(|wanted| {
                list("relations").any(|relation| {
                    let name = relation.get("name").and_then(Value::as_str).unwrap_or_default();
                    let bare = name.rsplit('.').next().unwrap_or_default();
                    wanted.is_match(name) || wanted.is_match(bare)
                })
            })
            && self
                .subject
                .as_deref()
                .is_none_or(|wanted| list("subjects").any(|subject| subject.as_str() == Some(wanted)))
            && self.containing.as_deref().is_none_or(|wanted| {
                text("statement").is_some_and(|text| text.to_lowercase().contains(wanted))
            })
            && self
                .leave
                .as_deref()
                .is_none_or(|wanted| text("grant_id") == Some(wanted) || text("approval_id") == Some(wanted))
    }
}

/// The sessions that have such a statement. A statement is not older than its session, so `since` holds for both; what
/// `until` leaves out may have begun before and gone on after.
fn having(directory: &Path, rows: &Rows, wanted: &Wanted) -> anyhow::Result<HashSet<String>> {
    let filter = Filter {
        open: true,
        until: None,
        last: None,
        ..audit::filter(Table::Statements, rows)
    };
    let mut found = HashSet::new();
    for row in audit::rows(directory, filter)? {
        let row = row?;
        if wanted.is(&row)
            && let Some(id) = row.get("session_id").and_then(Value::as_str)
        {
            found.insert(id.to_owned());
        }
    }
    Ok(found)
}
