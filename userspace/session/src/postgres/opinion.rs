//! A second opinion on rows and COPY data, as this protocol has them. What is asked when is `session::opinion`'s.

mod copy;
mod shown;

use bytes::BytesMut;
use interdict_masking::Finding;
use interdict_masking::postgres::copy::Column;
use interdict_record::Micros;
use interdict_wire::postgres::backend::{CopyFormat, RowDescription, tag};
use interdict_wire::postgres::{Header, write_message};

use super::result::Plan;
use super::{Engine, front_run};
use crate::output::{Output, Question};
use crate::postgres::form;
use crate::refusal::Refusal;
use crate::session::{Kept, Release, Stop, stop};
pub(super) use copy::{CopyAsked, layout};
pub(super) use shown::Shown;

impl Engine {
    /// The time is `now`, and nothing else happened.
    pub fn on_time(&mut self, now: Micros, out: &mut Output) {
        if self
            .session
            .opinions_due()
            .is_some_and(|deadline| deadline <= now)
        {
            self.count_out(out, |engine, out| engine.ask(now, out));
        }
    }

    /// Takes what a service answered to a [`Question`], or why there is no answer; `found` is in the order of the texts. Then
    /// [`Self::on_server`] is to be called with what is left.
    pub fn on_opinion(
        &mut self,
        question: &Question,
        found: Result<Vec<Vec<Finding>>, String>,
        now: Micros,
        out: &mut Output,
    ) {
        if !self.ended && self.session.take_opinion(question, found, now) {
            self.count_out(out, Self::release);
        }
    }

    /// What is done to a result whose plan was made.
    pub(super) fn shown(&mut self, plan: Plan, description: RowDescription<'_>) -> Shown {
        if self.session.begin_opinions().is_none() {
            return Shown::by_plan_alone(plan);
        }
        Shown::with_opinion(plan, description)
    }

    /// COPY data are about to come. A refusal if nobody can be asked about them though the policy says so.
    pub(super) fn opinion_on_copy(&mut self, format: CopyFormat<'_>) -> Result<(), Refusal> {
        let limit = self.session.context.limits.message;
        let Some(second) = self.session.begin_opinions() else {
            return Ok(());
        };
        let Some(run) = front_run(&mut self.pending) else {
            return Ok(());
        };
        let columns = run.copied.as_ref().map(|plan| plan.copy_columns());
        // A number of binary COPY could read like a word: without types nobody can tell.
        let known = columns.is_some() || format.format == interdict_wire::postgres::Format::Text;
        if let Some(layout) = run.layout.as_ref().filter(|_| known) {
            let columns = columns.unwrap_or_else(|| vec![Column::default(); format.columns.len()]);
            let asked = CopyAsked::new(layout, columns, second.detection(), limit);
            run.copy_asked = Some(Box::new(asked));
            return Ok(());
        }
        let policy = second.policy();
        let stopped = stop(
            &policy,
            format!(
                "policy {policy} asks for a second opinion on texts, which can't be had of these COPY data"
            ),
            "use FORMAT text or csv without ENCODING, or SELECT",
        );
        Err(end(run, stopped))
    }

    /// Whether the COPY's last row is whole.
    pub(super) fn opinion_on_copy_is_over(&mut self) -> bool {
        let run = front_run(&mut self.pending).filter(|run| run.stopped.is_none());
        run.and_then(|run| run.copy_asked.as_ref())
            .is_none_or(|asked| asked.finish().is_ok())
    }

    /// Before a message that is not a row: whether it has to wait because rows before it do.
    pub(super) fn waits_for_opinion(&mut self, tag: u8, out: &mut Output, now: Micros) -> bool {
        if is_row(tag) || !self.session.holds_rows() {
            return false;
        }
        self.ask(now, out);
        self.session.is_asking()
    }

