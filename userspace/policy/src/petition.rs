//! A statement that waits for a person, and what became of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::request::HoldSpec;

/// One statement as the person is shown it who decides about it. Nothing in it is more than the audit keeps.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Petition {
    /// The session's id.
    pub session_id: Uuid,
    /// The statement's id, where its result is held: it is on record already.
    pub statement_id: Option<Uuid>,
    /// When the statement came, in microseconds since the Unix epoch.
    pub at: i64,
    /// The service's name.
    pub service: String,
    /// `postgres`, `mysql` or `http`.
    pub protocol: String,
    /// Who asks.
    pub identity: String,
    /// What is known of who asks.
    pub facts: BTreeMap<String, String>,
    /// The database in use.
    pub database: String,
    /// The user towards the service.
    pub db_user: String,
    /// What the client calls itself.
    pub application: String,
    /// The leading verb.
    pub kind: String,
    /// The text as far as the policy lets it be kept.
    pub statement: String,
    /// Its values, likewise.
    pub parameters: Vec<Option<String>>,
    /// The hash of the text without its literals.
    pub fingerprint: Option<String>,
    /// `sha256:` and 64 hexadecimal digits of all that was sent, database, user and service included: what an approval is bound to.
    pub digest: String,
    /// What it does.
    pub effects: Vec<String>,
    /// What it touches: name and access.
    pub relations: Vec<(String, String)>,
    /// The rows and bytes that were about to have been sent, where a result is held and not the statement.
    pub result: Option<(u64, u64)>,
    /// What the server expects it to cost, where the policy asks for that.
    pub plan: Option<String>,
    /// The policy, and its rule.
    pub policy: Option<String>,
    /// The rule that holds it.
    pub rule: Option<String>,
    /// What the rule says.
    pub message: String,
    /// Who may decide, until when, and how the client waits.
    pub terms: Arc<HoldSpec>,
}

/// What became of a [`Petition`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ruling", rename_all = "snake_case")]
pub enum Ruling {
    /// It may pass, once.
    Approved {
        /// The approval's id.
        approval: Uuid,
        /// Who said so.
        by: Vec<String>,
    },
    /// Somebody refused it.
    Denied {
        /// The approval's id.
        approval: Uuid,
        /// Who said so.
        by: Vec<String>,
        /// Why.
        reason: String,
    },
    /// Nobody decided in time.
    Expired {
        /// The approval's id.
        approval: Uuid,
    },
    /// Somebody was asked, and the client does not wait (`mode: retry`): the same statement passes once it has been approved.
    Asked {
        /// The approval's id.
        approval: Uuid,
    },
    /// The client took it back.
    Withdrawn,
    /// Nobody can be asked, and why.
    Unavailable(String),
}
