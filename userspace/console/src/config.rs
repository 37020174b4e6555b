//! Where the console listens, and whom it lets in.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;

use crate::{Issuer, Roles};

/// How the console is set up.
#[derive(Clone)]
pub struct Config {
    /// Where it listens.
    pub listen: SocketAddr,
    /// How people reach it, without a slash at the end: `https://audit.example.org`. `None`: by its address.
    pub public: Option<String>,
    /// Its certificate; `None`: plain HTTP.
    pub tls: Option<Arc<rustls::ServerConfig>>,
    /// Whether people may come in with a certificate.
    pub certificates: bool,
    /// Whom people may log in with.
    pub issuer: Option<Arc<dyn Issuer>>,
    /// Who may do what.
    pub roles: Roles,
    /// How long a login holds.
    pub lifetimes: Lifetimes,
}

/// How long a login holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    /// Without anything asked for.
    pub idle: Duration,
    /// At most.
    pub whole: Duration,
}

impl Default for Lifetimes {
    fn default() -> Self {
        Self {
            idle: Duration::from_mins(15),
            whole: Duration::from_hours(8),
        }
    }
}

/// Why the console can't be set up.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// A file can't be used.
    #[error("{}: {what}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why not.
        what: String,
    },
    /// The certificate and its key can't be used together.
    #[error("the console's certificate: {0}")]
    Tls(String),
}

impl Config {
    /// Its own address as people type it.
    pub fn url(&self) -> String {
        self.public.clone().unwrap_or_else(|| {
            let scheme = if self.tls.is_some() { "https" } else { "http" };
            format!("{scheme}://{}", self.listen)
        })
    }

    /// Whether browsers reach it by TLS, ended here or before.
    pub(crate) fn is_secure(&self) -> bool {
        self.url().starts_with("https://")
    }

    /// Origins that are its own. A request with another host was sent here by somebody else's name (DNS rebinding).
    pub(crate) fn origins(&self) -> Vec<String> {
        let mut origins = vec![self.url()];
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        if self.listen.ip().is_loopback() {
            origins.push(format!("{scheme}://{}", self.listen));
            origins.push(format!("{scheme}://localhost:{}", self.listen.port()));
        }
        origins
    }

    /// The server's side of TLS. `client_ca`: certificates that these signed are asked for; with `required`, nobody gets in without.
    ///
    /// # Errors
    /// A file can't be read, or its content can't be used.
    pub fn tls(
        certificate: &Path,
        key: &Path,
        client_ca: Option<&Path>,
        required: bool,
    ) -> Result<Arc<rustls::ServerConfig>, SetupError> {
        let bad = |path: &Path| {
            let path = path.to_owned();
            move |error: rustls::pki_types::pem::Error| SetupError::File {
                path,
                what: error.to_string(),
            }
        };
        let chain = CertificateDer::pem_file_iter(certificate)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(bad(certificate))?;
        let private = PrivateKeyDer::from_pem_file(key).map_err(bad(key))?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| SetupError::Tls(error.to_string()))?;
        let builder = match client_ca {
            None => builder.with_no_client_auth(),
            Some(path) => {
                let mut roots = RootCertStore::empty();
                for root in CertificateDer::pem_file_iter(path).map_err(bad(path))? {
                    roots
                        .add(root.map_err(bad(path))?)
                        .map_err(|error| SetupError::File {
                            path: path.to_owned(),
                            what: error.to_string(),
                        })?;
                }
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                let verifier = if required {
                    verifier
                } else {
                    verifier.allow_unauthenticated()
                };
                builder.with_client_cert_verifier(verifier.build().map_err(|error| SetupError::File {
                    path: path.to_owned(),
                    what: error.to_string(),
                })?)
            }
        };
        let mut tls = builder
            .with_single_cert(chain, private)
            .map_err(|error| SetupError::Tls(error.to_string()))?;
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(tls))
    }
}
