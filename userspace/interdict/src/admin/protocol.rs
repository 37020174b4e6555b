//! What is said over the socket.
//!
//! A new request or a new field of a response leaves [`VERSION`] as it is: who doesn't know it says so (a request), or
//! passes over it (a response). The number changes when what exists gets another meaning.

use std::collections::BTreeMap;
use std::fmt;

use interdict_approvals::{Approval, Listed, NewGrant};
use interdict_record::{LedgerEntry, Micros};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The protocol's version, in every message.
const VERSION: u64 = 1;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "snake_case")]
pub(crate) enum Request {
    /// How the daemon does.
    Status,
    /// The counters of connections.
    Ledger,
    /// Who is quarantined.
    QuarantineList,
    /// Cut a workload's connections and refuse new ones.
    Quarantine { workload: String },
    /// Let a workload connect again.
    QuarantineLift { workload: String },
    /// Remove everything from the kernel; the daemon goes on without.
    Detach,
    /// Statements that wait for people; with `past` also those that are over.
    Approvals { past: bool },
    /// One of them, whole.
    Approval { id: String },
    /// Say yes or no to one. With `grant_seconds`, a yes becomes a grant of that length besides.
    Decide {
        id: String,
        approve: bool,
        reason: String,
        grant_seconds: Option<u64>,
    },
    /// Grants; with `all` also those that are over.
    Grants { all: bool },
    /// Mint a grant.
    GrantCreate { grant: NewGrant },
    /// End a grant now.
    GrantRevoke { id: String, reason: String },
    /// Note that a grant was looked at that was minted without asking anyone.
    GrantReview { id: String, reason: String },
    /// Keep what retention would delete: of these tables (none: of all), from and until a time.
    HoldPlace {
        tables: Vec<String>,
        from: Option<Micros>,
        until: Option<Micros>,
        reason: String,
    },
    /// End a legal hold.
    HoldLift { id: String, reason: String },
    /// Seal what is complete, so that readers of segments have it.
    Seal,
    /// Change the key of the seals.
    SealRotate { reason: String },
    /// An address that lets the caller into the console, once.
    ConsoleLogin,
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "response", rename_all = "snake_case")]
pub(crate) enum Response {
    Status(Status),
    Ledger {
        rows: Vec<LedgerEntry>,
    },
    QuarantineList {
        quarantined: Vec<Quarantined>,
    },
    /// It is on the record and in force.
    Quarantine(Cut),
    /// It is on the record and in force.
    QuarantineLift {
        workload: String,
    },
    /// It is on the record and done.
    Detach,
    Approvals {
        approvals: Vec<Approval>,
    },
    /// One, as it stands after what was asked for.
    Approval {
        approval: Box<Approval>,
        /// Why the caller may not decide about it; `None`: they may.
        objection: Option<String>,
    },
    Grants {
        grants: Vec<Listed>,
    },
    /// One, as it stands after what was asked for.
    Grant {
        grant: Box<Listed>,
    },
    /// It is sealed.
    Seal,
    /// It is on the record.
    Hold {
        id: String,
    },
    /// The key from now on.
    SealKey {
        key: String,
        public_key: String,
    },
    /// Where the caller is let in, once and within a minute.
    ConsoleLogin {
        url: String,
    },
    /// It was not done.
    Refused(Refusal),
}

/// How the daemon does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Status {
    /// The daemon's own version; `version` is the message's.
    pub(crate) release: String,
    pub(crate) pid: u32,
    /// Whether every listener is up and everything attached.
    pub(crate) ready: bool,
    /// `enforce`, `observe` or `off`; `detached` after a detach.
    pub(crate) mode: String,
    pub(crate) uptime_seconds: u64,
    /// Whether it took over the programs of an earlier daemon.
    pub(crate) adopted: bool,
    /// Sessions that are open.
    pub(crate) sessions: u64,
    /// Statements that wait for people.
    pub(crate) approvals: u64,
    /// By name: what there is to count, such as `sessions` or `cgroups`.
    pub(crate) workloads: BTreeMap<String, Counts>,
    /// By name, likewise.
    pub(crate) services: BTreeMap<String, Counts>,
    /// By stream, and of shipping: what left this host and what waits.
    pub(crate) away: BTreeMap<String, Counts>,
    /// What a person must look at, a sentence each: the audit can't be written, a workload is quarantined.
    pub(crate) attention: Vec<String>,
}

