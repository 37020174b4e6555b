//! `interdict policy replay`: what would change if these policies were in force, told by what was recorded.

use std::collections::{BTreeMap, HashMap};

use anyhow::Context as _;
use interdict_audit::{Filter, Table};
use interdict_policy::{Identity, KeySource, PolicySet, Recorded};
use serde::Serialize;
use serde_json::{Map, Value};

use super::{Answer, WrongSettings, policy_files};
use crate::cli::ReplayPolicy;
use crate::commands::audit;
use crate::output::{self, Align};

/// Facts that the audit keeps under the same name.
const FACTS: [&str; 11] = [
    "attestation",
    "workload",
    "uid",
    "executable",
    "executable_digest",
    "cgroup",
    "unit",
    "container_id",
    "pod",
    "namespace",
    "service_account",
];

/// Statements whose decision would be another, of one kind.
#[derive(Debug, Serialize)]
struct Change {
    service: String,
    identity: String,
    before: String,
    after: String,
    statements: u64,
    rows: u64,
    /// One of them.
    example: String,
    statement_id: String,
}

/// A column that would be shown otherwise.
#[derive(Debug, Serialize)]
struct Shown {
    service: String,
    column: String,
    before: String,
    after: String,
    statements: u64,
}

#[derive(Debug, Default, Serialize)]
struct Outcome {
    /// Statements that were judged again.
    statements: u64,
    /// Statements that the product itself refused, for masking or by default: that depends on the service's catalogue too.
    left_out: u64,
    decisions: Vec<Change>,
    masks: Vec<Shown>,
}

pub(super) fn replay(arguments: ReplayPolicy) -> anyhow::Result<Answer> {
    let ReplayPolicy {
        paths,
        record,
        rows,
        json,
    } = arguments;
    let set = PolicySet::load_with(&policy_files(&paths)?, KeySource::Offline).map_err(WrongSettings)?;
    let directory = audit::directory(&record)?;
    let mut sessions = HashMap::new();
    let every = Filter {
        open: true,
        session_id: rows.session,
        ..Filter::new(Table::Sessions)
    };
    for session in audit::rows(&directory, every)? {
        let session = session?;
        sessions.insert(text(&session, "session_id"), session);
    }
    let mut tally = Tally::default();
    for statement in audit::rows(&directory, audit::filter(Table::Statements, &rows))? {
        let statement = statement?;
        let id = text(&statement, "session_id");
        let session = sessions.get(&id).with_context(|| {
            format!(
                "{}: statements of session {id}, which is not in the audit",
                directory.display()
            )
        })?;
        tally.take(&set, session, &statement);
    }
    let outcome = tally.outcome();
    let same = outcome.decisions.is_empty() && outcome.masks.is_empty();
    let mut out = std::io::stdout().lock();
    if json.json {
        output::json(&mut out, &outcome)?;
    } else {
        show(&outcome, &mut out)?;
    }
    Ok(same.into())
}

#[derive(Default)]
struct Tally {
    statements: u64,
    left_out: u64,
    decisions: BTreeMap<(String, String, String, String, String), Change>,
    masks: BTreeMap<(String, String, String, String), u64>,
}

impl Tally {
    fn take(&mut self, set: &PolicySet, session: &Map<String, Value>, statement: &Map<String, Value>) {
        let rule = text(statement, "rule");
        if rule == "interdict" || rule.starts_with("interdict:") {
            self.left_out += 1;
            return;
        }
        self.statements += 1;
        let recorded = recorded(session, statement);
        let replayed = set.replay(&recorded);
        let before = told(&decision(statement), &rule);
        let after = told(replayed.decision, replayed.rule.as_deref().unwrap_or_default());
        if before != after {
            let key = (
                recorded.service.clone(),
                recorded.identity.name.clone(),
                before.clone(),
                after.clone(),
                text(statement, "fingerprint"),
            );
            let change = self.decisions.entry(key).or_insert_with(|| Change {
                service: recorded.service.clone(),
                identity: recorded.identity.name.clone(),
                before,
                after,
                statements: 0,
                rows: 0,
                example: recorded.text.clone(),
                statement_id: text(statement, "statement_id"),
            });
            change.statements += 1;
            change.rows += recorded.rows;
        }
        let known = recorded
            .columns
            .into_iter()
            .filter(|(origin, _)| origin.is_some());
        for ((_, was), (column, now)) in known.zip(replayed.masks) {
            if was != now {
                let of = |mask: Option<String>| mask.unwrap_or_else(|| "shown".to_owned());
                let key = (recorded.service.clone(), column, of(was), of(now));
                *self.masks.entry(key).or_default() += 1;
            }
        }
    }

