//! What is known of who asks.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What the session knows of who asks, besides what the policy saw. Nothing in it decides but the uids: those are held
/// against self-approval.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct About {
    /// The process that connected.
    pub pid: Option<u32>,
    /// Its user.
    pub uid: Option<u32>,
    /// Who logged in before that process was started (the kernel's audit uid), if somebody did.
    pub login_uid: Option<u32>,
    /// The path of its executable.
    pub executable: Option<String>,
    /// `sha256:` and 64 hexadecimal digits.
    pub executable_digest: Option<String>,
    /// Its command line, as far as it is kept.
    pub command: Option<String>,
    /// Executables of its parents, nearest first.
    pub ancestry: Vec<String>,
    /// The `workloads` entry that enrolled it.
    pub workload: Option<String>,
    /// What the identity rests on, as the audit's `attestation`.
    pub attestation: String,
    /// Claims that were verified, or that are claims and no more (see the identity's documentation).
    pub claims: BTreeMap<String, String>,
}
