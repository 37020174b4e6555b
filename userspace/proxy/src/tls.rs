//! TLS on both legs, with rustls.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, ServerConfig, SignatureScheme};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};

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

/// TLS towards clients.
#[derive(Clone)]
pub struct ServerTls {
    pub(crate) acceptor: tokio_rustls::TlsAcceptor,
    leaf: Vec<u8>,
}

impl std::fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ServerTls")
    }
}

impl ServerTls {
    /// Reads a PEM certificate chain and its key. With the service's own, `verify-full` and channel binding hold end to
    /// end.
    pub fn load(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let chain = certificates(certificate)?;
        let key = private_key(key)?;
        let leaf = chain.first().map(|leaf| leaf.to_vec()).unwrap_or_default();
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(|source| TlsError::Certificate {
                path: certificate.to_owned(),
                source,
            })?;
        // PostgreSQL's name in ALPN, which sslnegotiation=direct requires.
        config.alpn_protocols = vec![b"postgresql".to_vec()];
        Ok(Self {
            acceptor: Arc::new(config).into(),
            leaf,
        })
    }

    /// Whether the other side of the proxy showed this very certificate.
    pub(crate) fn is_shown_by(&self, stream: &crate::stream::Stream) -> bool {
        match stream {
            crate::stream::Stream::Plain(_) => false,
            crate::stream::Stream::Tls(stream) => {
                let (_, connection) = stream.get_ref();
                connection
                    .peer_certificates()
                    .and_then(<[_]>::first)
                    .is_some_and(|leaf| leaf.as_ref() == self.leaf)
            }
        }
    }
}

/// When and how TLS is used towards the service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UpstreamTlsMode {
    /// Never.
    Disable,
    /// If the service offers it; the certificate is not verified.
    Prefer,
    /// Always; the certificate is not verified.
    Require,
    /// Always; certificate and name are verified.
    VerifyFull,
    /// If the service offers it, and then verified in full: the default where nothing is set.
    #[default]
    VerifyIfOffered,
}

/// TLS towards the service.
#[derive(Clone)]
pub struct UpstreamTls {
    pub(crate) mode: UpstreamTlsMode,
    pub(crate) connector: tokio_rustls::TlsConnector,
}

impl std::fmt::Debug for UpstreamTls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UpstreamTls")
            .field("mode", &self.mode)
            .finish_non_exhaustive()
    }
}

impl UpstreamTls {
    /// `ca`: PEM roots instead of the system's. `client`: certificate and key to show to the service.
    pub fn new(
        mode: UpstreamTlsMode,
        ca: Option<&Path>,
        client: Option<(&Path, &Path)>,
    ) -> Result<Self, TlsError> {
        let builder =
            ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
        let verified = matches!(
            mode,
            UpstreamTlsMode::VerifyFull | UpstreamTlsMode::VerifyIfOffered
        );
        let builder = if verified {
            builder.with_root_certificates(roots(ca)?)
        } else {
            builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(Unverified(provider())))
        };
        let mut config = match client {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => builder
                .with_client_auth_cert(certificates(certificate)?, private_key(key)?)
                .map_err(|source| TlsError::Certificate {
                    path: certificate.to_owned(),
                    source,
                })?,
        };
        config.alpn_protocols = vec![b"postgresql".to_vec()];
        Ok(Self {
            mode,
            connector: Arc::new(config).into(),
        })
    }
}

/// Has the cryptographic library set its random numbers up on this thread. It looks at a device when it does so first, which
/// it could not once the thread has given up files.
pub(crate) fn draw_randomness() {
    // A library without random numbers tells at the first handshake.
    let _ = provider().secure_random.fill(&mut [0]);
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

/// Accepts any certificate, as `prefer` and `require` mean it; signatures are still checked.
#[derive(Debug)]
struct Unverified(Arc<CryptoProvider>);

impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
