//! Tokens of OpenID Connect that show who a workload is: where they are found, and which issuers are believed.

mod keys;
mod provider;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

pub use self::keys::{FetchKeys, KeySource};
pub use self::provider::{Concerns, Provider, TokenSource};

use self::provider::Known;
use crate::process::{ProcessDirectory, read_file};
use crate::token::{self, TokenError, Verified};
use crate::{Attestation, Identity};

/// The issuers that are believed, in the order in which they are asked.
#[derive(Debug)]
pub struct Oidc {
    providers: Vec<Known>,
}

/// Whether a text is an issuer's keys (a JWKS) with one that is of use.
///
/// # Errors
/// What is wrong with it.
pub fn check_keys(text: &str) -> Result<(), String> {
    token::KeySet::parse(text).map(|_| ())
}

/// Why there is no identity from a token.
#[derive(Debug, thiserror::Error)]
enum NoIdentity {
    #[error(
        "there is no process whose token could be read: only connections that the kernel reported have one"
    )]
    NoProcess,
    #[error("this kernel does not tell when processes started, so the token could be another one's")]
    Unproven,
    #[error("the process ended before its token was read")]
    Gone,
    #[error("there is no token at {0}")]
    Missing(String),
    #[error("its token at {path}: {source}")]
    Unreadable { path: String, source: io::Error },
    #[error("its token: {0}")]
    Token(#[from] TokenError),
    #[error("the keys of the issuer are not to be had: {0}")]
    Keys(String),
    #[error("its token was made for another pod than the one that it runs in")]
    OtherPod,
}

impl NoIdentity {
    fn code(&self) -> &'static str {
        match self {
            Self::NoProcess => "no_process",
            Self::Unproven => "process_unproven",
            Self::Gone => "process_gone",
            Self::Missing(_) => "missing",
            Self::Unreadable { source, .. } if source.kind() == io::ErrorKind::FileTooLarge => "too_large",
            Self::Unreadable { .. } => "unreadable",
            Self::Token(error) => error.code(),
            Self::Keys(_) => "keys_unavailable",
            Self::OtherPod => "other_pod",
        }
    }
}

/// A required token that was not there, or proved nothing: the connection is to be refused.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Refusal {
    /// The entry of the settings that requires it.
    pub provider: String,
    /// One word: `missing`, `unreadable`, `too_large`, `malformed`, `algorithm`, `unknown_key`, `forged`, `issuer`,
    /// `audience`, `expired`, `not_yet`, `keys_unavailable`, `other_pod`, `process_gone`, `process_unproven`, `no_process`.
    pub code: &'static str,
    /// For whoever reads the record.
    pub message: String,
}

/// What came of the tokens of one caller.
#[derive(Debug, Default)]
pub(crate) struct Established {
    /// The first that was sound, and whose it is.
    pub(crate) verified: Option<(String, Verified)>,
    /// `oidc_CODE` for those that were not.
    pub(crate) flags: Vec<String>,
    pub(crate) refusal: Option<Refusal>,
}

/// The caller, as far as tokens are concerned.
pub(crate) struct Bearer<'a> {
    /// Its process, if that is known to be the one that connected; else why there is none.
    pub(crate) process: Result<&'a ProcessDirectory, Absent>,
    /// When it started, in ticks.
    pub(crate) start_ticks: u64,
    pub(crate) workload: Option<&'a str>,
    pub(crate) service: &'a str,
    /// The pod that its cgroup says it runs in.
    pub(crate) pod_uid: Option<&'a str>,
}

/// Why there is no process to look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Absent {
    /// Only an address is known.
    Address,
    /// When it started is not known, so it may be another one.
    Unproven,
    Gone,
}

impl Oidc {
    /// In this order.
    pub fn new(providers: Vec<Provider>) -> Self {
        Self {
            providers: providers.into_iter().map(Known::new).collect(),
        }
    }

    /// Has the keys of every issuer fetched anew. Blocking. Returns what could not be had: name and reason.
    pub fn refresh(&self) -> Vec<(String, String)> {
        let failed = |known: &Known| {
            let error = known.keys.refresh().err()?;
            Some((known.provider.name.clone(), error))
        };
        self.providers.iter().filter_map(failed).collect()
    }