    fn outcome(self) -> Outcome {
        let mut decisions: Vec<Change> = self.decisions.into_values().collect();
        decisions.sort_by_key(|change| std::cmp::Reverse(change.statements));
        let shown = |((service, column, before, after), statements)| Shown {
            service,
            column,
            before,
            after,
            statements,
        };
        Outcome {
            statements: self.statements,
            left_out: self.left_out,
            decisions,
            masks: self.masks.into_iter().map(shown).collect(),
        }
    }
}

/// The policy's decision: what people said about it is not its own.
fn decision(statement: &Map<String, Value>) -> String {
    let word = text(statement, "decision");
    if !text(statement, "approval_id").is_empty() {
        return "hold".to_owned();
    }
    match word.as_str() {
        "mask" => "allow".to_owned(),
        "approve" | "expire" => "hold".to_owned(),
        _ => word,
    }
}

fn told(decision: &str, rule: &str) -> String {
    let decision = if decision == "mask-all" { "allow" } else { decision };
    if rule.is_empty() {
        decision.to_owned()
    } else {
        format!("{decision} ({rule})")
    }
}

fn recorded(session: &Map<String, Value>, statement: &Map<String, Value>) -> Recorded {
    let mut facts: BTreeMap<String, String> = FACTS
        .iter()
        .map(|name| ((*name).to_owned(), text(session, name)))
        .filter(|(_, value)| !value.is_empty())
        .collect();
    if let Some(Value::Object(claims)) = session.get("claims") {
        for (name, value) in claims {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            facts.insert(name.clone(), value);
        }
    }
    let list = |name: &str| match statement.get(name) {
        Some(Value::Array(values)) => values.clone(),
        _ => Vec::new(),
    };
    let field = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    let relations = list("relations");
    let relations = relations.iter().filter_map(|relation| {
        Some((
            field(relation, "name")?,
            field(relation, "access").unwrap_or_default(),
        ))
    });
    Recorded {
        identity: Identity {
            name: text(session, "identity"),
            facts,
        },
        service: text(session, "service"),
        protocol: text(session, "protocol"),
        database: text(session, "database"),
        db_user: text(session, "db_user"),
        application: text(session, "application"),
        kind: text(statement, "kind"),
        text: text(statement, "statement"),
        parameters: list("parameters")
            .iter()
            .map(|value| value.as_str().map(str::to_owned))
            .collect(),
        effects: list("effects")
            .iter()
            .filter_map(|value| value.as_str().map(str::to_owned))
            .collect(),
        relations: relations.collect(),
        complete: statement
            .get("complete")
            .and_then(Value::as_bool)
            .unwrap_or_default(),
        rows: number(statement, "rows"),
        bytes: number(statement, "bytes"),
        columns: list("columns")
            .iter()
            .map(|column| (field(column, "origin"), field(column, "mask")))
            .collect(),
        granted: !text(statement, "grant_id").is_empty(),
    }
}

fn text(row: &Map<String, Value>, column: &str) -> String {
    match row.get(column) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

fn number(row: &Map<String, Value>, column: &str) -> u64 {
    row.get(column).and_then(Value::as_u64).unwrap_or_default()
}

fn show(outcome: &Outcome, out: &mut impl std::io::Write) -> anyhow::Result<()> {
    if !outcome.decisions.is_empty() {
        let mut table = output::Table::new([
            ("STATEMENTS", Align::Right),
            ("ROWS", Align::Right),
            ("SERVICE", Align::Left),
            ("IDENTITY", Align::Left),
            ("WAS", Align::Left),
            ("WOULD BE", Align::Left),
            ("EXAMPLE", Align::Left),
        ]);
        for change in &outcome.decisions {
            table.row([
                change.statements.to_string(),
                change.rows.to_string(),
                change.service.clone(),
                change.identity.clone(),
                change.before.clone(),
                change.after.clone(),
                change.example.clone(),
            ]);
        }
        table.write(out)?;
        writeln!(out)?;
    }
    if !outcome.masks.is_empty() {
        let mut table = output::Table::new([
            ("STATEMENTS", Align::Right),
            ("SERVICE", Align::Left),
            ("COLUMN", Align::Left),
            ("WAS", Align::Left),
            ("WOULD BE", Align::Left),
        ]);
        for shown in &outcome.masks {
            table.row([
                shown.statements.to_string(),
                shown.service.clone(),
                shown.column.clone(),
                shown.before.clone(),
                shown.after.clone(),
            ]);
        }
        table.write(out)?;
        writeln!(out)?;
    }
    let changed: u64 = outcome.decisions.iter().map(|change| change.statements).sum();
    writeln!(
        out,
        "{} statements judged again: {changed} would be decided otherwise; {} left out, which the product itself refused or asked",
        outcome.statements, outcome.left_out
    )?;
    Ok(())
}
