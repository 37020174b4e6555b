//! Logging in to MySQL or MariaDB in a client's place.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use interdict_session::mysql::login::{Channel, Login};
use interdict_session::mysql::{
    Greeted, Server, Startup, Welcome, greeting, not_logged_in, unreachable_after,
};
use interdict_session::{LoginError, NotLoggedIn, Secret};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use zeroize::Zeroize as _;

use super::ServiceLogin;
use super::postgres::{Failure, Told, instead_of};
use crate::Proxy;
use crate::address::Address;
use crate::connection::{Connection, ServeError};
use crate::stream::Stream;
use crate::tls::{UpstreamTls, UpstreamTlsMode};
use crate::upstream::UpstreamError;

/// Logs in as whom the settings have for this caller, and has the client's opening come to its end; `Err` is what the client is
/// told, and recorded already. `server` has sent its greeting, `about`, and nothing was answered.
pub(crate) async fn log_in(
    proxy: &Proxy,
    connection: &Connection,
    startup: &mut Startup,
    client: &mut Stream,
    server: TcpStream,
    about: &Server,
) -> Result<Result<Stream, Told>, ServeError> {
    let service = connection.service.name.as_str();
    let Some(login) = connection.injected_login() else {
        let why = NotLoggedIn::NoneForIt { service };
        proxy.not_logged_in(connection, why, None, String::new()).await?;
        return Ok(Err(not_logged_in(&why, startup)));
    };
    let failure = match attempt(connection, login, startup, server, about).await {
        Ok((server, ok)) => {
            let proven = match startup.welcome(about) {
                Welcome::Ready => None,
                Welcome::Switch => match switch(connection, startup, client, about).await? {
                    Some(proven) => Some(proven),
                    None => return Ok(Err(BytesMut::new())),
                },
            };
            startup.logged_in(ok, proven);
            return Ok(Ok(server));
        }
        Err(failure) => failure,
    };
    match failure {
        Failure::Upstream(error) => {
            connection.warn(&error);
            Ok(Err(unreachable_after(&error.to_string(), startup)))
        }
        // It says nothing of who logs in, and clients go by it: a database that is not there, a server that has no room.
        Failure::Login(LoginError::Refused {
            message: Some(payload),
            ..
        }) => Ok(Err(startup.refused_by_server(&payload))),
        failure => {
            let why = NotLoggedIn::Failed { service };
            proxy
                .not_logged_in(connection, why, Some(login.user()), failure.to_string())
                .await?;
            Ok(Err(not_logged_in(&why, startup)))
        }
    }
}

/// Logs in; with a secret that is refused, once again if there is another by now.
async fn attempt(
    connection: &Connection,
    login: &ServiceLogin,
    startup: &mut Startup,
    server: TcpStream,
    about: &Server,
) -> Result<(Stream, Bytes), Failure> {
    let elsewhere = &connection.elsewhere;
    let secret = login.password(elsewhere).await?;
    match within(
        connection,
        start(connection, login, secret.clone(), startup, server, about),
    )
    .await
    {
        Err(Failure::Login(error)) if error.is_about_credentials() => {
            let Some(secret) = instead_of(login, secret.as_ref(), elsewhere).await else {
                return Err(error.into());
            };
            let again = async {
                let (server, about) = reach(connection).await?;
                start(connection, login, Some(secret), startup, server, &about).await
            };
            within(connection, again).await
        }
        other => other,
    }
}

async fn within<T>(
    connection: &Connection,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let patience = connection.patience;
    tokio::time::timeout(patience, work)
        .await
        .unwrap_or(Err(Failure::Late(patience)))
}

/// Another connection, up to the server's greeting.
async fn reach(connection: &Connection) -> Result<(TcpStream, Server), Failure> {
    let mut server = connection.dial().await?;
    let mut input = BytesMut::with_capacity(1024);
    loop {
        match greeting(&mut input) {
            Greeted::Incomplete if server.read_buf(&mut input).await? == 0 => return Err(Failure::Closed),
            Greeted::Incomplete => {}
            Greeted::Server(about) => return Ok((server, about)),
            Greeted::Refused(_) => {
                return Err(
                    LoginError::Unsupported("the service takes no more connections".to_owned()).into(),
                );
            }
        }
    }
}

async fn start(
    connection: &Connection,
    login: &ServiceLogin,
    secret: Option<Secret>,
    startup: &mut Startup,
    mut server: TcpStream,
    about: &Server,
) -> Result<(Stream, Bytes), Failure> {
    let tls = &connection.service.upstream_tls;
    let mut server = if wants_tls(&connection.upstream, tls, about.has_tls())? {
        server.write_all(&startup.ssl_request()).await?;
        connection.secure(server, &[]).await?
    } else {
        Stream::Plain(server)
    };
    let channel = channel(&server, tls);
    let mut out = BytesMut::with_capacity(4096);
    let mut login = startup.log_in(about, Arc::clone(login.user()), secret, channel, &mut out)?;
    let mut input = BytesMut::with_capacity(1024);
    let ok = authenticate(&mut server, &mut input, &mut login, out).await?;
    if !input.is_empty() {
        return Err(LoginError::Unsupported("the service sent more than was asked for".to_owned()).into());
    }
    Ok((server, ok))
}

/// Sends what a login began with and answers the server until it is made: the payload of its OK.
pub(crate) async fn authenticate(
    server: &mut Stream,
    input: &mut BytesMut,
    login: &mut Login,
    mut out: BytesMut,
) -> Result<Bytes, Failure> {
    loop {
        let sent = match server.write_all(&out).await {
            Ok(()) => server.flush().await,
            Err(error) => Err(error),
        };
        out.zeroize();
        out.clear();
        sent?;
        if server.read_buf(input).await? == 0 {
            return Err(Failure::Closed);
        }
        match login.take(input, &mut out) {
            Ok(None) => {}
            Ok(Some(ok)) => return Ok(ok),
            Err(error) => {
                out.zeroize();
                return Err(error.into());
            }
        }
    }
}

/// Has the client answer by another plugin: whether that was of a password. `None`: it went away, or speaks something else.
async fn switch(
    connection: &Connection,
    startup: &mut Startup,
    client: &mut Stream,
    about: &Server,
) -> Result<Option<bool>, std::io::Error> {
    connection.tell(client, &startup.switch(about)).await?;
    let mut input = BytesMut::with_capacity(128);
    loop {
        match startup.switched(&mut input) {
            Ok(Some(proven)) if input.is_empty() => return Ok(Some(proven)),
            Ok(None) if client.read_buf(&mut input).await? > 0 => {}
            _ => return Ok(None),
        }
    }
}

/// How a password can go to the server.
pub(crate) fn channel(server: &Stream, tls: &UpstreamTls) -> Channel {
    Channel {
        tls: server.is_tls(),
        trusts_key: tls.mode == UpstreamTlsMode::Disable,
    }
}

/// Whether TLS is started by what logs in itself, as the service's settings have it. `offered`: by the server.
pub(crate) fn wants_tls(upstream: &Address, tls: &UpstreamTls, offered: bool) -> Result<bool, UpstreamError> {
    match tls.mode {
        UpstreamTlsMode::Disable => Ok(false),
        UpstreamTlsMode::Prefer | UpstreamTlsMode::VerifyIfOffered => Ok(offered),
        UpstreamTlsMode::Require | UpstreamTlsMode::VerifyFull if offered => Ok(true),
        UpstreamTlsMode::Require | UpstreamTlsMode::VerifyFull => {
            let address = upstream.to_string();
            Err(UpstreamError::NoTls { address })
        }
    }
}
