//! The PostgreSQL engine.
//!
//! [`open`] takes what comes before the start-up; an [`Engine`] then follows one session. Every statement is analysed,
//! judged and recorded before it is forwarded; every result is masked by the origin of its columns. The engine keeps a
//! list of the answers that the server still owes ([`pending`]), which is what tells it whose rows these are.
//!
//! Sources: PostgreSQL documentation, "Frontend/Backend Protocol" (message flow, pipelining, COPY, errors).

mod aside;
mod client;
mod diagnostics;
mod form;
mod hold;
pub mod login;
mod names;
mod opening;
mod opinion;
mod parameters;
mod pending;
mod planned;
mod reach;
mod recording;
mod result;
mod server;
mod sight;
mod trace;

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use ahash::RandomState;
use bytes::{Bytes, BytesMut};
use interdict_record::Micros;
use interdict_sql::PostgresSettings;
use interdict_wire::postgres::backend::{Authentication, Message, TransactionStatus};

pub use opening::{Opening, StartAs, Startup, open};

use crate::context::{Context, Shared};
use crate::output::{Action, EndReason, LastWords, Output};
use crate::refusal::{self, Kind, NotLoggedIn, Refusal};
use crate::session::{Dialect, Login, Session};
pub(crate) use form::sqlstate;
use names::Names;
use opinion::Shown;
use pending::{Pending, Run};
use planned::Planned;

/// One PostgreSQL session between a client and a server.
pub struct Engine {
    pub(crate) session: Session,
    startup: Startup,
    phase: Phase,

    /// Results of statements by text: may they be shown?
    verdicts: HashMap<u64, trace::Verdict, RandomState>,
    /// The mask map's generation that they belong to.
    generation: u64,
    hasher: RandomState,

    settings: PostgresSettings,
    status: TransactionStatus,
    names: Names,
    pending: VecDeque<Pending>,
    /// What is done to the rows of each portal that was described.
    plans: HashMap<Bytes, Arc<Shown>, RandomState>,
    planned: Planned,
    /// Portals whose description was asked for since they were bound.
    described: HashSet<Bytes, RandomState>,

    /// Messages of the extended protocol were sent since the last Sync.
    unsynced: bool,
    /// An Execute was sent since the last Sync.
    executed: bool,
    /// A message was refused or failed: the client's messages are dropped until its Sync, as the server does.
    skipping: bool,
    /// The client's next message waits until nothing is outstanding.
    paused: bool,
    flushed: bool,
    /// That message.
    waiting: Option<Bytes>,
    /// A setting that may change the meaning of texts was sent: the next statement waits for its answer.
    barrier: bool,
    /// An answer that the server gave to the engine's own question and that is the answer to the client's message.
    foreseen_error: Option<Bytes>,
    /// Everything from the server is dropped until it is ready: the client was told of a failure already.
    muted: bool,
    /// Bytes of a message too long to hold, still to be passed to the client.
    passing: usize,
    /// The same from the client: to be passed, and to be dropped.
    passing_client: usize,
    dropping_client: usize,
    backend_key: Option<Bytes>,
    /// What the statement that is about to be held would cost, and its key.
    plan: Option<(u64, String)>,
    ended: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// From start-up to the first ReadyForQuery.
    Authentication,
    Ready,
    /// A replication connection that a rule allowed: statements are recorded, results pass.
    Replication,
}

impl Engine {
    /// Begins a session: the start-up message goes to the server, unless it is refused.
    pub fn new(
        shared: Arc<Shared>,
        context: Context,
        startup: Startup,
        now: Micros,
        out: &mut Output,
    ) -> Self {
        let login = Login {
            user: &startup.user,
            database: &startup.database,
            application: &startup.application,
        };
        let session = Session::new(shared, context, Dialect::Postgres, &login, out);
        let mut engine = Self {
            session,
            phase: Phase::Authentication,
            verdicts: HashMap::default(),
            generation: 0,
            hasher: RandomState::new(),
            settings: PostgresSettings::default(),
            status: TransactionStatus::Idle,
            names: Names::default(),
            pending: VecDeque::new(),
            plans: HashMap::default(),
            planned: Planned::default(),
            described: HashSet::default(),
            unsynced: false,
            executed: false,
            skipping: false,
            paused: false,
            flushed: false,
            waiting: None,
            barrier: false,
            foreseen_error: None,
            muted: false,
            passing: 0,
            passing_client: 0,
            dropping_client: 0,
            backend_key: None,
            plan: None,
            ended: false,
            startup,
        };
        if engine.startup.replication {
            engine.open_replication(now, out);
        } else if engine.startup.role.is_some() {
            engine.open_as_role(now, out);
        } else {
            engine.start(out);
        }
        engine
    }

    /// The start-up goes to the server; where the proxy has logged in already, the client is told that it is in.
    pub(crate) fn start(&mut self, out: &mut Output) {
        match &self.startup.logged_in {
            None => out.to_server.extend_from_slice(&self.startup.message),
            Some(prelude) => {
                out.to_client.extend_from_slice(prelude);
                // Nine bytes: it can't be too large.
                let _ = Message::Authentication(Authentication::Ok).write(&mut out.to_client);
            }
        }
    }

