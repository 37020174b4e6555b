//! The simple protocol: one message is a text of statements.

use bytes::BytesMut;
use interdict_record::Micros;

use super::Step;
use crate::output::Output;
use crate::postgres::Engine;
use crate::postgres::form;
use crate::postgres::names::Change;
use crate::postgres::pending::Pending;
use crate::postgres::sight::Sight;
use crate::session::Asked;

impl Engine {
    pub(super) fn query(&mut self, message: &[u8], text: &[u8], now: Micros, out: &mut Output) -> Step {
        if self.must_settle(out) {
            return Step::Wait;
        }
        self.refresh_policy(now);
        let analysis = self.session.shared.analyzer.postgres(text, &self.settings);
        let shown = String::from_utf8_lossy(text);
        if let Some(error) = self.foreseen_error.take() {
            self.record_foreseen(&analysis, &shown, &[], &error, now, out);
            self.answer(BytesMut::from(&error[..]), true, out);
            return Step::Done;
        }
        let map = match self.sight(&analysis, now, out) {
            Sight::Known(map) => map,
            Sight::Wait => return Step::Wait,
            Sight::FailedTransaction => return self.refuse_failed(&analysis, &shown, true, now, out),
        };
        let mut judgements = self.judge(&analysis, &shown, &[], map.as_deref());
        let copies = match self.trace(&mut judgements, &analysis, text, &[], out) {
            Sight::Known(copies) => copies,
            Sight::Wait => return Step::Wait,
            Sight::FailedTransaction => return self.refuse_failed(&analysis, &shown, true, now, out),
        };
        if self.must_look_again(&judgements, &analysis, now, out) {
            return Step::Wait;
        }
        self.session
            .guard_values(&mut judgements, &analysis, &shown, &[], now, out);
        if !self.session.has_ruling() && self.must_plan(&judgements, &analysis, &shown, now, out) {
            return Step::Wait;
        }
        if self
            .session
            .must_wait(&mut judgements, &analysis, &shown, &[], &[text], now, out)
        {
            return Self::wait_for_person(out);
        }
        self.session.end_hold();
        if let Some(refused) = judgements.iter().find(|judgement| judgement.refusal.is_some()) {
            // A refused statement takes those beside it along: nothing of the text is sent.
            for index in 0..judgements.len() {
                self.session
                    .record_refused(&Asked::new(&analysis, index, &shown, &[]), refused, now, out);
            }
            if let Some(refusal) = &refused.refusal {
                self.answer(form::error(refusal), true, out);
            }
            return Step::Done;
        }
        let runs = judgements
            .into_iter()
            .zip(copies)
            .enumerate()
            .map(|(index, (judgement, copied))| {
                self.begin(
                    &Asked::new(&analysis, index, &shown, &[]),
                    judgement,
                    copied,
                    &analysis,
                    now,
                    out,
                )
            })
            .collect();
        self.names.expect(&Change::DropUnnamed);
        self.session.note_spoken(&analysis, &shown);
        out.to_server.extend_from_slice(message);
        self.pending.push_back(Pending::Query {
            runs,
            change: Change::DropUnnamed,
        });
        self.unsynced = false;
        self.executed = false;
        Step::Done
    }
}
