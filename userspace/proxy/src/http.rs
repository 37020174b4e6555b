//! An HTTP connection: TLS or none, HTTP/1 or HTTP/2, the same on both sides.

mod one;
mod two;

use std::sync::Arc;

use bytes::BytesMut;
use interdict_session::Output;
use interdict_session::http::{About, Engine};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

use crate::Proxy;
use crate::connection::{Connection, ServeError};
use crate::opaque::{self, Admitted};
use crate::opening::Ended;
use crate::stream::Stream;
use crate::tls::{self, Hello, UpstreamTlsMode};
use crate::upstream::{UpstreamError, secure};

/// What a record of TLS begins with that holds a handshake (RFC 8446, section 5.1).
const TLS_HANDSHAKE: u8 = 22;
/// The client's connection preface of HTTP/2 (RFC 9113, section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Names of protocols in ALPN (RFC 7301; RFC 9113, section 3.2).
const H1: &[u8] = b"http/1.1";
const H2: &[u8] = b"h2";

/// A client that has said which version it speaks.
struct Opened {
    client: Stream,
    /// What was read of the client already.
    left: BytesMut,
    version: Version,
    /// The service's side, where it had to be reached to know.
    server: Option<Stream>,
    sni: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

/// How the service is reached for one connection of a client.
struct Way<'a> {
    connection: &'a Connection,
    tls: bool,
    version: Version,
    /// The name that the client asked for.
    name: Option<String>,
}

pub(crate) async fn serve(
    proxy: &Proxy,
    stream: TcpStream,
    connection: Box<Connection>,
) -> Result<(), ServeError> {
    let opening = Box::pin(opening(proxy, &connection, stream));
    let Some(opened) = proxy.opened(&connection, opening).await? else {
        return Ok(());
    };
    let described = connection.described(Some(&opened.client), opened.server.as_ref());
    proxy.audit.note(vec![described]).await?;
    match opened.version {
        Version::One => one::open(proxy, &connection, opened).run().await,
        Version::Two => Box::pin(two::serve(proxy, &connection, opened)).await,
    }
}

impl Opened {
    fn engine(&self, proxy: &Proxy, connection: &Connection) -> Engine {
        let about = About {
            tls: self.client.is_tls(),
            name: self.sni.clone(),
            profile: Arc::clone(&connection.service.profile),
            signs_bodies: connection.service.credentials.signs_bodies(),
        };
        let context = connection.context(&self.client, self.server.as_ref());
        Engine::new(Arc::clone(&proxy.shared), context, about)
    }

    fn way<'a>(&self, connection: &'a Connection) -> Way<'a> {
        Way {
            connection,
            tls: way_has_tls(connection, self.client.is_tls()),
            version: self.version,
            name: self.sni.clone(),
        }
    }
}

/// Whether the service's side has TLS: as the settings have it; without a word there, as the client has it, unless credentials are
/// injected, which need it.
fn way_has_tls(connection: &Connection, client: bool) -> bool {
    match connection.service.upstream_tls.mode {
        UpstreamTlsMode::Disable => false,
        UpstreamTlsMode::Require | UpstreamTlsMode::VerifyFull => true,
        UpstreamTlsMode::Prefer | UpstreamTlsMode::VerifyIfOffered => {
            client || connection.service.credentials.injects()
        }
    }
}

async fn opening(proxy: &Proxy, connection: &Connection, mut stream: TcpStream) -> Result<Opened, Ended> {
    let mut left = BytesMut::with_capacity(1024);
    if stream.read_buf(&mut left).await? == 0 {
        return Err(Ended::Over("client"));
    }
    if left.first() == Some(&TLS_HANDSHAKE) {
        return start_tls(proxy, connection, stream, left).await;
    }
    let version = loop {
        if left.len() >= PREFACE.len() || !PREFACE.starts_with(&left) {
            break if left.starts_with(PREFACE) {
                Version::Two
            } else {
                Version::One
            };
        }
        if stream.read_buf(&mut left).await? == 0 {
            return Err(Ended::Over("client"));
        }
    };
    Ok(Opened {
        client: Stream::Plain(stream),
        left,
        version,
        server: None,
        sni: None,
    })
}

