//! What is known afterwards.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::Refusal;

/// What an identity rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Attestation {
    /// The connect hook reported the task.
    Kernel,
    /// The same, and a token of an issuer that the settings name was verified.
    Oidc,
    /// Only the peer's address is known; anyone who can use that address has this identity.
    Address,
}

impl Attestation {
    /// The audit's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Kernel => "kernel",
            Self::Oidc => "oidc",
            Self::Address => "address",
        }
    }
}

impl fmt::Display for Attestation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Who is calling.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Identity {
    /// See the crate's page for how it is formed.
    pub name: String,
    /// What the identity rests on.
    pub attestation: Attestation,
    /// What policies can match: `attestation`, `address`, `workload`, `uid`, `gid`, `user`, `comm`, `executable`,
    /// `executable_digest`, `mounts` (`host`, or `own` where the executable's path is in a file tree of the caller's
    /// making), `cgroup`, `slice`, `unit`, `user_unit`, `container_id`, `container_runtime`, `pod_uid`; of a pod that the
    /// cluster's API told of, `pod`, `namespace`, `service_account`, `label.NAME`; of a verified token, `oidc` (the entry
    /// of the settings) and `claim.NAME`; of the process's environment, `env.NAME`, which anybody could have set. Unknown
    /// ones are absent.
    pub facts: BTreeMap<String, String>,
    /// For the record: claims of a verified token as `oidc.NAME`, those that nobody vouches for as `env.NAME`.
    pub claims: BTreeMap<String, String>,
    /// The process; `None` for an address.
    pub process: Option<Process>,
    /// What a reader of the record should know: `process_gone` (nothing from `/proc` could be used),
    /// `executable_deleted` (the file was removed or replaced since it was started), `executable_too_large` (no digest),
    /// `executable_unreadable`, `command_truncated`, `environment_truncated`, `environment_unreadable`, `ancestry_partial`
    /// (a parent that ended is missing), `oidc_CODE` (a token that proves nothing; the codes are [`Refusal`]'s).
    pub flags: Vec<String>,
    /// Set where the settings require a token and there is no sound one: the connection is not to be served.
    pub refusal: Option<Refusal>,
}

/// The calling process.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Process {
    /// Process id (thread group).
    pub pid: u32,
    /// Microseconds since the Unix epoch, to the second the host booted plus the exact age: equal for all sessions of a process.
    pub started_at: Option<i64>,
    /// User id in the initial user namespace.
    pub uid: u32,
    /// Group id in the initial user namespace.
    pub gid: u32,
    /// Who logged in before the process was started (the kernel's audit uid), if somebody did.
    pub login_uid: Option<u32>,
    /// The host's name for the uid.
    pub user: Option<String>,
    /// The task's own name for itself.
    pub comm: String,
    /// Path of the executable, in the process's own file tree.
    pub executable: Option<String>,
    /// `sha256:` and 64 hexadecimal digits.
    pub executable_digest: Option<String>,
    /// Command line, bounded, secrets replaced.
    pub command: Option<String>,
    /// Executables of the parents, nearest first; `[comm]` where the path cannot be read.
    pub ancestry: Vec<String>,
    /// The cgroup's path.
    pub cgroup: Option<String>,
    /// The systemd system unit.
    pub unit: Option<String>,
    /// The container's id, in full.
    pub container_id: Option<String>,
    /// The Kubernetes pod's uid.
    pub pod_uid: Option<String>,
    /// The pod's name.
    pub pod: Option<String>,
    /// The pod's namespace.
    pub namespace: Option<String>,
    /// The account that the pod runs as.
    pub service_account: Option<String>,
    /// Whether `/proc` was read of this very process. False: only the kernel's facts stand.
    pub enriched: bool,
}
