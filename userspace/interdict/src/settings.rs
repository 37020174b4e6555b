//! The settings file: its meaning as types, and everything that can be wrong with it.

mod audit;
mod console;
mod later;
mod node;
mod problems;
mod read;
mod secret;
mod values;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use globset::GlobMatcher;
use interdict_api::Profile;
use interdict_masking::TokenKey;
use interdict_policy::{Diagnostic, PolicySet};

pub(crate) use self::audit::{
    AnchorAt, Audit, Durability, Kafka, KafkaLogin, KeyPlace, ObjectStore, SealKeys, Ship, Sink, Stream,
};
pub(crate) use self::console::{Console, ConsoleOidc, ConsoleTls};
pub(crate) use self::read::is_local;
pub(crate) use self::secret::SecretSource;
pub(crate) use self::values::{Destination, Endpoint};

/// A whole file.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) services: Vec<Service>,
    pub(crate) workloads: Vec<Workload>,
    /// Where the host's certificate authority is kept; `None`: there is none.
    pub(crate) authority: Option<PathBuf>,
    pub(crate) audit: Audit,
    pub(crate) kernel: Kernel,
    pub(crate) admin: Admin,
    pub(crate) identity: Identity,
    pub(crate) approvals: Approvals,
}

/// What callers are known by, besides what the kernel and `/proc` tell.
#[derive(Clone, Debug, Default)]
pub(crate) struct Identity {
    /// Issuers of tokens, in the order in which they are asked.
    pub(crate) oidc: Vec<Issuer>,
    /// Variables of callers' environments: claims, never proof.
    pub(crate) environment: Vec<String>,
}

/// Whose tokens are believed, and of whom they are asked.
#[derive(Clone, Debug)]
pub(crate) struct Issuer {
    pub(crate) name: String,
    /// The claim `iss`, to the letter.
    pub(crate) iss: String,
    pub(crate) audience: Vec<String>,
    pub(crate) keys: IssuerKeys,
    pub(crate) token: TokenPlace,
    /// `None`: all.
    pub(crate) workloads: Option<Vec<GlobMatcher>>,
    /// `None`: all.
    pub(crate) services: Option<Vec<GlobMatcher>>,
    /// Whether callers without a sound token are refused.
    pub(crate) required: bool,
}

/// Where an issuer's public keys are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum IssuerKeys {
    /// A copy.
    File(PathBuf),
    Fetched {
        /// The JWKS itself; `None`: where the issuer's own description says.
        url: Option<String>,
        /// Roots to verify with, instead of the system's.
        ca: Option<PathBuf>,
        /// A token to show, read anew each time.
        bearer: Option<PathBuf>,
    },
}

impl Default for IssuerKeys {
    fn default() -> Self {
        Self::Fetched {
            url: None,
            ca: None,
            bearer: None,
        }
    }
}

/// Where a caller's token is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TokenPlace {
    /// In the caller's own file tree.
    Workload(PathBuf),
    /// On the host.
    Host(PathBuf),
}

/// Who is told of statements that wait, and who may answer from afar.
#[derive(Clone, Debug, Default)]
pub(crate) struct Approvals {
    /// Where answers of webhooks are taken.
    pub(crate) listen: Option<SocketAddr>,
    /// Without their secrets where settings are only checked and these are the daemon's alone.
    pub(crate) webhooks: Vec<Arc<interdict_approvals::Webhook>>,
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
    /// What becomes of clients that do not accept it.
    pub(crate) untrusting: Untrusting,
    pub(crate) credentials: Credentials,
    /// The API on top of HTTP.
    pub(crate) profile: Arc<Profile>,
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
    /// Sessions that are kept for a caller where the proxy logs in, for each session thread.
    pub(crate) warm: Option<usize>,
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

/// What becomes of clients that refuse the certificate that is shown to them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Untrusting {
    /// They do not reach the service.
    #[default]
    Refuse,
    /// For an hour they are passed on unread, which the record shows: a deliberate gap.
    Opaque,
}

/// Who authenticates to the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Credentials {
    /// The agent, with its own password.
    Pass,
    /// The proxy; of several the first whose identities match.
    Inject(Vec<Injected>),
}

/// What the proxy authenticates with for some callers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Injected {
    /// Globs over identities, as policies have them; empty: everybody.
    pub(crate) identities: Vec<String>,
    pub(crate) shown: Shown,
}

