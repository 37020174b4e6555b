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
mod judge;
mod names;
mod opening;
mod pending;
mod recording;
mod refusal;
mod result;
mod server;
mod sight;

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ahash::RandomState;
use bytes::{Bytes, BytesMut};
use interdict_policy::{Effective, PolicySet};
use interdict_record::{Micros, Record, SessionDescribed, SessionEnded};
use interdict_sql::{Analysis, PostgresSettings};
use interdict_wire::postgres::backend::{Message, TransactionStatus};

pub use opening::{Opening, Startup, open};

use crate::catalogue::{Key, MaskMap};
use crate::context::{Context, Shared};
use crate::output::{Action, EndReason, Output};
use names::Names;
use pending::{Pending, Run};
use refusal::Refusal;
use result::Plan;

/// One PostgreSQL session between a client and a server.
pub struct Engine {
    shared: Arc<Shared>,
    context: Context,
    startup: Startup,
    phase: Phase,
    key: Key,

    policies: Arc<PolicySet>,
    effective: Effective,
    /// The catalogue through the policy, and the version of the schema it belongs to.
    map: Option<Sighted>,
    schema_version: Arc<AtomicU64>,
    /// DDL ran in the transaction that is open: what is read of the catalogue is this session's own until it ends.
    ddl_in_transaction: bool,
    /// Names that were looked for in this version of the catalogue and are not there.
    absent: HashSet<String, RandomState>,
    /// Results of statements by text: may they be shown?
    verdicts: HashMap<u64, Result<(), String>, RandomState>,
    hasher: RandomState,

    settings: PostgresSettings,
    status: TransactionStatus,
    names: Names,
    /// Cursors and SQL-level prepared statements, and what they run.
    spoken: HashMap<String, Vec<Arc<Analysis>>, RandomState>,
    pending: VecDeque<Pending>,
    /// What is done to the rows of each portal that was described.
    plans: HashMap<Bytes, Arc<Plan>, RandomState>,
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
    /// The catalogue was just read again because a relation was not in it.
    reloaded: bool,
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

    counter: u64,
    totals: Totals,
    ended: bool,
}

/// The catalogue through a policy.
struct Sighted {
    /// Of the schema that the catalogue was read of.
    version: u64,
    effective: Effective,
    map: Arc<MaskMap>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// From start-up to the first ReadyForQuery.
    Authentication,
    Ready,
    /// A replication connection that a rule allowed: statements are recorded, results pass.
    Replication,
}

