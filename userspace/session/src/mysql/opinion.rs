//! A second opinion on rows of either format. What is asked when is `session::opinion`'s.
//!
//! Rows are held as packets, each row numbered from the start; they get the client's numbers when they are shown.

use std::borrow::Cow;

use bytes::BytesMut;
use interdict_masking::Finding;
use interdict_record::Micros;
use interdict_wire::mysql::{Header, Sequence, packets, renumber, write_payload};

use super::{Command, Engine, Exchange, form};
use crate::output::{Output, Question};
use crate::session::{Kept, Release};

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

    /// Before a message that is not a row: whether it has to wait because rows before it do.
    pub(super) fn waits_for_opinion(&mut self, input: &[u8], now: Micros, out: &mut Output) -> bool {
        if !self.session.holds_rows() {
            return false;
        }
        let Some(Exchange::Command(command)) = &self.exchange else {
            return false;
        };
        let Some((header, body)) = self.from_server.peek(input) else {
            return false;
        };
        if body
            .first()
            .is_none_or(|first| command.responses.is_row(header, *first))
        {
            return false;
        }
        self.ask(now, out);
        self.session.is_asking()
    }

    /// Shows a row, or holds it back if others are to be asked about it or about one before it. `row`: its packets, and
    /// behind it what ends the result if it is one too many.
    pub(super) fn hold_back(&mut self, mut row: BytesMut, now: Micros, out: &mut Output) {
        let (Some(second), Some(Exchange::Command(command))) =
            (self.session.second.as_deref_mut(), &mut self.exchange)
        else {
            renumber(&mut row, &mut self.client_sequence);
            return out.to_client.unsplit(row);
        };
        let Command { runs, text, .. } = command.as_mut();
        let plan = runs.front().and_then(|run| run.plan.as_deref());
        let mut changes = false;
        for payload in messages(&row).filter(|payload| !is_error(payload)) {
            let looked = plan.map(|plan| {
                let (mut scratch, mut sequence) = (BytesMut::new(), Sequence::START);
                plan.answered(
                    &payload,
                    *text,
                    &mut sequence,
                    &mut scratch,
                    second.detection(),
                    |_| {},
                )
            });
            match looked {
                Some(Ok(changed)) => changes |= changed > 0,
                Some(Err(error)) => return self.desynchronised("server", &error, out),
                None => {}
            }
        }
        match second.keep(row, changes, now) {
            Kept::Shown(mut row) => {
                renumber(&mut row, &mut self.client_sequence);
                out.to_client.unsplit(row);
            }
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
        let (Some(second), Some(Exchange::Command(command))) =
            (self.session.second.as_deref_mut(), &mut self.exchange)
        else {
            return;
        };
        let Command { runs, text, .. } = command.as_mut();
        let Some(run) = runs.front_mut() else { return };
        let held = second.take();
        let (before, sequence_before) = (out.to_client.len(), self.client_sequence);
        let (sequence, to_client) = (&mut self.client_sequence, &mut out.to_client);
        let mut release = Release::default();
        for payload in messages(&held.messages) {
            let written = match run.plan.as_deref().filter(|_| !is_error(&payload)) {
                Some(plan) => {
                    let on_hit = |name: &str| release.count(name);
                    plan.answered(&payload, *text, sequence, to_client, second.detection(), on_hit)
                }
                // A refusal that was put behind the rows before it.
                None => write_payload(&payload, sequence, to_client).map(|()| 0),
            };
            match written {
                Ok(changed) => release.cells += changed,
                Err(error) => release.broken = Some(error.to_string()),
            }
        }
        let sent = to_client.len() - before;
        let Some(stopped) = second.conclude(&held, release, sent, &mut run.tally) else {
            return;
        };
        to_client.truncate(before);
        *sequence = sequence_before;
        let refusal = match &run.stopped {
            Some((_, refusal)) => refusal.clone(),
            None => run.stopped.insert(stopped).1.clone(),
        };
        form::error(&refusal, sequence, to_client);
        self.muted = true;
    }

    pub(super) fn count_out(&mut self, out: &mut Output, step: impl FnOnce(&mut Self, &mut Output)) {
        let before = out.to_client.len();
        let framed = self.is_framed();
        step(self, out);
        self.frame(framed, before, out);
        self.session.totals.bytes_out += out.to_client.len().saturating_sub(before) as u64;
    }
}

/// Whether a message is an error: no row begins like one.
fn is_error(payload: &[u8]) -> bool {
    payload.first() == Some(&0xff)
}

/// Whole messages one after another.
fn messages(stream: &[u8]) -> impl Iterator<Item = Cow<'_, [u8]>> {
    let mut packets = packets(stream);
    std::iter::from_fn(move || {
        let (header, first) = packets.next()?;
        let mut message = Cow::Borrowed(first);
        let mut more = header.continues();
        while more {
            let (header, next): (Header, &[u8]) = packets.next()?;
            message.to_mut().extend_from_slice(next);
            more = header.continues();
        }
        Some(message)
    })
}
