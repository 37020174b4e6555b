//! Answers of the engine's own to what the client sent.

use bytes::BytesMut;
use interdict_record::Micros;
use interdict_sql::{Analysis, Effects};
use interdict_wire::postgres::Header;
use interdict_wire::postgres::frontend::Message;

use super::Step;
use crate::output::{EndReason, Output};
use crate::postgres::form;
use crate::postgres::pending::Pending;
use crate::postgres::server::sqlstate;
use crate::postgres::{Engine, Phase};
use crate::refusal::{Kind, Refusal};
use crate::session::Asked;

impl Engine {
    /// A message too long to hold: data streams, anything that must be judged is refused.
    pub(super) fn oversize(&mut self, header: &Header, now: Micros, out: &mut Output) {
        if header.tag == b'd' && self.phase != Phase::Authentication {
            if self.skipping {
                self.dropping_client = header.total();
            } else {
                self.passing_client = header.total();
            }
            return;
        }
        let limit = self.session.context.limits.message;
        let refusal = Refusal::new(
            Kind::Limit,
            format!(
                "interdict: a message of {} bytes is longer than the {limit} that can be judged",
                header.total()
            ),
            Some(
                "send less at once, or COPY the data in; an operator can raise limits.message of the service"
                    .to_owned(),
            ),
        );
        if self.phase == Phase::Authentication {
            self.cut(&refusal, EndReason::Limit, out);
            return;
        }
        self.dropping_client = header.total();
        if self.skipping {
            return;
        }
        let mut judgement = self.session.judge_bare("unknown", Effects::default(), "");
        judgement.refuse(
            "interdict:limit",
            "the message is too long to be judged".to_owned(),
            String::new(),
        );
        judgement.refusal = Some(refusal.clone());
        self.session
            .record_bare("unknown", "", Effects::default(), &judgement, now, out);
        if matches!(header.tag, b'Q' | b'F') {
            self.answer(form::error(&refusal), true, out);
        } else {
            self.refuse_extended(&refusal, out);
        }
    }

    /// A statement that failed while the engine asked what its result would look like: the server's answer is the answer.
    pub(super) fn record_foreseen(
        &mut self,
        analysis: &Analysis,
        text: &str,
        parameters: &[Option<String>],
        error: &[u8],
        now: Micros,
        out: &mut Output,
    ) {
        let map = self.session.held_map();
        let judgement = self
            .judge(analysis, text, parameters, map.as_deref())
            .into_iter()
            .next();
        let judgement =
            judgement.unwrap_or_else(|| self.session.judge_bare("unknown", Effects::default(), ""));
        let run = self.begin(
            &Asked::new(analysis, 0, text, parameters),
            judgement,
            None,
            analysis,
            now,
            out,
        );
        let code = sqlstate(error);
        self.end_run(run, "error", code, now, out);
    }

    /// Gives an answer of the engine's own, in its turn.
    pub(super) fn answer(&mut self, error: BytesMut, ready: bool, out: &mut Output) {
        if self.pending.is_empty() {
            self.give(&error, ready, out);
        } else {
            self.pending.push_back(Pending::Refusal { error, ready });
        }
    }

    /// Refuses a message of the extended protocol: what follows is dropped until Sync. If something ran before in the
    /// same pipeline, the server is made to fail too, so that it undoes that as it would after an error of its own.
    pub(super) fn refuse_extended(&mut self, refusal: &Refusal, out: &mut Output) {
        let error = form::error(refusal);
        self.skipping = true;
        if self.executed && refused_portal().write(&mut out.to_server).is_ok() {
            self.pending.push_back(Pending::Abort { error });
        } else {
            self.answer(error, false, out);
        }
    }

    pub(super) fn refuse_failed(
        &mut self,
        analysis: &Analysis,
        text: &str,
        ready: bool,
        now: Micros,
        out: &mut Output,
    ) -> Step {
        let refusal = Refusal::new(
            Kind::FailedTransaction,
            "current transaction is aborted, commands ignored until end of transaction block",
            None,
        );
        let mut judgement = self.session.judge_bare("unknown", Effects::default(), "");
        judgement.refusal = Some(refusal.clone());
        self.session
            .record_refused(&Asked::new(analysis, 0, text, &[]), &judgement, now, out);
        if ready {
            self.answer(form::error(&refusal), true, out);
        } else {
            self.refuse_extended(&refusal, out);
        }
        Step::Done
    }
}

/// Fails on any server, because no client names a portal so.
const fn refused_portal() -> Message<'static> {
    Message::Execute {
        portal: b"interdict: refused",
        max_rows: 0,
    }
}
