//! The keeper of one database's catalogue.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use interdict_record::{Event, Record};
use interdict_session::Secret;
use interdict_session::catalogue::{Catalogue, Key, Mark};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::{CatalogueLogins, Request, mysql, postgres};
use crate::address::Address;
use crate::credentials::ServiceLogin;
use crate::credentials::postgres::{Failure as NotIn, instead_of};
use crate::elsewhere::Elsewhere;
use crate::upstream::UpstreamError;
use crate::{Dialer, Protocol, Service, now};

/// How often it looks while sessions use it; less often where looking takes more than a twentieth of the time.
const PERIOD: Duration = Duration::from_millis(250);
/// How long it keeps its connection for nobody.
const IDLE: Duration = Duration::from_mins(1);
/// How long one look may take.
const STEP: Duration = Duration::from_secs(10);
/// After a login that failed the next is tried no sooner, and later each time.
const FIRST_DELAY: Duration = Duration::from_millis(500);
const LAST_DELAY: Duration = Duration::from_secs(30);

/// Why a catalogue can't be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum LoginError {
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
    #[error("the connection failed: {0}")]
    Io(#[from] std::io::Error),
    #[error("the service closed the connection")]
    Closed,
    #[error("the service answered with something else than its protocol: {0}")]
    Wire(#[from] interdict_wire::WireError),
    #[error("the service refused: {0}")]
    Refused(String),
    #[error("{0}")]
    Unsupported(String),
    #[error(transparent)]
    NotIn(#[from] NotIn),
    #[error(transparent)]
    Catalogue(#[from] interdict_session::catalogue::ReadError),
    #[error("it took longer than {} s", .0.as_secs())]
    Late(Duration),
    #[error("it was given up: {0}")]
    Lost(#[from] tokio::task::JoinError),
}

pub(super) struct Keeper {
    logins: CatalogueLogins,
    key: Key,
    service: Arc<Service>,
    login: ServiceLogin,
    upstream: Address,
    elsewhere: Elsewhere,
    dialer: Option<Arc<dyn Dialer>>,
    connection: Option<Connection>,
    /// The schema's version that was read, and its mark.
    read: Option<(u64, Mark)>,
    failure: Option<Failure>,
}

enum Connection {
    Postgres(postgres::Client),
    Mysql(Box<mysql::Client>),
}

/// A login that failed.
struct Failure {
    why: String,
    delay: Duration,
    until: Instant,
}

impl Keeper {
    pub(super) fn new(
        logins: CatalogueLogins,
        key: Key,
        service: Arc<Service>,
        login: ServiceLogin,
        upstream: Address,
        elsewhere: Elsewhere,
    ) -> Self {
        Self {
            logins,
            key,
            service,
            login,
            upstream,
            elsewhere,
            dialer: None,
            connection: None,
            read: None,
            failure: None,
        }
    }

    /// Looks when it is asked, and from time to time while `used` is held by sessions.
    pub(super) async fn keep(mut self, mut requests: mpsc::UnboundedReceiver<Request>, used: Weak<()>) {
        let mut pause = PERIOD;
        loop {
            // One is the map's own.
            let active = used.strong_count() > 1;
            let wait = if active { pause } else { IDLE };
            let mut waiting = Vec::new();
            match tokio::time::timeout(wait, requests.recv()).await {
                Ok(None) => return,
                Ok(Some(request)) => waiting.push(request),
                Err(_) if active => {}
                Err(_) => {
                    self.connection = None;
                    if self.logins.leave(&self.key, &requests) {
                        return;
                    }
                    continue;
                }
            }
            while let Ok(request) = requests.try_recv() {
                waiting.push(request);
            }
            if let Some(request) = waiting.last() {
                self.dialer.clone_from(&request.dialer);
            }
            let began = Instant::now();
            let outcome = self.look().await;
            pause = PERIOD.max(began.elapsed() * 20);
            for request in waiting {
                // A session that ended meanwhile waits for nothing.
                let _ = request.answer.send(outcome.clone());
            }
        }
    }

    /// Looks at the schema; reads and publishes it if it changed.
    async fn look(&mut self) -> Result<(), String> {
        if let Some(failure) = self
            .failure
            .as_ref()
            .filter(|failure| Instant::now() < failure.until)
        {
            return Err(failure.why.clone());
        }
        let known = self.connection.is_some();
        let mut outcome = self.step().await;
        if outcome.is_err() && known {
            // A connection that was there may have been closed since: another is tried at once.
            self.connection = None;
            outcome = self.step().await;
        }
        match outcome {
            Ok(()) => {
                if self.failure.take().is_some() {
                    self.tell("catalogue_restored", "reads the catalogue again".to_owned())
                        .await;
                }
                Ok(())
            }
            Err(error) => {
                self.connection = None;
                Err(self.fail(&error).await)
            }
        }
    }

    async fn step(&mut self) -> Result<(), LoginError> {
        tokio::time::timeout(STEP, self.try_step())
            .await
            .unwrap_or(Err(LoginError::Late(STEP)))
    }

    async fn try_step(&mut self) -> Result<(), LoginError> {
        let catalogues = &self.logins.shared.catalogues;
        let current = catalogues.version(&self.key);
        let begun = current.load(Ordering::Acquire);
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        let known = self.read.take().filter(|(version, _)| *version == begun);
        let read = match &mut connection {
            Connection::Postgres(client) => {
                let mut version = begun;
                if let Some((_, mark)) = &known {
                    if client.mark().await? == *mark {
                        catalogues.checked(&self.key).store(now(), Ordering::Release);
                        self.connection = Some(connection);
                        self.read = known;
                        return Ok(());
                    }
                    catalogues.invalidate(&self.key);
                    version = current.load(Ordering::Acquire);
                }
                let reader = client.read().await?;
                let catalogue = self.finish(move |shared| reader.finish(&shared.analyzer)).await?;
                (version, catalogue)
            }
            Connection::Mysql(client) => {
                let reader = client.read(&self.key.database).await?;
                let mut version = begun;
                if let Some((_, mark)) = &known {
                    if reader.mark() == *mark {
                        catalogues.checked(&self.key).store(now(), Ordering::Release);
                        self.connection = Some(connection);
                        self.read = known;
                        return Ok(());
                    }
                    catalogues.invalidate(&self.key);
                    // What others change from here on was not read.
                    version += 1;
                }
                let catalogue = self.finish(move |shared| reader.finish(&shared.analyzer)).await?;
                (version, catalogue)
            }
        };
        let (version, catalogue) = read;
        self.read = Some((version, catalogue.mark().clone()));
        self.connection = Some(connection);
        let catalogues = &self.logins.shared.catalogues;
        catalogues.publish(&self.key, version, Arc::new(catalogue), now());
        Ok(())
    }

    /// Puts a catalogue together: a large one takes a while, which is not for the threads that everything waits for.
    async fn finish(
        &self,
        finish: impl FnOnce(&interdict_session::Shared) -> Catalogue + Send + 'static,
    ) -> Result<Catalogue, LoginError> {
        let shared = Arc::clone(&self.logins.shared);
        Ok(tokio::task::spawn_blocking(move || finish(&shared)).await?)
    }

    /// Connects; with a password that is refused, once again if there is another by now.
    async fn connect(&self) -> Result<Connection, LoginError> {
        let password = self.login.password(&self.elsewhere).await.map_err(NotIn::from)?;
        match self.connect_with(password.clone()).await {
            Err(LoginError::NotIn(NotIn::Login(error))) if error.is_about_credentials() => {
                match instead_of(&self.login, password.as_ref(), &self.elsewhere).await {
                    Some(other) => self.connect_with(Some(other)).await,
                    None => Err(NotIn::Login(error).into()),
                }
            }
            other => other,
        }
    }

    async fn connect_with(&self, password: Option<Secret>) -> Result<Connection, LoginError> {
        let dialer = self.dialer.as_deref();
        let tls = &self.service.upstream_tls;
        let user = self.login.user();
        Ok(match self.service.protocol {
            Protocol::Postgres => {
                let client = postgres::Client::connect(
                    &self.upstream,
                    tls,
                    dialer,
                    &self.elsewhere,
                    (user, password),
                    &self.key.database,
                );
                Connection::Postgres(client.await?)
            }
            Protocol::Mysql => {
                let client =
                    mysql::Client::connect(&self.upstream, tls, dialer, &self.elsewhere, (user, password));
                Connection::Mysql(Box::new(client.await?))
            }
            Protocol::Http | Protocol::Opaque => {
                return Err(LoginError::Unsupported("the service has no catalogue".to_owned()));
            }
        })
    }

    /// Told once, until it works again.
    async fn fail(&mut self, error: &LoginError) -> String {
        let why = format!("login {}: {error}", self.login.user());
        let first = self.failure.is_none();
        let delay = self
            .failure
            .as_ref()
            .map_or(FIRST_DELAY, |failure| (failure.delay * 2).min(LAST_DELAY));
        self.failure = Some(Failure {
            why: why.clone(),
            delay,
            until: Instant::now() + delay,
        });
        if first {
            tracing::warn!(
                service = self.service.name,
                upstream = %self.upstream,
                database = self.key.database,
                user = %self.login.user(),
                %error,
                "the catalogue can't be read by its own login (settings: catalogue of the service): sessions are refused"
            );
            self.tell("catalogue_failed", format!("can't read the catalogue: {error}"))
                .await;
        }
        why
    }

    async fn tell(&self, kind: &str, what: String) {
        let detail = [
            ("service", self.service.name.clone()),
            ("upstream", self.upstream.to_string()),
            ("database", self.key.database.clone()),
            ("user", self.login.user().to_string()),
        ];
        let detail: BTreeMap<_, _> = detail
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value))
            .collect();
        let event = Event {
            at: now(),
            kind: kind.to_owned(),
            actor: "daemon".to_owned(),
            message: format!(
                "the login {} of service {} {what}",
                self.login.user(),
                self.service.name
            ),
            detail,
        };
        if let Err(error) = self
            .logins
            .audit
            .append(vec![Record::Event(Box::new(event))])
            .await
        {
            tracing::error!(%error, kind, "an event is not on the record");
        }
    }
}
