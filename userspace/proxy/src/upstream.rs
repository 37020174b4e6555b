//! The connection to the service.

use std::io;
use std::net::SocketAddr;

use rustls_pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsStream;

use crate::address::Address;
use crate::stream::Stream;
use crate::tls::{UpstreamTls, UpstreamTlsMode};

/// Why the service could not be reached. Its text goes to the client and into the record.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UpstreamError {
    #[error("the service at {address} could not be reached: {source}")]
    Connect { address: String, source: io::Error },
    #[error("the service at {address} does not offer TLS, which its settings require")]
    NoTls { address: String },
    #[error("TLS with the service at {address} failed: {source} (settings: upstream.tls, upstream.ca)")]
    Tls { address: String, source: io::Error },
    #[error("the service at {address} answered a request for TLS with something else")]
    Answer { address: String },
}

/// SSLRequest: length 8 and the code (PostgreSQL documentation, "Message Formats").
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// Connects, and starts TLS as the settings say.
pub(crate) async fn connect(
    address: &Address,
    tls: &UpstreamTls,
) -> Result<(Stream, SocketAddr), UpstreamError> {
    let failed = |source| UpstreamError::Connect {
        address: address.to_string(),
        source,
    };
    let stream = match address {
        Address::Ip(address) => TcpStream::connect(address).await,
        Address::Name(name, port) => TcpStream::connect((name.as_str(), *port)).await,
    }
    .map_err(failed)?;
    stream.set_nodelay(true).map_err(failed)?;
    let peer = stream.peer_addr().map_err(failed)?;
    if tls.mode == UpstreamTlsMode::Disable {
        return Ok((Stream::Plain(stream), peer));
    }
    Ok((negotiate(stream, address, tls).await?, peer))
}

async fn negotiate(
    mut stream: TcpStream,
    address: &Address,
    tls: &UpstreamTls,
) -> Result<Stream, UpstreamError> {
    let failed = |source| UpstreamError::Tls {
        address: address.to_string(),
        source,
    };
    stream.write_all(&SSL_REQUEST).await.map_err(failed)?;
    match stream.read_u8().await.map_err(failed)? {
        b'S' => {
            let name = ServerName::try_from(address.host())
                .map_err(|error| failed(io::Error::new(io::ErrorKind::InvalidInput, error)))?;
            let stream = tls.connector.connect(name, stream).await.map_err(failed)?;
            Ok(Stream::Tls(Box::new(TlsStream::from(stream))))
        }
        b'N' if matches!(
            tls.mode,
            UpstreamTlsMode::Prefer | UpstreamTlsMode::VerifyIfOffered
        ) =>
        {
            Ok(Stream::Plain(stream))
        }
        b'N' => Err(UpstreamError::NoTls {
            address: address.to_string(),
        }),
        _ => Err(UpstreamError::Answer {
            address: address.to_string(),
        }),
    }
}
