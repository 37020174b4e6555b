//! What is written down of statements that ran.

use interdict_record::Micros;

use super::Engine;
use super::pending::Run;
use crate::output::Output;
use crate::session::Ended;

impl Engine {
    /// Records what came of a statement.
    pub(super) fn end_run(
        &mut self,
        run: Run,
        status: &'static str,
        sqlstate: Option<String>,
        now: Micros,
        out: &mut Output,
    ) {
        let mut tally = run.tally;
        if let Some((name, before)) = run.portion {
            self.session.end_portion(name, before, &tally);
        }
        if let Some(blind) = run.plan.as_ref().map(|plan| plan.blind()) {
            tally.subjects.lose_by(blind, 1);
        }
        if let Some(plan) = &run.copied {
            tally.subjects.lose_by(plan.blind(), 1);
        }
        let columns = match &run.plan {
            Some(plan) => plan.recorded(),
            None => std::mem::take(&mut tally.columns).into(),
        };
        let ended = Ended {
            statement_id: run.statement_id,
            status,
            sqlstate,
            tally,
            columns,
            stopped: run.stopped,
        };
        self.session.record_end(ended, now, out);
    }
}
