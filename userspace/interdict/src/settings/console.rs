//! What `admin.console` says.

use std::net::SocketAddr;
use std::path::PathBuf;

use interdict_console::{Lifetimes, Roles};

use super::SecretSource;

/// Pages for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Console {
    pub(crate) listen: SocketAddr,
    /// As people type it, where that is not the address.
    pub(crate) url: Option<String>,
    pub(crate) tls: Option<ConsoleTls>,
    pub(crate) oidc: Option<ConsoleOidc>,
    pub(crate) roles: Roles,
    pub(crate) lifetimes: Lifetimes,
}

/// The console's side of TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ConsoleTls {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
    /// Whose certificates let people in.
    pub(crate) client_ca: Option<PathBuf>,
}

/// Whom people log in with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ConsoleOidc {
    /// What the login page calls it.
    pub(crate) name: String,
    pub(crate) issuer: String,
    pub(crate) client_id: String,
    /// `None`: a public client.
    pub(crate) client_secret: Option<SecretSource>,
    /// Asked for besides `openid`.
    pub(crate) scopes: Vec<String>,
    /// The claim with the groups.
    pub(crate) groups: String,
    /// Roots to verify the issuer with, instead of the system's.
    pub(crate) ca: Option<PathBuf>,
}
