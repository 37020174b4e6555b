//! The connection to the service.

use std::fmt::Debug;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;

use rustls_pki_types::ServerName;
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsStream;

use crate::address::Address;
use crate::elsewhere::Elsewhere;
use crate::stream::Stream;
use crate::tls::{UpstreamTls, fingerprint};

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

/// Makes the sockets by which services are reached from another network namespace than the daemon's: that of the caller,
/// so that routes, firewall rules and the source address are the caller's own.
///
/// A session keeps its dialer until it ends, so a dialer should not hold its namespace by itself.
pub trait Dialer: Send + Sync + Debug {
    /// A TCP socket that is non-blocking and not connected yet.
    fn socket(&self, ipv6: bool) -> Dialled<'_>;
}

/// What [`Dialer::socket`] promises.
pub type Dialled<'a> = Pin<Box<dyn Future<Output = io::Result<std::net::TcpStream>> + Send + 'a>>;

/// Connects.
pub(crate) async fn connect(
    address: &Address,
    dialer: Option<&dyn Dialer>,
    elsewhere: &Elsewhere,
) -> Result<TcpStream, UpstreamError> {
    let failed = |source| UpstreamError::Connect {
        address: address.to_string(),
        source,
    };
    let stream = match dialer {
        Some(dialer) => dial(address, dialer, elsewhere).await,
        None => match addresses(address, elsewhere).await {
            Ok(addresses) => TcpStream::connect(&*addresses).await,
            Err(error) => Err(error),
        },
    }
    .map_err(failed)?;
    stream.set_nodelay(true).map_err(failed)?;
    Ok(stream)
}

/// Starts TLS. `name`: whose certificate it must be, where that is not the address's own name; `alpn`: the protocols to offer,
/// the preferred first.
pub(crate) async fn secure(
    stream: TcpStream,
    address: &Address,
    tls: &UpstreamTls,
    name: Option<&str>,
    alpn: &[&[u8]],
) -> Result<Stream, UpstreamError> {
    let failed = |source| UpstreamError::Tls {
        address: address.to_string(),
        source,
    };
    let name = name.map_or_else(|| address.host(), str::to_owned);
    let name = ServerName::try_from(name)
        .map_err(|error| failed(io::Error::new(io::ErrorKind::InvalidInput, error)))?;
    let connector = tls.connector(alpn);
    let stream = connector.connect(name, stream).await.map_err(failed)?;
    let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
    let fingerprint = shown.map(|leaf| fingerprint(leaf)).unwrap_or_default();
    Ok(Stream::tls(TlsStream::from(stream), fingerprint))
}

async fn addresses(address: &Address, elsewhere: &Elsewhere) -> io::Result<Vec<SocketAddr>> {
    match address {
        Address::Ip(address) => Ok(vec![*address]),
        Address::Name(name, port) => elsewhere.addresses(name, *port).await,
    }
}

/// Connects by a dialer's sockets. Names mean what they mean to the daemon.
async fn dial(address: &Address, dialer: &dyn Dialer, elsewhere: &Elsewhere) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in addresses(address, elsewhere).await? {
        let socket = dialer.socket(address.is_ipv6()).await?;
        match TcpSocket::from_std_stream(socket).connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// Binds every socket to an address of its own, by which the server can tell that it was used.
    #[derive(Debug, Default)]
    struct Recorder(Mutex<Vec<bool>>);

    impl Dialer for Recorder {
        fn socket(&self, ipv6: bool) -> Dialled<'_> {
            self.0.lock().unwrap().push(ipv6);
            Box::pin(async move {
                let socket = if ipv6 {
                    TcpSocket::new_v6()?
                } else {
                    TcpSocket::new_v4()?
                };
                if !ipv6 {
                    socket.bind("127.0.0.9:0".parse().unwrap())?;
                }
                // A socket that is not connected, as a namespace's thread makes it.
                Ok(std_socket(&socket).into())
            })
        }
    }

    fn elsewhere() -> Elsewhere {
        Elsewhere::new(
            tokio::runtime::Handle::current(),
            std::time::Duration::from_secs(10),
        )
    }

    fn std_socket(socket: &TcpSocket) -> std::os::fd::OwnedFd {
        use std::os::fd::AsFd as _;
        socket.as_fd().try_clone_to_owned().unwrap()
    }

    #[tokio::test]
    async fn a_dialer_makes_the_socket() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let dialer = Recorder::default();
        for address in [
            Address::Ip(address),
            Address::Name("localhost".to_owned(), address.port()),
        ] {
            let _stream = dial(&address, &dialer, &elsewhere()).await.unwrap();
            let (_, peer) = listener.accept().await.unwrap();
            assert_eq!(peer.ip().to_string(), "127.0.0.9", "for {address}");
        }
        assert!(dialer.0.lock().unwrap().contains(&false));
    }

    #[tokio::test]
    async fn the_last_error_is_told() {
        let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let error = dial(&Address::Ip(address), &Recorder::default(), &elsewhere())
            .await
            .unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    }
}
