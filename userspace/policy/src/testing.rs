//! The tests that policies carry: what a policy says of a statement, without a database.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use interdict_api::{Analysis, Profile, Written};
use interdict_sql::{Analyzer, PostgresSettings};
use serde::Serialize;

use crate::document::ExpectedDecision;
use crate::effective::Effective;
use crate::policy::Policy;
use crate::request::{Decision, HttpRequest, Identity, Request, Verdict};
use crate::set::PolicySet;

mod columns;

pub(crate) use columns::{Origin, origin};

/// A compiled entry of `tests`.
#[derive(Clone, Debug)]
pub(crate) struct Test {
    pub(crate) line: usize,
    pub(crate) column: usize,
    pub(crate) statement: String,
    /// The statement, if it is a request of HTTP, and the API.
    pub(crate) http: Option<(Profile, Written)>,
    pub(crate) service: Option<String>,
    pub(crate) database: String,
    pub(crate) user: String,
    pub(crate) application: String,
    pub(crate) identity: Option<Identity>,
    pub(crate) parameters: Vec<Option<String>>,
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    pub(crate) columns: Option<Vec<Origin>>,
    pub(crate) decision: ExpectedDecision,
    pub(crate) masked: Option<Vec<String>>,
    pub(crate) rule: Option<String>,
}

/// The outcome of one test.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TestResult {
    /// The policy that carries the test.
    pub policy: String,
    /// Its file.
    pub path: PathBuf,
    /// Where the test stands, from 1.
    pub line: usize,
    /// Where the test stands, from 1.
    pub column: usize,
    /// The statement on trial.
    pub statement: String,
    /// `allow`, `mask`, `deny` or `hold`.
    pub decision: &'static str,
    /// The rule that decided.
    pub rule: Option<String>,
    /// What differs from what the test expects; empty: it passed.
    pub failures: Vec<String>,
}

impl TestResult {
    /// Whether everything is as expected.
    pub fn passed(&self) -> bool {
        self.failures.is_empty()
    }
}

/// `ok` or `FAILED`, the place, the statement, and what differs.
impl fmt::Display for TestResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.passed() { "ok    " } else { "FAILED" };
        let statement = self.statement.split_whitespace().collect::<Vec<_>>().join(" ");
        write!(
            f,
            "{verdict} {}:{}:{}: {statement}",
            self.path.display(),
            self.line,
            self.column
        )?;
        for failure in &self.failures {
            write!(f, "\n         {failure}")?;
        }
        Ok(())
    }
}

/// Runs the tests of every policy of a set, each against its own policy alone.
///
/// Statements are analysed as PostgreSQL's, or as requests of HTTP where the test says so, and those of one text are judged one by one. Which columns of a result would be masked is derived without a database, and
/// so only for a `SELECT` of plain columns of one table; a test of anything else that expects `masked` states the
/// result's `columns`. What detectors find is not tried: there are no values.
pub fn run_tests(set: &PolicySet) -> Vec<TestResult> {
    let analyzer = Analyzer::new(1 << 20);
    set.policies()
        .iter()
        .flat_map(|policy| {
            let effective = Effective::new(set.digest().into(), vec![Arc::clone(policy)]);
            let analyzer = &analyzer;
            policy
                .tests
                .iter()
                .map(move |test| run(policy, &effective, test, analyzer))
                .collect::<Vec<_>>()
        })
        .collect()
}