    /// Takes back the row that was just appended, if others are to be asked about it or about one before it.
    pub(super) fn hold_back(&mut self, before: usize, now: Micros, out: &mut Output) {
        let (Some(second), Some(run)) = (self.session.second.as_deref_mut(), front_run(&mut self.pending))
        else {
            return;
        };
        let shown = run.plan.clone();
        let columns = shown.as_deref().and_then(Shown::asked);
        if out.to_client.len() == before || (columns.is_none() && run.copy_asked.is_none()) {
            return;
        }
        let mut fresh = out.to_client.split_off(before);
        let mut changes = false;
        let mut unreadable = None;
        for (tag, message) in messages(&fresh) {
            match (tag, columns, run.copy_asked.as_deref_mut()) {
                (tag::DATA_ROW, Some(columns), _) => changes |= columns.look(message, second.detection()),
                (tag::COPY_DATA, _, Some(copy)) => {
                    // Also what needs no answer has to be followed.
                    changes = true;
                    unreadable = copy.look(message.get(Header::SIZE..).unwrap_or_default()).err();
                }
                _ => {}
            }
        }
        if let Some(error) = unreadable {
            run.tally.rows = run.tally.rows.saturating_sub(1);
            let stopped = stop(&second.policy(), error.to_string(), "SELECT can be used instead");
            fresh = form::error(&end(run, stopped));
            self.muted = true;
        }
        match second.keep(fresh, changes, now) {
            Kept::Shown(row) => out.to_client.unsplit(row),
            Kept::Held => {}
            Kept::Full => self.ask(now, out),
        }
    }

    fn ask(&mut self, now: Micros, out: &mut Output) {
        if !self.session.ask(now, out) {
            self.release(out);
        }
    }

    /// Shows what is held as it was answered, or refuses it.
    fn release(&mut self, out: &mut Output) {
        let (Some(second), Some(run)) = (self.session.second.as_deref_mut(), front_run(&mut self.pending))
        else {
            return;
        };
        let held = second.take();
        let before = out.to_client.len();
        let shown = run.plan.clone();
        let columns = shown.as_deref().and_then(Shown::asked);
        let mut release = Release::default();
        let mut after = BytesMut::new();
        for (tag, message) in messages(&held.messages) {
            match (tag, columns, run.copy_asked.as_deref_mut()) {
                (tag::DATA_ROW, Some(columns), _) => {
                    let mut on_hit = |name: &str| release.count(name);
                    let changed =
                        columns.rewrite(message, second.detection(), &mut out.to_client, &mut on_hit);
                    release.cells += changed;
                }
                (tag::COPY_DATA, _, Some(copy)) => {
                    let mut data = BytesMut::new();
                    let body = message.get(Header::SIZE..).unwrap_or_default();
                    match copy.rewrite(body, &mut data, &mut |name| release.count(name)) {
                        Ok(changed) => release.cells += changed,
                        Err(error) => release.broken = Some(error.to_string()),
                    }
                    if !data.is_empty()
                        && let Err(error) = write_message(tag::COPY_DATA, &data, &mut out.to_client)
                    {
                        release.broken = Some(error.to_string());
                    }
                }
                // A refusal that was put behind the rows before it.
                _ => {
                    after.extend_from_slice(message);
                    out.to_client.extend_from_slice(message);
                }
            }
        }
        let sent = out.to_client.len() - before;
        let Some(stopped) = second.conclude(&held, release, sent, &mut run.tally) else {
            return;
        };
        out.to_client.truncate(before);
        if run.stopped.is_some() {
            out.to_client.extend_from_slice(&after);
            return;
        }
        let refusal = end(run, stopped);
        out.to_client.extend_from_slice(&form::error(&refusal));
        self.muted = true;
    }

    pub(super) fn count_out(&mut self, out: &mut Output, step: impl FnOnce(&mut Self, &mut Output)) {
        let before = out.to_client.len();
        step(self, out);
        self.session.totals.bytes_out += out.to_client.len().saturating_sub(before) as u64;
    }
}

/// Ends a statement's result.
fn end(run: &mut super::Run, stopped: Stop) -> Refusal {
    run.stopped.insert(stopped).1.clone()
}

pub(super) const fn is_row(tag: u8) -> bool {
    matches!(tag, tag::DATA_ROW | tag::COPY_DATA)
}

/// Whole messages one after another.
fn messages(mut bytes: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    std::iter::from_fn(move || {
        let header = Header::peek(bytes).ok()??;
        let (message, rest) = bytes.split_at_checked(header.total())?;
        bytes = rest;
        Some((header.tag, message))
    })
}