    /// Takes what the client sent; whole messages are removed from `input`. Call it again with what is left when more
    /// arrives, and after [`Engine::on_server`] once [`Engine::wants_client`] is true again.
    pub fn on_client(&mut self, input: &mut BytesMut, now: Micros, out: &mut Output) {
        let before = input.len();
        while self.wants_client() && self.client_step(input, now, out) {
            out.note_ends();
        }
        out.note_ends();
        self.session.totals.bytes_in += (before - input.len()) as u64;
    }

    /// Takes what the server sent.
    pub fn on_server(&mut self, input: &mut BytesMut, now: Micros, out: &mut Output) {
        let before = out.to_client.len();
        while !self.ended && !self.session.is_asking() && self.server_step(input, now, out) {
            out.note_ends();
        }
        out.note_ends();
        if self.paused && self.pending.is_empty() {
            self.paused = false;
        }
        self.session.totals.bytes_out += out.to_client.len().saturating_sub(before) as u64;
    }

    /// Whether the client's bytes are to be read: not while a question of the engine's own is under way, nor while very
    /// much is outstanding.
    pub fn wants_client(&self) -> bool {
        !self.ended
            && !self.paused
            && !self.session.awaits_catalogue()
            && !self.session.awaits_person()
            && self.pending.len() < self.session.context.limits.pipeline
    }

    /// Whether the session could end here and nothing would be half done: nothing is outstanding, no transaction is open.
    pub fn is_idle(&self) -> bool {
        self.phase == Phase::Ready
            && self.status == TransactionStatus::Idle
            && self.pending.is_empty()
            && self.waiting.is_none()
            && !self.unsynced
            && self.passing == 0
            && self.passing_client == 0
            && self.dropping_client == 0
    }

    /// Whether the session with the server can be another client's now: it is to be, and nothing of this one's is under way.
    pub fn is_reusable(&self) -> bool {
        self.startup.kept && self.is_idle()
    }

    /// Whether a message that was taken already waits to be looked at again.
    pub fn has_waiting(&self) -> bool {
        self.waiting.is_some()
    }

    /// Ends the session: what is unfinished is recorded as cut, then the session's end.
    pub fn finish(&mut self, reason: EndReason, now: Micros, out: &mut Output) {
        let pending = std::mem::take(&mut self.pending);
        for entry in pending {
            match entry {
                Pending::Execute { run, .. } | Pending::Call { run } => {
                    self.end_run(*run, "cut", None, now, out);
                }
                Pending::Query { runs, .. } => {
                    for run in runs {
                        self.end_run(run, "cut", None, now, out);
                    }
                }
                _ => {}
            }
        }
        self.ended = true;
        self.session.finish(reason, now, out);
    }

    /// Tells the client why, and closes.
    fn cut(&mut self, refusal: &Refusal, reason: EndReason, out: &mut Output) {
        out.to_client.extend_from_slice(&form::fatal(refusal));
        out.action = Some(Action::Close(reason));
        self.ended = true;
    }

    fn desynchronised(&mut self, side: &str, what: &impl std::fmt::Display, out: &mut Output) {
        let refusal = Refusal::new(
            Kind::Protocol,
            format!("interdict: the {side} sent something that is not the PostgreSQL protocol: {what}"),
            Some("the session is closed because its meaning can no longer be judged".to_owned()),
        );
        self.cut(&refusal, EndReason::Desynchronised, out);
    }

    /// Takes the policy snapshot in force; a session changes to a new one only between statements.
    fn refresh_policy(&mut self, now: Micros) {
        if self.session.refresh_policy(now) {
            self.forget_results();
        }
    }

    /// What was known of results was seen through a policy or a catalogue that is no more.
    fn forget_results(&mut self) {
        self.verdicts.clear();
        // They would not be found any more, and hold the catalogue.
        self.planned = Planned::default();
    }

    fn rebuild_names(&mut self) {
        self.names
            .rebuild(self.pending.iter().filter_map(Pending::change));
    }

    /// Gives the answers that are the engine's own, as far as they are at the front.
    fn give_refusals(&mut self, out: &mut Output) {
        while let Some(Pending::Refusal { .. }) = self.pending.front() {
            if let Some(Pending::Refusal { error, ready }) = self.pending.pop_front() {
                self.give(&error, ready, out);
            }
        }
    }

    fn give(&mut self, error: &[u8], ready: bool, out: &mut Output) {
        out.to_client.extend_from_slice(error);
        if ready {
            // Six bytes: it can't be too large.
            let _ = Message::ReadyForQuery(self.status).write(&mut out.to_client);
        }
    }
}

/// What a client is told when the service can't be reached.
pub fn unreachable(why: &str) -> BytesMut {
    form::fatal(&refusal::unreachable(why))
}

/// What a client is told when the login that the proxy makes for it fails.
pub fn not_logged_in(why: &NotLoggedIn<'_>) -> BytesMut {
    form::fatal(&refusal::not_logged_in(why))
}

/// What a client is told when its session is ended from outside.
pub fn last_words(why: LastWords) -> BytesMut {
    form::fatal(&refusal::last_words(why))
}

/// Takes the first run of a query that is still unfinished.
fn front_run(pending: &mut VecDeque<Pending>) -> Option<&mut Run> {
    match pending.front_mut()? {
        Pending::Query { runs, .. } => runs.front_mut(),
        Pending::Execute { run, .. } | Pending::Call { run } => Some(run),
        _ => None,
    }
}