    pub(crate) fn establish(&self, bearer: &Bearer<'_>) -> Established {
        let mut established = Established::default();
        for known in &self.providers {
            let provider = &known.provider;
            if !provider.concerns.holds(bearer.workload, bearer.service) {
                continue;
            }
            match prove(known, bearer) {
                Ok(verified) => {
                    established
                        .verified
                        .get_or_insert_with(|| (provider.name.clone(), verified));
                }
                Err(error) => {
                    let code = error.code();
                    let flag = format!("oidc_{code}");
                    if !established.flags.contains(&flag) {
                        established.flags.push(flag);
                    }
                    tracing::debug!(provider = provider.name, code, %error, "a token proves nothing");
                    if provider.required && established.refusal.is_none() {
                        established.refusal = Some(Refusal {
                            provider: provider.name.clone(),
                            code,
                            message: error.to_string(),
                        });
                    }
                }
            }
        }
        established
    }
}

fn prove(known: &Known, bearer: &Bearer<'_>) -> Result<Verified, NoIdentity> {
    let process = bearer.process.map_err(|absent| match absent {
        Absent::Address => NoIdentity::NoProcess,
        Absent::Unproven => NoIdentity::Unproven,
        Absent::Gone => NoIdentity::Gone,
    })?;
    let read = match &known.provider.token {
        TokenSource::Workload(path) => inside(process, path),
        TokenSource::File(path) => outside(path),
    };
    // The same process must stand there after the reading as before it, else what was read may be of neither.
    let stat = process.stat().map_err(|_| NoIdentity::Gone)?;
    if stat.start_ticks != bearer.start_ticks {
        return Err(NoIdentity::Gone);
    }
    let verified = known.verify(&read?, seconds())?;
    // A service account's token is of one pod (TokenRequest, `boundObjectRef`): another one's was carried there.
    if let Some(pod) = &verified.pod_uid
        && bearer.pod_uid != Some(pod)
    {
        return Err(NoIdentity::OtherPod);
    }
    Ok(verified)
}

fn inside(process: &ProcessDirectory, path: &Path) -> Result<String, NoIdentity> {
    process
        .read_inside(path, token::LONGEST)
        .and_then(utf8)
        .map_err(|source| absent(path, source))
}

fn outside(path: &Path) -> Result<String, NoIdentity> {
    File::open(path)
        .and_then(|file| read_file(file, token::LONGEST))
        .and_then(utf8)
        .map_err(|source| absent(path, source))
}

fn utf8(bytes: Vec<u8>) -> io::Result<String> {
    // A file is ended by a line break; a token has none.
    String::from_utf8(bytes)
        .map(|text| text.trim().to_owned())
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is no text"))
}

fn absent(path: &Path, source: io::Error) -> NoIdentity {
    let path = path.display().to_string();
    match source.raw_os_error() {
        Some(code) if code == nix::errno::Errno::ESRCH as i32 => NoIdentity::Gone,
        _ if source.kind() == io::ErrorKind::NotFound => NoIdentity::Missing(path),
        _ => NoIdentity::Unreadable { path, source },
    }
}

fn seconds() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// Gives the caller the name and the claims of a sound token.
pub(crate) fn take(provider: &str, verified: &Verified, identity: &mut Identity) {
    identity.name = format!("oidc:{provider}:{}", verified.subject);
    identity.attestation = Attestation::Oidc;
    let facts = &mut identity.facts;
    facts.insert("attestation".to_owned(), Attestation::Oidc.as_str().to_owned());
    facts.insert("oidc".to_owned(), provider.to_owned());
    for (name, value) in &verified.claims {
        facts.insert(format!("claim.{name}"), value.clone());
        identity.claims.insert(format!("oidc.{name}"), value.clone());
    }
    let Some(process) = identity.process.as_mut().filter(|_| verified.pod_uid.is_some()) else {
        return;
    };
    // It is this very pod's token, so what the cluster wrote into it is true of the caller.
    for (fact, place, claim) in [
        ("pod", &mut process.pod, "kubernetes.io.pod.name"),
        ("namespace", &mut process.namespace, "kubernetes.io.namespace"),
        (
            "service_account",
            &mut process.service_account,
            "kubernetes.io.serviceaccount.name",
        ),
    ] {
        if place.is_none()
            && let Some(value) = verified.claims.get(claim)
        {
            *place = Some(value.clone());
            facts.insert(fact.to_owned(), value.clone());
        }
    }
}
