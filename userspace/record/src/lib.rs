//! What is written down: sessions and statements as facts.
//!
//! `session` makes these, `audit` stores them, and nothing else is shared between the two. The field names are the
//! audit's column names (see `docs/audit.md`); times are microseconds since the Unix epoch, UTC.
#![expect(
    missing_docs,
    reason = "a field is the audit's column of the same name, described in docs/audit.md"
)]

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Microseconds since 1970-01-01T00:00:00Z.
pub type Micros = i64;

/// One fact for the journal. A statement is two records: what was asked and decided (durable before it is forwarded),
/// and what came of it. The audit joins them to one row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "snake_case")]
pub enum Record {
    /// A connection was accepted.
    SessionStarted(Box<SessionStarted>),
    /// What became known after the start (user, database, TLS). Later values win; `None` leaves what is known.
    SessionDescribed(Box<SessionDescribed>),
    /// A connection ended.
    SessionEnded(Box<SessionEnded>),
    /// A statement was decided upon. Must be durable before any of its bytes reach the service.
    StatementStarted(Box<StatementStarted>),
    /// A statement's outcome.
    StatementEnded(Box<StatementEnded>),
    /// A policy snapshot came into force.
    PolicyLoaded(Box<PolicyLoaded>),
    /// A workload's connections to a service, as the kernel counts them and as the proxy does.
    Ledger(Box<LedgerEntry>),
    /// The daemon or an operator did something that a reader of the record must know (start, stop, reload, refusal of
    /// a connection before it had a session, gap found, detach).
    Event(Box<Event>),
    /// Something happened to an approval.
    Approval(Box<ApprovalEvent>),
    /// Something happened to a grant.
    Grant(Box<GrantEvent>),
    /// What a client was sent.
    Frame(Box<Frame>),
}

/// The start of a session: everything known about the caller at accept.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SessionStarted {
    pub session_id: Uuid,
    pub started_at: Micros,
    pub service: String,
    /// `postgres`, `mysql`, `http` or `opaque`.
    pub protocol: String,
    /// The `workloads` entry that enrolled the caller; `None` on an explicit listener.
    pub workload: Option<String>,
    pub identity: String,
    /// How the identity was established: `kernel` (from the connect hook), `address` (peer address only).
    pub attestation: String,
    pub claims: BTreeMap<String, String>,
    pub pid: Option<u32>,
    pub process_started_at: Option<Micros>,
    pub uid: Option<u32>,
    pub executable: Option<String>,
    /// `sha256:` and 64 hexadecimal digits.
    pub executable_digest: Option<String>,
    pub command: Option<String>,
    /// Executables of the parents, nearest first.
    pub ancestry: Vec<String>,
    pub cgroup: Option<String>,
    pub unit: Option<String>,
    pub container_id: Option<String>,
    pub pod: Option<String>,
    pub namespace: Option<String>,
    pub service_account: Option<String>,
    /// The address the caller asked for, before any redirection.
    pub origin_address: Option<String>,
    pub origin_port: Option<u16>,
    pub upstream_address: Option<String>,
    pub flags: Vec<String>,
}

/// What the protocol's opening revealed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SessionDescribed {
    pub session_id: Uuid,
    pub database: Option<String>,
    pub db_user: Option<String>,
    pub application: Option<String>,
    /// `TLSv1.3 TLS_AES_128_GCM_SHA256 sha256:…`, the fingerprint of the certificate that was shown; or `none`.
    pub client_tls: Option<String>,
    pub upstream_tls: Option<String>,
    pub upstream_address: Option<String>,
}

/// The end of a session, with its totals.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SessionEnded {
    pub session_id: Uuid,
    pub ended_at: Micros,
    /// `client`, `server`, `refused`, `desynchronised`, `limit`, `shutdown`, `quarantine`, `error`, `cancel_request`, `tls_untrusted`, `tls_failed`,
    /// `opening_timeout`, `crash`.
    pub end_reason: String,
    pub statements: u64,
    pub rows: u64,
    /// Bytes read from the client.
    pub bytes_in: u64,
    /// Bytes written to the client.
    pub bytes_out: u64,
    pub masked_cells: u64,
    pub flags: Vec<String>,
}

