//! Prepared statements: a text is judged when it is prepared, and again with its values each time it is executed.

use bytes::Bytes;
use interdict_record::Micros;
use interdict_sql::{Effect, Effects};
use interdict_wire::WireError;
use interdict_wire::mysql::command::{BulkExecute, Execute};
use interdict_wire::mysql::response::Answer;
use interdict_wire::mysql::values::Kind as ValueKind;

use crate::mysql::prepared::Prepared;
use crate::mysql::{Engine, What};
use crate::output::Output;
use crate::refusal::{Kind, Refusal};
use crate::session::Asked;

impl Engine {
    pub(super) fn prepare(&mut self, message: &Bytes, text: Bytes, now: Micros, out: &mut Output) {
        self.session.refresh_policy(now);
        let analysis = self.session.shared.analyzer.mysql(&text, &self.reading(true));
        let Ok(map) = self.sight(&analysis, message, now, out) else {
            return;
        };
        let shown = String::from_utf8_lossy(&text);
        let mut judgements = self.judge(&analysis, &shown, &[], map.as_deref(), true);
        if self.session.effective.decides_on_parameters() {
            // What the policy says needs the values; what masking says does not.
            for judgement in &mut judgements {
                judgement.forget_rules();
            }
        }
        if self.must_look_again(&judgements, &analysis, message, now, out) {
            return;
        }
        if let Some(refused) = Self::refused(&judgements) {
            return self.refuse_all(&analysis, &shown, &[], refused, now, out);
        }
        let what = What::Prepare {
            prepared: Some(Prepared::new(analysis, text, 0)),
        };
        self.forward(message, Answer::Prepared, what, out);
    }

    pub(super) fn execute(&mut self, message: &Bytes, execute: &Execute<'_>, now: Micros, out: &mut Output) {
        let Some(prepared) = self.statements.get(execute.statement).cloned() else {
            return self.refuse(&unknown(execute.statement), out);
        };
        let values = prepared.parameters(execute, self.capabilities);
        self.run(message, execute.statement, &prepared, values, now, out);
    }

    pub(super) fn bulk_execute(
        &mut self,
        message: &Bytes,
        execute: &BulkExecute<'_>,
        now: Micros,
        out: &mut Output,
    ) {
        let Some(prepared) = self.statements.get(execute.statement).cloned() else {
            return self.refuse(&unknown(execute.statement), out);
        };
        let values = prepared.bulk(execute);
        self.run(message, execute.statement, &prepared, values, now, out);
    }

    fn run(
        &mut self,
        message: &Bytes,
        number: u32,
        prepared: &Prepared,
        values: Result<(Vec<ValueKind>, Vec<Option<String>>), WireError>,
        now: Micros,
        out: &mut Output,
    ) {
        let (kinds, parameters) = match values {
            Ok(values) => values,
            Err(error) => return self.desynchronised("client", &error, out),
        };
        self.session.refresh_policy(now);
        let analysis = std::sync::Arc::clone(&prepared.analysis);
        let Ok(map) = self.sight(&analysis, message, now, out) else {
            return;
        };
        let shown = String::from_utf8_lossy(&prepared.text);
        let mut judgements = self.judge(&analysis, &shown, &parameters, map.as_deref(), true);
        if self.must_look_again(&judgements, &analysis, message, now, out) {
            return;
        }
        self.session
            .guard_values(&mut judgements, &analysis, &shown, &parameters, now, out);
        // The command and the statement's number, which may be another in another session; values that came before are in `parameters`.
        let long = parameters
            .iter()
            .flatten()
            .fold(Vec::new(), |mut all: Vec<u8>, value| {
                all.extend_from_slice(value.as_bytes());
                all.push(0);
                all
            });
        let sent: [&[u8]; 3] = [&prepared.text, message.get(5..).unwrap_or_default(), &long];
        if self
            .session
            .must_wait(&mut judgements, &analysis, &shown, &parameters, &sent, now, out)
        {
            self.waiting = Some(message.clone());
            return;
        }
        self.session.end_hold();
        if let Some(refused) = Self::refused(&judgements) {
            return self.refuse_all(&analysis, &shown, &parameters, refused, now, out);
        }
        let judgement = judgements
            .into_iter()
            .next()
            .unwrap_or_else(|| self.session.judge_bare("empty", Effects::default(), ""));
        let asked = Asked::new(&analysis, 0, &shown, &parameters);
        let statement = analysis.statements.first();
        let run = self.begin(&asked, judgement, &analysis, statement, now, out);
        self.session.note_spoken(&analysis, &shown);
        self.statements.executed(number, kinds);
        self.session.begin_portions(fetched_result(number));
        self.forward_runs(
            message,
            Answer::Binary,
            What::Execute { statement: number },
            vec![run],
            true,
            out,
        );
    }

    /// Rows of a cursor that an execution opened.
    pub(super) fn fetch(&mut self, message: &Bytes, number: u32, now: Micros, out: &mut Output) {
        let Some(prepared) = self.statements.get(number).cloned() else {
            return self.refuse(&unknown(number), out);
        };
        let mut effects = Effects::default();
        effects.insert(Effect::Cursor);
        effects.insert(Effect::Read);
        let shown = String::from_utf8_lossy(&prepared.text);
        let judgement = self.session.judge_bare("fetch", effects, &shown);
        let asked = Asked {
            kind: "fetch",
            text: &shown,
            normalised: prepared.analysis.normalised.as_deref(),
            fingerprint: prepared.analysis.fingerprint.as_deref(),
            effects,
            complete: true,
            ..Asked::default()
        };
        if let Some(refusal) = &judgement.refusal {
            self.session.record_refused(&asked, &judgement, now, out);
            return self.refuse(refusal, out);
        }
        let mut run = self.begin(
            &asked,
            judgement,
            &prepared.analysis,
            prepared.analysis.statements.first(),
            now,
            out,
        );
        let result = fetched_result(number);
        if let Some(watch) = &mut run.watch {
            let before = self.session.portion(&result);
            if before.approved {
                watch.forget_holds();
            }
            run.portion = Some((result, before));
        }
        run.ddl = false;
        run.sensitive = self.session.effective.masks_columns();
        run.plan.clone_from(&prepared.cursor);
        self.forward_runs(message, Answer::Fetched, What::Plain, vec![run], true, out);
    }
}

fn unknown(number: u32) -> Refusal {
    Refusal::new(
        Kind::UnknownStatement,
        format!("interdict: no statement of number {number} was prepared in this session"),
        Some("prepare it first".to_owned()),
    )
}

/// What the rows are counted under that a client fetches from a statement.
fn fetched_result(number: u32) -> String {
    format!("statement {number}")
}
