//! Logging in to PostgreSQL in a client's place.

use std::sync::Arc;

use bytes::BytesMut;
use interdict_session::postgres::login::{Channel, Login};
use interdict_session::postgres::{StartAs, Startup, not_logged_in};
use interdict_session::{LoginError, NotLoggedIn, Secret};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use zeroize::Zeroize as _;

use super::ServiceLogin;
use crate::Proxy;
use crate::binding::end_point;
use crate::connection::{Connection, ServeError};
use crate::elsewhere::Elsewhere;
use crate::postgres::reach;
use crate::secret::SecretError;
use crate::stream::Stream;
use crate::upstream::UpstreamError;

/// A session that the proxy is logged in to.
pub(crate) struct LoggedIn {
    pub(crate) server: Stream,
    /// What the server sent beyond its answer to the login.
    pub(crate) left: BytesMut,
    pub(crate) startup: Startup,
}

/// What the client is told in place of a session.
pub(crate) type Told = BytesMut;

/// Why a login failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Login(#[from] LoginError),
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
    #[error("the connection failed: {0}")]
    Io(#[from] std::io::Error),
    #[error("the service closed the connection")]
    Closed,
    #[error("it took longer than {} s", .0.as_secs())]
    Late(std::time::Duration),
}

/// Logs in as whom the settings have for this caller; `Err` is what the client is told, and recorded already. `server` was
/// reached and has been told nothing.
pub(crate) async fn log_in(
    proxy: &Proxy,
    connection: &Connection,
    startup: &Startup,
    server: Stream,
) -> Result<Result<LoggedIn, Told>, ServeError> {
    let service = connection.service.name.as_str();
    let Some(login) = connection.injected_login() else {
        let why = NotLoggedIn::NoneForIt { service };
        proxy.not_logged_in(connection, why, None, String::new()).await?;
        return Ok(Err(not_logged_in(&why)));
    };
    let (why, reason) = match startup.of_user(login.user()) {
        StartAs::Startup(startup) => match attempt(connection, login, startup, server).await {
            Ok(logged_in) => return Ok(Ok(logged_in)),
            Err(Failure::Upstream(error)) => {
                connection.warn(&error);
                return Ok(Err(interdict_session::postgres::unreachable(&error.to_string())));
            }
            // It says nothing of who logs in, and clients go by it: a server that starts up or has no room.
            Err(Failure::Login(LoginError::Refused {
                message: Some(message),
                ..
            })) => return Ok(Err(BytesMut::from(&message[..]))),
            Err(failure) => (NotLoggedIn::Failed { service }, failure.to_string()),
        },
        StartAs::Role(parameter) => (
            NotLoggedIn::Role { parameter },
            format!("it asks for `{parameter}` as it starts"),
        ),
        StartAs::Unwritable => (
            NotLoggedIn::Failed { service },
            "its start-up message has no room for the user".to_owned(),
        ),
    };
    proxy
        .not_logged_in(connection, why, Some(login.user()), reason)
        .await?;
    Ok(Err(not_logged_in(&why)))
}

/// Logs in; with a secret that is refused, once again if there is another by now.
async fn attempt(
    connection: &Connection,
    login: &ServiceLogin,
    startup: Startup,
    server: Stream,
) -> Result<LoggedIn, Failure> {
    let elsewhere = &connection.elsewhere;
    let secret = login.password(elsewhere).await?;
    let patience = connection.patience;
    let within = async |server, secret: Option<Secret>| {
        let made = start(server, &startup, login, secret);
        tokio::time::timeout(patience, made)
            .await
            .unwrap_or(Err(Failure::Late(patience)))
    };
    let made = match within(server, secret.clone()).await {
        Err(Failure::Login(error)) if error.is_about_credentials() => {
            match instead_of(login, secret.as_ref(), elsewhere).await {
                Some(secret) => {
                    let server = connection.within(reach(connection)).await?;
                    within(server, Some(secret)).await
                }
                None => Err(error.into()),
            }
        }
        other => other,
    };
    let (server, left, prelude) = made?;
    Ok(LoggedIn {
        server,
        left,
        startup: Startup {
            logged_in: Some(prelude),
            ..startup
        },
    })
}

/// Another secret than the one that was refused. A source that fails now has told already, and what counts is the refusal.
pub(crate) async fn instead_of(
    login: &ServiceLogin,
    refused: Option<&Secret>,
    elsewhere: &Elsewhere,
) -> Option<Secret> {
    match login.instead_of(refused, elsewhere).await {
        Ok(other) => other,
        Err(error) => {
            tracing::warn!(%error, "a refused secret can't be fetched again");
            None
        }
    }
}

async fn start(
    mut server: Stream,
    startup: &Startup,
    login: &ServiceLogin,
    secret: Option<Secret>,
) -> Result<(Stream, BytesMut, bytes::Bytes), Failure> {
    server.write_all(&startup.message).await?;
    server.flush().await?;
    let mut input = BytesMut::with_capacity(1024);
    let prelude = authenticate(&mut server, &mut input, Arc::clone(login.user()), secret).await?;
    Ok((server, input, prelude))
}

/// Answers the server until the login is made. What the client has to be told first; what the server sent besides is in `input`.
pub(crate) async fn authenticate(
    server: &mut Stream,
    input: &mut BytesMut,
    user: Arc<str>,
    secret: Option<Secret>,
) -> Result<bytes::Bytes, Failure> {
    let channel = Channel {
        tls: matches!(server, Stream::Tls(_)),
        end_point: end_point(server),
    };
    let mut login = Login::new(user, secret, channel);
    // Grown once, so that no copy of a password is left behind.
    let mut out = BytesMut::with_capacity(4096);
    loop {
        let made = login.take(input, &mut out);
        let sent = match &made {
            Ok(_) => send(server, &out).await,
            Err(_) => Ok(()),
        };
        out.zeroize();
        out.clear();
        let made = made?;
        sent?;
        if made {
            return Ok(login.prelude());
        }
        if server.read_buf(input).await? == 0 {
            return Err(Failure::Closed);
        }
    }
}

async fn send(server: &mut Stream, bytes: &[u8]) -> std::io::Result<()> {
    server.write_all(bytes).await?;
    server.flush().await
}