/// What a statement asked for and what was decided.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StatementStarted {
    pub session_id: Uuid,
    pub statement_id: Uuid,
    pub requested_at: Micros,
    pub decided_at: Micros,
    pub service: String,
    pub identity: String,
    /// The leading verb in lower case: `select`, `insert`, `copy`, `begin`, …; `multi` for several; `unknown`.
    pub kind: String,
    /// The text as far as the policy lets it be kept.
    pub statement: String,
    /// Hash of the text with its literals removed, 16 hexadecimal digits.
    pub fingerprint: Option<String>,
    pub parameters: Vec<Option<String>>,
    pub effects: Vec<String>,
    pub relations: Vec<RelationAccess>,
    /// Whether the analysis covered everything that the statement does.
    pub complete: bool,
    /// `allow`, `mask`, `deny`, `hold`, `approve` or `expire`.
    pub decision: String,
    pub rule: Option<String>,
    pub message: Option<String>,
    pub policy: Option<String>,
    /// `sha256:` and 64 hexadecimal digits of the policy snapshot in force.
    pub policy_digest: Option<String>,
    pub approval_id: Option<Uuid>,
    pub grant_id: Option<Uuid>,
    pub trace_id: Option<String>,
    pub flags: Vec<String>,
}

/// A relation and what a statement does with it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RelationAccess {
    pub name: String,
    /// `read`, `write` or `define`.
    pub access: String,
}

/// One output column.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    pub label: String,
    /// `schema.table.column` when the service named it.
    pub origin: Option<String>,
    /// The mask that was put on it.
    pub mask: Option<String>,
}

/// What came of a statement.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StatementEnded {
    pub session_id: Uuid,
    pub statement_id: Uuid,
    pub first_byte_at: Option<Micros>,
    pub ended_at: Micros,
    /// Of the result; statements of one kind share them.
    pub columns: Arc<Vec<Column>>,
    /// `ok`, `error`, `refused`, `cut` (the session ended first), `unknown` (the daemon ended first).
    pub status: String,
    pub sqlstate: Option<String>,
    pub rows: u64,
    /// Bytes of result sent to the client.
    pub bytes: u64,
    pub masked_cells: u64,
    /// Masked cells by column origin or detector name.
    pub masked_by: BTreeMap<String, u64>,
    /// Set when the decision changed while the result streamed (a row limit): replaces the started decision.
    pub decision: Option<String>,
    pub rule: Option<String>,
    pub message: Option<String>,
    pub flags: Vec<String>,
    /// Keyed tokens of those whose data was sent, as `name:token`; see the policy's `subjects`.
    #[serde(default)]
    pub subjects: Vec<String>,
}

/// A run of bytes that a client was sent, as it saw them: masked, after TLS was taken off. In `ordinal` order the payloads
/// of a session are what its client received, but for what frames with a flag say is missing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Frame {
    pub session_id: Uuid,
    /// The statement that is answered; `None`: the opening, or the end.
    pub statement_id: Option<Uuid>,
    /// 1, 2, 3, … within the session.
    pub ordinal: u64,
    /// `to_client`.
    pub direction: String,
    pub at: Micros,
    #[serde(with = "serde_bytes")]
    pub payload: Vec<u8>,
    /// Bytes that were sent. More than `payload` has where a flag says so.
    pub length: u64,
    /// `sha256:` and 64 hexadecimal digits of the bytes that were sent, where they are withheld.
    pub digest: Option<String>,
    /// `cut`: beyond what is kept of one answer; `withheld`: shown unmasked by a grant, so not kept; `credentials`: some have
    /// asterisks in their place.
    pub flags: Vec<String>,
}

/// A policy snapshot in force from a moment on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PolicyLoaded {
    pub at: Micros,
    pub name: String,
    pub digest: String,
    /// The policy file's text.
    pub source: String,
}

/// One workload's connections to one service, counted on both sides. All counters are totals since the programs were
/// attached; a pair is written down when one of its counters has changed since the last entry.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LedgerEntry {
    pub at: Micros,
    pub workload: String,
    pub service: String,
    /// Connects of the workload towards the service that the kernel's hooks met.
    pub seen: u64,
    /// Sent to the proxy.
    pub redirected: u64,
    /// Refused by the kernel.
    pub refused: u64,
    /// Let through because the caller is exempt.
    pub exempt: u64,
    /// Let through because the settings say so while no proxy can serve (a deliberate fail-open).
    pub failed_open: u64,
    /// Connections that the kernel saw established towards the proxy.
    pub established: u64,
    /// Connections that the proxy accepted with an origin.
    pub sessions: u64,
    /// `established` without `sessions`, not older than one interval: the proxy may still be about to accept them.
    pub pending: i64,
    /// `established` − `sessions` − `pending`: what stays unexplained.
    pub difference: i64,
    pub flags: Vec<String>,
}

