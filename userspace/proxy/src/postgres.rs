//! A PostgreSQL connection: its opening, the service's side, and the pump between them.

use bytes::BytesMut;
use interdict_policy::Identity;
use interdict_record::{Record, SessionDescribed};
use interdict_session::postgres::{Engine, Opening, Startup, open, unreachable};
use interdict_session::{Context, Output};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsStream;

use crate::connection::{Connection, ServeError};
use crate::orders;
use crate::pump::Pump;
use crate::stream::Stream;
use crate::upstream::{UpstreamError, connect};
use crate::{Proxy, now};

/// How a client's opening ended.
enum Opened {
    Session(Startup, Stream, BytesMut),
    /// Nothing more is to be done; the reason for the record.
    Over(&'static str),
}

pub(crate) async fn serve(
    proxy: &Proxy,
    stream: TcpStream,
    connection: Connection,
) -> Result<(), ServeError> {
    let mut orders = proxy.orders.clone();
    let opening = tokio::select! {
        opened = tokio::time::timeout(proxy.opening_timeout, opening(stream, &connection)) => opened,
        ending = orders::ending(&mut orders, connection.workload.as_deref()) => {
            return proxy.end_early(connection.session_id, ending.as_str()).await;
        }
    };
    let (startup, mut client, left) = match opening {
        Ok(Ok(Opened::Session(startup, client, left))) => (startup, client, left),
        Ok(Ok(Opened::Over(reason))) => return proxy.end_early(connection.session_id, reason).await,
        Ok(Err(error)) => {
            proxy.end_early(connection.session_id, "error").await?;
            return Err(error.into());
        }
        Err(_) => return proxy.end_early(connection.session_id, "opening_timeout").await,
    };
    let tls = &connection.service.upstream_tls;
    let dial = connect(
        &connection.upstream,
        tls,
        connection.dialer.as_deref(),
        &connection.elsewhere,
    );
    let server = match tokio::time::timeout(proxy.opening_timeout, dial).await {
        Ok(Ok((server, _))) => server,
        Ok(Err(error)) => return refuse(proxy, &mut client, &connection, &error).await,
        Err(_) => {
            let source = std::io::ErrorKind::TimedOut.into();
            let error = UpstreamError::Connect {
                address: connection.upstream.to_string(),
                source,
            };
            return refuse(proxy, &mut client, &connection, &error).await;
        }
    };
    let mut out = Output::default();
    out.records
        .push(Record::SessionDescribed(Box::new(SessionDescribed {
            session_id: connection.session_id,
            client_tls: Some(client.description()),
            upstream_tls: Some(server.description()),
            ..SessionDescribed::default()
        })));
    let shown = connection
        .service
        .client_tls
        .as_ref()
        .is_some_and(|tls| tls.is_shown_by(&server));
    let context = Context {
        session_id: connection.session_id,
        service: connection.service.name.clone(),
        identity: Identity {
            name: connection.identity.name.clone(),
            facts: connection.identity.facts.clone(),
        },
        upstream: connection.upstream.to_string(),
        channel_binding: shown && matches!(client, Stream::Tls(_)),
        limits: connection.service.limits,
    };
    let engine = Engine::new(
        std::sync::Arc::clone(&proxy.shared),
        context,
        startup,
        now(),
        &mut out,
    );
    Pump::new(proxy, engine, client, server, left, out)
        .run(connection.workload.as_deref())
        .await
}

async fn opening(stream: TcpStream, connection: &Connection) -> std::io::Result<Opened> {
    let mut stream = Stream::Plain(stream);
    let mut input = BytesMut::with_capacity(1024);
    loop {
        match open(&mut input) {
            Opening::Incomplete => {
                if stream.read_buf(&mut input).await? == 0 {
                    return Ok(Opened::Over("client"));
                }
            }
            Opening::Gss => stream.write_all(b"N").await?,
            Opening::Tls => {
                let Some(tls) = &connection.service.client_tls else {
                    stream.write_all(b"N").await?;
                    continue;
                };
                // Bytes behind the request would be read as if they had come encrypted (CVE-2021-23222).
                if !input.is_empty() {
                    return Ok(Opened::Over("desynchronised"));
                }
                stream.write_all(b"S").await?;
                stream = accept(stream, tls, std::mem::take(&mut input)).await?;
            }
            Opening::DirectTls => {
                let Some(tls) = connection
                    .service
                    .client_tls
                    .as_ref()
                    .filter(|_| matches!(stream, Stream::Plain(_)))
                else {
                    return Ok(Opened::Over("refused"));
                };
                stream = accept(stream, tls, std::mem::take(&mut input)).await?;
            }
            Opening::Cancel(message) => {
                // The key in it is the server's own, so the server decides what it may cancel.
                let tls = &connection.service.upstream_tls;
                let dialer = connection.dialer.as_deref();
                let elsewhere = &connection.elsewhere;
                if let Ok((mut server, _)) = connect(&connection.upstream, tls, dialer, elsewhere).await {
                    server.write_all(&message).await?;
                    server.flush().await?;
                    // The server closes once the signal is sent, and so do we then, as libpq waits for that.
                    let _ = server.read_u8().await;
                }
                return Ok(Opened::Over("cancel_request"));
            }
            Opening::Startup(startup) => return Ok(Opened::Session(startup, stream, input)),
            Opening::Refused(message) => {
                stream.write_all(&message).await?;
                stream.flush().await?;
                return Ok(Opened::Over("refused"));
            }
        }
    }
}

/// Starts TLS towards the client; `early` is what was read of its ClientHello already.
async fn accept(stream: Stream, tls: &crate::ServerTls, early: BytesMut) -> std::io::Result<Stream> {
    let Stream::Plain(stream) = stream else {
        return Err(std::io::Error::other("TLS was asked for inside TLS"));
    };
    if !early.is_empty() {
        return Err(std::io::Error::other(
            "the ClientHello was read before TLS was expected",
        ));
    }
    let stream = tls.acceptor.accept(stream).await?;
    Ok(Stream::Tls(Box::new(TlsStream::from(stream))))
}

async fn refuse(
    proxy: &Proxy,
    client: &mut Stream,
    connection: &Connection,
    error: &UpstreamError,
) -> Result<(), ServeError> {
    tracing::warn!(service = connection.service.name, %error, "the service could not be reached");
    client.write_all(&unreachable(&error.to_string())).await?;
    client.flush().await?;
    proxy.end_early(connection.session_id, "error").await
}