fn run(policy: &Policy, effective: &Effective, test: &Test, analyzer: &Analyzer) -> TestResult {
    let service = test
        .service
        .clone()
        .unwrap_or_else(|| policy.applies.example_service());
    let identity = test
        .identity
        .clone()
        .unwrap_or_else(|| policy.applies.example_identity());
    let nothing = Effective::new(effective.digest().into(), Vec::new());
    let applies = policy.applies.to(&service, &identity);
    let effective = if applies { effective } else { &nothing };

    let analysis = analyzer.postgres(test.statement.as_bytes(), &PostgresSettings::default());
    let columns = test
        .columns
        .clone()
        .or_else(|| columns::of_result(&test.statement, &analysis));
    let is_masked = |origin: &Origin| {
        let Origin {
            schema,
            table,
            column,
            ..
        } = origin;
        effective
            .column_mask_anywhere(&test.database, schema.as_deref(), table, column)
            .is_some()
    };
    let masked: Option<Vec<&Origin>> = columns
        .as_ref()
        .map(|columns| columns.iter().filter(|origin| is_masked(origin)).collect());
    let base = Request {
        identity: &identity,
        service: &service,
        protocol: "postgres",
        database: &test.database,
        db_user: &test.user,
        application: &test.application,
        kind: analysis.kind(),
        effects: analysis.effects(),
        relations: &[],
        masked_columns: &[],
        http: None,
        parameters: &test.parameters,
        text: &test.statement,
        complete: analysis.complete(),
        gaps: &analysis.gaps,
        grants: &[],
    };
    let decisions = analysis.statements.iter().enumerate().map(|(index, statement)| {
        let stated = columns
            .iter()
            .flatten()
            .filter(|origin| is_masked(origin))
            .map(ToString::to_string);
        let named = columns::referenced(statement)
            .filter(|origin| is_masked(origin))
            .map(|origin| origin.to_string());
        let masked_columns: BTreeSet<String> = stated.chain(named).collect();
        let masked_columns: Vec<String> = masked_columns.into_iter().collect();
        let request = Request {
            kind: statement.kind,
            effects: statement.effects,
            relations: &statement.relations,
            masked_columns: &masked_columns,
            text: analysis.part(index, &test.statement),
            complete: statement.complete(),
            gaps: &statement.gaps,
            grants: &[],
            ..base
        };
        stream(effective, &request, test)
    });
    // Of several statements the first of the strictest speaks for all; a text without any is judged as it is.
    let decision = match &test.http {
        Some((profile, written)) => requests(effective, &base, test, profile, written),
        None => decisions.reduce(stricter),
    };
    let decision = decision.unwrap_or_else(|| stream(effective, &base, test));

    let mask_all = decision.verdict == Verdict::MaskAll;
    let labels: Option<Vec<&str>> = if mask_all {
        columns
            .as_ref()
            .map(|columns| columns.iter().map(|origin| origin.label.as_str()).collect())
    } else {
        masked.map(|masked| masked.iter().map(|origin| origin.label.as_str()).collect())
    };
    let word = match decision.verdict {
        Verdict::Deny => "deny",
        Verdict::Hold(_) => "hold",
        Verdict::MaskAll => "mask",
        Verdict::Allow if labels.as_ref().is_some_and(|labels| !labels.is_empty()) => "mask",
        Verdict::Allow => "allow",
    };
    let mut failures = Vec::new();
    let guessed = (test.service.is_none() && !policy.applies.to_service(&service))
        || (test.identity.is_none() && !policy.applies.to_identity(&identity));
    if guessed {
        failures.push(format!(
            "the policy does not apply to service `{service}` and identity `{}`: state `service` and `identity`",
            identity.name
        ));
    }
    compare(test, word, &decision, labels.as_deref(), &mut failures);
    TestResult {
        policy: policy.name.to_string(),
        path: policy.path.clone(),
        line: test.line,
        column: test.column,
        statement: test.statement.clone(),
        decision: word,
        rule: decision.rule.map(|rule| rule.to_string()),
        failures,
    }
}

fn stricter(first: Decision, next: Decision) -> Decision {
    if next.verdict.strictness() > first.verdict.strictness() {
        next
    } else {
        first
    }
}

/// The decision about a request of HTTP.
fn requests(
    effective: &Effective,
    base: &Request<'_>,
    test: &Test,
    profile: &Profile,
    written: &Written,
) -> Option<Decision> {
    let one = |analysis: &Analysis| {
        let http = HttpRequest::of(written, analysis);
        stream(effective, &base.of_call(analysis, &http), test)
    };
    written.analyse(profile).iter().map(one).reduce(stricter)
}

/// The decision about a statement with a result of the test's size.
fn stream(effective: &Effective, request: &Request<'_>, test: &Test) -> Decision {
    let (decision, watch) = effective.judge(request);
    let Some(mut watch) = watch else { return decision };
    loop {
        // Rows and bytes grow together; which point comes first does not matter, as each is asked at the counts that
        // reach it.
        let rows = watch.next_rows().min(test.rows);
        let bytes = watch.next_bytes().min(test.bytes);
        if !watch.due(rows, bytes) {
            return decision;
        }
        if let Some(changed) = watch.check(rows, bytes) {
            return changed;
        }
    }
}

fn compare(
    test: &Test,
    word: &'static str,
    decision: &Decision,
    labels: Option<&[&str]>,
    failures: &mut Vec<String>,
) {
    let expected = match test.decision {
        ExpectedDecision::Allow => "allow",
        ExpectedDecision::Mask => "mask",
        ExpectedDecision::Deny => "deny",
        ExpectedDecision::Hold => "hold",
    };
    // What is masked passes, and a mask may be in place where the columns cannot be told.
    let as_expected = match test.decision {
        ExpectedDecision::Allow => matches!(word, "allow" | "mask"),
        _ => word == expected,
    };
    if !as_expected {
        let by = decision
            .rule
            .as_ref()
            .map_or_else(String::new, |rule| format!(" by rule {rule}"));
        let why = decision
            .message
            .as_ref()
            .map_or_else(String::new, |message| format!(": {message}"));
        let hint = if test.decision == ExpectedDecision::Mask && labels.is_none() {
            "; the result's columns cannot be told without a database: state `columns`"
        } else {
            ""
        };
        failures.push(format!("expected {expected}, got {word}{by}{why}{hint}"));
    }
    if let Some(rule) = &test.rule {
        let actual = decision.rule.as_deref().unwrap_or("no rule");
        if rule != actual {
            failures.push(format!("expected rule {rule} to decide, got {actual}"));
        }
    }
    if let Some(masked) = &test.masked {
        match labels {
            None => failures.push(
                "expected masked columns, but the result's columns cannot be told without a database: state `columns`"
                    .to_owned(),
            ),
            Some(labels) if labels != masked.as_slice() => {
                failures.push(format!("expected masked [{}], got [{}]", masked.join(", "), labels.join(", ")));
            }
            Some(_) => {}
        }
    }
}

#[cfg(test)]
mod tests;