/// Something an operator or an auditor must be able to find.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Event {
    pub at: Micros,
    /// `start`, `stop`, `reload`, `reload_refused`, `connect_refused`, `recovery`, `attach`, `detach`, `quarantine`,
    /// `quarantine_lifted`, `gap`, …
    pub kind: String,
    /// Who or what did it: `daemon`, `operator:NAME`, `kernel`.
    pub actor: String,
    pub message: String,
    pub detail: BTreeMap<String, String>,
}

/// Something that happened to an approval: a statement that waits for people.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ApprovalEvent {
    pub at: Micros,
    /// `requested`, `voted`, `approved`, `denied`, `expired`, `withdrawn`, `consumed`, `shutdown`, `restart`.
    pub event: String,
    pub approval_id: Uuid,
    pub session_id: Uuid,
    pub statement_id: Option<Uuid>,
    pub service: String,
    pub identity: String,
    /// `sha256:` and 64 hexadecimal digits of all that was sent: what the approval is bound to.
    pub digest: String,
    pub fingerprint: Option<String>,
    pub policy: Option<String>,
    pub rule: Option<String>,
    /// `wait` or `retry`.
    pub mode: String,
    pub expires_at: Option<Micros>,
    /// What people were shown; only with `requested`.
    pub shown: Option<Box<ApprovalShown>>,
    /// `approve` or `deny`; only with `voted`.
    pub vote: Option<String>,
    /// Who voted, or who decided.
    pub people: Vec<String>,
    pub uid: Option<u32>,
    /// Who logged in, before any `sudo`.
    pub login_uid: Option<u32>,
    /// How it was said: `admin` for the socket, `webhook:NAME`.
    pub via: Option<String>,
    pub reason: Option<String>,
    /// The grant that was minted from it.
    pub grant_id: Option<Uuid>,
}

/// What people are shown who decide about a statement.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ApprovalShown {
    pub protocol: String,
    pub attestation: String,
    pub claims: BTreeMap<String, String>,
    pub workload: Option<String>,
    pub pid: Option<u32>,
    pub process_uid: Option<u32>,
    pub executable: Option<String>,
    pub command: Option<String>,
    pub ancestry: Vec<String>,
    pub database: String,
    pub db_user: String,
    pub application: String,
    pub kind: String,
    pub statement: String,
    pub parameters: Vec<Option<String>>,
    pub effects: Vec<String>,
    pub relations: Vec<RelationAccess>,
    /// Of a result that is held: what was about to have been sent.
    pub rows: Option<u64>,
    pub bytes: Option<u64>,
    pub plan: Option<String>,
    pub message: String,
    pub approvers: Vec<String>,
    pub quorum: u32,
}

/// Something that happened to a grant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct GrantEvent {
    pub at: Micros,
    /// `created`, `revoked`, `expired`, `reviewed`.
    pub event: String,
    pub grant_id: Uuid,
    /// Who did it; `daemon` where it ended by itself.
    pub person: String,
    pub uid: Option<u32>,
    /// Who logged in, before any `sudo`.
    pub login_uid: Option<u32>,
    pub via: Option<String>,
    pub reason: String,
    pub ticket: Option<String>,
    pub identities: Vec<String>,
    pub services: Vec<String>,
    pub effects: Vec<String>,
    pub relations: Vec<String>,
    pub columns: Vec<String>,
    pub row_limit: Option<u64>,
    pub starts_at: Micros,
    pub ends_at: Micros,
    pub approval_id: Option<Uuid>,
    pub break_glass: bool,
}

impl Record {
    /// Whether bytes already decided upon must wait until this record is on disk.
    pub fn must_precede_forwarding(&self) -> bool {
        matches!(self, Self::SessionStarted(_) | Self::StatementStarted(_))
    }
}
