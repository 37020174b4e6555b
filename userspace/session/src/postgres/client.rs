//! What the client sends: each message is forwarded, answered, or made to wait.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use interdict_record::Micros;
use interdict_sql::{Analysis, Effect, Effects};
use interdict_wire::postgres::Header;
use interdict_wire::postgres::frontend::{self, Message, Target};

use super::judge::Judgement;
use super::names::{Change, Portal, Prepared};
use super::pending::{Pending, Run, Tally};
use super::recording::{self, Asked};
use super::refusal::{FAILED_TRANSACTION, LIMIT, Refusal};
use super::sight::Sight;
use super::{Engine, Phase};
use crate::output::{Action, EndReason, Output};

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Done,
    /// It is looked at again once nothing is outstanding.
    Wait,
}

/// Functions that libpq's large-object interface calls by the FunctionCall message (pg_proc.dat).
const LARGE_OBJECT_FUNCTIONS: [u32; 13] = [
    715, 952, 953, 954, 955, 956, 957, 958, 964, 1004, 3170, 3171, 3172,
];

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
        if header.total() > self.context.limits.message {
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

    /// A message too long to hold: data streams, anything that must be judged is refused.
    fn oversize(&mut self, header: &Header, now: Micros, out: &mut Output) {
        if header.tag == b'd' && self.phase != Phase::Authentication {
            if self.skipping {
                self.dropping_client = header.total();
            } else {
                self.passing_client = header.total();
            }
            return;
        }
        let limit = self.context.limits.message;
        let refusal = Refusal::new(
            LIMIT,
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
        let mut judgement = self.judge_bare("unknown", Effects::default(), "");
        judgement.refuse(
            "interdict:limit",
            "the message is too long to be judged".to_owned(),
            String::new(),
        );
        judgement.refusal = Some(refusal.clone());
        self.record_bare("unknown", "", Effects::default(), &judgement, now, out);
        if matches!(header.tag, b'Q' | b'F') {
            self.answer(refusal.error(), true, out);
        } else {
            self.refuse_extended(&refusal, out);
        }
    }

    fn client_message(&mut self, message: &Bytes, now: Micros, out: &mut Output) -> Step {
        let (tag, body) = match message.split_first() {
            Some((tag, _)) => (*tag, message.slice(5.min(message.len())..)),
            None => return Step::Done,
        };
        if tag == b'X' {
            out.to_server.extend_from_slice(message);
            out.action = Some(Action::Close(EndReason::Client));
            return Step::Done;
        }
        if self.phase == Phase::Authentication {
            if tag == b'p' {
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
            Message::Bind(bind) => {
                let statement = self
                    .names
                    .statement(bind.statement)
                    .cloned()
                    .unwrap_or_else(|| self.unknown());
                let sensitive = self.may_be_sensitive(&statement.analysis);
                let name = Bytes::copy_from_slice(bind.portal);
                self.described.remove(&name);
                let portal = Arc::new(Portal {
                    statement,
                    bind: body.clone(),
                });
                let change = Change::Bind(name, portal);
                self.names.expect(&change);
                self.send(message, Pending::Bind { change, sensitive }, out);
            }
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
                self.send(message, Pending::DescribePortal { portal, ours: false }, out);
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

    fn query(&mut self, message: &[u8], text: &[u8], now: Micros, out: &mut Output) -> Step {
        if self.must_settle(out) {
            return Step::Wait;
        }
        self.refresh_policy();
        let analysis = self.shared.analyzer.postgres(text, &self.settings);
        let shown = String::from_utf8_lossy(text);
        if let Some(error) = self.foreseen_error.take() {
            self.record_foreseen(&analysis, &shown, &[], &error, now, out);
            self.answer(BytesMut::from(&error[..]), true, out);
            return Step::Done;
        }
        let map = match self.sight(&analysis, now, out) {
            Sight::Known(map) => map,
            Sight::Wait => return Step::Wait,
            Sight::FailedTransaction => return self.refuse_failed(&analysis, &shown, true, now, out),
        };
        let mut judgements = self.judge(&analysis, &shown, &[], map.as_deref());
        match self.trace(&mut judgements, &analysis, text, &[], now, out) {
            Sight::Known(()) => {}
            Sight::Wait => return Step::Wait,
            Sight::FailedTransaction => return self.refuse_failed(&analysis, &shown, true, now, out),
        }
        if let Some(refused) = judgements.iter().find(|judgement| judgement.refusal.is_some()) {
            // A refused statement takes those beside it along: nothing of the text is sent.
            for index in 0..judgements.len() {
                self.record_refused(&Asked::new(&analysis, index, &shown, &[]), refused, now, out);
            }
            if let Some(refusal) = &refused.refusal {
                self.answer(refusal.error(), true, out);
            }
            return Step::Done;
        }
        let runs = judgements
            .into_iter()
            .enumerate()
            .map(|(index, judgement)| {
                self.begin(
                    &Asked::new(&analysis, index, &shown, &[]),
                    judgement,
                    &analysis,
                    now,
                    out,
                )
            })
            .collect();
        self.names.expect(&Change::DropUnnamed);
        self.note_spoken(&analysis);
        out.to_server.extend_from_slice(message);
        self.pending.push_back(Pending::Query {
            runs,
            change: Change::DropUnnamed,
        });
        self.unsynced = false;
        self.executed = false;
        Step::Done
    }

    fn parse(
        &mut self,
        message: &[u8],
        name: Bytes,
        text: Bytes,
        types: Vec<u32>,
        now: Micros,
        out: &mut Output,
    ) -> Step {
        if self.must_settle(out) {
            return Step::Wait;
        }
        self.refresh_policy();
        let analysis = self.shared.analyzer.postgres(&text, &self.settings);
        let shown = String::from_utf8_lossy(&text).into_owned();
        if let Some(error) = self.foreseen_error.take() {
            self.record_foreseen(&analysis, &shown, &[], &error, now, out);
            self.skipping = true;
            self.answer(BytesMut::from(&error[..]), false, out);
            return Step::Done;
        }
        let map = match self.sight(&analysis, now, out) {
            Sight::Known(map) => map,
            Sight::Wait => return Step::Wait,
            Sight::FailedTransaction => return self.refuse_failed(&analysis, &shown, false, now, out),
        };
        let mut judgements = self.judge(&analysis, &shown, &[], map.as_deref());
        if self.effective.decides_on_parameters() {
            // What the policy says needs the values, which come with Bind; what masking says does not.
            for judgement in &mut judgements {
                judgement.forget_rules();
            }
        }
        match self.trace(&mut judgements, &analysis, &text, &types, now, out) {
            Sight::Known(()) => {}
            Sight::Wait => return Step::Wait,
            Sight::FailedTransaction => return self.refuse_failed(&analysis, &shown, false, now, out),
        }
        if let Some(refused) = judgements.iter().find(|judgement| judgement.refusal.is_some()) {
            self.record_refused(&Asked::new(&analysis, 0, &shown, &[]), refused, now, out);
            if let Some(refusal) = &refused.refusal {
                self.refuse_extended(refusal, out);
            }
            return Step::Done;
        }
        let sensitive = judgements.iter().any(|judgement| judgement.sensitive);
        let change = Change::Prepare(
            name,
            Arc::new(Prepared {
                text,
                analysis,
                parameter_types: types,
            }),
        );
        self.names.expect(&change);
        self.send(message, Pending::Parse { change, sensitive }, out);
        Step::Done
    }

    fn execute(&mut self, message: &[u8], name: &[u8], now: Micros, out: &mut Output) -> Step {
        if self.must_settle(out) {
            return Step::Wait;
        }
        self.refresh_policy();
        let portal = self.names.portal(name).cloned();
        let statement = portal
            .as_ref()
            .map_or_else(|| self.unknown(), |portal| Arc::clone(&portal.statement));
        let analysis = Arc::clone(&statement.analysis);
        let shown = String::from_utf8_lossy(&statement.text);
        let parameters = portal.as_deref().map(recording::parameters).unwrap_or_default();
        if let Some(error) = self.foreseen_error.take() {
            self.record_foreseen(&analysis, &shown, &parameters, &error, now, out);
            self.skipping = true;
            self.answer(BytesMut::from(&error[..]), false, out);
            return Step::Done;
        }
        let map = match self.sight(&analysis, now, out) {
            Sight::Known(map) => map,
            Sight::Wait => return Step::Wait,
            Sight::FailedTransaction => return self.refuse_failed(&analysis, &shown, false, now, out),
        };
        let mut judgements = self.judge(&analysis, &shown, &parameters, map.as_deref());
        match self.trace(
            &mut judgements,
            &analysis,
            &statement.text,
            &statement.parameter_types,
            now,
            out,
        ) {
            Sight::Known(()) => {}
            Sight::Wait => return Step::Wait,
            Sight::FailedTransaction => return self.refuse_failed(&analysis, &shown, false, now, out),
        }
        let asked = Asked::new(&analysis, 0, &shown, &parameters);
        if let Some(refused) = judgements.iter().find(|judgement| judgement.refusal.is_some()) {
            self.record_refused(&asked, refused, now, out);
            if let Some(refusal) = &refused.refusal {
                self.refuse_extended(refusal, out);
            }
            return Step::Done;
        }
        // An empty statement has no judgement: the server answers EmptyQueryResponse.
        let judgement = judgements
            .into_iter()
            .next()
            .unwrap_or_else(|| self.judge_bare("empty", Effects::default(), ""));
        let returns_rows = analysis
            .statements
            .first()
            .is_none_or(|statement| statement.returns_rows_of_relations);
        let portal = Bytes::copy_from_slice(name);
        if (self.watches_results() || judgement.mask_all)
            && returns_rows
            && self.described.insert(portal.clone())
        {
            if (Message::Describe {
                target: Target::Portal,
                name,
            })
            .write(&mut out.to_server)
            .is_err()
            {
                self.desynchronised("client", &"a portal's name is too long", out);
                return Step::Done;
            }
            self.pending.push_back(Pending::DescribePortal {
                portal: portal.clone(),
                ours: true,
            });
        }
        let run = Box::new(self.begin(&asked, judgement, &analysis, now, out));
        self.note_spoken(&analysis);
        self.send(message, Pending::Execute { portal, run }, out);
        self.executed = true;
        Step::Done
    }

    fn function_call(&mut self, message: &[u8], function: u32, now: Micros, out: &mut Output) {
        let mut effects = Effects::default();
        effects.insert(Effect::Call);
        let large_object = LARGE_OBJECT_FUNCTIONS.contains(&function);
        if large_object {
            effects.insert(Effect::LargeObject);
        }
        let text = format!("function call {function}");
        let mut judgement = self.judge_bare("function_call", effects, &text);
        if judgement.refusal.is_none() && judgement.decision.rule.is_none() && !large_object {
            judgement.refuse(
                "interdict:default",
                format!("the function-call message (function {function}) is refused unless a rule allows it"),
                "call the function with SELECT".to_owned(),
            );
        }
        if let Some(refusal) = judgement.refusal.clone() {
            self.record_bare("function_call", &text, effects, &judgement, now, out);
            self.answer(refusal.error(), true, out);
            return;
        }
        let asked = Asked {
            kind: "function_call",
            text: &text,
            effects,
            complete: true,
            ..Asked::default()
        };
        let run = Box::new(self.begin(&asked, judgement, &Analysis::default(), now, out));
        out.to_server.extend_from_slice(message);
        self.pending.push_back(Pending::Call { run });
    }

    /// On a replication connection that a rule allowed, statements are recorded and forwarded.
    fn replication_query(&mut self, message: &[u8], text: &[u8], now: Micros, out: &mut Output) {
        let mut effects = Effects::default();
        effects.insert(Effect::Replication);
        let shown = String::from_utf8_lossy(text);
        let judgement = self.judge_bare("replication", effects, &shown);
        let refusal = judgement.refusal.clone();
        self.record_bare("replication", &shown, effects, &judgement, now, out);
        match refusal {
            Some(refusal) => self.answer(refusal.error(), true, out),
            None => out.to_server.extend_from_slice(message),
        }
    }

    /// Records a statement and prepares to follow its result.
    pub(super) fn begin(
        &mut self,
        asked: &Asked<'_>,
        judgement: Judgement,
        analysis: &Analysis,
        now: Micros,
        out: &mut Output,
    ) -> Run {
        if asked.effects.contains(Effect::Settings) {
            self.barrier = true;
        }
        let statement_id = self.record_statement(asked, &judgement, now, out);
        Run {
            statement_id,
            sensitive: judgement.sensitive,
            carries: judgement.carries,
            mask_all: judgement.mask_all,
            planned: self.watches_results() || judgement.mask_all,
            ddl: analysis.ddl,
            plan: None,
            watch: judgement.watch,
            copy: None,
            stopped: None,
            failed: None,
            tally: Tally::default(),
        }
    }

    /// A statement that failed while the engine asked what its result would look like: the server's answer is the answer.
    fn record_foreseen(
        &mut self,
        analysis: &Analysis,
        text: &str,
        parameters: &[Option<String>],
        error: &[u8],
        now: Micros,
        out: &mut Output,
    ) {
        let map = self.held_map();
        let judgement = self
            .judge(analysis, text, parameters, map.as_deref())
            .into_iter()
            .next();
        let judgement = judgement.unwrap_or_else(|| self.judge_bare("unknown", Effects::default(), ""));
        let run = self.begin(
            &Asked::new(analysis, 0, text, parameters),
            judgement,
            analysis,
            now,
            out,
        );
        let code = super::server::sqlstate(error);
        self.end_run(run, "error", code, now, out);
    }

    /// Gives an answer of the engine's own, in its turn.
    fn answer(&mut self, error: BytesMut, ready: bool, out: &mut Output) {
        if self.pending.is_empty() {
            self.give(&error, ready, out);
        } else {
            self.pending.push_back(Pending::Refusal { error, ready });
        }
    }

    /// Refuses a message of the extended protocol: what follows is dropped until Sync. If something ran before in the
    /// same pipeline, the server is made to fail too, so that it undoes that as it would after an error of its own.
    fn refuse_extended(&mut self, refusal: &Refusal, out: &mut Output) {
        let error = refusal.error();
        self.skipping = true;
        if self.executed && refused_portal().write(&mut out.to_server).is_ok() {
            self.pending.push_back(Pending::Abort { error });
        } else {
            self.answer(error, false, out);
        }
    }

    fn refuse_failed(
        &mut self,
        analysis: &Analysis,
        text: &str,
        ready: bool,
        now: Micros,
        out: &mut Output,
    ) -> Step {
        let refusal = Refusal::new(
            FAILED_TRANSACTION,
            "current transaction is aborted, commands ignored until end of transaction block",
            None,
        );
        let mut judgement = self.judge_bare("unknown", Effects::default(), "");
        judgement.refusal = Some(refusal.clone());
        self.record_refused(&Asked::new(analysis, 0, text, &[]), &judgement, now, out);
        if ready {
            self.answer(refusal.error(), true, out);
        } else {
            self.refuse_extended(&refusal, out);
        }
        Step::Done
    }

    /// Whether a statement's error texts could quote masked values.
    fn may_be_sensitive(&self, analysis: &Analysis) -> bool {
        match self.held_map() {
            Some(map) => {
                !analysis.complete() || analysis.relations().any(|relation| map.is_sensitive(relation))
            }
            None => self.effective.masks_columns(),
        }
    }

    /// A statement or portal of which the engine has not seen the text.
    fn unknown(&self) -> Arc<Prepared> {
        // A NUL byte can't be part of a statement, so the analysis says that it knows nothing.
        let analysis = self.shared.analyzer.postgres(b"\0", &self.settings);
        Arc::new(Prepared {
            text: Bytes::new(),
            analysis,
            parameter_types: Vec::new(),
        })
    }
}

/// Fails on any server, because no client names a portal so.
const fn refused_portal() -> Message<'static> {
    Message::Execute {
        portal: b"interdict: refused",
        max_rows: 0,
    }
}
