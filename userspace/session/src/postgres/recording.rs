//! What the engine writes down.

use interdict_policy::{Literals, Verdict};
use interdict_record::{Micros, Record, RelationAccess, StatementEnded, StatementStarted};
use interdict_sql::{Access, Analysis, Effects, Statement};
use interdict_wire::postgres::{Format, format_at, frontend};
use uuid::Uuid;

use super::Engine;
use super::judge::Judgement;
use super::names::Portal;
use super::pending::Run;
use crate::output::Output;

/// Text longer than this is cut in the record; the fingerprint is of the whole.
const RECORDED_TEXT: usize = 64 << 10;
/// A parameter longer than this is cut in the record.
const RECORDED_PARAMETER: usize = 4 << 10;

impl Engine {
    /// Records a statement as asked and decided; its id.
    pub(super) fn record_statement(
        &mut self,
        what: &Asked<'_>,
        judgement: &Judgement,
        now: Micros,
        out: &mut Output,
    ) -> Uuid {
        let statement_id = self.next_id(now);
        self.totals.statements += 1;
        let withheld = judgement.sensitive && self.effective.literals() == Literals::Mask;
        let text = if withheld {
            what.normalised.unwrap_or("[withheld]")
        } else {
            what.text
        };
        let parameters = if withheld {
            what.parameters
                .iter()
                .map(|value| value.as_ref().map(|_| "[redacted]".to_owned()))
                .collect()
        } else {
            what.parameters
                .iter()
                .map(|value| {
                    value
                        .as_deref()
                        .map(|value| self.scrub(clip(value, RECORDED_PARAMETER)))
                })
                .collect()
        };
        let refused = judgement.refusal.is_some();
        let decision = match (&judgement.decision.verdict, refused) {
            (Verdict::Hold(_), _) => "hold",
            (_, true) => "deny",
            _ if judgement.mask_all || (judgement.sensitive && self.effective.masks_columns()) => "mask",
            _ => "allow",
        };
        out.records
            .push(Record::StatementStarted(Box::new(StatementStarted {
                session_id: self.context.session_id,
                statement_id,
                requested_at: now,
                decided_at: now,
                service: self.context.service.clone(),
                identity: self.context.identity.name.clone(),
                kind: what.kind.to_owned(),
                statement: self.scrub(clip(text, RECORDED_TEXT)),
                fingerprint: what.fingerprint.map(str::to_owned),
                parameters,
                effects: what
                    .effects
                    .iter()
                    .map(|effect| effect.as_str().to_owned())
                    .collect(),
                relations: what.relations.iter().map(relation_access).collect(),
                complete: what.complete,
                decision: decision.to_owned(),
                rule: judgement.decision.rule.as_deref().map(str::to_owned),
                message: judgement.refusal.as_ref().map(|refusal| refusal.message.clone()),
                policy: judgement.decision.policy.as_deref().map(str::to_owned),
                policy_digest: Some(self.policies.digest().to_owned()),
                flags: what.flags.iter().map(|flag| (*flag).to_owned()).collect(),
                ..StatementStarted::default()
            })));
        statement_id
    }

    /// Records a statement that is refused: asked, decided, over.
    pub(super) fn record_refused(
        &mut self,
        what: &Asked<'_>,
        judgement: &Judgement,
        now: Micros,
        out: &mut Output,
    ) {
        let statement_id = self.record_statement(what, judgement, now, out);
        let code = judgement.refusal.as_ref().map(|refusal| refusal.code.to_owned());
        out.records.push(Record::StatementEnded(Box::new(StatementEnded {
            session_id: self.context.session_id,
            statement_id,
            ended_at: now,
            status: "refused".to_owned(),
            sqlstate: code,
            ..StatementEnded::default()
        })));
    }

    /// Records something without a statement text: refused, or begun and over.
    pub(super) fn record_bare(
        &mut self,
        kind: &'static str,
        text: &str,
        effects: Effects,
        judgement: &Judgement,
        now: Micros,
        out: &mut Output,
    ) {
        let asked = Asked {
            kind,
            text,
            effects,
            complete: true,
            ..Asked::default()
        };
        if judgement.refusal.is_some() {
            self.record_refused(&asked, judgement, now, out);
            return;
        }
        let statement_id = self.record_statement(&asked, judgement, now, out);
        out.records.push(Record::StatementEnded(Box::new(StatementEnded {
            session_id: self.context.session_id,
            statement_id,
            ended_at: now,
            status: "ok".to_owned(),
            ..StatementEnded::default()
        })));
    }

    /// Records what came of a statement.
    pub(super) fn end_run(
        &mut self,
        run: Run,
        status: &str,
        sqlstate: Option<String>,
        now: Micros,
        out: &mut Output,
    ) {
        let tally = run.tally;
        let (status, sqlstate) = match &run.stopped {
            Some((_, refusal)) => ("refused", Some(refusal.code.to_owned())),
            None => (status, sqlstate),
        };
        self.totals.rows += tally.rows;
        self.totals.masked_cells += tally.masked_cells;
        let columns = match &run.plan {
            Some(plan) => plan.columns().to_vec(),
            None => tally.columns,
        };
        out.records.push(Record::StatementEnded(Box::new(StatementEnded {
            session_id: self.context.session_id,
            statement_id: run.statement_id,
            first_byte_at: tally.first_byte_at,
            ended_at: now,
            columns,
            status: status.to_owned(),
            sqlstate,
            rows: tally.rows,
            bytes: tally.bytes,
            masked_cells: tally.masked_cells,
            masked_by: tally.masked_by,
            decision: run.stopped.as_ref().map(|_| "deny".to_owned()),
            rule: run
                .stopped
                .as_ref()
                .and_then(|(decision, _)| decision.rule.as_deref().map(str::to_owned)),
            message: run.stopped.map(|(_, refusal)| refusal.message),
            ..StatementEnded::default()
        })));
    }