/// Numbers by their names.
pub(crate) type Counts = BTreeMap<String, u64>;

/// A workload that is quarantined.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Quarantined {
    pub(crate) workload: String,
    pub(crate) since: Micros,
    /// As the audit's `actor`.
    pub(crate) by: String,
}

/// What a quarantine met.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Cut {
    pub(crate) workload: String,
    /// Connections that were cut.
    pub(crate) connections: u64,
    /// It was quarantined before.
    pub(crate) already: bool,
}

/// Why something was not done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Refusal {
    pub(crate) kind: RefusalKind,
    /// For the person who asked: what is so, what to do.
    pub(crate) message: String,
}

/// Kinds of refusal that a program may tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RefusalKind {
    /// Not a request.
    Malformed,
    /// Another version of the protocol, or a request that this daemon doesn't know.
    Unsupported,
    /// The caller may not.
    NotPermitted,
    /// The settings have no such workload.
    UnknownWorkload,
    /// The workload is not quarantined.
    NotQuarantined,
    /// There is none of that id.
    NotFound,
    /// It is over, or was done before.
    TooLate,
    /// What was asked for can't be.
    Invalid,
    /// Not in this mode, such as a quarantine with `kernel: { mode: off }`.
    Unavailable,
    /// It was tried and did not succeed; also when it can't be recorded.
    Failed,
    /// A kind that came later.
    #[serde(other)]
    Other,
}

impl Refusal {
    pub(crate) fn new(kind: RefusalKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Refusal {}

impl Request {
    const NAMES: [&str; 18] = [
        "status",
        "ledger",
        "quarantine_list",
        "quarantine",
        "quarantine_lift",
        "detach",
        "approvals",
        "approval",
        "decide",
        "grants",
        "grant_create",
        "grant_revoke",
        "grant_review",
        "hold_place",
        "hold_lift",
        "seal",
        "seal_rotate",
        "console_login",
    ];

    /// Its name, as on the wire.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Ledger => "ledger",
            Self::QuarantineList => "quarantine_list",
            Self::Quarantine { .. } => "quarantine",
            Self::QuarantineLift { .. } => "quarantine_lift",
            Self::Detach => "detach",
            Self::Approvals { .. } => "approvals",
            Self::Approval { .. } => "approval",
            Self::Decide { .. } => "decide",
            Self::Grants { .. } => "grants",
            Self::GrantCreate { .. } => "grant_create",
            Self::GrantRevoke { .. } => "grant_revoke",
            Self::GrantReview { .. } => "grant_review",
            Self::HoldPlace { .. } => "hold_place",
            Self::HoldLift { .. } => "hold_lift",
            Self::Seal => "seal",
            Self::SealRotate { .. } => "seal_rotate",
            Self::ConsoleLogin => "console_login",
        }
    }

    /// Whether it changes anything.
    pub(crate) fn acts(&self) -> bool {
        match self {
            Self::Status
            | Self::Ledger
            | Self::QuarantineList
            | Self::Approvals { .. }
            | Self::Approval { .. }
            | Self::Grants { .. } => false,
            Self::Quarantine { .. }
            | Self::QuarantineLift { .. }
            | Self::Detach
            | Self::Decide { .. }
            | Self::GrantCreate { .. }
            | Self::GrantRevoke { .. }
            | Self::GrantReview { .. }
            | Self::HoldPlace { .. }
            | Self::HoldLift { .. }
            | Self::Seal
            | Self::SealRotate { .. }
            | Self::ConsoleLogin => true,
        }
    }

