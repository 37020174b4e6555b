//! The only room with sockets on the data path: accept, TLS, upstream, pumping, backpressure, timeouts.
//!
//! [`Proxy::serve`] takes one accepted connection to its end. Where it came from is answered by [`Origins`] (the kernel's
//! connect hook, or a fixed table in tests); what the bytes mean is the engine's business (`interdict-session`).

mod address;
mod connection;
mod elsewhere;
mod live;
mod orders;
mod postgres;
mod pump;
mod stream;
mod tls;
mod upstream;
mod workers;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use interdict_audit::Audit;
use interdict_identity::{Facts, Resolver};
use interdict_session::{Limits, Shared};
use tokio::sync::watch;

pub use address::Address;
pub use elsewhere::Elsewhere;
pub use live::Live;
pub use orders::Orders;
pub use tls::{ServerTls, TlsError, UpstreamTls, UpstreamTlsMode};
pub use upstream::{Dialer, Dialled};
pub use workers::{Accepted, Workers};

/// A protected service, as the data path needs it.
#[derive(Debug)]
pub struct Service {
    /// Its name in settings and policy.
    pub name: String,
    /// Where it is reached; `None` where the caller's own destination is used.
    pub upstream: Option<Address>,
    /// TLS towards the service.
    pub upstream_tls: UpstreamTls,
    /// TLS towards clients; `None` answers "no" to a client that asks for it.
    pub client_tls: Option<ServerTls>,
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
    /// Services by index.
    pub services: Vec<Arc<Service>>,
    /// Origins of redirected connections; `None` where the kernel layer is off.
    pub origins: Option<Arc<dyn Origins>>,
    /// How long a client may take to start its session, and a service to accept a connection.
    pub opening_timeout: Duration,
    /// How long a session may go on after it was told to stop, to finish what it is at.
    pub drain: Duration,
    /// The sessions that are open.
    pub live: Arc<Live>,
    /// What sessions are told.
    pub orders: watch::Receiver<Orders>,
}

/// Microseconds since the Unix epoch: the proxy's only clock for what is recorded.
fn now() -> i64 {
    jiff::Timestamp::now().as_microsecond()
}
