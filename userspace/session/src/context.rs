//! What an engine is given: what all sessions share, and what is true of this one.

use std::sync::Arc;

use arc_swap::ArcSwap;
use interdict_policy::{Grants, Identity, PolicySet};
use interdict_sql::Analyzer;
use uuid::Uuid;

use crate::catalogue::Catalogues;
use crate::probes::Probes;

/// Shared by every session of the daemon.
pub struct Shared {
    /// Statement analysis with its cache.
    pub analyzer: Analyzer,
    /// The policy snapshot in force. A session takes it anew at each statement.
    pub policies: ArcSwap<PolicySet>,
    /// The grants that are not over. A session takes them anew at each statement, too.
    pub grants: ArcSwap<Grants>,
    /// Catalogues by service and database.
    pub catalogues: Catalogues,
    /// What callers have tried by equality on masked columns.
    pub probes: Probes,
}

impl Shared {
    /// `cache` bounds the memory of analysed statements, in bytes.
    pub fn new(policies: Arc<PolicySet>, cache: usize) -> Self {
        Self {
            analyzer: Analyzer::new(cache),
            policies: ArcSwap::new(policies),
            grants: ArcSwap::default(),
            catalogues: Catalogues::default(),
            probes: Probes::default(),
        }
    }
}

/// Facts of one session.
#[derive(Clone, Debug)]
pub struct Context {
    /// The session's id, a UUIDv7.
    pub session_id: Uuid,
    /// The protected service's name.
    pub service: String,
    /// Who is calling.
    pub identity: Identity,
    /// Where the service is reached; with service and database, the key of the catalogue.
    pub upstream: String,
    /// Whether the service's certificate is also what the client sees, so that SCRAM's channel binding still holds.
    pub channel_binding: bool,
    /// Whether TLS was started on one side of the proxy only: passwords that are sent by whether there is TLS can't pass.
    pub tls_differs: bool,
    /// The login by which the daemon reads the service's catalogue itself; `None`: it is read over the client's session.
    pub catalogue_user: Option<Arc<str>>,
    /// Size limits.
    pub limits: Limits,
}

/// Bounds on what one session may make the proxy hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The largest message, in bytes, that is held whole to be judged or masked. Larger ones stream if nothing in them
    /// is to be changed and are refused otherwise.
    pub message: usize,
    /// The most answers outstanding in one session before no more is read from the client.
    pub pipeline: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message: 64 << 20,
            pipeline: 10_000,
        }
    }
}