    /// Whether it depends on who asks, as policies and settings name people, and not on whether they are an operator.
    pub(crate) fn is_for_people(&self) -> bool {
        match self {
            Self::Status
            | Self::Ledger
            | Self::QuarantineList
            | Self::Quarantine { .. }
            | Self::QuarantineLift { .. }
            | Self::HoldPlace { .. }
            | Self::HoldLift { .. }
            | Self::Seal
            | Self::SealRotate { .. }
            | Self::Detach => false,
            Self::Approvals { .. }
            | Self::Approval { .. }
            | Self::Decide { .. }
            | Self::Grants { .. }
            | Self::GrantCreate { .. }
            | Self::GrantRevoke { .. }
            | Self::GrantReview { .. }
            | Self::ConsoleLogin => true,
        }
    }

    /// Reads a line. A request that a newer client knows, or one with a field that this daemon would leave undone, is
    /// refused as such: acting on half of a request is worse than not acting.
    pub(crate) fn read(line: &[u8]) -> Result<Self, Refusal> {
        let malformed = |what: String| Refusal::new(RefusalKind::Malformed, what);
        let mut document: Value = serde_json::from_slice(line)
            .map_err(|error| malformed(format!("the request is not a line of JSON: {error}")))?;
        let object = document
            .as_object_mut()
            .ok_or_else(|| malformed("the request is not a JSON object".to_owned()))?;
        let ours = env!("CARGO_PKG_VERSION");
        match object.shift_remove("version").as_ref().map(Value::as_u64) {
            Some(Some(VERSION)) => {}
            Some(Some(other)) => {
                let what = format!(
                    "this daemon (interdict {ours}) speaks version {VERSION} of the admin protocol, the client version {other}: \
                     use the `interdict` that belongs to the daemon"
                );
                return Err(Refusal::new(RefusalKind::Unsupported, what));
            }
            _ => return Err(malformed("the request has no `version`".to_owned())),
        }
        let name = object.get("request").and_then(Value::as_str).unwrap_or_default();
        if name.is_empty() {
            return Err(malformed("the request has no name in `request`".to_owned()));
        }
        if !Self::NAMES.contains(&name) {
            let what = format!(
                "this daemon (interdict {ours}) does not know the request `{}`: the client is newer, restart the daemon \
                 with the same version",
                name.escape_debug()
            );
            return Err(Refusal::new(RefusalKind::Unsupported, what));
        }
        let name = name.to_owned();
        let fields: Vec<String> = object.keys().cloned().collect();
        let unread = |what: String| malformed(format!("the request `{name}` does not read: {what}"));
        let request: Self = serde_json::from_value(document).map_err(|error| unread(error.to_string()))?;
        let known = serde_json::to_value(&request).unwrap_or_default();
        match fields.iter().find(|field| known.get(field).is_none()) {
            None => Ok(request),
            Some(field) => Err(unread(format!("unknown field `{}`", field.escape_debug()))),
        }
    }
}

/// A message as it goes over the wire, its line's end included.
pub(super) fn line(message: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    #[derive(Serialize)]
    struct Versioned<'a, T> {
        version: u64,
        #[serde(flatten)]
        message: &'a T,
    }
    let mut line = serde_json::to_vec(&Versioned {
        version: VERSION,
        message,
    })?;
    line.push(b'\n');
    Ok(line)
}

/// Reads a daemon's line.
pub(super) fn read_response<T: DeserializeOwned>(line: &[u8]) -> Result<T, String> {
    let document: Value =
        serde_json::from_slice(line).map_err(|error| format!("it answered with no JSON: {error}"))?;
    match document.get("version").and_then(Value::as_u64) {
        Some(VERSION) => serde_json::from_value(document)
            .map_err(|error| format!("its answer does not read: {error}; are both of the same version?")),
        Some(other) => Err(format!(
            "it speaks version {other} of the admin protocol, this `interdict` version {VERSION}: use the daemon's own"
        )),
        None => Err("its answer has no version: is this the socket of interdict?".to_owned()),
    }
}
