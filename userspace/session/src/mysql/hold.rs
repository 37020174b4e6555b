//! Waiting for a person: the client's message, or a result before the row that is one too many.

use bytes::BytesMut;
use interdict_policy::{Decision, Ruling};
use interdict_record::Micros;
use interdict_wire::mysql::Sequence;

use super::{Engine, Exchange, form};
use crate::output::{EndReason, Output};
use crate::refusal::too_large;
use crate::session::{Paused, sent};

/// Where a result stopped.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stopped {
    /// The sequence number before the row.
    before: Sequence,
    /// Whether others are to be asked about the row before it is shown.
    asked: bool,
}

impl Engine {
    /// Stops the result that is being sent before its last row.
    pub(super) fn hold_result(
        &mut self,
        row: BytesMut,
        before: Sequence,
        asked: bool,
        decision: Decision,
        now: Micros,
        out: &mut Output,
    ) {
        let Some(Exchange::Command(command)) = &mut self.exchange else {
            return;
        };
        let Some(run) = command.runs.front_mut() else {
            return;
        };
        let Some(about) = run.held_result.as_deref() else {
            // Nobody can be shown what it is about: it ends here.
            return self.cut(&too_large(&decision), EndReason::Refused, out);
        };
        let counts = sent(run.portion.as_ref(), &run.tally);
        let statement = run.statement_id;
        let paused = Paused { row, decision };
        self.stopped_at = Some(Stopped { before, asked });
        self.session
            .core
            .hold_result(paused, about, statement, counts, now, out);
    }

    /// Takes what a person, or the lack of one, has decided. Then [`Self::on_server`] and [`Self::on_client`] are to be called.
    pub fn on_ruling(&mut self, ruling: Ruling, now: Micros, out: &mut Output) {
        if self.ended {
            return;
        }
        let Some((paused, ruled)) = self.session.take_ruling(ruling) else {
            return;
        };
        let Some(stopped) = self.stopped_at.take() else {
            return;
        };
        self.count_out(out, |engine, out| {
            let Some(Exchange::Command(command)) = &mut engine.exchange else {
                return;
            };
            let Some(run) = command.runs.front_mut() else {
                return;
            };
            match ruled {
                Ok(approval) => {
                    run.tally.approval = Some(approval);
                    if stopped.asked {
                        engine.hold_back(paused.row, now, out);
                    } else {
                        out.to_client.extend_from_slice(&paused.row);
                    }
                }
                Err(refusal) => {
                    run.tally.rows -= 1;
                    run.tally.bytes = run.tally.bytes.saturating_sub(paused.row.len() as u64);
                    run.stopped = Some((paused.decision, refusal.clone()));
                    engine.muted = true;
                    if stopped.asked {
                        let mut error = BytesMut::new();
                        form::error(&refusal, &mut Sequence::START.clone(), &mut error);
                        engine.hold_back(error, now, out);
                    } else {
                        engine.client_sequence = stopped.before;
                        form::error(&refusal, &mut engine.client_sequence, &mut out.to_client);
                    }
                }
            }
        });
    }
}
