//! What is written down of a session.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::BytesMut;
use interdict_policy::{Decision, Literals, Verdict};
use interdict_record::{Column, Event, Micros, Record, RelationAccess, StatementEnded, StatementStarted};
use interdict_sql::{Access, Analysis, Control, Copy, Effects, Statement};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::judge::Judgement;
use super::{Core, Seen};
use crate::catalogue::MaskedColumn;
use crate::output::Output;
use crate::refusal::Refusal;

/// A statement's flag while a grant lifts masks for its session.
pub const MASKS_LIFTED: &str = "masks_lifted";
/// Text longer than this is cut in the record; the fingerprint is of the whole.
const RECORDED_TEXT: usize = 64 << 10;
/// A parameter longer than this is cut in the record.
pub(crate) const RECORDED_PARAMETER: usize = 4 << 10;

impl Core {
    /// Records a statement as asked and decided; its id.
    pub(crate) fn record_statement(
        &mut self,
        what: &Asked<'_>,
        judgement: &Judgement,
        now: Micros,
        out: &mut Output,
    ) -> Uuid {
        let statement_id = self.next_id(now);
        self.totals.statements += 1;
        let (text, parameters) = self.recorded(what, judgement.sensitive);
        if judgement.refusal.is_none() {
            self.use_grant(&judgement.decision);
        }
        let refused = judgement.refusal.is_some();
        let decision = match (&judgement.decision.verdict, refused) {
            _ if let Some(word) = judgement.word => word,
            (_, false) if judgement.approval.is_some() => "approve",
            (Verdict::Hold(_), _) => "hold",
            (_, true) => "deny",
            _ if judgement.carrying.mask_all || (judgement.sensitive && self.masks()) => "mask",
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
                statement: text,
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
                approval_id: judgement.approval,
                grant_id: judgement.decision.grant.filter(|_| !refused),
                trace_id: what.trace.map(str::to_owned),
                flags: what
                    .flags
                    .iter()
                    .map(|flag| (*flag).to_owned())
                    .chain(judgement.would.clone())
                    .chain((!refused && self.effective.lifts_masks()).then(|| MASKS_LIFTED.to_owned()))
                    .collect(),
            })));
        statement_id
    }

    /// A statement's text and values as far as the policy lets them be kept.
    pub(super) fn recorded(&self, what: &Asked<'_>, sensitive: bool) -> (String, Vec<Option<String>>) {
        let withheld = sensitive && self.effective.literals() == Literals::Mask;
        let text = if withheld {
            what.normalised.unwrap_or("[withheld]")
        } else {
            what.text
        };
        let parameter = |value: &String| {
            if withheld {
                "[redacted]".to_owned()
            } else {
                self.scrub(clip(value, RECORDED_PARAMETER))
            }
        };
        let parameters = what.parameters.iter().map(|value| value.as_ref().map(parameter));
        (self.scrub(clip(text, RECORDED_TEXT)), parameters.collect())
    }

    /// Records a statement that is refused: asked, decided, over.
    pub(crate) fn record_refused(
        &mut self,
        what: &Asked<'_>,
        judgement: &Judgement,
        now: Micros,
        out: &mut Output,
    ) {
        let statement_id = self.record_statement(what, judgement, now, out);
        let code = judgement.refusal.as_ref().map(|refusal| self.code(refusal.kind));
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
    pub(crate) fn record_bare(
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
        self.record_over(&asked, judgement, now, out);
    }

    /// Records something that is asked and over.
    pub(crate) fn record_over(
        &mut self,
        asked: &Asked<'_>,
        judgement: &Judgement,
        now: Micros,
        out: &mut Output,
    ) {
        let statement_id = self.record_statement(asked, judgement, now, out);
        out.records.push(Record::StatementEnded(Box::new(StatementEnded {
            session_id: self.context.session_id,
            statement_id,
            ended_at: now,
            status: "ok".to_owned(),
            ..StatementEnded::default()
        })));
    }

    /// Records what came of a statement. `stopped`: a rule about the result, or masking, ended it.
    pub(crate) fn record_end(&mut self, ended: Ended, now: Micros, out: &mut Output) {
        let mut tally = ended.tally;
        let masked_by = tally.take_masked_by();
        let (status, sqlstate) = match &ended.stopped {
            Some((_, refusal)) => ("refused", Some(self.code(refusal.kind))),
            None => (ended.status, ended.sqlstate),
        };
        self.totals.rows += tally.rows;
        self.totals.masked_cells += tally.masked_cells;
        let (subjects, mut flags) = tally.subjects.of_rows(tally.rows);
        if tally.opinion_failed {
            flags.push("opinion_failed".to_owned());
        }
        if let Some(approval) = tally.approval {
            flags.push(format!("approval:{approval}"));
        }
        let decision = match (&ended.stopped, tally.approval) {
            (Some(_), _) => Some("deny".to_owned()),
            (None, Some(_)) => Some("approve".to_owned()),
            (None, None) => None,
        };
        out.records.push(Record::StatementEnded(Box::new(StatementEnded {
            session_id: self.context.session_id,
            statement_id: ended.statement_id,
            first_byte_at: tally.first_byte_at,
            ended_at: now,
            columns: ended.columns,
            status: status.to_owned(),
            sqlstate,
            rows: tally.rows,
            bytes: tally.bytes,
            masked_cells: tally.masked_cells,
            masked_by,
            decision,
            rule: ended
                .stopped
                .as_ref()
                .and_then(|(decision, _)| decision.rule.as_deref().map(str::to_owned)),
            message: ended.stopped.map(|(_, refusal)| refusal.message),
            flags,
            subjects: subjects.into_iter().collect(),
        })));
    }

    /// Records a question of the engine's own: asked and over.
    pub(crate) fn record_own(&mut self, text: &str, now: Micros, out: &mut Output) {
        let asked = Asked {
            kind: "select",
            text,
            complete: true,
            flags: &["interdict"],
            ..Asked::default()
        };
        self.record_over(&asked, &Judgement::own(), now, out);
    }

    /// A caller has tried as many values on a column as the policy allows.
    pub(super) fn probe_event(&self, database: &str, column: &str, distinct: u32, now: Micros) -> Record {
        let caller = &self.context.identity.name;
        let detail = [
            ("identity", caller.clone()),
            ("service", self.context.service.clone()),
            ("database", database.to_owned()),
            ("column", column.to_owned()),
            ("distinct", distinct.to_string()),
            ("session", self.context.session_id.to_string()),
        ];
        Record::Event(Box::new(Event {
            at: now,
            kind: "probe_budget".to_owned(),
            actor: "daemon".to_owned(),
            message: format!("{caller} has tried {distinct} different values on {column}"),
            detail: detail
                .map(|(key, value)| (key.to_owned(), value))
                .into_iter()
                .collect(),
        }))
    }

    /// Takes what the policy's detectors find out of a text that is to be kept.
    pub(crate) fn scrub(&self, text: &str) -> String {
        if let Some(detection) = self.effective.detection() {
            let mut clean = BytesMut::new();
            if detection.redact(text.as_bytes(), &mut clean, |_| {}) {
                return String::from_utf8_lossy(&clean).into_owned();
            }
        }
        text.to_owned()
    }
}

