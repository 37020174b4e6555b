//! The host's own certificate authority: a key that never leaves the host, and a certificate that is good for the names and
//! addresses of the protected services and for nothing else.

mod certificate;
mod files;
mod leaf;
mod names;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rcgen::{CertificateParams, Issuer, KeyPair};
use rustls_pki_types::CertificateDer;

pub(super) use self::leaf::Leaves;
pub use self::leaf::UnknownName;
pub use self::names::Names;

/// The authority, ready to sign: nothing of it is read from files any more.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
}

/// What [`Authority::open`] had to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Made {
    /// Nothing: it was there and fits.
    Nothing,
    /// Everything: there was none.
    All,
    /// A certificate with the same key and name: the protected names have changed, or it was about to expire. Stores that
    /// trust the one before it have to be given the new one.
    CertificateAgain,
}

/// Why there is no authority.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// A file or directory cannot be used.
    #[error("{path}: {reason}")]
    File {
        /// Which.
        path: PathBuf,
        /// What is so, and what to do.
        reason: String,
    },
    /// The cryptographic library refused.
    #[error("a certificate could not be made: {0}")]
    Certificate(#[from] rcgen::Error),
    /// The cryptographic library refused.
    #[error("a certificate could not be made: {0}")]
    Key(#[from] rustls::Error),
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Authority")
    }
}

impl Authority {
    /// Reads the authority of a directory, for `names` and nothing else; makes what is missing. `host` is the name by which
    /// people tell authorities apart. Blocking.
    ///
    /// # Errors
    ///
    /// If the directory or the key is open to others, belongs to others, or is not what was made here.
    pub fn open(directory: &Path, names: &Names, host: &str) -> Result<(Self, Made), AuthorityError> {
        files::directory(directory)?;
        let key = files::key(directory)?;
        let now = SystemTime::now();
        let found = files::certificate(directory)?;
        let is_first = found.is_none();
        let known = match &found {
            Some(der) => Some(
                certificate::read(der, &key).map_err(|reason| AuthorityError::File {
                    path: certificate_path(directory),
                    reason,
                })?,
            ),
            None => None,
        };
        let subject = known
            .as_ref()
            .map_or_else(|| certificate::subject(host), |known| known.subject.clone());
        let params = certificate::params(&subject, names, now)?;
        if let (Some(der), Some(known)) = (found, known)
            && known.names == *names
            && known.lasts(now)
        {
            return Ok((Self::new(params, key, der), Made::Nothing));
        }
        let made = params.self_signed(&key)?;
        files::write_certificate(directory, &made.pem())?;
        let what = if is_first {
            Made::All
        } else {
            Made::CertificateAgain
        };
        Ok((Self::new(params, key, made.der().clone()), what))
    }

    fn new(params: CertificateParams, key: KeyPair, certificate: CertificateDer<'static>) -> Self {
        Self {
            issuer: Issuer::new(params, key),
            certificate,
        }
    }

    /// Its certificate, DER.
    pub fn certificate(&self) -> &[u8] {
        &self.certificate
    }
}

/// Where the authority of a directory has its certificate, PEM.
pub fn certificate_path(directory: &Path) -> PathBuf {
    directory.join("authority.crt")
}
