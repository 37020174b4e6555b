//! TLS towards clients.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::server::NoServerSessionStorage;
use rustls::sign::{CertifiedKey, SingleCertAndKey};

use super::authority::{Authority, AuthorityError, Leaves, Names, UnknownName};
use super::{TlsError, certificates, fingerprint, private_key, provider};
use crate::stream::Stream;

/// TLS towards the clients of one service.
pub struct ClientTls {
    /// Without a certificate: each connection has a copy with what is shown to it.
    base: ServerConfig,
    source: Source,
}

enum Source {
    /// The service's own.
    Own(Shown),
    /// Made when they are first asked for.
    Authority(Leaves),
}

/// A certificate as it is shown.
#[derive(Clone)]
pub(super) struct Shown {
    pub(super) key: Arc<CertifiedKey>,
    pub(super) fingerprint: Arc<str>,
}

impl std::fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ClientTls")
    }
}

impl Shown {
    pub(super) fn new(key: CertifiedKey) -> Self {
        let fingerprint = key.cert.first().map(|leaf| fingerprint(leaf)).unwrap_or_default();
        Self {
            key: Arc::new(key),
            fingerprint: fingerprint.into(),
        }
    }
}

impl ClientTls {
    /// Reads a PEM certificate chain and its key. With the service's own, `verify-full` and channel binding hold end to
    /// end.
    pub fn load(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let chain = certificates(certificate)?;
        let key = CertifiedKey::from_der(chain, private_key(key)?, &provider()).map_err(|source| {
            TlsError::Certificate {
                path: certificate.to_owned(),
                source,
            }
        })?;
        Self::new(Source::Own(Shown::new(key)))
    }

    /// Certificates of the authority, for these names and addresses of the service.
    pub fn of_authority(
        authority: Arc<Authority>,
        names: Names,
        unknown: UnknownName,
    ) -> Result<Self, TlsError> {
        Self::new(Source::Authority(Leaves::new(authority, names, unknown)))
    }

    fn new(source: Source) -> Result<Self, TlsError> {
        let mut base = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(Nothing));
        // Every session shows the certificate that is recorded of it.
        base.session_storage = Arc::new(NoServerSessionStorage {});
        base.send_tls13_tickets = 0;
        Ok(Self { base, source })
    }

    /// Whether the certificate is the service's own, not one of the authority's.
    pub(crate) fn is_own(&self) -> bool {
        matches!(self.source, Source::Own(_))
    }

    /// Whether it is known that the service goes by this name; of its own certificate nothing is.
    pub(crate) fn has_name(&self, name: &str) -> bool {
        match &self.source {
            Source::Own(_) => true,
            Source::Authority(leaves) => leaves.has_name(name),
        }
    }

    /// Whether the other side of the proxy showed this very certificate.
    pub(crate) fn is_shown_by(&self, stream: &Stream) -> bool {
        match &self.source {
            Source::Own(shown) => stream.fingerprint() == Some(&*shown.fingerprint),
            Source::Authority(_) => false,
        }
    }

    /// What to show; `None` for a name that the service does not have.
    pub(super) fn certificate(
        &self,
        sni: Option<&str>,
        destination: IpAddr,
    ) -> Result<Option<Shown>, AuthorityError> {
        match &self.source {
            Source::Own(shown) => Ok(Some(shown.clone())),
            Source::Authority(leaves) => leaves.leaf(sni, destination),
        }
    }

    pub(super) fn config(&self, shown: &Shown, alpn: Option<&[u8]>) -> ServerConfig {
        let mut config = self.base.clone();
        config.cert_resolver = Arc::new(SingleCertAndKey::from(Arc::clone(&shown.key)));
        config.alpn_protocols = alpn.map(<[u8]>::to_vec).into_iter().collect();
        config
    }
}

/// Shows nothing: it is always replaced.
#[derive(Debug)]
struct Nothing;

impl rustls::server::ResolvesServerCert for Nothing {
    fn resolve(&self, _hello: rustls::server::ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        None
    }
}
