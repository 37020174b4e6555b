//! One issuer: what is believed of it, and whom it concerns.

use std::path::PathBuf;
use std::sync::Arc;

use globset::GlobMatcher;
use quick_cache::sync::Cache;
use sha2::{Digest as _, Sha256};

use super::NoIdentity;
use super::keys::{KeySource, Keys};
use crate::token::{Expected, TokenError, Verified, verify};

/// Tokens to remember for one issuer.
const REMEMBERED: usize = 4096;

/// An issuer as the settings have it.
#[derive(Debug)]
pub struct Provider {
    /// Part of the identity's name.
    pub name: String,
    /// The claim `iss`, to the letter.
    pub issuer: String,
    /// The claim `aud` must have one of these.
    pub audience: Vec<String>,
    /// Where its public keys come from.
    pub keys: KeySource,
    /// Where a caller's token is.
    pub token: TokenSource,
    /// Whether callers without a sound token are refused.
    pub required: bool,
    /// Whom it is asked of.
    pub concerns: Concerns,
}

/// Where a caller's token is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenSource {
    /// A path in the caller's own file tree.
    Workload(PathBuf),
    /// A path on the host, for workloads that see the host's files or can't hold a token themselves.
    File(PathBuf),
}

/// Whom an entry is about; `None` is everybody.
#[derive(Clone, Debug, Default)]
pub struct Concerns {
    /// Names of workloads. A caller that no workload enrolled has none.
    pub workloads: Option<Vec<GlobMatcher>>,
    /// Names of services.
    pub services: Option<Vec<GlobMatcher>>,
}

impl Concerns {
    pub(super) fn holds(&self, workload: Option<&str>, service: &str) -> bool {
        let any = |names: &Vec<GlobMatcher>, name| names.iter().any(|glob| glob.is_match(name));
        let workloads = self.workloads.as_ref();
        let services = self.services.as_ref();
        workloads.is_none_or(|names| workload.is_some_and(|workload| any(names, workload)))
            && services.is_none_or(|names| any(names, service))
    }
}

/// An issuer, with what was learnt of it.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) provider: Provider,
    expected: Expected,
    pub(super) keys: Keys,
    /// By the digest of the token: what was verified, and with which generation of keys.
    tokens: Cache<[u8; 32], (u64, Arc<Verified>)>,
}

impl Known {
    pub(super) fn new(provider: Provider) -> Self {
        Self {
            expected: Expected {
                issuer: provider.issuer.clone(),
                audience: provider.audience.clone(),
            },
            keys: Keys::new(provider.keys.clone()),
            tokens: Cache::new(REMEMBERED),
            provider,
        }
    }

    /// Verifies a token, or finds that it was verified with the keys that are still the issuer's.
    pub(super) fn verify(&self, token: &str, now: i64) -> Result<Verified, NoIdentity> {
        let digest: [u8; 32] = Sha256::digest(token).into();
        let mut keys = self.keys.current().map_err(NoIdentity::Keys)?;
        if let Some((generation, verified)) = self.tokens.get(&digest)
            && generation == keys.generation
        {
            verified.holds_at(now)?;
            return Ok((*verified).clone());
        }
        let mut outcome = verify(token, &keys.set, &self.expected, now);
        // Also where the signature is wrong: a token need not name its key, and a name may be used for another key.
        if let Err(TokenError::UnknownKey(_) | TokenError::Forged) = outcome
            && let Some(newer) = self.keys.newer(&keys)
        {
            keys = newer;
            outcome = verify(token, &keys.set, &self.expected, now);
        }
        let verified = outcome?;
        self.tokens
            .insert(digest, (keys.generation, Arc::new(verified.clone())));
        Ok(verified)
    }
}
