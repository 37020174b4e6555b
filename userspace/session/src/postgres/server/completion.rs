//! Ends of statements and of cycles, and names that the server confirms.

use interdict_record::Micros;
use interdict_wire::postgres::backend::{Message, TransactionStatus, affected_rows};

use super::Show;
use crate::output::Output;
use crate::postgres::Engine;
use crate::postgres::names::Change;
use crate::postgres::pending::Pending;

impl Engine {
    pub(super) fn complete(&mut self, command: &[u8], now: Micros, out: &mut Output) -> Show {
        let over = match self.pending.front_mut() {
            Some(Pending::Execute { .. }) => match self.pending.pop_front() {
                Some(Pending::Execute { portal, mut run }) => {
                    if run.plan.is_none() {
                        run.plan = self.plans.get(&portal).cloned();
                    }
                    Some(*run)
                }
                _ => None,
            },
            Some(Pending::Query { runs, .. }) => runs.pop_front(),
            _ => {
                self.desynchronised("server", &"the end of a statement that was not sent", out);
                return Show::Hide;
            }
        };
        if command == b"DISCARD ALL" {
            // Every portal is closed as well, so that its name may mean another result.
            self.plans.clear();
            self.described.clear();
        }
        if command == b"DISCARD ALL" || command == b"DEALLOCATE ALL" {
            self.names.confirm(&Change::DropStatements);
            self.rebuild_names();
            self.session.forget_spoken();
        }
        if let Some(mut run) = over {
            if run.tally.rows == 0 && run.stopped.is_none() {
                run.tally.rows = affected_rows(command).unwrap_or_default();
            }
            if run.ddl {
                self.session.ddl_in_transaction = true;
                self.session.schema_changed();
            }
            self.end_run(run, "ok", None, now, out);
        }
        Show::Pass
    }

    pub(super) fn confirm(&mut self, message: &Message<'_>, out: &mut Output) -> Show {
        let fits = matches!(
            (self.pending.front(), message),
            (Some(Pending::Parse { .. }), Message::ParseComplete)
                | (Some(Pending::Bind { .. }), Message::BindComplete)
                | (Some(Pending::Close { .. }), Message::CloseComplete)
        );
        if !fits {
            self.desynchronised(
                "server",
                &format_args!("{} where it was not expected", message.name()),
                out,
            );
            return Show::Hide;
        }
        if let Some(pending) = self.pending.pop_front()
            && let Some(change) = pending.change()
        {
            self.names.confirm(change);
            if let Change::Bind(name, _) | Change::ClosePortal(name) = change {
                self.plans.remove(name);
            }
        }
        Show::Pass
    }

    pub(super) fn ready(&mut self, status: TransactionStatus, now: Micros, out: &mut Output) -> Show {
        match self.pending.pop_front() {
            Some(Pending::Query { runs, change }) => {
                self.names.confirm(&change);
                for run in runs {
                    self.end_run(run, "skipped", None, now, out);
                }
            }
            Some(Pending::Call { run }) => {
                let mut run = *run;
                let failed = run.failed.take();
                self.end_run(
                    run,
                    if failed.is_some() { "error" } else { "ok" },
                    failed,
                    now,
                    out,
                );
            }
            Some(Pending::Sync) => {}
            _ => {
                self.desynchronised("server", &"ReadyForQuery where it was not expected", out);
                return Show::Hide;
            }
        }
        self.status = status;
        self.muted = false;
        if status == TransactionStatus::Idle {
            self.names
                .end_transaction(self.pending.iter().filter_map(Pending::change));
            if self.pending.is_empty() {
                self.plans.clear();
                self.described.clear();
            }
            if self.session.ddl_in_transaction {
                self.session.ddl_in_transaction = false;
                self.session.schema_changed();
            }
        }
        Show::Pass
    }
}
