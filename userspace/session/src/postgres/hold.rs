//! Waiting for a person: the client's message, or a result before the row that is one too many.

use bytes::{Bytes, BytesMut};
use interdict_policy::{Decision, Ruling, Verdict};
use interdict_record::Micros;
use interdict_sql::Analysis;
use interdict_wire::postgres::backend::TransactionStatus;

use super::aside::Aside;
use super::client::Step;
use super::pending::Pending;
use super::{Engine, form, front_run};
use crate::output::{EndReason, Output};
use crate::refusal::too_large;
use crate::session::{Judgement, Paused, notice, sent};

/// What the server has a plan for.
const PLANNED: [&str; 5] = ["select", "insert", "update", "delete", "merge"];

impl Engine {
    /// The message is looked at again once a person has decided; the client is told.
    pub(super) fn wait_for_person(out: &mut Output) -> Step {
        if let Some(petition) = &out.petition
            && petition.terms.mode == interdict_policy::HoldMode::Wait
        {
            out.to_client.extend_from_slice(&form::notice(&notice(petition)));
        }
        Step::Wait
    }

    /// Asks the server for its plan where a rule that holds wants the person to see it; true if the message waits for that.
    ///
    /// Not of what has parameters: the server plans that once it has their values.
    pub(super) fn must_plan(
        &mut self,
        judgements: &[Judgement],
        analysis: &Analysis,
        text: &str,
        now: Micros,
        out: &mut Output,
    ) -> bool {
        let wants = |judgement: &Judgement| match &judgement.decision.verdict {
            Verdict::Hold(terms) => judgement.is_held() && terms.plan,
            _ => false,
        };
        let alone = analysis.statements.len() == 1;
        let planned = analysis
            .statements
            .first()
            .is_some_and(|statement| PLANNED.contains(&statement.kind));
        if !alone || !planned || !judgements.iter().any(wants) || self.status == TransactionStatus::Failed {
            return false;
        }
        let key = self.verdict_key(text.as_bytes(), &[]);
        if let Some((_, plan)) = self.plan.take_if(|(known, _)| *known == key) {
            self.session.core.show_plan(plan);
            return false;
        }
        if !self.pending.is_empty() {
            self.wait(out);
            return true;
        }
        match Aside::plan(key, text, !self.unsynced, &mut out.to_server) {
            Ok(aside) => {
                self.session.record_own("/* interdict: plan */", now, out);
                self.pending.push_back(Pending::Aside(Box::new(aside)));
                self.paused = true;
            }
            Err(error) => self.desynchronised("client", &error, out),
        }
        true
    }

    /// Stops the result that is being sent before its last row.
    pub(super) fn hold_result(&mut self, row: BytesMut, decision: Decision, now: Micros, out: &mut Output) {
        let Some(run) = front_run(&mut self.pending) else {
            return;
        };
        let Some(about) = run.held_result.as_deref() else {
            // Nobody can be shown what it is about: it ends here.
            return self.cut(&too_large(&decision), EndReason::Refused, out);
        };
        let counts = sent(run.portion.as_ref(), &run.tally);
        let statement = run.statement_id;
        let paused = Paused { row, decision };
        self.session
            .core
            .hold_result(paused, about, statement, counts, now, out);
        if let Some(petition) = &out.petition {
            out.to_client.extend_from_slice(&form::notice(&notice(petition)));
        }
    }

    /// What the server gave the client for cancelling from another connection.
    pub(crate) fn cancel_key(&self) -> Option<&Bytes> {
        self.backend_key.as_ref()
    }

    /// Takes what a person, or the lack of one, has decided. Then [`Self::on_server`] and [`Self::on_client`] are to be called.
    pub fn on_ruling(&mut self, ruling: Ruling, now: Micros, out: &mut Output) {
        if self.ended {
            return;
        }
        let Some((paused, ruled)) = self.session.take_ruling(ruling) else {
            return;
        };
        self.count_out(out, |engine, out| {
            let Some(run) = front_run(&mut engine.pending) else {
                return;
            };
            match ruled {
                Ok(approval) => {
                    run.tally.approval = Some(approval);
                    let before = out.to_client.len();
                    out.to_client.extend_from_slice(&paused.row);
                    engine.hold_back(before, now, out);
                }
                Err(refusal) => {
                    run.tally.rows -= 1;
                    run.tally.bytes = run.tally.bytes.saturating_sub(paused.row.len() as u64);
                    out.to_client.extend_from_slice(&form::error(&refusal));
                    run.stopped = Some((paused.decision, refusal));
                    engine.muted = true;
                }
            }
        });
    }
}
