//! TLS towards services.

use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use super::{TlsError, certificates, private_key, provider, roots};

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
    config: Arc<ClientConfig>,
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
        let config = match client {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => builder
                .with_client_auth_cert(certificates(certificate)?, private_key(key)?)
                .map_err(|source| TlsError::Certificate {
                    path: certificate.to_owned(),
                    source,
                })?,
        };
        Ok(Self {
            mode,
            config: Arc::new(config),
        })
    }

    /// For a connection that offers these protocols, the preferred first.
    pub(crate) fn connector(&self, alpn: &[&[u8]]) -> tokio_rustls::TlsConnector {
        if alpn.is_empty() {
            return Arc::clone(&self.config).into();
        }
        // What is remembered of earlier sessions is shared by the copies.
        let mut config = ClientConfig::clone(&self.config);
        config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
        Arc::new(config).into()
    }
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