async fn start_tls(
    proxy: &Proxy,
    connection: &Connection,
    stream: TcpStream,
    early: BytesMut,
) -> Result<Opened, Ended> {
    let Some(certificates) = &connection.service.client_tls else {
        return Err(Ended::Over("tls_failed"));
    };
    let hello = match tls::hello(stream, early).await {
        Ok(hello) => hello,
        Err(error) => {
            let client = connection.client(None);
            return Err(proxy
                .handshake_failed(connection, client, certificates, &error)
                .await?);
        }
    };
    if proxy.passes_opaque(connection, &hello) {
        let server = connection.dial().await?;
        let admitted = Admitted::ask(proxy, connection, opaque::CLIENT).await?;
        let (client, head) = hello.untouched();
        return Err(admitted.relay(client, server, head));
    }
    let offered = Offered::by(&hello);
    let mut way = Way {
        connection,
        tls: way_has_tls(connection, true),
        version: offered.first(),
        name: hello.sni().map(str::to_owned),
    };
    let mut server = None;
    if way.tls {
        // Both sides speak one version, so the service is asked which before the client is answered. If it can't be reached, the
        // client is told by an answer to its request.
        match way.reach_offering(offered.names()).await {
            Ok(stream) => {
                way.version = if stream.alpn() == Some(H2) {
                    Version::Two
                } else {
                    Version::One
                };
                server = Some(stream);
            }
            Err(error) => connection.warn(&error),
        }
    }
    let agreed = match way.version {
        Version::Two => Some(H2),
        Version::One => offered.one.then_some(H1),
    };
    let (version, sni) = (way.version, way.name);
    let client = proxy.accept_tls(connection, hello, certificates, agreed).await?;
    Ok(Opened {
        client,
        left: BytesMut::new(),
        version,
        server,
        sni,
    })
}

/// The versions that a client offers. One that offers none speaks HTTP/1.
struct Offered {
    one: bool,
    two: bool,
}

impl Offered {
    fn by(hello: &Hello) -> Self {
        Self {
            one: hello.alpn().any(|name| name == H1),
            two: hello.alpn().any(|name| name == H2),
        }
    }

    /// What is spoken where the service is not asked: HTTP/1, unless the client speaks only the other.
    fn first(&self) -> Version {
        if self.two && !self.one {
            Version::Two
        } else {
            Version::One
        }
    }

    fn names(&self) -> &'static [&'static [u8]] {
        match (self.one, self.two) {
            (true, true) => &[H2, H1],
            (false, true) => &[H2],
            _ => &[H1],
        }
    }
}

impl Way<'_> {
    /// Connects. That is done once or twice in a session's life, which is not to keep room for it.
    async fn reach(&self) -> Result<Stream, UpstreamError> {
        Box::pin(self.reach_offering(match self.version {
            Version::One => &[H1],
            Version::Two => &[H2],
        }))
        .await
    }

    async fn reach_offering(&self, alpn: &[&[u8]]) -> Result<Stream, UpstreamError> {
        let connection = self.connection;
        let stream = connection.dial().await?;
        if !self.tls {
            return Ok(Stream::Plain(stream));
        }
        let tls = &connection.service.upstream_tls;
        let name = self.name.as_deref().filter(|_| connection.upstream.is_address());
        connection
            .within(secure(stream, &connection.upstream, tls, name, alpn))
            .await
    }
}

/// Writes records down; waits until they are durable, if nothing may be forwarded before.
async fn commit(proxy: &Proxy, out: &mut Output) -> Result<(), ServeError> {
    if out.records.is_empty() {
        return Ok(());
    }
    Ok(proxy.audit.put(std::mem::take(&mut out.records)).await?)
}
