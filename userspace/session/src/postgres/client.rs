//! What the client sends: each message is forwarded, answered, or made to wait.

mod extended;
mod function_call;
mod refusals;
mod replication;
mod simple;

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use interdict_record::Micros;
use interdict_sql::{Analysis, Effect};
use interdict_wire::postgres::Header;
use interdict_wire::postgres::frontend::{self, Message, Target};

use super::names::Change;
use super::opinion::layout;
use super::pending::{Pending, Run};
use super::result::Plan;
use super::{Engine, Phase};
use crate::output::{Action, EndReason, Output};
use crate::session::Asked;
use crate::session::Judgement;
use crate::session::Tally;

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Done,
    /// It is looked at again once nothing is outstanding.
    Wait,
}

impl Engine {
    /// Takes one message from the client; false if there is none, or it has to wait.
    pub(super) fn client_step(&mut self, input: &mut BytesMut, now: Micros, out: &mut Output) -> bool {
        if let Some(message) = self.waiting.take() {
            if self.client_message(&message, now, out) == Step::Wait {
                self.waiting = Some(message);
                return false;
            }
            return true;
        }
        if self.passing_client > 0 || self.dropping_client > 0 {
            let take = input.len().min(self.passing_client.max(self.dropping_client));
            let bytes = input.split_to(take);
            if self.passing_client > 0 {
                out.to_server.extend_from_slice(&bytes);
                self.passing_client -= take;
            } else {
                self.dropping_client -= take;
            }
            return take > 0;
        }
        let header = match Header::peek(input) {
            Ok(Some(header)) => header,
            Ok(None) => return false,
            Err(error) => {
                self.desynchronised("client", &error, out);
                return false;
            }
        };
        if header.total() > self.session.context.limits.message {
            self.oversize(&header, now, out);
            return !self.ended;
        }
        if input.len() < header.total() {
            return false;
        }
        let message = input.split_to(header.total()).freeze();
        if self.client_message(&message, now, out) == Step::Wait {
            self.waiting = Some(message);
            return false;
        }
        true
    }

    fn client_message(&mut self, message: &Bytes, now: Micros, out: &mut Output) -> Step {
        let (tag, body) = match message.split_first() {
            Some((tag, _)) => (*tag, message.slice(5.min(message.len())..)),
            None => return Step::Done,
        };
        if tag == b'X' {
            if !self.is_reusable() {
                self.startup.kept = false;
                out.to_server.extend_from_slice(message);
            }
            out.action = Some(Action::Close(EndReason::Client));
            return Step::Done;
        }
        if self.phase == Phase::Authentication {
            if tag == b'p' && self.startup.logged_in.is_none() {
                out.to_server.extend_from_slice(message);
            } else {
                self.desynchronised(
                    "client",
                    &"only a password or SASL message may follow the start-up",
                    out,
                );
            }
            return Step::Done;
        }
        if self.skipping && tag != b'S' {
            return Step::Done;
        }
        let data = matches!(tag, b'd' | b'c' | b'f');
        if data || (self.phase == Phase::Replication && tag != b'Q') {
            out.to_server.extend_from_slice(message);
            return Step::Done;
        }
        let parsed = match frontend::parse(tag, &body) {
            Ok(parsed) => parsed,
            Err(error) => {
                self.desynchronised("client", &error, out);
                return Step::Done;
            }
        };
        match parsed {
            Message::Query(text) if self.phase == Phase::Replication => {
                self.replication_query(message, text, now, out);
            }
            Message::Query(text) => return self.query(message, text, now, out),
            Message::Parse(parse) => {
                let types = parse.parameter_types.iter().collect();
                let (name, text) = (body.slice_ref(parse.name), body.slice_ref(parse.query));
                return self.parse(message, name, text, types, now, out);
            }
            Message::Bind(bind) => self.bind(message, &bind, &body, out),
            Message::Describe {
                target: Target::Statement,
                ..
            } => self.send(message, Pending::DescribeStatement, out),
            Message::Describe {
                target: Target::Portal,
                name,
            } => {
                let portal = Bytes::copy_from_slice(name);
                self.described.insert(portal.clone());
                let carrying = self.described_carrying(name);
                let pending = Pending::DescribePortal {
                    portal,
                    ours: false,
                    carrying,
                };
                self.send(message, pending, out);
            }
            Message::Close { target, name } => {
                let name = Bytes::copy_from_slice(name);
                let change = match target {
                    Target::Statement => Change::CloseStatement(name),
                    Target::Portal => Change::ClosePortal(name),
                };
                self.names.expect(&change);
                self.send(message, Pending::Close { change }, out);
            }
            Message::Execute { portal, .. } => return self.execute(message, portal, now, out),
            Message::Sync => {
                self.skipping = false;
                self.unsynced = false;
                self.executed = false;
                out.to_server.extend_from_slice(message);
                self.pending.push_back(Pending::Sync);
            }
            Message::Flush => out.to_server.extend_from_slice(message),
            Message::FunctionCall(call) => self.function_call(message, call.function, now, out),
            _ => self.desynchronised("client", &"a message that has no place in a session", out),
        }
        Step::Done
    }

    fn send(&mut self, message: &[u8], pending: Pending, out: &mut Output) {
        out.to_server.extend_from_slice(message);
        self.pending.push_back(pending);
        self.unsynced = true;
        self.flushed = false;
    }

    /// Records a statement and prepares to follow its result.
    pub(super) fn begin(
        &mut self,
        asked: &Asked<'_>,
        judgement: Judgement,
        copied: Option<Arc<Plan>>,
        analysis: &Analysis,
        now: Micros,
        out: &mut Output,
    ) -> Run {
        if asked.effects.contains(Effect::Settings) {
            self.barrier = true;
        }
        let statement_id = self.session.record_statement(asked, &judgement, now, out);
        let held_result = self.session.held_result(&judgement, asked, now);
        if let Some(cursor) = asked.declares {
            self.session.begin_portions(format!("cursor {cursor}"));
        }
        let mut run = Run {
            portion: None,
            held_result,
            statement_id,
            sensitive: judgement.sensitive,
            planned: self.session.watches_results() || judgement.carrying.mask_all,
            carrying: judgement.carrying,
            ddl: analysis.ddl,
            plan: None,
            watch: judgement.watch,
            copied,
            rewriter: None,
            layout: asked.copy.and_then(layout),
            copy_asked: None,
            stopped: None,
            failed: None,
            tally: Tally::default(),
        };
        if let Some(cursor) = asked.fetches {
            self.continue_result(&mut run, format!("cursor {cursor}"));
        }
        run
    }

    /// Counts a result together with what was sent of it before.
    pub(super) fn continue_result(&self, run: &mut Run, name: String) {
        let Some(watch) = &mut run.watch else { return };
        let before = self.session.portion(&name);
        if before.approved {
            watch.forget_holds();
        }
        run.portion = Some((name, before));
    }
}
