//! TLS on both legs, with rustls.
//!
//! Towards clients the ClientHello is read first ([`hello`]): which certificate is shown, and which protocol is agreed on,
//! is decided when it is known who the client believes it reaches. A certificate is the service's own or one of the
//! [`Authority`]'s.

mod authority;
mod client;
mod failure;
mod hello;
mod untrusting;
mod upstream;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest as _, Sha256};

pub use self::authority::{Authority, AuthorityError, Made, Names, UnknownName, certificate_path};
pub use self::client::ClientTls;
pub(crate) use self::failure::HandshakeError;
pub(crate) use self::hello::{Hello, hello};
pub(crate) use self::untrusting::Client;
pub use self::untrusting::Untrusting;
pub use self::upstream::{UpstreamTls, UpstreamTlsMode};

/// Why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read or is not PEM.
    #[error("{path}: {reason}")]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Certificate and key do not fit, or rustls refuses them.
    #[error("certificate {path}: {source}")]
    Certificate {
        /// The certificate's file.
        path: PathBuf,
        /// What rustls says.
        source: rustls::Error,
    },
    /// No protocol version could be set up.
    #[error(transparent)]
    Rustls(#[from] rustls::Error),
}

/// TLS towards services of the web, by the system's roots.
pub(crate) fn web() -> Result<ClientConfig, TlsError> {
    let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
    Ok(builder.with_root_certificates(roots(None)?).with_no_client_auth())
}

/// Has the cryptographic library set its random numbers up on this thread. It looks at a device when it does so first, which
/// it could not once the thread has given up files.
pub(crate) fn draw_randomness() {
    // A library without random numbers tells at the first handshake.
    let _ = provider().secure_random.fill(&mut [0]);
}

/// A certificate's fingerprint, as the record has it and as `openssl x509 -fingerprint -sha256` shows it without colons.
pub fn fingerprint(certificate: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = "sha256:".to_owned();
    for byte in Sha256::digest(certificate) {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

fn roots(ca: Option<&Path>) -> Result<RootCertStore, TlsError> {
    let mut store = RootCertStore::empty();
    match ca {
        Some(path) => {
            for certificate in certificates(path)? {
                store.add(certificate).map_err(|source| TlsError::Certificate {
                    path: path.to_owned(),
                    source,
                })?;
            }
        }
        None => {
            // What the system can't read of its own store is not trusted; an empty store refuses every certificate.
            store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    Ok(store)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let error = |reason: String| TlsError::File {
        path: path.to_owned(),
        reason,
    };
    let chain: Vec<_> = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|source: rustls_pki_types::pem::Error| error(source.to_string()))?;
    if chain.is_empty() {
        return Err(error("has no certificate in PEM form".to_owned()));
    }
    Ok(chain)
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_file(path).map_err(|source| TlsError::File {
        path: path.to_owned(),
        reason: source.to_string(),
    })
}