    /// Takes what the policy's detectors find out of a text that is to be kept.
    fn scrub(&self, text: &str) -> String {
        if let Some(detection) = self.effective.detection() {
            let mut clean = bytes::BytesMut::new();
            if detection.redact(text.as_bytes(), &mut clean, |_| {}) {
                return String::from_utf8_lossy(&clean).into_owned();
            }
        }
        text.to_owned()
    }
}

/// A statement as it is recorded.
#[derive(Default)]
pub(super) struct Asked<'a> {
    pub(super) kind: &'a str,
    pub(super) text: &'a str,
    pub(super) normalised: Option<&'a str>,
    pub(super) fingerprint: Option<&'a str>,
    pub(super) parameters: &'a [Option<String>],
    pub(super) effects: Effects,
    pub(super) relations: &'a [interdict_sql::Relation],
    pub(super) complete: bool,
    pub(super) flags: &'a [&'static str],
}

impl<'a> Asked<'a> {
    /// The `index`th statement of a text; the whole text if it could not be taken apart.
    pub(super) fn new(
        analysis: &'a Analysis,
        index: usize,
        text: &'a str,
        parameters: &'a [Option<String>],
    ) -> Self {
        let statement: Option<&Statement> = analysis.statements.get(index);
        let alone = analysis.statements.len() <= 1;
        let part = match statement {
            Some(statement) if !alone => text.get(statement.range.clone()).unwrap_or(text).trim(),
            _ => text,
        };
        Self {
            kind: statement.map_or("empty", |statement| statement.kind),
            text: part,
            normalised: analysis.normalised.as_deref(),
            fingerprint: analysis.fingerprint.as_deref(),
            parameters,
            effects: statement.map_or_else(Effects::default, |statement| statement.effects),
            relations: statement.map_or(&[], |statement| &statement.relations),
            complete: statement.is_none_or(Statement::complete),
            flags: &[],
        }
    }
}

fn relation_access(relation: &interdict_sql::Relation) -> RelationAccess {
    let name = match &relation.schema {
        Some(schema) => format!("{schema}.{}", relation.name),
        None => relation.name.clone(),
    };
    let access = match relation.access {
        Access::Read => "read",
        Access::Write => "write",
        Access::Define => "define",
    };
    RelationAccess {
        name,
        access: access.to_owned(),
    }
}

fn clip(text: &str, bound: usize) -> &str {
    if text.len() <= bound {
        return text;
    }
    let mut end = bound;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

/// A portal's parameters as text: text ones as they are, binary ones of the common types decoded, others in hexadecimal.
pub(super) fn parameters(portal: &Portal) -> Vec<Option<String>> {
    let Ok(frontend::Message::Bind(bind)) = frontend::parse(b'B', &portal.bind) else {
        return Vec::new();
    };
    let count = bind.parameters.len();
    let formats: Vec<Format> = bind.parameter_formats.iter().collect();
    bind.parameters
        .iter()
        .enumerate()
        .map(|(index, value)| {
            let value = value?;
            let value = value
                .get(..value.len().min(RECORDED_PARAMETER))
                .unwrap_or_default();
            if format_at(&formats, index, count).unwrap_or_default() == Format::Text {
                return Some(String::from_utf8_lossy(value).into_owned());
            }
            let oid = portal
                .statement
                .parameter_types
                .get(index)
                .copied()
                .unwrap_or_default();
            Some(binary(oid, value))
        })
        .collect()
}

fn binary(oid: u32, value: &[u8]) -> String {
    match (oid, value.len()) {
        (16, 1) => (value != [0]).to_string(),
        (21, _) => value
            .try_into()
            .map(i16::from_be_bytes)
            .map_or_else(|_| hex(value), |number| number.to_string()),
        (23 | 26, _) => value
            .try_into()
            .map(i32::from_be_bytes)
            .map_or_else(|_| hex(value), |number| number.to_string()),
        (20, _) => value
            .try_into()
            .map(i64::from_be_bytes)
            .map_or_else(|_| hex(value), |number| number.to_string()),
        (25 | 1043 | 1042 | 19 | 114, _) => String::from_utf8_lossy(value).into_owned(),
        _ => hex(value),
    }
}

fn hex(value: &[u8]) -> String {
    let mut text = String::with_capacity(2 + value.len() * 2);
    text.push_str("\\x");
    for byte in value {
        text.push(char::from_digit(u32::from(byte >> 4), 16).unwrap_or('0'));
        text.push(char::from_digit(u32::from(byte & 15), 16).unwrap_or('0'));
    }
    text
}