/// What came of a statement.
pub(crate) struct Ended {
    pub(crate) statement_id: Uuid,
    pub(crate) status: &'static str,
    pub(crate) sqlstate: Option<String>,
    pub(crate) tally: Tally,
    pub(crate) columns: Arc<Vec<Column>>,
    /// What ended it, if it was not the server.
    pub(crate) stopped: Option<(Decision, Refusal)>,
}

/// What is counted while a result passes.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) first_byte_at: Option<Micros>,
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    pub(crate) masked_cells: u64,
    pub(crate) masked_by: BTreeMap<String, u64>,
    /// The same for cells of masked columns: there are few masks and many cells.
    pub(crate) by_column: Vec<(Arc<MaskedColumn>, u64)>,
    /// For values between what they were and what they become.
    pub(crate) scratch: Scratch,
    /// A second opinion was asked for and not had.
    pub(crate) opinion_failed: bool,
    /// A person let the result go on.
    pub(crate) approval: Option<Uuid>,
    pub(crate) columns: Vec<Column>,
    /// Those whose data was shown.
    pub(crate) subjects: Seen,
}

/// Buffers that are used again for every cell.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    /// A value as text.
    pub(crate) text: BytesMut,
    /// What is shown of it.
    pub(crate) shown: BytesMut,
}

