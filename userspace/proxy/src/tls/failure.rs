//! How a handshake with a client can fail, and whose doing it was.

use std::io;

use rustls::AlertDescription;

/// A handshake that came to nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HandshakeError {
    /// The client has seen the certificate and wants nothing of it: it does not trust the issuer, or knows its own.
    #[error("the client does not accept the certificate: {0}")]
    Untrusted(io::Error),
    /// The client asks for a name that the service does not have.
    #[error("the client asks for {0}, which is not among the service's names")]
    UnknownName(String),
    /// Nothing that could be decided about: no TLS, no common version, a broken connection.
    #[error("TLS with the client failed: {0}")]
    Failed(io::Error),
}

impl HandshakeError {
    /// Of an error after the certificate was sent.
    pub(super) fn after_certificate(error: io::Error) -> Self {
        let alert = match error
            .get_ref()
            .and_then(|inner| inner.downcast_ref::<rustls::Error>())
        {
            Some(rustls::Error::AlertReceived(alert)) => Some(*alert),
            Some(_) => return Self::Failed(error),
            None => None,
        };
        let about_certificate = match alert {
            Some(alert) => matches!(
                alert,
                AlertDescription::UnknownCA
                    | AlertDescription::BadCertificate
                    | AlertDescription::UnsupportedCertificate
                    | AlertDescription::CertificateRevoked
                    | AlertDescription::CertificateExpired
                    | AlertDescription::CertificateUnknown
                    | AlertDescription::AccessDenied
            ),
            // Clients that close without a word are common enough (RFC 8446 6.2 has them send an alert).
            None => matches!(
                error.kind(),
                io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe
            ),
        };
        if about_certificate {
            Self::Untrusted(error)
        } else {
            Self::Failed(error)
        }
    }

    /// The word for the record.
    pub(crate) fn end_reason(&self) -> &'static str {
        match self {
            Self::Untrusted(_) => "tls_untrusted",
            Self::UnknownName(_) | Self::Failed(_) => "tls_failed",
        }
    }
}
