//! A client's first message, read before anything is answered.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use bytes::BytesMut;
use rustls::server::{Accepted, Acceptor};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::{StartHandshake, TlsStream};

use super::{ClientTls, HandshakeError};
use crate::stream::Stream;

/// A ClientHello is no larger: with post-quantum keys and long lists it is a few KiB.
const LARGEST: usize = 64 << 10;

/// The fatal alert unrecognized_name in a record of its own (RFC 8446 5.1 and 6; RFC 6066 3).
const UNRECOGNIZED_NAME: [u8; 7] = [21, 3, 3, 0, 2, 2, 112];

/// A client that wants TLS, and has been answered nothing yet.
pub(crate) struct Hello {
    stream: TcpStream,
    accepted: Accepted,
    head: BytesMut,
    sni: Option<String>,
    alpn: Vec<Vec<u8>>,
}

/// Reads a ClientHello. `early` is what was read of it already.
pub(crate) async fn hello(mut stream: TcpStream, early: BytesMut) -> Result<Hello, HandshakeError> {
    let mut head = early;
    let mut acceptor = Acceptor::default();
    let mut given = 0;
    let accepted = loop {
        while let Some(mut rest) = head.get(given..).filter(|rest| !rest.is_empty()) {
            // From memory: it takes what it has room for.
            given += acceptor.read_tls(&mut rest).map_err(HandshakeError::Failed)?;
        }
        match acceptor.accept() {
            Ok(Some(accepted)) => break accepted,
            Ok(None) => {}
            Err((error, mut alert)) => {
                let mut answer = Vec::new();
                let _ = alert.write_all(&mut answer);
                let _ = stream.write_all(&answer).await;
                return Err(failed(error));
            }
        }
        if head.len() > LARGEST {
            return Err(failed("the ClientHello is larger than 64 KiB"));
        }
        let count = stream.read_buf(&mut head).await.map_err(HandshakeError::Failed)?;
        if count == 0 {
            return Err(HandshakeError::Failed(io::ErrorKind::UnexpectedEof.into()));
        }
    };
    let message = accepted.client_hello();
    Ok(Hello {
        sni: message.server_name().map(str::to_ascii_lowercase),
        alpn: message
            .alpn()
            .map(|names| names.map(<[u8]>::to_vec).collect())
            .unwrap_or_default(),
        stream,
        accepted,
        head,
    })
}

impl Hello {
    /// The name that the client believes it reaches, in lower case; none where it connects to an address.
    pub(crate) fn sni(&self) -> Option<&str> {
        self.sni.as_deref()
    }

    /// The protocols that the client offers, its favourite first.
    pub(crate) fn alpn(&self) -> impl Iterator<Item = &[u8]> {
        self.alpn.iter().map(Vec::as_slice)
    }

    /// Shows a certificate and finishes the handshake. `alpn`: the protocol to agree on, one that the client offers;
    /// `destination`: the address that the client connected to.
    pub(crate) async fn accept(
        self,
        tls: &ClientTls,
        alpn: Option<&[u8]>,
        destination: IpAddr,
    ) -> Result<Stream, HandshakeError> {
        let Self {
            mut stream,
            accepted,
            sni,
            ..
        } = self;
        let Some(shown) = tls.certificate(sni.as_deref(), destination).map_err(failed)? else {
            let _ = stream.write_all(&UNRECOGNIZED_NAME).await;
            let _ = stream.shutdown().await;
            return Err(HandshakeError::UnknownName(sni.unwrap_or_default()));
        };
        let config = Arc::new(tls.config(&shown, alpn));
        let handshake = StartHandshake::from_parts(accepted, stream).into_stream(config);
        let stream = handshake.await.map_err(HandshakeError::after_certificate)?;
        Ok(Stream::tls(
            TlsStream::from(stream),
            shown.fingerprint.to_string(),
        ))
    }

    /// The connection as it was, and the bytes that were read of it.
    pub(crate) fn untouched(self) -> (TcpStream, BytesMut) {
        (self.stream, self.head)
    }
}

fn failed(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> HandshakeError {
    HandshakeError::Failed(io::Error::other(error))
}
