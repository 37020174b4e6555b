//! Answers to commands: descriptions of results, their ends, errors, what was prepared.

use std::sync::Arc;

use bytes::Bytes;
use interdict_policy::{Decision, Verdict};
use interdict_record::Micros;
use interdict_wire::mysql::response::{ErrPacket, Event, Status};
use interdict_wire::mysql::{Message, Sequence, write_payload};

use crate::mysql::diagnostics::withheld;
use crate::mysql::result::{Described, Plan, PlanInput, Run};
use crate::mysql::{Command, Engine, Exchange, What, form};
use crate::output::{EndReason, Output};
use crate::refusal::{Kind, Refusal};
use crate::session::{Ended, MASKING};

impl Engine {
    /// Takes the next message of the answer to a command.
    pub(super) fn answer(&mut self, message: &Message, now: Micros, out: &mut Output) {
        let payload = &message.payload;
        let Some(Exchange::Command(command)) = &mut self.exchange else {
            return;
        };
        let event = match command.responses.read(payload) {
            Ok(event) => event,
            Err(error) => return self.desynchronised("server", &error, out),
        };
        match event {
            Event::ResultSet { columns, .. } => self.result_set(columns, payload, out),
            Event::Column(definition) => {
                let described = Described::new(&definition, self.settings.lower_case_tables);
                self.column(described, payload, out);
            }
            Event::Row(_) => self.row(payload, now, out),
            Event::Ok(ok) => {
                let rows = ok.affected_rows;
                self.result_ends(ok.status, (!ok.ends_rows).then_some(rows), payload, now, out);
            }
            Event::Eof(eof) => self.result_ends(eof.status, None, payload, now, out),
            Event::Err(error) => self.error(&error, payload, now, out),
            Event::Prepared(ok) => {
                if let What::Prepare { prepared } = &mut command.what
                    && let Some(prepared) = prepared.take()
                {
                    self.statements
                        .insert(ok.statement, prepared.with_parameters(ok.parameters));
                }
                self.pass(payload, out);
            }
            Event::File(_) if command.runs.front().is_some_and(|run| run.takes_file) => {
                self.pass(payload, out);
            }
            Event::File(_) => {
                let refusal = Refusal::new(
                    Kind::Refused,
                    "interdict: the server asks for a file of the client's host though the statement reads none",
                    Some("whoever runs the server may be after files: tell the operator".to_owned()),
                );
                return self.cut(&refusal, EndReason::Refused, out);
            }
            Event::ColumnsEnd(eof) => {
                if eof.status.has(Status::CURSOR_EXISTS) {
                    self.keep_cursor();
                }
                self.pass(payload, out);
            }
            Event::Progress(_) | Event::Parameter(_) | Event::Statistics(_) | Event::Authentication(_) => {
                self.pass(payload, out);
            }
        }
        self.end_if_done(now, out);
    }

    /// Passes a message on under the client's numbers.
    fn pass(&mut self, payload: &[u8], out: &mut Output) {
        if self.muted || self.ended {
            return;
        }
        if let Err(error) = write_payload(payload, &mut self.client_sequence, &mut out.to_client) {
            self.desynchronised("server", &error, out);
        }
    }

    fn front_run(&mut self) -> Option<&mut Run> {
        match &mut self.exchange {
            Some(Exchange::Command(command)) => command.runs.front_mut(),
            _ => None,
        }
    }

    fn result_set(&mut self, columns: u64, payload: &Bytes, out: &mut Output) {
        let Some(run) = self.front_run() else {
            return self.pass(payload, out);
        };
        run.columns.clear();
        run.held.clear();
        run.plan = None;
        run.expected = usize::try_from(columns).unwrap_or(usize::MAX);
        if run.planned {
            run.held.push(payload.clone());
        } else {
            self.pass(payload, out);
        }
    }

    fn column(&mut self, described: Described, payload: &Bytes, out: &mut Output) {
        let muted = self.muted;
        let Some(run) = self.front_run().filter(|run| run.planned && run.expected > 0) else {
            return self.pass(payload, out);
        };
        run.held.push(payload.clone());
        run.columns.push(described);
        if run.columns.len() < run.expected || muted {
            return;
        }
        self.plan(out);
    }

    /// Decides how a result is shown, once all of its columns are described.
    fn plan(&mut self, out: &mut Output) {
        let masks = self.session.effective.masks_columns();
        let map = self.session.held_map().filter(|_| masks);
        let detection = self.session.effective.detection().cloned();
        let opinions = self.session.begin_opinions().is_some();
        let strict = self.session.has_login();
        let bearers = self.session.bearers();
        let Some(run) = self.front_run() else { return };
        if masks && map.is_none() && !run.carrying.mask_all {
            return self.give_up(changed("the policy changed while the statement ran"), out);
        }
        let input = PlanInput {
            map: map.as_deref(),
            strict,
            detection: detection.as_ref(),
            opinions,
            carrying: &run.carrying,
            bearers,
        };
        match Plan::new(&run.columns, &input) {
            Ok(plan) => {
                run.tally.subjects.lose_by(plan.blind(), run.tally.rows + 1);
                run.plan = Some(Arc::new(plan));
                for message in std::mem::take(&mut run.held) {
                    self.pass(&message, out);
                }
            }
            Err(untraceable) => {
                let what = format!(
                    "output column \"{}\" can't be traced to columns that may be shown",
                    untraceable.0
                );
                self.session.schema_changed();
                self.give_up(changed(&what), out);
            }
        }
    }

