//! Logging in to PostgreSQL in a client's place.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
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
use crate::warm::{self, Keep};

/// A session that the proxy is logged in to.
pub(crate) struct LoggedIn {
    pub(crate) server: Stream,
    /// What the server sent beyond its answer to the login.
    pub(crate) left: BytesMut,
    pub(crate) startup: Startup,
    /// What it takes to keep it for the next client.
    pub(crate) keep: Option<Keep>,
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

/// Logs in as whom the settings have for this caller, or takes a session that is kept for it; `Err` is what the client is told, and
/// recorded already.
pub(crate) async fn log_in(
    proxy: &Proxy,
    connection: &Connection,
    startup: &Startup,
) -> Result<Result<LoggedIn, Told>, ServeError> {
    let service = connection.service.name.as_str();
    let Some(login) = connection.injected_login() else {
        let why = NotLoggedIn::NoneForIt { service };
        proxy.not_logged_in(connection, why, None, String::new()).await?;
        return Ok(Err(not_logged_in(&why)));
    };
    let (why, reason) = match startup.of_user(login.user()) {
        StartAs::Startup(startup) => match attempt(proxy, connection, login, startup).await {
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
    proxy: &Proxy,
    connection: &Connection,
    login: &ServiceLogin,
    startup: Startup,
) -> Result<LoggedIn, Failure> {
    let elsewhere = &connection.elsewhere;
    let secret = login.password(elsewhere).await?;
    if let Some((server, keep)) = warm::take(connection, &startup.message, secret.as_ref()).await {
        return Ok(LoggedIn {
            server,
            left: BytesMut::from(&keep.greeting[..]),
            startup: Startup {
                logged_in: Some(keep.prelude.clone()),
                kept: true,
                ..startup
            },
            keep: Some(keep),
        });
    }
    let patience = connection.patience;
    let once = async |secret: Option<Secret>| {
        let server = connection.within(reach(connection)).await?;
        let made = start(proxy, connection, server, &startup, login, secret);
        tokio::time::timeout(patience, made)
            .await
            .unwrap_or(Err(Failure::Late(patience)))
    };
    let made = match once(secret.clone()).await {
        Err(Failure::Login(error)) if error.is_about_credentials() => {
            match instead_of(login, secret.as_ref(), elsewhere).await {
                Some(secret) => once(Some(secret)).await,
                None => Err(error.into()),
            }
        }
        other => other,
    };
    let (server, left, prelude, keep) = made?;
    Ok(LoggedIn {
        server,
        left,
        startup: Startup {
            logged_in: Some(prelude),
            kept: keep.is_some(),
            ..startup
        },
        keep,
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
    proxy: &Proxy,
    connection: &Connection,
    mut server: Stream,
    startup: &Startup,
    login: &ServiceLogin,
    secret: Option<Secret>,
) -> Result<(Stream, BytesMut, Bytes, Option<Keep>), Failure> {
    server.write_all(&startup.message).await?;
    server.flush().await?;
    let mut input = BytesMut::with_capacity(1024);
    let user = Arc::clone(login.user());
    let prelude = authenticate(&mut server, &mut input, user, secret.clone()).await?;
    let mut keep = None;
    if connection.service.warm > 0
        && !startup.replication
        && let Some(greeting) = warm::greeting(&mut server, &mut input).await?
    {
        let said = (prelude.clone(), greeting);
        keep = Keep::new(&proxy.warm, connection, &startup.message, secret, said);
    }
    Ok((server, input, prelude, keep))
}

/// Answers the server until the login is made. What the client has to be told first; what the server sent besides is in `input`.
pub(crate) async fn authenticate(
    server: &mut Stream,
    input: &mut BytesMut,
    user: Arc<str>,
    secret: Option<Secret>,
) -> Result<Bytes, Failure> {
    let channel = Channel {
        tls: server.is_tls(),
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
