//! What a judgement needs to see first: the catalogue, and what a result would look like.
//!
//! Where it is not at hand the client's message waits, and the engine asks the server.

use std::sync::Arc;

use interdict_record::Micros;
use interdict_sql::{Analysis, Control};
use interdict_wire::postgres::backend::TransactionStatus;
use interdict_wire::postgres::frontend::Message;

use super::Engine;
use super::aside::Aside;
use super::pending::Pending;
use crate::catalogue::MaskMap;
use crate::output::{EndReason, Output};
use crate::session::{Judgement, Need, Standing};

/// Whether something that a judgement needs is at hand.
pub(super) enum Sight<T> {
    Known(T),
    Wait,
    /// The transaction has failed: the server would refuse anything but its end.
    FailedTransaction,
}

impl Engine {
    /// Whether the message has to wait until a setting that changes the meaning of texts has been answered.
    pub(super) fn must_settle(&mut self, out: &mut Output) -> bool {
        if self.barrier && !self.pending.is_empty() {
            self.wait(out);
            return true;
        }
        self.barrier = false;
        false
    }

    /// Stops reading the client until nothing is outstanding.
    pub(super) fn wait(&mut self, out: &mut Output) {
        self.paused = true;
        if self.unsynced && !self.flushed && Message::Flush.write(&mut out.to_server).is_ok() {
            self.flushed = true;
        }
    }

    /// The mask map for a statement; reads the catalogue first if it is missing, stale, or lacks a relation.
    pub(super) fn sight(
        &mut self,
        analysis: &Analysis,
        now: Micros,
        out: &mut Output,
    ) -> Sight<Option<Arc<MaskMap>>> {
        let failed = self.status == TransactionStatus::Failed;
        let standing = Standing {
            between: self.status == TransactionStatus::Idle && self.pending.is_empty() && !self.executed,
            failed,
        };
        let before = self.session.schema_version();
        let sight = self.session.sight(analysis, standing, now);
        if self.generation != self.session.generation {
            self.generation = self.session.generation;
            self.forget_results();
        }
        let (need, map) = match sight {
            Ok(map) => return Sight::Known(map),
            Err(need) => need,
        };
        if !self.pending.is_empty() {
            self.wait(out);
            return Sight::Wait;
        }
        if self.session.ask_login(need, standing, now, out) {
            return Sight::Wait;
        }
        if failed {
            let ends = !analysis.statements.is_empty()
                && analysis
                    .statements
                    .iter()
                    .all(|statement| is_transaction_end(&statement.control));
            return if ends {
                Sight::Known(map)
            } else {
                Sight::FailedTransaction
            };
        }
        let sync = !self.unsynced;
        let aside = match need {
            Need::Mark => Aside::mark(sync, &mut out.to_server),
            Need::Catalogue => Aside::catalogue(before, sync, &mut out.to_server),
        };
        match aside {
            Ok(aside) => {
                self.session.record_own("/* interdict: catalogue */", now, out);
                self.session.asked(need, now);
                self.pending.push_back(Pending::Aside(Box::new(aside)));
                self.paused = true;
            }
            Err(error) => self.desynchronised("proxy", &error, out),
        }
        Sight::Wait
    }

    /// The daemon's own login has looked at the catalogue, or says why it could not. Then [`Self::on_client`] is to be called.
    pub fn on_catalogue(&mut self, came: Result<(), String>, now: Micros, out: &mut Output) {
        if !self.ended
            && let Some(refusal) = self.session.catalogue_came(came, now)
        {
            self.cut(&refusal, EndReason::Refused, out);
        }
    }

    /// Whether the message has to be judged again because the catalogue may be older than what was judged by it.
    pub(super) fn must_look_again(
        &mut self,
        judgements: &[Judgement],
        analysis: &Analysis,
        now: Micros,
        out: &mut Output,
    ) -> bool {
        self.session.must_look_again(judgements) && matches!(self.sight(analysis, now, out), Sight::Wait)
    }
}

fn is_transaction_end(control: &Control) -> bool {
    matches!(
        control,
        Control::Commit { .. }
            | Control::Rollback { .. }
            | Control::RollbackTo { .. }
            | Control::PrepareTransaction
    )
}