#[derive(Debug, Default)]
struct Totals {
    statements: u64,
    rows: u64,
    masked_cells: u64,
    bytes_in: u64,
    bytes_out: u64,
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
        let policies = shared.policies.load_full();
        let effective = policies.effective(&context.service, &context.identity);
        let key = Key {
            service: context.service.clone(),
            upstream: context.upstream.clone(),
            database: startup.database.clone(),
        };
        let schema_version = shared.catalogues.version(&key);
        let mut engine = Self {
            key,
            policies,
            effective,
            schema_version,
            shared,
            phase: Phase::Authentication,
            map: None,
            ddl_in_transaction: false,
            absent: HashSet::default(),
            verdicts: HashMap::default(),
            hasher: RandomState::new(),
            settings: PostgresSettings::default(),
            status: TransactionStatus::Idle,
            names: Names::default(),
            spoken: HashMap::default(),
            pending: VecDeque::new(),
            plans: HashMap::default(),
            described: HashSet::default(),
            unsynced: false,
            executed: false,
            skipping: false,
            paused: false,
            flushed: false,
            waiting: None,
            barrier: false,
            reloaded: false,
            foreseen_error: None,
            muted: false,
            passing: 0,
            passing_client: 0,
            dropping_client: 0,
            backend_key: None,
            counter: 0,
            totals: Totals::default(),
            ended: false,
            context,
            startup,
        };
        out.records
            .push(Record::SessionDescribed(Box::new(SessionDescribed {
                session_id: engine.context.session_id,
                database: Some(engine.startup.database.clone()),
                db_user: Some(engine.startup.user.clone()),
                application: Some(engine.startup.application.clone()),
                ..SessionDescribed::default()
            })));
        if engine.startup.replication {
            engine.open_replication(now, out);
        } else {
            out.to_server.extend_from_slice(&engine.startup.message);
        }
        engine
    }

    /// Takes what the client sent; whole messages are removed from `input`. Call it again with what is left when more
    /// arrives, and after [`Engine::on_server`] once [`Engine::wants_client`] is true again.
    pub fn on_client(&mut self, input: &mut BytesMut, now: Micros, out: &mut Output) {
        let before = input.len();
        while self.wants_client() && self.client_step(input, now, out) {}
        self.totals.bytes_in += (before - input.len()) as u64;
    }

    /// Takes what the server sent.
    pub fn on_server(&mut self, input: &mut BytesMut, now: Micros, out: &mut Output) {
        let before = out.to_client.len();
        while !self.ended && self.server_step(input, now, out) {}
        if self.paused && self.pending.is_empty() {
            self.paused = false;
        }
        self.totals.bytes_out += out.to_client.len().saturating_sub(before) as u64;
    }

    /// Whether the client's bytes are to be read: not while a question of the engine's own is under way, nor while very
    /// much is outstanding.
    pub fn wants_client(&self) -> bool {
        !self.ended && !self.paused && self.pending.len() < self.context.limits.pipeline
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
        out.records.push(Record::SessionEnded(Box::new(SessionEnded {
            session_id: self.context.session_id,
            ended_at: now,
            end_reason: reason.as_str().to_owned(),
            statements: self.totals.statements,
            rows: self.totals.rows,
            bytes_in: self.totals.bytes_in,
            bytes_out: self.totals.bytes_out,
            masked_cells: self.totals.masked_cells,
            flags: Vec::new(),
        })));
    }

    /// Tells the client why, and closes.
    fn cut(&mut self, refusal: &Refusal, reason: EndReason, out: &mut Output) {
        out.to_client.extend_from_slice(&refusal.fatal());
        out.action = Some(Action::Close(reason));
        self.ended = true;
    }

    fn desynchronised(&mut self, side: &str, what: &impl std::fmt::Display, out: &mut Output) {
        let refusal = Refusal::new(
            refusal::PROTOCOL,
            format!("interdict: the {side} sent something that is not the PostgreSQL protocol: {what}"),
            Some("the session is closed because its meaning can no longer be judged".to_owned()),
        );
        self.cut(&refusal, EndReason::Desynchronised, out);
    }

    /// Takes the policy snapshot in force; a session changes to a new one only between statements.
    fn refresh_policy(&mut self) {
        let current = self.shared.policies.load();
        if !Arc::ptr_eq(&current, &self.policies) {
            self.policies = Arc::clone(&current);
            self.effective = self
                .policies
                .effective(&self.context.service, &self.context.identity);
            self.verdicts.clear();
        }
    }

    /// Whether results must be looked at.
    fn watches_results(&self) -> bool {
        self.effective.masks_columns() || self.effective.detection().is_some()
    }

    /// The mask map, if it is that of the schema as last seen.
    fn current_map(&mut self) -> Option<Arc<MaskMap>> {
        let version = self.schema_version.load(Ordering::Acquire);
        if let Some(sighted) = &self.map
            && sighted.version == version
            && sighted.effective.same(&self.effective)
        {
            return Some(Arc::clone(&sighted.map));
        }
        self.verdicts.clear();
        self.absent.clear();
        if self.ddl_in_transaction {
            // What others read does not have what this session did and has not committed.
            return None;
        }
        let (version, map) = self.shared.catalogues.map(&self.key, &self.effective)?;
        self.map = Some(Sighted {
            version,
            effective: self.effective.clone(),
            map: Arc::clone(&map),
        });
        Some(map)
    }

    /// The mask map that what is outstanding was judged by: the schema may have changed since.
    fn held_map(&self) -> Option<Arc<MaskMap>> {
        self.map.as_ref().map(|sighted| Arc::clone(&sighted.map))
    }

    /// The schema changed, or may have.
    fn schema_changed(&self) {
        self.shared.catalogues.invalidate(&self.key);
    }

    fn next_id(&mut self, now: Micros) -> uuid::Uuid {
        self.counter += 1;
        statement_id(self.context.session_id, self.counter, now)
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

/// What a client is told when the service can't be reached (connection_failure).
pub fn unreachable(why: &str) -> BytesMut {
    Refusal::new(
        "08006",
        format!("interdict: {why}"),
        Some("the operator finds it in the daemon's log".to_owned()),
    )
    .fatal()
}

/// What a client is told when the daemon stops (admin_shutdown).
pub fn shutting_down() -> BytesMut {
    Refusal::new(
        "57P01",
        "interdict: the daemon is stopping",
        Some("connect again in a moment".to_owned()),
    )
    .fatal()
}

/// What a client is told when its workload is put in quarantine (admin_shutdown).
pub fn quarantined() -> BytesMut {
    Refusal::new(
        "57P01",
        "interdict: this workload is in quarantine",
        Some("a person has to lift it: interdict quarantine WORKLOAD --lift".to_owned()),
    )
    .fatal()
}

/// What a client is told when its statement cannot be recorded (io_error).
pub fn audit_failed() -> BytesMut {
    let hint = "nothing is forwarded that is not recorded; the operator finds the reason in the daemon's log";
    Refusal::new(
        "58030",
        "interdict: the audit does not take records",
        Some(hint.to_owned()),
    )
    .fatal()
}

/// A UUIDv7 made from the time, the session and a count, so that the engine needs no source of randomness.
fn statement_id(session: uuid::Uuid, counter: u64, now: Micros) -> uuid::Uuid {
    let mut random = [0_u8; 10];
    for (to, from) in random.iter_mut().zip(session.as_bytes().iter().skip(6)) {
        *to = *from;
    }
    for (to, from) in random.iter_mut().skip(2).zip(counter.to_be_bytes()) {
        *to ^= from;
    }
    let millis = u64::try_from(now / 1000).unwrap_or_default();
    uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
}

/// Takes the first run of a query that is still unfinished.
fn front_run(pending: &mut VecDeque<Pending>) -> Option<&mut Run> {
    match pending.front_mut()? {
        Pending::Query { runs, .. } => runs.front_mut(),
        Pending::Execute { run, .. } | Pending::Call { run } => Some(run),
        _ => None,
    }
}