/// What the proxy authenticates with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    Login(Login),
    Http(HttpCredential),
}

/// What a service of HTTP is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum HttpCredential {
    Field {
        name: String,
        prefix: String,
        value: Renewed,
    },
    Basic {
        user: String,
        password: Renewed,
    },
    SigV4 {
        keys: AwsKeys,
        region: Option<String>,
        service: Option<String>,
    },
}

/// Where AWS's keys come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AwsKeys {
    Each {
        access_key_id: AccessKeyId,
        secret_access_key: Renewed,
        session_token: Option<Renewed>,
    },
    /// As a `credential_process` prints them.
    Process(Renewed),
}

/// A key's name: no secret, and it changes with the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AccessKeyId {
    Text(String),
    Source(Renewed),
}

/// A user and where its password comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Login {
    pub(crate) user: String,
    /// `None`: it has none.
    pub(crate) password: Option<Renewed>,
}

/// A secret that is fetched again after a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Renewed {
    pub(crate) source: SecretSource,
    pub(crate) lifetime: Duration,
}

impl From<SecretSource> for Renewed {
    fn from(source: SecretSource) -> Self {
        let lifetime = source.lifetime();
        Self { source, lifetime }
    }
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
    /// Whose members may connect besides root; `None`: the directory decides.
    pub(crate) group: Option<String>,
    /// Who may mint, revoke and review grants besides root and the daemon's own user: `user:NAME`, `group:NAME`.
    pub(crate) grantors: Vec<String>,
    /// Pages for people.
    pub(crate) console: Option<Console>,
    pub(crate) metrics: Option<SocketAddr>,
}

/// What is done about secrets when settings are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Secrets {
    /// They are fetched.
    Fetched,
    /// It is enough that settings say where they come from; files are looked at.
    Named,
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
            group: None,
            grantors: Vec::new(),
            console: None,
            metrics: None,
        }
    }
}

impl Settings {
    /// Reads a file, the policies it names and the keys that these need. Either everything is right, or everything that is
    /// wrong is listed. Blocking: a key may come from a command.
    pub(crate) fn load(path: &Path) -> Result<(Self, PolicySet), Vec<Diagnostic>> {
        read::load(path, Secrets::Fetched)
    }

    /// [`Self::load`] without secrets that only the daemon may have: its environment's, systemd's and those of commands. Keyed
    /// masks of these policies redact.
    pub(crate) fn check(path: &Path) -> Result<(Self, PolicySet), Vec<Diagnostic>> {
        read::load(path, Secrets::Named)
    }

    /// Where the record, the admin socket and the authority are, whatever else is wrong in the file: what an operator must do
    /// at once doesn't wait for a policy to be put right.
    pub(crate) fn places(path: &Path) -> Result<Places, Vec<Diagnostic>> {
        read::places(path)
    }

    /// One key of keyed masks and tokens, for whoever can read it, whatever else is wrong in the file.
    pub(crate) fn key(path: &Path, name: &str) -> Result<TokenKey, Vec<Diagnostic>> {
        read::key(path, name)
    }
}

/// Where things are.
#[derive(Clone, Debug, Default)]
pub(crate) struct Places {
    pub(crate) audit: Audit,
    pub(crate) admin: Admin,
    authority: Authority,
}

/// What is said of the host's certificate authority.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Authority {
    /// Nothing: it is kept as [`authority_beside`] has it.
    #[default]
    Beside,
    Kept(PathBuf),
    None,
}

impl Authority {
    fn directory(&self, audit: &Audit) -> Option<PathBuf> {
        match self {
            Self::Beside => Some(authority_beside(audit)),
            Self::Kept(directory) => Some(directory.clone()),
            Self::None => None,
        }
    }
}

impl Places {
    /// Where the host's certificate authority is kept; `None`: there is none.
    pub(crate) fn authority(&self) -> Option<PathBuf> {
        self.authority.directory(&self.audit)
    }
}

/// Where the authority is unless it is said: `authority` beside the record, so that two daemons on a host have two.
fn authority_beside(audit: &Audit) -> PathBuf {
    let name = "authority";
    audit.directory.parent().map_or_else(
        || Path::new("/var/lib/interdict").join(name),
        |above| above.join(name),
    )
}
