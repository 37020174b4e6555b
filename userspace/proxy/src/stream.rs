//! A TCP connection, with or without TLS.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use rustls::ProtocolVersion;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsStream;

/// One leg of a session.
#[derive(Debug)]
pub(crate) enum Stream {
    Plain(TcpStream),
    Tls(Box<Secured>),
}

/// A TCP connection with TLS, and the certificate that was shown on it.
#[derive(Debug)]
pub(crate) struct Secured {
    stream: TlsStream<TcpStream>,
    fingerprint: String,
}

impl Stream {
    /// `fingerprint`: of the certificate that the server of this leg showed.
    pub(crate) fn tls(stream: TlsStream<TcpStream>, fingerprint: String) -> Self {
        Self::Tls(Box::new(Secured { stream, fingerprint }))
    }

    pub(crate) fn is_tls(&self) -> bool {
        matches!(self, Self::Tls(_))
    }

    /// `TLSv1.3 TLS_AES_128_GCM_SHA256 sha256:…`, or `none`: what the record says of this leg.
    pub(crate) fn description(&self) -> String {
        let Self::Tls(secured) = self else {
            return "none".to_owned();
        };
        let (_, connection) = secured.stream.get_ref();
        let version = match connection.protocol_version() {
            Some(ProtocolVersion::TLSv1_3) => "TLSv1.3",
            Some(ProtocolVersion::TLSv1_2) => "TLSv1.2",
            _ => "TLS",
        };
        // Named as IANA has it, without rustls's own prefix.
        let suite = connection
            .negotiated_cipher_suite()
            .map_or_else(String::new, |suite| {
                format!("{:?}", suite.suite()).replace("TLS13_", "TLS_")
            });
        format!("{version} {suite} {}", secured.fingerprint)
    }

    /// The fingerprint of the certificate that the server of this leg showed.
    pub(crate) fn fingerprint(&self) -> Option<&str> {
        match self {
            Self::Plain(_) => None,
            Self::Tls(secured) => Some(&secured.fingerprint),
        }
    }

    /// The certificate that the other side of this leg showed, in DER.
    pub(crate) fn peer_certificate(&self) -> Option<&[u8]> {
        match self {
            Self::Plain(_) => None,
            Self::Tls(secured) => {
                let (_, connection) = secured.stream.get_ref();
                connection
                    .peer_certificates()
                    .and_then(<[_]>::first)
                    .map(AsRef::as_ref)
            }
        }
    }

    /// The protocol that both sides of this leg agreed on within TLS.
    pub(crate) fn alpn(&self) -> Option<&[u8]> {
        match self {
            Self::Plain(_) => None,
            Self::Tls(secured) => secured.stream.get_ref().1.alpn_protocol(),
        }
    }

    /// Whether nothing can be read right now: the socket is asked before a buffer is made for it.
    pub(crate) fn is_idle(&self, cx: &mut Context<'_>) -> bool {
        match self {
            Self::Plain(stream) => stream.poll_read_ready(cx).is_pending(),
            Self::Tls(secured) => {
                // TLS has decrypted all that came, and wants more only once that is taken, and not after the end.
                let (socket, connection) = secured.stream.get_ref();
                connection.wants_read() && socket.poll_read_ready(cx).is_pending()
            }
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(secured) => Pin::new(&mut secured.stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Tls(secured) => Pin::new(&mut secured.stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(secured) => Pin::new(&mut secured.stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(secured) => Pin::new(&mut secured.stream).poll_shutdown(cx),
        }
    }
}
