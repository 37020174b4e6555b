//! Rows of results: rewritten by their plan, counted, and held against the rules about a result's size.

use std::sync::Arc;

use bytes::{Buf as _, BytesMut};
use interdict_policy::Verdict;
use interdict_record::Micros;
use interdict_wire::postgres::Header;
use interdict_wire::postgres::backend::{DataRow, tag};

use super::Show;
use super::descriptions::changed;
use crate::output::{EndReason, Output};
use crate::postgres::form;
use crate::postgres::pending::Pending;
use crate::postgres::{Engine, Phase, Run, front_run};
use crate::refusal::{Kind, Refusal, too_large};
use crate::session::sent;

impl Engine {
    /// Takes the rows at the front of `input` that have come whole, and shows them by their plan, where a row needs nothing else. False if
    /// there is none: then it is taken as any message.
    pub(super) fn rows(&mut self, input: &mut BytesMut, now: Micros, out: &mut Output) -> bool {
        if self.muted || self.phase != Phase::Ready {
            return false;
        }
        let Some(Run {
            plan,
            planned,
            watch: None,
            tally,
            ..
        }) = front_run(&mut self.pending)
        else {
            return false;
        };
        let plan = match plan {
            Some(plan) if plan.untouched() => None,
            Some(plan) if plan.asked().is_none() => Some(&**plan),
            None if !*planned => None,
            _ => return false,
        };
        let before = out.to_client.len();
        let mut at = 0;
        while let Some(rest) = input.get(at..)
            && let Ok(Some(header)) = Header::peek(rest)
            && header.tag == tag::DATA_ROW
            && let Some(message) = rest.get(..header.total())
        {
            // Nothing is done to a row that can't be read here: it is read again as any message, which says what is wrong with it.
            if let Some(plan) = plan {
                let Ok(row) = DataRow::parse(message.get(Header::SIZE..).unwrap_or_default()) else {
                    break;
                };
                tally.rows += 1;
                if !plan.rewrite(message, row, &mut out.to_client, tally) {
                    tally.rows -= 1;
                    break;
                }
            } else {
                tally.rows += 1;
            }
            at += header.total();
        }
        if at == 0 {
            return false;
        }
        if plan.is_none() {
            out.to_client
                .extend_from_slice(input.get(..at).unwrap_or_default());
        }
        tally.first_byte_at.get_or_insert(now);
        tally.bytes += (out.to_client.len() - before) as u64;
        input.advance(at);
        true
    }

    /// Counts a row that passes as it is; false if it has to be looked at.
    pub(super) fn pass_row(&mut self, header: &Header, now: Micros) -> bool {
        if self.muted || self.phase == Phase::Replication {
            return false;
        }
        let Some(run) = front_run(&mut self.pending) else {
            return false;
        };
        let untouched = match &run.plan {
            Some(plan) => plan.untouched(),
            None => !run.planned,
        };
        if !untouched || run.watch.is_some() {
            return false;
        }
        run.tally.first_byte_at.get_or_insert(now);
        run.tally.rows += 1;
        run.tally.bytes += header.total() as u64;
        true
    }

    /// A message longer than is held: a row that nothing is done to streams, anything else ends the session.
    pub(super) fn oversize_result(&mut self, header: &Header, now: Micros, out: &mut Output) -> bool {
        let copy_passes = header.tag == tag::COPY_DATA && !self.muted && {
            let run = front_run(&mut self.pending);
            run.is_none_or(|run| !run.planned)
        };
        if copy_passes || (header.tag == tag::DATA_ROW && self.pass_row(header, now)) {
            self.passing = header.total();
            return true;
        }
        let limit = self.session.context.limits.message;
        let refusal = Refusal::new(
            Kind::Limit,
            format!("interdict: the result has a row of {} bytes, longer than the {limit} that can be masked", header.total()),
            Some("select less of it, for example with substr; an operator can raise limits.message of the service".to_owned()),
        );
        self.cut(&refusal, EndReason::Limit, out);
        false
    }

    pub(super) fn row(&mut self, message: &[u8], row: DataRow<'_>, now: Micros, out: &mut Output) -> Show {
        if self.muted {
            return Show::Hide;
        }
        let portal_plan = match self.pending.front() {
            Some(Pending::Execute { portal, run }) if run.plan.is_none() => self.plans.get(portal).cloned(),
            _ => None,
        };
        let Some(run) = front_run(&mut self.pending) else {
            self.desynchronised("server", &"a row without a statement", out);
            return Show::Hide;
        };
        if run.plan.is_none() {
            run.plan = portal_plan;
        }
        run.tally.first_byte_at.get_or_insert(now);
        run.tally.rows += 1;
        let before = out.to_client.len();
        match &run.plan {
            Some(plan) => {
                let plan = Arc::clone(plan);
                if !plan.rewrite(message, row, &mut out.to_client, &mut run.tally) {
                    self.desynchronised("server", &"a row of another shape than was described", out);
                    return Show::Hide;
                }
            }
            None if run.planned => {
                self.cut(
                    &changed("a result came without its description"),
                    EndReason::Refused,
                    out,
                );
                return Show::Hide;
            }
            None => out.to_client.extend_from_slice(message),
        }
        run.tally.bytes += (out.to_client.len() - before) as u64;
        self.watch(before, now, out);
        Show::Hide
    }

    /// Asks the rules about the size of a result; the row that is one too many is taken back.
    pub(super) fn watch(&mut self, before: usize, now: Micros, out: &mut Output) {
        let Some(run) = front_run(&mut self.pending) else {
            return;
        };
        let Some(watch) = run.watch.as_mut() else { return };
        let (rows, bytes) = sent(run.portion.as_ref(), &run.tally);
        if rows < watch.next_rows() && bytes < watch.next_bytes() {
            return;
        }
        let Some(decision) = watch.check(rows, bytes) else {
            return;
        };
        if matches!(decision.verdict, Verdict::Allow) {
            run.watch = None;
            return;
        }
        if matches!(decision.verdict, Verdict::Hold(_)) {
            let row = out.to_client.split_off(before);
            return self.hold_result(row, decision, now, out);
        }
        out.to_client.truncate(before);
        let refusal = too_large(&decision);
        run.tally.rows -= 1;
        run.stopped = Some((decision, refusal.clone()));
        out.to_client.extend_from_slice(&form::error(&refusal));
        self.muted = true;
    }
}