    /// Refuses a result when its statement already runs: nothing more of it is shown.
    pub(super) fn give_up(&mut self, refusal: Refusal, out: &mut Output) {
        form::error(&refusal, &mut self.client_sequence, &mut out.to_client);
        self.muted = true;
        if let Some(run) = self.front_run() {
            let decision = Decision {
                verdict: Verdict::Deny,
                rule: Some(MASKING.into()),
                message: Some(refusal.message.clone()),
                ..Decision::allow()
            };
            run.stopped = Some((decision, refusal));
            run.held.clear();
        }
    }

    /// A result is over. `affected`: it had no rows.
    fn result_ends(
        &mut self,
        status: Status,
        affected: Option<u64>,
        payload: &Bytes,
        now: Micros,
        out: &mut Output,
    ) {
        self.in_transaction = status.has(Status::IN_TRANSACTION);
        self.pass(payload, out);
        let Some(Exchange::Command(command)) = &mut self.exchange else {
            return;
        };
        let Command {
            responses,
            runs,
            one_statement,
            ..
        } = command.as_mut();
        let over = responses.is_done() || !*one_statement;
        let Some(run) = runs.front_mut() else { return };
        if run.stopped.is_none() {
            run.tally.rows += affected.unwrap_or_default();
        }
        if status.has(Status::CURSOR_EXISTS) {
            self.keep_cursor();
        }
        let Some(Exchange::Command(command)) = &mut self.exchange else {
            return;
        };
        let runs = &mut command.runs;
        if over && let Some(run) = runs.pop_front() {
            if run.ddl {
                self.session.schema_changed();
            }
            self.end_run(run, "ok", None, now, out);
        }
    }

    /// The rows of a cursor come later, and are shown as its columns were described now.
    fn keep_cursor(&mut self) {
        if let Some(Exchange::Command(command)) = &self.exchange
            && let What::Execute { statement } = command.what
            && let Some(prepared) = self.statements.get_mut(statement)
        {
            prepared.cursor = command.runs.front().and_then(|run| run.plan.clone());
        }
    }

    fn error(&mut self, error: &ErrPacket<'_>, payload: &Bytes, now: Micros, out: &mut Output) {
        let sensitive = match self.front_run() {
            Some(run) => run.sensitive,
            None => self.session.effective.masks_columns(),
        };
        match withheld(error).filter(|_| sensitive) {
            Some(text) if !self.muted => {
                let shown = ErrPacket {
                    message: text.as_bytes(),
                    ..*error
                };
                if let Err(error) = shown.write(&mut self.client_sequence, &mut out.to_client) {
                    self.desynchronised("proxy", &error, out);
                }
            }
            _ => self.pass(payload, out),
        }
        let state = error.state.map_or_else(
            || "HY000".to_owned(),
            |state| String::from_utf8_lossy(&state).into_owned(),
        );
        let Some(Exchange::Command(command)) = &mut self.exchange else {
            return;
        };
        let mut failed = Some(state);
        for run in std::mem::take(&mut command.runs) {
            // The first is what failed; the others never ran.
            match failed.take() {
                Some(state) => self.end_run(run, "error", Some(state), now, out),
                None => self.end_run(run, "skipped", None, now, out),
            }
        }
        if let Some(Exchange::Command(command)) = &mut self.exchange {
            command.what = What::Plain;
        }
    }

    fn end_if_done(&mut self, now: Micros, out: &mut Output) {
        if self.ended {
            return;
        }
        let done = matches!(&self.exchange, Some(Exchange::Command(command)) if command.responses.is_done());
        if !done {
            return;
        }
        let Some(Exchange::Command(command)) = self.exchange.take() else {
            return;
        };
        for run in command.runs {
            let status = if run.ended_by_rows() { "ok" } else { "skipped" };
            self.end_run(run, status, None, now, out);
        }
        match command.what {
            What::Plain | What::Prepare { .. } | What::Execute { .. } => {}
            What::Reset => self.renew(),
            What::MultiStatements(allowed) => self.settings.multi_statements = allowed,
        }
        self.muted = false;
        self.client_sequence = Sequence::START;
        self.server_sequence = Sequence::START;
    }

    /// Records what came of a statement.
    pub(in crate::mysql) fn end_run(
        &mut self,
        run: Run,
        status: &'static str,
        sqlstate: Option<String>,
        now: Micros,
        out: &mut Output,
    ) {
        let columns = match &run.plan {
            Some(plan) => plan.recorded(),
            None => Arc::default(),
        };
        if let Some((name, before)) = run.portion {
            self.session.end_portion(name, before, &run.tally);
        }
        let ended = Ended {
            statement_id: run.statement_id,
            status,
            sqlstate,
            tally: run.tally,
            columns,
            stopped: run.stopped,
        };
        self.session.record_end(ended, now, out);
    }
}

fn changed(what: &str) -> Refusal {
    Refusal::new(
        Kind::Refused,
        format!("interdict: {what}, so its result is not shown"),
        Some("repeat the statement".to_owned()),
    )
}
