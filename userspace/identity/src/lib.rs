//! Who is calling.
//!
//! The connect hook says which task asked for a connection: numbers that the kernel vouches for. This room turns them
//! into an [`Identity`] that a policy can match and an analyst can read: executable and its digest, command line,
//! ancestors, systemd unit, container, pod, user. What cannot be vouched for is left out or flagged, never guessed:
//! a process id that was reused since the connect is noticed by its start time.
//!
//! # The name
//! The first of these that applies:
//!
//! | name | when |
//! |---|---|
//! | `oidc:ENTRY:SUBJECT` | a token was verified: the entry of the settings and the token's `sub`, such as `oidc:cluster:system:serviceaccount:er:triage` |
//! | `pod:UID` | the cgroup is a Kubernetes pod's (whose namespace and name are facts where the cluster's API told of them) |
//! | `container:ID` | the cgroup is a container's; the first 12 digits of the id |
//! | `unit:NAME` | the cgroup is a systemd system service's, for example `unit:billing.service` |
//! | `user:NAME` | `/etc/passwd` of the host names the uid |
//! | `uid:NUMBER` | it does not |
//! | `address:IP` | only the peer's address is known (an explicit listener) |
//!
//! Units and containers below a user's own service manager (`user@1000.service`) are named by that user as it pleases:
//! such callers are `user:NAME`, and the unit is only reported as the fact `user_unit`.

mod command;
mod digest;
mod environment;
mod facts;
mod identity;
mod lineage;
mod login;
mod oidc;
mod placement;
mod pods;
mod process;
mod resolver;
mod stat;
mod token;
mod users;

pub use self::facts::{Caller, Facts};
pub use self::identity::{Attestation, Identity, Process};
pub use self::lineage::{Lineage, Origin};
pub use self::login::{LoggedIn, LoginExpected, verify_login};
pub use self::oidc::{Concerns, FetchKeys, KeySource, Oidc, Provider, Refusal, TokenSource, check_keys};
pub use self::placement::{Container, Placement};
pub use self::pods::{Pod, Pods};
pub use self::resolver::{Limits, Resolver, Sources};

/// Why something about a process could not be read. Reported as flags and in the log, never to the caller.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProcessError {
    /// The process ended, or its id now belongs to another one.
    #[error("process {0} is gone, or its id was used again")]
    Gone(u32),
    /// `/proc` did not give what it should.
    #[error("reading {what} of process {pid}")]
    Read {
        /// The process.
        pid: u32,
        /// The file below `/proc/PID`.
        what: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file of `/proc` has another form than its documentation says.
    #[error("{what} of process {pid} has an unknown form")]
    Form {
        /// The process.
        pid: u32,
        /// The file below `/proc/PID`.
        what: &'static str,
    },
}
