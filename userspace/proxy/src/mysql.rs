//! A MySQL connection: the server speaks first, so it is reached before the client says anything.

use bytes::BytesMut;
use interdict_session::Output;
use interdict_session::mysql::{
    Engine, Greeted, Opening, Server, Startup, greeting, missing, open, unreachable, unreachable_after,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::Proxy;
use crate::connection::{Connection, ServeError};
use crate::credentials::mysql::log_in;
use crate::opaque::{self, Admitted};
use crate::opening::Ended;
use crate::pump::Pump;
use crate::stream::Stream;
use crate::tls::{self, ClientTls, UpstreamTlsMode};
use crate::upstream::UpstreamError;

/// Both sides, open.
struct Session {
    client: Stream,
    /// What was read of the client beyond its opening.
    left: BytesMut,
    server: Stream,
    about: Server,
    startup: Box<Startup>,
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
        client,
        left,
        server,
        about,
        startup,
    } = session;
    let mut out = Output::default();
    out.records
        .push(connection.described(Some(&client), Some(&server)));
    let context = connection.context(&client, Some(&server));
    let secured = server.is_tls();
    let engine = Engine::new(
        std::sync::Arc::clone(&proxy.shared),
        context,
        &about,
        &startup,
        secured,
        &mut out,
    );
    let engine = interdict_session::Engine::Mysql(Box::new(engine));
    let pump = Pump::new(proxy, connection, engine, client, server, left, out)
        .with_catalogue(connection.keeping(proxy));
    Box::new(pump)
}

async fn opening(proxy: &Proxy, connection: &Connection, mut stream: TcpStream) -> Result<Session, Ended> {
    let mut server = match connection.dial().await {
        Ok(server) => server,
        Err(error) => {
            connection.warn(&error);
            connection
                .tell(&mut stream, &unreachable(&error.to_string()))
                .await?;
            return Err(Ended::Over("error"));
        }
    };
    let mut input = BytesMut::with_capacity(1024);
    let about = loop {
        match greeting(&mut input) {
            Greeted::Incomplete => {
                if server.read_buf(&mut input).await? == 0 {
                    let message = unreachable("the service closed the connection");
                    connection.tell(&mut stream, &message).await?;
                    return Err(Ended::Over("server"));
                }
            }
            Greeted::Server(about) => break about,
            Greeted::Refused(message) => {
                connection.tell(&mut stream, &message).await?;
                return Err(Ended::Over("server"));
            }
        }
    };
    // What a password looks like depends on whether there is TLS: a client is offered it where both sides can have it.
    let upstream = &connection.service.upstream_tls;
    let injects = connection.service.credentials.injects();
    let offered = connection
        .service
        .client_tls
        .as_ref()
        .filter(|_| injects || about.has_tls() || upstream.mode == UpstreamTlsMode::Disable);
    connection
        .tell(&mut stream, &about.offer(offered.is_some()))
        .await?;
    let mut client = Stream::Plain(stream);
    let mut input = BytesMut::with_capacity(1024);
    let mut startup = loop {
        let before = input.clone();
        match open(&mut input, &about, client.is_tls()) {
            Opening::Incomplete => {
                // No more than one message: behind a request for TLS comes TLS, and the client waits for nothing.
                let left = missing(&input) as u64;
                if (&mut client).take(left).read_buf(&mut input).await? == 0 {
                    return Err(Ended::Over("client"));
                }
            }
            Opening::Tls => match (client, offered) {
                (Stream::Plain(stream), Some(tls)) if input.is_empty() => {
                    let passable = about.has_tls();
                    (client, server) =
                        start_tls(proxy, connection, tls, stream, server, &before, passable).await?;
                }
                _ => return Err(Ended::Over("desynchronised")),
            },
            Opening::Login(startup) => break startup,
            Opening::Refused(message) => {
                connection.tell(&mut client, &message).await?;
                return Err(Ended::Over("refused"));
            }
        }
    };
    if injects {
        return match log_in(proxy, connection, &mut startup, &mut client, server, &about).await? {
            Ok(server) => Ok(Session {
                client,
                left: input,
                server,
                about,
                startup,
            }),
            Err(told) => {
                connection.tell(&mut client, &told).await?;
                Err(Ended::Over("refused"))
            }
        };
    }
    let wants = match upstream.mode {
        UpstreamTlsMode::Disable => false,
        // As the client has it, so that its password has the form that the server expects.
        UpstreamTlsMode::Prefer | UpstreamTlsMode::VerifyIfOffered => about.has_tls() && client.is_tls(),
        UpstreamTlsMode::Require | UpstreamTlsMode::VerifyFull => true,
    };
    let server = if wants {
        let secured = if about.has_tls() {
            server.write_all(&startup.ssl_request()).await?;
            connection.secure(server, &[]).await
        } else {
            Err(UpstreamError::NoTls {
                address: connection.upstream.to_string(),
            })
        };
        match secured {
            Ok(server) => server,
            Err(error) => {
                connection.warn(&error);
                let message = unreachable_after(&error.to_string(), &startup);
                connection.tell(&mut client, &message).await?;
                return Err(Ended::Over("error"));
            }
        }
    } else {
        Stream::Plain(server)
    };
    Ok(Session {
        client,
        left: input,
        server,
        about,
        startup,
    })
}

/// Starts TLS with a client that sent `request` for it. A client that is passed on unread asks the server itself.
async fn start_tls(
    proxy: &Proxy,
    connection: &Connection,
    tls: &ClientTls,
    stream: TcpStream,
    mut server: TcpStream,
    request: &[u8],
    passable: bool,
) -> Result<(Stream, TcpStream), Ended> {
    let hello = match tls::hello(stream, BytesMut::new()).await {
        Ok(hello) => hello,
        Err(error) => {
            let client = connection.client(None);
            return Err(proxy.handshake_failed(connection, client, tls, &error).await?);
        }
    };
    if passable && proxy.passes_opaque(connection, &hello) {
        let admitted = Admitted::ask(proxy, connection, opaque::CLIENT).await?;
        server.write_all(request).await?;
        let (client, head) = hello.untouched();
        return Err(admitted.relay(client, server, head));
    }
    let client = proxy.accept_tls(connection, hello, tls, None).await?;
    Ok((client, server))
}
