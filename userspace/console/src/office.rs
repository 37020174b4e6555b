//! What is live, as the console asks for it.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;

use interdict_approvals::{Approval, Listed, NewGrant, Person, Say};
use interdict_policy::Explanation;
use interdict_record::LedgerEntry;
use tokio::sync::watch;
use uuid::Uuid;

/// What is answered, once it is.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, Refusal>> + Send + 'a>>;

/// The daemon, as far as the console asks it. Whatever changes something is on record before it is done.
pub trait Office: Send + Sync + 'static {
    /// How the daemon does.
    fn status(&self) -> Answer<'_, Status>;

    /// The counters of connections as they are now; an error where the kernel's side is off.
    fn ledger(&self) -> Answer<'_, Vec<LedgerEntry>>;

    /// Who is in quarantine.
    fn quarantined(&self) -> Answer<'_, Vec<Quarantined>>;

    /// Cuts a workload's connections and refuses new ones.
    fn quarantine<'a>(&'a self, person: &'a Person, workload: &'a str) -> Answer<'a, ()>;

    /// Ends a quarantine.
    fn lift<'a>(&'a self, person: &'a Person, workload: &'a str) -> Answer<'a, ()>;

    /// What waits for people; with `past` also what is over, as far as it is remembered.
    fn approvals(&self, past: bool) -> Vec<Approval>;

    /// One of them.
    fn approval(&self, id: Uuid) -> Result<Approval, Refusal>;

    /// A number that changes whenever something comes or goes.
    fn changes(&self) -> watch::Receiver<u64>;

    /// Says yes or no to one.
    fn decide<'a>(&'a self, person: &'a Person, id: Uuid, say: Say) -> Answer<'a, Approval>;

    /// Grants; with `all` also those that are over.
    fn grants(&self, all: bool) -> Answer<'_, Vec<Listed>>;

    /// Mints one.
    fn mint<'a>(&'a self, person: &'a Person, grant: NewGrant) -> Answer<'a, Listed>;

    /// Ends one now.
    fn revoke<'a>(&'a self, person: &'a Person, id: Uuid, reason: &'a str) -> Answer<'a, Listed>;

    /// Notes that somebody looked at what one was used for.
    fn review<'a>(&'a self, person: &'a Person, id: Uuid, reason: &'a str) -> Answer<'a, Listed>;

    /// The policies in force, in order.
    fn policies(&self) -> Vec<PolicyInForce>;

    /// The names of services.
    fn services(&self) -> Vec<String>;

    /// What the policies in force would do. Blocking: a statement is analysed.
    fn explain(&self, question: &Question) -> Result<Explanation, Refusal>;

    /// Puts on record what somebody did in the console, and returns when it is.
    fn note<'a>(&'a self, person: &'a Person, kind: &'a str, message: String) -> Answer<'a, ()>;
}

/// How the daemon does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Its version.
    pub release: String,
    /// Whether every listener is up and everything attached.
    pub ready: bool,
    /// `enforce`, `observe`, `off` or `detached`.
    pub mode: String,
    /// For how long it has run, in seconds.
    pub uptime: u64,
    /// Sessions that are open.
    pub sessions: u64,
    /// Statements that wait for people.
    pub waiting: u64,
    /// What is counted of each workload, by name.
    pub workloads: BTreeMap<String, BTreeMap<String, u64>>,
    /// What is counted of each service, by name.
    pub services: BTreeMap<String, BTreeMap<String, u64>>,
    /// What a person must look at, a sentence each.
    pub attention: Vec<String>,
    /// Why the journal can't be written, if so.
    pub journal: Option<String>,
    /// Why segments can't be sealed, if so.
    pub segments: Option<String>,
}

/// A workload in quarantine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quarantined {
    /// Its name.
    pub workload: String,
    /// Since when, in microseconds since the Unix epoch.
    pub since: i64,
    /// Who put it there.
    pub by: String,
}

/// A policy that is in force.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicyInForce {
    /// Its name.
    pub name: String,
    /// Its file.
    pub path: String,
    /// `sha256:` and 64 hexadecimal digits.
    pub digest: String,
    /// Its text.
    pub text: String,
}

/// What to explain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Question {
    /// The service's name.
    pub service: String,
    /// Facts about the caller; `name` is the identity's name.
    pub identity: Vec<(String, String)>,
    /// The database in use.
    pub database: String,
    /// The user towards the service.
    pub user: String,
    /// The statement, or the request.
    pub statement: String,
}

/// Why something was not done. The text is for the person who asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What kind of reason.
    pub kind: Kind,
    /// What is so, what to do.
    pub message: String,
}

/// Kinds of refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// There is none.
    NotFound,
    /// This person may not.
    NotPermitted,
    /// What was asked for can't be, or is over.
    Invalid,
    /// Too much was asked for.
    TooMany,
    /// Not in this mode of the daemon.
    Unavailable,
    /// It was tried and did not succeed.
    Failed,
}

impl Refusal {
    /// Both of its parts.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
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
