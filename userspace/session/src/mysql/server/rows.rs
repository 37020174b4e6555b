//! Rows of results: rewritten by their plan, counted, and held against the rules about a result's size.

use bytes::{Buf as _, Bytes, BytesMut};
use interdict_policy::{Decision, Verdict};
use interdict_record::Micros;
use interdict_wire::mysql::{Header, Sequence, renumber, write_payload};

use crate::mysql::result::Run;
use crate::mysql::{Command, Engine, Exchange, form};
use crate::output::Output;
use crate::refusal::{Kind, Refusal, too_large};
use crate::session::sent;

impl Engine {
    /// Takes the rows at the front of `input` that have come whole, and shows them by their plan, where a row needs nothing else; those
    /// that nothing is done to are not looked into. False if there is none: then it is taken as any message.
    pub(super) fn rows(&mut self, input: &mut BytesMut, now: Micros, out: &mut Output) -> bool {
        if self.muted || self.from_server.is_inside() {
            return false;
        }
        let limit = self.session.context.limits.message;
        let Some(Exchange::Command(command)) = &mut self.exchange else {
            return false;
        };
        let Command {
            responses,
            runs,
            text,
            ..
        } = command.as_mut();
        let Some(Run {
            plan,
            planned,
            watch: None,
            tally,
            ..
        }) = runs.front_mut()
        else {
            return false;
        };
        let plan = match plan {
            Some(plan) if plan.untouched() => None,
            Some(plan) if !plan.asks() => Some(&**plan),
            None if !*planned => None,
            _ => return false,
        };
        if !responses.awaits_rows() {
            return false;
        }
        let before = out.to_client.len();
        let mut sequence = self.server_sequence;
        let mut at = 0;
        let mut rows = 0;
        while let Some(rest) = input.get(at..)
            && let Some(header) = Header::peek(rest)
            && let Some(first) = rest.get(Header::SIZE)
        {
            if header.continues() || !responses.is_row(header, *first) {
                break;
            }
            if rest.len() < header.total() {
                if header.total() > limit && at == 0 && plan.is_none() {
                    self.passing = true;
                }
                break;
            }
            let mut next = sequence;
            if next.expect(header.sequence).is_err() {
                break;
            }
            if let Some(plan) = plan {
                // What can't be read here is read again as any message, which says what is wrong with it.
                if header.length > limit {
                    break;
                }
                let payload = rest.get(Header::SIZE..header.total()).unwrap_or_default();
                tally.rows += 1;
                let (client, shown) = (&mut self.client_sequence, &mut out.to_client);
                if plan.show(payload, *text, client, shown, tally).is_err() {
                    tally.rows -= 1;
                    break;
                }
            }
            sequence = next;
            at += header.total();
            rows += 1;
        }
        if self.passing {
            tally.first_byte_at.get_or_insert(now);
            tally.rows += 1;
            self.from_server.expect(self.server_sequence);
            return true;
        }
        if rows == 0 {
            return false;
        }
        tally.first_byte_at.get_or_insert(now);
        if plan.is_some() {
            tally.bytes += (out.to_client.len() - before) as u64;
            self.server_sequence = sequence;
            input.advance(at);
            return true;
        }
        tally.rows += rows;
        tally.bytes += at as u64;
        let mut passed = input.split_to(at);
        if self.client_sequence == self.server_sequence {
            self.client_sequence = sequence;
        } else {
            renumber(&mut passed, &mut self.client_sequence);
        }
        self.server_sequence = sequence;
        out.to_client.extend_from_slice(&passed);
        true
    }

    /// Passes on what has come of a row that is too long to hold and that nothing is done to.
    pub(super) fn pass_piece(&mut self, input: &mut BytesMut, out: &mut Output) -> bool {
        match self.from_server.piece(input) {
            Ok(Some(piece)) => {
                piece.write(&mut self.client_sequence, &mut out.to_client);
                if piece.last {
                    self.passing = false;
                    self.server_sequence = self.from_server.sequence();
                }
                true
            }
            Ok(None) => false,
            Err(error) => {
                self.desynchronised("server", &error, out);
                false
            }
        }
    }

    /// A row that is looked at.
    pub(super) fn row(&mut self, payload: &Bytes, now: Micros, out: &mut Output) {
        if self.muted {
            return;
        }
        let Some(Exchange::Command(command)) = &mut self.exchange else {
            return;
        };
        let text = command.text;
        let Some(run) = command.runs.front_mut() else {
            return self.desynchronised("server", &"a row without a statement", out);
        };
        run.tally.first_byte_at.get_or_insert(now);
        run.tally.rows += 1;
        // What others may be asked about gets the client's numbers when it is shown.
        let held = run.plan.as_ref().is_some_and(|plan| plan.asks());
        let (mut own, mut own_sequence) = (BytesMut::new(), Sequence::START);
        let (sequence, shown) = if held {
            (&mut own_sequence, &mut own)
        } else {
            (&mut self.client_sequence, &mut out.to_client)
        };
        let (before, sequence_before) = (shown.len(), *sequence);
        let written = match &run.plan {
            Some(plan) => plan.show(payload, text, sequence, shown, &mut run.tally),
            None if run.planned => {
                return self.give_up(
                    Refusal::new(
                        Kind::Refused,
                        "interdict: a result came without its description, so it is not shown",
                        Some("repeat the statement".to_owned()),
                    ),
                    out,
                );
            }
            None => write_payload(payload, sequence, shown),
        };
        if let Err(error) = written {
            return self.desynchronised("server", &error, out);
        }
        run.tally.bytes += (shown.len() - before) as u64;
        let sized = watch(run);
        if let Sized::Wait(decision) = sized {
            let row = shown.split_off(before);
            return self.hold_result(row, sequence_before, held, decision, now, out);
        }
        if let Sized::TooLarge(refusal) = sized {
            shown.truncate(before);
            *sequence = sequence_before;
            form::error(&refusal, sequence, shown);
            self.muted = true;
        }
        if held {
            self.hold_back(own, now, out);
        }
    }
}

/// What the rules about its size say of a result.
enum Sized {
    GoOn,
    /// The last row is one too many.
    TooLarge(Refusal),
    /// A person decides about the last row.
    Wait(Decision),
}

/// Asks the rules about the size of a result.
fn watch(run: &mut Run) -> Sized {
    let Some(watch) = run.watch.as_mut() else {
        return Sized::GoOn;
    };
    let (rows, bytes) = sent(run.portion.as_ref(), &run.tally);
    if rows < watch.next_rows() && bytes < watch.next_bytes() {
        return Sized::GoOn;
    }
    let Some(decision) = watch.check(rows, bytes) else {
        return Sized::GoOn;
    };
    if matches!(decision.verdict, Verdict::Allow) {
        run.watch = None;
        return Sized::GoOn;
    }
    if matches!(decision.verdict, Verdict::Hold(_)) {
        return Sized::Wait(decision);
    }
    let refusal = too_large(&decision);
    run.tally.rows -= 1;
    run.stopped = Some((decision, refusal.clone()));
    Sized::TooLarge(refusal)
}
