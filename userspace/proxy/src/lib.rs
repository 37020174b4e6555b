//! The only room with sockets on the data path: accept, TLS, upstream, pumping, backpressure, timeouts.
//!
//! [`Proxy::serve`] takes one accepted connection to its end. Where it came from is answered by [`Origins`] (the kernel's
//! connect hook, or a fixed table in tests); what the bytes mean is the engine's business (`interdict-session`).

mod address;
mod binding;
mod catalogue;
mod connection;
mod credentials;
mod elsewhere;
mod holding;
mod http;
mod live;
mod mysql;
mod opaque;
mod opening;
mod opinion;
mod orders;
mod postgres;
mod pump;
mod rewound;
mod secret;
mod side;
mod stream;
mod tape;
mod tls;
mod turned_away;
mod upstream;
mod warm;
mod workers;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use interdict_api::Profile;
use interdict_approvals::Desk;
use interdict_audit::Audit;
use interdict_identity::{Facts, Resolver};
use interdict_session::{Limits, Shared};
use tokio::sync::watch;

pub use address::Address;
pub use catalogue::CatalogueLogins;
pub use credentials::http::{AwsSource, HttpCredential};
pub use credentials::{Credentials, Injected, ServiceLogin, Shown};
pub use elsewhere::Elsewhere;
pub use holding::Cancels;
pub use live::Live;
pub use opinion::Opinions;
pub use orders::Orders;
pub use secret::{Kept, SecretSource};
pub use tls::{
    Authority, AuthorityError, ClientTls, Made, Names, TlsError, UnknownName, Untrusting, UpstreamTls,
    UpstreamTlsMode, certificate_path, fingerprint,
};
pub use upstream::{Dialer, Dialled};
pub use warm::Warm;
pub use workers::{Accepted, Workers};

/// What a service speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// PostgreSQL.
    Postgres,
    /// MySQL or MariaDB.
    Mysql,
    /// Anything: recorded, not parsed.
    Opaque,
    /// HTTP/1.1 and HTTP/2.
    Http,
}

impl Protocol {
    /// The name in settings and in the audit.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Mysql => "mysql",
            Self::Opaque => "opaque",
            Self::Http => "http",
        }
    }
}

/// A protected service, as the data path needs it.
#[derive(Debug)]
pub struct Service {
    /// Its name in settings and policy.
    pub name: String,
    /// What it speaks.
    pub protocol: Protocol,
    /// Where it is reached; `None` where the caller's own destination is used.
    pub upstream: Option<Address>,
    /// TLS towards the service.
    pub upstream_tls: UpstreamTls,
    /// TLS towards clients; `None` answers "no" to a client that asks for it.
    pub client_tls: Option<ClientTls>,
    /// Whether a client that has refused the certificate is passed on unread for an hour; refused otherwise.
    pub opaque_if_untrusting: bool,
    /// The API on top of HTTP.
    pub profile: Arc<Profile>,
    /// A login of the daemon's own for the service's catalogue; without one it is read over clients' sessions.
    pub catalogue: Option<ServiceLogin>,
    /// Whose credentials the service gets.
    pub credentials: Credentials,
    /// Sessions that are kept for a caller where the proxy logs in: how many, for each session thread.
    pub warm: usize,
    /// Size limits.
    pub limits: Limits,
}

/// Where a redirected connection wanted to go, and who wanted it.
#[derive(Clone, Debug)]
pub struct Origin {
    /// Index into [`Proxy::services`].
    pub service: usize,
    /// The address that the caller asked for.
    pub destination: SocketAddr,
    /// Who asked.
    pub facts: Facts,
    /// The `workloads` entry that enrolled the caller.
    pub workload: Option<String>,
}

/// What is known of an accepted connection.
#[derive(Clone, Debug)]
pub enum Taken {
    /// It was redirected.
    Origin(Box<Origin>),
    /// The daemon tries itself: nothing is to be done.
    Own,
    /// No connect hook announced it, or for no service there is.
    Unknown,
}

/// Answers where an accepted connection came from.
pub trait Origins: Send + Sync {
    /// Takes what is known of a connection by its two addresses and the namespace of the listener; each can be taken once.
    fn take(&self, peer: SocketAddr, local: SocketAddr, netns_cookie: u64) -> Taken;
}

/// What every connection shares.
pub struct Proxy {
    /// The engines' shared state.
    pub shared: Arc<Shared>,
    /// Where everything is written down before it is forwarded.
    pub audit: Arc<Audit>,
    /// Turns the kernel's facts into an identity.
    pub resolver: Arc<Resolver>,
    /// Does what session threads have no right to.
    pub elsewhere: Elsewhere,
    /// Asks the services that policies name for a second opinion.
    pub opinions: Opinions,
    /// Where statements wait for people.
    pub desk: Arc<Desk>,
    /// Clients that have refused a certificate.
    pub untrusting: Untrusting,
    /// Reads catalogues where a service has a login for that.
    pub catalogues: CatalogueLogins,
    /// Sessions with services that are kept for the next client.
    pub warm: Warm,
    /// Services by index.
    pub services: Arc<[Arc<Service>]>,
    /// Origins of redirected connections; `None` where the kernel layer is off.
    pub origins: Option<Arc<dyn Origins>>,
    /// How long a client may take to start its session, and a service to accept a connection.
    pub opening_timeout: Duration,
    /// How long a session may go on after it was told to stop, to finish what it is at.
    pub drain: Duration,
    /// The sessions that are open.
    pub live: Arc<Live>,
    /// Statements that wait and can be cancelled from another connection.
    pub cancels: Cancels,
    /// Bytes of each answer that are kept as frames in the record; `None`: nothing is.
    pub frames: Option<u64>,
    /// What sessions are told.
    pub orders: watch::Receiver<Orders>,
}

/// Microseconds since the Unix epoch: the proxy's only clock for what is recorded.
fn now() -> i64 {
    jiff::Timestamp::now().as_microsecond()
}
