//! A PostgreSQL connection: its opening, the service's side, and the pump between them.

use bytes::BytesMut;
use interdict_session::Output;
use interdict_session::postgres::{Engine, Opening, Startup, open, unreachable};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::address::Address;
use crate::connection::{Connection, ServeError};
use crate::credentials::postgres::log_in;
use crate::opaque::{self, Admitted};
use crate::opening::Ended;
use crate::pump::Pump;
use crate::stream::Stream;
use crate::tls::{self, ClientTls, UpstreamTls, UpstreamTlsMode};
use crate::upstream::{UpstreamError, secure};
use crate::warm::Keep;
use crate::{Proxy, now};

/// SSLRequest: length 8 and the code (PostgreSQL documentation, "Message Formats").
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// PostgreSQL's name in ALPN, which `sslnegotiation=direct` requires.
const ALPN: &[u8] = b"postgresql";

/// Both sides, open.
struct Session {
    startup: Startup,
    client: Stream,
    /// What was read of the client beyond its opening.
    left: BytesMut,
    server: Stream,
    /// The same of the server.
    said: BytesMut,
    /// What it takes to keep the session with the server.
    keep: Option<Keep>,
}

pub(crate) async fn serve(
    proxy: &Proxy,
    stream: TcpStream,
    connection: Box<Connection>,
) -> Result<(), ServeError> {
    // Handshakes need memory that sessions don't.
    let opening = Box::pin(opening(proxy, &connection, stream));
    let Some(session) = proxy.opened(&connection, opening).await? else {
        return Ok(());
    };
    pump(proxy, &connection, session)
        .run(connection.workload.as_deref())
        .await
}

/// What carries a session that is open. No `async` function, which would keep room for all of its values.
fn pump(proxy: &Proxy, connection: &Connection, session: Session) -> Box<Pump> {
    let Session {
        startup,
        client,
        left,
        server,
        said,
        keep,
    } = session;
    let mut out = Output::default();
    out.records
        .push(connection.described(Some(&client), Some(&server)));
    let context = connection.context(&client, Some(&server));
    let engine = Engine::new(
        std::sync::Arc::clone(&proxy.shared),
        context,
        startup,
        now(),
        &mut out,
    );
    let engine = interdict_session::Engine::Postgres(Box::new(engine));
    let pump = Pump::new(proxy, connection, engine, client, server, left, out)
        .with_server_input(said)
        .with_keep(keep)
        .with_catalogue(connection.keeping(proxy));
    Box::new(pump)
}

async fn opening(proxy: &Proxy, connection: &Connection, stream: TcpStream) -> Result<Session, Ended> {
    let mut client = Stream::Plain(stream);
    let mut input = BytesMut::with_capacity(1024);
    // Reached when it is wanted: the answer to a request for TLS may depend on it.
    let mut server = None;
    let mut denied_tls = false;
    let startup = loop {
        match open(&mut input) {
            Opening::Incomplete => {
                if client.read_buf(&mut input).await? == 0 {
                    if denied_tls {
                        return Err(withheld(proxy, connection).await?);
                    }
                    return Err(Ended::Over("client"));
                }
                denied_tls = false;
            }
            Opening::Gss => connection.tell(&mut client, b"N").await?,
            Opening::Tls => {
                // Bytes behind the request would be read as if they had come encrypted (CVE-2021-23222).
                if !input.is_empty() {
                    return Err(Ended::Over("desynchronised"));
                }
                let tls = offered(connection, &mut server).await;
                client = match (client, tls) {
                    (Stream::Plain(mut stream), Some(tls)) => {
                        connection.tell(&mut stream, b"S").await?;
                        start_tls(proxy, connection, tls, stream, BytesMut::new()).await?
                    }
                    (mut client, tls) => {
                        denied_tls = tls.is_none() && connection.service.client_tls.is_some();
                        connection.tell(&mut client, b"N").await?;
                        client
                    }
                };
            }
            Opening::DirectTls => {
                let tls = offered(connection, &mut server).await;
                client = match (client, tls) {
                    (Stream::Plain(stream), Some(tls)) => {
                        start_tls(proxy, connection, tls, stream, std::mem::take(&mut input)).await?
                    }
                    (Stream::Plain(_), None) if connection.service.client_tls.is_some() => {
                        return Err(withheld(proxy, connection).await?);
                    }
                    _ => return Err(Ended::Over("refused")),
                };
            }
            Opening::Cancel(message) => {
                // What waits for a person is not the server's yet. Its header is a length and a code.
                if proxy.cancels.cancel(message.get(8..).unwrap_or_default()) {
                    return Err(Ended::Over("cancel_request"));
                }
                // The key in it is the server's own, so the server decides what it may cancel.
                if server.is_none() {
                    server = Some(connection.within(reach(connection)).await);
                }
                if let Some(Ok(mut server)) = server {
                    server.write_all(&message).await?;
                    server.flush().await?;
                    // The server closes once the signal is sent, and so do we then, as libpq waits for that.
                    let _ = server.read_u8().await;
                }
                return Err(Ended::Over("cancel_request"));
            }
            Opening::Startup(startup) => break startup,
            Opening::Refused(message) => {
                connection.tell(&mut client, &message).await?;
                return Err(Ended::Over("refused"));
            }
        }
    };
    if connection.service.credentials.injects() {
        return match log_in(proxy, connection, &startup).await? {
            Ok(logged_in) => Ok(Session {
                startup: logged_in.startup,
                client,
                left: input,
                server: logged_in.server,
                said: logged_in.left,
                keep: logged_in.keep,
            }),
            Err(told) => {
                connection.tell(&mut client, &told).await?;
                Err(Ended::Over("refused"))
            }
        };
    }
    let server = match server {
        Some(server) => server,
        None => connection.within(reach(connection)).await,
    };
    match server {
        Ok(server) => Ok(Session {
            startup,
            client,
            left: input,
            server,
            said: BytesMut::new(),
            keep: None,
        }),
        Err(error) => {
            connection.warn(&error);
            connection
                .tell(&mut client, &unreachable(&error.to_string()))
                .await?;
            Err(Ended::Over("error"))
        }
    }
}

