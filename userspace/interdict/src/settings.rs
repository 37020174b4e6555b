//! The settings file: its meaning as types, and everything that can be wrong with it.

mod later;
mod node;
mod problems;
mod read;
mod secret;
mod values;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use interdict_policy::{Diagnostic, PolicySet};

pub(crate) use self::secret::SecretSource;
pub(crate) use self::values::{Destination, Endpoint};

/// A whole file.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) services: Vec<Service>,
    pub(crate) workloads: Vec<Workload>,
    pub(crate) audit: Audit,
    pub(crate) kernel: Kernel,
    pub(crate) admin: Admin,
}

/// A protected destination.
#[derive(Clone, Debug)]
pub(crate) struct Service {
    pub(crate) name: String,
    pub(crate) protocol: Protocol,
    /// Redirected by the kernel. Names are resolved when the daemon starts, and followed.
    pub(crate) destinations: Vec<Destination>,
    /// Whether connects go to the service itself while no daemon is alive: a deliberate gap.
    pub(crate) fail_open: bool,
    /// An explicit port, without the kernel; `upstream.address` is set then.
    pub(crate) listen: Option<SocketAddr>,
    pub(crate) upstream: Upstream,
    /// What agents see.
    pub(crate) tls: Option<ServerTls>,
    #[expect(dead_code, reason = "only `pass` is not refused as coming later, see `later`")]
    pub(crate) credentials: Credentials,
    /// Login for reading the catalogue.
    pub(crate) catalogue: Option<Login>,
    pub(crate) limits: Limits,
}

/// How a service speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Postgres,
    Mysql,
    Http,
    /// Recorded, not parsed.
    Opaque,
}

impl Protocol {
    /// The audit's word for it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Mysql => "mysql",
            Self::Http => "http",
            Self::Opaque => "opaque",
        }
    }
}

/// Where a service really is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Upstream {
    /// `None`: the destination that the agent asked for.
    pub(crate) address: Option<Endpoint>,
    /// `None`: `verify-full` if the service offers TLS, plaintext if it does not.
    pub(crate) tls: Option<TlsMode>,
    /// Roots to verify with, instead of the system's.
    pub(crate) ca: Option<PathBuf>,
    /// Client certificate and its key.
    pub(crate) identity: Option<(PathBuf, PathBuf)>,
}

/// How far the upstream connection is protected; as libpq's `sslmode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TlsMode {
    Disable,
    Prefer,
    Require,
    VerifyFull,
}

/// A certificate chain and its key, both PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServerTls {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

/// Who authenticates to the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Credentials {
    /// The agent, with its own password.
    Pass,
    /// The proxy, with this login.
    Inject(Login),
}

/// A user and where its password comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Login {
    pub(crate) user: String,
    pub(crate) password: SecretSource,
}

/// Bounds for the sessions of a service. `None`: the engine's default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Limits {
    /// The largest message, in bytes, that is held whole to be judged.
    pub(crate) message: Option<usize>,
    /// The most answers outstanding in one session.
    pub(crate) pipeline: Option<usize>,
}

/// Who is enrolled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Workload {
    pub(crate) name: String,
    /// Any of these.
    pub(crate) matches: Vec<Match>,
}

/// What makes a process one of a workload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Match {
    /// Glob over cgroup paths, from the root of the version 2 hierarchy.
    Cgroup(String),
    /// Glob over systemd unit names.
    Unit(String),
    /// A user's number.
    User(u32),
    /// Glob over paths of executables; `-` before it: the file need not exist.
    Executable(String),
    /// Glob over containers' ids and names.
    Container(String),
    /// Kubernetes pods.
    Pod {
        namespace: Option<String>,
        labels: Vec<(String, String)>,
    },
}

/// The record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Audit {
    pub(crate) directory: PathBuf,
    pub(crate) durability: Durability,
    /// Rows after which a segment is sealed.
    pub(crate) segment_rows: u64,
    /// Age at which a segment is sealed.
    pub(crate) segment_age: Duration,
    /// How long segments are kept; `None`: for ever.
    pub(crate) retention: Option<Duration>,
}

/// When a record counts as made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Durability {
    Strict,
    Batch(Duration),
}

/// What the kernel does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KernelMode {
    /// Redirects, and refuses what goes around.
    Enforce,
    /// Reports, and redirects nothing.
    Observe,
    /// Explicit listeners only.
    Off,
}

/// How the kernel's side is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kernel {
    pub(crate) mode: KernelMode,
    /// Connections to protected destinations from before enrolment.
    pub(crate) existing: Existing,
    /// How long a daemon may be silent before protected destinations are refused.
    pub(crate) heartbeat: Duration,
}

/// What becomes of connections that are older than their workload's enrolment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Existing {
    /// Ended.
    Cut,
    /// Recorded, and left alone.
    Leave,
}

/// Doors for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Admin {
    pub(crate) socket: PathBuf,
    pub(crate) console: Option<SocketAddr>,
    pub(crate) metrics: Option<SocketAddr>,
}

impl Default for Audit {
    fn default() -> Self {
        Self {
            directory: PathBuf::from("/var/lib/interdict/audit"),
            durability: Durability::Strict,
            segment_rows: 1_000_000,
            segment_age: Duration::from_mins(5),
            retention: None,
        }
    }
}

impl Default for Kernel {
    fn default() -> Self {
        Self {
            mode: KernelMode::Enforce,
            existing: Existing::Cut,
            heartbeat: Duration::from_secs(5),
        }
    }
}

impl Default for Admin {
    fn default() -> Self {
        Self {
            socket: PathBuf::from("/run/interdict/admin.sock"),
            console: None,
            metrics: None,
        }
    }
}

impl Settings {
    /// Reads a file and the policies it names. Either everything is right, or everything that is wrong is listed.
    pub(crate) fn load(path: &Path) -> Result<(Self, PolicySet), Vec<Diagnostic>> {
        read::load(path)
    }

    /// Where the record and the admin socket are, whatever else is wrong in the file: what an operator must do at once
    /// doesn't wait for a policy to be put right.
    pub(crate) fn places(path: &Path) -> Result<(Audit, Admin), Vec<Diagnostic>> {
        read::places(path)
    }
}