impl Tally {
    /// Counts a cell of a column by the mask on it.
    pub(crate) fn count_masked(&mut self, masked: &Arc<MaskedColumn>) {
        let mut known = self.by_column.iter_mut();
        match known.find(|(known, _)| Arc::ptr_eq(known, masked)) {
            Some((_, count)) => *count += 1,
            None => self.by_column.push((Arc::clone(masked), 1)),
        }
    }

    /// How many cells were masked by what.
    fn take_masked_by(&mut self) -> BTreeMap<String, u64> {
        for (masked, count) in self.by_column.drain(..) {
            *self.masked_by.entry(masked.origin.clone()).or_default() += count;
        }
        std::mem::take(&mut self.masked_by)
    }

    /// Counts a cell by what was found in it.
    pub(crate) fn count(&mut self, name: &str) {
        if let Some(known) = self.masked_by.get_mut(name) {
            *known += 1;
        } else {
            self.masked_by.insert(name.to_owned(), 1);
        }
    }
}

/// A statement as it is recorded.
#[derive(Default)]
pub(crate) struct Asked<'a> {
    pub(crate) kind: &'a str,
    pub(crate) text: &'a str,
    pub(crate) normalised: Option<&'a str>,
    pub(crate) fingerprint: Option<&'a str>,
    pub(crate) parameters: &'a [Option<String>],
    pub(crate) effects: Effects,
    pub(crate) relations: &'a [interdict_sql::Relation],
    pub(crate) complete: bool,
    pub(crate) flags: &'a [&'static str],
    /// Of the caller's trace context.
    pub(crate) trace: Option<&'a str>,
    /// The statement, if it is a COPY.
    pub(crate) copy: Option<&'a Copy>,
    /// The cursor that it declares, or takes rows from.
    pub(crate) declares: Option<&'a str>,
    pub(crate) fetches: Option<&'a str>,
}

impl<'a> Asked<'a> {
    /// The `index`th statement of a text; the whole text if it could not be taken apart.
    pub(crate) fn new(
        analysis: &'a Analysis,
        index: usize,
        text: &'a str,
        parameters: &'a [Option<String>],
    ) -> Self {
        let statement: Option<&Statement> = analysis.statements.get(index);
        let part = if analysis.statements.len() > 1 {
            analysis.part(index, text).trim()
        } else {
            text
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
            trace: trace(text),
            copy: match statement.map(|statement| &statement.control) {
                Some(Control::Copy(copy)) => Some(copy),
                _ => None,
            },
            declares: match statement.map(|statement| &statement.control) {
                Some(Control::DeclareCursor { name, .. }) => Some(name),
                _ => None,
            },
            fetches: match statement.map(|statement| &statement.control) {
                Some(Control::Fetch { name, .. }) => Some(name),
                _ => None,
            },
        }
    }
}

pub(super) fn relation_access(relation: &interdict_sql::Relation) -> RelationAccess {
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

/// 16 hexadecimal digits of a text from which what tells one call from another was taken out.
pub(crate) fn fingerprint(normalised: &str) -> String {
    let mut digits = hex::encode(Sha256::digest(normalised.as_bytes()));
    digits.truncate(16);
    digits
}

/// The trace id that the client says a statement belongs to: `traceparent` (W3C Trace Context) in a comment at its end, as sqlcommenter puts it there.
/// A claim, as any comment.
fn trace(text: &str) -> Option<&str> {
    let text = text.trim_end().trim_end_matches(';').trim_end();
    let comment = text.strip_suffix("*/")?;
    let comment = comment.get(comment.rfind("/*")?..)?;
    let (_, value) = comment.split_once("traceparent='")?;
    let id = value.split('\'').next()?.split('-').nth(1)?;
    (id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(id)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_is_read_from_the_last_comment() {
        let id = "4bf92f3577b34da6a3ce929d0e0e4736";
        let parent = format!("traceparent='00-{id}-00f067aa0ba902b7-01'");
        for (text, expected) in [
            (format!("select 1 /*{parent}*/"), Some(id)),
            (format!("select 1 /*app='x',{parent},z='y'*/ ;\n"), Some(id)),
            (format!("select 1 /*{parent}*/ + 1"), None),
            (format!("select '/*{parent}'"), None),
            ("select 1 /*traceparent='00-xyz-1-01'*/".to_owned(), None),
            ("select 1 */".to_owned(), None),
        ] {
            assert_eq!(trace(&text), expected, "{text}");
        }
    }
}