/// TLS towards the client, if it is offered. With TLS on both sides, SCRAM proves that both see the same certificate. The
/// authority's is another than the service's, so the login would fail: better no TLS, which most clients take.
async fn offered<'c>(
    connection: &'c Connection,
    server: &mut Option<Result<Stream, UpstreamError>>,
) -> Option<&'c ClientTls> {
    let tls = connection.service.client_tls.as_ref()?;
    // What the proxy logs in with it binds to its own side.
    if !tls.is_own() && !connection.service.credentials.injects() {
        if server.is_none() {
            *server = Some(connection.within(reach(connection)).await);
        }
        if matches!(server, Some(Ok(Stream::Tls(_)))) {
            return None;
        }
    }
    Some(tls)
}

/// A client that insists on TLS was not offered any.
async fn withheld(proxy: &Proxy, connection: &Connection) -> Result<Ended, ServeError> {
    let (client, service) = (connection.client(None), &connection.service.name);
    let kind = "tls_not_offered";
    if proxy
        .untrusting
        .is_to_be_told(kind, &client.workload, service, now())
    {
        let message = format!(
            "{} insists on TLS and was not offered any: {service} has TLS itself and passwords pass through to it, so SCRAM \
             would find that two certificates are in use; give the service its own (`tls` in the settings)",
            client.name()
        );
        let why = "channel binding would fail";
        proxy.tell(kind, message, &client, why).await?;
    }
    Ok(Ended::Over("tls_failed"))
}

async fn start_tls(
    proxy: &Proxy,
    connection: &Connection,
    tls: &ClientTls,
    stream: TcpStream,
    early: BytesMut,
) -> Result<Stream, Ended> {
    let direct = !early.is_empty();
    let hello = match tls::hello(stream, early).await {
        Ok(hello) => hello,
        Err(error) => {
            let client = connection.client(None);
            return Err(proxy.handshake_failed(connection, client, tls, &error).await?);
        }
    };
    if proxy.passes_opaque(connection, &hello) {
        let mut server = connection.dial().await?;
        if direct || asks_for_tls(&mut server, &connection.upstream).await? == b'S' {
            let admitted = Admitted::ask(proxy, connection, opaque::CLIENT).await?;
            let (client, head) = hello.untouched();
            return Err(admitted.relay(client, server, head));
        }
    }
    let client = proxy.accept_tls(connection, hello, tls, Some(ALPN)).await?;
    // As the server has it: TLS that nothing announced must be meant for PostgreSQL.
    if direct && client.alpn() != Some(ALPN) {
        return Err(Ended::Over("refused"));
    }
    Ok(client)
}

/// Connects to the service, with TLS as the settings have it.
pub(crate) async fn reach(connection: &Connection) -> Result<Stream, UpstreamError> {
    let stream = connection.dial().await?;
    let upgraded = negotiate(stream, &connection.upstream, &connection.service.upstream_tls);
    connection.within(upgraded).await
}

/// Starts TLS with a server as the settings have it and PostgreSQL's protocol negotiates it.
pub(crate) async fn negotiate(
    mut stream: TcpStream,
    address: &Address,
    tls: &UpstreamTls,
) -> Result<Stream, UpstreamError> {
    if tls.mode == UpstreamTlsMode::Disable {
        return Ok(Stream::Plain(stream));
    }
    let named = || address.to_string();
    match asks_for_tls(&mut stream, address).await? {
        b'S' => secure(stream, address, tls, None, &[ALPN]).await,
        b'N' if matches!(
            tls.mode,
            UpstreamTlsMode::Prefer | UpstreamTlsMode::VerifyIfOffered
        ) =>
        {
            Ok(Stream::Plain(stream))
        }
        b'N' => Err(UpstreamError::NoTls { address: named() }),
        _ => Err(UpstreamError::Answer { address: named() }),
    }
}

/// Asks the service for TLS; what it answers.
async fn asks_for_tls(stream: &mut TcpStream, address: &Address) -> Result<u8, UpstreamError> {
    let failed = |source| UpstreamError::Tls {
        address: address.to_string(),
        source,
    };
    stream.write_all(&SSL_REQUEST).await.map_err(failed)?;
    stream.read_u8().await.map_err(failed)
}
